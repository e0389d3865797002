"""Records of the domain `replenishment`. Generated from schemas/avro/replenishment/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class ReplenishmentSuggested(Struct, frozen=True, kw_only=True):
    """补货建议 · whole: the newest one holds, and a quantity of 0 takes an earlier one back."""

    TOPIC: ClassVar[str] = "replenishment"
    FULL_NAME: ClassVar[str] = "danshu.replenishment.ReplenishmentSuggested"

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
    quantity: int
    """建议采购件数 · after minimum and pack size; 0 = nothing to order"""
    supplier: str
    """供应商 · empty = nobody said"""
    demand_class: str
    """需求类别 · smooth, erratic, intermittent, lumpy"""
    forecaster: str
    """预测方法"""
    daily_demand_milli: int
    """日均需求 · thousandths of a piece a day, forecast over the protection interval"""
    lead_time_days: int
    """提前期（天）"""
    review_days: int
    """订货间隔（天）"""
    service_level_permille: int
    """周期服务水平 · 950 = 95 %"""
    safety_stock: int
    """安全库存件数"""
    reorder_point: int
    """订货点件数"""
    order_up_to: int
    """补到件数"""
    on_hand: int
    """实物件数"""
    on_order: int
    """在途件数 · purchase orders and transfers on their way"""
    reserved: int
    """预占件数"""
    backordered: int
    """欠发件数 · of paid orders that wait for goods and would be sent from here"""
    rule: str
    """参数依据 · table@version#row"""
    explanation: str
    """说明 · why now and how much, for people"""


class SafetyStockCrossed(Struct, frozen=True, kw_only=True):
    """可用库存跌破或回到安全库存."""

    TOPIC: ClassVar[str] = "replenishment"
    FULL_NAME: ClassVar[str] = "danshu.replenishment.SafetyStockCrossed"

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
    below: bool
    """是否低于安全库存 · false = back at it or above"""
    available: int
    """可用件数"""
    safety_stock: int
    """安全库存件数"""


RECORDS: tuple[type[Struct], ...] = (
    ReplenishmentSuggested,
    SafetyStockCrossed,
)
