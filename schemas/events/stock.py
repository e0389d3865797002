"""Records of the domain `stock`. Generated from schemas/avro/stock/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class DeductedLine(Struct, frozen=True, kw_only=True):
    """扣减行."""

    sku: str
    """商家SKU"""
    quantity: int
    """件数"""


class StockDeducted(Struct, frozen=True, kw_only=True):
    """库存已扣减 · handed over to the carrier."""

    TOPIC: ClassVar[str] = "stock"
    FULL_NAME: ClassVar[str] = "danshu.stock.StockDeducted"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    warehouse: str
    """仓库"""
    lines: tuple[DeductedLine, ...]
    """扣减行"""


class StockHoldExtended(Struct, frozen=True, kw_only=True):
    """预占已延长 · a payment is in progress: an unpaid order keeps its goods longer."""

    TOPIC: ClassVar[str] = "stock"
    FULL_NAME: ClassVar[str] = "danshu.stock.StockHoldExtended"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    expires_at: datetime
    """新的到期时间 · when the hold ends unless it is paid"""
    extensions: int
    """第几次延长 · from 1"""
    rule: str
    """延长依据 · table@version#row"""
    actor: str
    """谁说的 · who said that a payment is in progress"""
    reason: str
    """原因"""


class PromisedLine(Struct, frozen=True, kw_only=True):
    """预售行 · pieces of one SKU that an order is to have."""

    warehouse: str
    """仓库 · where it is to be"""
    sku: str
    """商家SKU"""
    quantity: int
    """件数"""
    purchase_no: str | None = None
    """采购单号 · out of which it is to come; null = it lies there and is set aside"""
    expected_at: datetime | None = None
    """预计到货 · null = it lies there"""


class StockPromiseChanged(Struct, frozen=True, kw_only=True):
    """预售日期变更 · a promise moved to other receipts or another date, or is withdrawn."""

    TOPIC: ClassVar[str] = "stock"
    FULL_NAME: ClassVar[str] = "danshu.stock.StockPromiseChanged"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    was_promised_for: datetime | None = None
    """原答应日期 · null = nothing was promised"""
    promised_for: datetime | None = None
    """新答应日期 · null = withdrawn: the order waits like any that is short"""
    promised: tuple[PromisedLine, ...] | None = None
    """预售明细 · null = withdrawn"""
    why: str
    """原因 · redated (the receipt has another date) or not_coming (less is to come than was said)"""
    rule: str | None = None
    """预售依据 · table@version#row where it was promised anew; null = only its date moved, or it is withdrawn"""


class StockReleased(Struct, frozen=True, kw_only=True):
    """预占已释放."""

    TOPIC: ClassVar[str] = "stock"
    FULL_NAME: ClassVar[str] = "danshu.stock.StockReleased"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    reason: str
    """原因 · cancelled, expired or refunded"""


class ReservedLine(Struct, frozen=True, kw_only=True):
    """预占行."""

    line_no: int
    """行号"""
    sku: str
    """商家SKU"""
    quantity: int
    """件数"""


class PassedOver(Struct, frozen=True, kw_only=True):
    """没选的仓 · a warehouse that the rule names before the chosen one; of several chosen, any other."""

    warehouse: str
    """仓库"""
    sku: str
    """缺的商家SKU · what lacked most; empty = it has all of it by now"""
    wanted: int
    """需要件数"""
    available: int
    """可用件数 · as it was seen when the goods were held"""
    why: str | None = None
    """为什么 · where several send the order: has_none, more_parcels or no_cheaper; null = it lacks what is named"""
    quota: str | None = None
    """用完的配额 · of which group of channels, where more lies there and is kept for others; null = none is in the way"""


class PartLine(Struct, frozen=True, kw_only=True):
    """分仓行 · a line may come from several warehouses."""

    line_no: int
    """行号"""
    sku: str
    """商家SKU"""
    quantity: int
    """件数"""


class ReservedPart(Struct, frozen=True, kw_only=True):
    """一个仓预占的 · what one of several warehouses holds."""

    warehouse: str
    """仓库"""
    lines: tuple[PartLine, ...]
    """分仓行"""


class StockReserved(Struct, frozen=True, kw_only=True):
    """库存已预占 · every line is held, in one warehouse or as `parts` say."""

    TOPIC: ClassVar[str] = "stock"
    FULL_NAME: ClassVar[str] = "danshu.stock.StockReserved"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    warehouse: str
    """仓库 · of several: the first of `parts`"""
    lines: tuple[ReservedLine, ...]
    """预占行"""
    expires_at: datetime | None = None
    """预占到期 · null = paid, never expires"""
    generation: int
    """第几次预占 · from 1"""
    rule: str
    """选仓依据 · table@version#row"""
    hold_rule: str | None = None
    """占货时长依据 · table@version#row for an unpaid order; null = paid, or not said"""
    passed_over: tuple[PassedOver, ...] | None = None
    """没选的仓及原因 · null = the first warehouse of the rule has it all"""
    reservation_id: str | None = None
    """接管的预留 · the reservation whose goods these are, or were in part; null = none"""
    parts: tuple[ReservedPart, ...] | None = None
    """分仓 · null = `warehouse` holds it all"""


class ReturnedLine(Struct, frozen=True, kw_only=True):
    """入库行."""

    sku: str
    """商家SKU"""
    quantity: int
    """件数"""


class StockReturned(Struct, frozen=True, kw_only=True):
    """退货已入库."""

    TOPIC: ClassVar[str] = "stock"
    FULL_NAME: ClassVar[str] = "danshu.stock.StockReturned"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    warehouse: str
    """仓库"""
    document_no: str
    """单据号 · the refund"""
    lines: tuple[ReturnedLine, ...]
    """入库行"""


class ShortLine(Struct, frozen=True, kw_only=True):
    """缺货行."""

    line_no: int
    """行号"""
    sku: str
    """商家SKU"""
    wanted: int
    """需要件数"""
    available: int
    """可用件数 · in the best warehouse"""
    quota: str | None = None
    """用完的配额 · of which group of channels, where more lies there and is kept for others; null = none is in the way"""


class StockShort(Struct, frozen=True, kw_only=True):
    """库存不足 · nothing is held."""

    TOPIC: ClassVar[str] = "stock"
    FULL_NAME: ClassVar[str] = "danshu.stock.StockShort"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    lines: tuple[ShortLine, ...]
    """缺货行"""
    withheld_by: str | None = None
    """不予占货的依据 · table@version#row where the goods are there and are held only once it is paid; null = goods lack"""
    promised_for: datetime | None = None
    """答应的发货日期 · when the goods that are to come can be sent; null = nothing is promised"""
    promised: tuple[PromisedLine, ...] | None = None
    """预售明细 · what makes the order whole by then; null = nothing is promised"""
    promise_rule: str | None = None
    """预售依据 · table@version#row; null = nothing is promised"""


RECORDS: tuple[type[Struct], ...] = (
    StockDeducted,
    StockHoldExtended,
    StockPromiseChanged,
    StockReleased,
    StockReserved,
    StockReturned,
    StockShort,
)
