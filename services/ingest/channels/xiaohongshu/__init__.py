"""Xiaohongshu (小红书) over ARK: pages name orders, details carry them.

No push door: what public integrations show of the pushes' signature (MD5 over address, app-key and
timestamp) leaves the body out, and no source confirms it. Polling every window misses nothing.
Sources: the platform's documentation as quoted by public SDKs (zsmhub/xhs-sdk,
zeasin/qihang-erp-open).
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
    PartialRow,
    PollWindow,
    RawOrder,
    Shipment,
    Unsupported,
    Waybills,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import Id, Seconds, count, epoch_ms_time, read_json, text_of
from services.ingest.channels.xiaohongshu import gateway, wire
from services.ingest.channels.xiaohongshu.aftersales import AFTERSALES
from services.ingest.channels.xiaohongshu.extension import XiaohongshuExtension
from services.ingest.channels.xiaohongshu.orders import is_partial, normalise
from services.ingest.channels.xiaohongshu.stock import STOCK
from services.ingest.domain.model import Problem

BY_UPDATE = 2  # timeType
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


class _ListAnswer(gateway.Envelope):
    data: wire.Data | None = None


class _Row(msgspec.Struct):
    orderId: Id = None  # noqa: N815 — the wire's names
    updateTime: Seconds = None  # noqa: N815


class _DetailAnswer(gateway.Envelope):
    data: _Row | str | None = None


_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_row = msgspec.json.Decoder(wire.Order).decode
_decode_detail = msgspec.json.Decoder(_DetailAnswer).decode
_decode_answer = msgspec.json.Decoder(gateway.Envelope).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for orders updated in the window."""
    parameters: dict[str, gateway.Parameter] = {
        "startTime": int(window.since.timestamp()),
        "endTime": int(window.until.timestamp()),
        "timeType": BY_UPDATE,
        "pageNo": page.number if page else 1,
        "pageSize": gateway.PAGE_SIZE,
    }
    return gateway.call(credentials, "order.getOrderList", parameters, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> Page | ChannelError:
    """Read a page: its rows lack their content, so each order is to be fetched."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    rows = found.data.rows() if found.data is not None else None
    total = count(found.data.total) if found.data is not None else None
    if rows is None and total is None:
        return calls.no_answer("orderList")
    next_page = calls.page_below(page, total=total or 0, size=gateway.PAGE_SIZE, first=1)
    if isinstance(next_page, ChannelError):
        return next_page
    orders: list[RawOrder] = []
    needed: dict[str, PartialRow] = {}
    for raw in rows or ():
        row = read_json(_decode_row, raw)
        if isinstance(row, Problem):
            orders.append(RawOrder(order_no="", modified_at=None, body=raw))
            continue
        number = text_of(row.orderId)
        modified_at = epoch_ms_time(row.updateTime, "updateTime", [])
        if number and is_partial(row):
            needed[number] = PartialRow(order_no=number, modified_at=modified_at)
        else:
            orders.append(RawOrder(order_no=number, modified_at=modified_at, body=raw))
    return Page(orders=tuple(orders), detail_needed=tuple(needed.values()), next_page=next_page)


def detail_request(credentials: Credentials, order_no: str, now: datetime) -> HttpRequest:
    """Ask for one order."""
    return gateway.call(credentials, "order.getOrderDetail", {"orderId": order_no}, now)


def read_detail(answer: HttpAnswer) -> RawOrder | ChannelError:
    """Keep the whole answer as evidence."""
    found = gateway.opened(answer, _decode_detail)
    if isinstance(found, ChannelError):
        return found
    row = found.data
    if not isinstance(row, _Row) or row.orderId is None:
        return calls.no_answer("order")
    return RawOrder(
        order_no=text_of(row.orderId),
        modified_at=epoch_ms_time(row.updateTime, "updateTime", []),
        body=answer.body,
    )


def shipment_request(
    credentials: Credentials, shipment: Shipment, now: datetime
) -> HttpRequest | Unsupported:
    """Ship the whole order, or some of its SKUs; a line is told with the first of its pieces."""
    carrier = shipment.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {shipment.carrier} has no code here")
    parameters: dict[str, gateway.Parameter] = {
        "orderId": shipment.order_no,
        "expressNo": shipment.waybill_no,
        "expressCompanyCode": carrier,
        "unpack": not shipment.whole,
    }
    if not shipment.whole:
        lines = calls.lines_first_told(shipment)
        if isinstance(lines, Unsupported):
            return lines
        sku_ids = [line.line_id.rpartition("-")[0] for line in lines]
        if not all(sku_ids):
            return Unsupported(reason="a line names no SKU")
        parameters["skuIdList"] = list(dict.fromkeys(sku_ids))
    return gateway.call(credentials, "order.orderDeliver", parameters, now)


def read_shipment_answer(answer: HttpAnswer) -> WriteBack:
    """Read a shipment's answer; "already shipped" is applied: a repeat after a lost answer."""
    return calls.applied(gateway.opened(answer, _decode_answer), _ALREADY)


def waybill_request(
    credentials: Credentials, change: NewWaybill, now: datetime
) -> HttpRequest | WriteBack:
    """Give a parcel another number, named by the one it has; told again it has no such parcel any more."""
    carrier = change.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {change.carrier} has no code here")
    parameters: dict[str, gateway.Parameter] = {
        "orderId": change.order_no,
        "expressNo": change.waybill_no,
        "expressCompanyCode": carrier,
        "oldExpressNo": change.former_waybill_no,
    }
    return gateway.call(credentials, "order.modifyOrderExpressInfo", parameters, now)


def read_waybill_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to another number."""
    return calls.applied(gateway.opened(answer, _decode_answer))


def recompute(vector: SignatureVector) -> str:
    """Return the signature of a request vector."""
    given = vector.fields
    return gateway.sign(
        vector.secret,
        method=given.get("method", ""),
        app_id=given.get("appId", ""),
        timestamp=given.get("timestamp", ""),
    )


CHANNEL = Channel(
    name="xiaohongshu",
    abbreviation="XS",
    title_zh="小红书",
    currency="CNY",
    extension=XiaohongshuExtension,
    backward_paging=True,
    window_max=timedelta(minutes=30),
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
