"""Telling the WeChat shop how many pieces a SKU has: `product/stock/update`, as a whole number.

The platform advises differences, because a whole number may cross with orders: what is sold meanwhile is told anew.
"""

from datetime import datetime

import msgspec

from services.ingest.channels import (
    Credentials,
    HttpAnswer,
    HttpRequest,
    ListingStock,
    Stock,
    Unsupported,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels.wechat_channels import gateway

SET = 3
_decode = msgspec.json.Decoder(gateway.Envelope).decode


def request(
    credentials: Credentials, listing: ListingStock, now: datetime
) -> HttpRequest | Unsupported:
    """Set the number of a SKU."""
    if not listing.sku_id:
        return Unsupported(reason="the channel counts by SKU, and the listing names none")
    parameters = {
        "product_id": listing.item_id,
        "sku_id": listing.sku_id,
        "diff_type": SET,
        "num": listing.quantity,
    }
    return gateway.call(credentials, "product/stock/update", parameters, now)


def read_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer."""
    return calls.applied(gateway.opened(answer, _decode))


STOCK = Stock(request=request, read_answer=read_answer)
