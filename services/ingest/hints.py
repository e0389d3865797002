"""Hints on their way to a fetch.

A hint's offset moves on when the native answer of its order lies on the payload topic, or when the order stands in
the list of what to fetch (`fetching.py`): a process that dies repeats some fetches and loses none. Offsets move in
order, a few times a second, whatever order the answers come in; while Postgres is away fetching goes on. More hints
than the fetcher keeps in memory go onto the list.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from chassis.clock import Clock
from chassis.errors import Unavailable
from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Pool
from chassis.source import Batch
from chassis.storage import Advance
from schemas.events.channel_hints import HintReceived
from services.ingest.fetching import Fetcher, Wanted, want

ADVANCE_EVERY_MS = 250
PAUSE_S = 1.0


class _Open(Struct):
    """A batch whose hints are not all settled yet, or not yet counted as read."""

    generation: int
    advances: tuple[Advance, ...]
    unsettled: int

    def settle(self) -> None:
        """One hint less."""
        self.unsettled -= 1


class HintReader:
    """Hands hints to the fetcher and moves their offsets once they are settled."""

    def __init__(
        self, source: Any, storage: Any, fetcher: Fetcher, pool: Pool, clock: Clock
    ) -> None:
        self._source = source
        self._storage = storage
        self._fetcher = fetcher
        self._pool = pool
        self._clock = clock
        self._open: deque[_Open] = deque()
        self._advanced_ms = clock.monotonic_ms()

    def waiting_for(self) -> str:
        """Why what was read cannot be understood yet; empty when it can."""
        why: str = self._source.waiting_for
        return why

    async def run(self) -> None:
        """Works until cancelled."""
        self._source.start()
        while True:
            batch = await self._source.next_batch(ADVANCE_EVERY_MS / 1000)
            if batch is not None and batch.generation == self._source.generation:
                await self._take(batch)
            if self._clock.monotonic_ms() - self._advanced_ms >= ADVANCE_EVERY_MS:
                await self._advance()
                self._advanced_ms = self._clock.monotonic_ms()

    async def _take(self, batch: Batch) -> None:
        wanted = [
            Wanted(
                source_key=r.event.source_key,
                channel=r.event.channel,
                shop=r.event.shop,
                channel_order_no=r.event.channel_order_no,
                door="push",
                accepted_at=r.event.accepted_at,
            )
            for r in batch.records
            if isinstance(r.event, HintReceived)
        ]
        room = self._fetcher.room()
        now, later = wanted[:room], wanted[room:]
        opened = _Open(batch.generation, batch.advances, len(now))
        for row in now:
            self._fetcher.fetch(row, opened.settle)
        if later:
            await self._list(later)
        self._open.append(opened)

    async def _list(self, wanted: Sequence[Wanted]) -> None:
        while True:
            try:
                async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                    await want(connection, wanted)
            except AWAY as error:
                logger.warning("waiting", part="hints", why=type(error).__name__)
                await asyncio.sleep(PAUSE_S)
            else:
                return

    async def _advance(self) -> None:
        """Counts the oldest batches as read, as far as all of their hints are settled."""
        settled: list[_Open] = []
        for opened in self._open:
            if opened.unsettled:
                break
            settled.append(opened)
        moves = _joined([one.advances for one in settled if one.generation == self._generation])
        if moves:
            try:
                async with self._storage.transaction() as work:
                    swapped = await work.advance(moves)
            except Unavailable as error:
                logger.warning("waiting", part="hints", why=str(error))
                return
            if not swapped:
                self._source.restart_from_stored()
                self._open.clear()
                return
        for _ in settled:
            self._open.popleft()

    @property
    def _generation(self) -> int:
        """Of the assignment; what was read under an earlier one is somebody else's to count."""
        return int(self._source.generation)


def _joined(batches: Sequence[Sequence[Advance]]) -> tuple[Advance, ...]:
    """One move a partition, from where the first batch began to where the last one ends."""
    joined: dict[tuple[str, int], Advance] = {}
    for move in (move for advances in batches for move in advances):
        pair = move.source, move.partition
        first = joined.get(pair, move)
        joined[pair] = Advance(*pair, first.expected, move.next)
    return tuple(joined[pair] for pair in sorted(joined))
