"""What a WeChat shop (微信小店) order means: lines without numbers, pieces in after-sales per line.

Reads a single order's answer (the evidence), a page of numbers, several of these in one list, and an opened push,
which only hints.
"""

from collections import Counter

import msgspec

from services.ingest.channels import _order as orders
from services.ingest.channels._wire import (
    Amount,
    clean,
    epoch_time,
    fen,
    name_only,
    problem,
    quantity,
    read_json,
    real_id,
    receiver,
    several,
    starts_with,
    text_of,
)
from services.ingest.channels.wechat_channels import gateway, pushes, wire
from services.ingest.channels.wechat_channels.extension import WechatExtension
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
R = LineRefundState

STATES = {
    "10": S.UNPAID,
    "12": S.PAID_ON_HOLD,
    "13": S.PAID_ON_HOLD,
    "15": S.PAID_ON_HOLD,
    "16": S.PAID_ON_HOLD,
    "17": S.PAID_ON_HOLD,
    "20": S.AWAITING_SHIPMENT,
    "21": S.PARTLY_SHIPPED,
    "30": S.SHIPPED,
    "100": S.COMPLETED,
    "190": S.CANCELLED,
    "200": S.CLOSED_REFUNDED,
    "250": S.CANCELLED,
}
HOLDS = {
    "12": "gift_not_accepted",
    "13": "group_not_complete",
    "15": "waiting_on_channel",
    "16": "waiting_on_channel",
    "17": "waiting_on_channel",
}
PAY_LATER = "2"  # its time of payment is when the buyer confirmed, not when money came
_WITHOUT_CASH = frozenset({PAY_LATER, "3", "4"})  # lottery, points
_SKU_CHANGE_ASKED = "3"
_SHIPPED = frozenset({S.SHIPPED, S.COMPLETED})


class _Answer(gateway.Envelope):
    order: wire.Order | None = None
    order_id_list: list[int | str] | int | str | None = None
    has_more: bool | None = None
    # A bare order, or an event.
    order_id: msgspec.Raw = msgspec.Raw()
    Event: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Answer).decode
_decode_order = msgspec.json.Decoder(wire.Order).decode


def normalise(body: bytes) -> tuple[Normalised, ...]:
    """Read one native payload; never raises, a second call gives the same."""
    return orders.of_each(body, _answered) if starts_with(body, b"[") else _answered(body)


def _answered(body: bytes) -> tuple[Normalised, ...]:
    if starts_with(body, b"<xml"):
        return _hinted(body)
    found = read_json(_decode, body)
    if isinstance(found, Problem):
        return orders.refused(found)
    if bytes(found.Event):
        return _hinted(body)
    if bytes(found.order_id):
        order = read_json(_decode_order, body)
        return orders.refused(order) if isinstance(order, Problem) else (_normalised(order),)
    if found.errcode is not None and text_of(found.errcode) != gateway.OK:
        fault = gateway.fault_of(found)
        cause = f"{fault.kind} {fault.code} {fault.detail}"
        return orders.refused(problem(ProblemCode.CHANNEL_ERROR, cause, blocks=True))
    if found.order is not None:
        return (_normalised(found.order),)
    if found.order_id_list is not None:
        rows = [wire.Order(order_id=number) for number in numbers(found.order_id_list)]
        return orders.newest([_normalised(row, partial=True) for row in rows])
    if found.has_more is not None:
        return ()
    return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))


def numbers(listed: list[int | str] | int | str) -> list[str]:
    """Return the numbers of a page, each once."""
    found = listed if isinstance(listed, list) else [listed]
    return list(dict.fromkeys(text_of(number) for number in found))


def _hinted(body: bytes) -> tuple[Normalised, ...]:
    """Give what an event carries: a number, sometimes the time of payment, no lines."""
    event = pushes.event_of(body)
    if isinstance(event, Problem):
        return orders.refused(event)
    if not text_of(event.told.order_id):
        return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))
    paid = wire.Detail(pay_info=wire.PayInfo(pay_time=event.told.pay_time))
    order = wire.Order(
        order_id=event.told.order_id, update_time=event.CreateTime, order_detail=paid
    )
    return (_normalised(order, partial=True),)


def _normalised(order: wire.Order, *, partial: bool = False) -> Normalised:
    problems: list[Problem] = []
    detail = order.order_detail or wire.Detail()
    price = detail.price_info or wire.Price()
    ext = detail.ext_info or wire.Ext()
    times = _times(order, detail, problems)
    state, hold = _state(order, detail)
    payable_fen = fen(price.order_price, "order_price", problems)
    if (price.order_price is None or price.order_price == "") and not partial:
        problems.append(problem(ProblemCode.AMOUNT_MISSING, "order_price", blocks=True))
    freight = price.change_freight if price.is_change_freight else price.freight
    freight_fen = fen(freight, "freight", problems)
    parcels, shipped = _parcels(detail, problems)
    lines = _lines(detail, state, shipped, problems)
    _take_points_off(detail, lines, payable_fen - freight_fen)
    draft = orders.Draft(
        order_no=text_of(order.order_id),
        shop="",
        channel="wechat_channels",
        state=state,
        raw_state=text_of(order.status),
        hold=hold,
        payable_fen=payable_fen,
        paid_fen=_paid_fen(order, detail, state, payable_fen),
        freight_fen=freight_fen,
        goods_fen=None
        if price.product_price is None
        else fen(price.product_price, "product_price", problems),
        lines=lines,
        receiver=_receiver(detail, problems),
        promotions=_promotions(price, problems),
        parcels=parcels,
        times=times,
        buyer_memo=clean(ext.customer_notes),
        seller_memo=clean(ext.merchant_notes),
        extensions=_extension(order, detail, times, problems),
        pays_later=_without_cash(order, detail),
        partial=partial,
        names_shop=False,
    )
    return orders.finish(draft, problems)


def _times(order: wire.Order, detail: wire.Detail, problems: list[Problem]) -> Times:
    pay = detail.pay_info or wire.PayInfo()
    delivery = detail.delivery_info or wire.Delivery()
    ext = detail.ext_info or wire.Ext()
    deadlines = [
        epoch_time(product.delivery_deadline, "delivery_deadline", problems)
        for product in several(detail.product_infos)
    ]
    confirmed_only = text_of(pay.payment_method) == PAY_LATER
    paid = epoch_time(pay.pay_time, "pay_time", problems)
    return Times(
        created=epoch_time(order.create_time, "create_time", problems),
        paid=None if confirmed_only else paid,
        modified=epoch_time(order.update_time, "update_time", problems),
        shipped=epoch_time(delivery.ship_done_time, "ship_done_time", problems),
        ended=epoch_time(ext.confirm_receipt_time, "confirm_receipt_time", problems),
        ship_by=min((moment for moment in deadlines if moment is not None), default=None),
    )


def _state(order: wire.Order, detail: wire.Detail) -> tuple[OrderSnapshotState, str]:
    status = text_of(order.status)
    state = STATES.get(status, S.UNKNOWN)
    if state in {S.AWAITING_SHIPMENT, S.PARTLY_SHIPPED}:
        asked = (detail.delivery_info or wire.Delivery()).address_under_review
        if asked is not None and (asked.user_name or asked.detail_info or asked.tel_number):
            return S.PAID_ON_HOLD, "address_under_review"
        for product in several(detail.product_infos):
            change = product.change_sku_info
            if change is not None and text_of(change.change_sku_state) == _SKU_CHANGE_ASKED:
                return S.PAID_ON_HOLD, "sku_change_asked"
    if state is S.AWAITING_SHIPMENT and _asked_of_no_line(order, detail):
        return S.PAID_ON_HOLD, "refund_open"
    return state, HOLDS.get(status, "")


def _asked_of_no_line(order: wire.Order, detail: wire.Detail) -> bool:
    """Whether something is asked back of the order that none of its lines counts."""
    whole = order.aftersale_detail or wire.Aftersales()
    lines = [product.on_aftersale_sku_cnt for product in several(detail.product_infos)]
    return _count(whole.on_aftersale_order_cnt, "", []) > 0 and not any(
        _count(asked, "", []) for asked in lines
    )


def _without_cash(order: wire.Order, detail: wire.Detail) -> bool:
    pay = detail.pay_info or wire.PayInfo()
    present = order.order_present_info
    given = present is not None and bool(present.is_b2c_free_present)
    return given or text_of(pay.payment_method) in _WITHOUT_CASH


def _paid_fen(
    order: wire.Order, detail: wire.Detail, state: OrderSnapshotState, payable_fen: int
) -> int:
    pay = detail.pay_info or wire.PayInfo()
    if _without_cash(order, detail):
        # Who pays later has paid once the order is done; the others never pay cash.
        later = text_of(pay.payment_method) == PAY_LATER
        return payable_fen if later and state is S.COMPLETED else 0
    if state is S.UNPAID:
        return 0
    paid = text_of(pay.pay_time) not in {"", "0"}
    return payable_fen if paid or state in orders.PAID_STATES else 0


def _count(value: Amount, field: str, problems: list[Problem]) -> int:
    return max(0, fen(value, field, problems))


def _lines(
    detail: wire.Detail,
    state: OrderSnapshotState,
    shipped: Counter[str],
    problems: list[Problem],
) -> list[orders.LineDraft]:
    """No line has a number: product, SKU and its how-many-eth occurrence stand for it.

    Pieces whose after-sales are done have left the line; those still asked for hold it.
    """
    seen: Counter[str] = Counter()
    drafts: list[orders.LineDraft] = []
    for native in several(detail.product_infos):
        sku_id = real_id(native.sku_id) or real_id(native.product_id)
        key = line_key(native.product_id, native.sku_id)
        seen[key] += 1
        qty = quantity(native.sku_cnt, "product_infos.sku_cnt", problems)
        unit_fen = fen(native.sale_price, "product_infos.sale_price", problems)
        net_fen = _net_fen(native, unit_fen * qty, problems)
        asked = _count(native.on_aftersale_sku_cnt, "on_aftersale_sku_cnt", problems)
        done = _count(native.finish_aftersale_sku_cnt, "finish_aftersale_sku_cnt", problems)
        refund_state = R.NONE
        if asked:
            refund_state = R.REQUESTED
        elif done:
            refund_state = R.REFUNDED if done >= qty else R.PARTLY_REFUNDED
        if state in _SHIPPED:
            shipped_qty = qty
        else:
            shipped_qty = min(qty, shipped[key])
            shipped[key] -= shipped_qty
        drafts.append(
            orders.LineDraft(
                line_id=f"{key}-{seen[key]}" if sku_id else "",
                sku_id=sku_id,
                merchant_sku=text_of(native.sku_code) or text_of(native.out_sku_id),
                title=clean(native.title),
                qty=qty,
                unit_price_fen=unit_fen,
                net_fen=net_fen,
                is_gift=bool(native.is_free_gift) or unit_fen == 0,
                refund_state=refund_state,
                shipped_qty=shipped_qty,
                refunded_qty=min(done, qty),
            )
        )
    return drafts


def _net_fen(native: wire.Product, gross_fen: int, problems: list[Problem]) -> int:
    """The line's total; where it is left out, the smaller one of its estimate and of what the seller changed it to."""
    if native.real_price is not None and native.real_price != "":
        return fen(native.real_price, "product_infos.real_price", problems)
    told = [native.estimate_price, native.change_price if native.is_change_price else None]
    totals = [
        fen(total, "product_infos.estimate_price", problems) for total in told if total is not None
    ]
    return min(totals, default=gross_fen)


def line_key(product_id: int | str | None, sku_id: int | str | None) -> str:
    """Name what a line is of; shipments name it to the channel the same way."""
    return f"{text_of(product_id)}-{text_of(sku_id)}"


def _take_points_off(detail: wire.Detail, lines: list[orders.LineDraft], goods_fen: int) -> None:
    """Lower the lines by the buyer's points where their totals do not contain them yet."""
    price = detail.price_info or wire.Price()
    points = [fen(native.deduction_price, "", []) for native in several(detail.product_infos)]
    missing_fen = sum(line.net_fen for line in lines) - goods_fen
    if missing_fen <= 0:
        return
    if sum(points) == missing_fen and all(
        point <= line.net_fen for point, line in zip(points, lines, strict=True)
    ):
        for point, line in zip(points, lines, strict=True):
            line.net_fen -= point
    elif fen(price.deduction_price, "", []) == missing_fen:
        orders.take_off(lines, missing_fen)


def _receiver(detail: wire.Detail, problems: list[Problem]) -> Receiver:
    place = (detail.delivery_info or wire.Delivery()).address_info or wire.Address()
    address = " ".join(filter(None, (clean(place.detail_info), clean(place.house_number))))
    beside = place.tel_number_ext_info or wire.Phones()
    told = (
        place.tel_number,
        beside.real_tel_number,
        beside.virtual_tel_number,
        place.virtual_order_tel_number,
    )
    phone = next(filter(None, map(text_of, told)), "")
    return receiver(
        region=(place.province_name, place.city_name, place.county_name),
        town="",
        person=(place.user_name, phone, address),
        key=text_of(place.hash_code),
        problems=problems,
    )


def _promotions(price: wire.Price, problems: list[Problem]) -> tuple[Promotion, ...]:
    named = (
        ("商家优惠", price.discounted_price, Bearer.SELLER),
        ("商家改价", price.change_down_price, Bearer.SELLER),
        ("积分抵扣", price.deduction_price, Bearer.SELLER),
        ("达人优惠", price.finder_discounted_price, Bearer.INFLUENCER),
        ("平台券", price.cash_coupon_discounted_price, Bearer.PLATFORM),
        ("国家补贴", price.national_subsidy_discounted_price, Bearer.PLATFORM),
    )
    found = [(name, fen(amount, "price_info", problems), bearer) for name, amount, bearer in named]
    return tuple(
        Promotion(name=name, fen=amount_fen, borne_by=bearer)
        for name, amount_fen, bearer in found
        if amount_fen
    )


def _parcels(
    detail: wire.Detail, problems: list[Problem]
) -> tuple[tuple[Parcel, ...], Counter[str]]:
    """Return the parcels, and the pieces shipped by product and SKU."""
    shipped: Counter[str] = Counter()
    lines: dict[str, list[str]] = {}
    for product in several(detail.product_infos):
        key = line_key(product.product_id, product.sku_id)
        same = lines.setdefault(key, [])
        same.append(f"{key}-{len(same) + 1}")
    found: list[Parcel] = []
    for native in several((detail.delivery_info or wire.Delivery()).delivery_product_info):
        holds: dict[str, None] = {}
        for held in several(native.product_infos):
            key = line_key(held.product_id, held.sku_id)
            pieces = quantity(held.product_cnt, "delivery_product_info.product_cnt", problems)
            shipped[key] += pieces
            holds |= dict.fromkeys(lines.get(key, ()))
        number = text_of(native.waybill_id)
        if number:
            found.append(
                Parcel(
                    waybill_no=number,
                    carrier=text_of(native.delivery_id),
                    shipped_at=epoch_time(native.delivery_time, "delivery_time", problems),
                    line_ids=tuple(holds),
                )
            )
    return tuple(found), shipped


def _extension(
    order: wire.Order, detail: wire.Detail, times: Times, problems: list[Problem]
) -> WechatExtension:
    ext = detail.ext_info or wire.Ext()
    pay = detail.pay_info or wire.PayInfo()
    commissions = several(detail.commission_infos)
    led = next((one for one in commissions if one.finder_id), wire.Commission())
    aside: list[Problem] = []
    commission_fen = sum(fen(one.amount, "commission_infos.amount", aside) for one in commissions)
    name_only(aside, problems)
    return WechatExtension(
        buyer_key=clean(order.openid),
        finder_id=clean(led.finder_id) or clean(ext.finder_id),
        finder_name=clean(led.nickname),
        live_id=clean(ext.live_id),
        order_scene=text_of(ext.order_scene),
        commission_fen=commission_fen,
        user_coupon_id=real_id((detail.coupon_info or wire.Coupon()).user_coupon_id),
        payment_method=text_of(pay.payment_method),
        ewaybill_order_code=clean((detail.delivery_info or wire.Delivery()).ewaybill_order_code),
        promised_ship_at=times.ship_by,
    )
