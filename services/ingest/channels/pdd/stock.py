"""Telling Pinduoduo how many pieces a SKU has: `pdd.goods.quantity.update`, as a whole number.

The platform takes no smaller number while the article is in one of its promotions, and says so.
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
    Refused,
    Retry,
    Stock,
    Unsupported,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels.pdd import gateway

WHOLE = "1"


class _Updated(msgspec.Struct):
    is_success: bool | None = None


class _Answer(gateway.Envelope):
    goods_quantity_update_response: _Updated | None = None


_decode = msgspec.json.Decoder(_Answer).decode


def request(
    credentials: Credentials, listing: ListingStock, now: datetime
) -> HttpRequest | Unsupported:
    """Set the number of a SKU."""
    if not listing.sku_id:
        return Unsupported(reason="the channel counts by SKU, and the listing names none")
    business = {
        "goods_id": listing.item_id,
        "sku_id": listing.sku_id,
        "quantity": str(listing.quantity),
        "update_type": WHOLE,
    }
    return gateway.call(credentials, "pdd.goods.quantity.update", business, now)


def read_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer."""
    found = gateway.opened(answer, _decode)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    updated = found.goods_quantity_update_response
    if updated is None or updated.is_success is None:
        return Retry(error=calls.no_answer("is_success"))
    return Applied() if updated.is_success else Refused(code="is_success", reason="false")


STOCK = Stock(request=request, read_answer=read_answer)
