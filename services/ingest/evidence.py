"""How long it is kept which payload made which version of an order."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from chassis.log import logger
from chassis.postgres import AWAY, Connection, leading
from services.ingest.shared import Shared
from services.ingest.store import forget_evidence

LOCK = 5_101_363
"""Advisory lock of the one that forgets. The number is arbitrary and ours."""
EVERY_S = 600.0
ROWS_MAX = 10_000
"""A delete of this many takes a fraction of a second and holds no lock that anybody waits for."""


class EvidenceKeeper:
    """Deletes what is older than `days`, a slice at a time."""

    def __init__(self, shared: Shared, *, days: int) -> None:
        self._shared = shared
        self._age = timedelta(days=days)

    async def run(self) -> None:
        """Works until cancelled; one process at a time."""
        while True:
            try:
                async with leading(self._shared.pool, LOCK) as connection:
                    while connection is not None and await self.forget(connection) == ROWS_MAX:
                        pass
            except AWAY as away:
                logger.warning("waiting", part="evidence", why=type(away).__name__)
            await asyncio.sleep(EVERY_S)

    async def forget(self, connection: Connection) -> int:
        """Deletes one slice; returns how many rows."""
        before = self._shared.clock.now() - self._age
        return await forget_evidence(connection, before, ROWS_MAX)
