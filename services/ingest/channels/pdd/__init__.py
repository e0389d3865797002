"""Pinduoduo (拼多多): increment pages carry whole orders, read from the last page to the first.

Pushes come over a message socket of the platform, which is not read here. Sources: the platform's
documentation as quoted by public SDKs (niltor/open-pdd-net-sdk).
"""

import re
from datetime import datetime, timedelta

import msgspec

from chassis.signatures import SignatureVector
from services.ingest.channels import (
    Applied,
    Channel,
    ChannelError,
    Credentials,
    HttpAnswer,
    HttpRequest,
    NewWaybill,
    Page,
    PageToken,
    PartialRow,
    PollWindow,
    RawOrder,
    Refused,
    Retry,
    Shipment,
    Unsupported,
    Waybills,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import Id, Moment, beijing_time, read_json, text_of
from services.ingest.channels.pdd import gateway, wire
from services.ingest.channels.pdd.aftersales import AFTERSALES
from services.ingest.channels.pdd.extension import PddExtension
from services.ingest.channels.pdd.orders import is_partial, normalise
from services.ingest.channels.pdd.stock import STOCK
from services.ingest.domain.model import Problem

# The platform answers only for what is at least three minutes old.
SETTLED_AFTER = timedelta(minutes=3)
ALL = "5"  # order_status and refund_status
WITH_LOTTERIES = "0"
# Pinduoduo's numbers of logistics companies, as integrations use them.
CARRIERS = {
    "SF": "44",
    "YTO": "85",
    "ZTO": "115",
    "STO": "1",
    "YUNDA": "121",
    "EMS": "118",
    "JD": "120",
    "JT": "384",
}
FIRST_DELIVERY, CHANGED_DELIVERY = "1", "2"  # redelivery_type
SPLIT_ORDER = "1"  # extra_track_type; 2 is a replacement, 3 a gift
_ALREADY = re.compile(r"已发货|已经发货|重复发货")


class _Listed(wire.Listed):
    total_count: int | None = None
    has_next: bool | None = None


class _ListAnswer(gateway.Envelope):
    order_sn_increment_get_response: _Listed | None = None


class _Row(msgspec.Struct):
    order_sn: Id = None
    updated_at: Moment = None


class _Detail(msgspec.Struct):
    order_info: _Row | None = None


class _DetailAnswer(gateway.Envelope):
    order_info_get_response: _Detail | None = None


class _Sent(msgspec.Struct):
    is_success: bool | None = None


class _Beside(msgspec.Struct):
    success: bool | None = None


class _SentAnswer(gateway.Envelope):
    logistics_online_send_response: _Sent | None = None
    upload_extra_logistics_response: _Beside | None = None


_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_row = msgspec.json.Decoder(wire.Order).decode
_decode_detail = msgspec.json.Decoder(_DetailAnswer).decode
_decode_sent = msgspec.json.Decoder(_SentAnswer).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for orders updated in the window, up to what the platform had settled when it was opened.

    What is younger lies in the overlap of the next window. An end that moved from page to page would move rows onto
    pages that have been read.
    """
    told = credentials.settled_after_s
    settled = (window.opened_at or now) - (
        SETTLED_AFTER if told is None else timedelta(seconds=told)
    )
    until = max(window.since, min(window.until, settled))
    business = {
        "start_updated_at": str(int(window.since.timestamp())),
        "end_updated_at": str(int(until.timestamp())),
        "order_status": ALL,
        "refund_status": ALL,
        "is_lucky_flag": WITH_LOTTERIES,
        "page": str(page.number if page else 1),
        "page_size": str(gateway.PAGE_SIZE),
        "use_has_next": "false",
    }
    return gateway.call(credentials, "pdd.order.number.list.increment.get", business, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> Page | ChannelError:
    """Slice an increment page into its orders."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    listed = found.order_sn_increment_get_response
    rows = listed.rows() if listed is not None else None
    if listed is None or (rows is None and listed.total_count is None):
        return calls.no_answer("order_sn_list")
    next_page = calls.below_or_beyond(
        page,
        total=listed.total_count,
        has_next=listed.has_next,
        size=gateway.PAGE_SIZE,
        first=1,
    )
    if isinstance(next_page, ChannelError):
        return next_page
    orders: list[RawOrder] = []
    needed: list[PartialRow] = []
    for raw in rows or ():
        row = read_json(_decode_row, raw)
        if isinstance(row, Problem):
            orders.append(RawOrder(order_no="", modified_at=None, body=raw))
            continue
        number = text_of(row.order_sn)
        modified_at = beijing_time(row.updated_at, "updated_at", [])
        if number and is_partial(row):
            needed.append(PartialRow(order_no=number, modified_at=modified_at))
        else:
            orders.append(RawOrder(order_no=number, modified_at=modified_at, body=raw))
    return Page(orders=tuple(orders), detail_needed=tuple(needed), next_page=next_page)


def detail_request(credentials: Credentials, order_no: str, now: datetime) -> HttpRequest:
    """Ask for one order."""
    return gateway.call(credentials, "pdd.order.information.get", {"order_sn": order_no}, now)


def read_detail(answer: HttpAnswer) -> RawOrder | ChannelError:
    """Keep the whole answer as evidence."""
    found = gateway.opened(answer, _decode_detail)
    if isinstance(found, ChannelError):
        return found
    detail = found.order_info_get_response
    row = detail.order_info if detail is not None else None
    if row is None:
        return calls.no_answer("order_info")
    return RawOrder(
        order_no=text_of(row.order_sn),
        modified_at=beijing_time(row.updated_at, "updated_at", []),
        body=answer.body,
    )


def shipment_request(
    credentials: Credentials, shipment: Shipment, now: datetime
) -> HttpRequest | Unsupported:
    """Ship the order: its first parcel flips all of it, the others are told beside it."""
    carrier = shipment.carrier_in(CARRIERS)
    if carrier is None or not carrier.isdecimal():
        return Unsupported(reason=f"carrier {shipment.carrier} has no code here")
    if shipment.additional:
        extra = {"shipping_id": int(carrier), "tracking_number": shipment.waybill_no}
        beside = {
            "order_sn": shipment.order_no,
            "extra_track_type": SPLIT_ORDER,
            "extra_track_list": msgspec.json.encode([extra]).decode(),
        }
        return gateway.call(credentials, "pdd.order.upload.extra.logistics", beside, now)
    business = {
        "order_sn": shipment.order_no,
        "logistics_id": carrier,
        "tracking_number": shipment.waybill_no,
        "redelivery_type": FIRST_DELIVERY,
    }
    return gateway.call(credentials, "pdd.logistics.online.send", business, now)


def read_shipment_answer(answer: HttpAnswer) -> WriteBack:
    """Read a send's answer; "already shipped" is applied: a repeat after a lost first answer."""
    found = gateway.opened(answer, _decode_sent)
    if isinstance(found, ChannelError):
        return calls.outcome(found, _ALREADY)
    beside = found.upload_extra_logistics_response
    if beside is not None and beside.success is not None:
        return Applied() if beside.success else Refused(code="success", reason="false")
    sent = found.logistics_online_send_response
    if sent is None or sent.is_success is None:
        return Retry(error=calls.no_answer("is_success"))
    return Applied() if sent.is_success else Refused(code="is_success", reason="false")


def waybill_request(
    credentials: Credentials, change: NewWaybill, now: datetime
) -> HttpRequest | WriteBack:
    """Tell the order's first parcel anew; those told beside it keep their numbers."""
    carrier = change.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {change.carrier} has no number here")
    if change.additional:
        return Unsupported(reason="a parcel told beside the first keeps its number")
    business = {
        "order_sn": change.order_no,
        "logistics_id": carrier,
        "tracking_number": change.waybill_no,
        "redelivery_type": CHANGED_DELIVERY,
    }
    return gateway.call(credentials, "pdd.logistics.online.send", business, now)


def read_waybill_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to another number: the one call of both has the one answer, but never "already"."""
    found = gateway.opened(answer, _decode_sent)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    return read_shipment_answer(answer)


def recompute(vector: SignatureVector) -> str:
    """Return the signature of a request vector; there is no push to verify."""
    return gateway.sign(vector.secret, vector.fields)


CHANNEL = Channel(
    name="pdd",
    abbreviation="PD",
    title_zh="拼多多",
    currency="CNY",
    extension=PddExtension,
    backward_paging=True,
    window_max=timedelta(minutes=30),
    # More than the time in which the platform has not settled yet.
    window_overlap=timedelta(minutes=5),
    history_max=timedelta(days=90),
    poll_request=poll_request,
    read_page=read_page,
    detail_request=detail_request,
    read_detail=read_detail,
    push=None,
    normalise=normalise,
    shipment_request=shipment_request,
    read_shipment_answer=read_shipment_answer,
    aftersales=AFTERSALES,
    recompute=recompute,
    stock=STOCK,
    waybills=Waybills(request=waybill_request, read_answer=read_waybill_answer),
    carriers=CARRIERS,
)
