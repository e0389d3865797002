"""Records of the domain `channel-availability`. Generated from schemas/avro/channel-availability/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class ChannelOffer(Struct, frozen=True, kw_only=True):
    """渠道可售数 · what one channel may offer."""

    channel: str
    """渠道"""
    quantity: int
    """可售件数 · pieces the channel may offer; 0 = the listing closes"""
    rule: str
    """规则 · the row of the decision table that gave share, buffer and closing"""


class ChannelAvailabilityChanged(Struct, frozen=True, kw_only=True):
    """渠道可售数已变化 · what each channel may offer of one SKU, whole: the newest one holds and the topic is compacted, so it has no version."""

    TOPIC: ClassVar[str] = "channel-availability"
    FULL_NAME: ClassVar[str] = "danshu.channel_availability.ChannelAvailabilityChanged"

    sku: str
    """商家SKU"""
    occurred_at: datetime
    """发生时间 · when it was worked out, UTC; of two the later one holds"""
    stock_changed_at: datetime
    """库存变化时间 · the newest change of stock that is in it, UTC: delays are measured from here"""
    for_sale: int
    """可售库存 · pieces for sale in all warehouses, of which the channels have their shares"""
    offers: tuple[ChannelOffer, ...]
    """各渠道 · every channel of the decision table"""


RECORDS: tuple[type[Struct], ...] = (
    ChannelAvailabilityChanged,
)
