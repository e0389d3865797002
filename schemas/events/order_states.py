"""Records of the domain `order-states`. Generated from schemas/avro/order-states/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class OrderCancelRequested(Struct, frozen=True, kw_only=True):
    """已请求拦截 · fulfillment decides whether the parcel can still be stopped."""

    TOPIC: ClassVar[str] = "fulfillment-requests"
    FULL_NAME: ClassVar[str] = "danshu.order_states.OrderCancelRequested"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    reason: str
    """原因"""
    actor: str
    """操作人或规则"""
    basis: str
    """依据"""


class OrderClosed(Struct, frozen=True, kw_only=True):
    """订单已关闭 · cancelled for good: stock and waiting money are let go."""

    TOPIC: ClassVar[str] = "order-closings"
    FULL_NAME: ClassVar[str] = "danshu.order_states.OrderClosed"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    reason: str
    """原因"""
    actor: str
    """操作人或规则"""
    basis: str
    """依据"""


class OrderHeld(Struct, frozen=True, kw_only=True):
    """订单已挂起."""

    TOPIC: ClassVar[str] = "fulfillment-requests"
    FULL_NAME: ClassVar[str] = "danshu.order_states.OrderHeld"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    code: str
    """代码"""
    reason: str
    """原因"""
    actor: str
    """操作人或规则"""
    basis: str
    """依据"""


class OrderHoldLifted(Struct, frozen=True, kw_only=True):
    """订单已解挂."""

    TOPIC: ClassVar[str] = "fulfillment-requests"
    FULL_NAME: ClassVar[str] = "danshu.order_states.OrderHoldLifted"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    code: str
    """代码"""
    reason: str
    """原因"""
    actor: str
    """操作人或规则"""
    basis: str
    """依据"""


class FulfilLine(Struct, frozen=True, kw_only=True):
    """履约行."""

    line_no: int
    """行号"""
    channel_line_id: str
    """平台子订单号"""
    sku: str
    """商家SKU"""
    title: str
    """商品名称"""
    quantity: int
    """件数"""


class FulfilPartLine(Struct, frozen=True, kw_only=True):
    """分仓行 · a line may come from several warehouses."""

    line_no: int
    """行号"""
    quantity: int
    """件数"""


class FulfilPart(Struct, frozen=True, kw_only=True):
    """一个仓发的 · what one of several warehouses sends."""

    warehouse: str
    """仓库"""
    lines: tuple[FulfilPartLine, ...]
    """分仓行"""


class ExtensionFact(Struct, frozen=True, kw_only=True):
    """渠道扩展的一项 · one fact of what only a channel tells; of the values one is set."""

    name: str
    """名称 · ext.promised_ship_at, …"""
    text: str | None = None
    """文字"""
    number: int | None = None
    """整数"""
    flag: bool | None = None
    """是否"""
    texts: tuple[str, ...] | None = None
    """文字列表"""


class OrderReadyToFulfil(Struct, frozen=True, kw_only=True):
    """订单待履约 · paid, held, risk passed, complete."""

    TOPIC: ClassVar[str] = "fulfillment-requests"
    FULL_NAME: ClassVar[str] = "danshu.order_states.OrderReadyToFulfil"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    channel: str
    """渠道"""
    shop: str
    """店铺"""
    channel_order_no: str
    """平台订单号"""
    province: str
    """省 · as the channel writes it"""
    city: str
    """市"""
    district: str
    """区县"""
    warehouse: str
    """预占仓库"""
    lines: tuple[FulfilLine, ...]
    """履约行"""
    paid_fen: int
    """实付(分)"""
    personal: bytes
    """个人信息密文"""
    ship_by: datetime
    """最晚发货时间"""
    rule: str
    """时效依据 · table@version#row"""
    parts: tuple[FulfilPart, ...] | None = None
    """分仓 · one parcel each; null = `warehouse` sends it all"""
    told: tuple[ExtensionFact, ...] | None = None
    """渠道扩展 · what the carrier table asks of it; null = it asks for nothing, or nothing was told"""
    currency: str | None = None
    """币种 · ISO 4217, of paid_fen; null = CNY"""
    collect_fen: int | None = None
    """代收货款(分) · what the carrier has to collect at the door, of the whole order; null = nothing"""
    payable_fen: int | None = None
    """应付(分) · what the order is worth while nothing is paid; null = told before this was"""


class OrderStateChanged(Struct, frozen=True, kw_only=True):
    """订单状态已变化."""

    TOPIC: ClassVar[str] = "order-states"
    FULL_NAME: ClassVar[str] = "danshu.order_states.OrderStateChanged"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    from_state: str
    """原状态 · empty = new"""
    to_state: str
    """新状态"""
    reason: str
    """原因"""
    actor: str
    """操作人或规则"""
    basis: str
    """依据 · id of the event or command"""
    rule: str
    """规则 · table@version#row, empty = none"""


class OrderTransitionRefused(Struct, frozen=True, kw_only=True):
    """状态变更被拒 · an illegal transition, refused and recorded."""

    TOPIC: ClassVar[str] = "order-states"
    FULL_NAME: ClassVar[str] = "danshu.order_states.OrderTransitionRefused"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    state: str
    """当前状态"""
    attempted: str
    """企图的事件"""
    reason: str
    """原因"""
    actor: str
    """操作人或规则"""
    basis: str
    """依据"""


RECORDS: tuple[type[Struct], ...] = (
    OrderCancelRequested,
    OrderClosed,
    OrderHeld,
    OrderHoldLifted,
    OrderReadyToFulfil,
    OrderStateChanged,
    OrderTransitionRefused,
)
