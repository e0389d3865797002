"""Records of the domain `quarantine`. Generated from schemas/avro/quarantine/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class QuarantineProblem(Struct, frozen=True, kw_only=True):
    """问题 · one reason."""

    code: str
    """代码"""
    detail: str
    """说明 · without personal data"""


class PayloadQuarantined(Struct, frozen=True, kw_only=True):
    """报文已隔离 · a payload that parses but cannot be worked with."""

    TOPIC: ClassVar[str] = "quarantine"
    FULL_NAME: ClassVar[str] = "danshu.quarantine.PayloadQuarantined"

    source_key: str
    """来源键 · channel|shop|channel order number"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    channel: str
    """渠道"""
    shop: str
    """店铺"""
    channel_order_no: str
    """平台订单号"""
    problems: tuple[QuarantineProblem, ...]
    """全部原因"""
    evidence: str
    """原文位置 · topic/partition/offset of the raw payload"""
    currency: str | None = None
    """币种 · ISO 4217 of the amounts in problems' details; null = CNY, or the order cannot be read"""


class QuarantineEnded(Struct, frozen=True, kw_only=True):
    """隔离已结束 · nobody waits for this payload any more."""

    TOPIC: ClassVar[str] = "quarantine"
    FULL_NAME: ClassVar[str] = "danshu.quarantine.QuarantineEnded"

    source_key: str
    """来源键 · channel|shop|channel order number"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    entry_key: str
    """隔离编号"""
    outcome: str
    """结果 · released, superseded or discarded"""
    order_id: str
    """订单号 · our order id; empty where no order came of it"""
    actor: str
    """操作人 · or the topic of the newer payload"""
    reason: str
    """原因"""


RECORDS: tuple[type[Struct], ...] = (
    PayloadQuarantined,
    QuarantineEnded,
)
