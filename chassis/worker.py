"""The one loop: batch → transaction → publish → mark, for one processor.

Guarantees: a batch is applied exactly once to Postgres (offset compare-and-swap in the same commit); its
events are published at least once, in order per aggregate, before events of a later batch; whoever restarts
or takes over publishes what was committed and not marked before it applies anything new. Unavailable is
tried again for as long as it takes; anything unknown ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any

from msgspec import Struct

from chassis import metrics
from chassis.clock import Clock
from chassis.codec import Codec
from chassis.errors import TooManyInvalid, Unavailable
from chassis.failpoints import failpoint
from chassis.log import logger
from chassis.processor import (
    Emitted,
    Folded,
    Kept,
    Known,
    NoFacts,
    Processor,
    Record,
    fold,
    headers,
)
from chassis.source import Batch

PUBLISHING_MAX = 4
"""Batches whose delivery reports may be outstanding."""
SWEEP_EVERY_MS = 2_000
OVERDUE_S = 5.0
"""An outbox row older than this, unmarked while nothing is in flight here, was left by someone who died."""
BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
CONSECUTIVE_INVALID_MAX = 100
INVALID_RATIO_MAX = 0.05
RATIO_WINDOW_MIN = 1000

__all__ = ["InvalidLimit", "Worker"]


class InvalidLimit(Struct, frozen=True):
    """Stops a consumer to which everything is invalid: 100 in a row, or over 5 % after 1,000 records."""

    row: int = 0
    seen: int = 0
    invalid: int = 0

    def with_batch(self, folded: Folded, records: int) -> InvalidLimit:
        """The count after a batch. Raises TooManyInvalid."""
        dead = len(folded.dead)
        row = self.row + dead if dead == records else 0
        seen, invalid = self.seen + records, self.invalid + dead
        over_ratio = seen >= RATIO_WINDOW_MIN and invalid > seen * INVALID_RATIO_MAX
        if row >= CONSECUTIVE_INVALID_MAX or over_ratio:
            raise TooManyInvalid(f"{invalid} of {seen} records are invalid")
        return InvalidLimit(row, seen, invalid)


class _Lost(Exception):
    """The swap of offsets failed: another worker has this partition."""


class Worker:
    """Runs one processor over a source, a storage and a publisher until it is stopped."""

    def __init__(
        self,
        processor: Processor[Any],
        *,
        source: Any,
        storage: Any,
        publisher: Any,
        codec: Codec,
        clock: Clock,
        publishing_max: int = PUBLISHING_MAX,
    ) -> None:
        self._processor = processor
        self._source = source
        self._storage = storage
        self._publisher = publisher
        self._codec = codec
        self._clock = clock
        self._publishing_max = publishing_max
        self._limit = InvalidLimit()
        self._publishing: deque[asyncio.Task[None]] = deque()
        self._delivered: list[int] = []
        self._cleared_generation = -1
        self._swept_ms = -SWEEP_EVERY_MS
        self._stopping = asyncio.Event()
        self.waiting_for = ""
        """Why this worker makes no progress; empty when it does. Shown by /readyz."""

    def stop(self) -> None:
        """Finishes the batch in hand, then ends `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Works until stopped. Raises whatever must end the process."""
        try:
            while not self._stopping.is_set():
                batch = await self._source.next_batch(0.2)
                self._raise_failed_publishes()
                await self._publish_what_was_left(batch)
                if batch is None or batch.generation != self._source.generation:
                    continue
                try:
                    await self._patiently(lambda batch=batch: self._attempt(batch))
                except _Lost:
                    metrics.BATCHES_LOST.labels(self._processor.name).inc()
                    self._source.restart_from_stored()
        finally:
            await asyncio.gather(*self._publishing, return_exceptions=True)
            if self._delivered:
                with contextlib.suppress(Unavailable):
                    await self._mark_delivered()

    async def _patiently(self, attempt: Any) -> None:
        tries = 0
        while True:
            try:
                await attempt()
            except Unavailable as error:
                self.waiting_for = str(error)
                pause_s = BACKOFF_S[min(tries, len(BACKOFF_S) - 1)]
                logger.warning(
                    "waiting", processor=self._processor.name, why=str(error), pause_s=pause_s
                )
                metrics.RETRIES.labels(self._processor.name).inc()
                await asyncio.sleep(pause_s)
                tries += 1
                if self._stopping.is_set():
                    raise
            else:
                self.waiting_for = ""
                return

    async def _publish_what_was_left(self, batch: Batch | None) -> None:
        """When idle, what is overdue."""
        if batch is None and self._delivered:
            await self._patiently(self._mark_delivered)
        if batch is None and not self._publishing:
            idle_ms = self._clock.monotonic_ms() - self._swept_ms
            if idle_ms >= SWEEP_EVERY_MS:
                await self._patiently(lambda: self._publish_leftovers(older_than_s=OVERDUE_S))
                self._swept_ms = self._clock.monotonic_ms()

    async def _mark_delivered(self) -> None:
        delivered = list(self._delivered)
        await self._storage.mark_published(delivered)
        self._delivered = [i for i in self._delivered if i not in delivered]

    async def _publish_leftovers(self, older_than_s: float) -> None:
        while rows := await self._storage.unpublished(older_than_s):
            for row in rows:
                await self._publisher.publish(row.emitted, in_line=True)
                await self._storage.mark_published([row.outbox_id])
            metrics.OUTBOX_LEFTOVERS.labels(self._processor.name).inc(len(rows))

    async def _attempt(self, batch: Batch) -> None:
        """All leftovers go out before the first batch of an assignment, and before an attempt that follows a failed one: a
        COMMIT whose answer was lost may have left some.
        """
        if self._cleared_generation != batch.generation:
            await self._publish_leftovers(older_than_s=0.0)
            self._cleared_generation = batch.generation
        try:
            await self._apply(batch)
        except Unavailable:
            self._cleared_generation = -1
            raise

    async def _apply(self, batch: Batch) -> None:
        records = batch.records
        started_ms = self._clock.monotonic_ms()
        known = Known(kept={})
        keys = list({record.key for record in records if not record.invalid})
        async with self._storage.transaction(keys) as work:
            await self._begin(work, batch, keys, known)
            failpoint("batch.after_load")
            known.facts = NoFacts()
            if self._processor.facts is not None:
                known.facts = await self._processor.facts.fetch(work, records, known.kept)
            folded = fold(self._processor, self._codec, records, known, self._clock.now())
            limit = self._limit.with_batch(folded, len(records))
            emitted = [*folded.emitted, *self._side_records(folded)]
            # Marks of what Kafka has meanwhile ride along: a transaction of their own would cost a commit.
            delivered = list(self._delivered)
            outbox_id = await self._save(work, folded, known, (emitted, delivered))
            failpoint("batch.before_commit")
        failpoint("batch.after_commit")
        self._limit = limit  # Not before: an attempt that is repeated brings the same records.
        self._delivered = [i for i in self._delivered if i not in delivered]
        if self._processor.facts is not None:
            # First: who asked waits for the commit, not for what Kafka still has to take of earlier batches.
            await self._processor.facts.committed(known.facts)
        await self._publish(emitted, outbox_id)
        self._measure(folded, records, self._clock.monotonic_ms() - started_ms)

    async def _begin(self, work: Any, batch: Batch, keys: list[str], known: Known) -> None:
        kept = await work.begin(batch.advances, keys)
        if kept is None:
            raise _Lost
        known.kept.update(kept)
        # A parked event exists only for an aggregate we know or whose first event is still to come.
        known.parked = await work.parked(keys)
        if ids := [
            c for r in batch.records if (c := getattr(r.event, "command_id", None)) is not None
        ]:
            known.settled = await work.settled(ids)

    async def _save(
        self,
        work: Any,
        folded: Folded,
        known: Known,
        outbox: tuple[list[Emitted], list[int]],
    ) -> int:
        touched: dict[str, Kept[Any]] = {key: known.kept[key] for key in folded.touched}
        source = self._processor.facts
        appended = source.appended(known.facts, touched) if source is not None else ()
        rewritten = source.rewritten(known.facts, touched) if source is not None else ()
        outbox_id: int = await work.finish(touched, *outbox, appended, rewritten)
        if source is not None:
            await source.save(work, known.facts, touched)
        if folded.parked:
            await work.park(folded.parked)
        if folded.unparked:
            await work.unpark(folded.unparked)
        if folded.dead:
            await work.bury(folded.dead)
        if folded.settled:
            await work.settle(folded.settled)
        return outbox_id

    def _side_records(self, folded: Folded) -> list[Emitted]:
        """Command results and dead letters go out with the events of the batch."""
        name = self._processor.name
        results = [
            Emitted(
                topic="command-results",
                key=result.command_id,
                value=self._codec.encode(result),
                headers=headers(
                    result, f"{result.command_id}:settled", result.command_id, name, ""
                ),
            )
            for result in folded.settled
        ]
        letters = [
            Emitted(
                topic="dead-letters",
                key=record.position(),
                value=record.raw,
                headers=(
                    *record.headers,
                    ("__connect.errors.topic", record.source.encode()),
                    ("__connect.errors.partition", str(record.partition).encode()),
                    ("__connect.errors.offset", str(record.offset).encode()),
                    ("__connect.errors.exception.message", code.encode()),
                    ("danshu.processor", name.encode()),
                ),
            )
            for record, code in folded.dead
        ]
        return results + letters

    async def _publish(self, emitted: list[Emitted], outbox_id: int) -> None:
        if not emitted:
            return
        while len(self._publishing) >= self._publishing_max:
            await self._publishing.popleft()
        delivered = self._publisher.publish(emitted, in_line=True)
        self._publishing.append(asyncio.create_task(self._mark(delivered, outbox_id)))

    async def _mark(self, delivered: asyncio.Future[None], outbox_id: int) -> None:
        await delivered
        failpoint("outbox.after_publish")
        self._delivered.append(outbox_id)

    def _raise_failed_publishes(self) -> None:
        while self._publishing and self._publishing[0].done():
            self._publishing.popleft().result()

    def _measure(self, folded: Folded, records: tuple[Record, ...], took_ms: int) -> None:
        name = self._processor.name
        metrics.RECORDS.labels(name, "applied").inc(folded.applied)
        metrics.RECORDS.labels(name, "ignored").inc(folded.ignored)
        metrics.RECORDS.labels(name, "duplicate").inc(folded.duplicates)
        metrics.RECORDS.labels(name, "parked").inc(len(folded.parked))
        metrics.RECORDS.labels(name, "dead").inc(len(folded.dead))
        metrics.BATCH_RECORDS.labels(name).observe(len(records))
        metrics.BATCH_SECONDS.labels(name).observe(took_ms / 1000)
