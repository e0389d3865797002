"""Records of the domain `commands-orders`. Generated from schemas/avro/commands-orders/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class CancelOrder(Struct, frozen=True, kw_only=True):
    """取消订单."""

    TOPIC: ClassVar[str] = "commands-orders"
    FULL_NAME: ClassVar[str] = "danshu.commands_orders.CancelOrder"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    reason: str
    """原因"""


class CloseUnpaid(Struct, frozen=True, kw_only=True):
    """关闭超时未付订单."""

    TOPIC: ClassVar[str] = "commands-orders"
    FULL_NAME: ClassVar[str] = "danshu.commands_orders.CloseUnpaid"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""


class HoldOrder(Struct, frozen=True, kw_only=True):
    """挂起订单."""

    TOPIC: ClassVar[str] = "commands-orders"
    FULL_NAME: ClassVar[str] = "danshu.commands_orders.HoldOrder"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    reason: str
    """原因"""


class LiftHold(Struct, frozen=True, kw_only=True):
    """解除挂起."""

    TOPIC: ClassVar[str] = "commands-orders"
    FULL_NAME: ClassVar[str] = "danshu.commands_orders.LiftHold"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    reason: str
    """原因"""


class ReviewOrder(Struct, frozen=True, kw_only=True):
    """人工审核."""

    TOPIC: ClassVar[str] = "commands-orders"
    FULL_NAME: ClassVar[str] = "danshu.commands_orders.ReviewOrder"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    passed: bool
    """是否通过"""
    reason: str
    """理由"""


RECORDS: tuple[type[Struct], ...] = (
    CancelOrder,
    CloseUnpaid,
    HoldOrder,
    LiftHold,
    ReviewOrder,
)
