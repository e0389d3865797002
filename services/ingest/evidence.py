"""How long it is kept which payload made which version of an order."""

from __future__ import annotations

from datetime import timedelta

from chassis.forgetting import forget_in_turn
from chassis.postgres import Connection
from services.ingest.shared import Shared
from services.ingest.store import forget_evidence

LOCK = 5_101_363
"""Advisory lock of the one that forgets. The number is arbitrary and ours."""
ROWS_MAX = 10_000
"""A delete of this many takes a fraction of a second and holds no lock that anybody waits for."""


class EvidenceKeeper:
    """Deletes what is older than `days`, a slice at a time."""

    def __init__(self, shared: Shared, *, days: int) -> None:
        self._shared = shared
        self._age = timedelta(days=days)

    async def run(self) -> None:
        """Works until cancelled; one process at a time."""
        await forget_in_turn(self._shared.pool, LOCK, self._has_more, part="evidence")

    async def _has_more(self, connection: Connection) -> bool:
        return await self.forget(connection) == ROWS_MAX

    async def forget(self, connection: Connection) -> int:
        """Deletes one slice; returns how many rows."""
        before = self._shared.clock.now() - self._age
        return await forget_evidence(connection, before, ROWS_MAX)
