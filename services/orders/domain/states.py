"""The order's life as one table: (state, trigger) → state, with guards and effects by name.

Guarantees: every pair of state and trigger has an answer. A pair with a rule moves the order or leaves it
where it is (the fact is kept either way); a pair without one is refused, and the refusal is recorded.
挂起 and 售后中 are axes of their own: no rule writes progress because of them, and none forgets them.
docs/order-states.md is rendered from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """How far an order has come."""

    NEW = "new"
    """Facts came before the order itself; nothing may happen yet."""
    AWAITING_PAYMENT = "awaiting_payment"
    AWAITING_REVIEW = "awaiting_review"
    AWAITING_PRINT = "awaiting_print"
    PREPARING = "preparing"
    SHIPPED = "shipped"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


STATE_TITLES: Mapping[State, str] = MappingProxyType(
    {
        State.NEW: "未见订单",
        State.AWAITING_PAYMENT: "待支付",
        State.AWAITING_REVIEW: "已支付待审核",
        State.AWAITING_PRINT: "待打单",
        State.PREPARING: "已打单待发货",
        State.SHIPPED: "已发货",
        State.COMPLETED: "已完成",
        State.CANCELLED: "已取消",
    }
)


class Trigger(StrEnum):
    """What can happen to an order."""

    PLACED = "placed"
    PAID = "paid"
    AMENDED = "amended"
    ADDRESS_CHANGED = "address_changed"
    LINES_MATCHED = "lines_matched"
    CHANNEL_CANCELLED = "channel_cancelled"
    STOCK_RESERVED = "stock_reserved"
    STOCK_SHORT = "stock_short"
    STOCK_RELEASED = "stock_released"
    STOCK_EXPIRED = "stock_expired"
    READY = "ready"
    WAYBILL_ISSUED = "waybill_issued"
    PARCEL_SHIPPED = "parcel_shipped"
    PARCEL_PARTLY_SHIPPED = "parcel_partly_shipped"
    PARCEL_DELIVERED = "parcel_delivered"
    PARCEL_PARTLY_DELIVERED = "parcel_partly_delivered"
    PARCEL_CANCELLED = "parcel_cancelled"
    PARCEL_CANCEL_REFUSED = "parcel_cancel_refused"
    REFUND_REQUESTED = "refund_requested"
    WHOLE_REFUND_REQUESTED = "whole_refund_requested"
    REFUND_APPROVED = "refund_approved"
    WHOLE_REFUND_APPROVED = "whole_refund_approved"
    REFUND_CLOSED = "refund_closed"
    HOLD = "hold"
    LIFT = "lift"
    REVIEW_PASSED = "review_passed"
    REVIEW_FAILED = "review_failed"
    CANCEL = "cancel"
    CLOSE_UNPAID = "close_unpaid"


TRIGGER_TITLES: Mapping[Trigger, str] = MappingProxyType(
    {
        Trigger.PLACED: "下单",
        Trigger.PAID: "付款",
        Trigger.AMENDED: "平台变更订单",
        Trigger.ADDRESS_CHANGED: "收件人变更",
        Trigger.LINES_MATCHED: "商品行已匹配",
        Trigger.CHANNEL_CANCELLED: "平台关闭订单",
        Trigger.STOCK_RESERVED: "库存已预占",
        Trigger.STOCK_SHORT: "库存不足",
        Trigger.STOCK_RELEASED: "预占已释放",
        Trigger.STOCK_EXPIRED: "预占到期",
        Trigger.READY: "条件齐备(自动)",
        Trigger.WAYBILL_ISSUED: "面单已取号",
        Trigger.PARCEL_SHIPPED: "包裹已出库",
        Trigger.PARCEL_PARTLY_SHIPPED: "部分包裹已出库",
        Trigger.PARCEL_DELIVERED: "包裹已签收",
        Trigger.PARCEL_PARTLY_DELIVERED: "部分包裹已签收",
        Trigger.PARCEL_CANCELLED: "包裹已拦截",
        Trigger.PARCEL_CANCEL_REFUSED: "包裹拦截失败",
        Trigger.REFUND_REQUESTED: "申请部分退款或售后退款",
        Trigger.WHOLE_REFUND_REQUESTED: "申请整单退款",
        Trigger.REFUND_APPROVED: "批准部分退款或售后退款",
        Trigger.WHOLE_REFUND_APPROVED: "批准整单退款",
        Trigger.REFUND_CLOSED: "退款结束",
        Trigger.HOLD: "人工挂起",
        Trigger.LIFT: "人工解挂",
        Trigger.REVIEW_PASSED: "审核通过",
        Trigger.REVIEW_FAILED: "审核不通过",
        Trigger.CANCEL: "人工取消",
        Trigger.CLOSE_UNPAID: "超时未付关闭",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one trigger does in some states. `to` None: the order stays where it is.

    All `guards` must hold (see guards.py); READY waits until they do, any other trigger is refused.
    `effects` run in order after the move (see step.py).
    """

    on: Trigger
    come_from: tuple[State, ...]
    to: State | None = None
    guards: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()


_N, _P, _R, _T = State.NEW, State.AWAITING_PAYMENT, State.AWAITING_REVIEW, State.AWAITING_PRINT
_G, _S, _C, _X = State.PREPARING, State.SHIPPED, State.COMPLETED, State.CANCELLED
_EARLY = (_P, _R)
"""Nothing is promised to a warehouse yet: a cancel takes effect at once."""
_HANDED_OVER = (_T, _G)
"""Fulfillment has the order: only it can say whether a parcel can still be stopped."""
_LIVE = (*_EARLY, *_HANDED_OVER)
_GONE = (_S, _C)
_ALL = (_N, *_LIVE, *_GONE, _X)

READY_GUARDS = ("paid", "stock_held", "risk_passed", "content_complete", "no_hold")

RULES: tuple[Rule, ...] = (
    # The order as the channel tells it.
    Rule(
        on=Trigger.PLACED,
        come_from=(_N,),
        to=_P,
        effects=(
            "match_risk_hold",
            "match_channel_hold",
            "match_shortage_hold",
            "match_unmatched_hold",
            "catch_up",
        ),
    ),
    Rule(on=Trigger.PAID, come_from=(_P,), to=_R, effects=("match_risk_hold",)),
    # More may be paid later, as at the door, and physical facts can overtake the payment in a replay: it is then only noted.
    Rule(on=Trigger.PAID, come_from=(_R,), effects=("record_payment", "match_risk_hold")),
    Rule(on=Trigger.PAID, come_from=(*_HANDED_OVER, *_GONE), effects=("record_payment",)),
    Rule(
        on=Trigger.AMENDED,
        come_from=_EARLY,
        effects=("match_risk_hold", "match_channel_hold"),
    ),
    Rule(on=Trigger.AMENDED, come_from=_HANDED_OVER, effects=("match_channel_hold",)),
    Rule(on=Trigger.AMENDED, come_from=(*_GONE, _X)),
    Rule(
        on=Trigger.ADDRESS_CHANGED,
        come_from=_EARLY,
        effects=("record_address", "match_risk_hold"),
    ),
    Rule(on=Trigger.ADDRESS_CHANGED, come_from=_HANDED_OVER, effects=("hold_address",)),
    Rule(
        on=Trigger.LINES_MATCHED,
        come_from=_EARLY,
        effects=("match_risk_hold", "match_unmatched_hold"),
    ),
    Rule(on=Trigger.LINES_MATCHED, come_from=(*_HANDED_OVER, *_GONE, _X)),
    Rule(on=Trigger.CHANNEL_CANCELLED, come_from=_EARLY, to=_X),
    Rule(on=Trigger.CHANNEL_CANCELLED, come_from=_HANDED_OVER, effects=("ask_interception",)),
    Rule(on=Trigger.CHANNEL_CANCELLED, come_from=(_X,)),
    # Stock.
    Rule(on=Trigger.STOCK_RESERVED, come_from=_LIVE, effects=("match_shortage_hold",)),
    Rule(on=Trigger.STOCK_RESERVED, come_from=(_N, *_GONE, _X)),
    Rule(on=Trigger.STOCK_SHORT, come_from=_LIVE, effects=("match_shortage_hold",)),
    Rule(on=Trigger.STOCK_SHORT, come_from=(_N, *_GONE, _X)),
    Rule(on=Trigger.STOCK_RELEASED, come_from=_ALL),
    # The time to pay is over: what a seller cannot close on its channel, the channel ends, or its buyer pays late.
    Rule(on=Trigger.STOCK_EXPIRED, come_from=(_P,), effects=("close_if_ours",)),
    Rule(on=Trigger.STOCK_EXPIRED, come_from=(_N, _R, *_HANDED_OVER, *_GONE, _X)),
    # The plain path, with no hand involved.
    Rule(
        on=Trigger.READY,
        come_from=(_R,),
        to=_T,
        guards=READY_GUARDS,
        effects=("announce_ready",),
    ),
    Rule(on=Trigger.WAYBILL_ISSUED, come_from=(_T,), to=_G),
    Rule(on=Trigger.WAYBILL_ISSUED, come_from=(_N, *_EARLY, _G, *_GONE)),
    Rule(on=Trigger.PARCEL_SHIPPED, come_from=_LIVE, to=_S, effects=("end_interception",)),
    Rule(on=Trigger.PARCEL_SHIPPED, come_from=(_N, *_GONE)),
    # One of several parcels: the order has left with the last one, but cannot be stopped any more.
    Rule(on=Trigger.PARCEL_PARTLY_SHIPPED, come_from=_LIVE, effects=("end_interception",)),
    Rule(on=Trigger.PARCEL_PARTLY_SHIPPED, come_from=(_N, *_GONE)),
    Rule(on=Trigger.PARCEL_PARTLY_DELIVERED, come_from=(_N, *_LIVE, *_GONE)),
    Rule(on=Trigger.PARCEL_DELIVERED, come_from=(*_LIVE, _S), to=_C, effects=("end_interception",)),
    Rule(on=Trigger.PARCEL_DELIVERED, come_from=(_N, _C)),
    # Cancelling.
    Rule(on=Trigger.PARCEL_CANCELLED, come_from=_LIVE, to=_X),
    Rule(on=Trigger.PARCEL_CANCELLED, come_from=(_N, _X)),
    Rule(on=Trigger.PARCEL_CANCEL_REFUSED, come_from=_HANDED_OVER, effects=("end_interception",)),
    Rule(on=Trigger.PARCEL_CANCEL_REFUSED, come_from=(_N, *_EARLY, *_GONE, _X)),
    Rule(on=Trigger.CANCEL, come_from=_EARLY, to=_X),
    Rule(on=Trigger.CANCEL, come_from=_HANDED_OVER, effects=("ask_interception",)),
    Rule(on=Trigger.CLOSE_UNPAID, come_from=(_P,), to=_X, guards=("ends_unpaid",)),
    # After-sale: money waits until the goods are safe, and the order stands still until somebody has decided.
    Rule(on=Trigger.REFUND_REQUESTED, come_from=_ALL),
    Rule(on=Trigger.WHOLE_REFUND_REQUESTED, come_from=_LIVE, effects=("match_refund_hold",)),
    Rule(on=Trigger.WHOLE_REFUND_REQUESTED, come_from=(_N, *_GONE, _X)),
    Rule(on=Trigger.REFUND_APPROVED, come_from=_ALL),
    Rule(on=Trigger.WHOLE_REFUND_APPROVED, come_from=_EARLY, to=_X),
    Rule(on=Trigger.WHOLE_REFUND_APPROVED, come_from=_HANDED_OVER, effects=("ask_interception",)),
    Rule(on=Trigger.WHOLE_REFUND_APPROVED, come_from=(_N, *_GONE, _X)),
    Rule(on=Trigger.REFUND_CLOSED, come_from=(*_LIVE, *_GONE), effects=("match_refund_hold",)),
    Rule(on=Trigger.REFUND_CLOSED, come_from=(_N, _X)),
    # Hands.
    Rule(on=Trigger.HOLD, come_from=_LIVE, effects=("hold_by_hand",)),
    Rule(on=Trigger.LIFT, come_from=_LIVE, guards=("liftable",), effects=("lift_by_hand",)),
    Rule(
        on=Trigger.REVIEW_PASSED,
        come_from=_EARLY,
        guards=("under_review",),
        effects=("pass_review",),
    ),
    Rule(on=Trigger.REVIEW_FAILED, come_from=_EARLY, to=_X, guards=("under_review",)),
)

TABLE: Mapping[tuple[State, Trigger], Rule] = MappingProxyType(
    {(state, rule.on): rule for rule in RULES for state in rule.come_from}
)
assert len(TABLE) == sum(len(rule.come_from) for rule in RULES), "two rules for one pair"

_REFUSED_IN: Mapping[State, str] = MappingProxyType(
    {
        State.NEW: "not_placed",
        State.AWAITING_PAYMENT: "not_possible_now",
        State.AWAITING_REVIEW: "not_possible_now",
        State.AWAITING_PRINT: "not_possible_now",
        State.PREPARING: "not_possible_now",
        State.SHIPPED: "already_shipped",
        State.COMPLETED: "already_completed",
        State.CANCELLED: "already_cancelled",
    }
)

REFUSAL_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "order_unknown": "没有这个订单",
        "not_placed": "订单还没有下单记录",
        "not_possible_now": "当前状态不允许此操作",
        "already_shipped": "包裹已出库，来不及了",
        "already_completed": "订单已完成",
        "already_cancelled": "订单已取消",
        "already_placed": "订单已存在",
        "already_paid": "订单已付款",
        "interception_failed": "仓库未能拦截包裹",
        "not_under_review": "订单不在审核中",
        "nothing_to_lift": "没有可以人工解除的挂起",
        "channel_closes": "未付订单由平台关闭",
        "balance_open": "定金已付，等买家付尾款",
    }
)


def why_refused(state: State, trigger: Trigger) -> str:
    """Code of the reason why a pair has no rule; its Chinese is in REFUSAL_TITLES."""
    if trigger is Trigger.PLACED:
        return "already_placed"
    if trigger in {Trigger.REVIEW_PASSED, Trigger.REVIEW_FAILED} and state in _HANDED_OVER:
        return "not_under_review"
    if trigger is Trigger.CLOSE_UNPAID and state in {_R, _T, _G}:
        return "already_paid"
    return _REFUSED_IN[state]
