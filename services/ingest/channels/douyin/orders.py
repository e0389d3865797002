"""What a Douyin order means.

Reads a detail answer or one entry of a search page (the evidence), a whole page, several of these in one list, and a
push, whose messages only hint.
"""

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
    several,
    starts_with,
    text_of,
)
from services.ingest.channels.douyin import gateway, parts, pushes, wire
from services.ingest.channels.douyin.extension import DouyinExtension
from services.ingest.domain.model import (
    SHIPPABLE,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
    Parcel,
    Problem,
    ProblemCode,
    Times,
)

S = OrderSnapshotState
R = LineRefundState

# 105 is paid, but under the platform's risk review: it ships only once it becomes 2.
STATES = {
    "1": S.UNPAID,
    "105": S.PAID_ON_HOLD,
    "2": S.AWAITING_SHIPMENT,
    "101": S.PARTLY_SHIPPED,
    "3": S.SHIPPED,
    "4": S.CANCELLED,
    "5": S.COMPLETED,
}
# The main status says more: how much of a presale is paid, and which endings gave money back.
MAIN_STATES = {
    "103": S.DEPOSIT_PAID,
    "21": S.CLOSED_REFUNDED,
    "22": S.CLOSED_REFUNDED,
    "39": S.CLOSED_REFUNDED,
}
_FORBID_SHIPPING = frozenset({S.UNPAID, S.PAID_ON_HOLD, S.CANCELLED})
HOLDS = {S.PAID_ON_HOLD: "risk_review", S.DEPOSIT_PAID: "presale_balance_open"}
AFTERSALES = {
    "0": R.NONE,
    "6": R.REQUESTED,
    "7": R.RETURNING,
    "11": R.RETURNING,
    "12": R.REFUNDED,
    "27": R.REFUSED,
    "28": R.WITHDRAWN,
    "29": R.REFUSED,
}
# 8 and 13 wait for the exchange to be shipped or received, 3 is 13's older name, 14 is done.
EXCHANGES = {
    **AFTERSALES,
    "6": R.EXCHANGING,
    "7": R.EXCHANGING,
    "11": R.EXCHANGING,
    "8": R.EXCHANGING,
    "13": R.EXCHANGING,
    "3": R.EXCHANGING,
    "12": R.EXCHANGED,
    "14": R.EXCHANGED,
}
_EXCHANGE_TYPES = frozenset({"3", "7"})
_PRICE_PROTECTION = "6"  # gives money back and takes nothing out of the parcel
LINES_MAX = 40  # the platform returns no more sub-orders of one order
_LINE_SHIPPED = frozenset({"3", "5"})
_ON_DELIVERY = "0"  # pay_type 0: cash on delivery


_DEPOSIT_PRESALE = "2"

_decode = msgspec.json.Decoder(wire.Answer).decode
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
    if found.code is not None and text_of(found.code) != gateway.OK:
        fault = gateway.fault_of(found.envelope())
        cause = f"{fault.kind} {fault.code} {fault.detail}"
        return orders.refused(problem(ProblemCode.CHANNEL_ERROR, cause, blocks=True))
    if found.data is not None:
        if found.data.shop_order_detail is not None:
            return (_normalised(found.data.shop_order_detail),)
        rows = found.data.rows()
        if rows is not None:
            return orders.newest([row for raw in rows for row in _row(raw)])
    if found.order_id is None and found.sku_order_list is None:
        return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))
    return (_normalised(found),)


def _row(raw: bytes) -> tuple[Normalised, ...]:
    row = read_json(_decode_order, raw)
    return orders.refused(row) if isinstance(row, Problem) else (_normalised(row),)


def _hinted(body: bytes) -> tuple[Normalised, ...]:
    """Give what a push carries: a number and a state, no lines."""
    found = pushes.messages(body)
    if isinstance(found, Problem) or not any(pushes.says_something(one) for one, _ in found):
        return orders.of_each(body, _answered)
    hinted: list[Normalised] = []
    for message, change in found:
        if text_of(message.tag) == pushes.PROBE:
            continue
        if change is None:
            what = "a message that cannot be read"
            hinted.extend(orders.refused(problem(ProblemCode.NOT_AN_ORDER, what, blocks=True)))
        elif change.p_id is not None:
            hinted.append(_normalised(_named_by(change), partial=True))
    if not hinted:
        return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))
    return orders.newest(hinted)


def _named_by(change: pushes.OrderChange) -> wire.Order:
    return wire.Order(
        order_id=change.p_id,
        shop_id=change.shop_id,
        order_status=change.order_status,
        pay_amount=change.pay_amount,
        create_time=change.create_time,
        pay_time=change.pay_time,
        update_time=change.update_time or change.pay_time or change.create_time,
    )


def _normalised(order: wire.Order, *, partial: bool = False) -> Normalised:
    problems: list[Problem] = []
    state, raw_state = _state(order)
    payable_fen = fen(order.pay_amount, "pay_amount", problems)
    if (order.pay_amount is None or order.pay_amount == "") and not partial:
        problems.append(problem(ProblemCode.AMOUNT_MISSING, "pay_amount", blocks=True))
    parts.check_head(order, problems)
    times = _times(order, problems)
    parcels, shipped = _parcels(order, problems)
    natives = several(order.sku_order_list)
    if len(natives) >= LINES_MAX:
        detail = f"{len(natives)} lines: the platform sends no more than {LINES_MAX}"
        problems.append(problem(ProblemCode.LINES_CUT, detail, blocks=False))
    lines = [_line(native, shipped, state, problems) for native in natives]
    freight_fen = _freight_fen(order, natives, lines, problems)
    hold = HOLDS.get(state, "")
    if state is S.AWAITING_SHIPMENT and _cut(lines, payable_fen - freight_fen):
        state, hold = S.PAID_ON_HOLD, "lines_cut"
    draft = orders.Draft(
        order_no=text_of(order.order_id),
        shop=text_of(order.shop_id),
        channel="douyin",
        state=state,
        raw_state=raw_state,
        hold=hold,
        payable_fen=payable_fen,
        paid_fen=_paid_fen(order, state, payable_fen, problems),
        freight_fen=freight_fen,
        goods_fen=None,
        lines=lines,
        receiver=parts.receiver(order, problems),
        promotions=parts.promotions(order, problems),
        parcels=parcels,
        times=times,
        buyer_memo=clean(order.buyer_words),
        seller_memo=clean(order.seller_words),
        extensions=_extension(order, natives, times, problems),
        cash_on_delivery=_on_delivery(order),
        partial=partial,
    )
    return orders.finish(draft, problems)


def _cut(lines: list[orders.LineDraft], goods_fen: int) -> bool:
    """Say whether lines are missing: there are as many as the platform sends, and they are worth another sum."""
    return len(lines) >= LINES_MAX and sum(line.net_fen for line in lines) != goods_fen


def _code(value: Amount) -> str:
    """Return a number of a list of codes as text; absent is ""."""
    return repr(value) if isinstance(value, float) else text_of(value)


def _state(order: wire.Order) -> tuple[OrderSnapshotState, str]:
    """The order status decides; the main status where it says more. Either unknown: unknown.

    A presale is as far as its payments, whatever else it says: with its balance open it must not ship.
    """
    status, main = _code(order.order_status), _code(order.main_status)
    main = "" if main == "0" else main
    raw_state = "/".join(dict.fromkeys(part for part in (status, main) if part))
    if main in MAIN_STATES and (not status or status in STATES):
        return MAIN_STATES[main], raw_state
    if main and main not in STATES:
        return S.UNKNOWN, raw_state
    state = STATES.get(status or main, S.UNKNOWN)
    if state in SHIPPABLE and STATES.get(main, state) in _FORBID_SHIPPING:
        state = STATES[main]
    if state in {S.UNPAID, S.PAID_ON_HOLD, S.AWAITING_SHIPMENT}:
        paid = {bool(phase.pay_success) for phase in several(order.order_phase_list)}
        if paid == {True, False}:
            return S.DEPOSIT_PAID, raw_state
    return state, raw_state


def _on_delivery(order: wire.Order) -> bool:
    return _code(order.pay_type) == _ON_DELIVERY and _code(order.pay_time) in {"", "0"}


def _paid_fen(
    order: wire.Order,
    state: OrderSnapshotState,
    payable_fen: int,
    problems: list[Problem],
) -> int:
    if state is S.DEPOSIT_PAID or (state is S.CANCELLED and order.order_phase_list):
        return sum(
            fen(phase.phase_pay_amount, "order_phase_list.phase_pay_amount", problems)
            for phase in several(order.order_phase_list)
            if phase.pay_success
        )
    if state is S.UNPAID:
        return 0
    if _on_delivery(order):
        return payable_fen if state is S.COMPLETED else 0
    paid = _code(order.pay_time) not in {"", "0"}
    return payable_fen if paid or state in orders.PAID_STATES else 0


def _times(order: wire.Order, problems: list[Problem]) -> Times:
    return Times(
        created=epoch_time(order.create_time, "create_time", problems),
        paid=epoch_time(order.pay_time, "pay_time", problems),
        modified=epoch_time(order.update_time, "update_time", problems),
        shipped=epoch_time(order.ship_time, "ship_time", problems),
        ended=epoch_time(order.finish_time, "finish_time", problems),
        ship_by=epoch_time(order.exp_ship_time, "exp_ship_time", problems),
    )


def _line(
    native: wire.Line,
    shipped: dict[str, int],
    order_state: OrderSnapshotState,
    problems: list[Problem],
) -> orders.LineDraft:
    line_id = text_of(native.order_id)
    qty = quantity(native.item_num, "sku_order_list.item_num", problems)
    unit_fen = fen(native.origin_amount, "sku_order_list.origin_amount", problems)
    gift = native.given_product_type == "FREE"
    if native.sum_amount is not None and not gift:
        sum_fen = fen(native.sum_amount, "sku_order_list.sum_amount", problems)
        if sum_fen != unit_fen * qty:
            detail = f"line total {sum_fen}, price {unit_fen} × {qty}"
            problems.append(problem(ProblemCode.GOODS_DIFFER_FROM_TOTAL, detail, blocks=False))
    paid = native.pay_amount
    net_fen = unit_fen * qty if paid is None else fen(paid, "sku_order_list.pay_amount", problems)
    if line_id in shipped:
        shipped_qty = min(qty, shipped[line_id])
    else:
        # A line of a partly shipped order carries a ship_time too: only its status tells.
        shipped_qty = qty if _code(native.order_status) in _LINE_SHIPPED else 0
    return orders.LineDraft(
        line_id=line_id,
        sku_id=real_id(native.sku_id) or real_id(native.product_id_str),
        merchant_sku=clean(native.code) or real_id(native.out_sku_id),
        title=clean(native.product_name),
        qty=qty,
        unit_price_fen=unit_fen,
        net_fen=net_fen,
        is_gift=gift or unit_fen == 0,
        refund_state=_refund_state(native, order_state),
        shipped_qty=shipped_qty,
    )


def refund_state(*, status: str, kind: str) -> LineRefundState:
    """Return where after-sales stands; an unknown status counts as open."""
    if kind == _PRICE_PROTECTION or status in {"", "0"}:
        return R.NONE
    return (EXCHANGES if kind in _EXCHANGE_TYPES else AFTERSALES).get(status, R.UNKNOWN)


def _refund_state(native: wire.Line, order_state: OrderSnapshotState) -> LineRefundState:
    aftersale = native.after_sale_info
    state = R.NONE
    if aftersale is not None:
        state = refund_state(
            status=_code(aftersale.after_sale_status), kind=_code(aftersale.after_sale_type)
        )
    closed = MAIN_STATES.get(_code(native.main_status)) is S.CLOSED_REFUNDED
    left = _code(native.order_status) == "4" and order_state is not S.CANCELLED
    if state is R.NONE and (closed or left):
        return R.REFUNDED  # the line has left the order while the rest goes on
    return state


def _parcels(
    order: wire.Order, problems: list[Problem]
) -> tuple[tuple[Parcel, ...], dict[str, int]]:
    """Return the parcels and the pieces shipped per line."""
    found: list[Parcel] = []
    shipped: dict[str, int] = {}
    for native in several(order.logistics_info):
        number = clean(native.tracking_no)
        if not number:
            continue
        for held in several(native.product_info):
            line_id = text_of(held.sku_order_id)
            if line_id:
                field = "logistics_info.product_count"
                pieces = quantity(held.product_count, field, problems)
                shipped[line_id] = shipped.get(line_id, 0) + pieces
        found.append(
            Parcel(
                waybill_no=number,
                carrier=clean(native.company),
                shipped_at=epoch_time(native.ship_time, "logistics_info.ship_time", problems),
                line_ids=tuple(
                    dict.fromkeys(
                        text_of(held.sku_order_id)
                        for held in several(native.product_info)
                        if held.sku_order_id
                    )
                ),
            )
        )
    return tuple(found), shipped


def _freight_fen(
    order: wire.Order,
    natives: tuple[wire.Line, ...],
    lines: list[orders.LineDraft],
    problems: list[Problem],
) -> int:
    """Return what is payable beside goods, and take it out of lines which contain it.

    Packing, insurance and tax count as freight where that makes the sums meet; where it does not,
    the difference is named by the caller.
    """
    payable_fen = fen(order.pay_amount, "pay_amount", [])
    freight_fen = fen(order.post_amount, "post_amount", problems)
    nets_fen = sum(line.net_fen for line in lines)
    if freight_fen and nets_fen == payable_fen:
        posts = [fen(native.post_amount, "sku_order_list.post_amount", []) for native in natives]
        if sum(posts) == freight_fen:
            for line, post_fen in zip(lines, posts, strict=True):
                line.net_fen -= post_fen
            return freight_fen
    beside_fen = (
        fen(order.packing_amount, "packing_amount", problems)
        + fen(order.post_insurance_amount, "post_insurance_amount", problems)
        + fen(order.tax_amount, "tax_amount", problems)
    )
    if beside_fen and nets_fen + freight_fen + beside_fen == payable_fen:
        return freight_fen + beside_fen
    return freight_fen


def _extension(
    order: wire.Order, natives: tuple[wire.Line, ...], times: Times, problems: list[Problem]
) -> DouyinExtension:
    led = next((native for native in natives if real_id(native.author_id)), wire.Line())
    trade_type = _trade_type(order, natives)
    closes = [
        epoch_time(phase.phase_close_time, "phase_close_time", [])
        for phase in several(order.order_phase_list)
        if not phase.pay_success
    ]
    closing = [moment for moment in closes if moment is not None]
    aside: list[Problem] = []
    seller_flag = fen(order.seller_remark_stars, "seller_remark_stars", aside)
    name_only(aside, problems)
    return DouyinExtension(
        buyer_key=clean(order.doudian_open_id),
        order_type=_code(order.order_type),
        trade_type=trade_type,
        pre_sale=trade_type == _DEPOSIT_PRESALE,
        app_type=text_of(order.b_type),
        app_sub_type=text_of(order.sub_b_type),
        business_type=_code(natives[0].c_biz) if natives else "",
        author_id=real_id(led.author_id),
        author_name=clean(led.author_name),
        room_id=real_id(led.room_id_str),
        video_id=real_id(led.video_id),
        seller_flag=seller_flag,
        packing_fen=fen(order.packing_amount, "packing_amount", []),
        insurance_fen=fen(order.post_insurance_amount, "post_insurance_amount", []),
        tax_fen=fen(order.tax_amount, "tax_amount", []),
        promised_ship_at=times.ship_by,
        balance_due_at=max(closing, default=None),
    )


def _trade_type(order: wire.Order, natives: tuple[wire.Line, ...]) -> str:
    """Lines say it where the head says 0."""
    told = (text_of(order.trade_type), *(text_of(native.trade_type) for native in natives))
    return next((code for code in told if code not in {"", "0"}), told[0])
