"""What inventory decides about adjustments and stock counts: corrections of the book, by two persons. Pure.

An adjustment below the table's threshold is booked at once. A count is compared with the book as it was when the
shelf was counted, so goods may move meanwhile: the difference is the same before and after them.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Decide, Decision, Moment
from schemas.events.commands_inventory import (
    AdjustStock,
    ApproveStockDocument,
    OpenCount,
    RecordCount,
    RejectStockDocument,
)
from services.inventory.domain.model import (
    Adjustment,
    Aggregate,
    Goods,
    Receive,
    ShelfCount,
    StockCount,
    merged,
)
from services.inventory.domain.stock import (
    PIECES_MAX,
    Outcome,
    Stock,
    a_reservations,
    again,
    refused,
    unwritable,
)


def adjusted(
    state: Aggregate | None, command: AdjustStock, stock: Stock, moment: Moment
) -> Outcome:
    """Books a small adjustment at once; a larger one waits for a second person."""
    goods = merged((line.sku, line.quantity) for line in command.lines)
    if state is not None:
        same = isinstance(state, Adjustment) and (
            (state.warehouse, state.goods, state.requested_by, state.reason)
            == (command.warehouse, goods, moment.actor, command.reason)
        )
        return again(state, getattr(state, "state", ""), same=same)
    if a_reservations(command.document_no):
        return refused(state, "reserved_document_no")
    if not goods:
        return refused(state, "empty")
    if unwritable(command.warehouse, command.reason, *(sku for sku, _ in goods)):
        return refused(state, "unusable_code")
    if not command.reason.strip():
        return refused(state, "no_reason")
    if any(abs(quantity) > PIECES_MAX for _, quantity in goods):
        return refused(state, "too_many")
    adjustment = Adjustment(
        warehouse=command.warehouse,
        goods=goods,
        requested_by=moment.actor,
        reason=command.reason,
    )
    if stock.needs_second_person(command.warehouse, goods):
        return Decision(state=adjustment, result_id=adjustment.state)
    return _book(adjustment, goods, command.document_no, stock, moment)


def count_opened(
    state: Aggregate | None, command: OpenCount, stock: Stock, moment: Moment
) -> Outcome:
    """Opens a count and notes what the book says at that moment."""
    skus = sorted(set(command.skus))
    if state is not None:
        same = isinstance(state, StockCount) and (
            (state.warehouse, [sku for sku, _ in state.frozen], state.opened_by, state.reason)
            == (command.warehouse, skus, moment.actor, command.reason)
        )
        return again(state, getattr(state, "state", ""), same=same)
    if a_reservations(command.document_no):
        return refused(state, "reserved_document_no")
    if not skus:
        return refused(state, "empty")
    if unwritable(command.warehouse, command.reason, *skus):
        return refused(state, "unusable_code")
    count = StockCount(
        warehouse=command.warehouse,
        opened_at=moment.now,
        opened_by=moment.actor,
        reason=command.reason,
        frozen=tuple((sku, stock.on_hand(command.warehouse, sku)) for sku in skus),
    )
    return Decision(state=count, result_id=count.state)


def count_recorded(
    state: Aggregate | None, command: RecordCount, stock: Stock, moment: Moment
) -> Outcome:
    """Notes what was counted, and what the book said then. A SKU counted again counts as the last time."""
    if not isinstance(state, StockCount):
        return refused(state, "unknown_document")
    if state.state != "open":
        return refused(state, "already_decided")
    if command.warehouse != state.warehouse:
        return refused(state, "other_warehouse")
    if not state.opened_at <= command.counted_at <= moment.now:
        return refused(state, "not_counted_meanwhile")
    pieces: dict[str, int] = {}
    for line in command.lines:
        if line.quantity < 0:
            return refused(state, "negative_quantity", line.sku)
        pieces[line.sku] = pieces.get(line.sku, 0) + line.quantity
    if not pieces:
        return refused(state, "empty")
    if unwritable(*pieces):
        return refused(state, "unusable_code")
    if any(quantity > PIECES_MAX for quantity in pieces.values()):
        return refused(state, "too_many")
    counted = {one.sku: one for one in state.counted}
    for sku, quantity in pieces.items():
        counted[sku] = ShelfCount(
            sku=sku,
            quantity=quantity,
            book=stock.book_at(state.warehouse, sku, command.counted_at),
            counted_at=command.counted_at,
            counted_by=moment.actor,
        )
    kept = replace(state, counted=tuple(counted[sku] for sku in sorted(counted)))
    return Decision(state=kept, result_id=kept.state)


def approved(
    state: Aggregate | None, command: ApproveStockDocument, stock: Stock, moment: Moment
) -> Outcome:
    """Books an adjustment or a count, when somebody else than who asked or counted says so."""
    if not isinstance(state, Adjustment | StockCount):
        return refused(state, "unknown_document")
    if state.state == "booked" and state.decided_by == moment.actor:
        return again(state, state.state, same=True)
    if state.state not in {"requested", "open"}:
        return refused(state, "already_decided")
    if isinstance(state, Adjustment):
        if _same(moment.actor, state.requested_by):
            return refused(state, "same_person")
        return _book(state, state.goods, command.document_no, stock, moment)
    counted = {one.sku for one in state.counted}
    for sku, _ in state.frozen:
        if sku not in counted:
            return refused(state, "not_all_counted", sku)
    if any(_same(moment.actor, one.counted_by) for one in state.counted):
        return refused(state, "same_person")
    goods = merged((one.sku, one.quantity - one.book) for one in state.counted)
    return _book(state, goods, command.document_no, stock, moment)


def rejected(
    state: Aggregate | None, command: RejectStockDocument, _stock: Stock, moment: Moment
) -> Outcome:
    """Ends an adjustment or a count without booking it."""
    if not isinstance(state, Adjustment | StockCount):
        return refused(state, "unknown_document")
    if state.state == "rejected" and state.decided_by == moment.actor:
        return again(state, state.state, same=True)
    if state.state not in {"requested", "open"}:
        return refused(state, "already_decided")
    if not command.reason.strip():
        return refused(state, "no_reason")
    ended = replace(
        state, state="rejected", decided_by=moment.actor, decision_reason=command.reason
    )
    return Decision(state=ended, result_id=ended.state)


def _book(
    state: Adjustment | StockCount,
    goods: Goods,
    document_no: str,
    stock: Stock,
    moment: Moment,
) -> Outcome:
    for sku, quantity in goods:
        if quantity + stock.spare(state.warehouse, sku) < 0:
            return refused(state, "below_reserved", sku)
    kind = "count" if isinstance(state, StockCount) else "adjustment"
    booked = replace(state, state="booked", decided_by=moment.actor)
    effect = Receive(
        state.warehouse, goods, kind, document_no, actor=moment.actor, reason=state.reason
    )
    return Decision(state=booked, effects=(effect,), result_id=booked.state)


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


CORRECTIONS: Mapping[type[Struct], Decide] = {
    AdjustStock: adjusted,
    OpenCount: count_opened,
    RecordCount: count_recorded,
    ApproveStockDocument: approved,
    RejectStockDocument: rejected,
}
