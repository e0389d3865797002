"""Community group-buys: 快团团 (pdd.ktt.*), whose pages carry whole orders, and our own leaders' door.

Sources: Pinduoduo's Java SDK and niltor/open-pdd-net-sdk. Unlike Pinduoduo's own orders these are
in fen and milliseconds.
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
    Page,
    PageToken,
    PollWindow,
    RawOrder,
    Refused,
    Retry,
    Shipment,
    Unsupported,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import (
    Id,
    Seconds,
    count,
    epoch_ms_time,
    read_json,
    sliced,
    text_of,
)
from services.ingest.channels.groupbuy import gateway, wire
from services.ingest.channels.groupbuy.aftersales import AFTERSALES
from services.ingest.channels.groupbuy.extension import GroupbuyExtension
from services.ingest.channels.groupbuy.orders import normalise
from services.ingest.domain.leader_order import ORDER_KIND
from services.ingest.domain.model import Problem

# Pinduoduo's numbers of carriers, each with the name it wants beside it.
CARRIERS = {
    "SF": "44 顺丰快递",
    "YTO": "85 圆通快递",
    "ZTO": "115 中通快递",
    "STO": "1 申通快递",
    "YUNDA": "121 韵达快递",
    "EMS": "118 邮政EMS",
    "JD": "120 京东快递",
    "JT": "384 极兔速递",
}
_ALREADY = re.compile(r"已发货|已经发货|重复发货|运单号已存在")


class _Row(msgspec.Struct):
    order_sn: Id = None
    updated_at: Seconds = None


class _Created(msgspec.Struct):
    success: bool | None = None
    is_success: bool | None = None
    error_msg: str | None = None


class _CreatedAnswer(gateway.Envelope):
    ktt_order_logistic_create_response: _Created | None = None
    response: _Created | bool | None = None


_decode_row = msgspec.json.Decoder(_Row).decode
_decode_pages = msgspec.json.Decoder(wire.Pages).decode
_decode_created = msgspec.json.Decoder(_CreatedAnswer).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for orders updated in the window."""
    business = {
        "start_updated_at": gateway.milliseconds(window.since),
        "end_updated_at": gateway.milliseconds(window.until),
        "page_number": str(page.number if page else 1),
        "page_size": str(gateway.PAGE_SIZE),
    }
    return gateway.call(credentials, "pdd.ktt.increment.order.query", business, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> Page | ChannelError:
    """Slice a page into its orders."""
    found = gateway.opened(answer, _decode_pages)
    if isinstance(found, ChannelError):
        return found
    listed = found.listed()
    bodies = sliced(listed.order_list) if listed is not None else None
    total = count(listed.total_count) if listed is not None else None
    if bodies is None and total is None:
        return calls.no_answer("order_list")
    next_page = calls.page_below(page, total=total or 0, size=gateway.PAGE_SIZE, first=1)
    if isinstance(next_page, ChannelError):
        return next_page
    rows = tuple(_raw_order(body) for body in bodies or ())
    return Page(orders=rows, detail_needed=(), next_page=next_page)


def _raw_order(body: bytes) -> RawOrder:
    row = read_json(_decode_row, body)
    if isinstance(row, Problem):
        return RawOrder(order_no="", modified_at=None, body=body)
    return RawOrder(
        order_no=text_of(row.order_sn),
        modified_at=epoch_ms_time(row.updated_at, "updated_at", []),
        body=body,
    )


def shipment_request(
    credentials: Credentials, shipment: Shipment, now: datetime
) -> HttpRequest | WriteBack:
    """Ship the order, or some of its lines; a line is told with the first of its pieces."""
    if shipment.order_no.startswith(f"{ORDER_KIND}-"):
        return calls.NOBODY
    carrier = shipment.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {shipment.carrier} has no number here")
    number, _, name = carrier.partition(" ")
    business = {
        "orderSn": shipment.order_no,
        "logisticsId": number,
        "logisticsName": name,
        "waybillNo": shipment.waybill_no,
    }
    if not shipment.whole:
        # Gifts have no number of their own and go with the line which they came with.
        lines = calls.lines_first_told(shipment)
        if isinstance(lines, Unsupported):
            return lines
        numbers = [line.line_id for line in lines if "-gift-" not in line.line_id]
        if not numbers:
            return Unsupported(reason="a gift alone cannot be told")
        business["subOrderSnList"] = msgspec.json.encode(numbers).decode()
    return gateway.call(credentials, "pdd.ktt.order.logistic.create", business, now)


def read_shipment_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer; "already shipped" is applied: a repeat after a lost first answer."""
    found = gateway.opened(answer, _decode_created)
    if isinstance(found, ChannelError):
        return calls.outcome(found, _ALREADY)
    created = found.ktt_order_logistic_create_response
    if created is None and isinstance(found.response, bool):
        created = _Created(success=found.response)
    if created is None and isinstance(found.response, _Created):
        created = found.response
    well = None if created is None else created.success
    if created is not None and well is None:
        well = created.is_success
    if created is None or well is None:
        return Retry(error=calls.no_answer("result"))
    if well:
        return Applied()
    return Refused(code="success", reason=created.error_msg or "false")


def recompute(vector: SignatureVector) -> str:
    """Return the signature of a call; nothing is pushed."""
    return gateway.sign(vector.secret, dict(vector.fields))


CHANNEL = Channel(
    name="groupbuy",
    abbreviation="GB",
    title_zh="社区团购",
    currency="CNY",
    extension=GroupbuyExtension,
    backward_paging=True,
    window_max=timedelta(minutes=30),
    window_overlap=timedelta(minutes=5),
    history_max=timedelta(days=90),
    poll_request=poll_request,
    read_page=read_page,
    detail_request=None,
    read_detail=calls.no_detail,
    push=None,
    normalise=normalise,
    shipment_request=shipment_request,
    read_shipment_answer=read_shipment_answer,
    aftersales=AFTERSALES,
    recompute=recompute,
)
