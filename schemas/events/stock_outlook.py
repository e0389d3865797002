"""Records of the domain `stock-outlook`. Generated from schemas/avro/stock-outlook/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class PromisableGoods(Struct, frozen=True, kw_only=True):
    """还可预售 · what may still be promised of it, on the same terms."""

    pieces: int
    """件数 · the channels share them"""
    promised_for: datetime
    """可答应的发货时间 · UTC"""
    channels: tuple[str, ...]
    """渠道"""


class ExpectedReceipt(Struct, frozen=True, kw_only=True):
    """在途行 · one warehouse's line of a purchase order."""

    warehouse: str
    """仓库"""
    purchase_no: str
    """采购单号 · empty: set aside of the shelf for promised orders"""
    outstanding: int
    """未到件数"""
    promised: int
    """已预售件数 · to orders that wait"""
    came: int
    """其中已到件数 · lies there, set aside for them"""
    expected_at: datetime | None = None
    """预计到货 · UTC; null = nobody said"""
    first_due_at: datetime | None = None
    """最早答应的发货时间 · UTC; null = nothing is promised"""
    last_due_at: datetime | None = None
    """最晚答应的发货时间 · UTC; null = nothing is promised"""
    promisable: tuple[PromisableGoods, ...]
    """还可预售 · empty where nothing may be promised"""


class CampaignUse(Struct, frozen=True, kw_only=True):
    """活动行 · what is set aside for an open campaign, and what became of it."""

    warehouse: str
    """仓库"""
    document_no: str
    """活动号"""
    pieces: int
    """留出件数"""
    held: int
    """已占件数 · by its orders and reservations"""
    sent: int
    """已发件数"""


class StockOutlookChanged(Struct, frozen=True, kw_only=True):
    """在途、预售和活动已变化 · what of a SKU is to come, promised and set aside, whole."""

    TOPIC: ClassVar[str] = "stock-outlook"
    FULL_NAME: ClassVar[str] = "danshu.stock_outlook.StockOutlookChanged"

    sku: str
    """商家SKU · the Kafka key"""
    version: int
    """序号 · rises with every change"""
    occurred_at: datetime
    """发生时间 · when it was read, UTC"""
    receipts: tuple[ExpectedReceipt, ...]
    """在途行"""
    campaigns: tuple[CampaignUse, ...]
    """活动行 · of campaigns that have not ended"""


RECORDS: tuple[type[Struct], ...] = (
    StockOutlookChanged,
)
