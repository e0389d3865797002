"""What a WooCommerce order means.

Reads an order (an answer, an entry of a list, a webhook's body: all alike) and a whole list. A
refund object names at best its order. Amounts are the shop's currency, taxes are inside each line.
"""

import re
from html import unescape

import msgspec

from chassis.money import share_out
from services.ingest.channels import _order as orders
from services.ingest.channels._money import Money
from services.ingest.channels._person import full_name
from services.ingest.channels._wire import (
    Text,
    clean,
    needed,
    noted,
    problem,
    quantity,
    read_json,
    real_id,
    receiver,
    several,
    starts_with,
    text_of,
    typed_kind,
    utc_time,
)
from services.ingest.channels.woocommerce import wire
from services.ingest.channels.woocommerce.extension import WooCommerceExtension
from services.ingest.channels.woocommerce.regions import PROVINCES
from services.ingest.domain.model import (
    Bearer,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
    Problem,
    ProblemCode,
    Promotion,
    Receiver,
    Times,
)

S = OrderSnapshotState

# A failed payment may be tried again, so its order is unpaid and not gone. What was paid before is on hold: see `_state`.
STATES = {
    "pending": S.UNPAID,
    "on-hold": S.UNPAID,
    "failed": S.UNPAID,
    "processing": S.AWAITING_SHIPMENT,
    "completed": S.COMPLETED,
    "cancelled": S.CANCELLED,
    "refunded": S.CLOSED_REFUNDED,
    "trash": S.CANCELLED,
}
DRAFTS = frozenset({"auto-draft", "checkout-draft", "draft"})
_ON_DELIVERY = "cod"
PING = re.compile(rb"^webhook_id=[0-9]{1,20}\Z")
"""What a shop sends when a webhook is saved: a form, and without a signature."""


_decode = msgspec.json.Decoder(wire.Answer).decode
_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def normalise(body: bytes) -> tuple[Normalised, ...]:
    """Read one native payload; never raises, a second call gives the same."""
    if starts_with(body, b"["):
        rows = read_json(_decode_list, body)
        if isinstance(rows, Problem):
            return orders.refused(rows)
        return orders.newest([_one(bytes(raw)) for raw in rows])
    if PING.match(body):
        return (_no_order("a ping, not an order"),)
    return (_one(body),)


def _one(body: bytes) -> Normalised:
    found = read_json(_decode, body)
    if isinstance(found, Problem):
        return Normalised(order=None, problems=(found,))
    if found.status is not None or (found.line_items is not None and found.amount is None):
        if found.status in DRAFTS:
            return _no_order("a draft, not an order")
        return _normalised(found)
    if found.code is not None:
        cause = f"{clean(found.code)} {clean(found.message)}"
        return Normalised(
            order=None, problems=(problem(ProblemCode.CHANNEL_ERROR, cause, blocks=True),)
        )
    if found.amount is not None and real_id(found.parent_id):
        return _normalised(wire.Order(id=found.parent_id), partial=True)
    if real_id(found.id) and _only_a_number(body):
        return _normalised(wire.Order(id=found.id), partial=True)
    return _no_order("a refund, not an order" if found.amount is not None else "no order")


def _only_a_number(body: bytes) -> bool:
    """Say whether nothing but an id is there: what is pushed of an order that was deleted."""
    names = read_json(_decode_names, body)
    return not isinstance(names, Problem) and names.keys() == {"id"}


def _no_order(why: str) -> Normalised:
    return Normalised(order=None, problems=(problem(ProblemCode.NOT_AN_ORDER, why, blocks=True),))


def _normalised(order: wire.Order, *, partial: bool = False) -> Normalised:
    problems: list[Problem] = []
    currency = clean(order.currency) or "CNY"
    money = Money(currency, problems)
    payable_fen = money.fen(order.total, "total")
    if not partial and (order.total is None or order.total == ""):
        problems.append(problem(ProblemCode.AMOUNT_MISSING, "total", blocks=True))
    natives = several(order.line_items)
    lines = [_line(native, money, problems) for native in natives]
    fees_fen, promotions = _fees(order, lines, money)
    freight_fen = money.fen(order.shipping_total, "shipping_total") + money.fen(
        order.shipping_tax, "shipping_tax"
    )
    refunded_fen = sum(abs(money.fen(one.total, "refunds.total")) for one in order.refunds or ())
    state, hold = _state(order, refunded_fen)
    _check_discount(order, natives, money, problems)
    draft = orders.Draft(
        order_no=text_of(order.id),
        shop="",
        names_shop=False,
        channel="woocommerce",
        state=state,
        raw_state=clean(order.status),
        hold=hold,
        payable_fen=payable_fen,
        paid_fen=_paid_fen(order, state, payable_fen),
        freight_fen=freight_fen + fees_fen,
        goods_fen=None,
        lines=lines,
        receiver=_receiver(order, problems),
        promotions=promotions,
        parcels=(),
        times=Times(
            created=utc_time(order.date_created_gmt, "date_created_gmt", problems),
            paid=utc_time(order.date_paid_gmt, "date_paid_gmt", problems),
            modified=utc_time(order.date_modified_gmt, "date_modified_gmt", problems),
            shipped=None,
            ended=utc_time(order.date_completed_gmt, "date_completed_gmt", problems),
            ship_by=None,
        ),
        buyer_memo=plain_text(order.customer_note),
        seller_memo="",
        extensions=_extension(order, fees_fen, refunded_fen, money),
        currency=currency,
        cash_on_delivery=clean(order.payment_method) == _ON_DELIVERY,
        partial=partial,
        reservation_id=noted(order.meta_data, wire.decode_note, orders.RESERVATION),
        rounding_fen=sum(
            _rounding_fen(native, line, money) for native, line in zip(natives, lines, strict=True)
        ),
    )
    return orders.finish(draft, problems)


def _state(order: wire.Order, refunded_fen: int) -> tuple[OrderSnapshotState, str]:
    """Return the state, and why an order must not ship that the status or its payment would let go."""
    state = STATES.get(clean(order.status), S.UNKNOWN)
    if state is S.UNPAID and utc_time(order.date_paid_gmt, "date_paid_gmt", []) is not None:
        # A person, or a plug-in against fraud, has stopped what was paid; the shop keeps when that was.
        return S.PAID_ON_HOLD, "on_hold"
    if state is S.AWAITING_SHIPMENT and refunded_fen:
        # The order does not say for which line money went back: shipping it would be a guess.
        return S.PAID_ON_HOLD, "refunded_line_unknown"
    return state, ""


def _check_discount(
    order: wire.Order, natives: tuple[wire.Line, ...], money: Money, problems: list[Problem]
) -> None:
    """Name a total of coupons which the lines do not show."""
    if order.discount_total is None or not natives:
        return
    told_fen = money.fen(order.discount_total, "discount_total")
    off_fen = sum(
        money.fen(native.subtotal, "line_items.subtotal")
        - money.fen(native.total, "line_items.total")
        for native in natives
    )
    if told_fen != off_fen:
        detail = f"discount_total {told_fen}, lines {off_fen}"
        problems.append(problem(ProblemCode.PROMOTIONS_DIFFER, detail, blocks=False))


def _paid_fen(order: wire.Order, state: OrderSnapshotState, payable_fen: int) -> int:
    if state is S.UNPAID:
        return 0
    if order.date_paid_gmt or state is S.CLOSED_REFUNDED:
        return payable_fen
    if clean(order.payment_method) == _ON_DELIVERY:
        return payable_fen if state is S.COMPLETED else 0
    return payable_fen if state in orders.PAID_STATES else 0


def _line(native: wire.Line, money: Money, problems: list[Problem]) -> orders.LineDraft:
    qty = quantity(native.quantity, "line_items.quantity", problems)
    listed_fen = _listed_fen(native, money)
    needed(native.subtotal, "line_items.subtotal", problems)
    needed(native.total, "line_items.total", problems)
    net_fen = money.fen(native.total, "line_items.total") + money.fen(
        native.total_tax, "line_items.total_tax"
    )
    return orders.LineDraft(
        line_id=text_of(native.id),
        sku_id=real_id(native.variation_id) or real_id(native.product_id),
        merchant_sku=text_of(native.sku),
        title=plain_text(native.name),
        qty=qty,
        # A share of taxes need not divide by the pieces: the price is rounded up to a whole fen.
        unit_price_fen=-(-listed_fen // qty) if qty else 0,
        net_fen=net_fen,
        is_gift=listed_fen == 0,
        refund_state=LineRefundState.NONE,
        shipped_qty=0,
    )


def _listed_fen(native: wire.Line, money: Money) -> int:
    return money.fen(native.subtotal, "line_items.subtotal") + money.fen(
        native.subtotal_tax, "line_items.subtotal_tax"
    )


def _rounding_fen(native: wire.Line, line: orders.LineDraft, money: Money) -> int:
    return line.unit_price_fen * line.qty - _listed_fen(native, money) if line.qty else 0


def plain_text(text: Text) -> str:
    """Return a name without the HTML entities in which the shop keeps it."""
    return unescape(clean(text)).replace("\x00", "").strip()


def _fees(
    order: wire.Order, lines: list[orders.LineDraft], money: Money
) -> tuple[int, tuple[Promotion, ...]]:
    """Return what fees add beside the goods, and every discount by name.

    A negative fee is a discount that no line knows of: it is shared out over them.
    """
    added_fen, found = 0, []
    for coupon in order.coupon_lines or ():
        amount_fen = money.fen(coupon.discount, "coupon_lines.discount") + money.fen(
            coupon.discount_tax, "coupon_lines.discount_tax"
        )
        if amount_fen:
            name = clean(coupon.code)
            found.append(Promotion(name=name, fen=amount_fen, borne_by=Bearer.SELLER))
    off_fen = 0
    for fee in order.fee_lines or ():
        fee_fen = money.fen(fee.total, "fee_lines.total") + money.fen(
            fee.total_tax, "fee_lines.total_tax"
        )
        if fee_fen < 0:
            off_fen -= fee_fen
            name = plain_text(fee.name)
            found.append(Promotion(name=name, fen=-fee_fen, borne_by=Bearer.SELLER))
        else:
            added_fen += fee_fen
    nets = [max(0, line.net_fen) for line in lines]
    if off_fen and off_fen <= sum(nets):
        shares = share_out(off_fen, nets, [line.line_id for line in lines])
        for line, share_fen in zip(lines, shares, strict=True):
            line.net_fen -= share_fen
    return added_fen, tuple(found)


def _address(order: wire.Order) -> wire.Address:
    """Take the shipping address; billing where the shop asked for only one."""
    address = order.shipping or wire.Address()
    if any(map(clean, (address.address_1, address.city, address.state))):
        return address
    return order.billing or wire.Address()


def _receiver(order: wire.Order, problems: list[Problem]) -> Receiver:
    billing, address = order.billing or wire.Address(), _address(order)
    province = plain_text(address.state)
    if address.country == "CN":
        province = PROVINCES.get(province.upper().replace("-", ""), province)
    elif not province:
        # A country without provinces is its own; China without one is nowhere.
        province = clean(address.country)
    street = " ".join(filter(None, map(plain_text, (address.address_1, address.address_2))))
    first, last = plain_text(address.first_name), plain_text(address.last_name)
    return receiver(
        region=(province, plain_text(address.city), ""),
        town="",
        person=(full_name(first, last), text_of(address.phone) or text_of(billing.phone), street),
        key="",
        problems=problems,
        kind_of=typed_kind,
    )


def _extension(
    order: wire.Order, fees_fen: int, refunded_fen: int, money: Money
) -> WooCommerceExtension:
    address = _address(order)
    return WooCommerceExtension(
        buyer_key=real_id(order.customer_id),
        number=text_of(order.number),
        created_via=clean(order.created_via),
        payment_method=clean(order.payment_method),
        coupon_codes=tuple(clean(coupon.code) for coupon in order.coupon_lines or ()),
        country=clean(address.country),
        province_code=clean(address.state),
        postcode=text_of(address.postcode),
        tax_fen=money.fen(order.total_tax, "total_tax"),
        fees_fen=fees_fen,
        refunded_fen=refunded_fen,
    )
