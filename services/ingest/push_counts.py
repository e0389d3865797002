"""How many pushes each shop has had: counted at the doors in memory, added up in Postgres now and then.

Guarantees: counting waits for nothing. It is for people, no evidence: what a process counted in its last seconds
dies with it, and counts whose write got no answer may be added twice.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from chassis.log import logger
from chassis.postgres import AWAY, Pool
from services.ingest.shop_store import Pushes, add_pushes
from services.ingest.shops import Shop

WRITE_EVERY_S = 2.0


class PushCounts:
    """Counts of one process that are not in Postgres yet."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Pushes] = {}

    def note(self, shop: Shop, at: datetime) -> None:
        """Counts one genuine push that was taken."""
        key = shop.channel, shop.shop
        before = self._counts.get(key, Pushes(count=0, last_at=at))
        self._counts[key] = Pushes(count=before.count + 1, last_at=max(before.last_at, at))

    async def write_for_ever(self, pool: Pool) -> None:
        """Works until cancelled."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            try:
                await self.write(pool)
            except AWAY as error:
                logger.warning("waiting", part="push counts", why=type(error).__name__)

    async def write(self, pool: Pool) -> None:
        """Adds what was counted since the last call; what cannot be written waits for the next. Raises AWAY."""
        counts = dict(self._counts)
        if not counts:
            return
        await add_pushes(pool, counts)
        for key, written in counts.items():
            now = self._counts.pop(key)
            if now.count > written.count:
                self._counts[key] = Pushes(count=now.count - written.count, last_at=now.last_at)
