"""What inventory decides about purchase orders. Pure, like `documents`.

An order is open until all of it has come in or the rest is cancelled; a receipt names its order. More than was ordered is
booked within the order's own tolerance and noted with the receipt, beyond it refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Decide, Decision, Moment
from schemas.events.commands_inventory import (
    CancelPurchase,
    OpenPurchase,
    ReceivePurchase,
    RedatePurchase,
)
from services.inventory.domain.model import (
    Aggregate,
    Goods,
    Purchase,
    PurchaseReceipt,
    Receive,
    merged,
)
from services.inventory.domain.presale import Expect
from services.inventory.domain.promise import Redate
from services.inventory.domain.stock import (
    PIECES_MAX,
    Outcome,
    Stock,
    a_reservations,
    again,
    arrival_document,
    nowhere,
    refused,
    unwritable,
)
from services.inventory.domain.wanted import wanted


def opened(
    state: Aggregate | None, command: OpenPurchase, _stock: Stock, moment: Moment
) -> Outcome:
    """Notes what was ordered. No goods move; who shows stock knows the SKU from now on."""
    goods = wanted(command.lines)
    if state is not None:
        same = isinstance(state, Purchase) and (
            _said(state)
            == (
                command.warehouse,
                command.supplier,
                goods,
                command.expected_at,
                command.over_receipt_percent,
                moment.actor,
                command.reason,
            )
        )
        return again(state, getattr(state, "state", ""), same=same)
    if a_reservations(command.document_no):
        return refused(state, "reserved_document_no")
    codes = (command.warehouse, command.supplier, command.reason)
    if nowhere(command.warehouse) or unwritable(*codes):
        return refused(state, "unusable_code")
    if not goods:
        return refused(state, "no_pieces")
    if too_many := [sku for sku, quantity in goods if quantity > PIECES_MAX]:
        return refused(state, "too_many", too_many[0])
    if not 0 <= command.over_receipt_percent <= 100:
        return refused(state, "unusable_tolerance")
    purchase = Purchase(
        warehouse=command.warehouse,
        supplier=command.supplier,
        goods=goods,
        outstanding=goods,
        over_receipt_percent=command.over_receipt_percent,
        expected_at=command.expected_at,
        opened_by=moment.actor,
        opened_at=moment.now,
        reason=command.reason,
    )
    expect = _expecting(command.document_no, purchase)
    return Decision(state=purchase, effects=(expect,), result_id=purchase.state)


def _expecting(document_no: str, purchase: Purchase, came: Goods = ()) -> Expect:
    skus = tuple(sku for sku, _ in purchase.goods)
    return Expect(
        document_no, purchase.warehouse, skus, purchase.outstanding, purchase.expected_at, came
    )


def _said(purchase: Purchase) -> tuple[object, ...]:
    return (
        purchase.warehouse,
        purchase.supplier,
        purchase.goods,
        purchase.redates[0].was if purchase.redates else purchase.expected_at,
        purchase.over_receipt_percent,
        purchase.opened_by,
        purchase.reason,
    )


def received(
    state: Aggregate | None, command: ReceivePurchase, _stock: Stock, moment: Moment
) -> Outcome:
    """Books goods of an order in, once per receipt number."""
    if not isinstance(state, Purchase):
        return refused(state, "unknown_document")
    goods = wanted(command.lines)
    for one in state.receipts:
        if one.receipt_no == command.receipt_no:
            return again(state, state.state, same=one.goods == goods)
    if state.state == "cancelled":
        return refused(state, "purchase_cancelled")
    if command.warehouse != state.warehouse:
        return refused(state, "other_warehouse")
    if not goods or unwritable(command.receipt_no):
        return refused(state, "no_pieces")
    ordered, came = dict(state.goods), dict(_came(state))
    for sku, quantity in goods:
        if sku not in ordered:
            return refused(state, "not_ordered", sku)
        allowed = ordered[sku] * (100 + state.over_receipt_percent) // 100
        if came.get(sku, 0) + quantity > allowed:
            return refused(state, "over_receipt", sku)
    outstanding = dict(state.outstanding)
    over = merged((sku, max(0, quantity - outstanding.get(sku, 0))) for sku, quantity in goods)
    left = merged(
        (sku, max(0, quantity - dict(goods).get(sku, 0))) for sku, quantity in state.outstanding
    )
    purchase = replace(
        state,
        state="partly_received" if left else "received",
        outstanding=left,
        receipts=(
            *state.receipts,
            PurchaseReceipt(
                receipt_no=command.receipt_no,
                goods=goods,
                over=over,
                received_by=moment.actor,
                received_at=moment.now,
            ),
        ),
    )
    effect = Receive(
        command.warehouse,
        goods,
        "receipt",
        arrival_document(command.document_no, command.receipt_no),
        actor=moment.actor,
        reason=state.reason,
    )
    expect = _expecting(command.document_no, purchase, goods)
    return Decision(state=purchase, effects=(effect, expect), result_id=purchase.state)


def _came(purchase: Purchase) -> Goods:
    return merged(good for one in purchase.receipts for good in one.goods)


def cancelled(
    state: Aggregate | None, command: CancelPurchase, _stock: Stock, moment: Moment
) -> Outcome:
    """Ends an order: what has not come in is expected no more; what has, stays."""
    if not isinstance(state, Purchase):
        return refused(state, "unknown_document")
    if state.state == "cancelled":
        same = (state.cancelled_by, state.cancel_reason) == (moment.actor, command.reason)
        return Decision(state=state, result_id=state.state) if same else _decided(state)
    if state.state == "received":
        return _decided(state)
    if unwritable(command.reason):
        return refused(state, "unusable_code")
    purchase = replace(
        state,
        state="cancelled",
        outstanding=(),
        cancelled_by=moment.actor,
        cancel_reason=command.reason,
    )
    expect = _expecting(command.document_no, purchase)
    return Decision(state=purchase, effects=(expect,), result_id=purchase.state)


def redated(
    state: Aggregate | None, command: RedatePurchase, _stock: Stock, moment: Moment
) -> Outcome:
    """What is still to come of an order is expected at another time. The same again changes nothing."""
    if not isinstance(state, Purchase):
        return refused(state, "unknown_document")
    if state.state in {"cancelled", "received"}:
        return _decided(state)
    if unwritable(command.reason):
        return refused(state, "unusable_code")
    if state.expected_at == command.expected_at:
        return Decision(state=state, result_id=state.state)
    redate = Redate(state.expected_at, command.expected_at, moment.actor, command.reason)
    purchase = replace(state, expected_at=command.expected_at, redates=(*state.redates, redate))
    expect = _expecting(command.document_no, purchase)
    return Decision(state=purchase, effects=(expect,), result_id=purchase.state)


def _decided(purchase: Purchase) -> Outcome:
    return refused(purchase, "already_decided")


PURCHASES: Mapping[type[Struct], Decide] = {
    OpenPurchase: opened,
    ReceivePurchase: received,
    RedatePurchase: redated,
    CancelPurchase: cancelled,
}
