"""Inventory on real servers: workers with everything of their own, and the outside that looks at them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
from confluent_kafka import Consumer, TopicPartition
from msgspec import Struct

from chassis import registry, topics
from chassis.clock import Clock, SystemClock
from chassis.codec import codec
from chassis.commands import envelope
from chassis.direct import DirectSource
from chassis.errors import Unavailable
from chassis.postgres import Pool, migrate, open_pool
from chassis.producer import Publisher
from chassis.source import SEEKING, KafkaSource
from chassis.storage import PostgresStorage
from chassis.valkey import connect
from chassis.worker import Worker
from deploy.embedded.stack import Stack
from services.inventory.app import NAME, direct_worker, processor
from services.inventory.approvals import read_approvals
from services.inventory.counters import ValkeyCounters
from services.inventory.invariants import Books, Invariants
from services.inventory.leases import read_leases
from services.inventory.outlook import Outlook
from services.inventory.presale import NO_PRESALE, Presale
from services.inventory.quotas import Quotas, read_quotas
from services.inventory.rebuild import EpochKeeper
from services.inventory.reservations import Reservations
from services.inventory.shares import OpenCampaigns
from services.inventory.shelf_life import read_shelf_life
from services.inventory.sourcing import Sourcing, read_sourcing
from services.inventory.store import MIGRATIONS, EpochInForce, StockSource
from services.inventory.timers import Sweeper
from tests.support.rigs import CHASSIS_MIGRATIONS

RULES = Path(topics.__file__).parents[1] / "rules"
SOURCING = read_sourcing(RULES)
APPROVALS = read_approvals(RULES)
LEASES = read_leases(RULES, timedelta(minutes=30))
SHELF_LIFE = read_shelf_life(RULES)
QUOTAS = read_quotas(RULES)
SOURCES = topics.consumed_by(NAME)
PRODUCED = (
    *("stock", "stock-levels", "reservations", "replenishment"),
    *(
        "stock-campaigns",
        "stock-outlook",
        "stock-movements",
        "stock-books",
        "channel-availability",
        "listing-stock",
    ),
)
PATIENCE_S = 60.0


class Running:
    """One worker of inventory, as its process would be wired."""

    def __init__(
        self,
        pool: Pool,
        counters: ValkeyCounters,
        clock: Clock,
        sourcing: Sourcing = SOURCING,
        quotas: Quotas = QUOTAS,
        presale: Presale = NO_PRESALE,
    ) -> None:
        self.pool = pool
        self.counters = counters
        self.epochs = EpochInForce()
        self.keeper = EpochKeeper(pool, self.counters, self.epochs, clock)
        self.books = Books(pool, self.counters, self.epochs)
        self.campaigns = OpenCampaigns()
        self.stock = StockSource(
            self.counters,
            self.epochs,
            sourcing,
            LEASES,
            APPROVALS,
            shelf_life=SHELF_LIFE,
            quotas=quotas,
            presale=presale,
            campaigns=self.campaigns,
        )
        self.desk = DirectSource()
        self.direct_stock = StockSource(
            self.counters,
            self.epochs,
            sourcing,
            LEASES,
            APPROVALS,
            shelf_life=SHELF_LIFE,
            quotas=quotas,
            presale=presale,
            campaigns=self.campaigns,
            answer=self.desk.answer,
        )
        self.reservations = Reservations(
            *(self.desk, pool, clock, Outlook(presale, quotas)), hold_s=1800, timeout_s=PATIENCE_S
        )
        self.source: KafkaSource
        self.worker: Worker
        self.direct: Worker

    def sweeper(self, after_ms: int) -> Sweeper:
        """A sweeper over the same epoch."""
        return Sweeper(self.pool, self.counters, self.epochs, after_ms)

    async def invariants(self) -> Invariants:
        """The sums, after Valkey has heard of everything."""
        await self.stock.told()
        await self.direct_stock.told()
        return await self.books.invariants()


class House:
    """Topics, tables and counters of one test."""

    def __init__(self, stack: Stack, prefix: str, url: str, valkey_url: str) -> None:
        self.kafka: dict[str, Any] = {"bootstrap.servers": stack.kafka_bootstrap}
        self.prefix = prefix
        self.url = url
        self.valkey_url = valkey_url
        self.publisher = Publisher(self.kafka, prefix)
        self.looker = Consumer({**self.kafka, **SEEKING, "group.id": f"{prefix}.looker"})
        self.starts: dict[tuple[str, int], int] = {}

    async def publish(self, events: Sequence[Struct]) -> None:
        """Puts events on their topics, in order."""
        await self.publisher.publish([envelope(codec(), event, "test") for event in events])

    @asynccontextmanager
    async def running(
        self,
        batch_records: int = 200,
        clock: Clock | None = None,
        sourcing: Sourcing = SOURCING,
        quotas: Quotas = QUOTAS,
        presale: Presale = NO_PRESALE,
    ) -> AsyncIterator[Running]:
        """A worker that runs until the block ends; what it raised is raised here."""
        clock = clock or SystemClock()
        pool = await open_pool(self.url, 4)
        counters = ValkeyCounters(connect(self.valkey_url), self.prefix)
        running = Running(pool, counters, clock, sourcing, quotas, presale)
        publisher = Publisher(self.kafka, self.prefix)
        inventory = processor(running.stock)
        storage = PostgresStorage(pool, inventory, codec())
        running.source = KafkaSource(
            self.kafka,
            prefix=self.prefix,
            processor=NAME,
            sources=SOURCES,
            handlers=inventory.handlers,
            codec=codec(),
            batch_records=batch_records,
            positions=storage.offsets,
        )
        running.worker = Worker(
            inventory,
            source=running.source,
            storage=storage,
            publisher=publisher,
            codec=codec(),
            clock=clock,
        )
        running.direct = direct_worker(
            running.desk, running.direct_stock, pool, publisher, codec=codec(), clock=clock
        )
        with suppress(Unavailable):  # as the service starts: Valkey may be away
            await running.keeper.look()
        running.source.start()
        working = asyncio.ensure_future(running.worker.run())
        answering = asyncio.ensure_future(running.direct.run())
        keeping = asyncio.ensure_future(running.keeper.run())
        try:
            yield running
        finally:
            keeping.cancel()
            running.worker.stop()
            running.direct.stop()
            await asyncio.gather(keeping, return_exceptions=True)
            await working
            await answering
            await running.stock.told()
            await running.direct_stock.told()
            await running.source.stop()
            publisher.close()
            await running.counters.close()
            await pool.close()

    async def caught_up(self) -> bool:
        """Whether all that was published is applied and its events are out."""
        ends = await asyncio.to_thread(self._ends)
        ends = {pair: end for pair, end in ends.items() if pair[0] in SOURCES}
        rows = await self.fetch(
            "SELECT topic, partition, next FROM chassis.consumer_offsets WHERE processor = $1", NAME
        )
        waiting = await self.fetch("SELECT 1 FROM chassis.outbox WHERE published_at IS NULL")
        stored = {(row["topic"], row["partition"]): row["next"] for row in rows}
        return not waiting and all(stored.get(pair, 0) >= end for pair, end in ends.items() if end)

    async def drained(self) -> None:
        """Returns when everything is applied."""
        await until(self.caught_up)

    async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Rows, by a connection of the outside."""
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def emitted(self, domain: str = "stock") -> list[Struct]:
        """What came onto a topic since the house was built, in order per key."""
        values = await asyncio.to_thread(self._read, domain)
        return [codec().decode(value) for value in values]

    async def begin_here(self) -> None:
        """Leaves alone what earlier houses published on the same topics."""
        self.starts = await asyncio.to_thread(self._ends)
        pairs = [(*pair, end) for pair, end in self.starts.items() if pair[0] in SOURCES]
        connection = await asyncpg.connect(self.url)
        try:
            await connection.executemany(
                "INSERT INTO chassis.consumer_offsets (processor, topic, partition, next) "
                "VALUES ($1, $2, $3, $4)",
                [(NAME, *pair) for pair in pairs],
            )
        finally:
            await connection.close()

    def _read(self, domain: str) -> list[bytes]:
        values: list[bytes] = []
        for partition in range(topics.TOPICS[domain].partitions):
            at, end = self.starts[domain, partition], self._end(domain, partition)
            where = TopicPartition(topics.TOPICS[domain].name(self.prefix), partition, at)
            self.looker.assign([where])
            while at < end:
                message = self.looker.poll(5.0)
                assert message is not None, f"{where} ends at {at}, not {end}"
                values.append(message.value() or b"")
                at = (message.offset() or 0) + 1
        self.looker.unassign()
        return values

    def _end(self, domain: str, partition: int) -> int:
        where = TopicPartition(topics.TOPICS[domain].name(self.prefix), partition)
        return int(self.looker.get_watermark_offsets(where, timeout=10)[1])

    def _ends(self) -> dict[tuple[str, int], int]:
        return {
            (domain, partition): self._end(domain, partition)
            for domain in (*SOURCES, *PRODUCED)
            for partition in range(topics.TOPICS[domain].partitions)
        }


def prepare(stack: Stack, prefix: str) -> None:
    """Schemas and topics, which houses may share."""
    registry.ensure(stack.schema_registry_url)
    topics.ensure({"bootstrap.servers": stack.kafka_bootstrap}, prefix, 1)


@asynccontextmanager
async def house(stack: Stack, prefix: str, url: str, valkey_url: str) -> AsyncIterator[House]:
    """A house with tables of its own on prepared topics."""
    await migrate(url, {"chassis": CHASSIS_MIGRATIONS, NAME: MIGRATIONS})
    built = House(stack, prefix, url, valkey_url)
    try:
        await built.begin_here()
        yield built
    finally:
        built.publisher.close()
        built.looker.close()


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    """Asks again and again; fails after a minute."""
    async with asyncio.timeout(PATIENCE_S):
        while not await done():  # noqa: ASYNC110 — other processes make it true
            await asyncio.sleep(0.05)
