"""Records of the domain `stock-campaigns`. Generated from schemas/avro/stock-campaigns/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class CampaignRow(Struct, frozen=True, kw_only=True):
    """活动行."""

    warehouse: str
    """仓库"""
    sku: str
    """商家SKU"""
    pieces: int
    """留出件数"""
    sold: int | None = None
    """售出件数 · held and sent when it ended; null before"""
    given_back: int | None = None
    """退回件数 · free again since it ended; null before"""


class CampaignChanged(Struct, frozen=True, kw_only=True):
    """活动库存已变化 · what is set aside for a campaign, whole; no goods move."""

    TOPIC: ClassVar[str] = "stock-campaigns"
    FULL_NAME: ClassVar[str] = "danshu.stock_campaigns.CampaignChanged"

    document_no: str
    """活动号 · aggregate, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · UTC"""
    name: str
    """活动名称"""
    state: str
    """状态 · set_aside, running, ended"""
    channels: tuple[str, ...]
    """参加的渠道"""
    begins_at: datetime
    """开始时间 · UTC"""
    ends_at: datetime
    """结束时间 · UTC"""
    exclusive: bool
    """限量 · its channels may sell nothing else of these rows while it runs"""
    actor: str
    """操作人 · who changed it"""
    reason: str
    """原因 · in a person's words"""
    lines: tuple[CampaignRow, ...]
    """活动行"""


RECORDS: tuple[type[Struct], ...] = (
    CampaignChanged,
)
