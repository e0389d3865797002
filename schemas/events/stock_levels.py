"""Records of the domain `stock-levels`. Generated from schemas/avro/stock-levels/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class StockLevelChanged(Struct, frozen=True, kw_only=True):
    """库存水位已变化 · newest level of one SKU in one warehouse."""

    TOPIC: ClassVar[str] = "stock-levels"
    FULL_NAME: ClassVar[str] = "danshu.stock_levels.StockLevelChanged"

    level_key: str
    """水位键 · warehouse|sku"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    warehouse: str
    """仓库"""
    sku: str
    """商家SKU"""
    on_hand: int
    """实物件数"""
    reserved: int
    """预占件数"""
    withheld: int | None = None
    """不可售件数 · on hand, but of batches that are not for sale; null = 0"""


RECORDS: tuple[type[Struct], ...] = (
    StockLevelChanged,
)
