"""Closing an order of which nothing has left. Without an amount Shopify gives no money back.

Source: Shopify's Admin REST documentation, "Cancel an order".
"""

import re
from datetime import datetime

import msgspec

from services.ingest.channels import (
    Applied,
    Cancelling,
    ChannelError,
    Credentials,
    HttpAnswer,
    HttpRequest,
    Retry,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import Text, clean
from services.ingest.channels.shopify import gateway

_ALREADY = re.compile(r"already been cancell?ed", re.IGNORECASE)
_BODY = msgspec.json.encode({"reason": "other", "email": False})


class _Order(msgspec.Struct):
    cancelled_at: Text = None


class _Cancelled(gateway.Envelope):
    order: _Order | None = None


_decode = msgspec.json.Decoder(_Cancelled).decode


def request(credentials: Credentials, order_no: str, now: datetime) -> HttpRequest:
    """Close the order; a second call is refused with words that say so."""
    del now
    path = f"orders/{calls.path_part(order_no)}/cancel.json"
    return gateway.call(credentials, "POST", path, _BODY)


def read_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer: the order as it is now."""
    found = gateway.opened(answer, _decode)
    if isinstance(found, ChannelError):
        return calls.outcome(found, _ALREADY)
    if found.order is None or not clean(found.order.cancelled_at):
        return Retry(error=calls.no_answer("cancelled_at"))
    return Applied()


CANCELLING = Cancelling(request=request, read_answer=read_answer)
