"""Kafka is away for longer than a session lasts, and comes back: every consumer goes on by itself."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from chassis import topics
from chassis.codec import codec
from chassis.commands import envelope
from chassis.producer import Publisher
from tests.support.rigs import toy_source
from tests.support.stack import PrivateStack
from tests.support.toy import placed

pytestmark = [pytest.mark.faults, pytest.mark.serial, pytest.mark.timeout(300)]

PATIENCE_S = 90.0


class Reader:
    """A worker that keeps its offsets itself, and what it was given."""

    def __init__(self, kafka: dict[str, Any], prefix: str, name: str) -> None:
        self.keys: list[str] = []
        self._next: dict[tuple[str, int], int] = {}
        self.source = toy_source(kafka, prefix, name, self._stored)

    async def _stored(self, first: Any) -> dict[tuple[str, int], int]:
        return {**first, **{pair: at for pair, at in self._next.items() if pair in first}}

    async def run(self) -> None:
        """Takes what comes until it is cancelled."""
        while True:
            batch = await self.source.next_batch(0.2)
            if batch is None or batch.generation != self.source.generation:
                continue
            self.keys += [record.key for record in batch.records]
            self._next |= {(move.source, move.partition): move.next for move in batch.advances}


@asynccontextmanager
async def reading(kafka: dict[str, Any], prefix: str, name: str) -> AsyncIterator[Reader]:
    reader = Reader(kafka, prefix, name)
    reader.source.start()
    running = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await reader.source.stop()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 — threads of the client's count
            await asyncio.sleep(0.05)


@asynccontextmanager
async def publishing(kafka: dict[str, Any], prefix: str) -> AsyncIterator[Callable[[str], Any]]:
    publisher = Publisher(kafka, prefix)
    try:
        yield lambda order_id: publisher.publish([envelope(codec(), placed(order_id), "test")])
    finally:
        await asyncio.to_thread(publisher.close)


async def test_named_and_nameless_consumers_go_on_when_kafka_is_back(
    private_stack: PrivateStack,
) -> None:
    kafka = {"bootstrap.servers": private_stack.addresses.kafka_bootstrap}
    prefix = f"t{secrets.token_hex(4)}"
    await asyncio.to_thread(topics.ensure, kafka, prefix, 1)
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(reading(kafka | member, prefix, name))
            for number in range(4)
            for name, member in (
                (f"named-{number}", {"group.instance.id": "1"}),
                (f"nameless-{number}", {}),
            )
        ]
        publish = await stack.enter_async_context(publishing(kafka, prefix))
        before = [f"A{number:03d}" for number in range(100)]
        for order_id in (
            before
        ):  # one by one: whatever a consumer has under way while it is busy, it has when Kafka dies
            await publish(order_id)
        await until(lambda: all(reader.keys for reader in readers))
        await asyncio.to_thread(private_stack.kill, "kafka")
        await until(lambda: not any(reader.source.assigned for reader in readers))
        await asyncio.to_thread(private_stack.start, "kafka")
        async with publishing(kafka, prefix) as publish_again:
            await publish_again("B")

        await until(lambda: all("B" in reader.keys for reader in readers))
        await until(lambda: all(len(reader.keys) > len(before) for reader in readers))
        assert all(sorted(reader.keys) == [*before, "B"] for reader in readers)
