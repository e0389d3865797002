"""What a Kuaishou order means: one item an order, a basket of three makes three orders.

Reads one entry of a page (the evidence), a page, a single order's answer, several of these in one list, and an opened
push, which only hints.
"""

import msgspec

from services.ingest.channels import _order as orders
from services.ingest.channels._wire import (
    Id,
    clean,
    epoch_ms_time,
    fen,
    problem,
    quantity,
    read_json,
    real_id,
    receiver_told_apart,
    several,
    starts_with,
    text_of,
)
from services.ingest.channels.kuaishou import gateway, pushes, wire
from services.ingest.channels.kuaishou.extension import KuaishouExtension
from services.ingest.domain.model import (
    OPEN_REFUNDS,
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

STATES = {
    "10": S.UNPAID,
    "30": S.AWAITING_SHIPMENT,
    "40": S.SHIPPED,
    "50": S.COMPLETED,  # signed for
    "70": S.COMPLETED,
}
CLOSED = "80"  # whether money went back, its time of payment tells
REFUNDS = {
    "10": R.REQUESTED,
    "11": R.REQUESTED,
    "20": R.REQUESTED,
    "21": R.REQUESTED,
    "22": R.RETURNING,
    "30": R.RETURNING,
    "40": R.RETURNING,
    "45": R.EXCHANGING,
    "50": R.RETURNING,
    "60": R.REFUNDED,
    "70": R.WITHDRAWN,
}
EXCHANGE = "3"  # handlingWay: goods for goods, no money comes back
_SHIPPED = frozenset({S.SHIPPED, S.COMPLETED})


class _Answer(gateway.Envelope):
    data: wire.Page | None = None
    # A bare order, or a message.
    orderBaseInfo: msgspec.Raw = msgspec.Raw()  # noqa: N815 — the wire's name
    event: msgspec.Raw = msgspec.Raw()
    test: bool | None = None


_decode = msgspec.json.Decoder(_Answer).decode
_decode_order = msgspec.json.Decoder(wire.Order).decode


def normalise(body: bytes) -> tuple[Normalised, ...]:
    """Read one native payload; never raises, a second call gives the same."""
    if starts_with(body, b"["):
        return _hinted(body)
    return _answered(body)


def _answered(body: bytes) -> tuple[Normalised, ...]:
    found = read_json(_decode, body)
    if isinstance(found, Problem):
        return orders.refused(found)
    if bytes(found.event) or found.test is not None:
        return _hinted(body)
    if bytes(found.orderBaseInfo):
        return _row(body)
    if found.result is not None and text_of(found.result) != gateway.OK:
        fault = gateway.fault_of(found)
        cause = f"{fault.kind} {fault.code} {fault.detail}"
        return orders.refused(problem(ProblemCode.CHANNEL_ERROR, cause, blocks=True))
    if found.data is not None and found.data.orderBaseInfo is not None:
        return (_normalised(found.data),)
    rows = found.data.rows() if found.data is not None else None
    if rows is not None:
        return orders.newest([row for raw in rows for row in _row(raw)])
    return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))


def _row(raw: bytes) -> tuple[Normalised, ...]:
    row = read_json(_decode_order, raw)
    return orders.refused(row) if isinstance(row, Problem) else (_normalised(row),)


def _hinted(body: bytes) -> tuple[Normalised, ...]:
    """Give what a push carries: a number, rarely a state, no lines."""
    found = pushes.messages(body)
    if isinstance(found, Problem):
        return orders.refused(found)
    if not any(message.event or message.test is not None for message in found):
        return orders.of_each(body, _answered)
    hinted: list[Normalised] = []
    for message in found:
        about = pushes.info_of(message)
        if message.test:
            continue
        if about is None:
            what = "a message that cannot be read"
            hinted.extend(orders.refused(problem(ProblemCode.NOT_AN_ORDER, what, blocks=True)))
            continue
        if about.order_no is None:
            continue
        base = wire.Base(
            oid=about.order_no,
            status=about.status,
            sellerOpenId=message.openId,
            updateTime=about.updateTime or message.createTime,
        )
        hinted.append(_normalised(wire.Order(orderBaseInfo=base), partial=True))
    if not hinted:
        what = "a test message" if any(message.test for message in found) else "no order"
        return orders.refused(problem(ProblemCode.NOT_AN_ORDER, what, blocks=True))
    return orders.newest(hinted)


def _normalised(order: wire.Order, *, partial: bool = False) -> Normalised:
    problems: list[Problem] = []
    base = order.orderBaseInfo or wire.Base()
    times = Times(
        created=epoch_ms_time(base.createTime, "createTime", problems),
        paid=epoch_ms_time(base.payTime, "payTime", problems),
        modified=epoch_ms_time(base.updateTime, "updateTime", problems),
        shipped=epoch_ms_time(base.sendTime, "sendTime", problems),
        ended=epoch_ms_time(base.recvTime, "recvTime", problems),
        ship_by=epoch_ms_time(
            base.validPromiseShipmentTimeStamp, "validPromiseShipmentTimeStamp", problems
        ),
    )
    state, hold = _state(base, paid=times.paid is not None)
    payable_fen = fen(base.totalFee, "totalFee", problems)
    if (base.totalFee is None or base.totalFee == "") and not partial:
        problems.append(problem(ProblemCode.AMOUNT_MISSING, "totalFee", blocks=True))
    freight_fen = fen(base.expressFee, "expressFee", problems)
    lines = _lines(order, state, problems)
    off_fen = _off_fen(order, lines, payable_fen - freight_fen, problems)
    draft = orders.Draft(
        order_no=text_of(base.oid),
        shop=text_of(base.sellerOpenId) or clean(base.sellerNick),
        channel="kuaishou",
        state=state,
        raw_state=text_of(base.status),
        hold=hold,
        payable_fen=payable_fen,
        paid_fen=_paid_fen(state, payable_fen, paid=times.paid is not None),
        freight_fen=freight_fen,
        goods_fen=None,
        lines=lines,
        receiver=_receiver(order, problems),
        promotions=(Promotion(name="优惠", fen=off_fen, borne_by=Bearer.UNKNOWN),)
        if off_fen
        else (),
        parcels=_parcels(order, times),
        times=times,
        buyer_memo=clean(base.remark),
        seller_memo=_seller_memo(order.orderNote),
        extensions=_extension(order, times),
        partial=partial,
    )
    return orders.finish(draft, problems)


def _state(base: wire.Base, *, paid: bool) -> tuple[OrderSnapshotState, str]:
    status = text_of(base.status)
    if status == CLOSED:
        return (S.CLOSED_REFUNDED if paid else S.CANCELLED), ""
    state = STATES.get(status, S.UNKNOWN)
    if state is S.AWAITING_SHIPMENT:
        if real_id(base.riskCode):
            return S.PAID_ON_HOLD, "risk_review"
        forbidden: tuple[Id, ...] = several(base.disableDeliveryReasonCode)
        if any(real_id(code) for code in forbidden):
            return S.PAID_ON_HOLD, "shipping_forbidden_by_channel"
    return state, ""


def _paid_fen(state: OrderSnapshotState, payable_fen: int, *, paid: bool) -> int:
    if state is S.UNPAID:
        return 0
    return payable_fen if paid or state in orders.PAID_STATES else 0


def _lines(
    order: wire.Order, state: OrderSnapshotState, problems: list[Problem]
) -> list[orders.LineDraft]:
    refund_state = _refund_state(order)
    drafts: list[orders.LineDraft] = []
    for native in several(order.orderItemInfo):
        qty = quantity(native.num, "orderItemInfo.num", problems)
        unit_fen = fen(native.price, "orderItemInfo.price", problems)
        if native.price is None or native.price == "":
            problems.append(problem(ProblemCode.AMOUNT_MISSING, "price", blocks=True))
        drafts.append(
            orders.LineDraft(
                line_id=real_id(native.orderItemId),
                sku_id=real_id(native.skuId) or real_id(native.itemId),
                merchant_sku=text_of(native.skuNick) or text_of(native.goodsCode),
                title=clean(native.itemTitle),
                qty=qty,
                unit_price_fen=unit_fen,
                net_fen=unit_fen * qty,
                is_gift=unit_fen == 0,
                refund_state=refund_state,
                shipped_qty=qty if state in _SHIPPED else 0,
            )
        )
    return drafts


def _off_fen(
    order: wire.Order, lines: list[orders.LineDraft], goods_fen: int, problems: list[Problem]
) -> int:
    """Take the discounts off the lines and return what the order names as discount.

    Whether the order's discount contains its item's is not documented: the reading that makes the
    sums meet is the right one. Where none does, and where the price contains the discount already,
    the order's stands and the difference is named.
    """
    base = order.orderBaseInfo or wire.Base()
    whole_fen = fen(base.discountFee, "discountFee", problems)
    items_fen = sum(
        fen(native.discountFee, "orderItemInfo.discountFee", problems)
        for native in several(order.orderItemInfo)
    )
    gross_fen = sum(line.net_fen for line in lines)
    readings = (whole_fen or items_fen, whole_fen + items_fen, items_fen, 0)
    off_fen = next((off for off in readings if gross_fen - off == goods_fen), readings[0])
    orders.take_off(lines, off_fen)
    return off_fen or readings[0]


def refund_state(status: str, handling_way: str) -> LineRefundState:
    """Return where after-sales stands; an unknown status counts as open."""
    state = REFUNDS.get(status, R.UNKNOWN)
    if handling_way != EXCHANGE:
        return state
    if state is R.REFUNDED:
        return R.EXCHANGED
    return R.EXCHANGING if state in OPEN_REFUNDS else state


def _refund_state(order: wire.Order) -> LineRefundState:
    """Of several requests an open one counts, then one that gave money back, then the last."""
    found = [
        refund_state(text_of(native.refundStatus), text_of(native.handlingWay))
        for native in several(order.orderRefundList)
    ]
    for state in found:
        if state in OPEN_REFUNDS:
            return state
    if R.REFUNDED in found:
        return R.REFUNDED
    return found[-1] if found else R.NONE


def _receiver(order: wire.Order, problems: list[Problem]) -> Receiver:
    place = order.orderAddress or wire.Address()
    delivery = order.orderDeliveryInfo or wire.Delivery()
    return receiver_told_apart(
        region=(place.province, place.city, place.district),
        town=place.town,
        ciphers=(place.encryptedConsignee, place.encryptedMobile, place.encryptedAddress),
        masks=(place.desensitiseConsignee, place.desensitiseMobile, place.desensitiseAddress),
        clear=(place.consignee, place.mobile, place.address),
        key=text_of(place.openAddressId) or text_of(delivery.openAddressId),
        problems=problems,
    )


def _parcels(order: wire.Order, times: Times) -> tuple[Parcel, ...]:
    found: dict[str, Parcel] = {}
    for native in several(order.orderLogisticsInfo):
        number = text_of(native.expressNo)
        if number and number not in found:
            found[number] = Parcel(
                waybill_no=number,
                carrier=real_id(native.expressCode),
                shipped_at=times.shipped,
                line_ids=(),
            )
    return tuple(found.values())


def _seller_memo(notes: wire.Notes | None) -> str:
    if notes is None or notes.sellerNote is None:
        return ""
    if isinstance(notes.sellerNote, str):
        return clean(notes.sellerNote)
    texts = [
        clean(note) if isinstance(note, str) else clean(note.note) for note in notes.sellerNote
    ]
    return "；".join(filter(None, texts))


def _extension(order: wire.Order, times: Times) -> KuaishouExtension:
    base = order.orderBaseInfo or wire.Base()
    seller = order.orderCpsInfo or wire.Cps()
    return KuaishouExtension(
        buyer_key=text_of(base.buyerOpenId),
        seller_nick=clean(base.sellerNick),
        distributor_id=real_id(seller.distributorId),
        distributor_name=clean(seller.distributorName),
        cps_type=text_of(base.cpsType),
        pre_sale=text_of(base.preSale) == "1",
        risk_code=real_id(base.riskCode),
        virtual_kind=real_id(base.coType),
        activity_type=text_of(base.activityType),
        pay_channel=clean(base.payChannel),
        promised_ship_at=times.ship_by,
        promised_delivery_at=epoch_ms_time(
            base.promiseTimeStampOfDelivery, "promiseTimeStampOfDelivery", []
        ),
    )
