"""Telling Shopify how many pieces a variant has: `inventory_levels/set`, as a whole number at one location.

A variant's stock is counted on its inventory item: that is the listing's `item_id` here.
"""

from datetime import datetime

import msgspec

from services.ingest.channels import (
    Applied,
    ChannelError,
    Credentials,
    HttpAnswer,
    HttpRequest,
    ListingStock,
    Retry,
    Stock,
    Unsupported,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import Id, text_of
from services.ingest.channels.shopify import gateway


class _Level(msgspec.Struct):
    inventory_item_id: Id = None


class _Answer(gateway.Envelope):
    inventory_level: _Level | None = None


_decode = msgspec.json.Decoder(_Answer).decode


def request(
    credentials: Credentials, listing: ListingStock, now: datetime
) -> HttpRequest | Unsupported:
    """Set the number at the shop's location."""
    del now
    if not credentials.stock_location.isdecimal():
        return Unsupported(reason="the shops file names no stock_location of this shop")
    if not listing.item_id.isdecimal():
        return Unsupported(reason="the listing names no inventory item")
    level = {
        "location_id": int(credentials.stock_location),
        "inventory_item_id": int(listing.item_id),
        "available": listing.quantity,
    }
    return gateway.call(
        credentials, "POST", "inventory_levels/set.json", msgspec.json.encode(level)
    )


def read_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer: the level as it is now."""
    found = gateway.opened(answer, _decode)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    level = found.inventory_level
    if level is None or not text_of(level.inventory_item_id):
        return Retry(error=calls.no_answer("inventory_level"))
    return Applied()


STOCK = Stock(request=request, read_answer=read_answer)
