"""Records of the domain `stock-movements`. Generated from schemas/avro/stock-movements/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class MovedLine(Struct, frozen=True, kw_only=True):
    """进出行."""

    sku: str
    """商家SKU"""
    quantity: int
    """件数 · signed: + in, − out; 0 where a repair moves nothing"""
    balance_after: int
    """记账后实物件数"""


class StockMoved(Struct, frozen=True, kw_only=True):
    """货物进出已记账 · what a paper of the warehouse moved; parcels and returns of orders are told on `stock`."""

    TOPIC: ClassVar[str] = "stock-movements"
    FULL_NAME: ClassVar[str] = "danshu.stock_movements.StockMoved"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it was booked, UTC"""
    entry_no: str
    """流水单据号 · under which the ledger has it: a transfer arrives in parts"""
    warehouse: str
    """仓库"""
    kind: str
    """类别 · receipt, adjustment, count, transfer_out, transfer_in, repair"""
    actor: str
    """操作人 · who booked it"""
    reason: str
    """原因 · in a person's words, empty where the document says it all"""
    lines: tuple[MovedLine, ...]
    """进出行"""


RECORDS: tuple[type[Struct], ...] = (
    StockMoved,
)
