"""One toy processor on real servers, and the same on doubles: what the chassis suite runs on.

A rig publishes events, runs workers until everything published was taken, and shows what came of it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import asyncpg
from confluent_kafka import Consumer, TopicPartition
from msgspec import Struct
from typer import Typer
from typer.testing import CliRunner, Result

from chassis import registry, topics
from chassis.clock import SystemClock
from chassis.codec import Codec, codec
from chassis.commands import envelope
from chassis.postgres import migrate, open_pool
from chassis.processor import Emitted
from chassis.producer import Publisher
from chassis.source import SEEKING, KafkaSource
from chassis.storage import PostgresStorage
from chassis.testing.memory import MemoryBroker, MemoryPublisher, MemorySource, MemoryStorage
from chassis.worker import Worker
from deploy.embedded.stack import Stack
from tests.support.toy import MIGRATION, TOY, ToyOrder

CHASSIS_MIGRATIONS = Path(topics.__file__).parent / "sql" / "migrations"
DRAIN_TIMEOUT_S = 60.0


class Rig(Protocol):
    """What a test of the chassis may do."""

    codec: Codec
    """Of the workers; what a test publishes and reads is of this release."""

    async def publish(self, events: Sequence[Struct]) -> None:
        """Puts events on their topics."""
        ...

    async def publish_raw(self, domain: str, key: str, value: bytes) -> None:
        """Puts bytes on a topic as they are."""
        ...

    async def drain(self) -> None:
        """Runs a worker until all that was published is applied and its events are out."""
        ...

    async def order(self, order_id: str) -> ToyOrder | None:
        """The toy aggregate."""
        ...

    async def emitted(self, domain: str) -> list[Struct]:
        """What is on a topic now, duplicates included, in order per key."""
        ...

    async def dead(self) -> list[tuple[str, bytes, str]]:
        """Dead letters: position, original bytes, code."""
        ...


class MemoryRig:
    """The doubles."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.storage = MemoryStorage()
        self.codec = codec()

    async def publish(self, events: Sequence[Struct]) -> None:
        """Puts events on their topics."""
        for event in events:
            sent = envelope(codec(), event, "test")
            self.broker.append(sent.topic, sent.key, sent.value)

    async def publish_raw(self, domain: str, key: str, value: bytes) -> None:
        """Puts bytes on a topic as they are."""
        self.broker.append(domain, key, value)

    def worker(self) -> Worker:
        """A worker on the doubles."""
        return Worker(
            TOY,
            source=MemorySource(self.broker, self.storage, TOY, self.codec),
            storage=self.storage,
            publisher=MemoryPublisher(self.broker),
            codec=self.codec,
            clock=SystemClock(),
        )

    async def drain(self) -> None:
        """Runs a worker until all is applied."""
        wanted = {
            (d, p): len(r) for (d, p), r in self.broker.partitions.items() if d in TOY.sources
        }

        async def done() -> bool:
            offsets = self.storage.tables["offsets"]
            return all(offsets.get(pair) == end for pair, end in wanted.items())

        await run_until(self.worker(), done)

    async def order(self, order_id: str) -> ToyOrder | None:
        """The toy aggregate."""
        kept = self.storage.tables["kept"].get(order_id)
        state: ToyOrder | None = kept.state if kept else None
        return state

    async def emitted(self, domain: str) -> list[Struct]:
        """What is on a topic."""
        return [codec().decode(value) for value in self.broker.values(domain)]

    async def dead(self) -> list[tuple[str, bytes, str]]:
        """Dead letters."""
        return [(r.position(), r.raw, code) for r, code in self.storage.tables["dead"]]


class ServerRig:
    """Real Kafka and Postgres."""

    def __init__(self, stack: Stack, prefix: str, url: str) -> None:
        self.stack = stack
        self.prefix = prefix
        self.url = url
        self.kafka: dict[str, Any] = {"bootstrap.servers": stack.kafka_bootstrap}
        self.publisher = Publisher(self.kafka, prefix)
        self.published: dict[tuple[str, int], int] = {}
        self.codec = codec()

    async def publish(self, events: Sequence[Struct]) -> None:
        """Puts events on their topics."""
        await self.publisher.publish([envelope(codec(), event, "test") for event in events])

    async def publish_raw(self, domain: str, key: str, value: bytes) -> None:
        """Puts bytes on a topic as they are."""
        await self.publisher.publish([Emitted(domain, key, value, ())])

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[tuple[Worker, KafkaSource]]:
        """A worker with clients of its own, left cleanly at the end."""
        pool = await open_pool(self.url, 4)
        publisher = Publisher(self.kafka, self.prefix)
        storage = PostgresStorage(pool, TOY, self.codec)
        source = toy_source(self.kafka, self.prefix, TOY.name, storage.offsets, codec=self.codec)
        source.start()
        try:
            yield (
                Worker(
                    TOY,
                    source=source,
                    storage=storage,
                    publisher=publisher,
                    codec=self.codec,
                    clock=SystemClock(),
                ),
                source,
            )
        finally:
            await source.stop()
            publisher.close()
            await pool.close()

    async def drain(self) -> None:
        """Runs a worker until all is applied."""
        async with self.worker() as (worker, _):
            await run_until(worker, self.caught_up)

    async def danshu(self, app: Typer, *arguments: str, status: int = 0) -> Result:
        """A command of the operator's against these servers, and how it ended."""
        environment = {name: "" for name in os.environ if name.startswith("DANSHU_")}
        given = self.stack.environment() | {
            "DANSHU_POSTGRES_URL": self.url,
            "DANSHU_TOPIC_PREFIX": self.prefix,
        }
        # It runs an event loop of its own, so it gets a thread of its own.
        ended = await asyncio.to_thread(
            CliRunner().invoke, app, list(arguments), env={**dict.fromkeys(environment), **given}
        )
        assert ended.exit_code == status, ended.output + repr(ended.exception)
        return ended

    async def caught_up(self) -> bool:
        """Whether the stored offsets have reached the ends of all sources and nothing is unpublished."""
        ends = await asyncio.to_thread(self.ends)
        connection = await asyncpg.connect(self.url)
        try:
            rows = await connection.fetch(
                "SELECT topic, partition, next FROM chassis.consumer_offsets WHERE processor = $1",
                TOY.name,
            )
            waiting = await connection.fetchval(
                "SELECT count(*) FROM chassis.outbox WHERE published_at IS NULL"
            )
        finally:
            await connection.close()
        stored = {(row["topic"], row["partition"]): row["next"] for row in rows}
        return not waiting and all(stored.get(pair, 0) >= end for pair, end in ends.items() if end)

    def ends(self) -> dict[tuple[str, int], int]:
        """End offset of every partition of the sources."""
        consumer = Consumer({**self.kafka, "group.id": f"{self.prefix}.ends"})
        try:
            return {
                (domain, partition): consumer.get_watermark_offsets(
                    TopicPartition(topics.TOPICS[domain].name(self.prefix), partition), timeout=10
                )[1]
                for domain in TOY.sources
                for partition in range(topics.TOPICS[domain].partitions)
            }
        finally:
            consumer.close()

    async def order(self, order_id: str) -> ToyOrder | None:
        """The toy aggregate."""
        connection = await asyncpg.connect(self.url)
        pool = await open_pool(self.url, 1)
        try:
            storage = PostgresStorage(pool, TOY, codec())
            async with storage.transaction() as work:
                kept = (await work.load([order_id])).get(order_id)
            return kept.state if kept else None
        finally:
            await connection.close()
            await pool.close()

    async def emitted(self, domain: str) -> list[Struct]:
        """What is on a topic."""
        return [
            codec().decode(value)
            for value in await asyncio.to_thread(read_topic, self.kafka, self.prefix, domain)
        ]

    async def dead(self) -> list[tuple[str, bytes, str]]:
        """Dead letters."""
        connection = await asyncpg.connect(self.url)
        try:
            rows = await connection.fetch(
                'SELECT topic, partition, "offset", value, code FROM chassis.dead_letters ORDER BY id'
            )
        finally:
            await connection.close()
        return [
            (f"{r['topic']}/{r['partition']}/{r['offset']}", r["value"], r["code"]) for r in rows
        ]


def toy_source(
    kafka: Mapping[str, Any],
    prefix: str,
    processor: str,
    positions: Any,
    batch_records: int = 50,
    *,
    codec: Codec = codec(),  # noqa: B008 — the one of the process
) -> KafkaSource:
    """A source of what the toy reads, not started; `positions` as KafkaSource wants it."""
    return KafkaSource(
        kafka,
        prefix=prefix,
        processor=processor,
        sources=TOY.sources,
        handlers=TOY.handlers,
        codec=codec,
        batch_records=batch_records,
        positions=positions,
    )


def read_topic(kafka: dict[str, Any], prefix: str, domain: str) -> list[bytes]:
    """Every value of a topic from its beginning to its present end, partition by partition."""
    topic = topics.TOPICS[domain]
    name = topic.name(prefix)
    consumer = Consumer({**kafka, **SEEKING, "group.id": f"{prefix}.reader"})
    values: list[bytes] = []
    try:
        for partition in range(topic.partitions):
            where = TopicPartition(name, partition, 0)
            low, high = consumer.get_watermark_offsets(where, timeout=10)
            where.offset = low
            consumer.assign([where])
            while low < high:
                message = consumer.poll(5.0)
                if message is None:
                    raise AssertionError(f"{name}/{partition} ends at {low}, not {high}")
                if message.error() is None:
                    values.append(message.value() or b"")
                    low = (message.offset() or 0) + 1
    finally:
        consumer.close()
    return values


async def run_until(worker: Worker, done: Any) -> None:
    """Runs a worker until `done()` is true; raises what the worker raises."""
    running = asyncio.ensure_future(worker.run())
    try:
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            while not await done():
                if running.done():
                    running.result()
                await asyncio.sleep(0.02)
    finally:
        worker.stop()
        await running


@asynccontextmanager
async def server_rig(stack: Stack, prefix: str, url: str) -> AsyncIterator[ServerRig]:
    """A rig whose schemas, topics and tables exist."""
    kafka = {"bootstrap.servers": stack.kafka_bootstrap}
    await asyncio.to_thread(registry.ensure, stack.schema_registry_url)
    await asyncio.to_thread(topics.ensure, kafka, prefix, 1)
    await migrate(url, {"chassis": CHASSIS_MIGRATIONS})
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(MIGRATION)
    finally:
        await connection.close()
    rig = ServerRig(stack, prefix, url)
    try:
        yield rig
    finally:
        rig.publisher.close()
