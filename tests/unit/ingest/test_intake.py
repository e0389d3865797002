"""The way into Kafka with a Kafka that can be told to lose things: nothing taken is lost, and keys keep their order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from chassis.clock import ManualClock
from chassis.crypto import MasterKeys, PayloadSeal
from chassis.processor import Emitted
from chassis.producer import DeliveryFailed
from chassis.spool import Spool
from services.ingest.intake import Intake, NoRoom, NotTaken

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
PATIENCE_S = 10.0


class Kafka:
    """A publisher whose records are reported when the test says so; in line like the real one."""

    def __init__(self) -> None:
        self.away = False
        self.held = False
        self.stored: list[str] = []
        self._lost = False
        self._queue: list[tuple[Sequence[Emitted], asyncio.Future[None]]] = []

    def publish(self, emitted: Sequence[Emitted], *, in_line: bool = False) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if in_line and self._lost:
            done.set_exception(DeliveryFailed("an earlier record was lost"))
        else:
            self._queue.append((emitted, done))
            if not self.held:
                self.report(in_line=in_line)
        return done

    def report(self, *, in_line: bool = True) -> None:
        queue, self._queue = self._queue, []
        for emitted, done in queue:
            if self.away:
                self._lost = in_line
                done.set_exception(DeliveryFailed("away"))
            else:
                self.stored += [record.value.decode() for record in emitted]
                done.set_result(None)

    def resume(self) -> None:
        self._lost = False

    def close(self) -> None:
        pass


def record(name: str) -> Emitted:
    return Emitted("channel-hints", "a|b|1", name.encode(), (("ce_id", b"1"),))


class Rig:
    def __init__(self, kafka: Kafka, intake: Intake, spool: Spool | None) -> None:
        self.kafka = kafka
        self.intake = intake
        self.spool = spool

    async def take(self, *names: str) -> None:
        await self.intake.take([record(name) for name in names])

    def taking(self, name: str) -> asyncio.Task[None]:
        return asyncio.create_task(self.take(name))

    async def until_stored(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.kafka.stored) < count:  # noqa: ASYNC110 — the real thing has no event either
                await asyncio.sleep(0.01)


@asynccontextmanager
async def rig(folder: Path | None, bytes_max: int = 1_000_000) -> AsyncIterator[Rig]:
    clock = ManualClock(NOW)
    spool = None
    if folder is not None:
        seal = PayloadSeal(MasterKeys({1: b"k" * 32}), clock)
        spool = Spool(folder, bytes_max=bytes_max, seal=seal, clock=clock)
    kafka = Kafka()
    intake = Intake(cast("Any", kafka), spool, clock)
    running = asyncio.create_task(intake.run())
    await asyncio.sleep(0)
    try:
        yield Rig(kafka, intake, spool)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await intake.close()


async def test_with_kafka_there_nothing_touches_the_disk(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.take("1", "2")
        assert it.kafka.stored == ["1", "2"]
        assert it.spool is not None
        assert it.spool.empty
        assert it.intake.degraded() == ""


async def test_what_came_during_an_outage_follows_in_order_and_then_it_is_direct_again(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as it:
        await it.take("0")
        it.kafka.away = True
        for number in range(1, 20):
            await it.take(str(number))
        assert it.kafka.stored == ["0"]
        assert it.intake.degraded().startswith("19 records wait on disk, the oldest 0 s")
        it.kafka.away = False
        await it.until_stored(20)
        async with asyncio.timeout(PATIENCE_S):
            while it.intake.degraded():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await it.take("20")
        await it.until_stored(21)
        assert it.kafka.stored == [str(number) for number in range(21)]


async def test_records_on_their_way_when_kafka_goes_keep_their_order(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.kafka.held = True
        first = [it.taking(str(number)) for number in range(5)]
        await asyncio.sleep(0)
        it.kafka.away, it.kafka.held = True, False
        it.kafka.report()
        # These come while the lost ones are still being told that they are lost.
        late = [it.taking(str(number)) for number in range(5, 9)]
        await asyncio.gather(*first, *late)
        it.kafka.away = False
        await it.until_stored(9)
        assert it.kafka.stored == [str(number) for number in range(9)]


async def test_a_late_report_of_an_early_record_is_waited_for(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.kafka.held = True
        early = it.taking("early")
        await asyncio.sleep(0)
        waiting, it.kafka._queue = it.kafka._queue, []
        it.kafka.away, it.kafka.held = True, False
        later = it.taking("later")
        await asyncio.sleep(0.05)
        assert not later.done(), "who came before it is still on its way"
        it.kafka._queue = waiting
        it.kafka.report()
        await asyncio.gather(early, later)
        it.kafka.away = False
        await it.until_stored(2)
        assert it.kafka.stored == ["early", "later"]


async def test_a_push_given_up_by_its_sender_costs_the_others_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.kafka.away = True
        await it.take("1")
        gone, kept = it.taking("2"), it.taking("3")
        await asyncio.sleep(0)
        gone.cancel()
        await kept
        it.kafka.away = False
        await it.until_stored(2)
        assert [name for name in it.kafka.stored if name != "2"] == ["1", "3"]


async def test_full_is_said_and_ends_with_the_outage(tmp_path: Path) -> None:
    async with rig(tmp_path, bytes_max=1_000) as it:
        it.kafka.away = True
        answers = await asyncio.gather(
            *(it.take(str(number)) for number in range(100)), return_exceptions=True
        )
        taken = answers.count(None)
        assert 2 <= taken < 100
        with pytest.raises(NoRoom, match="full"):
            await it.take("one more")
        assert it.intake.degraded().endswith("pushes are refused: full")
        it.kafka.away = False
        await it.until_stored(taken)
        await it.take("after")
        await it.until_stored(taken + 1)
        assert it.kafka.stored == [*map(str, range(taken)), "after"]


async def test_a_disk_that_refuses_does_not_keep_kafka_away_when_it_is_back(tmp_path: Path) -> None:
    async with rig(tmp_path, bytes_max=1) as it:
        it.kafka.away = True
        with pytest.raises(NoRoom):
            await it.take("1")
        it.kafka.away = False
        # Who was refused sends again; the first may still meet the door as it was.
        async with asyncio.timeout(PATIENCE_S):
            while not it.kafka.stored:
                with contextlib.suppress(NoRoom):
                    await it.take("again")
                await asyncio.sleep(0.01)
        assert it.kafka.stored == ["again"]


async def test_without_a_spool_kafka_is_asked_every_time(tmp_path: Path) -> None:
    async with rig(None) as it:
        it.kafka.away = True
        with pytest.raises(NotTaken):
            await it.take("1")
        it.kafka.away = False
        await it.take("2")
        assert it.kafka.stored == ["2"]


async def test_before_its_time_everything_goes_to_the_disk(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    seal = PayloadSeal(MasterKeys({1: b"k" * 32}), clock)
    spool = Spool(tmp_path, bytes_max=1_000_000, seal=seal, clock=clock)
    kafka = Kafka()
    intake = Intake(cast("Any", kafka), spool, clock)
    await intake.take([record("early")])
    assert kafka.stored == []
    assert spool.records == 1
    await intake.close()


async def test_a_probe_leaves_no_trace_in_an_outage_either(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.kafka.away = True
        await it.take()
        assert it.spool is not None
        assert it.spool.empty
