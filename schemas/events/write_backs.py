"""Records of the domain `write-backs`. Generated from schemas/avro/write-backs/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class WriteBackApplied(Struct, frozen=True, kw_only=True):
    """回传成功."""

    TOPIC: ClassVar[str] = "write-backs"
    FULL_NAME: ClassVar[str] = "danshu.write_backs.WriteBackApplied"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    kind: str
    """类型 · shipment or refund"""
    document_no: str
    """单据号 · parcel or refund id"""
    attempts: int
    """尝试次数"""


class WriteBackRefused(Struct, frozen=True, kw_only=True):
    """回传被拒."""

    TOPIC: ClassVar[str] = "write-backs"
    FULL_NAME: ClassVar[str] = "danshu.write_backs.WriteBackRefused"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    kind: str
    """类型"""
    document_no: str
    """单据号"""
    reason: str
    """平台给出的原因"""


RECORDS: tuple[type[Struct], ...] = (
    WriteBackApplied,
    WriteBackRefused,
)
