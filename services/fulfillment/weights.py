"""What one piece of a SKU weighs, and every change of it with who made it and why. Raises what asyncpg raises."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from chassis.postgres import Pool, named_queries

CHANGES_MAX = 100
QUERIES = named_queries(Path(__file__).parent / "sql" / "queries.sql")


class WeightChange(Struct, frozen=True, kw_only=True):
    """One change. `former_weight_g` None: the SKU had no weight before."""

    weight_g: int
    former_weight_g: int | None
    changed_at: datetime
    actor: str
    reason: str


class SkuWeight(Struct, frozen=True, kw_only=True):
    """The weight of one piece and its newest changes, the newest first; none where it is older than their keeping."""

    sku: str
    weight_g: int
    changes: tuple[WeightChange, ...]


class SkuWeights:
    """The weights in Postgres."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self, sku: str) -> SkuWeight | None:
        """One SKU's; None where it has no weight."""
        async with self._pool.acquire() as connection:
            weight_g = await connection.fetchval(QUERIES["weight"], sku)
            rows = await connection.fetch(QUERIES["weight_changes"], sku, CHANGES_MAX)
        if weight_g is None:
            return None
        changes = tuple(WeightChange(**dict(row)) for row in rows)
        return SkuWeight(sku=sku, weight_g=weight_g, changes=changes)

    async def keep(
        self, unit_weights_g: Mapping[str, int], *, actor: str, reason: str, at: datetime
    ) -> int:
        """Adds or changes weights; returns how many weigh otherwise now. The next batch plans with them.

        What weighs as much already is no change, so that a second call has none.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            # The revision's row lock makes writers take turns, so that a reader who sees it sees all.
            await connection.execute(QUERIES["count_weights_revision"])
            changed: int = await connection.fetchval(
                QUERIES["keep_weights"],
                list(unit_weights_g),
                list(unit_weights_g.values()),
                at,
                actor,
                reason,
            )
        return changed
