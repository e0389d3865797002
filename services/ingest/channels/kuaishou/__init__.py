"""Kuaishou shop (快手小店): cursor pages carry whole orders; pushes are encrypted hints.

Sources: the platform's documentation as quoted by public SDKs (AndersonBY/kwaixiaodian-python-sdk,
whalesky-labs/kwaishop-php-sdk).
"""

import re
from datetime import datetime, timedelta

import msgspec

from chassis.signatures import SignatureVector
from services.ingest.channels import (
    Channel,
    ChannelError,
    Credentials,
    HttpAnswer,
    HttpRequest,
    NewWaybill,
    Page,
    PageToken,
    PollWindow,
    RawOrder,
    Shipment,
    Unsupported,
    Waybills,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import epoch_ms_time, read_json, text_of
from services.ingest.channels.kuaishou import gateway, pushes, wire
from services.ingest.channels.kuaishou.aftersales import AFTERSALES
from services.ingest.channels.kuaishou.extension import KuaishouExtension
from services.ingest.channels.kuaishou.orders import normalise
from services.ingest.domain.model import Problem

PAGE_SIZE = 50
ALL_ORDERS = 1  # orderViewStatus
NEWEST_FIRST = 1  # sort
BY_UPDATE = 2  # queryType
# The platform lists its numbers of carriers to shops only; these two stand in its samples. More: the shop's `carriers`.
CARRIERS = {"SF": "4", "YTO": "6"}
_ALREADY = re.compile(r"已发货|已经发货|重复发货")


class _Row(msgspec.Struct):
    orderBaseInfo: wire.Base | None = None  # noqa: N815 — the wire's name


class _ListAnswer(gateway.Envelope):
    data: wire.Page | None = None


class _DetailAnswer(gateway.Envelope):
    data: _Row | None = None


_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_row = msgspec.json.Decoder(_Row).decode
_decode_detail = msgspec.json.Decoder(_DetailAnswer).decode
_decode_answer = msgspec.json.Decoder(gateway.Envelope).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for orders updated in the window."""
    parameters: dict[str, int | str] = {
        "orderViewStatus": ALL_ORDERS,
        "pageSize": PAGE_SIZE,
        "sort": NEWEST_FIRST,
        "queryType": BY_UPDATE,
        "beginTime": int(window.since.timestamp()) * 1000,
        "endTime": int(window.until.timestamp()) * 1000,
        "cursor": page.cursor if page else "",
    }
    return gateway.call(credentials, "open.order.cursor.list", parameters, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> Page | ChannelError:
    """Slice a page into its orders; the cursor "nomore" ends the list."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    if found.data is None or found.data.cursor is None:
        return calls.no_answer("orderList")
    next_page = gateway.page_beyond(found.data.cursor, page)
    if isinstance(next_page, ChannelError):
        return next_page
    rows = tuple(_raw_order(raw) for raw in found.data.rows() or ())
    return Page(orders=rows, detail_needed=(), next_page=next_page)


def _raw_order(body: bytes) -> RawOrder:
    row = read_json(_decode_row, body)
    if isinstance(row, Problem) or row.orderBaseInfo is None:
        return RawOrder(order_no="", modified_at=None, body=body)
    return RawOrder(
        order_no=text_of(row.orderBaseInfo.oid),
        modified_at=epoch_ms_time(row.orderBaseInfo.updateTime, "updateTime", []),
        body=body,
    )


def detail_request(credentials: Credentials, order_no: str, now: datetime) -> HttpRequest:
    """Ask for one order."""
    oid = int(order_no) if order_no.isdecimal() else order_no
    return gateway.call(credentials, "open.order.detail", {"oid": oid}, now)


def read_detail(answer: HttpAnswer) -> RawOrder | ChannelError:
    """Keep the whole answer as evidence."""
    found = gateway.opened(answer, _decode_detail)
    if isinstance(found, ChannelError):
        return found
    base = found.data.orderBaseInfo if found.data is not None else None
    if base is None:
        return calls.no_answer("orderBaseInfo")
    return RawOrder(
        order_no=text_of(base.oid),
        modified_at=epoch_ms_time(base.updateTime, "updateTime", []),
        body=answer.body,
    )


def shipment_request(
    credentials: Credentials, shipment: Shipment, now: datetime
) -> HttpRequest | Unsupported:
    """Ship the order: its first parcel flips all of it, further ones are appended."""
    carrier = shipment.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {shipment.carrier} has no code here")
    order_no = shipment.order_no
    name, method = "orderId", "open.seller.order.goods.deliver"
    if shipment.additional:
        name, method = "oid", "open.seller.order.goods.logistics.append"
    parameters: dict[str, int | str] = {
        name: int(order_no) if order_no.isdecimal() else order_no,
        "expressNo": shipment.waybill_no,
        "expressCode": int(carrier) if carrier.isdecimal() else carrier,
    }
    return gateway.call(credentials, method, parameters, now, writes=True)


def read_shipment_answer(answer: HttpAnswer) -> WriteBack:
    """Read a shipment's answer; "already shipped" is applied: a repeat after a lost answer."""
    return calls.applied(gateway.opened(answer, _decode_answer), _ALREADY)


def waybill_request(
    credentials: Credentials, change: NewWaybill, now: datetime
) -> HttpRequest | WriteBack:
    """Give the order's only parcel another number; with several, which one is meant cannot be said."""
    carrier = change.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {change.carrier} has no code here")
    if change.additional or not change.whole:
        return Unsupported(reason="one of several parcels: the platform wants a number of its own")
    order_no = change.order_no
    parameters: dict[str, int | str] = {
        "orderId": int(order_no) if order_no.isdecimal() else order_no,
        "expressNo": change.waybill_no,
        "expressCode": int(carrier) if carrier.isdecimal() else carrier,
    }
    method = "open.seller.order.logistics.update"
    return gateway.call(credentials, method, parameters, now, writes=True)


def read_waybill_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to another number."""
    return calls.applied(gateway.opened(answer, _decode_answer))


def recompute(vector: SignatureVector) -> str:
    """Return the signature of a call, or the text of a message; what cannot be opened is REJECT."""
    if vector.kind == "webhook":
        text = pushes.decrypted(vector.secret, vector.fields.get("raw_body", "").encode())
        return "REJECT" if text is None or not pushes.is_genuine(text) else text.decode()
    return gateway.sign(vector.secret, vector.fields)


CHANNEL = Channel(
    name="kuaishou",
    abbreviation="KS",
    title_zh="快手小店",
    currency="CNY",
    extension=KuaishouExtension,
    backward_paging=False,
    window_max=timedelta(days=1),
    window_overlap=timedelta(minutes=5),
    history_max=timedelta(days=90),
    poll_request=poll_request,
    read_page=read_page,
    detail_request=detail_request,
    read_detail=read_detail,
    push=pushes.PUSH,
    normalise=normalise,
    shipment_request=shipment_request,
    read_shipment_answer=read_shipment_answer,
    aftersales=AFTERSALES,
    recompute=recompute,
    waybills=Waybills(request=waybill_request, read_answer=read_waybill_answer),
    carriers=CARRIERS,
)
