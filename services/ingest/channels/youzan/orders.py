"""What a Youzan order means.

Reads a detail's answer or one entry of a list (the evidence), a whole list, and a push, whose
message may be a number with a state or the whole order.
"""

import msgspec

from chassis.money import share_out
from services.ingest.channels import _order as orders
from services.ingest.channels._pickup import at_point
from services.ingest.channels._wire import (
    beijing_time,
    clean,
    count,
    minor_units,
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
    yuan,
)
from services.ingest.channels.youzan import gateway, parts, pushes, wire
from services.ingest.channels.youzan.extension import YouzanExtension
from services.ingest.domain.model import (
    SHIPPABLE,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
    Parcel,
    Problem,
    ProblemCode,
    Receiver,
    Times,
)

S = OrderSnapshotState
R = LineRefundState

# TRADE_PAID passes within seconds; WAIT_CONFIRM waits for a group to be full or a shop to accept.
STATES = {
    "WAIT_BUYER_PAY": S.UNPAID,
    "TRADE_PAID": S.PAID_ON_HOLD,
    "WAIT_CONFIRM": S.PAID_ON_HOLD,
    "WAIT_SELLER_SEND_GOODS": S.AWAITING_SHIPMENT,
    "WAIT_BUYER_CONFIRM_GOODS": S.SHIPPED,
    "TRADE_SUCCESS": S.COMPLETED,
    "TRADE_CLOSED": S.CANCELLED,
}
HOLDS = {"TRADE_PAID": "payment_passing", "WAIT_CONFIRM": "group_not_complete"}
_COURIER, _SELF_FETCH, _NOTHING_TO_SHIP = frozenset({"", "0", "2"}), "1", "9"
_ALL_REFUNDED = "12"
_SHIPPED = frozenset({S.SHIPPED, S.COMPLETED})


_decode = msgspec.json.Decoder(wire.Answer).decode
_decode_found = msgspec.json.Decoder(wire.Found).decode
_decode_trade = msgspec.json.Decoder(wire.Trade).decode
_decode_inner = msgspec.json.Decoder(wire.FullOrder).decode
_decode_point = msgspec.json.Decoder(wire.Point).decode


def normalise(body: bytes) -> tuple[Normalised, ...]:
    """Read one native payload; never raises, a second call gives the same."""
    found = read_json(_decode, body)
    if isinstance(found, Problem):
        return orders.refused(found)
    if found.full_order_info is not None:
        return (_normalised(found),)
    if found.order_info is not None:
        inner = read_json(_decode_inner, body)
        if isinstance(inner, Problem):
            return orders.refused(inner)
        return (_normalised(wire.Trade(full_order_info=inner)),)
    if present(found.msg):
        return _pushed(found)
    code = text_of(found.code)
    if found.gw_err_resp is not None or found.success is False or code not in gateway.OK | {""}:
        fault = gateway.fault_of(gateway=found.gw_err_resp, code=code, words=clean(found.message))
        cause = f"{fault.kind} {fault.code} {fault.detail}"
        return orders.refused(problem(ProblemCode.CHANNEL_ERROR, cause, blocks=True))
    if present(found.data):
        return _answered(bytes(found.data))
    return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))


def _answered(body: bytes) -> tuple[Normalised, ...]:
    found = read_json(_decode_found, body)
    if isinstance(found, Problem):
        return orders.refused(found)
    if found.full_order_info is not None:
        return (_normalised(found),)
    listed = sliced(found.full_order_info_list)
    if listed is None and count(found.total_results) == 0:
        return ()
    if listed is not None:
        return orders.newest([row for raw in listed for row in _row(raw)])
    return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))


def _row(raw: bytes) -> tuple[Normalised, ...]:
    row = read_json(_decode_trade, raw)
    return orders.refused(row) if isinstance(row, Problem) else (_normalised(row),)


def _pushed(push: wire.Answer) -> tuple[Normalised, ...]:
    """Give what a push carries; a test push is no order."""
    if push.test:
        return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "a test push", blocks=True))
    message = pushes.message_of(push.msg)
    if isinstance(message, Problem):
        return orders.refused(message)
    if message.full_order_info is not None:
        return (_normalised(message),)
    if message.tid is None:
        return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))
    info = wire.OrderInfo(
        tid=message.tid,
        status=message.status,
        update_time=message.update_time,
        node_kdt_id=message.kdt_id or push.kdt_id,
    )
    hinted = wire.Trade(full_order_info=wire.FullOrder(order_info=info))
    return (_normalised(hinted, partial=True),)


def _normalised(trade: wire.Trade, *, partial: bool = False) -> Normalised:
    problems: list[Problem] = []
    order = trade.full_order_info or wire.FullOrder()
    info = order.order_info or wire.OrderInfo()
    pay = order.pay_info or wire.PayInfo()
    payable_fen = yuan(pay.payment, "payment", problems)
    if not partial and (pay.payment is None or pay.payment == ""):
        problems.append(problem(ProblemCode.AMOUNT_MISSING, "payment", blocks=True))
    times = _times(info, problems)
    deposit_fen = sum(
        yuan(phase.real_price, "phase_payments.real_price", problems)
        for phase in several(pay.phase_payments)
        if real_id(phase.outer_transaction_no) or real_id(phase.inner_transaction_no)
    )
    parcels, sent = _parcels(trade)
    natives = several(order.orders)
    # The time of payment may be the deposit's.
    paid_up = times.paid is not None and not 0 < deposit_fen < payable_fen
    state, hold = _state(order, info, paid=paid_up, deposit_fen=deposit_fen)
    lines = _lines(natives, problems, all_sent=state in _SHIPPED, sent=sent)
    refunds = parts.refunds(trade, info, lines, problems)
    if state is S.AWAITING_SHIPMENT and any(line.shipped_qty for line in lines):
        state = S.PARTLY_SHIPPED
    if refunds.hold and state in SHIPPABLE:
        state, hold = S.PAID_ON_HOLD, refunds.hold
    if state is S.CANCELLED and times.paid is not None:
        state = S.CLOSED_REFUNDED
        if text_of(info.refund_state) != _ALL_REFUNDED:
            detail = f"TRADE_CLOSED after payment, refund_state {text_of(info.refund_state)}"
            problems.append(problem(ProblemCode.STATE_CONTRADICTS_PAYMENT, detail, blocks=False))
    freight_fen = yuan(pay.post_fee, "post_fee", problems)
    gross_fen = sum(line.unit_price_fen * line.qty for line in lines)
    listed_fen = yuan(pay.total_fee, "total_fee", problems)
    remark = order.remark_info or wire.Remark()
    draft = orders.Draft(
        order_no=text_of(info.tid),
        shop=real_id(info.node_kdt_id) or real_id(info.root_kdt_id),
        channel="youzan",
        state=state,
        raw_state=clean(info.status),
        hold=hold,
        payable_fen=payable_fen,
        paid_fen=_paid_fen(state, payable_fen, deposit_fen, paid=times.paid is not None),
        freight_fen=freight_fen,
        goods_fen=None if pay.total_fee is None else listed_fen,
        lines=lines,
        receiver=_receiver(order, info, problems),
        promotions=parts.promotions(
            trade.order_promotion, gross_fen + freight_fen - payable_fen, problems
        ),
        parcels=parcels,
        times=times,
        buyer_memo=clean(remark.buyer_message),
        seller_memo=clean(remark.trade_memo),
        extensions=_extension(order, info),
        partial=partial,
        collected=_is_collected(info),
        handed_over=state is S.COMPLETED and _is_over_the_counter(order, info),
    )
    return orders.finish(draft, problems)


def _state(
    order: wire.FullOrder, info: wire.OrderInfo, *, paid: bool, deposit_fen: int
) -> tuple[OrderSnapshotState, str]:
    status = clean(info.status)
    state = STATES.get(status, S.UNKNOWN)
    if state is S.UNPAID and deposit_fen and not paid:
        return S.DEPOSIT_PAID, "presale_balance_open"
    delivery = text_of(info.express_type)
    if state is S.AWAITING_SHIPMENT and delivery == _NOTHING_TO_SHIP:
        return S.PAID_ON_HOLD, "nothing_to_ship"
    if state is S.AWAITING_SHIPMENT and delivery not in _COURIER | {_SELF_FETCH}:
        return S.PAID_ON_HOLD, "delivery_unknown"
    if state is S.AWAITING_SHIPMENT and text_of(info.refund_state) == _ALL_REFUNDED:
        return S.CLOSED_REFUNDED, ""
    if state is S.AWAITING_SHIPMENT and _is_collected(info) and _point(order) == wire.Point():
        return S.PAID_ON_HOLD, "pick_up_point_unknown"
    return state, HOLDS.get(status, "")


def _paid_fen(state: OrderSnapshotState, payable_fen: int, deposit_fen: int, *, paid: bool) -> int:
    if state is S.DEPOSIT_PAID or (state is S.CANCELLED and not paid):
        return deposit_fen
    if state is S.UNPAID:
        return 0
    return payable_fen if paid or state in orders.PAID_STATES else 0


def _times(info: wire.OrderInfo, problems: list[Problem]) -> Times:
    return Times(
        created=beijing_time(info.created, "created", problems),
        paid=beijing_time(info.pay_time, "pay_time", problems),
        modified=beijing_time(info.update_time, "update_time", problems),
        shipped=beijing_time(info.consign_time, "consign_time", problems),
        ended=beijing_time(info.success_time, "success_time", problems),
        ship_by=None,
    )


def _lines(
    natives: tuple[wire.Line, ...],
    problems: list[Problem],
    *,
    all_sent: bool,
    sent: frozenset[str],
) -> list[orders.LineDraft]:
    """Read the lines. Their shares have parts of a fen, which whole fen are shared out from."""
    found = [_line(native, problems, all_sent=all_sent, sent=sent) for native in natives]
    shares = [
        _millionths(native, line, problems) for native, line in zip(natives, found, strict=True)
    ]
    if any(share % 10_000 for share in shares) and min(shares) >= 0:
        total_fen = (sum(shares) + 5_000) // 10_000
        whole = share_out(total_fen, shares, [line.line_id for line in found])
    else:
        whole = tuple(share // 10_000 for share in shares)
    for line, net_fen in zip(found, whole, strict=True):
        line.net_fen = net_fen
    return found


def _millionths(native: wire.Line, line: orders.LineDraft, problems: list[Problem]) -> int:
    if native.payment is None or native.payment == "":
        return 0 if native.is_present else line.unit_price_fen * line.qty * 10_000
    return minor_units(native.payment, 6, "orders.payment", problems)


def _line(
    native: wire.Line, problems: list[Problem], *, all_sent: bool, sent: frozenset[str]
) -> orders.LineDraft:
    line_id = text_of(native.oid)
    qty = quantity(native.num, "orders.num", problems)
    unit_fen = yuan(native.price, "orders.price", problems)
    if not native.is_present:
        needed(native.price, "orders.price", problems)
    return orders.LineDraft(
        line_id=line_id,
        sku_id=real_id(native.sku_id) or real_id(native.item_id),
        merchant_sku=text_of(native.outer_sku_id) or text_of(native.outer_item_id),
        title=clean(native.title),
        qty=qty,
        unit_price_fen=unit_fen,
        net_fen=0,
        is_gift=bool(native.is_present) or unit_fen == 0,
        refund_state=R.NONE,
        shipped_qty=qty if all_sent or line_id in sent else 0,
    )


def _parcels(trade: wire.Trade) -> tuple[tuple[Parcel, ...], frozenset[str]]:
    """Return the parcels, and the lines of deliveries that went."""
    found = []
    sent: set[str] = set()
    for delivery in several(trade.delivery_order):
        line_ids = wire.line_ids(delivery.oids)
        if text_of(delivery.express_state) == "1":
            sent.update(line_ids)
        for dispatch in several(delivery.dists):
            express = dispatch.express_info or wire.Express()
            number = real_id(express.express_no)
            if number:
                carrier = text_of(express.express_id)
                found.append(
                    Parcel(waybill_no=number, carrier=carrier, shipped_at=None, line_ids=line_ids)
                )
    return tuple(found), frozenset(sent)


def _is_collected(info: wire.OrderInfo) -> bool:
    return text_of(info.express_type) == _SELF_FETCH


def _is_of_a_till(order: wire.FullOrder, info: wire.OrderInfo) -> bool:
    return bool((order.source_info or wire.Source()).is_offline_order) or text_of(info.type) == "61"


def _is_over_the_counter(order: wire.FullOrder, info: wire.OrderInfo) -> bool:
    """Whether the buyer of a till's order took the goods along: a till also sells what is sent or fetched later."""
    delivery = text_of(info.express_type)
    return _is_of_a_till(order, info) and delivery in {"", _NOTHING_TO_SHIP}


def _point(order: wire.FullOrder) -> wire.Point:
    text = clean((order.address_info or wire.Address()).self_fetch_info)
    point = read_json(_decode_point, text.encode("utf-8", "replace")) if text else wire.Point()
    return wire.Point() if isinstance(point, Problem) else point


def _receiver(order: wire.FullOrder, info: wire.OrderInfo, problems: list[Problem]) -> Receiver:
    address = order.address_info or wire.Address()
    region = (address.delivery_province, address.delivery_city, address.delivery_district)
    person = (address.receiver_name, text_of(address.receiver_tel), address.delivery_address)
    collected = _is_collected(info)
    point = _point(order)
    if collected:
        region = (point.province, point.city, point.county)
        phone = text_of(point.user_tel) or text_of(address.receiver_tel)
        person = (point.user_name or address.receiver_name, phone, "")
    found = receiver(region=region, town="", person=person, key="", problems=problems)
    where = " ".join(filter(None, map(clean, (point.address_detail, point.name))))
    return at_point(found, where) if collected else found


def _extension(order: wire.FullOrder, info: wire.OrderInfo) -> YouzanExtension:
    extra = info.order_extra or wire.Extra()
    source = order.source_info or wire.Source()
    return YouzanExtension(
        buyer_key=clean((order.buyer_info or wire.Buyer()).yz_open_id),
        root_kdt_id=real_id(info.root_kdt_id),
        order_type=text_of(info.type),
        express_type=text_of(info.express_type),
        pay_type=clean(info.pay_type_str),
        source=clean(source.order_mark),
        team_type=real_id(info.team_type),
        is_offline=_is_of_a_till(order, info),
        is_fenxiao=bool(info.order_tags and info.order_tags.is_fenxiao_order),
        cashier=text_of(extra.cashier_name) or text_of(extra.cashier_id),
        star=text_of((order.remark_info or wire.Remark()).star),
        pick_up_point=clean(_point(order).name),
    )
