"""A worker that is slower than Kafka: each record is fetched once, and the membership outlives any wait."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chassis import source
from chassis.source import KafkaSource
from deploy.embedded.stack import Stack
from tests.support.rigs import ServerRig, server_rig, toy_source
from tests.support.toy import placed

RECORDS = 3_000


@pytest.fixture
async def rig(stack: Stack, topic_prefix: str, database_url: str) -> AsyncIterator[ServerRig]:
    async with server_rig(stack, topic_prefix, database_url) as made:
        yield made


class Fetched:
    """What the client says of itself: how many records it was sent."""

    def __init__(self) -> None:
        self._partitions: dict[tuple[str, str], int] = {}

    def take(self, text: str) -> None:
        for topic, told in json.loads(text)["topics"].items():
            for partition, numbers in told["partitions"].items():
                self._partitions[topic, partition] = numbers["rxmsgs"]

    @property
    def records(self) -> int:
        return sum(self._partitions.values())


@asynccontextmanager
async def reading(rig: ServerRig, fetched: Fetched) -> AsyncIterator[KafkaSource]:
    async def from_the_start(first: Any) -> dict[tuple[str, int], int]:
        return dict(first)

    made = toy_source(
        rig.kafka | {"statistics.interval.ms": 100, "stats_cb": fetched.take},
        rig.prefix,
        "slow",
        from_the_start,
    )
    made.start()
    try:
        yield made
    finally:
        await made.stop()


async def read(made: KafkaSource, *, pause_s: float, count: int) -> list[str]:
    """Keys in the order in which they came; takes a pause after each batch."""
    keys: list[str] = []
    async with asyncio.timeout(60.0):
        while len(keys) < count:
            batch = await made.next_batch(1.0)
            if batch is not None:
                keys += [record.key for record in batch.records]
                await asyncio.sleep(pause_s)
    return keys


def orders() -> Sequence[Any]:
    return [placed(f"TB{number:05d}") for number in range(RECORDS)]


async def test_a_busy_worker_is_sent_each_record_once(rig: ServerRig) -> None:
    await rig.publish(orders())
    fetched = Fetched()
    async with reading(rig, fetched) as made:
        keys = await read(made, pause_s=0.01, count=RECORDS)
        await asyncio.sleep(0.3)  # for the client's last word about itself

        assert sorted(keys) == [order.order_id for order in orders()]
        assert fetched.records == RECORDS


async def test_a_worker_that_stands_still_stays_a_member_and_gets_each_record_once(
    rig: ServerRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "ROOM_PATIENCE_S", 0.05)
    await rig.publish(orders())
    fetched = Fetched()
    async with reading(rig, fetched) as made:
        keys = await read(made, pause_s=0.3, count=200)
        assert made.generation == 0
        keys += await read(made, pause_s=0.0, count=RECORDS - len(keys))

        assert sorted(keys) == [order.order_id for order in orders()]
