"""One process of insight: doors for people and Prometheus, waiting for Kafka, Faust until SIGTERM.

It needs Kafka and the registry, neither Postgres nor Valkey. One process reads all partitions; a second one
waits until the first is gone and says so at /readyz. Two that came at the same moment both end, to be started
again: half of an order book is worse than a late one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import uvloop

from chassis import registry, topics
from chassis.clock import SystemClock
from chassis.errors import StartRefused, Unavailable
from chassis.http import Door, Standing, admin_app
from chassis.log import configure, logger
from chassis.metrics import UP_INFO
from chassis.priority import give_way
from chassis.service import DRAIN_TIMEOUT_S, VERSION, WAIT_S
from chassis.settings import read
from chassis.topics import TOPICS
from services.insight.domain.windows import Windows
from services.insight.position import channels_announced, rewind
from services.insight.settings import InsightSettings
from services.insight.stream import Stream, faust_app, group

WATCH_EVERY_S = 0.5
NICENESS = 10
YIELD_S = 5.0
"""Of two the one without partition 0 ends so much later: they must not start again side by side."""


def main() -> None:
    """Runs insight until SIGTERM; exits 0, 1 after a failure, 2 when the start is refused."""
    try:
        settings = read(InsightSettings)
        configure("insight", settings.log_level)
        # What can be computed again gives way to those who sell.
        give_way(NICENESS)
        uvloop.run(Insight(settings).run())
    except StartRefused as refusal:
        sys.stderr.write(f"insight: {refusal}\n")
        sys.exit(2)
    except Unavailable as reason:
        sys.stderr.write(f"insight: {reason}\n")
        sys.exit(1)


class Insight:
    """The process."""

    def __init__(self, settings: InsightSettings) -> None:
        self._settings = settings
        self._stopping = asyncio.Event()
        self._reason = "starting"
        self._stream: Stream | None = None

    async def run(self) -> None:
        """Works until asked to stop. Raises what made Faust crash, and Unavailable when another reads as well."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        settings = self._settings
        admin = Door(admin_app(self._standing), settings.admin_host, settings.admin_port)
        admin_port = await admin.open()
        windows = await self._prepare()
        if windows is not None:
            logger.info("positions_taken", admin_port=admin_port)
            with tempfile.TemporaryDirectory(prefix="danshu-insight-") as scratch:
                await self._work(windows, Path(scratch))
        await admin.close()

    async def _work(self, windows: Windows, scratch: Path) -> None:
        app = faust_app(self._settings, scratch)
        codec = registry.codec_asking(self._settings.schema_registry_url)
        self._stream = stream = Stream(app, self._settings, codec, SystemClock(), windows)
        await app.start()
        self._reason = ""
        logger.info("ready")
        UP_INFO.labels("insight", VERSION).set(1)
        while not (self._stopping.is_set() or app.should_stop or stream.ended):
            await _first_of(self._stopping.wait(), WATCH_EVERY_S)
        self._reason = stream.ended or "stopping"
        if stream.ended and not stream.reads_first():
            await _first_of(self._stopping.wait(), YIELD_S)
        crash = app.crash_reason
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            await app.stop()
        if crash is not None:
            raise crash
        if stream.ended:
            raise Unavailable(stream.ended)

    async def _prepare(self) -> Windows | None:
        """Schemas, topics, positions; None when asked to stop meanwhile."""
        settings = self._settings
        await self._until_done("schemas", lambda: _ensure_schemas(settings))
        await self._until_done("topics", lambda: _ensure_topics(settings))
        made: list[Windows] = []

        async def positions() -> None:
            made.append(await asyncio.to_thread(_windows, settings))

        await self._until_done("positions", positions)
        return made[0] if made else None

    async def _until_done(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        while not self._stopping.is_set():
            try:
                await step()
            except Unavailable as error:
                self._reason = f"waiting for {name}: {error}"
                logger.warning("waiting", step=name, why=str(error))
                await _first_of(self._stopping.wait(), WAIT_S)
            else:
                return

    def _standing(self) -> Standing:
        if self._reason or self._stream is None:
            return Standing(reasons=(self._reason or "starting",))
        if self._stream.waiting_for:
            return Standing(reasons=(self._stream.waiting_for,))
        wanted = TOPICS["orders"].partitions
        if (mine := self._stream.assigned()) < wanted:
            return Standing(reasons=(f"reads {mine} of {wanted} partitions of orders",))
        return Standing(reasons=())

    def _asked_to_stop(self) -> None:
        if self._stopping.is_set():
            os._exit(1)  # asked twice: now, without draining
        self._stopping.set()


async def _ensure_schemas(settings: InsightSettings) -> None:
    await asyncio.to_thread(registry.ensure, settings.schema_registry_url)


async def _ensure_topics(settings: InsightSettings) -> None:
    await asyncio.to_thread(
        topics.ensure, settings.kafka(), settings.topic_prefix, settings.kafka_replication
    )


def _windows(settings: InsightSettings) -> Windows:
    kafka = settings.kafka()
    horizon = rewind(
        kafka,
        group(settings),
        TOPICS["orders"].name(settings.topic_prefix),
        timedelta(seconds=settings.rewind_s + settings.grace_s),
        SystemClock().now(),
    )
    return Windows(
        grace=timedelta(seconds=settings.grace_s),
        windows_max=settings.windows_max,
        orders_remembered=settings.orders_remembered,
        horizon=horizon,
        channels=channels_announced(
            kafka, group(settings), TOPICS["signals"].name(settings.topic_prefix)
        ),
    )


async def _first_of(event: Awaitable[object], timeout_s: float) -> None:
    """Returns when the event comes or the time is over."""
    try:
        async with asyncio.timeout(timeout_s):
            await event
    except TimeoutError:
        return
