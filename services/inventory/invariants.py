"""Do the books agree? Sums over stock, holds, ledger and Valkey, each from its own source.

Guarantees: the Postgres figures are one snapshot and must all be 0 at any time. `valkey_difference` is 0 at
rest; while batches are under way it is what is promised and not yet committed. What sums over the ledger cost grows with
it: one that takes too long leaves its own gauge as it was and no other. The gauge that pages is not here but in
`checking.py`, whose cost does not grow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import asyncpg
from msgspec import Struct

from chassis.errors import Unavailable
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Connection, Pool
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
        """All sums; each sets its gauge. Raises Unavailable when Postgres does not answer, or not with every sum."""
        found: dict[str, int] = {}
        late: list[str] = []
        try:
            async with (
                self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                for books, (mismatch, add_up) in SUMS.items():
                    try:
                        async with connection.transaction():
                            found |= await add_up(connection)
                    except asyncpg.QueryCanceledError:
                        late.append(books)
                    else:
                        metrics.MISMATCH_UNITS.labels(books).set(found[mismatch])
                        metrics.BOOKS_ADDED_UP.labels(books).set_to_current_time()
        except AWAY as error:
            raise Unavailable(f"Postgres: {type(error).__name__}") from error
        if late:
            raise Unavailable(f"Postgres took too long to add up {', '.join(late)}")
        return Invariants(**found, valkey_difference=await self._valkey_difference())

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


async def _ledger(connection: Connection) -> dict[str, int]:
    row = await connection.fetchrow(SQL["invariants"])
    assert row is not None, "an aggregate without GROUP BY always gives a row"
    return dict(row)


async def _batches(connection: Connection) -> dict[str, int]:
    return {"batch_mismatch": int(await connection.fetchval(shelves.SQL["mismatch"]))}


async def _quotas(connection: Connection) -> dict[str, int]:
    return {"quota_mismatch": sum(one.pieces for one in await shares.differences(connection))}


async def _promises(connection: Connection) -> dict[str, int]:
    differing = await expectations.differences(connection)
    return {"promise_mismatch": sum(one.pieces for one in differing)}


async def _campaigns(connection: Connection) -> dict[str, int]:
    wrong = await shares.allotted_wrong(connection)
    return {"campaign_mismatch": sum(one.differing + one.lacking for one in wrong)}


Sum: TypeAlias = Callable[[Connection], Awaitable[dict[str, int]]]

SUMS: Mapping[str, tuple[str, Sum]] = {
    "ledger": ("ledger_mismatch", _ledger),
    "batches": ("batch_mismatch", _batches),
    "quotas": ("quota_mismatch", _quotas),
    "promises": ("promise_mismatch", _promises),
    "campaigns": ("campaign_mismatch", _campaigns),
}
"""By the label of the gauge: which figure it shows, and what reads it."""
