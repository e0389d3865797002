"""From hints in Kafka to settled fetches: what happens to them when the process dies, falls behind or is replaced."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.errors import Unavailable
from chassis.postgres import Pool, open_pool
from chassis.processor import Decision, Processor
from chassis.testing.memory import MemoryBroker, MemorySource, MemoryStorage, MemoryWork
from schemas.events.channel_hints import HintReceived
from services.ingest.fetching import Wanted
from services.ingest.hints import HintReader

PATIENCE_S = 20.0
NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)


def _never(*_: object) -> Decision[None]:
    raise AssertionError


HINTS: Processor[None] = Processor(
    name="ingest-fetch",
    table="",
    state=None,
    handlers={HintReceived: _never},
    sources=("channel-hints",),
)


class Hands:
    """Stands where the fetcher does: keeps what it is given until it is told to be done with it."""

    def __init__(self, room: int = 1_000) -> None:
        self.held: list[tuple[str, Callable[[], None]]] = []
        self.fetched: Counter[str] = Counter()
        self._room = room

    def room(self) -> int:
        return self._room - len(self.held)

    def fetch(self, row: Wanted, settled: Callable[[], None]) -> None:
        self.held.append((row.channel_order_no, settled))

    def finish(self, *order_nos: str) -> None:
        """These are fetched; all of them if none is named."""
        for one in [held for held in self.held if not order_nos or held[0] in order_nos]:
            self.held.remove(one)
            self.fetched[one[0]] += 1
            one[1]()


class Careless(Hands):
    """The planted bug: says that it is done as soon as it is given something."""

    def fetch(self, row: Wanted, settled: Callable[[], None]) -> None:
        super().fetch(row, lambda: None)
        settled()


class Shaky(MemoryStorage):
    """A storage that can be away."""

    away = False

    @asynccontextmanager
    async def transaction(self, keys: Sequence[str] = ()) -> AsyncIterator[MemoryWork]:
        if self.away:
            raise Unavailable("Postgres does not answer")
        async with super().transaction(keys) as work:
            yield work


class Rig:
    """Hints in a topic, and readers that live as long as they are let."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.broker = MemoryBroker()
        self.storage = Shaky()

    def push(self, *order_nos: str) -> None:
        for order_no in order_nos:
            key = f"douyin|shop-1|{order_no}"
            hint = HintReceived(
                source_key=key,
                channel="douyin",
                shop="shop-1",
                channel_order_no=order_no,
                message_id="",
                accepted_at=NOW,
            )
            self.broker.append("channel-hints", key, codec().encode(hint))

    @asynccontextmanager
    async def reader(self, hands: Hands) -> AsyncIterator[Any]:
        source = MemorySource(self.broker, self.storage, HINTS, codec(), batch_records=3)
        reader = HintReader(source, self.storage, hands, self.pool, SystemClock())  # type: ignore[arg-type]  # hands are all a reader asks of a fetcher
        running = asyncio.create_task(reader.run())
        try:
            yield source
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    def read(self) -> int:
        """How many hints count as read."""
        return sum(self.storage.tables["offsets"].values())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 — nothing tells
            await asyncio.sleep(0.01)


@pytest.fixture
async def rig(database_url: str) -> AsyncIterator[Rig]:
    pool = await open_pool(database_url, 2)
    yield Rig(pool)
    await pool.close()


async def test_offsets_follow_what_is_settled_in_order_whatever_order_it_is_settled_in(
    rig: Rig,
) -> None:
    numbers = [str(number) for number in range(20)]
    rig.push(*numbers)
    hands = Hands()
    async with rig.reader(hands):
        await until(lambda: len(hands.held) == 20)
        first, *others = [order_no for order_no, _ in hands.held]
        hands.finish(*others)
        await asyncio.sleep(0.6)
        assert rig.read() < 20, "the oldest is still under way"
        hands.finish(first)
        await until(lambda: rig.read() == 20)


async def _dies_with_some_in_hand(rig: Rig, hands: Hands) -> Counter[str]:
    """What was fetched by a process that died in its middle and by the one after it."""
    rig.push(*(str(number) for number in range(20)))
    async with rig.reader(hands):
        await until(lambda: len(hands.held) == 20)
        hands.finish(*(str(number) for number in range(0, 20, 2)))
        await asyncio.sleep(0.6)
    successor = Hands()
    async with rig.reader(successor):
        await asyncio.sleep(0.3)
        successor.finish()
        await until(lambda: rig.read() == 20)
    return hands.fetched + successor.fetched


async def test_what_a_process_had_in_hand_when_it_died_is_fetched_by_the_next(rig: Rig) -> None:
    fetched = await _dies_with_some_in_hand(rig, Hands())
    assert set(fetched) == {str(number) for number in range(20)}


async def test_offsets_that_move_too_early_are_found(rig: Rig) -> None:
    fetched = await _dies_with_some_in_hand(rig, Careless())
    assert len(fetched) < 20, "the checker above cannot fail"


async def test_more_than_memory_holds_goes_onto_the_list(rig: Rig) -> None:
    rig.push(*(str(number) for number in range(20)))
    hands = Hands(room=5)
    async with rig.reader(hands):
        await until(lambda: len(hands.held) == 5)
        async with asyncio.timeout(PATIENCE_S):
            while await rig.pool.fetchval("SELECT count(*) FROM ingest.fetches") != 15:  # noqa: ASYNC110 — Postgres has no event
                await asyncio.sleep(0.01)
        hands.finish()
        await until(lambda: rig.read() == 20)


async def test_fetching_goes_on_while_postgres_is_away(rig: Rig) -> None:
    hands = Hands()
    async with rig.reader(hands):
        rig.push("1")
        await until(lambda: len(hands.held) == 1)
        rig.storage.away = True
        hands.finish()
        await asyncio.sleep(0.4)
        rig.push("2")
        await until(lambda: len(hands.held) == 1)
        hands.finish()
        assert rig.read() == 0
        rig.storage.away = False
        await until(lambda: rig.read() == 2)
    assert hands.fetched == Counter(["1", "2"])


async def test_a_reader_that_was_replaced_counts_nothing_and_reads_again(rig: Rig) -> None:
    rig.push("1", "2")
    hands = Hands()
    async with rig.reader(hands) as source:
        await until(lambda: len(hands.held) == 2)
        # Another process took over, and has read both meanwhile.
        offsets = rig.storage.tables["offsets"]
        for pair in offsets:
            offsets[pair] = len(rig.broker.partitions.get(pair, []))
        hands.finish()
        await until(lambda: source.generation == 1)
        rig.push("3")
        await until(lambda: [order_no for order_no, _ in hands.held] == ["3"])
        hands.finish()
        await until(lambda: rig.read() == 3)
