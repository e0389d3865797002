"""The Faust application: `danshu.orders.v1` → windows → `danshu.signals.v1`.

Nothing here is the truth. Faust 0.15.3 acknowledges an event whose handling failed, and its position may run
ahead of what was handled, so all it does can be recomputed from the topic: counts live in memory and a start
reads a while back (`position.py`). One agent, concurrency 1, batches by `take`, raw bytes on the wire, no
tables, no web server. A record of another type costs a look at its first five bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faust

from chassis.clock import Clock
from chassis.codec import Codec
from chassis.errors import Invalid, Unavailable
from chassis.log import logger
from chassis.processor import headers
from chassis.topics import TOPICS
from schemas.events.orders import OrderPlaced
from schemas.events.signals import ChannelWindowClosed
from services.insight import metrics
from services.insight.connection import credentials
from services.insight.domain.windows import Accepted, Closed, Windows
from services.insight.settings import InsightSettings

TAKE_WITHIN_S = 0.5
CLOSE_EVERY_S = 1.0
SCHEMA_PAUSE_S = 1.0
FROZEN_S = 30.0
"""Between two ticks: who stood still for longer may have lost his session, and another may have read on (Faust's is 60 s)."""


def group(settings: InsightSettings) -> str:
    """Insight's consumer group."""
    return f"{settings.topic_prefix}.insight"


def faust_app(settings: InsightSettings, scratch: Path) -> faust.App:
    """The application without its agents. `scratch` is an empty folder that Faust may write to."""
    return faust.App(
        group(settings),
        broker=[f"kafka://{address}" for address in settings.kafka_bootstrap.split(",")],
        broker_credentials=credentials(settings.kafka_options),
        consumer_auto_offset_reset="earliest",
        store="memory://",
        datadir=scratch,
        autodiscover=False,
        # It would serve the content of tables to anyone.
        web_enabled=False,
        # Topics are created by the map, never by a client.
        topic_allow_declare=False,
        topic_disable_leader=True,
        producer_acks=-1,
        # Stop with what is in hand; the rest is read by the successor.
        stream_wait_empty=False,
        worker_redirect_stdouts=False,
    )


class Stream:
    """Reads orders, keeps the windows, announces closings."""

    def __init__(
        self,
        app: faust.App,
        settings: InsightSettings,
        codec: Codec,
        clock: Clock,
        windows: Windows,
    ) -> None:
        self._app = app
        self._settings = settings
        self._codec = codec
        self._clock = clock
        self._windows = windows
        self._board = metrics.Board()
        # What lies on the topic is not read yet.
        windows.behind(clock.now())
        self.waiting_for = ""
        """Why nothing is counted; empty when it is. Shown by /readyz."""
        self.ended = ""
        """Why nothing is announced any more and the process must end; empty while all partitions are its own."""
        self._ticked_ms: int | None = None
        orders = self._raw(TOPICS["orders"].name(settings.topic_prefix))
        self._signals = self._raw(TOPICS["signals"].name(settings.topic_prefix))
        app.agent(orders, name="orders", concurrency=1)(self._read)
        app.timer(interval=CLOSE_EVERY_S, name="close")(self.announce)

    def assigned(self) -> int:
        """How many partitions of the orders topic this process reads."""
        return len(self._partitions())

    def reads_first(self) -> bool:
        """Whether partition 0 is among them."""
        return 0 in self._partitions()

    def _partitions(self) -> set[int]:
        name = TOPICS["orders"].name(self._settings.topic_prefix)
        assigned = self._app.consumer.assignment()
        return {partition.partition for partition in assigned if partition.topic == name}

    async def _read(self, stream: Any) -> AsyncIterator[None]:
        async for events in stream.take_events(self._settings.batch_records, within=TAKE_WITHIN_S):
            started_ms = self._clock.monotonic_ms()
            values = [event.value for event in events]
            try:
                await self._patiently(values)
            except Exception:  # noqa: BLE001 — must not stop the stream, see below
                # Faust would acknowledge these all the same; said and counted, the stream goes on.
                metrics.RECORDS.labels("failed").inc(len(values))
                logger.exception("batch_failed", records=len(values))
            written_s = min(event.message.timestamp for event in events)
            self._windows.read(datetime.fromtimestamp(written_s, UTC), self._clock.now())
            await self._pace(len(values), started_ms)
            yield

    async def _patiently(self, values: Sequence[bytes | None]) -> None:
        while True:
            try:
                self.count(values)
            except Unavailable as error:
                self.waiting_for = str(error)
                logger.warning("waiting", part="schemas", why=str(error))
                await asyncio.sleep(SCHEMA_PAUSE_S)
            else:
                self.waiting_for = ""
                return

    def count(self, values: Sequence[bytes | None]) -> None:
        """Takes raw records into the windows. Raises Unavailable, and has taken none, while a schema cannot be asked for."""
        understood = [self._understood(value) for value in values]
        now = self._clock.now()
        outcomes: dict[str, int] = {}
        for one in understood:
            outcome = one if isinstance(one, str) else self._windows.add(one, now)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        for outcome, number in outcomes.items():
            metrics.RECORDS.labels(outcome).inc(number)

    def _understood(self, value: bytes | None) -> Accepted | str:
        """What the windows need, or why they need nothing."""
        try:
            if value is None or self._codec.record_type(value) is not OrderPlaced:
                return "skipped"
            return accepted(self._codec.decode(value))
        except Invalid:
            return "invalid"

    async def announce(self) -> None:
        """Puts closings on the topic and shows who is silent; what Kafka does not take is tried again at the next tick."""
        self._look_for_another()
        if not self.ended:
            await self._announce(self._clock.now())
        self._ticked_ms = self._clock.monotonic_ms()

    def _look_for_another(self) -> None:
        """What another has read is missing here: these windows are never whole again."""
        mine, wanted = self.assigned(), TOPICS["orders"].partitions
        now_ms = self._clock.monotonic_ms()
        still_ms = 0 if self._ticked_ms is None else now_ms - self._ticked_ms
        if 0 < mine < wanted:
            self.ended = f"another process of insight reads: {mine} of {wanted} partitions are left"
        elif still_ms > FROZEN_S * 1000:
            self.ended = f"stood still for {still_ms} ms: another may have read on"

    async def _announce(self, now: datetime) -> None:
        if self.waiting_for or self.assigned() < TOPICS["orders"].partitions:
            self._windows.behind(now)
        for closed in self._windows.close(now):
            try:
                await self._send(closed)
            except Exception as error:  # noqa: BLE001 — whatever it is, the window stays due
                self._windows.reopen((closed,))
                metrics.ANNOUNCE_FAILURES.inc()
                logger.warning("not_announced", channel=closed.channel, why=type(error).__name__)
            else:
                self._board.show(closed)
        self._windows.forget()
        for silent in self._windows.silent(now):
            self._board.silence(silent)

    async def _send(self, closed: Closed) -> None:
        event = ChannelWindowClosed(
            channel=closed.channel,
            window_start=closed.start,
            window_end=closed.end,
            orders=closed.totals.orders,
            delay_max_ms=closed.totals.sync_delay_max_ms,
            delay_sum_ms=closed.totals.sync_delay_sum_ms,
        )
        # The same totals again are the same event.
        event_id = f"{closed.channel}:{closed.start.isoformat()}:{closed.totals.orders}"
        taken = await self._signals.send(
            key=closed.channel.encode(),
            value=self._codec.encode(event),
            headers=list(headers(event, event_id, closed.channel, "insight", "")),
        )
        await taken

    async def _pace(self, records: int, started_ms: int) -> None:
        """Waits while a batch was quicker than the bound: Faust's buffer fills up and fetching pauses."""
        due_ms = records * 1000 // self._settings.records_per_s_max
        await asyncio.sleep(max(0, due_ms - (self._clock.monotonic_ms() - started_ms)) / 1000)

    def _raw(self, name: str) -> Any:
        return self._app.topic(
            name,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )


def accepted(placed: Any) -> Accepted:
    """What the windows need of an OrderPlaced."""
    return Accepted(
        order_id=placed.order_id,
        channel=placed.channel,
        occurred_at=placed.occurred_at,
        accepted_at=placed.accepted_at,
    )
