"""Records of the domain `reservations`. Generated from schemas/avro/reservations/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class ReservationConfirmed(Struct, frozen=True, kw_only=True):
    """预留已确认 · the hold never expires, or its goods have left."""

    TOPIC: ClassVar[str] = "reservations"
    FULL_NAME: ClassVar[str] = "danshu.reservations.ReservationConfirmed"

    reservation_id: str
    """预留号 · aggregate, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    reference: str
    """调用方单号 · the caller's own name for it"""
    warehouse: str
    """仓库"""
    handed_over: bool
    """已交货 · the goods were taken away and are off the books"""


class ReservationEnded(Struct, frozen=True, kw_only=True):
    """预留已结束 · its goods are available again."""

    TOPIC: ClassVar[str] = "reservations"
    FULL_NAME: ClassVar[str] = "danshu.reservations.ReservationEnded"

    reservation_id: str
    """预留号 · aggregate, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    reference: str
    """调用方单号 · the caller's own name for it"""
    reason: str
    """原因 · released, expired or adopted"""
    order_id: str | None = None
    """接管的订单 · which order has its goods now; null = none"""


class ReservationExtended(Struct, frozen=True, kw_only=True):
    """预留已延长 · a payment is in progress: the goods are kept longer."""

    TOPIC: ClassVar[str] = "reservations"
    FULL_NAME: ClassVar[str] = "danshu.reservations.ReservationExtended"

    reservation_id: str
    """预留号 · aggregate, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    reference: str
    """调用方单号 · the caller's own name for it"""
    expires_at: datetime
    """新的到期时间 · when the hold ends unless it is confirmed"""
    extensions: int
    """第几次延长 · from 1"""
    rule: str
    """延长依据 · table@version#row"""


class HeldLine(Struct, frozen=True, kw_only=True):
    """预留行."""

    sku: str
    """商家SKU"""
    wanted: int
    """需要件数"""
    held: int
    """预留件数 · fewer than wanted where a part was asked for"""


class ReservationMade(Struct, frozen=True, kw_only=True):
    """已预留 · goods of one warehouse are held for an own store or a till."""

    TOPIC: ClassVar[str] = "reservations"
    FULL_NAME: ClassVar[str] = "danshu.reservations.ReservationMade"

    reservation_id: str
    """预留号 · aggregate, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    reference: str
    """调用方单号 · the caller's own name for it"""
    warehouse: str
    """仓库"""
    lines: tuple[HeldLine, ...]
    """预留行"""
    expires_at: datetime
    """预留到期 · unless it is confirmed before"""
    rule: str
    """选仓依据 · table@version#row, or the warehouse was asked for"""


class LackingLine(Struct, frozen=True, kw_only=True):
    """缺货行."""

    sku: str
    """商家SKU"""
    wanted: int
    """需要件数"""
    available: int
    """可用件数 · in the best warehouse"""
    quota: str | None = None
    """用完的配额 · of which group of channels, where more lies there and is kept for others; null = none is in the way"""


class ReservationShort(Struct, frozen=True, kw_only=True):
    """预留不足 · nothing is held."""

    TOPIC: ClassVar[str] = "reservations"
    FULL_NAME: ClassVar[str] = "danshu.reservations.ReservationShort"

    reservation_id: str
    """预留号 · aggregate, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    reference: str
    """调用方单号 · the caller's own name for it"""
    lines: tuple[LackingLine, ...]
    """缺货行"""


RECORDS: tuple[type[Struct], ...] = (
    ReservationConfirmed,
    ReservationEnded,
    ReservationExtended,
    ReservationMade,
    ReservationShort,
)
