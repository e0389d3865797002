"""Asking the writer of an aggregate in its own process: an answer a few milliseconds later, after the commit.

For aggregates that nobody writes but by asking here, or under their lock (`lock_keys`). What has come together is
one batch of the one loop (chassis/worker.py): the same load, decide, save, outbox and publishing as for records of
Kafka, without Kafka's way there. Guarantees: an answer is given after its commit; questions about one aggregate are decided one after
the other, also in different processes (a lock on its key until the commit); a question whose asker has gone is
not begun. No answer in time leaves open what became of it: who asks must be able to ask the same again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from msgspec import Struct

from chassis.errors import Unavailable
from chassis.postgres import Connection
from chassis.processor import Kept, Processor, Record
from chassis.source import Batch
from chassis.storage import Advance, PostgresWork

SOURCE = "direct"
BATCH_MAX = 200
WAITING_MAX = 1_000
"""Questions that may wait; more than a second of them is more than anybody waits for."""
KEYS_LOCK = 7_266_876
"""Advisory lock class of keys in hand. The number is arbitrary and ours."""
SIGNED = 1 << 31
"""From a digest of 32 bits to an integer of Postgres."""


class Answered(Struct, frozen=True):
    """Effect of a decision: this is its answer. Facts collect it and give it to `DirectSource.answer`."""

    key: str
    answer: Any


class TooBusy(Unavailable):
    """More questions wait than can be answered in time. Nothing was begun."""


class NotInTime(Unavailable):
    """No answer in time; what was asked may be done all the same."""


class _Question(Struct, frozen=True):
    key: str
    command: Struct
    answer: asyncio.Future[Any]


class DirectSource:
    """Questions of this process as the batches of a worker."""

    def __init__(self) -> None:
        self.generation = 0
        self._waiting: deque[_Question] = deque()
        self._came = asyncio.Event()
        self._in_hand: dict[str, asyncio.Future[Any]] = {}
        self._asked = 0

    async def ask(self, key: str, command: Struct, timeout_s: float) -> Any:
        """The answer about the aggregate `key`. Raises TooBusy, NotInTime."""
        if len(self._waiting) >= WAITING_MAX:
            raise TooBusy("too many questions wait")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Question(key, command, answer))
        self._came.set()
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise NotInTime("no answer in time") from None

    def answer(self, answers: Mapping[str, Any]) -> None:
        """Gives the answers of the batch in hand, by key."""
        for key, value in answers.items():
            asker = self._in_hand.pop(key)
            if not asker.done():
                asker.set_result(value)

    async def next_batch(self, timeout_s: float) -> Batch | None:
        """What waits, at most one question about each aggregate; None after `timeout_s` without any."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._came.wait()
        except TimeoutError:
            return None
        records: list[Record] = []
        self._in_hand = {}
        later: list[_Question] = []
        while self._waiting and len(records) < BATCH_MAX:
            question = self._waiting.popleft()
            if question.answer.done():
                continue
            if question.key in self._in_hand:
                later.append(question)
                continue
            self._in_hand[question.key] = question.answer
            self._asked += 1
            records.append(
                Record(SOURCE, 0, self._asked, question.key, 0, question.command, raw=b"")
            )
        self._waiting.extendleft(reversed(later))
        if not self._waiting:
            self._came.clear()
        return Batch(self.generation, tuple(records), ()) if records else None

    def restart_from_stored(self) -> None:
        """Nothing is stored: a batch without offsets is never lost to another worker."""


class DirectWork(PostgresWork):
    """A transaction fenced by the keys it is about instead of by offsets."""

    @classmethod
    def opening(cls, processor: Processor[Any], keys: Sequence[str]) -> str:
        """What its facts begin with; then it has these aggregates in hand."""
        return f"{super().opening(processor, keys)}; {locking(keys)}"

    async def begin(self, moves: Sequence[Advance], keys: Sequence[str]) -> dict[str, Kept[Any]]:
        """The aggregates, as whoever had them in hand before has left them. There is nothing to swap."""
        del moves
        return await self.load(keys)


async def lock_keys(connection: Connection, keys: Sequence[str]) -> None:
    """Waits until nobody else has one of these aggregates in hand; nobody has, until this transaction ends.

    Whoever else may write what is asked for here takes this lock before he reads it, and before any row of stock.
    """
    await connection.execute(locking(keys))


def locking(keys: Sequence[str]) -> str:
    """The statement of `lock_keys`, without parameters."""
    # In one order, so that two processes never wait in a ring; equal digests only wait for each other.
    digests = sorted({crc32(key.encode()) - SIGNED for key in keys})
    return (
        f"SELECT pg_advisory_xact_lock({KEYS_LOCK}, digest) "  # noqa: S608 — integers
        f"FROM unnest('{{{','.join(map(str, digests))}}}'::int[]) AS digest"
    )
