"""Do the books agree? Sums over stock, holds, ledger and Valkey, each from its own source.

Guarantees: the Postgres figures are one snapshot and must all be 0 at any time. `valkey_difference` is 0 at
rest; while batches are under way it is what is promised and not yet committed.
"""

from __future__ import annotations

from msgspec import Struct

from chassis.errors import Unavailable
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Pool
from services.inventory import expectations, metrics, shares, shelves
from services.inventory.counters import ValkeyCounters
from services.inventory.domain.presale import Ahead
from services.inventory.store import SQL, EpochInForce


class Invariants(Struct, frozen=True, kw_only=True):
    """Pieces, but for `negative_rows`."""

    oversold_units: int
    """Held beyond what all receipts, returns and deductions leave."""
    negative_rows: int
    """Rows of stock outside 0 ≤ reserved ≤ on_hand."""
    reserved_mismatch: int
    """Between `reserved` and the live holds."""
    ledger_mismatch: int
    """Between `on_hand` and the ledger."""
    batch_mismatch: int = 0
    """Between batches and the ledger, and between rows and their batches."""
    quota_mismatch: int = 0
    """Between what channels are counted to hold and to have sent, and live holds and ledger."""
    promise_mismatch: int = 0
    """Between what is promised, outstanding and set aside, and live promises, purchase orders and what came."""
    campaign_mismatch: int = 0
    """Between what campaigns have set aside and what rows keep for them."""
    valkey_difference: int | None
    """Between Valkey and Postgres; null while Valkey is not in force."""


class Level(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One SKU in one warehouse, in pieces."""

    warehouse: str
    sku: str
    on_hand: int
    reserved: int
    available: int
    """What may be promised: on hand, not reserved, and of a batch that is for sale. Negative when more was promised."""
    kept: int = 0
    """Of these, what only some group of channels may hold (hard quotas)."""
    promisable: tuple[Ahead, ...] = ()
    """What paid orders may still be promised out of purchase orders, those expected first; absent where presale does not sell it."""


class Books:
    """Reads what there is."""

    def __init__(self, pool: Pool, counters: ValkeyCounters, epochs: EpochInForce) -> None:
        self._pool = pool
        self._counters = counters
        self._epochs = epochs

    async def invariants(self) -> Invariants:
        """All sums. Raises Unavailable when Postgres does not answer."""
        try:
            async with (
                self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                row = await connection.fetchrow(SQL["invariants"])
                batches = int(await connection.fetchval(shelves.SQL["mismatch"]))
                uses = await shares.differences(connection)
                promises = await expectations.differences(connection)
                allotted = await shares.allotted_wrong(connection)
        except AWAY as error:
            raise Unavailable(f"Postgres: {type(error).__name__}") from error
        assert row is not None, "an aggregate without GROUP BY always gives a row"
        sums = Invariants(
            **dict(row),
            batch_mismatch=batches,
            quota_mismatch=sum(one.pieces for one in uses),
            promise_mismatch=sum(one.pieces for one in promises),
            campaign_mismatch=sum(one.differing + one.lacking for one in allotted),
            valkey_difference=await self._valkey_difference(),
        )
        metrics.OVERSOLD_UNITS.set(sums.oversold_units)
        metrics.MISMATCH_UNITS.labels("reserved").set(sums.reserved_mismatch)
        metrics.MISMATCH_UNITS.labels("ledger").set(sums.ledger_mismatch)
        metrics.MISMATCH_UNITS.labels("batches").set(sums.batch_mismatch)
        metrics.MISMATCH_UNITS.labels("quotas").set(sums.quota_mismatch)
        metrics.MISMATCH_UNITS.labels("promises").set(sums.promise_mismatch)
        metrics.MISMATCH_UNITS.labels("campaigns").set(sums.campaign_mismatch)
        return sums

    async def _valkey_difference(self) -> int | None:
        try:
            epoch = await self._counters.in_force()
            if epoch is None or epoch != self._epochs.known:
                return None
            there = await self._counters.levels(epoch.number)
        except Unavailable:
            return None
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            rows = await connection.fetch(SQL["all_levels"])
        true: dict[tuple[str, str], int] = {
            (row["warehouse"], row["sku"]): row["available"] for row in rows
        }
        rows_of_either = true.keys() | there.keys()
        return sum(abs(true.get(row, 0) - there.get(row, 0)) for row in rows_of_either)
