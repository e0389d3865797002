"""What a Taobao trade means.

Reads a fullinfo answer (the evidence), a bare trade, a list page, whose rows are partial, a row of the table
that the platform pushes into, which keeps the answer as text, and several of these in one list.
"""

import re
from datetime import datetime

import msgspec

from services.ingest.channels import _order as orders
from services.ingest.channels._wire import (
    Amount,
    Id,
    Moment,
    Text,
    beijing_time,
    clean,
    fen,
    name_only,
    problem,
    quantity,
    read_json,
    receiver,
    several,
    sliced,
    starts_with,
    text_of,
    yuan,
)
from services.ingest.channels.taobao.extension import TaobaoExtension
from services.ingest.channels.taobao.gateway import ErrorResponse, fault_of
from services.ingest.domain.model import (
    Bearer,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
    Parcel,
    Problem,
    ProblemCode,
    Promotion,
    Times,
)

S = OrderSnapshotState
R = LineRefundState

STATES = {
    "TRADE_NO_CREATE_PAY": S.UNPAID,
    "WAIT_BUYER_PAY": S.UNPAID,
    "PAY_PENDING": S.UNPAID,
    "WAIT_PRE_AUTH_CONFIRM": S.UNPAID,
    "PAID_FORBID_CONSIGN": S.PAID_ON_HOLD,
    "WAIT_SELLER_SEND_GOODS": S.AWAITING_SHIPMENT,
    "SELLER_CONSIGNED_PART": S.PARTLY_SHIPPED,
    "WAIT_BUYER_CONFIRM_GOODS": S.SHIPPED,
    "TRADE_BUYER_SIGNED": S.COMPLETED,
    "TRADE_FINISHED": S.COMPLETED,
    "TRADE_CLOSED": S.CLOSED_REFUNDED,
    "TRADE_CLOSED_BY_TAOBAO": S.CANCELLED,
}
REFUNDS = {
    "": R.NONE,
    "NO_REFUND": R.NONE,
    "WAIT_SELLER_AGREE": R.REQUESTED,
    "WAIT_BUYER_RETURN_GOODS": R.RETURNING,
    "WAIT_SELLER_CONFIRM_GOODS": R.RETURNING,
    "SELLER_REFUSE_BUYER": R.REFUSED,
    "CLOSED": R.WITHDRAWN,
    "SUCCESS": R.REFUNDED,
}
_LINE_SHIPPED = frozenset({"WAIT_BUYER_CONFIRM_GOODS", "TRADE_BUYER_SIGNED", "TRADE_FINISHED"})
_CLOSED_UNPAID = "TRADE_CLOSED_BY_TAOBAO"
_LINE_CLOSED = frozenset({"TRADE_CLOSED", _CLOSED_UNPAID})
_AFTER_PAYMENT = re.compile(r"付款后\s*([0-9]{1,4})\s*(小时|天|日)内")
_UNIT_MINUTES = {"小时": 60, "天": 24 * 60, "日": 24 * 60}
# Shop tools name their promotions freely; only these words say that the platform pays.
_PLATFORM_WORDS = ("平台", "天猫", "淘宝", "红包")


class _Order(msgspec.Struct):
    oid: Id = None
    oid_str: Text = None
    num_iid: Id = None
    sku_id: Id = None
    outer_sku_id: Text = None
    outer_iid: Text = None
    title: Text = None
    num: Amount = None
    price: Amount = None
    total_fee: Amount = None
    discount_fee: Amount = None
    adjust_fee: Amount = None
    part_mjz_discount: Amount = None
    divide_order_fee: Amount = None
    refund_status: Text = None
    status: Text = None
    consign_time: Moment = None
    invoice_no: Text = None
    logistics_company: Text = None


class _Orders(msgspec.Struct):
    order: list[_Order] | _Order | None = None


class _Promotion(msgspec.Struct):
    promotion_name: Text = None
    discount_fee: Amount = None


class _Promotions(msgspec.Struct):
    promotion_detail: list[_Promotion] | _Promotion | None = None


class _Trade(msgspec.Struct):
    tid: Id = None
    tid_str: Text = None
    status: Text = None
    type: Text = None
    step_trade_status: Text = None
    step_paid_fee: Amount = None
    payment: Amount = None
    post_fee: Amount = None
    total_fee: Amount = None
    adjust_fee: Amount = None
    coupon_fee: Amount = None
    platform_subsidy_fee: Amount = None
    created: Moment = None
    pay_time: Moment = None
    modified: Moment = None
    consign_time: Moment = None
    end_time: Moment = None
    est_con_time: Moment = None
    seller_nick: Text = None
    buyer_open_uid: Text = None
    receiver_name: Text = None
    receiver_mobile: Text = None
    receiver_phone: Text = None
    receiver_state: Text = None
    receiver_city: Text = None
    receiver_district: Text = None
    receiver_town: Text = None
    receiver_address: Text = None
    oaid: Text = None
    buyer_message: Text = None
    seller_memo: Text = None
    seller_flag: Amount = None
    trade_from: Text = None
    o2o_guide_id: Id = None
    promotion_details: _Promotions | list[_Promotion] | None = None
    # A "simplified" answer has the bare list.
    orders: _Orders | list[_Order] | None = None


class _Detail(msgspec.Struct):
    trade: _Trade | None = None


class _Rows(msgspec.Struct):
    trade: msgspec.Raw = msgspec.Raw()


class _Listed(msgspec.Struct):
    trades: _Rows | None = None


class _Answer(_Trade):
    """Any answer, or a bare trade: read in one pass. A "simplified" answer has no envelope."""

    trade: _Trade | None = None
    jdp_response: Text = None
    trade_fullinfo_get_response: _Detail | None = None
    trade_get_response: _Detail | None = None
    trades_sold_increment_get_response: _Listed | None = None
    trades_sold_get_response: _Listed | None = None
    error_response: ErrorResponse | None = None


_decode = msgspec.json.Decoder(_Answer).decode
_decode_trade = msgspec.json.Decoder(_Trade).decode


def refund_state(status: str | None) -> LineRefundState:
    """Return the state of a refund; an unknown one counts as open."""
    return REFUNDS.get(status or "", R.UNKNOWN)


def normalise(body: bytes) -> tuple[Normalised, ...]:
    """Read one native payload; never raises, a second call gives the same."""
    if starts_with(body, b"["):
        return orders.of_each(body, _answered)
    return _answered(body)


def _answered(body: bytes) -> tuple[Normalised, ...]:
    found = read_json(_decode, body)
    if not isinstance(found, Problem) and found.jdp_response:
        found = read_json(_decode, found.jdp_response.encode("utf-8", "replace"))
    if isinstance(found, Problem):
        return orders.refused(found)
    detail = found.trade_fullinfo_get_response or found.trade_get_response
    trade = detail.trade if detail is not None else found.trade
    if trade is not None:
        return (_normalised(trade, partial=False),)
    if found.error_response is not None:
        fault = fault_of(found.error_response)
        cause = f"{fault.kind} {fault.code} {fault.detail}"
        return orders.refused(problem(ProblemCode.CHANNEL_ERROR, cause, blocks=True))
    listed = found.trades_sold_increment_get_response or found.trades_sold_get_response
    if listed is not None:
        rows = (listed.trades and sliced(listed.trades.trade)) or ()
        return orders.newest([row for raw in rows for row in _row(raw)])
    if found.tid is None and found.tid_str is None and found.orders is None:
        return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no trade", blocks=True))
    return (_normalised(found, partial=found.orders is None),)


def _row(raw: bytes) -> tuple[Normalised, ...]:
    row = read_json(_decode_trade, raw)
    if isinstance(row, Problem):
        return orders.refused(row)
    return (_normalised(row, partial=row.orders is None),)


def _normalised(trade: _Trade, *, partial: bool) -> Normalised:
    problems: list[Problem] = []
    times = _times(trade, problems)
    natives = several(trade.orders.order if isinstance(trade.orders, _Orders) else trade.orders)
    state, hold = _state(trade)
    payable_fen = yuan(trade.payment, "payment", problems)
    if (trade.payment is None or trade.payment == "") and not partial:
        problems.append(problem(ProblemCode.AMOUNT_MISSING, "payment", blocks=True))
    total = trade.total_fee
    adjusted_fen = _adjusted_fen(trade, natives, problems)
    draft = orders.Draft(
        order_no=trade.tid_str or text_of(trade.tid),
        shop=clean(trade.seller_nick),
        channel="taobao",
        state=state,
        raw_state=clean(trade.status),
        hold=hold,
        payable_fen=payable_fen,
        paid_fen=_paid_fen(trade, state, payable_fen, times.paid, problems),
        freight_fen=yuan(trade.post_fee, "post_fee", problems),
        goods_fen=None if total is None else yuan(total, "total_fee", problems),
        lines=[_line(native, trade, problems) for native in natives],
        receiver=receiver(
            region=(trade.receiver_state, trade.receiver_city, trade.receiver_district),
            town=trade.receiver_town,
            person=(
                trade.receiver_name,
                trade.receiver_mobile or trade.receiver_phone,
                trade.receiver_address,
            ),
            key=trade.oaid,
            problems=problems,
        ),
        promotions=_promotions(trade, problems),
        parcels=_parcels(natives, problems),
        times=times,
        buyer_memo=clean(trade.buyer_message),
        seller_memo=clean(trade.seller_memo),
        extensions=_extension(trade, times, adjusted_fen, problems),
        cash_on_delivery=trade.type == "cod",
        adjusted_fen=-adjusted_fen,
        partial=partial,
    )
    return orders.finish(draft, problems)


def _adjusted_fen(trade: _Trade, natives: tuple[_Order, ...], problems: list[Problem]) -> int:
    """What the seller changed by hand, negative = lowered: of several lines, only these tell it."""
    lines_fen = sum(yuan(native.adjust_fee, "orders.adjust_fee", problems) for native in natives)
    return lines_fen or yuan(trade.adjust_fee, "adjust_fee", problems)


def _extension(
    trade: _Trade, times: Times, adjusted_fen: int, problems: list[Problem]
) -> TaobaoExtension:
    aside: list[Problem] = []
    seller_flag = fen(trade.seller_flag, "seller_flag", aside)
    coupon_fen = fen(trade.coupon_fee, "coupon_fee", aside)
    platform_subsidy_fen = yuan(trade.platform_subsidy_fee, "platform_subsidy_fee", aside)
    name_only(aside, problems)
    return TaobaoExtension(
        buyer_key=clean(trade.buyer_open_uid),
        trade_type=clean(trade.type),
        pre_sale=trade.type == "step",
        step_trade_status=clean(trade.step_trade_status),
        trade_from=clean(trade.trade_from),
        seller_flag=seller_flag,
        adjust_fen=adjusted_fen,
        coupon_fen=coupon_fen,
        platform_subsidy_fen=platform_subsidy_fen,
        o2o_guide_id=text_of(trade.o2o_guide_id),
        promised_ship_at=times.ship_by,
        promised_ship_minutes=_minutes_after_payment(text_of(trade.est_con_time)),
    )


def _minutes_after_payment(promise: str) -> int | None:
    """Read "付款后24小时内" or "付款后7天内"; None: no time after the payment is promised."""
    found = _AFTER_PAYMENT.search(promise)
    return int(found[1]) * _UNIT_MINUTES[found[2]] if found else None


def _state(trade: _Trade) -> tuple[OrderSnapshotState, str]:
    state = STATES.get(trade.status or "", S.UNKNOWN)
    if state in {S.UNPAID, S.PAID_ON_HOLD, S.AWAITING_SHIPMENT}:
        # What a presale still has to pay counts, whatever else the trade says: it must not ship.
        match trade.step_trade_status:
            case "FRONT_PAID_FINAL_NOPAID":
                return S.DEPOSIT_PAID, "presale_balance_open"
            case "FRONT_NOPAID_FINAL_NOPAID":
                return S.UNPAID, ""
            case None | "" | "FRONT_PAID_FINAL_PAID":
                pass
            case _:
                return S.UNKNOWN, ""
    return state, "paid_forbid_consign" if state is S.PAID_ON_HOLD else ""


def _paid_fen(
    trade: _Trade,
    state: OrderSnapshotState,
    payable_fen: int,
    paid_at: datetime | None,
    problems: list[Problem],
) -> int:
    """`payment` is the whole amount even while only a deposit has been paid."""
    if trade.step_trade_status == "FRONT_PAID_FINAL_NOPAID":
        return yuan(trade.step_paid_fee, "step_paid_fee", problems)
    if trade.step_trade_status == "FRONT_NOPAID_FINAL_NOPAID" or state is S.UNPAID:
        return 0
    if trade.type == "cod":
        return payable_fen if state is S.COMPLETED else 0
    return payable_fen if paid_at is not None or state in orders.PAID_STATES else 0


def _times(trade: _Trade, problems: list[Problem]) -> Times:
    # Free text such as "付款后24小时内" stands here too; only a time is a deadline.
    ship_by = beijing_time(trade.est_con_time, "est_con_time", [])
    return Times(
        created=beijing_time(trade.created, "created", problems),
        paid=beijing_time(trade.pay_time, "pay_time", problems),
        modified=beijing_time(trade.modified, "modified", problems),
        shipped=beijing_time(trade.consign_time, "consign_time", problems),
        ended=beijing_time(trade.end_time, "end_time", problems),
        ship_by=ship_by,
    )


def _line(native: _Order, trade: _Trade, problems: list[Problem]) -> orders.LineDraft:
    qty = quantity(native.num, "orders.num", problems)
    unit_fen = yuan(native.price, "orders.price", problems)
    total_fen = _total_fen(native, unit_fen * qty, problems)
    if native.divide_order_fee is not None and native.divide_order_fee != "":
        net_fen = yuan(native.divide_order_fee, "orders.divide_order_fee", problems)
    else:
        # Before payment there is no shared amount yet. `payment` of a line is no substitute: it
        # contains the freight when there is only one line.
        shared_fen = yuan(native.part_mjz_discount, "orders.part_mjz_discount", problems)
        net_fen = total_fen - shared_fen
    refund = REFUNDS.get(native.refund_status or "", R.UNKNOWN)
    status = native.status or trade.status
    if status in _LINE_CLOSED and trade.status != _CLOSED_UNPAID:
        refund = R.REFUNDED
    shipped = status in _LINE_SHIPPED or beijing_time(native.consign_time, "", []) is not None
    return orders.LineDraft(
        line_id=native.oid_str or text_of(native.oid),
        sku_id=text_of(native.sku_id) or text_of(native.num_iid),
        merchant_sku=clean(native.outer_sku_id) or clean(native.outer_iid),
        title=clean(native.title),
        qty=qty,
        unit_price_fen=unit_fen,
        net_fen=net_fen,
        is_gift=unit_fen == 0,
        refund_state=refund,
        shipped_qty=qty if shipped else 0,
    )


def _total_fen(native: _Order, gross_fen: int, problems: list[Problem]) -> int:
    """A line's price after its own discount and what was changed by hand, which `total_fee` tells where it was asked for."""
    off_fen = yuan(native.discount_fee, "orders.discount_fee", problems)
    reckoned_fen = gross_fen - off_fen + yuan(native.adjust_fee, "orders.adjust_fee", [])
    if native.total_fee is None or native.total_fee == "":
        return reckoned_fen
    total_fen = yuan(native.total_fee, "orders.total_fee", problems)
    if native.discount_fee is not None and total_fen != reckoned_fen:
        detail = f"line total {total_fen}, price less discount {reckoned_fen}"
        problems.append(problem(ProblemCode.GOODS_DIFFER_FROM_TOTAL, detail, blocks=False))
    return total_fen


def _promotions(trade: _Trade, problems: list[Problem]) -> tuple[Promotion, ...]:
    details = trade.promotion_details
    natives = details.promotion_detail if isinstance(details, _Promotions) else details
    found: list[Promotion] = []
    for native in several(natives):
        amount_fen = yuan(native.discount_fee, "promotion_details.discount_fee", problems)
        if amount_fen:  # empty for free shipping and gifts
            name = clean(native.promotion_name)
            platform = any(word in name for word in _PLATFORM_WORDS)
            bearer = Bearer.PLATFORM if platform else Bearer.SELLER
            found.append(Promotion(name=name, fen=amount_fen, borne_by=bearer))
    return tuple(found)


def _parcels(natives: tuple[_Order, ...], problems: list[Problem]) -> tuple[Parcel, ...]:
    grouped: dict[str, list[_Order]] = {}
    for native in natives:
        if native.invoice_no:
            grouped.setdefault(native.invoice_no, []).append(native)
    return tuple(
        Parcel(
            waybill_no=clean(waybill_no),
            carrier=clean(held[0].logistics_company),
            shipped_at=beijing_time(held[0].consign_time, "orders.consign_time", problems),
            line_ids=tuple(native.oid_str or text_of(native.oid) for native in held),
        )
        for waybill_no, held in grouped.items()
    )
