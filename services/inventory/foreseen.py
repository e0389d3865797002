"""What a batch may come to need of stock, read off its records before anything is asked. Pure.

Guarantees: duplicates and refusals ask for too much, never for too little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from chassis.channel_holds import SHIPPED_ELSEWHERE
from chassis.processor import Kept, Record
from schemas.events.commands_inventory import (
    AdjustCampaign,
    AdjustStock,
    AllocateBackorder,
    ApproveStockDocument,
    BeginCampaign,
    CancelPurchase,
    CloseCampaign,
    ExpireHold,
    ExtendHold,
    InspectBatch,
    JudgeBatch,
    OpenCampaign,
    OpenCount,
    OpenPurchase,
    RecallBatch,
    ReceivePurchase,
    ReceiveStock,
    ReceiveTransfer,
    RecordCount,
    RedatePurchase,
    RepairStock,
    ReviewPromise,
    TransferStock,
)
from schemas.events.order_states import OrderClosed
from schemas.events.orders import OrderLinesMatched, OrderPaid, OrderPlaced
from schemas.events.refunds import RefundSettled
from schemas.events.shipments import ParcelShipped
from services.inventory.domain.batches import Portion
from services.inventory.domain.campaigns import Campaign
from services.inventory.domain.counters import Ask
from services.inventory.domain.model import (
    RESERVATION,
    Adjustment,
    Goods,
    Hold,
    Row,
    StockCount,
    merged,
    pieces_of,
)
from services.inventory.domain.promise import ExpectedKey
from services.inventory.domain.reservations import (
    ConfirmReservation,
    ExpireReservation,
    ExtendReservation,
    ReleaseReservation,
    ReserveGoods,
)
from services.inventory.domain.stock import arrival_document, nowhere
from services.inventory.domain.wanted import wanted
from services.inventory.sourcing import Choice, Sourcing

Moment: TypeAlias = tuple[str, str, datetime]
"""(warehouse, sku, at): a row as its book was then."""
ASKED = "asked"
"""The rule of a reservation whose caller named the warehouse."""
LETS_GO = frozenset({ExpireHold, OrderClosed, ReleaseReservation, ExpireReservation})
EXTENDS = frozenset({ExtendHold, ExtendReservation})


@dataclass(slots=True)
class Plan:
    """How one order of the batch may be held."""

    generation: int
    choice: Choice
    goods: Goods
    locked: tuple[str, ...] = ()
    """Candidates whose rows this batch holds."""
    promised: str = ""
    """The warehouse in which Valkey has set the goods aside; empty = it has not."""
    partial: bool = False
    """Whether a part will do where the whole is not there."""
    handed_over: bool = False
    """Whether what is held for it has left already."""
    takes_over: str = ""
    """The reservation whose goods are the order's already, while it has them."""

    @property
    def rows(self) -> Iterable[Row]:
        """Every row that could serve the order."""
        return [(one, sku) for one in self.choice.warehouses for sku, _ in self.goods]


@dataclass(slots=True)
class Foreseen:
    """What a batch will ask, read off its records and the aggregates as they are."""

    plans: dict[str, Plan] = field(default_factory=dict)
    """By order: those that may ask for goods."""
    adoptions: dict[str, Plan] = field(default_factory=dict)
    """The same of orders that take over a reservation: Valkey is not asked."""
    gone: dict[str, str] = field(default_factory=dict)
    """Order → the reservation that it names and whose goods were handed over under it."""
    limited: dict[str, Plan] = field(default_factory=dict)
    """The same of orders of goods with quotas, which Valkey knows nothing of."""
    touched: set[str] = field(default_factory=set)
    """Orders whose live hold may change, or come to be without Valkey's word: held by several warehouses."""
    documents: set[str] = field(default_factory=set)
    """Documents that may bring goods in."""
    rows: set[Row] = field(default_factory=set)
    """Rows that may change, besides those of the plans."""
    new_rows: set[Row] = field(default_factory=set)
    """Rows that may not exist yet."""
    allotted: set[Row] = field(default_factory=set)
    """Rows of campaigns that may change, or begin: their uses are counted."""
    repairs: set[Row] = field(default_factory=set)
    """Rows whose books may have to be made to agree; new rows, too."""
    glances: set[Row] = field(default_factory=set)
    """Rows that are looked at and never changed."""
    buyers: set[str] = field(default_factory=set)
    """Who may come to have goods unpaid, or to have them longer."""
    moments: set[Moment] = field(default_factory=set)
    """Rows of which the book is asked at an earlier moment; new rows, too."""
    batches: set[tuple[str, str]] = field(default_factory=set)
    """(sku, batch) that may lie somewhere else, too, and be recalled there."""

    promises: set[ExpectedKey] = field(default_factory=set)
    """Lines of what is expected of which promises may end or move."""
    purchases: set[str] = field(default_factory=set)
    """Purchase orders that may change, or of which other receipts may come."""
    reviewed: set[str] = field(default_factory=set)
    """SKUs of orders whose promises may move."""
    wished: set[str] = field(default_factory=set)
    """SKUs that may come to be promised before they have come."""

    def asks(self) -> list[Ask]:
        """The plans as Valkey is asked."""
        return [
            Ask(order_id, plan.generation, plan.choice.warehouses, plan.goods)
            for order_id, plan in self.plans.items()
        ]

    def plan(self, key: str) -> Plan | None:
        """The plan of an order or a reservation, however it is decided."""
        return self.plans.get(key) or self.adoptions.get(key) or self.limited.get(key)

    def set_apart(self, limits: Callable[[str], bool]) -> None:
        """Leaves orders of any SKU that `limits` names to Postgres alone, with all rows that could serve them."""
        for key, plan in list(self.plans.items()):
            if any(limits(sku) for sku, _ in plan.goods):
                self.limited[key] = self.plans.pop(key)
                plan.locked = plan.choice.warehouses
                self.rows.update(plan.rows)
                self.touched.add(key)

    def wish(self, sells_ahead: Callable[[str], bool]) -> None:
        """Notes what may be promised out of what is expected: SKUs that `sells_ahead` names."""
        for key, plan in self.limited.items():
            if not plan.handed_over and not key.startswith(RESERVATION):
                self.wished.update(sku for sku, _ in plan.goods if sells_ahead(sku))
        self.wished.update(filter(sells_ahead, self.reviewed))

    def notes(self) -> list[str]:
        """What must be settled in Valkey even if we die after the commit."""
        return [*(f"o:{one}" for one in self.touched), *(f"d:{one}" for one in self.documents)]


def plan_for(sourcing: Sourcing, hold: Hold, goods: Goods) -> Plan:
    """The next attempt to hold an order."""
    choice = sourcing.choice(hold.channel, hold.province, pieces_of(goods), hold.told)
    return Plan(hold.generation + 1, choice, goods, handed_over=hold.handed_over)


def foresee(
    records: Sequence[Record], kept: Mapping[str, Kept[Any]], sourcing: Sourcing
) -> Foreseen:
    """What the batch may come to need. Duplicates and refusals ask for too much, never for too little."""
    foreseen = Foreseen(purchases={one.key for one in records if type(one.event) in PURCHASES})
    for record in records:
        event: Any = record.event
        if event is None:
            continue
        known = kept.get(record.key)
        state = known.state if known else None
        # Exact types: isinstance of a Struct that is another one costs a microsecond, ten times an order.
        kind = type(event)
        if kind is OrderPlaced:
            new = state is None and event.hold != SHIPPED_ELSEWHERE
            if new and (goods := wanted(event.lines)) is not None:
                told = sourcing.told(event.channel, event.extension)
                choice = sourcing.choice(event.channel, event.province, pieces_of(goods), told)
                gone = bool(event.handed_over)
                _plan(foreseen, record.key, Plan(1, choice, goods, handed_over=gone))
                if event.payment is None and event.receiver_key:
                    foreseen.buyers.add(event.receiver_key)
        elif kind is ReceiveStock:
            rows = [(event.warehouse, line.sku) for line in event.lines]
            foreseen.new_rows.update(row for row in rows if _can_be_written(row))
            foreseen.documents.add(record.key)
            named = {(line.sku, line.batch) for line in event.lines if line.batch}
            foreseen.batches.update(one for one in named if _can_be_written(one))
        elif kind is ReserveGoods:
            if state is None:
                foreseen.plans[record.key] = _plan_of_reservation(event, sourcing)
                if event.partial:
                    foreseen.touched.add(
                        record.key
                    )  # what it gets may not be what Valkey was asked
        elif type(state) is Hold:
            _foresee_hold(foreseen, record.key, event, state, sourcing)
        elif kind in DOCUMENTS:
            asks = ASKS.get(kind, _foresee_document)
            asks(foreseen, record.key, event, state)
    return foreseen


def _plan_of_reservation(command: ReserveGoods, sourcing: Sourcing) -> Plan:
    goods = merged((line.sku, line.quantity) for line in command.lines)
    if command.warehouse:
        return Plan(1, Choice((command.warehouse,), ASKED), goods, partial=command.partial)
    choice = sourcing.choice(command.channel, command.province, pieces_of(goods))
    # What is handed over a counter lies in one place.
    in_one = Choice(choice.warehouses, choice.rule)
    return Plan(1, in_one, goods, partial=command.partial)


def _foresee_hold(foreseen: Foreseen, key: str, event: Any, hold: Hold, sourcing: Sourcing) -> None:
    kind = type(event)
    leaves: Goods = ()
    if hold.promises or kind is ReviewPromise:
        _foresee_promise(foreseen, kind, hold, sourcing)
    if kind is OrderPaid or kind is AllocateBackorder:
        goods = wanted(hold.lines) if hold.state in {"short", "expired"} else None
        if goods is not None:
            _plan(foreseen, key, plan_for(sourcing, hold, goods))
    elif kind is OrderLinesMatched:
        goods = wanted(event.lines) if hold.state == "unmatched" else None
        if goods is not None:
            foreseen.buyers.add(hold.buyer)
            _plan(foreseen, key, plan_for(sourcing, hold, goods))
    elif kind in EXTENDS:
        foreseen.glances.update(rows_of(hold, [sku for sku, _ in hold.held]))
        foreseen.buyers.add(hold.buyer)
    elif kind in LETS_GO or (kind is ConfirmReservation and event.handed_over):
        leaves = hold.held
    elif kind is ParcelShipped:
        leaves = hold.held
        for returned in hold.early_returns:
            foreseen.documents.add(returned.document_no)
            leaves = (*leaves, *returned.goods)
    elif kind is RefundSettled and event.restock:
        foreseen.documents.add(event.refund_id)
        rows = rows_of(hold, [line.sku for line in event.restock])
        foreseen.rows.update(row for row in rows if _can_be_written(row))
    if leaves:
        foreseen.touched.add(key)
        foreseen.rows.update(rows_of(hold, [sku for sku, _ in leaves]))


def _foresee_promise(foreseen: Foreseen, kind: type, hold: Hold, sourcing: Sourcing) -> None:
    foreseen.promises.update(one.key for one in hold.promises)
    foreseen.rows.update((one.warehouse, one.sku) for one in hold.promises)
    if kind is ReviewPromise:
        goods = wanted(hold.lines) or ()
        foreseen.rows.update(plan_for(sourcing, hold, goods).rows)
        foreseen.reviewed.update(sku for sku, _ in goods)


def _plan(foreseen: Foreseen, key: str, plan: Plan) -> None:
    foreseen.plans[key] = plan
    if plan.choice.parcels_max > 1 or plan.handed_over:
        foreseen.touched.add(key)


def rows_of(hold: Hold, skus: Iterable[str]) -> list[Row]:
    """Of these SKUs; of a hold of several warehouses all that it has anything to do with."""
    if hold.parts:
        return [(part.warehouse, sku) for part in hold.parts for sku, _ in part.goods]
    return [(hold.warehouse, sku) for sku in skus]


CAMPAIGNS = frozenset({OpenCampaign, AdjustCampaign, BeginCampaign, CloseCampaign})
DOCUMENTS = CAMPAIGNS | frozenset(
    {
        AdjustStock,
        ApproveStockDocument,
        InspectBatch,
        JudgeBatch,
        OpenCount,
        OpenPurchase,
        ReceivePurchase,
        RecallBatch,
        ReceiveTransfer,
        RecordCount,
        RepairStock,
        TransferStock,
    }
)
"""Commands about documents that may lock rows of stock."""
PURCHASES = frozenset({OpenPurchase, ReceivePurchase, RedatePurchase, CancelPurchase})
"""Commands about purchase orders."""


def _foresee_ordered(foreseen: Foreseen, _key: str, event: OpenPurchase, state: object) -> None:
    """A row of stock is what makes a SKU known to everybody: from its order on there is one, with nothing in it."""
    if state is None and not nowhere(event.warehouse):
        rows = [(event.warehouse, line.sku) for line in event.lines]
        foreseen.new_rows.update(row for row in rows if _can_be_written(row))


def _foresee_document(foreseen: Foreseen, key: str, event: Any, state: object) -> None:
    skus: Iterable[str] = ()
    warehouse: str = getattr(event, "warehouse", "")
    documents = {key}
    match event:
        case TransferStock() | AdjustStock():
            skus = [line.sku for line in event.lines]
        case ReceiveTransfer():
            skus = [line.sku for line in event.lines]
            documents = {arrival_document(key, event.arrival_no)}
            sent: Iterable[Portion] = getattr(state, "portions", ())
            foreseen.batches.update((one.sku, one.batch) for one in sent)
        case ReceivePurchase():
            skus = [line.sku for line in event.lines]
            documents = {arrival_document(key, event.receipt_no)}
        case OpenCount():
            skus = event.skus
        case RecordCount():
            skus = [line.sku for line in event.lines]
            moments = {(warehouse, sku, event.counted_at) for sku in skus}
            foreseen.moments.update(one for one in moments if _can_be_written(one[:2]))
        case JudgeBatch() | RecallBatch() | InspectBatch():
            if _can_be_written(row := (warehouse, event.sku)) and "\0" not in event.batch:
                foreseen.rows.add(row)
                foreseen.batches.add((event.sku, event.batch))
        case RepairStock():
            skus = [event.sku]
            documents = set()
            if _can_be_written(row := (warehouse, event.sku)):
                foreseen.repairs.add(row)
        case ApproveStockDocument() if isinstance(state, Adjustment):
            named = [portion.sku for portion in state.portions]
            warehouse, skus = state.warehouse, [*(sku for sku, _ in state.goods), *named]
        case ApproveStockDocument() if isinstance(state, StockCount):
            warehouse, skus = state.warehouse, [one.sku for one in state.counted]
    foreseen.documents |= documents
    rows = [(warehouse, sku) for sku in skus]
    foreseen.new_rows.update(row for row in rows if _can_be_written(row))


def _foresee_campaign(foreseen: Foreseen, _key: str, event: Any, state: object) -> None:
    lines = event.lines if type(event) is OpenCampaign else getattr(state, "lines", ())
    if type(event) is OpenCampaign or isinstance(state, Campaign):
        rows = [(line.warehouse, line.sku) for line in lines]
        foreseen.allotted.update(row for row in rows if _can_be_written(row))
        foreseen.rows |= foreseen.allotted


def _can_be_written(row: Row) -> bool:
    return "\0" not in row[0] and "\0" not in row[1]


ASKS: Mapping[type, Callable[[Foreseen, str, Any, object], None]] = {
    OpenPurchase: _foresee_ordered,
    **dict.fromkeys(CAMPAIGNS, _foresee_campaign),
}
"""What commands about documents may need, those that are not like all others."""
