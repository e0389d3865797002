"""Records of the domain `orders`. Generated from schemas/avro/orders/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class OrderAmended(Struct, frozen=True, kw_only=True):
    """订单已变更 · a newer snapshot differs; carries all values that may change."""

    TOPIC: ClassVar[str] = "orders"
    FULL_NAME: ClassVar[str] = "danshu.orders.OrderAmended"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    changed: tuple[str, ...]
    """变更字段 · names of the fields below that changed"""
    channel_state: str
    """平台原始状态"""
    province: str
    """省 · as the channel writes it"""
    city: str
    """市"""
    district: str
    """区县"""
    personal: bytes
    """个人信息密文 · AES-256-GCM block with name, phone, address, memos; key per order"""
    personal_kind: str
    """个人信息形态 · plain, masked, encrypted or absent"""
    receiver_key: str
    """收件人标识 · keyed hash for equality only"""
    address_vague: bool
    """地址模糊 · the address looks provisional"""
    hold: str
    """平台冻结原因 · empty = none"""


class OrderCancelled(Struct, frozen=True, kw_only=True):
    """订单已取消 · the channel closed the order."""

    TOPIC: ClassVar[str] = "orders"
    FULL_NAME: ClassVar[str] = "danshu.orders.OrderCancelled"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    reason: str
    """原因 · code"""
    refunded_by_channel: bool
    """平台已退款 · the channel has already returned the money"""


class MappedFrom(Struct, frozen=True, kw_only=True):
    """SKU映射 · the channel's line behind one of ours, where a mapping made it."""

    channel_line_no: int
    """平台行序 · position among the channel's lines, from 1; equal for all components of one bundle"""
    merchant_code: str
    """平台商家编码 · the code the channel told; empty = none"""
    quantity: int
    """平台件数 · pieces as the channel counts them, of bundles for instance"""
    mapping_id: int
    """映射编号 · which mapping it was, as it then stood"""


class NoMatch(Struct, frozen=True, kw_only=True):
    """未匹配 · why a line has no SKU of ours."""

    reason: str
    """原因 · code: no_merchant_code or unknown_sku"""
    merchant_code: str
    """平台商家编码 · the code the channel told; empty = none"""


class OrderLine(Struct, frozen=True, kw_only=True):
    """订单行 · one line of goods."""

    line_no: int
    """行号 · from 1"""
    channel_line_id: str
    """平台子订单号"""
    channel_sku_id: str
    """平台SKU"""
    sku: str
    """商家SKU · own SKU code"""
    title: str
    """商品名称"""
    quantity: int
    """件数 · pieces"""
    unit_price_fen: int
    """单价(分)"""
    discount_fen: int
    """行优惠(分)"""
    paid_fen: int
    """行实付(分) · this line's share of what was paid, without freight"""
    is_gift: bool
    """是否赠品"""
    mapped: MappedFrom | None = None
    """映射来源 · null = the line is the channel's own, and its merchant code is the SKU"""
    unmatched: NoMatch | None = None
    """未匹配 · set where the line has no SKU (sku is empty) and the order waits for a mapping"""


class OrderLinesMatched(Struct, frozen=True, kw_only=True):
    """订单行已匹配 · every line of an order that waited has one of our SKUs now; these lines stand in place of those it was placed with."""

    TOPIC: ClassVar[str] = "orders"
    FULL_NAME: ClassVar[str] = "danshu.orders.OrderLinesMatched"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    lines: tuple[OrderLine, ...]
    """商品行 · all of them"""
    discount_fen: int
    """优惠合计(分) · in place of the discount it was placed with"""


class OrderPaid(Struct, frozen=True, kw_only=True):
    """订单已付款 · the channel reports the payment."""

    TOPIC: ClassVar[str] = "orders"
    FULL_NAME: ClassVar[str] = "danshu.orders.OrderPaid"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    paid_fen: int
    """实付(分) · with freight"""


class Promotion(Struct, frozen=True, kw_only=True):
    """优惠 · one promotion."""

    name: str
    """名称"""
    amount_fen: int
    """金额(分)"""
    borne_by: str
    """承担方 · seller, platform, influencer or unknown"""


class Payment(Struct, frozen=True, kw_only=True):
    """付款 · what the buyer paid."""

    paid_at: datetime
    """付款时间 · UTC"""
    paid_fen: int
    """实付(分) · with freight"""


class OrderPlaced(Struct, frozen=True, kw_only=True):
    """订单已下单 · a channel order seen for the first time, paid already or not."""

    TOPIC: ClassVar[str] = "orders"
    FULL_NAME: ClassVar[str] = "danshu.orders.OrderPlaced"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    channel: str
    """渠道 · channel name, e.g. taobao"""
    shop: str
    """店铺"""
    channel_order_no: str
    """平台订单号"""
    channel_state: str
    """平台原始状态"""
    accepted_at: datetime
    """接收时间 · when the door accepted the payload, UTC"""
    lines: tuple[OrderLine, ...]
    """商品行"""
    payable_fen: int
    """应付(分) · what the buyer has to pay in all, with freight"""
    freight_fen: int
    """运费(分)"""
    discount_fen: int
    """优惠合计(分)"""
    currency: str
    """币种 · ISO 4217"""
    promotions: tuple[Promotion, ...]
    """优惠明细"""
    province: str
    """省 · as the channel writes it"""
    city: str
    """市"""
    district: str
    """区县"""
    personal: bytes
    """个人信息密文 · AES-256-GCM block with name, phone, address, memos; key per order"""
    personal_kind: str
    """个人信息形态 · plain, masked, encrypted or absent"""
    receiver_key: str
    """收件人标识 · keyed hash for equality only"""
    address_vague: bool
    """地址模糊 · the address looks provisional"""
    hold: str
    """平台冻结原因 · why the channel forbids shipping now; empty = none"""
    problems: tuple[str, ...]
    """存疑 · contradictions the payload carries, codes"""
    ship_by: datetime | None = None
    """最晚发货时间"""
    payment: Payment | None = None
    """付款 · set where the order was paid before we first saw it; no OrderPaid follows then"""


RECORDS: tuple[type[Struct], ...] = (
    OrderAmended,
    OrderCancelled,
    OrderLinesMatched,
    OrderPaid,
    OrderPlaced,
)
