"""Douyin shop (抖店): search pages and details carry whole orders; pushes are hints.

Sources: the platform's documentation as quoted by public SDKs (zsmhub/doudian-sdk,
sevencat/ecommerce_sdk).
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
from services.ingest.channels._wire import (
    Id,
    Seconds,
    epoch_time,
    read_json,
    several,
    sliced,
    text_of,
)
from services.ingest.channels.douyin import gateway
from services.ingest.channels.douyin.aftersales import AFTERSALES
from services.ingest.channels.douyin.extension import DouyinExtension
from services.ingest.channels.douyin.orders import normalise
from services.ingest.channels.douyin.pushes import PUSH
from services.ingest.channels.douyin.stock import STOCK
from services.ingest.domain.model import Problem

CARRIERS = {
    "SF": "shunfeng",
    "YTO": "yuantong",
    "ZTO": "zhongtong",
    "STO": "shentong",
    "YUNDA": "yunda",
    "EMS": "ems",
    "JD": "jd",
    "JT": "jtexpress",
}
_ALREADY = re.compile(r"已发货|已经发货|重复发货")


class _Parcel(msgspec.Struct):
    tracking_no: Id = None
    delivery_id: Id = None


class _Row(msgspec.Struct):
    order_id: Id = None
    update_time: Seconds = None
    logistics_info: list[_Parcel] | _Parcel | None = None


class _Listed(msgspec.Struct):
    shop_order_list: msgspec.Raw = msgspec.Raw()
    total: int | None = None


class _ListAnswer(gateway.Envelope):
    data: _Listed | None = None


class _Detail(msgspec.Struct):
    shop_order_detail: _Row | None = None


class _DetailAnswer(gateway.Envelope):
    data: _Detail | None = None


_decode_row = msgspec.json.Decoder(_Row).decode
_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_detail = msgspec.json.Decoder(_DetailAnswer).decode
_decode_answer = msgspec.json.Decoder(gateway.Envelope).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for orders updated in the window."""
    parameters: dict[str, gateway.Parameter] = {
        "update_time_start": int(window.since.timestamp()),
        "update_time_end": int(window.until.timestamp()),
        "order_by": "update_time",
        "order_asc": True,
        "page": page.number if page else 0,
        "size": gateway.PAGE_SIZE,
    }
    return gateway.call(credentials, "order.searchList", parameters, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> Page | ChannelError:
    """Slice a search page into its orders."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    listed = sliced(found.data.shop_order_list) if found.data is not None else None
    if found.data is None or (listed is None and found.data.total is None):
        return calls.no_answer("shop_order_list")
    next_page = calls.page_below(page, total=found.data.total or 0, size=gateway.PAGE_SIZE, first=0)
    if isinstance(next_page, ChannelError):
        return next_page
    rows = tuple(_raw_order(body) for body in listed or ())
    return Page(orders=rows, detail_needed=(), next_page=next_page)


def _raw_order(body: bytes) -> RawOrder:
    row = read_json(_decode_row, body)
    if isinstance(row, Problem):
        return RawOrder(order_no="", modified_at=None, body=body)
    return RawOrder(
        order_no=text_of(row.order_id),
        modified_at=epoch_time(row.update_time, "update_time", []),
        body=body,
    )


def detail_request(credentials: Credentials, order_no: str, now: datetime) -> HttpRequest:
    """Ask for one order."""
    return gateway.call(credentials, "order.orderDetail", {"shop_order_id": order_no}, now)


def read_detail(answer: HttpAnswer) -> RawOrder | ChannelError:
    """Keep the whole answer as evidence."""
    found = gateway.opened(answer, _decode_detail)
    if isinstance(found, ChannelError):
        return found
    row = found.data.shop_order_detail if found.data is not None else None
    if row is None:
        return calls.no_answer("shop_order_detail")
    return RawOrder(
        order_no=text_of(row.order_id),
        modified_at=epoch_time(row.update_time, "update_time", []),
        body=answer.body,
    )


def shipment_request(
    credentials: Credentials, shipment: Shipment, now: datetime
) -> HttpRequest | Unsupported:
    """Ship the whole order, or one parcel of it with its pieces per line."""
    carrier = shipment.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {shipment.carrier} has no code here")
    parameters: dict[str, gateway.Parameter] = {
        "order_id": shipment.order_no,
        "company_code": carrier,
        "logistics_code": shipment.waybill_no,
        # False: a shipment must not refuse an open refund behind the back of who decides it.
        "is_refund_reject": False,
    }
    if shipment.whole:
        return gateway.call(credentials, "order.logisticsAdd", parameters, now)
    lines = calls.pieces_first_told(shipment)
    if isinstance(lines, Unsupported):
        return lines
    parameters["request_id"] = shipment.request_id
    parameters["shipped_order_info"] = [
        {"shipped_order_id": line.line_id, "shipped_num": line.qty} for line in lines
    ]
    return gateway.call(credentials, "order.logisticsAddSinglePack", parameters, now)


def read_shipment_answer(answer: HttpAnswer) -> WriteBack:
    """Read a shipment's answer; "already shipped" is applied: a repeat after a lost answer."""
    return calls.applied(gateway.opened(answer, _decode_answer), _ALREADY)


def waybill_request(
    credentials: Credentials, change: NewWaybill, now: datetime
) -> HttpRequest | WriteBack:
    """Give a parcel another number: of an order told as a whole by it, else by the parcel's own number."""
    carrier = change.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {change.carrier} has no code here")
    parameters: dict[str, gateway.Parameter] = {
        "order_id": change.order_no,
        "company_code": carrier,
        "logistics_code": change.waybill_no,
    }
    if change.whole:
        return gateway.call(credentials, "order.logisticsEdit", parameters, now)
    if change.prepared is None:
        return Retry(error=calls.no_answer("shop_order_detail"))
    found = gateway.opened(change.prepared, _decode_detail)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    order = found.data.shop_order_detail if found.data is not None else None
    packs = {text_of(p.tracking_no): text_of(p.delivery_id) for p in _parcels_of(order)}
    if change.waybill_no in packs:
        return Applied(repeated=True)
    pack_id = packs.get(change.former_waybill_no)
    if not pack_id:
        return Refused(code="no_parcel", reason=f"no parcel {change.former_waybill_no} there")
    parameters["pack_id"] = pack_id
    return gateway.call(credentials, "order.logisticsEditByPack", parameters, now)


def prepare_waybill(
    credentials: Credentials, change: NewWaybill, now: datetime
) -> HttpRequest | None:
    """Ask for the order's parcels where it has several: a change names them by the platform's number."""
    return None if change.whole else detail_request(credentials, change.order_no, now)


def _parcels_of(order: _Row | None) -> tuple[_Parcel, ...]:
    return several(order.logistics_info) if order is not None else ()


def read_waybill_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to another number."""
    return calls.applied(gateway.opened(answer, _decode_answer))


def recompute(vector: SignatureVector) -> str:
    """Return the signature of a call or an SPI vector, or the verdict on a push's."""
    given = vector.fields
    app_key = given.get("app_key", "")
    if vector.kind == "webhook":
        body = given.get("raw_body", "").encode()
        signature = gateway.sign_push(vector.secret, app_key=app_key, body=body)
        if not vector.given:
            return signature
        whole = bool(vector.secret and app_key) and "raw_body" in given
        return "ACCEPT" if whole and calls.same(vector.given, signature) else "REJECT"
    if vector.kind == "spi":
        return gateway.sign_spi(
            vector.secret,
            app_key=app_key,
            param_json=given.get("param_json", ""),
            timestamp=given.get("timestamp", ""),
            sign_method=given.get("sign_method", "md5"),
        )
    return gateway.sign(
        vector.secret,
        app_key=app_key,
        method=given.get("method", ""),
        param_json=given.get("param_json") or gateway.sorted_text(given.get("param", "")),
        timestamp=given.get("timestamp", ""),
    )


CHANNEL = Channel(
    name="douyin",
    abbreviation="DY",
    title_zh="抖音小店",
    currency="CNY",
    extension=DouyinExtension,
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
    waybills=Waybills(
        request=waybill_request, read_answer=read_waybill_answer, prepare=prepare_waybill
    ),
    carriers=CARRIERS,
)
