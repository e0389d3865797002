"""Where a start begins, on partitions whose records have times of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from chassis.errors import Unavailable
from deploy.embedded.stack import Stack
from services.insight.position import BEGINNING, CLOCKS_APART, rewind

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
NOW = NOON + timedelta(hours=1)
T = TypeVar("T")
BACK = timedelta(minutes=5)
PATIENCE_S = 30.0
MINUTE = timedelta(minutes=1)
Written = dict[int, list[int]]
"""Partition → seconds after noon at which its records are written."""


class Topic:
    """Two partitions, and a group that has read nothing of them."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.kafka: dict[str, Any] = {"bootstrap.servers": stack.kafka_bootstrap}
        self.name = name
        self.admin = AdminClient(self.kafka)
        kept = {"retention.ms": "-1"}
        made = self.admin.create_topics([NewTopic(name, 2, 1, config=kept)], operation_timeout=15)
        made[name].result()

    def write(self, written: Written) -> None:
        producer = Producer(self.kafka)
        for partition, seconds in written.items():
            for after_s in seconds:
                stamp_ms = int((NOON.timestamp() + after_s) * 1000)
                producer.produce(self.name, b"x", partition=partition, timestamp=stamp_ms)
        assert producer.flush(15) == 0

    def lose(self, partition: int, before: int) -> None:
        """Its records before an offset are gone."""
        where = TopicPartition(self.name, partition, before)
        self.admin.delete_records([where])[where].result()

    def take_as_read(self, positions: Mapping[int, int]) -> None:
        group = Consumer({**self.kafka, "group.id": f"{self.name}.insight"})
        offsets = [TopicPartition(self.name, number, at) for number, at in positions.items()]
        group.commit(offsets=offsets, asynchronous=False)
        group.close()

    async def horizon(self) -> datetime:
        group = f"{self.name}.insight"
        return await patiently(partial(rewind, self.kafka, group, self.name, BACK, NOW))


async def patiently(work: Callable[[], T]) -> T:
    """Asks again where a young broker has no coordinator yet, as the service does."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(Unavailable, KafkaException):
                return await asyncio.to_thread(work)
            await asyncio.sleep(0.1)


@pytest.fixture
def topic(stack: Stack, topic_prefix: str) -> Topic:
    return Topic(stack, f"{topic_prefix}.timed")


def nothing(_: Topic) -> None:
    """Every record is there."""


@pytest.mark.parametrize(
    ("lost", "horizon"),
    [
        (nothing, BEGINNING + CLOCKS_APART + MINUTE),
        # The oldest that is left is of 12:01:30, so others of 12:01 are gone; clocks differ by a minute.
        (lambda topic: topic.lose(1, 1), NOON + 3 * MINUTE),
        (lambda topic: topic.lose(1, 2), NOW + 2 * MINUTE),
    ],
)
async def test_without_positions_minutes_count_that_no_partition_has_lost(
    topic: Topic, lost: Callable[[Topic], None], horizon: datetime
) -> None:
    topic.write({0: [0, 30, 600], 1: [10, 90]})
    lost(topic)
    assert await topic.horizon() == horizon


@pytest.mark.parametrize(
    ("lost", "horizon"),
    [
        # Five minutes before the newest that was read, at 12:10.
        (nothing, NOON + 6 * MINUTE),
        # The oldest that is left is of 12:06:40.
        (lambda topic: topic.lose(1, 1), NOON + 8 * MINUTE),
        # Emptied by its retention, which is longer than what is read again.
        (lambda topic: topic.lose(1, 2), NOON + 6 * MINUTE),
    ],
)
async def test_after_a_restart_minutes_count_that_are_read_again_and_were_not_lost(
    topic: Topic, lost: Callable[[Topic], None], horizon: datetime
) -> None:
    topic.write({0: [0, 600], 1: [10, 400]})
    await patiently(partial(topic.take_as_read, {0: 2, 1: 2}))
    lost(topic)
    assert await topic.horizon() == horizon
