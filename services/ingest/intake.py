"""Where pushes go: into Kafka, or onto local disk while Kafka is away.

Guarantees: `take` returns when Kafka or the disk has the records. Records of one key reach Kafka in the order in
which they were taken, each at least once, whatever is killed in between: while anything lies on disk, what comes
goes behind it. Needs neither Kafka nor Postgres to start.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import msgspec

from chassis.clock import Clock
from chassis.log import logger
from chassis.processor import Emitted
from chassis.producer import DeliveryFailed, Publisher
from chassis.spool import NotSpooled, Spool
from services.ingest import metrics

KAFKA_TIMEOUT_MS = 2_000
"""A push waits so long for Kafka before it goes to the disk: platforms hang up after three to five seconds."""
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
SETTLE_S = 0.02

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Emitted).decode


class NotTaken(Exception):
    """Neither Kafka nor the disk has the records."""


class NoRoom(NotTaken):
    """Kafka is away, and the spool is full or its disk refuses."""


class Intake:
    """One process' way into Kafka. `publisher` is its own: what others lose must not cost it a push."""

    def __init__(self, publisher: Publisher, spool: Spool | None, clock: Clock) -> None:
        self._publisher = publisher
        self._spool = spool
        self._clock = clock
        self._direct = False
        """Whether records go to Kafka at once. Not before `run`: the topics may not exist yet."""
        self._diverted = asyncio.Event()
        self._tickets = itertools.count()
        self._in_flight = 0
        self._late: list[tuple[int, Sequence[bytes], asyncio.Future[asyncio.Future[None]]]] = []
        self._refusing = ""
        self._damaged_told = 0
        if spool is not None:
            metrics.SPOOL_BYTES.set_function(lambda: spool.size_bytes)
            metrics.SPOOL_RECORDS.set_function(lambda: spool.records)
            metrics.SPOOL_OLDEST_SECONDS.set_function(self._oldest_s)
            metrics.SPOOL_TORN_BYTES.inc(spool.torn_bytes)

    async def take(self, records: Sequence[Emitted]) -> None:
        """Returns when the records are durable. Raises NotTaken, NoRoom."""
        if not records:
            return
        ticket, direct = next(self._tickets), self._direct
        turn: asyncio.Future[asyncio.Future[None]] = asyncio.get_running_loop().create_future()
        self._in_flight += direct
        try:
            if direct and await self._published(records):
                return
            if self._spool is None:
                raise NotTaken
            self._late.append((ticket, [_encode(record) for record in records], turn))
        finally:
            self._in_flight -= direct
            self._spool_late()
        try:
            await (await turn)
        except NotSpooled as refused:
            self._refusing = str(refused)
            metrics.SPOOL_REFUSED.inc()
            raise NoRoom(str(refused)) from None
        self._refusing = ""
        metrics.SPOOL_TAKEN.inc(len(records))

    async def run(self) -> None:
        """Empties the disk into Kafka whenever it answers. Works until cancelled."""
        failures = 0
        while True:
            if self._direct:
                self._diverted.clear()
                await self._diverted.wait()
            if self._in_flight or self._late:
                await asyncio.sleep(SETTLE_S)
                continue
            if self._spool is None or self._spool.empty:
                # Also where the disk refused what Kafka had lost: that was answered so, and nothing waits for its turn.
                self._publisher.resume()
                self._direct, failures = True, 0
                continue
            try:
                await self._deliver_oldest(self._spool)
                failures = 0
            except DeliveryFailed as away:
                pause_s = RETRY_S[min(failures, len(RETRY_S) - 1)]
                failures += 1
                logger.warning("waiting", part="spool", why=str(away), pause_s=pause_s)
                await asyncio.sleep(pause_s)

    def degraded(self) -> str:
        """What is said by /readyz while Kafka is away or not caught up with."""
        if self._spool is None or self._spool.empty:
            return ""
        waiting = f"{self._spool.records} records wait on disk, the oldest {self._oldest_s():.0f} s"
        return f"{waiting}; pushes are refused: {self._refusing}" if self._refusing else waiting

    async def close(self) -> None:
        """When no push is taken any more: sends what is on its way, leaves the rest on disk."""
        await asyncio.to_thread(self._publisher.close)
        if self._spool is not None:
            await self._spool.close()

    async def _published(self, records: Sequence[Emitted]) -> bool:
        try:
            # In line, so that what follows a lost record is lost with it and both go to the disk in order.
            await self._publisher.publish(records, in_line=self._spool is not None)
        except DeliveryFailed as away:
            if self._spool is not None and self._direct:
                logger.warning("spooling", why=str(away))
                self._direct = False
                self._diverted.set()
            return False
        return True

    def _spool_late(self) -> None:
        """Puts what Kafka did not take in the order in which it came, once nothing is on its way any more."""
        if self._in_flight or self._spool is None:
            return
        late, self._late = sorted(self._late, key=lambda one: one[0]), []
        for _, contents, turn in late:
            appended = self._spool.append(contents)
            if turn.cancelled():
                appended.add_done_callback(lambda done: done.exception())
            else:
                turn.set_result(appended)

    async def _deliver_oldest(self, spool: Spool) -> None:
        if not (head := await spool.head()):  # what is there is still being written, or was damaged
            self._tell_damage(spool)
            await asyncio.sleep(SETTLE_S)
            return
        self._publisher.resume()
        await self._publisher.publish([_decode(one.content) for one in head], in_line=True)
        await spool.forget()
        metrics.SPOOL_DRAINED.inc(len(head))
        self._tell_damage(spool)

    def _tell_damage(self, spool: Spool) -> None:
        metrics.SPOOL_DAMAGED.inc(spool.damaged_records - self._damaged_told)
        self._damaged_told = spool.damaged_records

    def _oldest_s(self) -> float:
        if self._spool is None or not self._spool.records:
            return 0.0
        return max(0.0, self._clock.now().timestamp() - self._spool.oldest_ms / 1000)
