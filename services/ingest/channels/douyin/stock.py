"""Telling Douyin how many pieces a SKU has: `sku.syncStock`, as a whole number."""

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
from services.ingest.channels.douyin import gateway

_decode = msgspec.json.Decoder(gateway.Envelope).decode


def request(
    credentials: Credentials, listing: ListingStock, now: datetime
) -> HttpRequest | Unsupported:
    """Set the number of a SKU; a SKU id is unique within its article only."""
    if not listing.sku_id.isdecimal() or not listing.item_id.isdecimal():
        return Unsupported(reason="the channel numbers its articles and SKUs")
    parameters: dict[str, gateway.Parameter] = {
        "product_id": int(listing.item_id),
        "sku_id": int(listing.sku_id),
        "stock_num": listing.quantity,
        "incremental": False,
        "idempotent_id": listing.request_id,
    }
    return gateway.call(credentials, "sku.syncStock", parameters, now)


def read_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer."""
    return calls.applied(gateway.opened(answer, _decode))


STOCK = Stock(request=request, read_answer=read_answer)
