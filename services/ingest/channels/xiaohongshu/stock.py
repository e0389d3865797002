"""Telling Xiaohongshu how many pieces a SKU has: `inventory.syncSkuStock`, as a whole number.

The platform counts what unpaid orders hold into the number it is told: it shows less for as long as they are open.
"""

from datetime import datetime

import msgspec

from services.ingest.channels import (
    Credentials,
    HttpAnswer,
    HttpRequest,
    ListingStock,
    Stock,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels.xiaohongshu import gateway

_decode = msgspec.json.Decoder(gateway.Envelope).decode


def request(credentials: Credentials, listing: ListingStock, now: datetime) -> HttpRequest:
    """Set the number of a SKU that lies in no region's warehouse."""
    parameters: dict[str, gateway.Parameter] = {
        "skuId": listing.channel_sku_id,
        "qty": listing.quantity,
    }
    return gateway.call(credentials, "inventory.syncSkuStock", parameters, now)


def read_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer."""
    return calls.applied(gateway.opened(answer, _decode))


STOCK = Stock(request=request, read_answer=read_answer, needs_item=False)
