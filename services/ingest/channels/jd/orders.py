"""What a JD order means.

Reads one entry of `orderInfoList` (the evidence), a search answer, a single order's answer, and several of these in one list.
"""

from collections import Counter

import msgspec

from services.ingest.channels import _order as orders
from services.ingest.channels._wire import (
    beijing_time,
    clean,
    name_only,
    problem,
    quantity,
    read_json,
    real_id,
    receiver,
    several,
    starts_with,
    text_of,
    yuan,
)
from services.ingest.channels.jd import wire
from services.ingest.channels.jd.extension import JdExtension
from services.ingest.channels.jd.gateway import ApiResult, fault_of, result_fault
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

STATES = {
    "NOT_PAY": S.UNPAID,
    "WAIT_PAY": S.UNPAID,
    "WAIT_SELLER_STOCK_OUT": S.AWAITING_SHIPMENT,
    "WAIT_SELLER_DELIVERY": S.AWAITING_SHIPMENT,
    "WAIT_GOODS_RECEIVE_CONFIRM": S.SHIPPED,
    "FINISHED_L": S.COMPLETED,
    "TRADE_CANCELED": S.CANCELLED,
    "PARENT_TRADE_CANCELED": S.CANCELLED,
    "LOCKED": S.PAID_ON_HOLD,
    "PAUSE": S.PAID_ON_HOLD,
    "POP_ORDER_PAUSE": S.PAID_ON_HOLD,
}
# LOCKED: the buyer asked to cancel, and the seller has to answer before anything ships.
HOLDS = {
    "LOCKED": "cancellation_asked",
    "PAUSE": "paused_by_channel",
    "POP_ORDER_PAUSE": "paused_by_channel",
}
_SPLIT_PARENT = "PARENT_TRADE_CANCELED"
_SHIPPED = frozenset({S.SHIPPED, S.COMPLETED})
OWN_DELIVERY = "-10000"  # stands in `waybill` for own delivery and pick-up
# Bearers by coupon code as public integrations read them; JD publishes no list.
_SELLER_COUPONS = frozenset({"20", "28", "29", "30", "35", "100"})
_PLATFORM_COUPONS = frozenset({"34", "39", "41", "52"})


_decode = msgspec.json.Decoder(wire.Answer).decode
_decode_order = msgspec.json.Decoder(wire.Order).decode


def normalise(body: bytes) -> tuple[Normalised, ...]:
    """Read one native payload; never raises, a second call gives the same."""
    return orders.of_each(body, _answered) if starts_with(body, b"[") else _answered(body)


def _answered(body: bytes) -> tuple[Normalised, ...]:
    found = read_json(_decode, body)
    if isinstance(found, Problem):
        return orders.refused(found)
    if found.orderId is not None:
        return (_normalised(found),)
    search = found.jingdong_pop_order_search_responce or found.jingdong_pop_order_enSearch_responce
    got = found.jingdong_pop_order_get_responce or found.jingdong_pop_order_enGet_responce
    for answered in (search, got):
        if answered is not None and text_of(answered.code) not in {"", "0"}:
            return _erroneous(ApiResult(numberCode=answered.code))
    if search is not None and search.searchorderinfo_result is not None:
        result = search.searchorderinfo_result
        if result.apiResult is not None and not result.apiResult.well:
            return _erroneous(result.apiResult)
        return orders.newest([row for raw in result.rows() or () for row in _row(raw)])
    if got is not None and got.orderDetailInfo is not None:
        detail = got.orderDetailInfo
        if detail.apiResult is not None and not detail.apiResult.well:
            return _erroneous(detail.apiResult)
        if detail.orderInfo is not None:
            return (_normalised(detail.orderInfo),)
    if found.error_response is not None:
        fault = fault_of(found.error_response)
        cause = f"{fault.kind} {fault.code} {fault.detail}"
        return orders.refused(problem(ProblemCode.CHANNEL_ERROR, cause, blocks=True))
    if found.itemInfoList is not None or found.orderState is not None:
        return (_normalised(found),)
    return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))


def _erroneous(result: ApiResult) -> tuple[Normalised, ...]:
    fault = result_fault(result)
    cause = f"{fault.kind} {fault.code} {fault.detail}"
    return orders.refused(problem(ProblemCode.CHANNEL_ERROR, cause, blocks=True))


def _row(raw: bytes) -> tuple[Normalised, ...]:
    row = read_json(_decode_order, raw)
    return orders.refused(row) if isinstance(row, Problem) else (_normalised(row),)


def _normalised(order: wire.Order) -> Normalised:
    problems: list[Problem] = []
    times = Times(
        created=beijing_time(order.orderStartTime, "orderStartTime", problems),
        paid=beijing_time(order.paymentConfirmTime, "paymentConfirmTime", problems),
        modified=beijing_time(order.modified, "modified", problems),
        shipped=None,
        ended=beijing_time(order.orderEndTime, "orderEndTime", problems),
        ship_by=None,
    )
    raw_state = clean(order.orderState)
    state = STATES.get(raw_state, S.UNKNOWN)
    split_parent = raw_state == _SPLIT_PARENT
    if state is S.CANCELLED and times.paid is not None and not split_parent:
        state = S.CLOSED_REFUNDED
    payable_fen = yuan(order.orderPayment, "orderPayment", problems)
    # A search gives the fields that were asked for, and may have been asked for numbers only.
    partial = order.itemInfoList is None and order.orderPayment is None
    if (order.orderPayment is None or order.orderPayment == "") and not partial:
        problems.append(problem(ProblemCode.AMOUNT_MISSING, "orderPayment", blocks=True))
    coupons = several(order.couponDetailList)
    freight_fen = yuan(order.freightPrice, "freightPrice", problems)
    _check_seller_price(order, problems)
    lines, unexplained_fen = _lines(order, coupons, state, payable_fen - freight_fen, problems)
    draft = orders.Draft(
        order_no=text_of(order.orderId),
        shop=text_of(order.venderId),
        channel="jd",
        state=state,
        raw_state=raw_state,
        hold=HOLDS.get(raw_state, ""),
        payable_fen=payable_fen,
        paid_fen=_paid_fen(order, state, payable_fen, times, split_parent=split_parent),
        freight_fen=freight_fen,
        goods_fen=yuan(order.orderTotalPrice, "orderTotalPrice", problems)
        if order.orderTotalPrice is not None
        else None,
        lines=lines,
        receiver=_receiver(order, problems),
        promotions=_promotions(coupons, unexplained_fen, problems),
        parcels=_parcels(order),
        times=times,
        buyer_memo=clean(order.orderRemark),
        seller_memo=clean(order.venderRemark),
        extensions=_extension(order, split_parent=split_parent, problems=problems),
        cash_on_delivery=_on_delivery(order),
        partial=partial,
    )
    return orders.finish(draft, problems)


def _check_seller_price(order: wire.Order, problems: list[Problem]) -> None:
    """The seller's price is the total without the seller's discount."""
    if order.orderSellerPrice in {None, ""} or order.orderTotalPrice in {None, ""}:
        return
    price_fen = yuan(order.orderSellerPrice, "orderSellerPrice", problems)
    total_fen = yuan(order.orderTotalPrice, "orderTotalPrice", [])
    off_fen = yuan(order.sellerDiscount, "sellerDiscount", [])
    if price_fen != total_fen - off_fen:
        detail = f"seller price {price_fen}, total {total_fen}, seller discount {off_fen}"
        problems.append(problem(ProblemCode.PROMOTIONS_DIFFER, detail, blocks=False))


def _on_delivery(order: wire.Order) -> bool:
    return (order.payType or "").startswith("1-")  # 1-货到付款


def _paid_fen(
    order: wire.Order,
    state: OrderSnapshotState,
    payable_fen: int,
    times: Times,
    *,
    split_parent: bool,
) -> int:
    if state is S.UNPAID or split_parent:
        return 0  # a split parent's money stands in its children; counting it would double it
    if _on_delivery(order):
        return payable_fen if state is S.COMPLETED else 0
    return payable_fen if times.paid is not None or state in orders.PAID_STATES else 0


def _lines(
    order: wire.Order,
    coupons: tuple[wire.Coupon, ...],
    state: OrderSnapshotState,
    goods_fen: int,
    problems: list[Problem],
) -> tuple[list[orders.LineDraft], int]:
    """JD names no line: SKU and its how-many-eth occurrence stand for it, whatever the order.

    Coupons of a SKU lower its lines, all others lower the whole order in proportion. Returns with the lines
    what of the seller's discount no coupon explains.
    """
    natives = several(order.itemInfoList)
    if not natives:
        return [], 0
    seen: Counter[str] = Counter()
    drafts: list[orders.LineDraft] = []
    for native in natives:
        sku_id = text_of(native.skuId)
        seen[sku_id] += 1
        qty = quantity(native.itemTotal, "itemInfoList.itemTotal", problems)
        unit_fen = yuan(native.jdPrice, "itemInfoList.jdPrice", problems)
        drafts.append(
            orders.LineDraft(
                line_id=f"{sku_id}-{seen[sku_id]}" if sku_id else "",
                sku_id=sku_id,
                merchant_sku=clean(native.outerSkuId) or clean(native.productNo),
                title=clean(native.skuName),
                qty=qty,
                unit_price_fen=unit_fen,
                net_fen=unit_fen * qty,
                is_gift=unit_fen == 0,
                refund_state=LineRefundState.NONE,
                shipped_qty=qty if state in _SHIPPED else 0,
            )
        )
    return drafts, _take_off_coupons(order, coupons, drafts, goods_fen, problems)


def _take_off_coupons(
    order: wire.Order,
    coupons: tuple[wire.Coupon, ...],
    drafts: list[orders.LineDraft],
    goods_fen: int,
    problems: list[Problem],
) -> int:
    whole_fen = 0
    seller_fen = 0
    for coupon in coupons:
        amount_fen = yuan(coupon.couponPrice, "couponDetailList.couponPrice", [])
        sku_id = real_id(coupon.skuId)
        lines = [draft for draft in drafts if sku_id and draft.sku_id == sku_id]
        if _code(coupon) in _SELLER_COUPONS:
            seller_fen += amount_fen
        if lines:
            orders.take_off(lines, amount_fen)
        else:
            whole_fen += amount_fen
    orders.take_off(drafts, whole_fen)
    # The header's seller discount counts where neither the seller's coupons nor those of a kind nobody knows explain it.
    unexplained_fen = yuan(order.sellerDiscount, "sellerDiscount", problems) - seller_fen
    if unexplained_fen <= 0 or sum(draft.net_fen for draft in drafts) == goods_fen:
        return 0
    orders.take_off(drafts, unexplained_fen)
    return unexplained_fen


def _code(coupon: wire.Coupon) -> str:
    return (coupon.couponType or "").partition("-")[0]  # "41-京东券优惠"


def _promotions(
    coupons: tuple[wire.Coupon, ...], unexplained_fen: int, problems: list[Problem]
) -> tuple[Promotion, ...]:
    found: list[Promotion] = []
    for coupon in coupons:
        amount_fen = yuan(coupon.couponPrice, "couponDetailList.couponPrice", problems)
        if not amount_fen:
            continue
        code = _code(coupon)
        bearer = Bearer.UNKNOWN
        if code in _SELLER_COUPONS:
            bearer = Bearer.SELLER
        elif code in _PLATFORM_COUPONS:
            bearer = Bearer.PLATFORM
        name = clean(coupon.couponType).partition("-")[2] or code
        found.append(Promotion(name=name, fen=amount_fen, borne_by=bearer))
    if unexplained_fen:
        found.append(Promotion(name="商家优惠", fen=unexplained_fen, borne_by=Bearer.SELLER))
    return tuple(found)


def _receiver(order: wire.Order, problems: list[Problem]) -> Receiver:
    person = order.consigneeInfo or wire.Consignee()
    return receiver(
        region=(person.province, person.city, person.county),
        town=person.town,
        person=(person.fullname, person.mobile or person.telephone, person.fullAddress),
        key=order.oaid or person.oaid,
        problems=problems,
    )


def _parcels(order: wire.Order) -> tuple[Parcel, ...]:
    return tuple(
        Parcel(
            waybill_no=number.strip(),
            carrier=real_id(order.logisticsId),
            shipped_at=None,
            line_ids=(),
        )
        for number in clean(order.waybill).replace("，", ",").split(",")
        if number.strip() not in {"", OWN_DELIVERY}
    )


def _extension(order: wire.Order, *, split_parent: bool, problems: list[Problem]) -> JdExtension:
    aside: list[Problem] = []
    balance_used_fen = yuan(order.balanceUsed, "balanceUsed", aside)
    name_only(aside, problems)
    return JdExtension(
        buyer_key=clean(order.openIdBuyer) or clean(order.xidBuyer),
        order_type=text_of(order.orderType),
        pay_type=clean(order.payType),
        delivery_type=text_of(order.deliveryType),
        shipment_type=real_id(order.idSopShipmenttype),
        parent_order_no=real_id(order.directParentOrderId) or real_id(order.parentOrderId),
        split_parent=split_parent,
        balance_used_fen=balance_used_fen,
        vender_remark_flag=text_of(order.venderRemarkLevelFlag),
        store_order=clean(order.storeOrder),
        order_source=clean(order.orderSource),
    )
