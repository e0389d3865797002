"""What a batch knows about stock: true numbers, who may send what, and what follows for Valkey.

Guarantees: decisions see the locked numbers of Postgres and nothing else; `foresee` and `news` are pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from chassis.direct import Answered
from chassis.processor import Kept, Record
from schemas.events.commands_inventory import (
    AdjustStock,
    AllocateBackorder,
    ApproveStockDocument,
    ExpireHold,
    ExtendHold,
    InspectBatch,
    JudgeBatch,
    OpenCount,
    RecallBatch,
    ReceivePurchase,
    ReceiveStock,
    ReceiveTransfer,
    RecordCount,
    RepairStock,
    TransferStock,
)
from schemas.events.order_states import OrderClosed
from schemas.events.orders import OrderLinesMatched, OrderPaid, OrderPlaced
from schemas.events.refunds import RefundSettled
from schemas.events.shipments import ParcelShipped
from services.inventory.approvals import Approvals
from services.inventory.counters import Epoch
from services.inventory.domain.adopting import offer_to_owner
from services.inventory.domain.batches import Portion, Stand
from services.inventory.domain.counters import Arrival, Ask, Target
from services.inventory.domain.model import (
    AGREEING,
    REPAIR,
    Adjustment,
    Deduct,
    Goods,
    Held,
    HeldPart,
    Hold,
    Lease,
    Mend,
    Off,
    Receive,
    Release,
    Reserve,
    Row,
    Short,
    StockCount,
    merged,
    pieces_of,
    wanted,
)
from services.inventory.domain.reservations import (
    ConfirmReservation,
    ExpireReservation,
    ExtendReservation,
    ReleaseReservation,
    ReserveGoods,
)
from services.inventory.domain.rules import (
    Available,
    choose,
    choose_part,
    passed_over,
    shortfall,
)
from services.inventory.domain.stock import arrival_document
from services.inventory.leases import Leases
from services.inventory.locked import LockedRows
from services.inventory.shelf_life import ShelfLife
from services.inventory.sourcing import Choice, Sourcing
from services.inventory.targets import hold_target

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
    touched: set[str] = field(default_factory=set)
    """Orders whose live hold may change."""
    documents: set[str] = field(default_factory=set)
    """Documents that may bring goods in."""
    rows: set[Row] = field(default_factory=set)
    """Rows that may change, besides those of the plans."""
    new_rows: set[Row] = field(default_factory=set)
    """Rows that may not exist yet."""
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

    def asks(self) -> list[Ask]:
        """The plans as Valkey is asked."""
        return [
            Ask(order_id, plan.generation, plan.choice.warehouses, plan.goods)
            for order_id, plan in self.plans.items()
        ]

    def notes(self) -> list[str]:
        """What must be settled in Valkey even if we die after the commit."""
        return [*(f"o:{one}" for one in self.touched), *(f"d:{one}" for one in self.documents)]


def plan_for(sourcing: Sourcing, hold: Hold, goods: Goods) -> Plan:
    """The next attempt to hold an order."""
    choice = sourcing.choice(hold.channel, hold.province, pieces_of(goods))
    return Plan(hold.generation + 1, choice, goods)


def foresee(
    records: Sequence[Record], kept: Mapping[str, Kept[Any]], sourcing: Sourcing
) -> Foreseen:
    """What the batch may come to need. Duplicates and refusals ask for too much, never for too little."""
    foreseen = Foreseen()
    for record in records:
        event: Any = record.event
        if event is None:
            continue
        known = kept.get(record.key)
        state = known.state if known else None
        # Exact types: isinstance of a Struct that is another one costs a microsecond, ten times an order.
        kind = type(event)
        if kind is OrderPlaced:
            if state is None and (goods := wanted(event.lines)) is not None:
                choice = sourcing.choice(event.channel, event.province, pieces_of(goods))
                foreseen.plans[record.key] = Plan(1, choice, goods)
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
            _foresee_document(foreseen, record.key, event, state)
    return foreseen


def _plan_of_reservation(command: ReserveGoods, sourcing: Sourcing) -> Plan:
    goods = merged((line.sku, line.quantity) for line in command.lines)
    choice = (
        Choice((command.warehouse,), ASKED)
        if command.warehouse
        else sourcing.choice(command.channel, command.province, pieces_of(goods))
    )
    return Plan(1, choice, goods, partial=command.partial)


def _foresee_hold(foreseen: Foreseen, key: str, event: Any, hold: Hold, sourcing: Sourcing) -> None:
    kind = type(event)
    leaves: Goods = ()
    if kind is OrderPaid or kind is AllocateBackorder:
        goods = wanted(hold.lines) if hold.state in {"short", "expired"} else None
        if goods is not None:
            foreseen.plans[key] = plan_for(sourcing, hold, goods)
    elif kind is OrderLinesMatched:
        goods = wanted(event.lines) if hold.state == "unmatched" else None
        if goods is not None:
            foreseen.buyers.add(hold.buyer)
            foreseen.plans[key] = plan_for(sourcing, hold, goods)
    elif kind in EXTENDS:
        foreseen.glances.update((hold.warehouse, sku) for sku, _ in hold.held)
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
        rows = [(hold.warehouse, line.sku) for line in event.restock]
        foreseen.rows.update(row for row in rows if _can_be_written(row))
    if leaves:
        foreseen.touched.add(key)
        foreseen.rows.update((hold.warehouse, sku) for sku, _ in leaves)


DOCUMENTS = frozenset(
    {
        AdjustStock,
        ApproveStockDocument,
        InspectBatch,
        JudgeBatch,
        OpenCount,
        ReceivePurchase,
        RecallBatch,
        ReceiveTransfer,
        RecordCount,
        RepairStock,
        TransferStock,
    }
)
"""Commands about documents that may lock rows of stock."""


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


def _can_be_written(row: Row) -> bool:
    return "\0" not in row[0] and "\0" not in row[1]


class StockFacts(LockedRows):
    """The facts of one batch. Decisions ask it, effects change it; nothing else does."""

    def __init__(
        self,
        foreseen: Foreseen,
        kept: Mapping[str, Kept[Any]],
        sourcing: Sourcing,
        leases: Leases,
        remember: Callable[[Iterable[Row]], None],
        *,
        approvals: Approvals,
        shelf_life: ShelfLife,
    ) -> None:
        super().__init__(remember, shelf_life)
        self.foreseen = foreseen
        self.buyer_holds: dict[str, int] = {}
        """How many unpaid holds each of them has."""
        self.seen: dict[Row, int] = {}
        """Available pieces of rows that were looked at and not locked."""
        self.books_at: dict[Moment, int] = {}
        """Pieces on hand by the book, as they were asked for."""
        self.batches_at: dict[Moment, dict[str, int]] = {}
        """The same by batch, of rows that have any."""
        self.differing: dict[Row, Off] = {}
        """How the books stood of rows that may be repaired, when they were locked."""
        self.epoch: Epoch | None = None
        """Under which Valkey was asked; None = it was not, and is not told either."""
        self.noted_at = 0.0
        """When Valkey took this batch's notes."""
        self.mended = False
        """Whether numbers changed of which Valkey cannot be told piece by piece."""
        self.results = {"held": 0, "short": 0}
        self.answers: dict[str, Any] = {}
        self.confirmed: list[Target] = []
        self.targets: list[Target] = []
        self.arrivals: list[Arrival] = []
        self.forgotten: list[tuple[str, float]] = []
        self._kept = kept
        self._sourcing = sourcing
        self._approvals = approvals
        self._leases = leases

    def offer(self, order_id: str, hold: Hold, goods: Goods) -> Held | Short:
        """Who could send these goods now, by the numbers of Postgres."""
        plan = self.foreseen.plans.get(order_id) or self.foreseen.adoptions.get(order_id)
        if plan is None:
            # A parked event came free in this very batch.
            plan = self.foreseen.plans[order_id] = plan_for(self._sourcing, hold, goods)
            plan.locked = plan.choice.warehouses
            self._require(plan.rows)
        own = self.own(order_id) if plan.takes_over else None
        if own is not None:
            answer = offer_to_owner(
                self.book.available, own[1], plan.choice.warehouses, plan.choice.rule, goods
            )
            self.results["short" if isinstance(answer, Short) else "held"] += 1
            return answer
        warehouse = choose(self.book.available, plan.locked, goods)
        self.results["held" if warehouse else "short"] += 1
        if not warehouse:
            return shortfall(self._shown, plan.choice.warehouses, goods)
        candidates = plan.choice.warehouses
        if warehouse == candidates[0]:
            return Held(warehouse=warehouse, rule=plan.choice.rule)
        return Held(
            warehouse=warehouse,
            rule=plan.choice.rule,
            passed_over=passed_over(self._shown, candidates, warehouse, goods),
        )

    def own(self, order_id: str) -> tuple[str, Hold] | None:
        """The reservation that is the order's to take over now."""
        plan = self.foreseen.adoptions.get(order_id)
        state = self._kept[plan.takes_over].state if plan else None
        if plan is None or not isinstance(state, Hold) or state.state != "held":
            return None
        return plan.takes_over, state

    def lease(self, hold: Hold, warehouse: str, goods: Goods) -> Lease:
        """How long they are kept there for somebody who has not paid."""
        left = min(self.book.available((warehouse, sku)) - pieces for sku, pieces in goods)
        others = self.buyer_holds.get(hold.buyer, 0)
        return self._leases.lease(hold.channel, pieces_of(goods), others, left)

    def extension(self, hold: Hold) -> Lease:
        """How long a payment in progress may keep what is held, as it would be judged now."""
        left = min(self._shown((hold.warehouse, sku)) for sku, _ in hold.held)
        others = max(0, self.buyer_holds.get(hold.buyer, 0) - 1)
        return self._leases.lease(hold.channel, pieces_of(hold.held), others, left)

    def part(self, order_id: str, goods: Goods) -> HeldPart | Short:
        """Who could send most of these goods now, for who was just told that nobody has them all."""
        plan = self.foreseen.plans[order_id]
        warehouse, given, missing = choose_part(self.book.available, plan.locked, goods)
        if not given:
            return shortfall(self._shown, plan.choice.warehouses, goods)
        self.results["short"] -= 1
        self.results["held"] += 1
        return HeldPart(warehouse=warehouse, rule=plan.choice.rule, goods=given, missing=missing)

    def book_at(self, warehouse: str, sku: str, at: datetime, batch: str | None = None) -> int:
        """Pieces on hand by the book at an earlier moment, which nothing in this batch can change.

        Of one batch ("" = of none) when it is given.
        """
        where = (warehouse, sku, at)
        return self.books_at[where] if batch is None else self.batches_at[where].get(batch, 0)

    def needs_second_person(self, warehouse: str, goods: Goods) -> bool:
        """Whether an adjustment by these signed pieces waits for somebody else's word."""
        return self._approvals.needs_second_person(warehouse, goods)

    def off(self, warehouse: str, sku: str) -> Off:
        """By how much the books of this row differ; a second repair in the batch finds them agreeing."""
        return self.differing[warehouse, sku]

    def apply(self, effect: Any) -> None:
        """Books one decision's effect."""
        kind = type(effect)
        if kind is Answered:
            self.answers[effect.key] = effect.answer
            return
        if kind is Mend:
            self.book.mend(effect)
            self.mended = True
            self.differing[effect.warehouse, effect.sku] = AGREEING
            return
        if kind is Reserve:
            self.book.reserve(effect.warehouse, effect.goods)  # of rows that `offer` found locked
            if effect.buyer:
                self.buyer_holds[effect.buyer] = self.buyer_holds.get(effect.buyer, 0) + 1
            return
        if kind is Stand:
            self._require([(effect.warehouse, effect.sku)])
            self.book.stand(effect)
            return
        self._require([(effect.warehouse, sku) for sku, _ in effect.goods])
        if kind is Release:
            self.book.release(effect.warehouse, effect.goods)
        elif kind is Deduct:
            self.book.deduct(effect)
        elif kind is Receive:
            self._require([(effect.warehouse, portion.sku) for portion in effect.portions])
            self.book.receive(effect)
        else:
            raise TypeError(effect)

    def conclude(self) -> None:
        """Works out what Valkey must be told when all of this is true."""
        plans, touched = self.foreseen.plans, self.foreseen.touched
        for order_id, plan in plans.items():
            target = _target(order_id, self._kept, plan.generation)
            if _keeps(target, plan):
                self.confirmed.append(target)
            elif plan.promised or target.ending != "freed" or order_id in touched:
                self.targets.append(target)
        for order_id in touched - plans.keys():
            self.targets.append(_target(order_id, self._kept, 1))
        arrived: dict[str, tuple[str, list[tuple[str, int]]]] = {}
        for entry in self.book.entries:
            if entry.kind not in {"deduction", REPAIR}:
                goods = arrived.setdefault(entry.document_no, (entry.warehouse, []))[1]
                goods.append((entry.sku, entry.quantity - entry.withheld))
            elif entry.withheld:
                # Goods that were not for sale left all the same: Valkey took them for promised ones.
                self.mended = True
        self.arrivals = [
            Arrival(document_no, warehouse, merged(goods))
            for document_no, (warehouse, goods) in arrived.items()
        ]
        self.forgotten = [(f"d:{one}", 0.0) for one in self.foreseen.documents - arrived.keys()]

    def _shown(self, row: Row) -> int:
        return self.book.available(row) if row in self.book.rows else self.seen.get(row, 0)


def _keeps(target: Target, plan: Plan) -> bool:
    """Whether Postgres held exactly what Valkey promised."""
    return (
        target.ending == "held"
        and target.warehouse == plan.promised
        and target.generation == plan.generation
        and target.goods == plan.goods
    )


def _target(order_id: str, kept: Mapping[str, Kept[Any]], at_least: int) -> Target:
    known = kept.get(order_id)
    return hold_target(order_id, known.state if known else None, at_least)


def spare_of(seen: Mapping[Row, int], promised: Mapping[Row, int]) -> Available:
    """What is left of what was seen when this batch's promises are kept."""

    def available(row: Row) -> int:
        return seen.get(row, 0) - promised.get(row, 0)

    return available
