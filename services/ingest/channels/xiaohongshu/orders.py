"""What a Xiaohongshu order means: the receiver stays with the platform, an address key stands for it.

Reads a single order's answer (the evidence), list pages, receivers, and pushes; only the first
carries lines. Pushes are read here, but no door takes them: see the package.
"""

from collections import Counter

import msgspec
from msgspec.structs import replace

from services.ingest.channels import _order as orders
from services.ingest.channels._wire import (
    clean,
    epoch_ms_time,
    fen,
    present,
    problem,
    quantity,
    read_json,
    real_id,
    receiver,
    several,
    starts_with,
    text_of,
)
from services.ingest.channels.xiaohongshu import gateway, wire
from services.ingest.channels.xiaohongshu.extension import XiaohongshuExtension
from services.ingest.domain.model import (
    Bearer,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
    Parcel,
    PiiKind,
    Problem,
    ProblemCode,
    Promotion,
    Receiver,
    Times,
)

S = OrderSnapshotState
R = LineRefundState

STATES = {
    "1": S.UNPAID,
    "2": S.PAID_ON_HOLD,
    "3": S.PAID_ON_HOLD,
    "4": S.AWAITING_SHIPMENT,
    "5": S.PARTLY_SHIPPED,
    "6": S.SHIPPED,
    "7": S.COMPLETED,
    "9": S.CANCELLED,
    "10": S.SHIPPED,  # the buyer has it and wants another one instead
}
CLOSED = "8"  # whether money went back, its time of payment tells
EXCHANGING = "10"
HOLDS = {"2": "payment_in_process", "3": "customs"}
CANCELLATION_RUNS = "1"
DEPOSIT_PRESALE, EXCHANGE_PARCEL = "2", "5"  # orderType
GIFT = "1"  # skuTag
# Of the whole order: which line it is about, the order does not say.
AFTERSALES = {
    "": R.NONE,
    "0": R.NONE,
    "1": R.NONE,
    "2": R.REQUESTED,
    "4": R.REFUSED,
    "5": R.WITHDRAWN,
    "6": R.REQUESTED,
    "7": R.WITHDRAWN,
}
AFTERSALES_DONE = "3"  # money back, goods exchanged, or withdrawn
_PRESALES = frozenset({DEPOSIT_PRESALE, "3"})
_SHIPPABLE = frozenset({S.AWAITING_SHIPMENT, S.PARTLY_SHIPPED})
_SHIPPED = frozenset({S.SHIPPED, S.COMPLETED})
_ENDED = frozenset({S.CLOSED_REFUNDED, S.CANCELLED})


class _Answer(gateway.Envelope):
    data: wire.Data | None = None
    # A bare order or row.
    orderId: msgspec.Raw = msgspec.Raw()  # noqa: N815 — the wire's name


_decode = msgspec.json.Decoder(_Answer).decode
_decode_order = msgspec.json.Decoder(wire.Order).decode
_decode_message = msgspec.json.Decoder(wire.Message).decode
_decode_messages = msgspec.json.Decoder(list[wire.Message]).decode
_decode_text = msgspec.json.Decoder(str).decode


def normalise(body: bytes) -> tuple[Normalised, ...]:
    """Read one native payload; never raises, a second call gives the same."""
    if starts_with(body, b"["):
        messages = read_json(_decode_messages, body)
        return orders.refused(messages) if isinstance(messages, Problem) else _hinted(messages)
    found = read_json(_decode, body)
    if isinstance(found, Problem):
        message = read_json(_decode_message, body)
        if isinstance(message, Problem) or message.msgTag is None:
            return orders.refused(found)
        return _hinted([message])
    if bytes(found.orderId):
        return _row(body)
    if not found.well:
        fault = gateway.fault_of(found)
        cause = f"{fault.kind} {fault.code} {fault.detail}"
        return orders.refused(problem(ProblemCode.CHANNEL_ERROR, cause, blocks=True))
    if found.data is not None:
        if found.data.orderId is not None:
            return (_normalised(found.data),)
        rows = found.data.rows()
        if rows is not None:
            return orders.newest([row for raw in rows for row in _row(raw)])
        if found.data.receiverInfos is not None:
            receivers = several(found.data.receiverInfos)
            return orders.newest([_normalised(row, partial=True) for row in receivers])
        if found.data.skuList is not None:
            return (_normalised(found.data),)
    return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))


def _row(raw: bytes) -> tuple[Normalised, ...]:
    row = read_json(_decode_order, raw)
    if isinstance(row, Problem):
        return orders.refused(row)
    return (_normalised(row, partial=is_partial(row)),)


def is_partial(order: wire.Order) -> bool:
    """Say whether a row lacks its lines, as the rows of a page do."""
    return order.skuList is None


def _hinted(messages: list[wire.Message]) -> tuple[Normalised, ...]:
    """Give what a push carries: a number, a state, no lines."""
    hinted: list[Normalised] = []
    broken: list[Normalised] = []
    for message in filter(lambda one: present(one.data), messages):
        change = _inside(message.data)
        if isinstance(change, Problem):
            broken.append(Normalised(order=None, problems=(change,)))
        elif change.orderId is not None:
            hinted.append(_normalised(change, partial=True, shop=text_of(message.sellerId)))
    if not hinted:
        return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))
    return (*orders.newest(hinted), *broken)


def _inside(told: msgspec.Raw) -> wire.Order | Problem:
    """Read what a message is about."""
    text = read_json(_decode_text, bytes(told))
    body = bytes(told) if isinstance(text, Problem) else text.encode("utf-8", "replace")
    return read_json(_decode_order, body)


def _normalised(order: wire.Order, *, partial: bool = False, shop: str = "") -> Normalised:
    problems: list[Problem] = []
    times = Times(
        created=epoch_ms_time(order.createdTime, "createdTime", problems),
        paid=epoch_ms_time(order.paidTime, "paidTime", problems),
        modified=epoch_ms_time(order.updateTime, "updateTime", problems),
        shipped=epoch_ms_time(order.deliveryTime, "deliveryTime", problems),
        ended=epoch_ms_time(order.finishTime, "finishTime", problems)
        or epoch_ms_time(order.cancelTime, "cancelTime", problems),
        ship_by=epoch_ms_time(order.promiseLastDeliveryTime, "promiseLastDeliveryTime", problems),
    )
    state, hold = _state(order, paid=times.paid is not None)
    lines = [] if partial else _lines(order, state, problems)
    if (order.totalPayAmount is None or order.totalPayAmount == "") and not partial:
        problems.append(problem(ProblemCode.AMOUNT_MISSING, "totalPayAmount", blocks=True))
    deposit_fen = fen(order.totalDepositAmount, "totalDepositAmount", problems)
    # The balance of a deposit order stands in the total, its deposit beside it.
    deposit_fen = deposit_fen if _is_deposit_order(order) else 0
    payable_fen = fen(order.totalPayAmount, "totalPayAmount", problems)
    payable_fen += 0 if partial else deposit_fen
    draft = orders.Draft(
        order_no=text_of(order.orderId),
        shop=shop,
        channel="xiaohongshu",
        state=state,
        raw_state=text_of(order.orderStatus),
        hold=hold,
        payable_fen=payable_fen,
        paid_fen=_paid_fen(state, payable_fen, deposit_fen, paid=times.paid is not None),
        freight_fen=fen(order.totalShippingFree, "totalShippingFree", problems),
        goods_fen=None,
        lines=lines,
        receiver=_receiver(order, problems),
        promotions=_promotions(order, problems),
        parcels=_parcels(order, lines, times),
        times=times,
        buyer_memo=clean(order.customerRemark),
        seller_memo=clean(order.sellerRemark),
        extensions=_extension(order, deposit_fen, times, problems),
        partial=partial,
        names_shop=False,
    )
    return orders.finish(draft, problems)


def _receiver(order: wire.Order, problems: list[Problem]) -> Receiver:
    told = receiver(
        region=(
            order.receiverProvinceName,
            order.receiverCityName,
            order.receiverDistrictName,
        ),
        town=order.receiverTownName,
        person=(order.receiverName, order.receiverPhone, order.receiverAddress),
        key=text_of(order.openAddressId),
        problems=problems,
    )
    # Enough for a label: who makes it looks the person up by the key, as where there are ciphers.
    keyed = told.key and told.pii is PiiKind.ABSENT
    return replace(told, pii=PiiKind.ENCRYPTED) if keyed else told


def _is_deposit_order(order: wire.Order) -> bool:
    return text_of(order.orderType) == DEPOSIT_PRESALE


def _state(order: wire.Order, *, paid: bool) -> tuple[OrderSnapshotState, str]:
    status = text_of(order.orderStatus)
    if status == CLOSED:
        return (S.CLOSED_REFUNDED if paid else S.CANCELLED), ""
    state = STATES.get(status, S.UNKNOWN)
    if state is S.UNPAID and paid and _is_deposit_order(order):
        return S.DEPOSIT_PAID, "presale_balance_open"
    if state in _SHIPPABLE and text_of(order.cancelStatus) == CANCELLATION_RUNS:
        return S.PAID_ON_HOLD, "cancellation_asked"
    return state, HOLDS.get(status, "")


def _paid_fen(state: OrderSnapshotState, payable_fen: int, deposit_fen: int, *, paid: bool) -> int:
    if state is S.DEPOSIT_PAID:
        return deposit_fen
    if state is S.UNPAID:
        return 0
    return payable_fen if paid or state in orders.PAID_STATES else 0


def _lines(
    order: wire.Order, state: OrderSnapshotState, problems: list[Problem]
) -> list[orders.LineDraft]:
    """No line has a number: the SKU and its how-many-eth occurrence stand for it."""
    shipped = {
        real_id(sku_id)
        for parcel in several(order.simpleDeliveryOrderList)
        if parcel.expressTrackingNo
        for sku_id in parcel.skuIdList or ()
    }
    refund_state = _refund_state(order, state)
    seen: Counter[str] = Counter()
    drafts: list[orders.LineDraft] = []
    for native in several(order.skuList):
        sku_id = real_id(native.skuId)
        seen[sku_id] += 1
        qty = quantity(native.skuQuantity, "skuList.skuQuantity", problems)
        net_fen = _net_fen(order, native, problems)
        unit_fen = _unit_fen(native, qty, net_fen, problems)
        gone = state in _SHIPPED or (state is S.PARTLY_SHIPPED and sku_id in shipped)
        free = unit_fen == 0 and text_of(order.orderType) != EXCHANGE_PARCEL
        drafts.append(
            orders.LineDraft(
                line_id=f"{sku_id}-{seen[sku_id]}" if sku_id else "",
                sku_id=sku_id,
                merchant_sku=text_of(native.erpcode),
                title=clean(native.skuName),
                qty=qty,
                unit_price_fen=unit_fen,
                net_fen=net_fen,
                is_gift=free or text_of(native.skuTag) == GIFT,
                refund_state=refund_state,
                shipped_qty=qty if gone else 0,
            )
        )
    return drafts


def _net_fen(order: wire.Order, native: wire.Sku, problems: list[Problem]) -> int:
    """What is payable for the line: its total, and the deposit on it where that is apart."""
    net_fen = fen(native.totalPaidAmount, "skuList.totalPaidAmount", problems)
    if native.totalPaidAmount is None or native.totalPaidAmount == "":
        problems.append(problem(ProblemCode.AMOUNT_MISSING, "totalPaidAmount", blocks=True))
    if not _is_deposit_order(order):
        return net_fen
    return net_fen + sum(
        fen(part.depositAmountPerSku, "skuDetailList.depositAmountPerSku", problems) * _pieces(part)
        for part in several(native.skuDetailList)
    )


def _pieces(part: wire.Component) -> int:
    return max(0, fen(part.quantity, "", []))


def _unit_fen(native: wire.Sku, qty: int, net_fen: int, problems: list[Problem]) -> int:
    """Return the list price of one piece.

    A line of one component names it; a bundle's is what its total comes to without discounts,
    rounded up to whole fen, so that the line's discount and not its price takes the rest.
    """
    parts = several(native.skuDetailList)
    if len(parts) == 1 and parts[0].pricePerSku not in {None, ""}:
        unit_fen = fen(parts[0].pricePerSku, "skuDetailList.pricePerSku", problems)
        if _pieces(parts[0]) in {0, qty}:
            return unit_fen
    gross_fen = (
        net_fen
        + fen(native.totalMerchantDiscount, "skuList.totalMerchantDiscount", problems)
        + fen(native.totalRedDiscount, "skuList.totalRedDiscount", problems)
    )
    return -(-gross_fen // qty) if qty else 0


def _refund_state(order: wire.Order, state: OrderSnapshotState) -> LineRefundState:
    """Where after-sales of the order stands; done means money back only where the order ended."""
    if text_of(order.orderStatus) == EXCHANGING:
        return R.EXCHANGING
    status = text_of(order.orderAfterSalesStatus)
    if status == AFTERSALES_DONE:
        return R.REFUNDED if state in _ENDED else R.UNKNOWN
    return AFTERSALES.get(status, R.UNKNOWN)


def _promotions(order: wire.Order, problems: list[Problem]) -> tuple[Promotion, ...]:
    named = (
        ("商家优惠", order.totalMerchantDiscount, "totalMerchantDiscount", Bearer.SELLER),
        ("平台优惠", order.totalRedDiscount, "totalRedDiscount", Bearer.PLATFORM),
    )
    found = [(name, fen(amount, field, problems), bearer) for name, amount, field, bearer in named]
    return tuple(
        Promotion(name=name, fen=amount_fen, borne_by=bearer)
        for name, amount_fen, bearer in found
        if amount_fen
    )


def _parcels(order: wire.Order, lines: list[orders.LineDraft], times: Times) -> tuple[Parcel, ...]:
    """Return the parcels; one that names SKUs holds their lines."""
    whole = wire.Delivery(
        expressTrackingNo=order.expressTrackingNo, expressCompanyCode=order.expressCompanyCode
    )
    found: dict[str, Parcel] = {}
    for native in (*several(order.simpleDeliveryOrderList), whole):
        number = text_of(native.expressTrackingNo)
        held = set(map(real_id, native.skuIdList or ()))
        if number and number not in found:
            found[number] = Parcel(
                waybill_no=number,
                carrier=text_of(native.expressCompanyCode),
                shipped_at=times.shipped,
                line_ids=tuple(line.line_id for line in lines if line.sku_id in held),
            )
    return tuple(found.values())


def _extension(
    order: wire.Order, deposit_fen: int, times: Times, problems: list[Problem]
) -> XiaohongshuExtension:
    return XiaohongshuExtension(
        buyer_key=text_of(order.userId),
        order_type=text_of(order.orderType),
        pre_sale=text_of(order.orderType) in _PRESALES,
        original_order_no=text_of(order.originalOrderId),
        seller_flag=fen(order.sellerRemarkFlag, "sellerRemarkFlag", []),
        logistics=clean(order.logistics),
        payment_type=text_of(order.paymentType),
        deposit_fen=deposit_fen,
        merchant_receives_fen=fen(
            order.merchantActualReceiveAmount, "merchantActualReceiveAmount", problems
        ),
        promised_ship_at=times.ship_by,
    )
