"""What a 快团团 order means.

Reads one entry of a list (the evidence) and a whole page; what our own door took is read by `leader`.
Sources: the response classes of Pinduoduo's Java SDK and of niltor/open-pdd-net-sdk, which name every
field with its unit.
"""

import msgspec

from chassis.money import share_out
from services.ingest.channels import _order as orders
from services.ingest.channels._pickup import Place, at_point, place_of
from services.ingest.channels._wire import (
    Amount,
    clean,
    count,
    epoch_ms_time,
    fen,
    needed,
    present,
    problem,
    quantity,
    read_json,
    real_id,
    receiver,
    several,
    sliced,
    text_of,
)
from services.ingest.channels.groupbuy import gateway, leader, wire
from services.ingest.channels.groupbuy.extension import GroupbuyExtension
from services.ingest.domain.leader_order import SCHEMA
from services.ingest.domain.model import (
    SHIPPABLE,
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
R = LineRefundState

SHIPPING = {"": S.AWAITING_SHIPMENT, "0": S.AWAITING_SHIPMENT, "2": S.PARTLY_SHIPPED,
            "1": S.SHIPPED, "3": S.COMPLETED}  # fmt: skip
AFTERSALES = {
    "": R.NONE,
    "0": R.NONE,
    "1": R.REQUESTED,
    "2": R.REFUNDED,
    "3": R.REQUESTED,
    "4": R.REFUSED,
    "6": R.RETURNING,
    "7": R.RETURNING,
    "8": R.WITHDRAWN,
    "9": R.WITHDRAWN,
}
_DELIVERIES = {"": "courier", "10": "courier", "20": "self_pick_up", "30": "same_city"}
_NOTHING_TO_SHIP = "0"
_NOWHERE = Place("", "", "", "")


_decode = msgspec.json.Decoder(wire.Answer).decode
_decode_order = msgspec.json.Decoder(wire.Order).decode
_decode_error = msgspec.json.Decoder(gateway.ErrorResponse).decode


def normalise(body: bytes) -> tuple[Normalised, ...]:
    """Read one native payload; never raises, a second call gives the same."""
    found = read_json(_decode, body)
    if isinstance(found, Problem):
        return orders.refused(found)
    if found.schema == SCHEMA:
        return leader.normalise(body)
    listed = found.ktt_increment_order_query_response or found.ktt_order_list_response
    rows = sliced(listed.order_list) if listed is not None else None
    if rows is None and listed is not None and count(listed.total_count) == 0:
        return ()
    if rows is not None:
        return orders.newest([row for raw in rows for row in _row(raw)])
    if present(found.error_response):
        error = read_json(_decode_error, bytes(found.error_response))
        if isinstance(error, Problem):
            return orders.refused(error)
        fault = gateway.fault_of(error)
        cause = f"{fault.kind} {fault.code} {fault.detail}"
        return orders.refused(problem(ProblemCode.CHANNEL_ERROR, cause, blocks=True))
    single = found.ktt_order_get_response or found.response
    order = (single.order or single.order_info or single) if single is not None else found
    if order.order_sn is None and order.sub_order_list is None:
        return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))
    return (_normalised(order),)


def _row(raw: bytes) -> tuple[Normalised, ...]:
    row = read_json(_decode_order, raw)
    return orders.refused(row) if isinstance(row, Problem) else (_normalised(row),)


def _code(value: Amount) -> str:
    """Return a number of a list of codes as text; absent is ""."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return text_of(value)


def _normalised(order: wire.Order) -> Normalised:
    problems: list[Problem] = []
    payable_fen = fen(order.order_amount, "order_amount", problems)
    if order.order_amount is None or order.order_amount == "":
        problems.append(problem(ProblemCode.AMOUNT_MISSING, "order_amount", blocks=True))
    paid_at = epoch_ms_time(order.confirm_at, "confirm_at", problems)
    natives = several(order.sub_order_list)
    parcels, in_parcels = _parcels(order)
    lines = [_line(order, native, in_parcels, problems) for native in natives]
    gifts = [
        _gift(native, number, lines, problems)
        for number, native in enumerate(several(order.gift_order_list), start=1)
    ]
    freight_fen = fen(order.shipping_amount, "shipping_amount", problems) + fen(
        order.service_amount, "service_amount", problems
    )
    promotions = _promotions(order, lines, payable_fen - freight_fen, problems)
    place = _place(order)
    state, hold = _state(order, place, paid=paid_at is not None)
    if state is S.AWAITING_SHIPMENT and any(line.shipped_qty for line in lines):
        state = S.PARTLY_SHIPPED
    back_fen = fen(order.theoretical_refund_amount, "theoretical_refund_amount", problems)
    if _code(order.after_sales_status) == "2":
        state, hold = _refunded(state, hold, lines, all_back=0 < payable_fen <= back_fen)
    elif state in SHIPPABLE and all(line.refunded_qty >= line.qty for line in lines):
        state, hold = (S.CLOSED_REFUNDED, "") if lines else (state, hold)
    draft = orders.Draft(
        order_no=text_of(order.order_sn),
        shop="",
        names_shop=False,
        channel="groupbuy",
        state=state,
        raw_state=_raw_state(order),
        hold=hold,
        payable_fen=payable_fen,
        paid_fen=payable_fen if paid_at is not None and state is not S.UNPAID else 0,
        freight_fen=freight_fen,
        goods_fen=sum(fen(native.goods_amount, "goods_amount", problems) for native in natives),
        lines=[*lines, *gifts],
        receiver=_receiver(order, place, problems),
        promotions=promotions,
        parcels=parcels,
        times=Times(
            created=paid_at,
            paid=paid_at,
            modified=epoch_ms_time(order.updated_at, "updated_at", problems),
            shipped=None,
            ended=None,
            ship_by=None,
        ),
        buyer_memo=clean(order.buyer_memo),
        seller_memo=" ".join(filter(None, map(clean, (order.business_note, order.secret_remark)))),
        extensions=_extension(order, natives, problems),
        collected=_code(order.logistics_type) == "20",
    )
    return orders.finish(draft, problems)


def _raw_state(order: wire.Order) -> str:
    """Name the three fields which make the state, in the order in which they count."""
    named = (
        ("cancel", order.cancel_status),
        ("after_sales", order.after_sales_status),
        ("shipping", order.shipping_status),
    )
    return " ".join(f"{name}={_code(value)}" for name, value in named if _code(value))


def _state(order: wire.Order, place: Place, *, paid: bool) -> tuple[OrderSnapshotState, str]:
    cancelled, asked = _code(order.cancel_status), _code(order.after_sales_status)
    shipping, delivery = _code(order.shipping_status), _code(order.logistics_type)
    if cancelled not in {"", "0", "1"} or shipping not in SHIPPING:
        return S.UNKNOWN, ""
    if cancelled == "1":
        money_back = asked == "2" or _code(order.theoretical_refund_amount) not in {"", "0"}
        return (S.CLOSED_REFUNDED if money_back else S.CANCELLED), ""
    if not paid:
        return S.UNPAID, ""
    state = SHIPPING[shipping]
    if state in SHIPPABLE:
        if _code(order.verification_status) == "1":
            return S.COMPLETED, ""  # the member has shown the code and taken the goods
        if delivery == _NOTHING_TO_SHIP:
            return S.PAID_ON_HOLD, "nothing_to_ship"
        if delivery not in _DELIVERIES:
            return S.PAID_ON_HOLD, "delivery_unknown"
        if delivery == "20" and not place.province:
            return S.PAID_ON_HOLD, "pick_up_point_unknown"
    return state, ""


def _refunded(
    state: OrderSnapshotState, hold: str, lines: list[orders.LineDraft], *, all_back: bool
) -> tuple[OrderSnapshotState, str]:
    """Return the state of an order of which something went back, as far as its amount and its lines tell what."""
    if lines and (all_back and state in SHIPPABLE | {S.PAID_ON_HOLD}):
        for line in lines:
            line.refund_state, line.refunded_qty = R.REFUNDED, line.qty
    if lines and all(line.refund_state is R.REFUNDED for line in lines):
        return S.CLOSED_REFUNDED, ""
    told = any(line.refund_state is not R.NONE for line in lines)
    if state in SHIPPABLE and not told:
        return S.PAID_ON_HOLD, "refunded_line_unknown"
    return state, hold


def _line(
    order: wire.Order, native: wire.Line, in_parcels: frozenset[str], problems: list[Problem]
) -> orders.LineDraft:
    line_id = text_of(native.sub_order_sn)
    qty = quantity(native.goods_number, "goods_number", problems)
    unit_fen = fen(native.goods_price, "goods_price", problems)
    needed(native.goods_price, "goods_price", problems)
    real = native.real_goods_amount
    net_fen = (
        unit_fen * qty if real is None or real == "" else fen(real, "real_goods_amount", problems)
    )
    gone = min(qty, max(0, fen(native.already_cancel_number, "already_cancel_number", problems)))
    if _code(native.cancel_status) == "1":
        gone = gone or qty
    shipped = _code(native.shipping_status) in {"1", "3"} or line_id in in_parcels
    if _code(order.shipping_status) in {"1", "3"}:
        shipped = True
    fetched = max(0, fen(native.verification_number, "verification_number", problems))
    back_fen = fen(native.refund_goods_amount, "refund_goods_amount", problems)
    return orders.LineDraft(
        line_id=line_id,
        sku_id=real_id(native.sku_id) or real_id(native.goods_id),
        merchant_sku=text_of(native.external_sku_id),
        title=clean(native.goods_name),
        qty=qty,
        unit_price_fen=unit_fen,
        net_fen=net_fen,
        is_gift=unit_fen == 0,
        refund_state=_refund_state(order, gone, qty, back_fen, net_fen),
        shipped_qty=qty - gone if shipped else min(qty - gone, fetched),
        refunded_qty=gone,
    )


def _refund_state(
    order: wire.Order, gone: int, qty: int, back_fen: int, net_fen: int
) -> LineRefundState:
    """Return where a line stands; what is asked for stands on the order, and counts for all."""
    asked = AFTERSALES.get(_code(order.after_sales_status), R.UNKNOWN)
    if gone and gone >= qty:
        return R.REFUNDED
    if asked is not R.REFUNDED and asked is not R.NONE:
        return asked
    if back_fen and back_fen >= net_fen:
        return R.REFUNDED
    return R.PARTLY_REFUNDED if gone or back_fen else R.NONE


def _gift(
    native: wire.Gift, number: int, lines: list[orders.LineDraft], problems: list[Problem]
) -> orders.LineDraft:
    """Return a gift as a line of its own, which goes the way of the line it came with."""
    host_no = text_of(native.host_sub_order_sn)
    host = next((line for line in lines if line.line_id == host_no), None)
    qty = quantity(native.goods_number, "gift_order_list.goods_number", problems)
    gone = host is not None and host.refund_state is R.REFUNDED
    sent = host is not None and host.qty > 0 and host.shipped_qty >= host.qty
    return orders.LineDraft(
        line_id=f"{host_no or 'order'}-gift-{number}",
        sku_id=real_id(native.sku_id) or real_id(native.goods_id),
        merchant_sku=text_of(native.external_sku_id),
        title=clean(native.goods_name),
        qty=qty,
        unit_price_fen=0,
        net_fen=0,
        is_gift=True,
        refund_state=R.REFUNDED if gone else R.NONE,
        shipped_qty=qty if sent else 0,
        refunded_qty=qty if gone else 0,
    )


def _promotions(
    order: wire.Order, lines: list[orders.LineDraft], goods_fen: int, problems: list[Problem]
) -> tuple[Promotion, ...]:
    """Name the discounts; the platform's is shared out where only then the sums meet."""
    leader_fen = fen(order.discount_amount, "discount_amount", problems)
    platform_fen = fen(order.platform_discount_amount, "platform_discount_amount", problems)
    nets = [max(0, line.net_fen) for line in lines]
    off_goods = platform_fen > 0 and sum(nets) - platform_fen == goods_fen and goods_fen >= 0
    if off_goods:
        shares = share_out(platform_fen, nets, [line.line_id for line in lines])
        for line, share_fen in zip(lines, shares, strict=True):
            line.net_fen -= share_fen
    found = []
    if leader_fen > 0:
        found.append(Promotion(name="团长优惠", fen=leader_fen, borne_by=Bearer.SELLER))
    if platform_fen > 0:
        found.append(Promotion(name="平台优惠", fen=platform_fen, borne_by=Bearer.PLATFORM))
    return tuple(found)


def _parcels(order: wire.Order) -> tuple[tuple[Parcel, ...], frozenset[str]]:
    """Return the parcels, and the lines which they name."""
    found = []
    named: set[str] = set()
    for native in several(order.logistics_list):
        line_ids = tuple(filter(None, map(text_of, native.sub_order_sn_list or ())))
        number = text_of(native.shipping_no)
        if number:
            named.update(line_ids)
            carrier = clean(native.shipping_company)
            found.append(
                Parcel(waybill_no=number, carrier=carrier, shipped_at=None, line_ids=line_ids)
            )
    return tuple(found), frozenset(named)


def _place(order: wire.Order) -> Place:
    """Return where the goods of a pick-up order go to: the point, which is one line of text."""
    if _code(order.logistics_type) != "20":
        return _NOWHERE
    return place_of(clean(order.self_pick_up_address))


def _receiver(order: wire.Order, place: Place, problems: list[Problem]) -> Receiver:
    region = (
        order.receiver_address_province,
        order.receiver_address_city,
        order.receiver_address_district,
    )
    collected = _code(order.logistics_type) == "20"
    if collected:
        region = (place.province, place.city, place.district)
    address = "" if collected else order.receiver_address_detail
    found = receiver(
        region=region,
        town="",
        person=(order.receiver_name, text_of(order.receiver_mobile), address),
        key="",
        problems=problems,
    )
    where = " ".join(filter(None, (place.detail, clean(order.self_pick_up_site_name))))
    return at_point(found, where) if collected else found


def _extension(
    order: wire.Order, natives: tuple[wire.Line, ...], problems: list[Problem]
) -> GroupbuyExtension:
    def summed(values: list[Amount], field: str) -> int:
        return sum(fen(value, field, problems) for value in values)

    delivery = _code(order.logistics_type)
    return GroupbuyExtension(
        buyer_key=clean(order.open_id),
        activity_no=text_of(order.activity_no),
        activity_title=clean(order.activity_title),
        participate_no=text_of(order.participate_no),
        delivery="none" if delivery == _NOTHING_TO_SHIP else _DELIVERIES.get(delivery, delivery),
        site_no=text_of(order.self_pick_site_no),
        site_name=clean(order.self_pick_up_site_name),
        site_address=clean(order.self_pick_up_address),
        helper=clean(order.help_sell_nickname),
        helper_key=clean(order.help_sell_open_id),
        is_supplier=bool(order.is_supplier),
        supply_activity_no=text_of(order.supply_activity_no),
        verification_status=_code(order.verification_status),
        help_sell_fen=summed([line.help_sell_amount for line in natives], "help_sell_amount"),
        commission_fen=summed(
            [line.goods_commission_amount for line in natives], "goods_commission_amount"
        ),
        cost_fen=summed([line.goods_cost_price for line in natives], "goods_cost_price"),
        refunded_fen=fen(order.theoretical_refund_amount, "theoretical_refund_amount", problems),
        answers=tuple((clean(i.name), clean(i.value)) for i in several(order.custom_item_list)),
    )
