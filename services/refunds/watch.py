"""Watches what waits for people: payouts whose outcome nobody knows, refunds that may have gone twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from chassis.errors import Unavailable
from chassis.log import logger
from services.refunds import metrics
from services.refunds.store import Journal

EVERY_S: Final = 5.0
"""Whoever is to look is called within minutes; each look counts rows of two small indexes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Sets the gauges every `interval_s` until cancelled, whatever the gateway does; values stand still while Postgres is away."""

    journal: Journal
    interval_s: float = EVERY_S

    async def run(self) -> None:
        """Looks again and again."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                logger.warning("waiting", task="watch", why=str(error))
            await asyncio.sleep(self.interval_s)

    async def look(self) -> None:
        """One look. Raises Unavailable."""
        payouts, doubts = await self.journal.waiting_for_people()
        metrics.NEEDS_PERSON.set(payouts)
        metrics.DOUBLE_REFUNDS.set(doubts)
