"""How long it is kept which payload made which version of an order."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY
from services.ingest.shared import Shared
from services.ingest.store import forget_evidence

EVERY_S = 600.0
ROWS_MAX = 10_000
"""A delete of this many takes a fraction of a second and holds no lock that anybody waits for."""


class EvidenceKeeper:
    """Deletes what is older than `days`, a slice at a time."""

    def __init__(self, shared: Shared, *, days: int) -> None:
        self._shared = shared
        self._age = timedelta(days=days)

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            try:
                gone = await self.forget()
            except AWAY as away:
                logger.warning("waiting", part="evidence", why=type(away).__name__)
                gone = 0
            if gone < ROWS_MAX:
                await asyncio.sleep(EVERY_S)

    async def forget(self) -> int:
        """Deletes one slice; returns how many rows."""
        before = self._shared.clock.now() - self._age
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            return await forget_evidence(connection, before, ROWS_MAX)
