"""Youzan (有赞云): lists and details carry whole orders, pushes are hints.

Sources: cesing/youzanyun-doc, the C# SDK with a comment on every field, and answers of the live
gateway to calls without a token as published by others (errors of two shapes, always HTTP 200).
Details lag behind pushes by up to half a minute.
"""

import re
from datetime import datetime, timedelta

import msgspec

from chassis.signatures import REJECT, SignatureVector
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
    Text,
    beijing_text,
    beijing_time,
    count,
    read_json,
    sliced,
    text_of,
)
from services.ingest.channels.youzan import gateway
from services.ingest.channels.youzan.aftersales import AFTERSALES
from services.ingest.channels.youzan.extension import YouzanExtension
from services.ingest.channels.youzan.orders import normalise
from services.ingest.channels.youzan.pushes import PUSH, sign
from services.ingest.channels.youzan.stock import STOCK
from services.ingest.domain.model import Problem

# Youzan's numbers of carriers; those of the others are not in public documents.
CARRIERS = {"SF": "7", "YTO": "2", "ZTO": "3", "STO": "1", "YUNDA": "4", "EMS": "10"}
_ALREADY = re.compile(r"已发货|已经发货|重复发货")


class _Info(msgspec.Struct):
    tid: Id = None
    update_time: Text = None


class _Inner(msgspec.Struct):
    order_info: _Info | None = None


class _Row(msgspec.Struct):
    full_order_info: _Inner | None = None


class _Paginator(msgspec.Struct):
    total_count: Id = None


class _Listed(msgspec.Struct):
    full_order_info_list: msgspec.Raw = msgspec.Raw()
    total_results: Id = None
    paginator: _Paginator | None = None

    def total(self) -> int | None:
        """Return how many orders the window has; the field moved between versions."""
        if self.total_results is not None or self.paginator is None:
            return count(self.total_results)
        return count(self.paginator.total_count)


class _ListAnswer(gateway.Envelope):
    data: _Listed | None = None


class _DetailAnswer(gateway.Envelope):
    data: _Row | None = None


class _Result(msgspec.Struct):
    is_success: bool | None = None


class _SentAnswer(gateway.Envelope):
    data: _Result | bool | None = None


_decode_row = msgspec.json.Decoder(_Row).decode
_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_detail = msgspec.json.Decoder(_DetailAnswer).decode
_decode_sent = msgspec.json.Decoder(_SentAnswer).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for orders updated in the window."""
    del now
    parameters = {
        "start_update": beijing_text(window.since),
        "end_update": beijing_text(window.until),
        "page_no": page.number if page else 1,
        "page_size": gateway.PAGE_SIZE,
    }
    return gateway.call(credentials, "youzan.trades.sold.get", "4.0.4", parameters)


def read_page(answer: HttpAnswer, page: PageToken | None) -> Page | ChannelError:
    """Slice a list into its orders."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    listed = found.data
    bodies = sliced(listed.full_order_info_list) if listed is not None else None
    if listed is None or (bodies is None and listed.total() is None):
        return calls.no_answer("full_order_info_list")
    next_page = calls.page_below(page, total=listed.total() or 0, size=gateway.PAGE_SIZE, first=1)
    if isinstance(next_page, ChannelError):
        return next_page
    rows = tuple(_raw_order(body) for body in bodies or ())
    return Page(orders=rows, detail_needed=(), next_page=next_page)


def _raw_order(body: bytes) -> RawOrder:
    row = read_json(_decode_row, body)
    info = None
    if not isinstance(row, Problem) and row.full_order_info is not None:
        info = row.full_order_info.order_info
    if info is None:
        return RawOrder(order_no="", modified_at=None, body=body)
    return RawOrder(
        order_no=text_of(info.tid),
        modified_at=beijing_time(info.update_time, "update_time", []),
        body=body,
    )


def detail_request(credentials: Credentials, order_no: str, now: datetime) -> HttpRequest:
    """Ask for one order."""
    del now
    return gateway.call(credentials, "youzan.trade.get", "4.0.2", {"tid": order_no})


def read_detail(answer: HttpAnswer) -> RawOrder | ChannelError:
    """Keep the whole answer as evidence."""
    found = gateway.opened(answer, _decode_detail)
    if isinstance(found, ChannelError):
        return found
    inner = found.data.full_order_info if found.data is not None else None
    if inner is None or inner.order_info is None:
        return calls.no_answer("full_order_info")
    return RawOrder(
        order_no=text_of(inner.order_info.tid),
        modified_at=beijing_time(inner.order_info.update_time, "update_time", []),
        body=answer.body,
    )


def shipment_request(
    credentials: Credentials, shipment: Shipment, now: datetime
) -> HttpRequest | WriteBack:
    """Ship the order, or some of its lines; a line is told with the first of its pieces."""
    del now
    carrier = shipment.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {shipment.carrier} has no number here")
    parameters: dict[str, object] = {
        "tid": shipment.order_no,
        "out_stype": carrier,
        "out_sid": shipment.waybill_no,
        "is_no_express": 0,
    }
    if not shipment.whole:
        lines = calls.lines_first_told(shipment)
        if isinstance(lines, Unsupported):
            return lines
        parameters["oids"] = ",".join(line.line_id for line in lines)
    return gateway.call(credentials, "youzan.logistics.online.confirm", "3.0.0", parameters)


def read_shipment_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer; "already shipped" is applied: a repeat after a lost first answer."""
    found = gateway.opened(answer, _decode_sent)
    if isinstance(found, ChannelError):
        return calls.outcome(found, _ALREADY)
    sent = found.data.is_success if isinstance(found.data, _Result) else found.data
    if sent is None:
        return Retry(error=calls.no_answer("is_success"))
    return Applied() if sent else Refused(code="is_success", reason="false")


def recompute(vector: SignatureVector) -> str:
    """Return the signature of a push, or the verdict on one; calls are not signed."""
    given = vector.fields
    message = given.get("msg", "") or given.get("raw_body", "")
    client_id = given.get("client_id", "") or given.get("app_key", "")
    signature = sign(vector.secret, client_id=client_id, message=message)
    if not vector.given:
        return signature
    return calls.verdict(vector, signature) if client_id and message else REJECT


CHANNEL = Channel(
    name="youzan",
    abbreviation="YZ",
    title_zh="有赞",
    currency="CNY",
    extension=YouzanExtension,
    backward_paging=True,
    window_max=timedelta(days=1),
    window_overlap=timedelta(minutes=5),
    history_max=timedelta(days=90),
    poll_request=poll_request,
    read_page=read_page,
    detail_request=detail_request,
    read_detail=read_detail,
    push=PUSH,
    normalise=normalise,
    shipment_request=shipment_request,
    read_shipment_answer=read_shipment_answer,
    aftersales=AFTERSALES,
    recompute=recompute,
    stock=STOCK,
    carriers=CARRIERS,
)
