"""Telling Youzan how many pieces a listing has: `youzan.item.quantity.update` 3.0.0, as a whole number."""

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
from services.ingest.channels.youzan import gateway

WHOLE = 0


class _Result(msgspec.Struct):
    is_success: bool | None = None


class _Answer(gateway.Envelope):
    data: _Result | bool | None = None


_decode = msgspec.json.Decoder(_Answer).decode


def request(
    credentials: Credentials, listing: ListingStock, now: datetime
) -> HttpRequest | Unsupported:
    """Set the number of a SKU, or of an article without any."""
    del now
    if not listing.item_id.isdecimal() or not listing.channel_sku_id.isdecimal():
        return Unsupported(reason="the channel numbers its articles and SKUs")
    parameters: dict[str, object] = {
        "item_id": int(listing.item_id),
        "quantity": listing.quantity,
        "type": WHOLE,
    }
    if listing.sku_id:
        parameters["sku_id"] = int(listing.sku_id)
    return gateway.call(credentials, "youzan.item.quantity.update", "3.0.0", parameters)


def read_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer."""
    found = gateway.opened(answer, _decode)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    done = found.data.is_success if isinstance(found.data, _Result) else found.data
    if done is None:
        return Retry(error=calls.no_answer("is_success"))
    return Applied() if done else Refused(code="is_success", reason="false")


STOCK = Stock(request=request, read_answer=read_answer)
