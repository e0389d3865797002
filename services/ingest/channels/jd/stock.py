"""Telling JD how many pieces a SKU has: `jingdong.stock.write.updateSkuStock`, as a whole number."""

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
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels.jd import gateway


class _Written(msgspec.Struct):
    success: bool | str | None = None


class _Answer(gateway.Envelope):
    jingdong_stock_write_updateSkuStock_responce: _Written | None = None  # noqa: N815 — the wire's name


_decode = msgspec.json.Decoder(_Answer).decode


def request(credentials: Credentials, listing: ListingStock, now: datetime) -> HttpRequest:
    """Set the number of a SKU, in the vendor's one store."""
    business = {"skuId": listing.channel_sku_id, "stockNum": str(listing.quantity)}
    return gateway.call(credentials, "jingdong.stock.write.updateSkuStock", business, now)


def read_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer; JOS also writes the flag as text."""
    found = gateway.opened(answer, _decode)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    written = found.jingdong_stock_write_updateSkuStock_responce
    if written is None or written.success is None:
        return Retry(error=calls.no_answer("success"))
    if written.success in {True, "true"}:
        return Applied()
    return Refused(code="success", reason="false")


STOCK = Stock(request=request, read_answer=read_answer, needs_item=False)
