"""Planning by the clock: once a day when and how much to order; every half minute what fell below its safety stock.

Guarantees: a row is planned once a day, whatever dies meanwhile; several processes may look, the database lets one at a
time act. An event carries the number of its row's events; it is told before its transaction commits, so after a crash it
may be told again under the same number.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chassis.clock import Clock
from chassis.codec import Codec
from chassis.commands import envelope
from chassis.postgres import Connection, Pool, named_queries
from chassis.producer import Publisher
from schemas.events.replenishment import ReplenishmentSuggested, SafetyStockCrossed
from services.inventory import metrics
from services.inventory.domain.demand import Moved, SoldBefore, completed, daily_demand
from services.inventory.domain.forecasting import Demand, pattern
from services.inventory.domain.model import Goods, Hold, Row, pieces_of
from services.inventory.domain.replenishment import Plan, plan
from services.inventory.parameters import Parameters, Supply
from services.inventory.rebuild import decode_kept
from services.inventory.reconciling import SHANGHAI
from services.inventory.sourcing import Sourcing
from services.inventory.suggesting import OnTheWay, Suggested, on_the_way, suggestion
from services.inventory.timers import leading

SQL = named_queries(Path(__file__).parent / "sql" / "replenishing.sql")
HISTORY = timedelta(days=182)
"""How far back demand is read: two of the longest look back that a forecaster takes."""
ROWS_A_LOOK = 50
PLAN_PAUSE_TIMES = 4
"""A plan takes a fifth of the time at most: it is for the day, and orders are for now."""
PLAN_EVERY_MS = 60_000
WATCH_EVERY_MS = 30_000
LEAD_PLANNING, LEAD_WATCHING = 40, 41

decode_plan = msgspec.json.Decoder(Plan).decode


class Planner:
    """Plans, and tells what follows on the topic `replenishment`."""

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        publisher: Publisher,
        codec: Codec,
        *,
        parameters: Parameters,
        sourcing: Sourcing,
        from_hour: int,
    ) -> None:
        self._pool = pool
        self._parameters = parameters
        self._sourcing = sourcing
        self._clock = clock
        self._publisher = publisher
        self._codec = codec
        self._day_begins = timedelta(hours=from_hour)

    async def plan_due(self) -> int:
        """Plans every row of stock that has no plan of this day, which begins at that hour in Shanghai; returns how many."""
        now = self._clock.now()
        day = (now.astimezone(SHANGHAI) - self._day_begins).date()
        planned, after = 0, ("", "")
        started_ms = self._clock.monotonic_ms()
        while rows := await self._plan_some(day, now, after):
            planned += len(rows)
            after = rows[-1]
            took_ms = self._clock.monotonic_ms() - started_ms
            await asyncio.sleep(took_ms / 1000 * PLAN_PAUSE_TIMES)
            started_ms = self._clock.monotonic_ms()
        return planned

    async def watch(self) -> int:
        """Tells what crossed its safety stock, and takes back suggestions that were followed; returns how many."""
        async with leading(self._pool, LEAD_WATCHING) as connection:
            if connection is None:
                return 0
            now = self._clock.now()
            told: list[Struct] = [
                SafetyStockCrossed(
                    level_key=f"{row['warehouse']}|{row['sku']}",
                    version=row["version"],
                    occurred_at=now,
                    warehouse=row["warehouse"],
                    sku=row["sku"],
                    below=row["below_safety"],
                    available=row["available"],
                    safety_stock=row["safety_stock"],
                )
                for row in await connection.fetch(SQL["cross_safety"])
            ]
            told += await self._taken_back(connection, now)
            await self._tell(told)
            standing = await connection.fetchrow(SQL["standing"])
            assert standing is not None
            metrics.BELOW_SAFETY.set(standing["below"])
            metrics.SUGGESTED.set(standing["suggested"])
        return len(told)

    async def _plan_some(
        self, today: date, now: datetime, after: tuple[str, str]
    ) -> list[tuple[str, str]]:
        """Plans the next rows in one transaction, by SKU and warehouse; none: all are planned, or another process is at it."""
        async with leading(self._pool, LEAD_PLANNING) as connection:
            if connection is None:
                return []
            due = await connection.fetch(SQL["due_rows"], today, ROWS_A_LOOK, *after)
            if not due:
                return []
            coming = await read_on_the_way(connection, self._sourcing)
            kept: list[tuple[Any, ...]] = []
            told: list[Suggested] = []
            async for row in _to_plan(connection, due, today):
                found = self._plan(row, today)
                where: Row = (row["warehouse"], row["sku"])
                said = suggestion(
                    where, found, coming.position(where, row["on_hand"], row["reserved"]), now
                )
                # Each day anew while it stands, so that whoever reads the last days knows all of them.
                tells = said.quantity > 0 or row["suggested"] > 0
                if tells:
                    told.append(said)
                numbers = (found.safety_stock, found.reorder_point, said.quantity, int(tells))
                kept.append((*where, msgspec.json.encode(found).decode(), *numbers))
                await asyncio.sleep(0)  # a plan takes milliseconds, and tills wait behind it
            columns = [list(column) for column in zip(*kept, strict=True)]
            versions = {
                (row["warehouse"], row["sku"]): row["version"]
                for row in await connection.fetch(SQL["keep_plans"], *columns, now, today)
            }
            await self._tell([_event(one, versions[one.warehouse, one.sku], now) for one in told])
        return [(row["sku"], row["warehouse"]) for row in due]

    def _plan(self, row: Any, today: date) -> Plan:
        supply = Supply(**{name: row[name] for name in Supply.__struct_fields__})
        demand, from_before = demand_of(row, today)
        seen = pattern(demand)
        warehouse = row["warehouse"]
        found = plan(
            demand,
            seen,
            self._parameters.forecaster(seen.demand_class, warehouse, supply.supplier),
            self._parameters.terms(warehouse, seen.demand_class, supply),
        )
        return replace(found, days_from_before=from_before)

    async def _taken_back(
        self, connection: Connection, now: datetime
    ) -> list[ReplenishmentSuggested]:
        found = await connection.fetch(SQL["told_of"])
        if not found:
            return []
        coming = await read_on_the_way(connection, self._sourcing)
        gone = [one for one in suggestions_of(found, coming) if one.quantity == 0]
        return [
            _event(one, await connection.fetchval(SQL["take_back"], one.warehouse, one.sku), now)
            for one in gone
        ]

    async def _tell(self, events: Sequence[Struct]) -> None:
        await self._publisher.publish(
            [envelope(self._codec, event, "inventory") for event in events]
        )


async def _to_plan(connection: Connection, due: Sequence[Any], today: date) -> AsyncIterator[Any]:
    """These rows, which are in the order of SKUs, with what their plans follow from: a statement reads one SKU's history."""
    for sku, rows in groupby(due, key=itemgetter("sku")):
        warehouses = [row["warehouse"] for row in rows]
        for row in await connection.fetch(
            SQL["rows_to_plan"], sku, warehouses, first_moment(today)
        ):
            yield row


def first_moment(today: date) -> datetime:
    """From when on demand is read."""
    first = today - HISTORY
    return datetime(first.year, first.month, first.day, tzinfo=SHANGHAI).astimezone(UTC)


def demand_of(row: Any, today: date) -> tuple[Demand, int]:
    """Demand of a row of stock by what moved of it and what was sold before, up to yesterday; days from before."""
    moved = [
        Moved(*day)
        for day in zip(row["days"] or (), row["sold"] or (), row["net"] or (), strict=True)
    ]
    first = today - HISTORY
    before = None
    if row["past_from"] is not None:
        before = SoldBefore(first_day=row["past_from"], pieces=row["past_pieces"])
    return completed(daily_demand(row["on_hand"], moved, first, today), before, first, today)


async def read_on_the_way(connection: Connection, sourcing: Sourcing) -> OnTheWay:
    """What purchase orders and transfers will bring, and what paid orders wait for."""

    def sends(order: Hold, goods: Goods) -> str:
        choice = sourcing.choice(order.channel, order.province, pieces_of(goods), order.told)
        return next(iter(choice.warehouses), "")

    rows = await connection.fetch(SQL["on_the_way"])
    rows += await connection.fetch(SQL["backordered"])
    return on_the_way((decode_kept(row["document"]).state for row in rows), sends)


def suggestions_of(rows: Iterable[Any], coming: OnTheWay) -> Iterable[Suggested]:
    """Suggestions of rows with their plans, by the position of the moment."""
    for row in rows:
        where: Row = (row["warehouse"], row["sku"])
        position = coming.position(where, row["on_hand"], row["reserved"])
        yield suggestion(where, decode_plan(row["plan"]), position, row["planned_at"])


def _event(one: Suggested, version: int, now: datetime) -> ReplenishmentSuggested:
    return ReplenishmentSuggested(
        level_key=f"{one.warehouse}|{one.sku}",
        version=version,
        occurred_at=now,
        warehouse=one.warehouse,
        sku=one.sku,
        quantity=one.quantity,
        supplier=one.supplier,
        demand_class=one.demand_class,
        forecaster=one.forecaster,
        daily_demand_milli=one.daily_demand_milli,
        lead_time_days=one.lead_time_days,
        review_days=one.review_days,
        service_level_permille=one.service_level_permille,
        safety_stock=one.safety_stock,
        reorder_point=one.reorder_point,
        order_up_to=one.order_up_to,
        on_hand=one.on_hand,
        on_order=one.on_order + one.in_transit,
        reserved=one.reserved,
        backordered=one.backordered,
        rule=one.rule,
        explanation=one.explanation,
    )
