"""Records of the domain `signals`. Generated from schemas/avro/signals/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class ChannelWindowClosed(Struct, frozen=True, kw_only=True):
    """渠道窗口统计 · orders of one channel in one minute."""

    TOPIC: ClassVar[str] = "signals"
    FULL_NAME: ClassVar[str] = "danshu.signals.ChannelWindowClosed"

    channel: str
    """渠道 · the Kafka key"""
    window_start: datetime
    """窗口开始"""
    window_end: datetime
    """窗口结束"""
    orders: int
    """订单数"""
    delay_max_ms: int
    """最大同步延迟(毫秒)"""
    delay_sum_ms: int
    """同步延迟合计(毫秒)"""


RECORDS: tuple[type[Struct], ...] = (
    ChannelWindowClosed,
)
