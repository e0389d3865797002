"""Telling WooCommerce how many pieces a product or variation has: its `stock_quantity`, as a whole number."""

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
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import Id, text_of
from services.ingest.channels.woocommerce import gateway


class _Product(msgspec.Struct):
    id: Id = None


_decode = msgspec.json.Decoder(_Product).decode


def request(credentials: Credentials, listing: ListingStock, now: datetime) -> HttpRequest:
    """Set the number; the shop counts from then on, and shows 0 as sold out."""
    path = f"products/{calls.path_part(listing.item_id)}"
    if listing.sku_id:
        path += f"/variations/{calls.path_part(listing.sku_id)}"
    body = msgspec.json.encode({"manage_stock": True, "stock_quantity": listing.quantity})
    return gateway.call(credentials, "PUT", path, now, body=body)


def read_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer: the product as it is now."""
    found = gateway.opened(answer, _decode)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    return Applied() if text_of(found.id) else Retry(error=calls.no_answer("id"))


STOCK = Stock(request=request, read_answer=read_answer)
