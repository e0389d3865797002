"""Records of the domain `commands-fulfillment`. Generated from schemas/avro/commands-fulfillment/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class PackParcel(Struct, frozen=True, kw_only=True):
    """打包."""

    TOPIC: ClassVar[str] = "commands-fulfillment"
    FULL_NAME: ClassVar[str] = "danshu.commands_fulfillment.PackParcel"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    parcel_id: str
    """包裹号"""


class PickParcel(Struct, frozen=True, kw_only=True):
    """拣货."""

    TOPIC: ClassVar[str] = "commands-fulfillment"
    FULL_NAME: ClassVar[str] = "danshu.commands_fulfillment.PickParcel"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    parcel_id: str
    """包裹号"""


class RecordTracking(Struct, frozen=True, kw_only=True):
    """记录物流轨迹."""

    TOPIC: ClassVar[str] = "commands-fulfillment"
    FULL_NAME: ClassVar[str] = "danshu.commands_fulfillment.RecordTracking"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    waybill_no: str
    """运单号"""
    status: str
    """轨迹状态"""
    moved_at: datetime
    """轨迹时间"""
    place: str
    """地点"""
    text: str
    """描述"""


class RecordWaybill(Struct, frozen=True, kw_only=True):
    """记录取号结果."""

    TOPIC: ClassVar[str] = "commands-fulfillment"
    FULL_NAME: ClassVar[str] = "danshu.commands_fulfillment.RecordWaybill"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    parcel_id: str
    """包裹号"""
    waybill_no: str
    """运单号"""
    asking: int | None = None
    """第几次重新取号 · for which receiver it was asked, counted from 0; null = 0"""
    carrier: str | None = None
    """快递公司 · whose label was asked for; null = the parcel's"""


class RecordWaybillDiscarded(Struct, frozen=True, kw_only=True):
    """记录面单已作废 · a label that is not used any more, of a cancelled parcel or a replaced one, is void, or cannot be."""

    TOPIC: ClassVar[str] = "commands-fulfillment"
    FULL_NAME: ClassVar[str] = "danshu.commands_fulfillment.RecordWaybillDiscarded"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    parcel_id: str
    """包裹号"""
    waybill_no: str
    """运单号 · empty = none was ever asked for"""
    refusal: str | None = None
    """为什么没有作废 · scanned, by_hand, or the provider's code and text; null = it is void"""


class RecordWaybillRefused(Struct, frozen=True, kw_only=True):
    """记录取号被拒."""

    TOPIC: ClassVar[str] = "commands-fulfillment"
    FULL_NAME: ClassVar[str] = "danshu.commands_fulfillment.RecordWaybillRefused"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    parcel_id: str
    """包裹号"""
    reason: str
    """原因"""


class ReplaceWaybill(Struct, frozen=True, kw_only=True):
    """更换运单 · another carrier or number for a parcel that has one."""

    TOPIC: ClassVar[str] = "commands-fulfillment"
    FULL_NAME: ClassVar[str] = "danshu.commands_fulfillment.ReplaceWaybill"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    parcel_id: str
    """包裹号"""
    carrier: str
    """新快递公司"""
    waybill_no: str
    """新运单号"""
    reason: str
    """理由"""


class ShipParcel(Struct, frozen=True, kw_only=True):
    """出库交接."""

    TOPIC: ClassVar[str] = "commands-fulfillment"
    FULL_NAME: ClassVar[str] = "danshu.commands_fulfillment.ShipParcel"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    parcel_id: str
    """包裹号"""


RECORDS: tuple[type[Struct], ...] = (
    PackParcel,
    PickParcel,
    RecordTracking,
    RecordWaybill,
    RecordWaybillDiscarded,
    RecordWaybillRefused,
    ReplaceWaybill,
    ShipParcel,
)
