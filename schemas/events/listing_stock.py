"""Records of the domain `listing-stock`. Generated from schemas/avro/listing-stock/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class ListingStockTold(Struct, frozen=True, kw_only=True):
    """渠道库存已回传 · what a shop was last told of one listing's stock and what it answered, whole: the newest one holds and the topic is compacted, so it has no version."""

    TOPIC: ClassVar[str] = "listing-stock"
    FULL_NAME: ClassVar[str] = "danshu.listing_stock.ListingStockTold"

    listing_key: str
    """商品链接键 · channel|shop|channel SKU id"""
    occurred_at: datetime
    """发生时间 · when the answer came, UTC; of two the later one holds"""
    channel: str
    """渠道"""
    shop: str
    """店铺"""
    channel_sku_id: str
    """渠道SKU"""
    quantity: int
    """回传件数 · pieces (or bundles) that were told"""
    outcome: str
    """结果 · applied, refused or unsupported"""
    reason: str
    """原因 · why it was not applied, in the platform's words; empty where it was"""
    attempts: int
    """尝试次数"""
    stock_changed_at: datetime
    """库存变化时间 · the change of stock that made this number, UTC"""


RECORDS: tuple[type[Struct], ...] = (
    ListingStockTold,
)
