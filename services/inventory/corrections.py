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
from services.inventory.domain.batches import LOOSE, Portion, Unfit, by_batch, loose
from services.inventory.domain.model import (
    Adjustment,
    Aggregate,
    Goods,
    Receive,
    ShelfCount,
    StockCount,
    merged,
    unnumbered,
)
from services.inventory.domain.stock import (
    PIECES_MAX,
    Outcome,
    Stock,
    a_reservations,
    again,
    nowhere,
    refused,
    unwritable,
)


def adjusted(
    state: Aggregate | None, command: AdjustStock, stock: Stock, moment: Moment
) -> Outcome:
    """Books a small adjustment at once; a larger one waits for a second person."""
    goods = merged((line.sku, line.quantity) for line in command.lines)
    codes = [text for line in command.lines for text in (line.sku, line.batch or "")]
    sound = not (
        nowhere(command.warehouse) or unwritable(command.warehouse, command.reason, *codes)
    )
    lots = by_batch(
        command.lines,
        lambda sku: sound and state is None and bool(stock.shelf(command.warehouse, sku)),
    )
    if isinstance(lots, Unfit):
        return refused(state, lots.why, lots.sku)
    plain, portions = merged(lots[0]), lots[1]
    if state is not None:
        same = isinstance(state, Adjustment) and (
            (state.warehouse, state.goods, state.portions, state.requested_by, state.reason)
            == (command.warehouse, goods, portions, moment.actor, command.reason)
        )
        return again(state, getattr(state, "state", ""), same=same)
    if a_reservations(command.document_no):
        return refused(state, "reserved_document_no")
    moves = (*plain, *((one.sku, one.quantity) for one in portions))
    if not moves:
        return refused(state, "empty")
    if not sound:
        return refused(state, "unusable_code")
    if not command.reason.strip():
        return refused(state, "no_reason")
    if any(abs(quantity) > PIECES_MAX for _, quantity in (*goods, *moves)):
        return refused(state, "too_many")
    adjustment = Adjustment(
        warehouse=command.warehouse,
        goods=goods,
        portions=portions,
        requested_by=moment.actor,
        reason=command.reason,
    )
    if stock.needs_second_person(command.warehouse, moves):
        return Decision(state=adjustment, result_id=adjustment.state)
    return _book(adjustment, (plain, portions), command.document_no, stock, moment)


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
    if nowhere(command.warehouse) or unwritable(command.warehouse, command.reason, *skus):
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
    pieces = _pieces(command)
    if isinstance(pieces, Unfit):
        return refused(state, pieces.why, pieces.sku)
    counted = {(one.sku, one.batch): one for one in state.counted}
    for (sku, batch), quantity in pieces.items():
        shelf = stock.shelf(state.warehouse, sku)
        if batch and batch not in shelf:
            return refused(state, "unknown_batch", sku)
        book = stock.book_at(state.warehouse, sku, command.counted_at, batch if shelf else None)
        if shelf and not batch and quantity > book:
            return refused(state, "batch_needed", sku)
        counted[sku, batch] = ShelfCount(
            sku=sku,
            quantity=quantity,
            book=book,
            counted_at=command.counted_at,
            counted_by=moment.actor,
            batch=batch,
        )
    kept = replace(state, counted=tuple(counted[place] for place in sorted(counted)))
    return Decision(state=kept, result_id=kept.state)


def _pieces(command: RecordCount) -> dict[tuple[str, str], int] | Unfit:
    """Counted pieces by SKU and batch."""
    pieces: dict[tuple[str, str], int] = {}
    for line in command.lines:
        if line.quantity < 0:
            return Unfit("negative_quantity", line.sku)
        place = (line.sku, line.batch or LOOSE)
        pieces[place] = pieces.get(place, 0) + line.quantity
    if not pieces:
        return Unfit("empty", "")
    if unwritable(*(text for place in pieces for text in place)):
        return Unfit("unusable_code", "")
    if any(quantity > PIECES_MAX for quantity in pieces.values()):
        return Unfit("too_many", "")
    return pieces


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
        plain = unnumbered(state.goods, state.portions)
        return _book(state, (plain, state.portions), command.document_no, stock, moment)
    counted = {(one.sku, one.batch) for one in state.counted}
    for sku in sorted({sku for sku, _ in (*state.frozen, *counted)}):
        if _expected(stock, state.warehouse, sku) - counted:
            return refused(state, "not_all_counted", sku)
    if any(_same(moment.actor, one.counted_by) for one in state.counted):
        return refused(state, "same_person")
    found = [(one, one.quantity - one.book) for one in state.counted]
    plain = merged((one.sku, pieces) for one, pieces in found if not one.batch)
    portions = tuple(
        Portion(one.sku, one.batch, pieces) for one, pieces in found if one.batch and pieces
    )
    return _book(state, (plain, portions), command.document_no, stock, moment)


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
    lots: tuple[Goods, tuple[Portion, ...]],
    document_no: str,
    stock: Stock,
    moment: Moment,
) -> Outcome:
    plain, portions = lots
    if (unfit := stock.objection(state.warehouse, plain, portions)) is not None:
        return refused(state, unfit.why, unfit.sku)
    kind = "count" if isinstance(state, StockCount) else "adjustment"
    booked = replace(state, state="booked", decided_by=moment.actor)
    effect = Receive(
        state.warehouse,
        plain,
        kind,
        document_no,
        actor=moment.actor,
        reason=state.reason,
        portions=portions,
    )
    return Decision(state=booked, effects=(effect,), result_id=booked.state)


def _expected(stock: Stock, warehouse: str, sku: str) -> set[tuple[str, str]]:
    """What of a SKU must have been counted: each batch that has pieces, and those without one."""
    shelf = stock.shelf(warehouse, sku)
    batches = {(sku, batch.number) for batch in shelf.values() if batch.on_hand}
    if not batches or loose(stock.on_hand(warehouse, sku), shelf):
        batches.add((sku, LOOSE))
    return batches


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


CORRECTIONS: Mapping[type[Struct], Decide] = {
    AdjustStock: adjusted,
    OpenCount: count_opened,
    RecordCount: count_recorded,
    ApproveStockDocument: approved,
    RejectStockDocument: rejected,
}
