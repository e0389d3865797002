"""An answer waits for its commit alone: not for what Kafka still has to take of this batch or of earlier ones."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.direct import DirectSource
from chassis.processor import Emitted, FactsSource, Kept, NoFacts, Record
from chassis.testing.memory import MemoryStorage
from chassis.worker import Worker
from tests.support.toy import TOY, placed


class AnswersAll(NoFacts):
    """The keys of a batch."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys


class Answering(FactsSource[AnswersAll]):
    """Answers once the batch is committed."""

    def __init__(self, desk: DirectSource) -> None:
        self._desk = desk

    async def fetch(
        self, _work: Any, records: Sequence[Record], _kept: Mapping[str, Kept[Any]]
    ) -> AnswersAll:
        return AnswersAll([record.key for record in records])

    async def committed(self, facts: AnswersAll) -> None:
        self._desk.answer(dict.fromkeys(facts.keys, "done"))


class TakesNothing:
    """A publisher whose Kafka is away."""

    def __init__(self) -> None:
        self.delivered: list[asyncio.Future[None]] = []

    def publish(
        self, emitted: Sequence[Emitted], *, in_line: bool = False
    ) -> "asyncio.Future[None]":
        self.delivered.append(asyncio.get_running_loop().create_future())
        return self.delivered[-1]


async def test_who_asked_does_not_wait_for_kafka() -> None:
    desk, publisher, batches = DirectSource(), TakesNothing(), 3
    worker = Worker(
        replace(TOY, facts=Answering(desk)),
        source=desk,
        storage=MemoryStorage(),
        publisher=publisher,
        codec=codec(),
        clock=SystemClock(),
        publishing_max=batches,
    )
    running = asyncio.create_task(worker.run())
    # One more than may be under way: its answer is given, and only then the worker waits for Kafka.
    answers = [await desk.ask(f"o{n}", placed(f"o{n}"), 30.0) for n in range(batches + 1)]
    assert answers == ["done"] * (batches + 1)
    assert len(publisher.delivered) == batches
    worker.stop()
    for delivered in publisher.delivered:
        delivered.set_result(None)
    while not running.done():
        await asyncio.sleep(0)
        for delivered in publisher.delivered:
            if not delivered.done():
                delivered.set_result(None)
    await running
