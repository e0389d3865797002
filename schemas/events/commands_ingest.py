"""Records of the domain `commands-ingest`. Generated from schemas/avro/commands-ingest/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class RecordRequestEnded(Struct, frozen=True, kw_only=True):
    """买家申请已了结 · the channel shows that a buyer's request is over."""

    TOPIC: ClassVar[str] = "commands-ingest"
    FULL_NAME: ClassVar[str] = "danshu.commands_ingest.RecordRequestEnded"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    refund_no: str
    """渠道售后单号"""
    state: str
    """结果 · withdrawn, refused or refunded"""
    ended_at: datetime | None = None
    """了结时间 · by the channel's clock; null = it tells none"""


class RecordWriteBack(Struct, frozen=True, kw_only=True):
    """记录回传结果."""

    TOPIC: ClassVar[str] = "commands-ingest"
    FULL_NAME: ClassVar[str] = "danshu.commands_ingest.RecordWriteBack"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    kind: str
    """类型"""
    document_no: str
    """单据号"""
    outcome: str
    """结果 · applied or refused"""
    attempts: int
    """尝试次数"""
    reason: str
    """原因"""
    again: int | None = None
    """第几次重报 · which telling of a parcel is answered; null = the first"""


RECORDS: tuple[type[Struct], ...] = (
    RecordRequestEnded,
    RecordWriteBack,
)
