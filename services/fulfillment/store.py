"""What fulfillment keeps in Postgres: parcels with their columns, SKU weights, intents of waybill calls.

Parcels are written by the consumer transaction only. Reading queries take the state as it was committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from chassis.currency import CNY
from chassis.errors import StartRefused
from chassis.extension_facts import EXTENSION_FACTS
from chassis.postgres import Connection, Pool, named_queries
from chassis.processor import Column, FactsSource, Kept, Record
from chassis.regions import province_short
from chassis.rules import Table, unmet
from chassis.rules.values import Kind
from schemas.events.commands_fulfillment import RecordWaybill, ReplaceWaybill
from schemas.events.order_states import OrderReadyToFulfil
from services.fulfillment.domain.model import (
    Carriage,
    Parcel,
    Stage,
    TakeWaybill,
    parcel_id_of,
)

QUERIES = named_queries(Path(__file__).parent / "sql" / "queries.sql")
CARRIER_TABLE = "carrier/default"
CARRIER_FACTS: Mapping[str, Kind] = {
    "province": "text",
    "warehouse": "text",
    "weight_g": "int",
    "paid_fen": "int",
    "currency": "text",
    "channel": "text",
    **EXTENSION_FACTS,
}
CARRIER_OUTPUTS: Mapping[str, Kind] = {"carrier": "text", "service": "text", "reason": "text"}

_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Kept[Parcel]] = msgspec.json.Decoder(Kept[Parcel])

# A row may hold no parcel yet: an order's other events pass through here too.
COLUMNS = (
    Column("stage", "text", lambda parcel: (parcel.stage if parcel else Stage.UNPLANNED).value),
    Column("warehouse", "text", lambda parcel: parcel.warehouse if parcel else ""),
    Column("carrier", "text", lambda parcel: parcel.carrier if parcel else ""),
    Column("waybill_no", "text", lambda parcel: parcel.waybill_no if parcel else ""),
    Column("ship_by", "timestamptz", lambda parcel: parcel.ship_by if parcel else None),
    Column("held", "boolean", lambda parcel: bool(parcel and parcel.holds)),
    Column("dispatch_due_at", "timestamptz", lambda parcel: parcel and parcel.dispatch_due_at),
)


def carrier_table(tables: Mapping[str, Table]) -> Table:
    """Return the carrier table. Raises StartRefused when there is none, or it does not fit."""
    table = tables.get(CARRIER_TABLE)
    if table is None:
        raise StartRefused(f"no decision table {CARRIER_TABLE}: restore rules/{CARRIER_TABLE}.yaml")
    if problems := unmet(table, facts=CARRIER_FACTS, outputs=CARRIER_OUTPUTS):
        raise StartRefused("\n".join(map(str, problems)))
    return table


def _carried(order: OrderReadyToFulfil) -> dict[str, object]:
    """The facts of its extension that came along."""
    facts: dict[str, object] = {}
    for one in order.told or ():
        values = (one.text, one.number, one.flag, one.texts)
        facts[one.name] = next((value for value in values if value is not None), None)
    return facts


class Carriers:
    """The carrier table and what its rows say. Rows decide alone, so each is read out once."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._by_rows: dict[tuple[str, ...], Carriage] = {}

    def choose(self, order: OrderReadyToFulfil, warehouse: str, weight_g: int) -> Carriage:
        """Who carries a parcel of this weight from this warehouse."""
        chosen = self._table.decide(
            {
                "province": province_short(order.province),
                "warehouse": warehouse,
                "weight_g": weight_g,
                # What is paid or, before anything is, also at the door, what is payable.
                "paid_fen": order.paid_fen or order.payable_fen or 0,
                "currency": order.currency or CNY,
                "channel": order.channel,
                **_carried(order),
            }
        )
        carriage = self._by_rows.get(chosen.row_ids)
        if carriage is None:
            carriage = self._by_rows[chosen.row_ids] = Carriage(
                carrier=chosen.text("carrier"),
                service=chosen.text("service"),
                reason=chosen.text("reason"),
                rule=chosen.rule,
            )
        return carriage


class BatchFacts:
    """Facts of one batch: weights, the carrier table, and who holds the waybills it speaks of."""

    def __init__(
        self, carriers: Carriers, unit_weights_g: Mapping[str, int], holders: Mapping[str, str]
    ) -> None:
        self._carriers = carriers
        self.unit_weights_g = unit_weights_g
        self._holders = dict(holders)

    def carriage(self, order: OrderReadyToFulfil, warehouse: str, weight_g: int) -> Carriage:
        """Who carries it, by the carrier table."""
        return self._carriers.choose(order, warehouse, weight_g)

    def holder(self, waybill_no: str) -> str:
        """The order a waybill number belongs to already, or ""."""
        return self._holders.get(waybill_no, "")

    def apply(self, effect: object) -> None:
        """A number taken in this batch is taken for the rest of it."""
        assert isinstance(effect, TakeWaybill), effect
        self._holders[effect.waybill_no] = effect.order_id


class BatchFactsSource(FactsSource[BatchFacts]):
    """Fetches the facts of a batch. Weights are kept between batches and read again when they change."""

    def __init__(self, table: Table) -> None:
        self._carriers = Carriers(table)
        self._unit_weights_g: dict[str, int] = {}
        self._revision = -1

    async def fetch(
        self, work: Any, records: Sequence[Record], _kept: Mapping[str, Kept[Any]]
    ) -> BatchFacts:
        """One or two small reads a batch."""
        connection: Connection = work.connection
        revision = await connection.fetchval(QUERIES["weights_revision"])
        if revision != self._revision:
            rows = await connection.fetch(QUERIES["weights"])
            self._unit_weights_g = {row["sku"]: row["weight_g"] for row in rows}
            self._revision = revision
        numbers = [
            r.event.waybill_no
            for r in records
            if isinstance(r.event, RecordWaybill | ReplaceWaybill)
        ]
        holders = await connection.fetch(QUERIES["holders"], numbers) if numbers else []
        return BatchFacts(
            self._carriers,
            self._unit_weights_g,
            {row["waybill_no"]: row["order_id"] for row in holders},
        )

    async def save(self, work: Any, facts: BatchFacts, kept: Mapping[str, Kept[Any]]) -> None:
        """Further parcels of an order get rows of their own, for the queues; what is true stands with the first one."""
        del facts
        rows = [
            (
                one.parcel_id,
                one.order_id,
                _encode(Kept(state=one)).decode(),
                *(c.value(one) for c in COLUMNS),
            )
            for aggregate in kept.values()
            if isinstance(aggregate.state, Parcel)
            for one in aggregate.state.further
        ]
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            await work.connection.execute(QUERIES["keep_further"], *columns)


def called_as(parcel: Parcel) -> str:
    """What a parcel's waybill calls are noted under: of an order's first parcel its order."""
    is_first = parcel.parcel_id == parcel_id_of(parcel.order_id)
    return parcel.order_id if is_first else parcel.parcel_id


class Due(Struct, frozen=True, kw_only=True):
    """A parcel the dispatcher must do something about. `asked`: its waybill may exist already."""

    parcel: Parcel
    asked: bool


class ParcelReader:
    """Queries over committed parcels. Each raises what asyncpg raises (`chassis.postgres.AWAY`)."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def parcel(self, order_id: str) -> Parcel | None:
        """The first parcel of an order, and with it the others."""
        document = await self._pool.fetchval(QUERIES["parcel"], order_id)
        return _decoder.decode(document).state if document else None

    async def queue(self, stage: Stage, limit: int) -> list[Parcel]:
        """Parcels of one open stage, the most urgent first."""
        rows = await self._pool.fetch(QUERIES["queue"], stage.value, limit)
        return [parcel for row in rows if (parcel := _decoder.decode(row["document"]).state)]

    async def holders(self, waybill_nos: Sequence[str]) -> dict[str, str]:
        """Waybill number → order."""
        rows = await self._pool.fetch(QUERIES["holders"], list(waybill_nos))
        return {row["waybill_no"]: row["order_id"] for row in rows}

    async def open_counts(self, now: datetime) -> dict[Stage, tuple[int, int]]:
        """Open stage → (parcels, those past their deadline)."""
        rows = await self._pool.fetch(QUERIES["open_counts"], now)
        return {Stage(row["stage"]): (row["parcels"], row["overdue"]) for row in rows}

    async def oldest_due(self) -> datetime | None:
        """Since when the dispatcher owes something."""
        since: datetime | None = await self._pool.fetchval(QUERIES["oldest_due"])
        return since

    async def intend(self, names: Sequence[str]) -> None:
        """Note that waybills of these parcels are about to be asked for, by `called_as`."""
        await self._pool.execute(QUERIES["intend"], list(names))

    async def wrapped_keys(self, order_ids: Sequence[str]) -> dict[str, bytes]:
        """Order → wrapped key of its personal block; orders whose key was destroyed are missing."""
        rows = await self._pool.fetch(QUERIES["wrapped_keys"], list(order_ids))
        return {row["order_id"]: row["wrapped_key"] for row in rows}


async def due(lease: Connection, resting: Sequence[str], limit: int) -> list[Due]:
    """Parcels to dispatch, the most urgent first, without those that rest."""
    rows = await lease.fetch(QUERIES["due"], list(resting), limit)
    return [
        Due(parcel=parcel, asked=row["asked"])
        for row in rows
        if (parcel := _decoder.decode(row["document"]).state) is not None
    ]
