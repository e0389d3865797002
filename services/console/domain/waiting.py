"""What an order waits for and how much of its promise is left, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from services.console.domain.model import PAID_LATE, Card, standing_flags

SOON = timedelta(hours=4)
"""A promise with less than this left is shown as pressing: half a shift."""
_UNSHIPPED = frozenset({"awaiting_review", "awaiting_print", "preparing"})

_BLOCKED: Mapping[str, str] = MappingProxyType(
    {
        "risk": "等待风控复核",
        "short": "缺货，等待补货后自动预占",
        "presale": "预售，等待到货后自动预占",
        "unmatched": "有商品未匹配SKU，等待映射",
        "channel": "平台暂不允许发货",
        "address": "收件信息有变更，等待人工确认",
        "manual": "已人工挂起，等待解挂",
        "waybill_refused": "快递公司拒绝取号，等待处理",
    }
)
_WAITS: Mapping[str, str] = MappingProxyType(
    {
        "awaiting_payment": "等待买家付款",
        "awaiting_print": "等待打单",
        "preparing": "等待拣货、打包、交接快递",
        "shipped": "等待买家签收",
        "quarantined": "报文无法使用，等待人工处理",
        "": "只收到部分消息，等待平台订单",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """The promised hand-over. `tone` is late, soon or calm."""

    ship_by: datetime
    text: str
    tone: str


def waits_for(card: Card) -> str:
    """Why the order stands where it stands; "" when it waits for nothing."""
    if PAID_LATE in standing_flags(card):
        return "订单取消后买家付了款，不会发货，等待人工退款"
    if card.state in _UNSHIPPED or card.state == "awaiting_payment":
        reasons = [_BLOCKED[flag] for flag in card.flags if flag in _BLOCKED]
        if reasons:
            return "；".join(reasons)
    if card.state == "awaiting_review":
        return "等待审核" if card.held_at else "等待库存预占"
    if card.state == "awaiting_print" and card.routed_at is None:
        return "等待选仓派单"
    return _WAITS.get(card.state, "")


def promise_of(card: Card, now: datetime) -> Promise | None:
    """The clock of an order that has to be shipped; None for any other."""
    if card.ship_by is None or card.state not in _UNSHIPPED:
        return None
    left = card.ship_by - now
    if left < timedelta():
        return Promise(ship_by=card.ship_by, text=f"已超时 {lasting(-left)}", tone="late")
    tone = "soon" if left < SOON else "calm"
    return Promise(ship_by=card.ship_by, text=f"还剩 {lasting(left)}", tone=tone)


def lasting(time: timedelta) -> str:
    """A span in its two largest units: "1 天 3 小时", "20 分钟"; under a minute "40 秒"."""
    seconds = max(int(time.total_seconds()), 0)
    minutes = seconds // 60
    days, hours, rest = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days:
        return f"{days} 天 {hours} 小时" if hours else f"{days} 天"
    if hours:
        return f"{hours} 小时 {rest} 分钟" if rest else f"{hours} 小时"
    return f"{rest} 分钟" if rest else f"{seconds} 秒"
