"""Reading what came of orders off a topic, with the broker's own time of each record.

Guarantees: only what is committed is seen; times are those at which the broker appended a record, whoever wrote it
(`stamp_on_append`), so that rates of different programs are measured by one clock and in one way.
"""

from __future__ import annotations

import asyncio
import bisect
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from msgspec import Struct

from chassis.source import ends

ON_APPEND = {"message.timestamp.type": "LogAppendTime"}
CHUNK = 10_000
POLL_S = 0.05
LOOK_S = 0.02
STALLED_S = 120.0
ADMIN_TIMEOUT_S = 30.0


class Outcome(Struct, frozen=True):
    """One record: its partition, when the broker appended it (ms since 1970) and its bytes."""

    partition: int
    at_ms: int
    value: bytes


class Stalled(Exception):
    """Nothing more came."""


def make_topic(bootstrap: str, name: str, partitions: int) -> None:
    """A topic for outcomes. Raises KafkaException where there is one."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    made = admin.create_topics([NewTopic(name, partitions, 1, config=ON_APPEND)])
    made[name].result(ADMIN_TIMEOUT_S)


def stamp_on_append(bootstrap: str, name: str) -> None:
    """Makes a topic that exists keep the broker's times instead of its writers'."""
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        for key, value in ON_APPEND.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.incremental_alter_configs([resource])[resource].result(ADMIN_TIMEOUT_S)


class Collector:
    """Reads a topic from where it ends now, in a thread of its own, until `count` records have come.

    `alive` raises when no more will.
    """

    def __init__(
        self, bootstrap: str, name: str, partitions: int, count: int, alive: Callable[[], None]
    ) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{name}.bench",
                "enable.auto.commit": False,
                # A transaction that is still open may yet be aborted.
                "isolation.level": "read_committed",
            }
        )
        self._stopping = threading.Event()
        where = [TopicPartition(name, number) for number in range(partitions)]
        for one in where:
            one.offset = ends(self._consumer, one, self._stopping)[1]
        self._consumer.assign(where)
        self._count = count
        self._alive = alive
        self._failure: Exception | None = None
        self._moved_at = time.monotonic()
        self.outcomes: list[Outcome] = []
        self._thread = threading.Thread(target=self._run, name="outcomes", daemon=True)
        self._thread.start()

    async def until(self, count: int) -> None:
        """Returns when so many have come. Raises Stalled after two minutes of nothing, or why no more will come."""
        while len(self.outcomes) < count:
            if self._failure is not None:
                raise self._failure
            self._alive()
            if time.monotonic() - self._moved_at > STALLED_S:
                raise Stalled(f"{len(self.outcomes)} of {self._count} outcomes came, then no more")
            await asyncio.sleep(LOOK_S)

    def close(self) -> None:
        """Stops reading."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while len(self.outcomes) < self._count and not self._stopping.is_set():
                messages = self._consumer.consume(CHUNK, POLL_S)
                for message in messages:
                    self.outcomes.append(_outcome(message))
                if messages:
                    self._moved_at = time.monotonic()
        except Exception as error:  # noqa: BLE001 — told by `look`
            self._failure = error
        finally:
            self._consumer.close()


@asynccontextmanager
async def collecting(
    bootstrap: str, name: str, partitions: int, count: int, alive: Callable[[], None]
) -> AsyncIterator[Collector]:
    """A collector that is closed with the block."""
    collector = await asyncio.to_thread(Collector, bootstrap, name, partitions, count, alive)
    try:
        yield collector
    finally:
        await asyncio.to_thread(collector.close)


def _outcome(message: Message) -> Outcome:
    if (error := message.error()) is not None:
        raise KafkaException(error)
    return Outcome(message.partition() or 0, message.timestamp()[1], message.value() or b"")


class Pace(Struct, frozen=True, kw_only=True):
    """How fast outcomes came, in orders a second."""

    whole: float
    """From the first append to the last."""
    second_half: float
    """From when half of them were there: whatever warms up is warm by then."""


def pace(outcomes: Sequence[Outcome]) -> Pace:
    """The pace of a run. What was appended at its very first moment had begun before, and is left out."""
    times = sorted(outcome.at_ms for outcome in outcomes)
    return Pace(whole=_since(times, times[0]), second_half=_since(times, times[len(times) // 2]))


def _since(times: Sequence[int], start_ms: int) -> float:
    later = len(times) - bisect.bisect_right(times, start_ms)
    return later / max(times[-1] - start_ms, 1) * 1000
