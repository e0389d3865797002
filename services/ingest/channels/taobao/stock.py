"""Telling Taobao how many pieces a listing has: `taobao.item.quantity.update`, as a whole number."""

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
from services.ingest.channels.taobao import gateway

WHOLE = "1"


class _Item(msgspec.Struct):
    num_iid: Id = None


class _Updated(msgspec.Struct):
    item: _Item | None = None


class _Answer(gateway.Envelope):
    item_quantity_update_response: _Updated | None = None


_decode = msgspec.json.Decoder(_Answer).decode


def request(credentials: Credentials, listing: ListingStock, now: datetime) -> HttpRequest:
    """Set the number of a SKU, or of an article without any."""
    business = {
        "num_iid": listing.item_id,
        "sku_id": listing.sku_id,
        "quantity": str(listing.quantity),
        "type": WHOLE,
    }
    stated = {name: value for name, value in business.items() if value}
    return gateway.call(credentials, "taobao.item.quantity.update", stated, now)


def read_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer: the article as it is now."""
    found = gateway.opened(answer, _decode)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    updated = found.item_quantity_update_response
    if updated is None or updated.item is None or not text_of(updated.item.num_iid):
        return Retry(error=calls.no_answer("item"))
    return Applied()


STOCK = Stock(request=request, read_answer=read_answer)
