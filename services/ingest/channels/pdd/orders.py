"""What a Pinduoduo order means: its state is a product of five fields, its receiver comes and goes.

Reads one entry of a list (the evidence), a list page, a single order's answer, and several of these in one list.
"""

from collections import Counter

import msgspec

from services.ingest.channels import _order as orders
from services.ingest.channels._wire import (
    beijing_time,
    clean,
    fen,
    problem,
    quantity,
    read_json,
    real_id,
    receiver_told_apart,
    several,
    starts_with,
    text_of,
    yuan,
)
from services.ingest.channels.pdd import wire
from services.ingest.channels.pdd.extension import PddExtension
from services.ingest.channels.pdd.gateway import fault_of
from services.ingest.domain.model import (
    OPEN_REFUNDS,
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

SHIPPING_STATES = {"1": S.AWAITING_SHIPMENT, "2": S.SHIPPED, "3": S.COMPLETED}
_LEFT = frozenset({S.SHIPPED, S.COMPLETED})
CANCELLED = "2"  # confirm_status
GROUPING, GROUPED, GROUP_FAILED = "0", "1", "2"
NO_REFUND, REFUND_ASKED, REFUNDING, REFUNDED = "1", "2", "3", "4"
REVIEWED = "1"  # risk_control_status
LOTTERY = "2"  # is_lucky_flag
NOTHING_PAID, DEPOSIT_PAID, ALL_PAID = "0", "1", "2"  # step_trade_status
KNOWN_CODES = {
    "confirm_status": frozenset({"0", "1", "2"}),
    "group_status": frozenset({GROUPING, GROUPED, GROUP_FAILED}),
    "order_status": frozenset(SHIPPING_STATES),
    "refund_status": frozenset({NO_REFUND, REFUND_ASKED, REFUNDING, REFUNDED}),
}
AFTERSALES = {
    "0": R.NONE,
    "2": R.REQUESTED,
    "3": R.REQUESTED,
    "4": R.RETURNING,
    "5": R.RETURNING,
    "6": R.REFUSED,
    "7": R.RETURNING,
    "8": R.REQUESTED,
    "9": R.REFUSED,
    "10": R.REFUNDED,
    "11": R.WITHDRAWN,
    "12": R.WITHDRAWN,
    "13": R.WITHDRAWN,
    # Exchange, sending again and repair: no money comes back.
    "14": R.EXCHANGING,
    "15": R.EXCHANGING,
    "16": R.EXCHANGED,
    "17": R.WITHDRAWN,
    "18": R.EXCHANGING,
    "21": R.EXCHANGING,
    "22": R.EXCHANGING,
    "24": R.WITHDRAWN,
    "25": R.EXCHANGED,
    "27": R.EXCHANGING,
    "31": R.RETURNING,
    "32": R.EXCHANGING,
}
_HELD_TAGS = {"ship_hold": "shipping_paused_by_channel"}


_decode = msgspec.json.Decoder(wire.Answer).decode
_decode_order = msgspec.json.Decoder(wire.Order).decode


def normalise(body: bytes) -> tuple[Normalised, ...]:
    """Read one native payload; never raises, a second call gives the same."""
    return orders.of_each(body, _answered) if starts_with(body, b"[") else _answered(body)


def _answered(body: bytes) -> tuple[Normalised, ...]:
    found = read_json(_decode, body)
    if isinstance(found, Problem):
        return orders.refused(found)
    if found.error_response is not None:
        fault = fault_of(found.error_response)
        cause = f"{fault.kind} {fault.code} {fault.detail}"
        return orders.refused(problem(ProblemCode.CHANNEL_ERROR, cause, blocks=True))
    detail = found.order_info_get_response
    if detail is not None and detail.order_info is not None:
        return (_normalised(detail.order_info),)
    listed = (
        found.order_sn_increment_get_response
        or found.order_list_get_response
        or found.order_basic_list_get_response
    )
    if listed is not None:
        return orders.newest([row for raw in listed.rows() or () for row in _row(raw)])
    if found.order_sn is None and found.item_list is None:
        return orders.refused(problem(ProblemCode.NOT_AN_ORDER, "no order", blocks=True))
    return (_normalised(found),)


def _row(raw: bytes) -> tuple[Normalised, ...]:
    row = read_json(_decode_order, raw)
    return orders.refused(row) if isinstance(row, Problem) else (_normalised(row),)


def is_partial(order: wire.Order) -> bool:
    """Say whether a row only names its order and its states, without what was bought for how much."""
    return order.item_list is None and order.gift_list is None and order.pay_amount is None


def _normalised(order: wire.Order) -> Normalised:
    problems: list[Problem] = []
    times = Times(
        created=beijing_time(order.created_time, "created_time", problems),
        paid=beijing_time(order.pay_time, "pay_time", problems),
        modified=beijing_time(order.updated_at, "updated_at", problems),
        shipped=beijing_time(order.shipping_time, "shipping_time", problems),
        ended=beijing_time(order.receive_time, "receive_time", problems),
        ship_by=beijing_time(order.last_ship_time, "last_ship_time", problems),
    )
    partial = is_partial(order)
    state, hold = _state(order, paid=times.paid is not None)
    if (order.pay_amount is None or order.pay_amount == "") and not partial:
        problems.append(problem(ProblemCode.AMOUNT_MISSING, "pay_amount", blocks=True))
    amounts = _Amounts.of(order, state, problems)
    person = _receiver(order, problems)
    if state is S.AWAITING_SHIPMENT and person.pii is PiiKind.MASKED:
        detail = "masks only: no e-waybill can be made from them"
        problems.append(problem(ProblemCode.RECEIVER_MISSING, detail, blocks=False))
    draft = orders.Draft(
        order_no=text_of(order.order_sn),
        shop="",
        channel="pdd",
        state=state,
        raw_state=_raw_state(order),
        hold=hold,
        payable_fen=amounts.payable_fen,
        paid_fen=_paid_fen(order, state, amounts, times, problems),
        freight_fen=amounts.freight_fen,
        goods_fen=amounts.goods_fen,
        lines=_lines(order, state, amounts, problems),
        receiver=person,
        promotions=amounts.promotions,
        parcels=_parcels(order, times),
        times=times,
        buyer_memo=clean(order.buyer_memo),
        seller_memo=clean(order.remark),
        extensions=_extension(order, amounts, times),
        partial=partial,
        names_shop=False,
        collected=_is(order.self_contained, "1"),
    )
    return orders.finish(draft, problems)


def _receiver(order: wire.Order, problems: list[Problem]) -> Receiver:
    return receiver_told_apart(
        region=(order.province, order.city, order.town),
        town="",
        ciphers=(order.receiver_name, order.receiver_phone, order.receiver_address),
        masks=(order.receiver_name_mask, order.receiver_phone_mask, order.receiver_address_mask),
        clear=("", "", ""),
        key="",
        problems=problems,
    )


def _step(order: wire.Order) -> str:
    return text_of(order.step_order_info.step_trade_status) if order.step_order_info else ""


def _tags(order: wire.Order) -> tuple[str, ...]:
    return tuple(clean(tag.name) for tag in several(order.order_tag_list) if _is(tag.value, "1"))


def _is(value: int | str | None, code: str) -> bool:
    return text_of(value) == code


def _raw_state(order: wire.Order) -> str:
    fields = (*KNOWN_CODES, "risk_control_status")
    said = [(field, text_of(getattr(order, field))) for field in fields]
    said.append(("step_trade_status", _step(order)))
    return ",".join(f"{field}={code}" for field, code in said if code)


def _state(order: wire.Order, *, paid: bool) -> tuple[OrderSnapshotState, str]:
    """Order of precedence: money back, cancelled, not (fully) paid, under way to being decided, then the shipping state.

    Open group, review and refund come before a parcel that has left (its lines tell that); what else holds an
    order holds only one that waits for it. A field missing or with a code nobody has described makes the order unknown.
    """
    for field, codes in KNOWN_CODES.items():
        if text_of(getattr(order, field)) not in codes:
            return S.UNKNOWN, ""
    step = _step(order)
    if _is(order.refund_status, REFUNDED):
        return S.CLOSED_REFUNDED, ""
    if _is(order.confirm_status, CANCELLED):
        return S.CANCELLED, ""
    if step == DEPOSIT_PAID:
        return S.DEPOSIT_PAID, "presale_balance_open"
    if step == NOTHING_PAID or (not paid and not _is(order.confirm_status, "1")):
        return S.UNPAID, ""
    if step not in {"", ALL_PAID} or text_of(order.risk_control_status) not in {"", "0", REVIEWED}:
        return S.UNKNOWN, ""
    state = SHIPPING_STATES[text_of(order.order_status)]
    hold = _open(order) or (_hold(order) if state is S.AWAITING_SHIPMENT else "")
    return (S.PAID_ON_HOLD, hold) if hold else (state, "")


def _open(order: wire.Order) -> str:
    """Say what is still to be decided about an order, wherever its goods are."""
    if _is(order.risk_control_status, REVIEWED):
        return "risk_review"
    if _is(order.group_status, GROUPING):
        return "group_not_complete"
    if text_of(order.refund_status) in {REFUND_ASKED, REFUNDING}:
        return "refund_open"
    return ""


def _hold(order: wire.Order) -> str:
    """Say what else keeps a paid order from shipping."""
    if _is(order.group_status, GROUP_FAILED):
        return "group_failed"
    if _is(order.confirm_status, "0"):
        return "not_confirmed"
    if _is(order.is_lucky_flag, LOTTERY):
        return "lottery"  # ships only after the draw, which no field tells
    return next((_HELD_TAGS[tag] for tag in _tags(order) if tag in _HELD_TAGS), "")


class _Amounts(msgspec.Struct, frozen=True, kw_only=True):
    """The header's money: pay_amount = goods_amount - discount_amount + postage + services."""

    payable_fen: int
    freight_fen: int
    service_fen: int
    goods_fen: int | None
    off_fen: int
    promotions: tuple[Promotion, ...]

    @classmethod
    def of(
        cls, order: wire.Order, state: OrderSnapshotState, problems: list[Problem]
    ) -> "_Amounts":
        """Read the amounts; services count as freight where only that makes the sums meet."""
        pay_fen = yuan(order.pay_amount, "pay_amount", problems)
        postage_fen = yuan(order.postage, "postage", problems)
        goods_fen = yuan(order.goods_amount, "goods_amount", problems)
        changed_fen = yuan(order.order_change_amount, "order_change_amount", problems)
        reduced_fen = yuan(order.duo_duo_pay_reduction, "duo_duo_pay_reduction", problems)
        service_fen = sum(
            yuan(fee.service_fee, "service_fee_detail.service_fee", problems)
            for fee in several(order.service_fee_detail)
        )
        parts = [
            ("订单改价", changed_fen, Bearer.SELLER),
            ("店铺优惠", yuan(order.seller_discount, "seller_discount", problems), Bearer.SELLER),
            (
                "平台优惠",
                yuan(order.platform_discount, "platform_discount", problems),
                Bearer.PLATFORM,
            ),
            (
                "团长免单",
                yuan(order.capital_free_discount, "capital_free_discount", problems),
                Bearer.UNKNOWN,
            ),
        ]
        discount_fen = sum(amount_fen for _, amount_fen, _ in parts[1:])
        if order.discount_amount not in {None, ""}:
            named_fen = discount_fen
            discount_fen = yuan(order.discount_amount, "discount_amount", problems)
            parts.append(("其他优惠", max(0, discount_fen - named_fen), Bearer.UNKNOWN))
        net_fen = goods_fen - discount_fen + postage_fen
        if net_fen + service_fen - reduced_fen == pay_fen and reduced_fen:
            parts.append(("多多支付立减", reduced_fen, Bearer.PLATFORM))
            discount_fen, net_fen = discount_fen + reduced_fen, net_fen - reduced_fen
        if service_fen and net_fen + service_fen == pay_fen:
            postage_fen, net_fen = postage_fen + service_fen, pay_fen
        # While the balance is open, what is payable may be more than what was asked for so far.
        whole = state in {S.DEPOSIT_PAID, S.UNPAID} and net_fen > pay_fen
        return cls(
            payable_fen=net_fen if whole else pay_fen,
            freight_fen=postage_fen,
            service_fen=service_fen,
            goods_fen=None if order.goods_amount is None else goods_fen + changed_fen,
            off_fen=changed_fen + discount_fen,
            promotions=tuple(
                Promotion(name=name, fen=amount_fen, borne_by=bearer)
                for name, amount_fen, bearer in parts
                if amount_fen
            ),
        )


def _paid_fen(
    order: wire.Order,
    state: OrderSnapshotState,
    amounts: _Amounts,
    times: Times,
    problems: list[Problem],
) -> int:
    step = order.step_order_info
    if step is not None and _step(order) == DEPOSIT_PAID:
        paid_fen = yuan(step.step_paid_fee, "step_order_info.step_paid_fee", problems)
        advanced_fen = yuan(step.advanced_paid_fee, "step_order_info.advanced_paid_fee", problems)
        return paid_fen or advanced_fen
    if state is S.UNPAID:
        return 0
    paid = times.paid is not None or state in orders.PAID_STATES
    return amounts.payable_fen if paid else 0


def _lines(
    order: wire.Order, state: OrderSnapshotState, amounts: _Amounts, problems: list[Problem]
) -> list[orders.LineDraft]:
    """Take bought lines, then gifts, whose list price is no part of any sum.

    No line has a number: the SKU and its how-many-eth occurrence stand for it.
    """
    seen: Counter[str] = Counter()
    refund_state = refund_state_of(order)
    left = state is S.PAID_ON_HOLD and SHIPPING_STATES[text_of(order.order_status)] in _LEFT
    drafts: list[orders.LineDraft] = []
    natives = [(native, False) for native in several(order.item_list)]
    natives += [(native, True) for native in several(order.gift_list)]
    for native, given in natives:
        sku_id = real_id(native.sku_id) or real_id(native.goods_id)
        key = f"{sku_id}-g" if given else f"{sku_id}-"
        seen[key] += 1
        field = "gift_list" if given else "item_list"
        qty = quantity(native.goods_count, f"{field}.goods_count", problems)
        unit_fen = yuan(native.goods_price, f"{field}.goods_price", problems)
        if native.goods_price is None and not given:
            problems.append(problem(ProblemCode.AMOUNT_MISSING, "goods_price", blocks=True))
        unit_fen = 0 if given else unit_fen
        drafts.append(
            orders.LineDraft(
                line_id=f"{key}{seen[key]}" if sku_id else "",
                sku_id=sku_id,
                merchant_sku=text_of(native.outer_id) or text_of(native.outer_goods_id),
                title=clean(native.goods_name),
                qty=qty,
                unit_price_fen=unit_fen,
                net_fen=unit_fen * qty,
                is_gift=unit_fen == 0,
                refund_state=R.NONE if given else refund_state,
                shipped_qty=qty if state in _LEFT or left else 0,
            )
        )
    orders.take_off(drafts, amounts.off_fen)
    return drafts


def aftersale_state(status: str) -> LineRefundState:
    """Return where after-sales stands; an unknown status counts as open."""
    return AFTERSALES.get(status, R.UNKNOWN) if status else R.NONE


def refund_state_of(order: wire.Order) -> LineRefundState:
    """Join the coarse refund status with the fine one: the order has one after-sales at a time."""
    state = aftersale_state(text_of(order.after_sales_status))
    coarse = text_of(order.refund_status)
    if coarse == REFUNDED:
        return R.REFUNDED
    if coarse in {REFUND_ASKED, REFUNDING} and state not in OPEN_REFUNDS:
        return R.REQUESTED if coarse == REFUND_ASKED else R.RETURNING
    return state


def _parcels(order: wire.Order, times: Times) -> tuple[Parcel, ...]:
    main = wire.Delivery(logistics_id=order.logistics_id, tracking_number=order.tracking_number)
    found: dict[str, Parcel] = {}
    for native in (
        main,
        *several(order.extra_delivery_list),
        *several(order.gift_delivery_list),
        *several(order.resend_delivery_list),
    ):
        number = text_of(native.tracking_number)
        if number and number not in found:
            found[number] = Parcel(
                waybill_no=number,
                carrier=real_id(native.logistics_id),
                shipped_at=times.shipped if native is main else None,
                line_ids=(),
            )
    return tuple(found.values())


def _extension(order: wire.Order, amounts: _Amounts, times: Times) -> PddExtension:
    consolidated = order.consolidate_info
    return PddExtension(
        buyer_key="",
        tags=_tags(order),
        seller_flag=fen(order.remark_tag, "remark_tag", []),
        group_status=text_of(order.group_status),
        deposit_order=_is(order.trade_type, "1"),
        pre_sale=_is(order.is_pre_sale, "1"),
        lottery=_is(order.is_lucky_flag, LOTTERY),
        pick_up=_is(order.self_contained, "1"),
        wholesale=_is(order.duoduo_wholesale, "1"),
        sf_free=_is(order.free_sf, "1"),
        next_day=_is(order.delivery_one_day, "1"),
        consolidate_type=text_of(consolidated.consolidate_type) if consolidated else "",
        market_type=real_id(order.mkt_biz_type),
        inner_transaction_id=text_of(order.inner_transaction_id),
        pay_type=clean(order.pay_type),
        service_fee_fen=amounts.service_fen,
        promised_ship_at=times.ship_by,
    )
