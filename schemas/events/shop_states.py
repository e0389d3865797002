"""Records of the domain `shop-states`. Generated from schemas/avro/shop-states/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class ShopErrors(Struct, frozen=True, kw_only=True):
    """一类错误 · polls in vain of one kind."""

    kind: str
    """类别 · throttled, token, retry, refused"""
    times: int
    """次数 · as many as there ever were"""


class ShopStateChanged(Struct, frozen=True, kw_only=True):
    """店铺接入状态已变化 · how one shop is doing, whole: the newest one holds and the topic is compacted, so it has no version."""

    TOPIC: ClassVar[str] = "shop-states"
    FULL_NAME: ClassVar[str] = "danshu.shop_states.ShopStateChanged"

    shop_key: str
    """店铺键 · channel|shop"""
    occurred_at: datetime
    """发生时间 · when this was read, UTC; of two the later one holds"""
    channel: str
    """渠道"""
    shop: str
    """店铺"""
    configured: bool
    """是否在用 · whether the shop is in the shops file"""
    polled: bool
    """是否轮询 · whether its channel can be asked for orders; others only push or hand in"""
    state: str
    """状态 · normal, throttled, token_expired, unreachable, refused, catching_up"""
    state_since: datetime
    """状态起始 · since when it is in this state, UTC"""
    polled_until: datetime | None = None
    """已拉取到 · everything modified before it was taken, UTC"""
    succeeded_at: datetime | None = None
    """最近成功 · when a window was last taken whole, UTC"""
    failures: int
    """连续失败 · polls in vain in a row"""
    failed_at: datetime | None = None
    """最近失败 · last poll in vain, UTC"""
    error: str
    """最近错误 · code of the last error, kept after a recovery"""
    errors: tuple[ShopErrors, ...]
    """各类错误"""
    newest_order_at: datetime | None = None
    """最新订单变更 · modified time of the newest order polled, UTC"""
    pushes: int
    """已收推送 · genuine pushes taken so far; a killed process loses its last seconds"""
    pushed_at: datetime | None = None
    """最近推送 · when the last of them came, UTC"""


RECORDS: tuple[type[Struct], ...] = (
    ShopStateChanged,
)
