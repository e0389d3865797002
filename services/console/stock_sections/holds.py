"""预占明细: who holds a SKU, and until when. Its processor also keeps what came and went (movements.py shows it).

Guarantees: holds and movements follow `stock`, `reservations` and `stock-movements` exactly once, however batches are
cut. That an order is paid is told on `orders`: its card says so when it is read, and a paid hold does not end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import astuple, replace
from pydantic import Field

from chassis import topics
from chassis.postgres import Pool
from chassis.processor import (
    Appended,
    Column,
    Decision,
    FactsSource,
    Handlers,
    Kept,
    Moment,
    Processor,
    Record,
    typed,
)
from schemas.events.reservations import (
    ReservationConfirmed,
    ReservationEnded,
    ReservationExtended,
    ReservationMade,
)
from schemas.events.stock import (
    StockDeducted,
    StockHoldExtended,
    StockReleased,
    StockReserved,
    StockReturned,
)
from schemas.events.stock_movements import StockMoved
from services.console import words
from services.console.domain.stock import Hold, Movement, without
from services.console.domain.waiting import lasting
from services.console.sections import Section
from services.console.views import Shown

HOLDS_SHOWN_MAX = 50
EMPTY = Hold()
HELD = """
SELECT holds.key, holds.document, card.channel,
  card.key IS NOT NULL AS is_known, coalesce((card.document #>> '{state,11}')::bigint, 0) > 0 AS paid
FROM console.stock_holds AS holds LEFT JOIN console.cards AS card ON card.key = holds.key
WHERE holds.skus <> '' AND string_to_array(holds.skus, E'\\x1f') @> ARRAY[$1::text]
ORDER BY holds.expires_at NULLS LAST, holds.key LIMIT $2
"""
MOVEMENT_COLUMNS = typed(
    Movement.__struct_fields__, at="timestamptz", quantity="bigint", balance_after="bigint"
)
Held = Decision[Hold]

_decoder = msgspec.json.Decoder(Kept[Hold])


# ---- what is kept ----------------------------------------------------------------------------------


def reserved(_known: Hold | None, event: StockReserved, _facts: Any, _moment: Moment) -> Held:
    """An order's goods are held, in place of what was held before."""
    pieces: dict[str, int] = {}
    for line in event.lines:
        pieces[line.sku] = pieces.get(line.sku, 0) + line.quantity
    return Decision(
        state=Hold(
            warehouse=event.warehouse,
            goods=tuple(pieces.items()),
            places=tuple(
                (part.warehouse, tuple((line.sku, line.quantity) for line in part.lines))
                for part in event.parts or ()
            ),
            since=event.occurred_at,
            expires_at=event.expires_at,
        )
    )


def extended(
    known: Hold | None,
    event: StockHoldExtended | ReservationExtended,
    _facts: Any,
    _moment: Moment,
) -> Held:
    """It is being paid: the goods are kept longer."""
    return Decision(state=replace(known or EMPTY, expires_at=event.expires_at))


def released(_known: Hold | None, _event: StockReleased, _facts: Any, _moment: Moment) -> Held:
    """Nothing is held any more."""
    return Decision(state=EMPTY)


def deducted(known: Hold | None, event: StockDeducted, _facts: Any, moment: Moment) -> Held:
    """A parcel took a part or all of it."""
    hold = known or EMPTY
    taken = tuple((line.sku, line.quantity) for line in event.lines)
    left = without(hold.goods, taken)
    gone = tuple(
        Movement(
            sku=sku,
            at=event.occurred_at,
            warehouse=event.warehouse,
            quantity=-pieces,
            kind="deduction",
            document_no=event.order_id,
            order_id=event.order_id,
            actor=moment.record.source,
        )
        for sku, pieces in taken
    )
    places = tuple(
        (place, without(goods, taken) if place == event.warehouse else goods)
        for place, goods in hold.places
    )
    kept = replace(hold, goods=left, places=places) if left else EMPTY
    return Decision(state=kept, effects=gone)


def returned(known: Hold | None, event: StockReturned, _facts: Any, moment: Moment) -> Held:
    """Goods came back."""
    back = tuple(
        Movement(
            sku=line.sku,
            at=event.occurred_at,
            warehouse=event.warehouse,
            quantity=line.quantity,
            kind="return",
            document_no=event.document_no,
            order_id=event.order_id,
            actor=moment.record.source,
        )
        for line in event.lines
    )
    return Decision(state=known or EMPTY, effects=back)


def made(_known: Hold | None, event: ReservationMade, _facts: Any, _moment: Moment) -> Held:
    """Goods are held for an own store or a till."""
    return Decision(
        state=Hold(
            warehouse=event.warehouse,
            goods=tuple((line.sku, line.held) for line in event.lines if line.held),
            since=event.occurred_at,
            expires_at=event.expires_at,
            reference=event.reference,
        )
    )


def confirmed(known: Hold | None, event: ReservationConfirmed, _facts: Any, moment: Moment) -> Held:
    """They are sold; handed over, they are also gone."""
    hold = known or EMPTY
    if not event.handed_over:
        return Decision(state=replace(hold, expires_at=None))
    gone = tuple(
        Movement(
            sku=sku,
            at=event.occurred_at,
            warehouse=event.warehouse,
            quantity=-pieces,
            kind="deduction",
            document_no=event.reservation_id,
            actor=moment.record.source,
            reason=event.reference,
        )
        for sku, pieces in hold.goods
    )
    return Decision(state=EMPTY, effects=gone)


def ended(_known: Hold | None, _event: ReservationEnded, _facts: Any, _moment: Moment) -> Held:
    """Nothing is held any more."""
    return Decision(state=EMPTY)


def moved(known: Hold | None, event: StockMoved, _facts: Any, _moment: Moment) -> Held:
    """A paper of the warehouse moved goods. It holds nothing."""
    rows = tuple(
        Movement(
            sku=line.sku,
            at=event.occurred_at,
            warehouse=event.warehouse,
            quantity=line.quantity,
            kind=event.kind,
            document_no=event.entry_no,
            actor=event.actor,
            reason=event.reason,
            balance_after=line.balance_after,
        )
        for line in event.lines
    )
    return Decision(state=known or EMPTY, effects=rows)


class Moved:
    """Movements of one batch."""

    def __init__(self) -> None:
        self.rows: list[Movement] = []

    def apply(self, effect: object) -> None:
        """Takes a movement."""
        assert isinstance(effect, Movement), effect
        self.rows.append(effect)


class MovementsKept(FactsSource[Moved]):
    """Saves what came and went with the holds."""

    async def fetch(
        self, work: Any, _records: Sequence[Record], _kept: Mapping[str, Kept[Hold]]
    ) -> Moved:
        """Nothing is asked."""
        del work
        return Moved()

    def appended(self, facts: Moved, kept: Mapping[str, Kept[Hold]]) -> Sequence[Appended]:
        """The batch's movements."""
        del kept
        rows = [astuple(row) for row in facts.rows]
        return [Appended(table="console.stock_movements", columns=MOVEMENT_COLUMNS, rows=rows)]


HANDLERS: Handlers = {
    StockReserved: reserved,
    StockHoldExtended: extended,
    StockReleased: released,
    StockDeducted: deducted,
    StockReturned: returned,
    ReservationMade: made,
    ReservationExtended: extended,
    ReservationConfirmed: confirmed,
    ReservationEnded: ended,
    StockMoved: moved,
}

HOLDS: Processor[Hold] = Processor(
    name="console-holds",
    table="console.stock_holds",
    state=Hold,
    handlers=HANDLERS,
    columns=(
        Column("skus", "text", lambda hold: hold.skus if hold else ""),
        Column("expires_at", "timestamptz", lambda hold: hold.expires_at if hold else None),
    ),
    facts=MovementsKept(),
    sources=topics.consumed_by("console-holds"),
    gather_ms=500,
    durable=False,
)


# ---- what is shown ---------------------------------------------------------------------------------


class HoldItem(Shown):
    """What one order or reservation holds of a SKU. Times are UTC."""

    owner: str = Field(description="订单号，或预留号")
    order_id: str = Field(description="订单号；不是订单、或还没有订单内容时为空")
    owner_title: str = Field(description="渠道，或调用方给预留起的单号")
    warehouse: str
    warehouse_title: str
    pieces: int
    since: datetime | None
    expires_at: datetime | None = Field(description="到期时间；不会到期为空")
    until: str = Field(description="还剩多久，已付款不到期")
    tone: str = Field(description="late 已过期待释放，soon 十分钟内到期，calm 其他")


class Holds(Shown):
    """Those that end first."""

    items: tuple[HoldItem, ...]
    more: bool = Field(description="还有没列出的")


async def read(pool: Pool, sku: str, now: datetime) -> Holds | None:
    """Live holds of a SKU, those that end first."""
    rows = await pool.fetch(HELD, sku, HOLDS_SHOWN_MAX + 1)
    items = tuple(item for row in rows[:HOLDS_SHOWN_MAX] for item in _items(row, sku, now))
    return Holds(items=items, more=len(rows) > HOLDS_SHOWN_MAX) if items else None


SOON = timedelta(minutes=10)


def _items(row: Any, sku: str, now: datetime) -> list[HoldItem]:
    """One, or one for each warehouse that holds some."""
    hold = _decoder.decode(row["document"]).state or EMPTY
    expires_at = None if row["paid"] else hold.expires_at
    until, tone = _until(expires_at, now)
    return [
        HoldItem(
            owner=row["key"],
            order_id=row["key"] if row["is_known"] else "",
            owner_title=hold.reference or words.channel(row["channel"] or ""),
            warehouse=warehouse,
            warehouse_title=words.warehouse(warehouse),
            pieces=pieces,
            since=hold.since,
            expires_at=expires_at,
            until=until,
            tone=tone,
        )
        for warehouse, pieces in hold.where(sku)
    ]


def _until(expires_at: datetime | None, now: datetime) -> tuple[str, str]:
    if expires_at is None:
        return "已付款，不到期", "calm"
    left = expires_at - now
    if left <= timedelta():
        return f"已到期 {lasting(-left)}，等待释放", "late"
    return f"还剩 {lasting(left)}", "soon" if left < SOON else "calm"


SECTION = Section(
    name="holds", title="预占明细", place=10, kind=Holds, read=read, processors=(HOLDS,)
)
