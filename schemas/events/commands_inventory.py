"""Records of the domain `commands-inventory`. Generated from schemas/avro/commands-inventory/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class ExpireHold(Struct, frozen=True, kw_only=True):
    """预占到期."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.ExpireHold"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    generation: int
    """第几次预占"""


class ReceiptLine(Struct, frozen=True, kw_only=True):
    """入库行."""

    sku: str
    """商家SKU"""
    quantity: int
    """件数"""


class ReceiveStock(Struct, frozen=True, kw_only=True):
    """入库 · goods receipt."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.ReceiveStock"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    warehouse: str
    """仓库"""
    lines: tuple[ReceiptLine, ...]
    """入库行"""
    cause: str
    """事由 · receipt or adjustment"""


class RepairStock(Struct, frozen=True, kw_only=True):
    """修账 · one ledger entry that makes the books of a row agree."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.RepairStock"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    warehouse: str
    """仓库"""
    sku: str
    """商家SKU"""
    reason: str
    """原因 · in a person's words, kept with the ledger entry"""


RECORDS: tuple[type[Struct], ...] = (
    ExpireHold,
    ReceiveStock,
    RepairStock,
)
