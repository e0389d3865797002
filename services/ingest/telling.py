"""One call to a channel for one thing it has to be told, and its answer. Nothing is kept here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from chassis.ids import request_id
from services.ingest.aftersales_store import (
    aftersale_of,
    begin_agreeing,
    ended_as,
    keep_doubt,
    keep_not_agreed,
    keep_told_refused,
)
from services.ingest.channels import (
    Aftersale,
    Aftersales,
    Applied,
    Channel,
    ChannelError,
    Credentials,
    ErrorKind,
    HttpAnswer,
    HttpRequest,
    NewWaybill,
    Refused,
    Retry,
    Shipment,
    ShippedLine,
    ToldParcel,
    Unsupported,
    WriteBack,
)
from services.ingest.domain.imported import ImportedLine
from services.ingest.domain.model import LineRefundState
from services.ingest.domain.parcels import Earlier, OrderLines, Packed, packed
from services.ingest.domain.snapshots import PARTLY_SHIPPED_ELSEWHERE, SHIPPED_ELSEWHERE
from services.ingest.domain.write_backs import (
    CANCELLATION,
    REFUND,
    SHIPMENT,
    WAYBILL,
    Told,
    WriteBacks,
)
from services.ingest.fetching import send
from services.ingest.shared import Shared
from services.ingest.shops import Shop

REFUSAL_CHARS_MAX = 100
"""So much of a refusal's reason is told; what is longer, platforms refuse."""
NO_REASON = "商家未同意退款申请"
LEFT_THERE = frozenset({SHIPPED_ELSEWHERE, PARTLY_SHIPPED_ELSEWHERE})
"""Holds of orders that a person shipped in the channel's back office and closes here: the shop's word stands."""
NOT_JUDGED = frozenset({ErrorKind.THROTTLED, ErrorKind.TOKEN})
"""Answers of a channel that has not acted."""

_decode_lines = msgspec.json.Decoder(tuple[tuple[str, int], ...]).decode
_decode_imported = msgspec.json.Decoder(tuple[ImportedLine, ...]).decode


async def tell(
    shared: Shared, row: Any, state: WriteBacks, told: Told, *, patient: bool = False
) -> WriteBack:
    """Tells the channel of an order one of what `state` has; what it took before decides how a parcel is told.

    `row`: key, channel, shop, channel_order_no, and of the order's document lines, mapped, imported and hold.

    May be called again after an answer that was lost. `patient`: where a refused agreement may have come too late, a
    later call shall say so, once polls have seen how the request stands.
    """
    shop = shared.shops.get((row["channel"], row["shop"]))
    if shop is None:
        return Unsupported(reason="the shop is not configured any more")
    if told.kind == SHIPMENT:
        return await _tell_shipment(shared, shop, row, state, told)
    if told.kind == WAYBILL:
        return await _tell_waybill(shared, shop, row, state, told)
    if told.kind == CANCELLATION:
        if row["hold"] in LEFT_THERE:
            return Unsupported(reason="goods of the order have left there")
        return await _tell_closing(shared, shop, row["channel_order_no"])
    return await _tell_of_refund(shared, shop, told, patient=patient)


async def _tell_shipment(
    shared: Shared, shop: Shop, row: Any, state: WriteBacks, told: Told
) -> WriteBack:
    channel, credentials = shared.channels[shop.channel], shop.credentials()
    parcel = _packed(row, state, told)
    named = _named(shop, row, parcel, told, "ship")
    shipment = Shipment(**asdict(named), completes=parcel.completes)
    now = shared.clock.now()
    if channel.prepare_shipment is not None:
        asked = channel.prepare_shipment(credentials, shipment, now)
        prepared = await send(shared.outgoing, asked, channel.name, "prepare_shipment")
        if isinstance(prepared, ChannelError):
            return Retry(error=prepared)
        shipment = replace(shipment, prepared=prepared)
    request = channel.shipment_request(credentials, shipment, now)
    return await _ask(shared, channel, "shipment", request, channel.read_shipment_answer)


async def _tell_waybill(
    shared: Shared, shop: Shop, row: Any, state: WriteBacks, told: Told
) -> WriteBack:
    channel, credentials = shared.channels[shop.channel], shop.credentials()
    shipment = state.find(SHIPMENT, told.parcel_id)
    former = state.taken_last(told)
    if former is None or shipment is None:
        return Refused(
            code="parcel_not_taken", reason="the channel has not taken the parcel itself"
        )
    calls = channel.waybills
    if calls is None:
        return Unsupported(reason="the channel has no call for another waybill")
    named = _named(shop, row, _packed(row, state, shipment), told, "waybill")
    change = NewWaybill(**asdict(named), former_waybill_no=former.waybill_no)
    now = shared.clock.now()
    asked = calls.prepare(credentials, change, now) if calls.prepare is not None else None
    if asked is not None:
        prepared = await send(shared.outgoing, asked, channel.name, "prepare_waybill")
        if isinstance(prepared, ChannelError):
            return Retry(error=prepared)
        change = replace(change, prepared=prepared)
    request = calls.request(credentials, change, now)
    return await _ask(shared, channel, "waybill", request, calls.read_answer)


async def _tell_closing(shared: Shared, shop: Shop, order_no: str) -> WriteBack:
    channel = shared.channels[shop.channel]
    if channel.cancelling is None:
        return Unsupported(reason="the channel has no call that closes an order")
    request = channel.cancelling.request(shop.credentials(), order_no, shared.clock.now())
    return await _ask(shared, channel, "cancel", request, channel.cancelling.read_answer)


def _named(shop: Shop, row: Any, parcel: Packed, told: Told, call: str) -> ToldParcel:
    return ToldParcel(
        order_no=row["channel_order_no"],
        lines=tuple(
            ShippedLine(line_id=line.line_id, qty=line.quantity, again=line.again)
            for line in parcel.lines
        ),
        whole=parcel.whole,
        additional=parcel.additional,
        carrier=told.carrier,
        waybill_no=told.waybill_no,
        request_id=request_id(call, row["key"], told.document_no),
        carrier_code=shop.carriers.get(told.carrier, ""),
    )


def _packed(row: Any, state: WriteBacks, shipment: Told) -> Packed:
    order = order_lines(row["lines"], row["mapped"], row["imported"])
    earlier = [
        Earlier(one.lines, taken=one.outcome == "applied") for one in state.parcels_before(shipment)
    ]
    return packed(order, earlier, shipment.lines)


async def _tell_of_refund(shared: Shared, shop: Shop, told: Told, *, patient: bool) -> WriteBack:
    channel, refund_id = shared.channels[shop.channel], told.document_no
    aftersale = await aftersale_of(shared.pool, refund_id)
    calls = channel.aftersales
    if aftersale is None or calls is None:
        return Unsupported(reason="the refund was not asked for on the channel")
    if told.kind == REFUND:
        return await _agree(shared, shop, calls, (refund_id, aftersale), patient=patient)
    reason = " ".join(told.reason.split())[:REFUSAL_CHARS_MAX] or NO_REASON
    request = calls.refuse_request(shop.credentials(), aftersale, reason, shared.clock.now())
    answer = await _ask(shared, channel, "refuse", request, calls.read_refuse_answer)
    if isinstance(answer, Refused):
        # Perhaps it is done, and only our first telling of it went unheard.
        stands = await _look(shared, channel, shop.credentials(), aftersale)
        if isinstance(stands, ChannelError):
            return Retry(error=stands)
        answer = Applied(repeated=True) if stands is LineRefundState.REFUSED else answer
    if isinstance(answer, Applied):
        await keep_told_refused(shared.pool, refund_id)
    return answer


async def _agree(
    shared: Shared, shop: Shop, calls: Aftersales, of: tuple[str, Aftersale], *, patient: bool
) -> WriteBack:
    """Tells the channel that a refund was paid. `of`: our refund and the channel's request.

    Where it is paid back there already, and no telling of ours can have done that, the channel paid by itself, as does one
    that cannot be told: refunds hears of it. So it does where an earlier telling went unanswered: it may be that one.
    """
    (refund_id, aftersale), channel = of, shared.channels[shop.channel]
    never_told = await begin_agreeing(shared.pool, refund_id)
    request = calls.agree_request(shop.credentials(), aftersale, shared.clock.now())
    answer = await _ask(shared, channel, "agree", request, calls.read_agree_answer)
    not_judged = isinstance(answer, Retry) and answer.error.kind in NOT_JUDGED
    if never_told and (not_judged or isinstance(answer, Refused)):
        await keep_not_agreed(shared.pool, refund_id)
    if isinstance(answer, Refused):
        stands = await _look(shared, channel, shop.credentials(), aftersale)
        if stands is None:
            stands = await ended_as(shared.pool, shop, aftersale.refund_no, refund_id)
        if isinstance(stands, ChannelError):
            return Retry(error=stands)
        if stands in {None, LineRefundState.RETURNING} and patient:
            # Approved there, or over since the last poll.
            unknown = ChannelError(kind=ErrorKind.RETRY, code=answer.code, detail=answer.reason)
            return Retry(error=unknown)
        answer = Applied(repeated=True) if stands is LineRefundState.REFUNDED else answer
    repeated = isinstance(answer, Applied) and answer.repeated
    if isinstance(answer, Unsupported) or (repeated and never_told):
        await keep_doubt(shared.pool, refund_id, "paid_before")
    elif repeated:
        await keep_doubt(shared.pool, refund_id, "answer_lost")
    return answer


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


def order_lines(lines: str | None, mapped: str | None, imported: str | None) -> OrderLines:
    """What was ordered, from JSON as the order's document has it."""
    named = _decode_imported(imported or "[]")
    return OrderLines(
        lines=_decode_lines(lines or "[]"),
        mapped=dict(_decode_lines(mapped or "[]")),
        own_ids={line.line_id: line.own_id for line in named if line.own_id},
    )
