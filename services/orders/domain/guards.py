"""Guards by name: each gives the codes of what is missing, `()` when it holds.

What READY lacks is what the order waits for; the same codes stand in the table's column `waiting_for`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from services.orders.domain.model import LIFTED_BY_HAND, HoldCode, Order, Stock
from services.orders.domain.states import READY_GUARDS, State

Guard = Callable[[Order], tuple[str, ...]]

_SHOWN_BY_OWN_GUARD = frozenset({HoldCode.RISK, HoldCode.SHORT, HoldCode.UNMATCHED})
"""These holds say the same as `risk_passed`, `stock_held` and `content_complete`; nobody wants to read it twice."""


def _paid(order: Order) -> tuple[str, ...]:
    return () if order.paid_at is not None else ("payment",)


def _stock_held(order: Order) -> tuple[str, ...]:
    if order.stock is Stock.RESERVED:
        return ()
    return ("stock_short",) if order.stock is Stock.SHORT else ("stock",)


def _risk_passed(order: Order) -> tuple[str, ...]:
    if order.verdict is None:
        return ("risk_review",)
    return () if order.verdict.outcome == "passed" else (f"risk_{order.verdict.outcome}",)


def _content_complete(order: Order) -> tuple[str, ...]:
    return order.content.gaps if order.content is not None else ("no_lines",)


def _no_hold(order: Order) -> tuple[str, ...]:
    if not order.holds:
        return ()
    return tuple(
        [f"hold_{hold.code}" for hold in order.holds if hold.code not in _SHOWN_BY_OWN_GUARD]
    )


def _liftable(order: Order) -> tuple[str, ...]:
    held = any(hold.code in LIFTED_BY_HAND for hold in order.holds)
    return () if held else ("nothing_to_lift",)


def _under_review(order: Order) -> tuple[str, ...]:
    asked = order.verdict is not None and order.verdict.outcome != "passed"
    return () if asked else ("not_under_review",)


def ends_unpaid(order: Order) -> tuple[str, ...]:
    """Why an order that nobody pays is not ours to end; `()` where it is."""
    content = order.content
    if content is None or not content.closable:
        return ("channel_closes",)
    return ("balance_open",) if content.balance_open else ()


GUARDS: Mapping[str, Guard] = MappingProxyType(
    {
        "paid": _paid,
        "stock_held": _stock_held,
        "risk_passed": _risk_passed,
        "content_complete": _content_complete,
        "no_hold": _no_hold,
        "liftable": _liftable,
        "under_review": _under_review,
        "ends_unpaid": ends_unpaid,
    }
)

GUARD_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "paid": "已付款",
        "stock_held": "库存已预占",
        "risk_passed": "风控已通过",
        "content_complete": "内容完整",
        "no_hold": "没有挂起",
        "liftable": "有可人工解除的挂起",
        "under_review": "正在审核",
        "ends_unpaid": "商家能在平台关单，且没有付过定金",
    }
)

WAITING_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "payment": "等待买家付款",
        "stock": "等待库存预占",
        "stock_short": "库存不足",
        "risk_review": "等待人工审核",
        "risk_blocked": "被风控拦截，等待人工处理",
        "no_lines": "没有商品行",
        "no_sku": "有商品未匹配商家SKU",
        "no_region": "缺少省市",
        "no_receiver": "缺少收件信息",
        "hold_channel": "平台冻结",
        "hold_address": "收件人已变更，等待处理",
        "hold_refund": "整单退款等待决定",
        "hold_manual": "人工挂起",
        "waybill": "等待取面单号",
        "handover": "等待出库",
        "delivery": "等待签收",
        "interception": "等待仓库拦截结果",
    }
)

_READY = tuple(GUARDS[name] for name in READY_GUARDS)
_NEXT: Mapping[State, str] = MappingProxyType(
    {
        State.AWAITING_PRINT: "waybill",
        State.PREPARING: "handover",
        State.SHIPPED: "delivery",
    }
)


def blockers(order: Order) -> tuple[str, ...]:
    """What READY lacks."""
    missing: tuple[str, ...] = ()
    for guard in _READY:
        missing += guard(order)
    return missing


def waiting_for(order: Order) -> tuple[str, ...]:
    """Everything the order waits for where it is now, codes of WAITING_TITLES; `()` at its end."""
    if order.state in {State.AWAITING_PAYMENT, State.AWAITING_REVIEW}:
        return blockers(order)
    step = _NEXT.get(order.state)
    if step is None:
        return ()
    if order.state is State.SHIPPED:
        return (step,)
    asked = ("interception",) if order.cancel is not None else ()
    return (step, *asked, *_no_hold(order))
