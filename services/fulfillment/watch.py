"""Watches the queue for people: how much is open, how much is late, how long the dispatcher owes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from chassis.clock import Clock
from chassis.log import logger
from chassis.postgres import AWAY
from services.fulfillment import metrics
from services.fulfillment.domain.model import OPEN
from services.fulfillment.store import ParcelReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Sets the gauges every `interval_s` until cancelled; values stand still while Postgres is away."""

    reader: ParcelReader
    clock: Clock
    interval_s: float

    async def run(self) -> None:
        """Looks again and again."""
        while True:
            try:
                await self.look()
            except AWAY as error:
                logger.warning("gauges wait for Postgres", why=type(error).__name__)
            await asyncio.sleep(self.interval_s)

    async def look(self) -> None:
        """One look."""
        now = self.clock.now()
        counts = await self.reader.open_counts(now)
        for stage in OPEN:
            parcels, overdue = counts.get(stage, (0, 0))
            metrics.OPEN_PARCELS.labels(stage.value).set(parcels)
            metrics.OVERDUE_PARCELS.labels(stage.value).set(overdue)
        since = await self.reader.oldest_due()
        metrics.OLDEST_DUE_SECONDS.set((now - since).total_seconds() if since else 0)
