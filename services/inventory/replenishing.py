"""Suggestions, purchase orders on their way, terms of supply and sales history, as people ask for them and change them.

Guarantees: suggestions are by the plan of the day and the position of the moment; terms and history are kept all or none, with
who gave them, and what they touch is planned anew. History is what another system sold before this one: it counts on days that
our own books do not know, the same again changes nothing, and another one of a SKU takes the place of the earlier.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict

from chassis.errors import Unavailable
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Connection, Pool
from services.inventory.domain.demand import DAY
from services.inventory.domain.model import Goods, Purchase
from services.inventory.doors import Code
from services.inventory.parameters import BOUNDS
from services.inventory.planning import SQL, read_on_the_way, suggestions_of
from services.inventory.rebuild import decode_kept
from services.inventory.sourcing import Sourcing
from services.inventory.suggesting import Suggested

LISTED_MAX = 5_000
PIECES_MAX = 1_000_000
HISTORY_DAYS_MAX = 400
"""A year; a plan reads half of one."""


def _from_to(name: str) -> Meta:
    least, most = BOUNDS[name]
    return Meta(ge=least, le=most)


class SupplyRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On what terms a SKU is bought; without a warehouse, for each that has no terms of its own. None: by the rules."""

    sku: Code
    warehouse: Annotated[str, Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f|]*$")] = ""
    supplier: Annotated[str, Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f|]*$")] = ""
    lead_time_days: Annotated[int, _from_to("lead_time_days")] | None = None
    lead_time_sd_days: Annotated[int, _from_to("lead_time_sd_days")] | None = None
    review_days: Annotated[int, _from_to("review_days")] | None = None
    service_level_permille: Annotated[int, _from_to("service_level_permille")] | None = None
    over_receipt_percent: Annotated[int, _from_to("over_receipt_percent")] | None = None
    order_pieces_min: Annotated[int, Meta(ge=1, le=PIECES_MAX)] = 1
    pack_pieces: Annotated[int, Meta(ge=1, le=PIECES_MAX)] = 1


class KeptSupply(SupplyRow, frozen=True, kw_only=True):
    """Terms, with who gave them when."""

    changed_by: str
    changed_at: datetime


class SoldOfSku(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces of a SKU that were sold, a number a day from `first_day` on; null: there was nothing to sell, nobody knows."""

    sku: Code
    first_day: date
    pieces: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=PIECES_MAX)] | None, ...],
        Meta(min_length=1, max_length=HISTORY_DAYS_MAX),
    ]

    @property
    def last_day(self) -> date:
        """The last of its days."""
        return self.first_day + (len(self.pieces) - 1) * DAY


class HistoryKept(Struct, frozen=True, kw_only=True):
    """What became of history that was given, in SKUs."""

    kept: int
    unchanged: int
    without_stock: Sequence[str]
    """Of both, those that the warehouse has never had; their history counts once it has them."""


class KeptHistory(Struct, frozen=True, kw_only=True):
    """History of a row of stock: pieces sold on its known days, and who gave it when."""

    warehouse: str
    sku: str
    first_day: date
    last_day: date
    known_days: int
    pieces: int
    changed_by: str
    changed_at: datetime


class Suggestions(Struct, frozen=True, kw_only=True):
    """By warehouse, supplier and SKU."""

    suggestions: Sequence[Suggested]
    more: bool
    """Whether there are more than can be listed at once."""


class PurchaseOnTheWay(Struct, frozen=True, kw_only=True):
    """A purchase order of which something is still to come."""

    document_no: str
    state: str
    warehouse: str
    supplier: str
    goods: Goods
    outstanding: Goods
    expected_at: datetime | None
    opened_by: str
    opened_at: datetime


class Replenishment:
    """Reads and terms."""

    def __init__(self, pool: Pool, sourcing: Sourcing) -> None:
        self._pool = pool
        self._sourcing = sourcing

    async def suggestions(
        self, *, warehouse: str = "", sku: str = "", supplier: str = "", everything: bool = False
    ) -> Suggestions:
        """What to order now; with `everything` also rows of which nothing is to be ordered. Raises Unavailable."""
        async with self._transaction() as connection:
            rows = await connection.fetch(SQL["suggestible"], everything, warehouse, sku, supplier)
            coming = await read_on_the_way(connection, self._sourcing)
        found = [one for one in suggestions_of(rows, coming) if everything or one.quantity]
        return Suggestions(suggestions=found[:LISTED_MAX], more=len(found) > LISTED_MAX)

    async def purchases(self, *, warehouse: str = "", sku: str = "") -> list[PurchaseOnTheWay]:
        """Purchase orders on their way, those expected first at the head. Raises Unavailable."""
        async with self._transaction() as connection:
            return await purchases_on_the_way(connection, warehouse=warehouse, sku=sku)

    async def supply(self, skus: Sequence[str] = ()) -> list[KeptSupply]:
        """The terms of these SKUs, or of all. Raises Unavailable."""
        async with self._transaction() as connection:
            rows = await connection.fetch(SQL["supply"], list(skus), LISTED_MAX)
        return [KeptSupply(**row) for row in rows]

    async def keep_supply(self, rows: Sequence[SupplyRow], actor: str) -> None:
        """Keeps terms in the place of earlier ones of the same SKU and warehouse. Raises Unavailable."""
        async with self._transaction() as connection:
            await connection.executemany(
                SQL["keep_supply"], [(*asdict(row).values(), actor) for row in rows]
            )
            await connection.execute(SQL["plan_again"], sorted({row.sku for row in rows}))

    async def histories(self, warehouse: str = "", skus: Sequence[str] = ()) -> list[KeptHistory]:
        """What history is kept, of all where nothing is named, up to 5,000 rows. Raises Unavailable."""
        async with self._transaction() as connection:
            rows = await connection.fetch(SQL["histories"], warehouse, list(skus), LISTED_MAX)
        return [KeptHistory(**row) for row in rows]

    async def keep_history(
        self, warehouse: str, sold: Sequence[SoldOfSku], actor: str
    ) -> HistoryKept | None:
        """Keeps what was sold in a warehouse; None where nobody knows the warehouse. Raises Unavailable."""
        skus = [one.sku for one in sold]
        firsts = [one.first_day for one in sold]
        days = [msgspec.json.encode(one.pieces).decode() for one in sold]
        async with self._transaction() as connection:
            if not await connection.fetchval(SQL["warehouse_known"], warehouse):
                return None
            kept = await connection.fetch(SQL["keep_history"], warehouse, skus, firsts, days, actor)
            without = await connection.fetch(SQL["without_stock"], warehouse, skus)
            await connection.execute(
                SQL["plan_rows_again"], warehouse, [row["sku"] for row in kept]
            )
        return HistoryKept(
            kept=len(kept),
            unchanged=len(sold) - len(kept),
            without_stock=[row["sku"] for row in without],
        )

    async def forget_history(self, warehouse: str, skus: Sequence[str]) -> int:
        """Forgets history; returns of how many SKUs. A second call forgets none. Raises Unavailable."""
        async with self._transaction() as connection:
            gone = await connection.fetch(SQL["forget_history"], warehouse, list(skus))
            await connection.execute(
                SQL["plan_rows_again"], warehouse, [row["sku"] for row in gone]
            )
        return len(gone)

    async def plan_again(self, skus: Sequence[str] = ()) -> None:
        """Has these SKUs (none: all) planned anew at the next look. Raises Unavailable."""
        async with self._transaction() as connection:
            await connection.execute(SQL["plan_again"], list(skus))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        try:
            async with (
                self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
                connection.transaction(),
            ):
                yield connection
        except AWAY as error:
            raise Unavailable(f"Postgres: {type(error).__name__}") from error


async def purchases_on_the_way(
    connection: Connection, *, warehouse: str = "", sku: str = ""
) -> list[PurchaseOnTheWay]:
    """Purchase orders of which something is to come, of this warehouse and this SKU where they are named."""
    found = []
    for row in await connection.fetch(SQL["on_the_way"]):
        state = decode_kept(row["document"]).state
        if not isinstance(state, Purchase) or warehouse not in {"", state.warehouse}:
            continue
        if sku and sku not in dict(state.outstanding):
            continue
        found.append(
            PurchaseOnTheWay(
                document_no=row["key"],
                state=state.state,
                warehouse=state.warehouse,
                supplier=state.supplier,
                goods=state.goods,
                outstanding=state.outstanding,
                expected_at=state.expected_at,
                opened_by=state.opened_by,
                opened_at=state.opened_at,
            )
        )
    return sorted(found, key=lambda one: (one.expected_at or one.opened_at, one.document_no))
