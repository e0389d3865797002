"""Records of the domain `channel-payloads`. Generated from schemas/avro/channel-payloads/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class MatchRequested(Struct, frozen=True, kw_only=True):
    """请求匹配 · a mapping or SKU arrived that an order's unmatched lines waited for; asked again, it changes nothing."""

    TOPIC: ClassVar[str] = "channel-payloads"
    FULL_NAME: ClassVar[str] = "danshu.channel_payloads.MatchRequested"

    source_key: str
    """来源键 · channel|shop|channel order number, the Kafka key"""
    revision: int
    """映射版本 · revision of the mappings at which it was found"""
    requested_at: datetime
    """请求时间 · UTC"""


class PayloadReceived(Struct, frozen=True, kw_only=True):
    """平台原始报文 · one order in the channel's native format, as evidence."""

    TOPIC: ClassVar[str] = "channel-payloads"
    FULL_NAME: ClassVar[str] = "danshu.channel_payloads.PayloadReceived"

    source_key: str
    """来源键 · channel|shop|channel order number, the Kafka key"""
    channel: str
    """渠道"""
    shop: str
    """店铺"""
    channel_order_no: str
    """平台订单号"""
    door: str
    """入口 · push, poll, fetch or import"""
    accepted_at: datetime
    """接收时间 · of the first sign of it (hint or page)"""
    body: bytes
    """原文密文 · sealed native bytes"""


RECORDS: tuple[type[Struct], ...] = (
    MatchRequested,
    PayloadReceived,
)
