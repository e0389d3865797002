"""What a Shopify order means.

Reads an order's answer or one entry of a list (the evidence), a whole list, and the body of an
order's webhook, which is the order without its wrapper. Amounts are the shop's currency.
"""

import re

import msgspec

from services.ingest.channels import _order as orders
from services.ingest.channels._money import Money
from services.ingest.channels._person import full_name
from services.ingest.channels._wire import (
    clean,
    needed,
    noted,
    present,
    problem,
    quantity,
    read_json,
    real_id,
    receiver,
    several,
    sliced,
    text_of,
    typed_kind,
    zoned_time,
)
from services.ingest.channels.shopify import goods, wire
from services.ingest.channels.shopify.extension import ShopifyExtension
from services.ingest.channels.shopify.regions import CODES, PROVINCES
from services.ingest.domain.model import (
    Bearer,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
    Parcel,
    Problem,
    ProblemCode,
    Promotion,
    Receiver,
    Times,
)

S = OrderSnapshotState

# Authorized money is not ours before it is captured, and a voided payment will never be.
UNPAID_STATES = {
    "pending": S.UNPAID,
    "authorized": S.UNPAID,
    "expired": S.UNPAID,
    "voided": S.CANCELLED,
}
PAID = frozenset({"paid", "partially_refunded"})
FULFILLED = {
    "": S.AWAITING_SHIPMENT,
    "unfulfilled": S.AWAITING_SHIPMENT,
    "partial": S.PARTLY_SHIPPED,
    "fulfilled": S.SHIPPED,
}
_NOT_SENT = frozenset({"cancelled", "failure", "error"})
_CHINA = frozenset({"CN", "China", "中国"})
_ON_DELIVERY = re.compile(r"cash.on.delivery|\bcod\b|货到付款", re.IGNORECASE)


class _Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What is paid or let go beside the goods."""

    tax_fen: int
    tip_fen: int
    shipping_discount_fen: int


_decode = msgspec.json.Decoder(wire.Answer).decode
_decode_order = msgspec.json.Decoder(wire.Order).decode


def normalise(body: bytes) -> tuple[Normalised, ...]:
    """Read one native payload; never raises, a second call gives the same."""
    found = read_json(_decode, body)
    if isinstance(found, Problem):
        return orders.refused(found)
    if found.order is not None:
        return (_normalised(found.order),)
    listed = sliced(found.orders)
    if listed is not None:
        return orders.newest([row for raw in listed for row in _row(raw)])
    if present(found.errors):
        cause = bytes(found.errors).decode("utf-8", "replace")[:200]
        return orders.refused(problem(ProblemCode.CHANNEL_ERROR, cause, blocks=True))
    named = real_id(found.order_id) or real_id(
        found.order_edit.order_id if found.order_edit else None
    )
    if named:
        # A refund, a fulfilment or an edit: its own number is not the order's.
        return (_normalised(wire.Order(id=named), partial=True),)
    if found.line_items is None and found.total_price is None:
        return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))
    return (_normalised(found),)


def _row(raw: bytes) -> tuple[Normalised, ...]:
    row = read_json(_decode_order, raw)
    return orders.refused(row) if isinstance(row, Problem) else (_normalised(row),)


def _normalised(order: wire.Order, *, partial: bool = False) -> Normalised:
    if order.test:
        cause = problem(ProblemCode.NOT_AN_ORDER, "a test order", blocks=True)
        return Normalised(order=None, problems=(cause,))
    problems: list[Problem] = []
    currency = clean(order.currency) or "CNY"
    money = Money(currency, problems)
    payable_fen = money.fen(order.total_price, "total_price")
    if not partial and (order.total_price is None or order.total_price == ""):
        problems.append(problem(ProblemCode.AMOUNT_MISSING, "total_price", blocks=True))
    natives = several(order.line_items)
    parcels, shipped = _parcels(order, problems)
    refunded = _refunded(order, problems)
    lines = [_line(native, shipped, refunded, money, problems) for native in natives]
    goods.count_the_rest(natives, lines)
    state, hold = _state(order, natives)
    state = goods.by_the_goods(state, natives, lines, shipped)
    freight_fen, beside = _freight(order, lines, payable_fen, money)
    listed_fen = money.fen(order.total_line_items_price, "total_line_items_price")
    _check_totals(order, lines, beside, money, problems)
    _check_payment(order, payable_fen, money, problems)
    draft = orders.Draft(
        order_no=text_of(order.id),
        shop="",
        names_shop=False,
        channel="shopify",
        state=state,
        raw_state=_raw_state(order),
        hold=hold,
        payable_fen=payable_fen,
        paid_fen=_paid_fen(order, state, payable_fen, money, problems),
        freight_fen=freight_fen,
        goods_fen=None if order.total_line_items_price is None else listed_fen,
        lines=lines,
        receiver=_receiver(order, problems),
        promotions=_promotions(order, natives, money),
        parcels=parcels,
        times=_times(order, state, parcels, problems),
        buyer_memo=clean(order.note),
        seller_memo="",
        extensions=_extension(order, beside, money),
        currency=currency,
        cash_on_delivery=_on_delivery(order),
        partial=partial,
        reservation_id=noted(order.note_attributes, wire.decode_note, orders.RESERVATION),
    )
    return orders.finish(draft, problems)


def _check_totals(
    order: wire.Order,
    lines: list[orders.LineDraft],
    beside: _Beside,
    money: Money,
    problems: list[Problem],
) -> None:
    """Name what the header's smaller totals contradict; its great one decides in any case."""
    if not lines:
        return
    nets_fen = sum(line.net_fen for line in lines)
    off_fen = sum(line.unit_price_fen * line.qty for line in lines) - nets_fen
    goods_fen = money.fen(order.subtotal_price, "subtotal_price")
    if order.subtotal_price is not None and goods_fen != nets_fen:
        detail = f"subtotal {goods_fen}, lines {nets_fen}"
        problems.append(problem(ProblemCode.GOODS_DIFFER_FROM_TOTAL, detail, blocks=False))
    told_fen = money.fen(order.total_discounts, "total_discounts")
    known = {off_fen, off_fen + beside.shipping_discount_fen}
    if order.total_discounts is not None and told_fen not in known:
        detail = f"total_discounts {told_fen}, lines {off_fen}"
        problems.append(problem(ProblemCode.PROMOTIONS_DIFFER, detail, blocks=False))


def _check_payment(
    order: wire.Order, payable_fen: int, money: Money, problems: list[Problem]
) -> None:
    """Name what contradicts an order that is said to be paid."""
    if order.financial_status != "paid":
        return
    open_fen = money.fen(order.total_outstanding, "total_outstanding")
    came_fen = _came_fen(order, money)
    if open_fen > 0:
        detail = f"paid, total_outstanding {open_fen}"
    elif came_fen is not None and came_fen < payable_fen:
        detail = f"paid, transactions {came_fen}"
    else:
        return
    problems.append(problem(ProblemCode.STATE_CONTRADICTS_PAYMENT, detail, blocks=False))


def _raw_state(order: wire.Order) -> str:
    cancelled = "cancelled" if order.cancelled_at else ""
    parts = (clean(order.financial_status), clean(order.fulfillment_status), cancelled)
    return "/".join(part for part in parts if part)


def _on_delivery(order: wire.Order) -> bool:
    names = [clean(name) for name in order.payment_gateway_names or ()]
    return order.financial_status == "pending" and any(map(_ON_DELIVERY.search, names))


def _state(order: wire.Order, natives: tuple[wire.Line, ...]) -> tuple[OrderSnapshotState, str]:
    """Cancelled first, then the money, then the goods; one unknown word makes all unknown."""
    paid, sent = clean(order.financial_status), clean(order.fulfillment_status)
    known = paid in UNPAID_STATES or paid in PAID or paid in {"partially_paid", "refunded"}
    if not known or (sent not in FULFILLED and sent != "restocked"):
        return S.UNKNOWN, ""
    if paid == "refunded":
        return S.CLOSED_REFUNDED, ""
    if order.cancelled_at:
        return S.CANCELLED, ""
    if paid in UNPAID_STATES and not _on_delivery(order):
        return UNPAID_STATES[paid], ""
    if paid == "partially_paid":
        return S.DEPOSIT_PAID, "balance_open"
    if sent == "restocked":
        return S.PAID_ON_HOLD, "restocked"
    if order.confirmed is False:
        return S.PAID_ON_HOLD, "not_confirmed"
    state = FULFILLED[sent]
    if state is S.AWAITING_SHIPMENT and natives and not any(map(goods.ships, natives)):
        return S.PAID_ON_HOLD, "nothing_to_ship"
    if state is S.SHIPPED and order.closed_at:
        return S.COMPLETED, ""
    return state, ""


def _paid_fen(
    order: wire.Order,
    state: OrderSnapshotState,
    payable_fen: int,
    money: Money,
    problems: list[Problem],
) -> int:
    paid = clean(order.financial_status)
    if paid == "partially_paid":
        open_fen = money.fen(order.total_outstanding, "total_outstanding")
        if order.total_outstanding is None:
            came_fen = _came_fen(order, money)
            if came_fen is not None:
                return came_fen
            problems.append(problem(ProblemCode.AMOUNT_MISSING, "total_outstanding", blocks=False))
            return 0
        return payable_fen - open_fen
    if paid in PAID or paid == "refunded":
        return payable_fen
    return payable_fen if state is S.COMPLETED else 0


def _came_fen(order: wire.Order, money: Money) -> int | None:
    """Return what successful transactions brought; None where the order is told without them."""
    if order.transactions is None:
        return None
    return sum(
        money.fen(moved.amount, "transactions.amount")
        for moved in order.transactions
        if moved.kind in {"sale", "capture"} and moved.status == "success"
    )


def _times(
    order: wire.Order,
    state: OrderSnapshotState,
    parcels: tuple[Parcel, ...],
    problems: list[Problem],
) -> Times:
    processed = zoned_time(order.processed_at, "processed_at", problems)
    cancelled = zoned_time(order.cancelled_at, "cancelled_at", problems)
    closed = zoned_time(order.closed_at, "closed_at", problems)
    money_came = clean(order.financial_status) in PAID | {"partially_paid", "refunded"}
    sent = [parcel.shipped_at for parcel in parcels if parcel.shipped_at is not None]
    return Times(
        created=zoned_time(order.created_at, "created_at", problems),
        paid=processed if money_came else None,
        modified=zoned_time(order.updated_at, "updated_at", problems),
        shipped=min(sent) if sent else None,
        ended=cancelled or (closed if state in {S.COMPLETED, S.CLOSED_REFUNDED} else None),
        ship_by=None,
    )


def _line(
    native: wire.Line,
    shipped: dict[str, int],
    refunded: dict[str, int],
    money: Money,
    problems: list[Problem],
) -> orders.LineDraft:
    line_id = text_of(native.id)
    qty = quantity(native.quantity, "line_items.quantity", problems)
    unit_fen = money.fen(native.price, "line_items.price")
    needed(native.price, "line_items.price", problems)
    discount_fen = sum(
        money.fen(share.amount, "discount_allocations.amount")
        for share in native.discount_allocations or ()
    )
    if not native.discount_allocations:
        discount_fen = money.fen(native.total_discount, "line_items.total_discount")
    gone = min(qty, max(refunded.get(line_id, 0), qty - _left(native, qty, problems)))
    sent = shipped.get(line_id, qty if native.fulfillment_status == "fulfilled" else 0)
    state = LineRefundState.NONE
    if gone:
        state = LineRefundState.REFUNDED if gone >= qty else LineRefundState.PARTLY_REFUNDED
    return orders.LineDraft(
        line_id=line_id,
        sku_id=real_id(native.variant_id) or real_id(native.product_id),
        merchant_sku=text_of(native.sku),
        title=clean(native.name) or clean(native.title),
        qty=qty,
        unit_price_fen=unit_fen,
        net_fen=unit_fen * qty - discount_fen,
        is_gift=unit_fen == 0,
        refund_state=state,
        shipped_qty=min(qty, sent),
        refunded_qty=gone,
    )


def _left(native: wire.Line, qty: int, problems: list[Problem]) -> int:
    """Return the pieces which edits and refunds have left in the line."""
    left = native.current_quantity
    if left is None or left in {0, "0"}:
        return qty if left is None else 0
    return min(qty, quantity(left, "line_items.current_quantity", problems))


def _parcels(
    order: wire.Order, problems: list[Problem]
) -> tuple[tuple[Parcel, ...], dict[str, int]]:
    """Return the parcels and the pieces shipped per line; failed fulfilments shipped nothing."""
    found: list[Parcel] = []
    shipped: dict[str, int] = {}
    for native in order.fulfillments or ():
        if clean(native.status) in _NOT_SENT:
            continue
        held = [(text_of(line.id), line) for line in native.line_items or ()]
        for line_id, line in held:
            pieces = quantity(line.quantity, "fulfillments.quantity", problems)
            shipped[line_id] = shipped.get(line_id, 0) + pieces
        shipped_at = zoned_time(native.created_at, "fulfillments.created_at", problems)
        numbers = [text_of(number) for number in native.tracking_numbers or ()]
        line_ids = tuple(dict.fromkeys(line_id for line_id, _ in held if line_id))
        found.extend(
            Parcel(
                waybill_no=number,
                carrier=clean(native.tracking_company),
                shipped_at=shipped_at,
                line_ids=line_ids,
            )
            for number in dict.fromkeys(filter(None, numbers or [text_of(native.tracking_number)]))
        )
    return tuple(found), shipped


def _refunded(order: wire.Order, problems: list[Problem]) -> dict[str, int]:
    """Return the pieces which refunds took out, per line."""
    gone: dict[str, int] = {}
    for refund in order.refunds or ():
        for line in refund.refund_line_items or ():
            line_id = text_of(line.line_item_id)
            pieces = quantity(line.quantity, "refund_line_items.quantity", problems)
            gone[line_id] = gone.get(line_id, 0) + pieces
    return gone


def _freight(
    order: wire.Order, lines: list[orders.LineDraft], payable_fen: int, money: Money
) -> tuple[int, _Beside]:
    """Return what is payable beside goods: shipping after its discounts, and what comes on top.

    Taxes are on top where prices do not include them; tips and duties where that makes the sums
    meet. Where nothing does, the caller names the difference.
    """
    listed_fen = let_go_fen = 0
    for native in several(order.shipping_lines):
        price_fen = money.fen(native.price, "shipping_lines.price")
        shares_fen = sum(
            money.fen(share.amount, "discount_allocations.amount")
            for share in native.discount_allocations or ()
        )
        if not native.discount_allocations and native.discounted_price is not None:
            reduced_fen = money.fen(native.discounted_price, "shipping_lines.discounted_price")
            shares_fen = max(0, price_fen - reduced_fen)
        listed_fen += price_fen
        let_go_fen += min(price_fen, shares_fen)
    shipping = order.total_shipping_price_set
    if not order.shipping_lines and shipping is not None and shipping.shop_money is not None:
        listed_fen = money.fen(shipping.shop_money.amount, "total_shipping_price_set")
    duties = order.original_total_duties_set
    duties_fen = money.fen(
        duties.shop_money.amount if duties and duties.shop_money else None, "duties"
    )
    tip_fen = money.fen(order.total_tip_received, "total_tip_received")
    tax_fen = money.fen(order.total_tax, "total_tax")
    freight_fen = listed_fen - let_go_fen + (tax_fen if order.taxes_included is False else 0)
    nets_fen = sum(line.net_fen for line in lines)
    on_top_fen = tip_fen + duties_fen
    if on_top_fen and nets_fen + freight_fen + on_top_fen == payable_fen:
        freight_fen += on_top_fen
    return freight_fen, _Beside(tax_fen=tax_fen, tip_fen=tip_fen, shipping_discount_fen=let_go_fen)


def _promotions(
    order: wire.Order, natives: tuple[wire.Line, ...], money: Money
) -> tuple[Promotion, ...]:
    """Name every discount of the goods; those of shipping are off the freight already."""
    by_index: dict[int, int] = {}
    for native in natives:
        for share in native.discount_allocations or ():
            index = share.discount_application_index
            index = -1 if index is None else index
            amount_fen = money.fen(share.amount, "discount_allocations.amount")
            by_index[index] = by_index.get(index, 0) + amount_fen
    applications = order.discount_applications or []
    found = []
    for index, amount_fen in by_index.items():
        known = applications[index] if 0 <= index < len(applications) else wire.Application()
        name = clean(known.code) or clean(known.title) or clean(known.description) or "discount"
        if amount_fen:
            found.append(Promotion(name=name, fen=amount_fen, borne_by=Bearer.SELLER))
    return tuple(found)


def _receiver(order: wire.Order, problems: list[Problem]) -> Receiver:
    address = order.shipping_address or wire.Address()
    province = clean(address.province)
    if (clean(address.country_code) or clean(address.country)) in _CHINA:
        code = clean(address.province_code).upper() or CODES.get(province.lower(), "")
        province = PROVINCES.get(code, province)
    elif not province:
        # A country without provinces is its own; China without one is nowhere.
        province = clean(address.country)
    name = full_name(address.first_name, address.last_name) or clean(address.name)
    street = " ".join(filter(None, (clean(address.address1), clean(address.address2))))
    return receiver(
        region=(province, address.city, ""),
        town="",
        person=(name, text_of(address.phone), street),
        key="",
        problems=problems,
        kind_of=typed_kind,
    )


def _extension(order: wire.Order, beside: _Beside, money: Money) -> ShopifyExtension:
    address = order.shipping_address or wire.Address()
    refunded_fen = sum(
        money.fen(moved.amount, "transactions.amount")
        for refund in order.refunds or ()
        for moved in refund.transactions or ()
        if moved.kind == "refund" and moved.status == "success"
    )
    return ShopifyExtension(
        buyer_key=real_id(order.customer.id) if order.customer is not None else "",
        name=clean(order.name),
        source_name=clean(order.source_name),
        tags=tuple(filter(None, (tag.strip() for tag in clean(order.tags).split(",")))),
        gateways=tuple(clean(name) for name in order.payment_gateway_names or ()),
        coupon_codes=tuple(
            clean(one.code) for one in order.discount_applications or () if one.code
        ),
        country_code=clean(address.country_code),
        province_code=clean(address.province_code),
        zip=text_of(address.zip),
        cancel_reason=clean(order.cancel_reason),
        tax_fen=beside.tax_fen,
        tip_fen=beside.tip_fen,
        shipping_discount_fen=beside.shipping_discount_fen,
        refunded_fen=refunded_fen,
    )
