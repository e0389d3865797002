"""One call to a channel for one thing it has to be told, and its answer. Nothing is kept here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from chassis.ids import request_id
from services.ingest.aftersales import aftersale_of
from services.ingest.channels import (
    Aftersale,
    Applied,
    Channel,
    ChannelError,
    Credentials,
    ErrorKind,
    HttpAnswer,
    HttpRequest,
    Refused,
    Retry,
    Shipment,
    ShippedLine,
    Unsupported,
    WriteBack,
)
from services.ingest.domain.imported import ImportedLine
from services.ingest.domain.matching import in_channel_pieces
from services.ingest.domain.model import LineRefundState
from services.ingest.domain.write_backs import Told
from services.ingest.fetching import send
from services.ingest.shared import Shared
from services.ingest.shops import Shop

REFUSAL_CHARS_MAX = 100
"""So much of a refusal's reason is told; what is longer, platforms refuse."""
NO_REASON = "商家未同意退款申请"

_decode_mapped = msgspec.json.Decoder(tuple[tuple[str, int], ...]).decode
_decode_imported = msgspec.json.Decoder(tuple[ImportedLine, ...]).decode


async def tell(shared: Shared, row: Any, told: Told) -> WriteBack:
    """Tells the channel of an order. `row`: key, channel, shop, channel_order_no, mapped, imported.

    May be called again after an answer that was lost.
    """
    shop = shared.shops.get((row["channel"], row["shop"]))
    if shop is None:
        return Unsupported(reason="the shop is not configured any more")
    channel = shared.channels[shop.channel]
    if told.kind == "shipment":
        return await _tell_shipment(shared, channel, shop, row, told)
    return await _tell_of_refund(shared, channel, shop.credentials(), told)


async def _tell_shipment(
    shared: Shared, channel: Channel, shop: Shop, row: Any, told: Told
) -> WriteBack:
    credentials = shop.credentials()
    lines = in_the_channels_words(told.lines, row["mapped"], row["imported"])
    shipment = Shipment(
        order_no=row["channel_order_no"],
        lines=tuple(ShippedLine(line_id=line_id, qty=qty) for line_id, qty in lines),
        whole=True,
        carrier=told.carrier,
        waybill_no=told.waybill_no,
        request_id=request_id("ship", row["key"], told.document_no),
        carrier_code=shop.carriers.get(told.carrier, ""),
    )
    now = shared.clock.now()
    if channel.prepare_shipment is not None:
        asked = channel.prepare_shipment(credentials, shipment, now)
        prepared = await send(shared.outgoing, asked, channel.name, "prepare_shipment")
        if isinstance(prepared, ChannelError):
            return Retry(error=prepared)
        shipment = replace(shipment, prepared=prepared)
    request = channel.shipment_request(credentials, shipment, now)
    return await _ask(shared, channel, "shipment", request, channel.read_shipment_answer)


async def _tell_of_refund(
    shared: Shared, channel: Channel, credentials: Credentials, told: Told
) -> WriteBack:
    aftersale = await aftersale_of(shared.pool, told.document_no)
    calls = channel.aftersales
    if aftersale is None or calls is None:
        return Unsupported(reason="the refund was not asked for on the channel")
    now = shared.clock.now()
    if told.kind == "refund":
        request = calls.agree_request(credentials, aftersale, now)
        answer = await _ask(shared, channel, "agree", request, calls.read_agree_answer)
        wanted = LineRefundState.REFUNDED
    else:
        reason = " ".join(told.reason.split())[:REFUSAL_CHARS_MAX] or NO_REASON
        request = calls.refuse_request(credentials, aftersale, reason, now)
        answer = await _ask(shared, channel, "refuse", request, calls.read_refuse_answer)
        wanted = LineRefundState.REFUSED
    if not isinstance(answer, Refused):
        return answer
    # Perhaps it is done, and only our first telling of it went unheard.
    stands = await _look(shared, channel, credentials, aftersale)
    if isinstance(stands, ChannelError):
        return Retry(error=stands)
    return Applied(repeated=True) if stands is wanted else answer


async def _look(
    shared: Shared, channel: Channel, credentials: Credentials, aftersale: Aftersale
) -> LineRefundState | ChannelError | None:
    """Where a request stands now; None where the channel has no call for that."""
    calls = channel.aftersales
    if calls is None or calls.detail_request is None or calls.read_detail is None:
        return None
    request = calls.detail_request(credentials, aftersale.refund_no, shared.clock.now())
    answer = await send(shared.outgoing, request, channel.name, "aftersales")
    found = answer if isinstance(answer, ChannelError) else calls.read_detail(answer)
    if isinstance(found, Aftersale):
        return found.state
    return None if found.kind is ErrorKind.REFUSED else found


async def _ask(
    shared: Shared,
    channel: Channel,
    call: str,
    request: HttpRequest | WriteBack,
    read: Callable[[HttpAnswer], WriteBack],
) -> WriteBack:
    if not isinstance(request, HttpRequest):
        return request
    answer = await send(shared.outgoing, request, channel.name, call)
    return Retry(error=answer) if isinstance(answer, ChannelError) else read(answer)


def in_the_channels_words(
    lines: Sequence[tuple[str, int]], mapped: str | None, imported: str | None
) -> tuple[tuple[str, int], ...]:
    """A parcel's lines by the channel's own ids, where an import named them, and in the pieces it sold.

    `mapped` and `imported` as the order's document has them, JSON.
    """
    own = {line.line_id: line.own_id for line in _decode_imported(imported or "[]") if line.own_id}
    named = [(own.get(line_id, line_id), pieces) for line_id, pieces in lines]
    return in_channel_pieces(named, dict(_decode_mapped(mapped or "[]")))
