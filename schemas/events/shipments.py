"""Records of the domain `shipments`. Generated from schemas/avro/shipments/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class ParcelCancelRefused(Struct, frozen=True, kw_only=True):
    """拦截失败 · the parcel had left already, or is not known."""

    TOPIC: ClassVar[str] = "shipments"
    FULL_NAME: ClassVar[str] = "danshu.shipments.ParcelCancelRefused"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    reason: str
    """原因"""


class ParcelCancelled(Struct, frozen=True, kw_only=True):
    """包裹已拦截 · stopped before hand-over."""

    TOPIC: ClassVar[str] = "shipments"
    FULL_NAME: ClassVar[str] = "danshu.shipments.ParcelCancelled"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    parcel_id: str
    """包裹号"""
    reason: str
    """原因"""


class ParcelDelivered(Struct, frozen=True, kw_only=True):
    """包裹已签收."""

    TOPIC: ClassVar[str] = "shipments"
    FULL_NAME: ClassVar[str] = "danshu.shipments.ParcelDelivered"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    parcel_id: str
    """包裹号"""
    waybill_no: str
    """运单号"""
    place: str
    """地点"""
    parcels_left: int | None = None
    """还没签收的包裹数 · of this order, besides this one; null = the order is one parcel"""


class ParcelMoved(Struct, frozen=True, kw_only=True):
    """物流轨迹."""

    TOPIC: ClassVar[str] = "parcels"
    FULL_NAME: ClassVar[str] = "danshu.shipments.ParcelMoved"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    parcel_id: str
    """包裹号"""
    waybill_no: str
    """运单号"""
    status: str
    """轨迹状态 · picked_up, in_transit, delivering, problem, returning"""
    place: str
    """地点 · city or hub"""
    text: str
    """描述 · of the carrier, without personal data"""


class ParcelPacked(Struct, frozen=True, kw_only=True):
    """已打包."""

    TOPIC: ClassVar[str] = "parcels"
    FULL_NAME: ClassVar[str] = "danshu.shipments.ParcelPacked"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    parcel_id: str
    """包裹号"""
    actor: str
    """操作人"""


class ParcelPicked(Struct, frozen=True, kw_only=True):
    """已拣货."""

    TOPIC: ClassVar[str] = "parcels"
    FULL_NAME: ClassVar[str] = "danshu.shipments.ParcelPicked"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    parcel_id: str
    """包裹号"""
    actor: str
    """操作人"""


class ParcelLine(Struct, frozen=True, kw_only=True):
    """包裹行."""

    line_no: int
    """行号"""
    sku: str
    """商家SKU"""
    quantity: int
    """件数"""


class ParcelPlanned(Struct, frozen=True, kw_only=True):
    """包裹已派单 · warehouse and carrier chosen."""

    TOPIC: ClassVar[str] = "parcels"
    FULL_NAME: ClassVar[str] = "danshu.shipments.ParcelPlanned"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    parcel_id: str
    """包裹号"""
    warehouse: str
    """仓库"""
    carrier: str
    """快递公司"""
    service: str
    """产品"""
    reason: str
    """选择原因"""
    rule: str
    """依据 · table@version#row"""
    lines: tuple[ParcelLine, ...]
    """包裹行"""
    weight_g: int
    """重量(克)"""
    ship_by: datetime
    """最晚发货时间"""


class ShippedLine(Struct, frozen=True, kw_only=True):
    """出库行."""

    line_no: int
    """行号"""
    channel_line_id: str
    """平台子订单号"""
    sku: str
    """商家SKU"""
    quantity: int
    """件数"""


class ParcelShipped(Struct, frozen=True, kw_only=True):
    """包裹已出库 · handed over to the carrier."""

    TOPIC: ClassVar[str] = "shipments"
    FULL_NAME: ClassVar[str] = "danshu.shipments.ParcelShipped"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    parcel_id: str
    """包裹号"""
    warehouse: str
    """仓库"""
    carrier: str
    """快递公司"""
    waybill_no: str
    """运单号"""
    lines: tuple[ShippedLine, ...]
    """出库行"""
    actor: str
    """操作人"""
    parcels_left: int | None = None
    """还没出库的包裹数 · of this order, besides this one; null = the order is one parcel"""


class WaybillIssued(Struct, frozen=True, kw_only=True):
    """面单已取号."""

    TOPIC: ClassVar[str] = "shipments"
    FULL_NAME: ClassVar[str] = "danshu.shipments.WaybillIssued"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    parcel_id: str
    """包裹号"""
    carrier: str
    """快递公司"""
    waybill_no: str
    """运单号"""


class WaybillNotVoided(Struct, frozen=True, kw_only=True):
    """运单未作废 · a label that is not used any more stays alive."""

    TOPIC: ClassVar[str] = "parcels"
    FULL_NAME: ClassVar[str] = "danshu.shipments.WaybillNotVoided"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    parcel_id: str
    """包裹号"""
    carrier: str
    """快递公司"""
    waybill_no: str
    """运单号"""
    reason: str
    """原因 · scanned: the carrier has seen it; by_hand: no provider of ours made it; else the provider's code and text"""


class WaybillRefused(Struct, frozen=True, kw_only=True):
    """取号被拒."""

    TOPIC: ClassVar[str] = "shipments"
    FULL_NAME: ClassVar[str] = "danshu.shipments.WaybillRefused"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    parcel_id: str
    """包裹号"""
    carrier: str
    """快递公司"""
    reason: str
    """原因"""


class WaybillReplaced(Struct, frozen=True, kw_only=True):
    """运单已更换 · before or after the hand-over."""

    TOPIC: ClassVar[str] = "shipments"
    FULL_NAME: ClassVar[str] = "danshu.shipments.WaybillReplaced"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    parcel_id: str
    """包裹号"""
    carrier: str
    """新快递公司"""
    waybill_no: str
    """新运单号"""
    former_carrier: str
    """原快递公司"""
    former_waybill_no: str
    """原运单号"""
    actor: str
    """操作人"""
    reason: str
    """理由"""


class WaybillVoided(Struct, frozen=True, kw_only=True):
    """运单已作废 · a label that is not used any more is void at the provider that made it."""

    TOPIC: ClassVar[str] = "parcels"
    FULL_NAME: ClassVar[str] = "danshu.shipments.WaybillVoided"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    parcel_id: str
    """包裹号"""
    carrier: str
    """快递公司"""
    waybill_no: str
    """运单号"""


RECORDS: tuple[type[Struct], ...] = (
    ParcelCancelRefused,
    ParcelCancelled,
    ParcelDelivered,
    ParcelMoved,
    ParcelPacked,
    ParcelPicked,
    ParcelPlanned,
    ParcelShipped,
    WaybillIssued,
    WaybillNotVoided,
    WaybillRefused,
    WaybillReplaced,
    WaybillVoided,
)
