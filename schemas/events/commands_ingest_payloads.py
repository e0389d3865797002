"""Records of the domain `commands-ingest-payloads`. Generated from schemas/avro/commands-ingest-payloads/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class CorrectQuarantined(Struct, frozen=True, kw_only=True):
    """更正隔离报文."""

    TOPIC: ClassVar[str] = "commands-ingest-payloads"
    FULL_NAME: ClassVar[str] = "danshu.commands_ingest_payloads.CorrectQuarantined"

    source_key: str
    """来源键 · channel|shop|channel order number, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人"""
    reason: str
    """原因 · kept in the audit"""
    entry_key: str
    """隔离编号 · the source key, or with a digest where the payload has no order number"""
    patch: bytes
    """更正密文 · sealed JSON merge patch on receiver, lines and amounts"""


class DiscardQuarantined(Struct, frozen=True, kw_only=True):
    """作废隔离报文."""

    TOPIC: ClassVar[str] = "commands-ingest-payloads"
    FULL_NAME: ClassVar[str] = "danshu.commands_ingest_payloads.DiscardQuarantined"

    source_key: str
    """来源键 · channel|shop|channel order number, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人"""
    reason: str
    """原因 · kept in the audit"""
    entry_key: str
    """隔离编号 · the source key, or with a digest where the payload has no order number"""


class ReadPayloadAgain(Struct, frozen=True, kw_only=True):
    """按现行规则重读报文 · the newest snapshot of an accepted order."""

    TOPIC: ClassVar[str] = "commands-ingest-payloads"
    FULL_NAME: ClassVar[str] = "danshu.commands_ingest_payloads.ReadPayloadAgain"

    source_key: str
    """来源键 · channel|shop|channel order number, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人"""
    reason: str
    """原因 · kept in the audit"""
    channel: str
    """渠道"""
    shop: str
    """店铺"""
    channel_order_no: str
    """平台订单号"""
    evidence: str
    """原文位置 · topic/partition/offset of the raw payload"""
    door: str
    """入口 · by which it came"""
    accepted_at: datetime
    """接收时间 · of the payload"""
    body: bytes
    """原文密文 · sealed native bytes"""


class ReleaseQuarantined(Struct, frozen=True, kw_only=True):
    """放行隔离报文."""

    TOPIC: ClassVar[str] = "commands-ingest-payloads"
    FULL_NAME: ClassVar[str] = "danshu.commands_ingest_payloads.ReleaseQuarantined"

    source_key: str
    """来源键 · channel|shop|channel order number, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人"""
    reason: str
    """原因 · kept in the audit"""
    entry_key: str
    """隔离编号 · the source key, or with a digest where the payload has no order number"""


RECORDS: tuple[type[Struct], ...] = (
    CorrectQuarantined,
    DiscardQuarantined,
    ReadPayloadAgain,
    ReleaseQuarantined,
)
