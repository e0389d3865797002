"""Records of the domain `channel-hints`. Generated from schemas/avro/channel-hints/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class HintReceived(Struct, frozen=True, kw_only=True):
    """平台推送提示 · a push that says "look at this order"."""

    TOPIC: ClassVar[str] = "channel-hints"
    FULL_NAME: ClassVar[str] = "danshu.channel_hints.HintReceived"

    source_key: str
    """来源键 · channel|shop|channel order number, the Kafka key"""
    channel: str
    """渠道"""
    shop: str
    """店铺"""
    channel_order_no: str
    """平台订单号"""
    message_id: str
    """消息号"""
    accepted_at: datetime
    """接收时间"""


RECORDS: tuple[type[Struct], ...] = (
    HintReceived,
)
