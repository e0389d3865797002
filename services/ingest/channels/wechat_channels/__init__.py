"""WeChat shop (微信小店, 视频号小店): pages name orders, details carry them, pushes are encrypted hints.

Sources: the platform's documentation as quoted by public SDKs (Wechat-Group/WxJava).
"""

import re
from collections.abc import Sequence
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
    ShippedLine,
    Unsupported,
    Waybills,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._cipher import is_text
from services.ingest.channels._wire import Id, Seconds, Text, epoch_time, text_of
from services.ingest.channels.wechat_channels import gateway, pushes
from services.ingest.channels.wechat_channels.aftersales import AFTERSALES, page_after
from services.ingest.channels.wechat_channels.extension import WechatExtension
from services.ingest.channels.wechat_channels.orders import normalise, numbers
from services.ingest.channels.wechat_channels.stock import STOCK

PAGE_SIZE = 100
BY_CARRIER = 1  # deliver_type
CARRIERS = {
    "SF": "SF",
    "YTO": "YTO",
    "ZTO": "ZTO",
    "STO": "STO",
    "YUNDA": "YUNDA",
    "EMS": "EMS",
    "JD": "JD",
    "JT": "JTSD",
}
_ALREADY = re.compile(r"已发货|已经发货|重复发货")


class _ListAnswer(gateway.Envelope):
    order_id_list: list[int | str] | int | str | None = None
    next_key: Text = None
    has_more: bool | None = None


class _Row(msgspec.Struct):
    order_id: Id = None
    update_time: Seconds = None


class _DetailAnswer(gateway.Envelope):
    order: _Row | None = None


_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_detail = msgspec.json.Decoder(_DetailAnswer).decode
_decode_answer = msgspec.json.Decoder(gateway.Envelope).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for orders updated in the window; the same filters stay on every page."""
    parameters: dict[str, object] = {
        "update_time_range": {
            "start_time": int(window.since.timestamp()),
            "end_time": int(window.until.timestamp()),
        },
        "page_size": PAGE_SIZE,
    }
    if page is not None:
        parameters["next_key"] = page.cursor
    return gateway.call(credentials, "order/list/get", parameters, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> Page | ChannelError:
    """Read a page, which names its orders only."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    if found.order_id_list is None and found.has_more is None:
        return calls.no_answer("order_id_list")
    next_page = page_after(page, next_key=found.next_key, has_more=found.has_more)
    if isinstance(next_page, ChannelError):
        return next_page
    listed = numbers(found.order_id_list or [])
    needed = tuple(PartialRow(order_no=number, modified_at=None) for number in listed if number)
    return Page(orders=(), detail_needed=needed, next_page=next_page)


def detail_request(credentials: Credentials, order_no: str, now: datetime) -> HttpRequest:
    """Ask for one order."""
    return gateway.call(credentials, "order/get", {"order_id": order_no}, now)


def read_detail(answer: HttpAnswer) -> RawOrder | ChannelError:
    """Keep the whole answer as evidence."""
    found = gateway.opened(answer, _decode_detail)
    if isinstance(found, ChannelError):
        return found
    if found.order is None:
        return calls.no_answer("order")
    return RawOrder(
        order_no=text_of(found.order.order_id),
        modified_at=epoch_time(found.order.update_time, "update_time", []),
        body=answer.body,
    )


def shipment_request(
    credentials: Credentials, shipment: Shipment, now: datetime
) -> HttpRequest | Unsupported:
    """Ship one parcel with its pieces per line; whole orders are told the same way."""
    carrier = shipment.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {shipment.carrier} has no code here")
    lines = calls.pieces_first_told(shipment)
    if isinstance(lines, Unsupported):
        return lines
    packed = _packed(lines)
    if isinstance(packed, Unsupported):
        return packed
    parameters = _parcel(shipment.order_no, carrier, shipment.waybill_no, packed)
    return gateway.call(credentials, "order/delivery/send", parameters, now)


_Packed = list[dict[str, int | str]]


def _packed(lines: Sequence[ShippedLine]) -> _Packed | Unsupported:
    packed: _Packed = []
    for line in lines:
        product_id, _, rest = line.line_id.partition("-")
        sku_id, _, _ = rest.partition("-")
        if not product_id or not sku_id:
            return Unsupported(reason=f"line {line.line_id} names no product and SKU")
        packed.append({"product_id": product_id, "sku_id": sku_id, "product_cnt": line.qty})
    return packed


def _parcel(order_no: str, carrier: str, waybill_no: str, packed: _Packed) -> dict[str, object]:
    parcel = {
        "delivery_id": carrier,
        "waybill_id": waybill_no,
        "deliver_type": BY_CARRIER,
        "product_infos": packed,
    }
    return {"order_id": order_no, "delivery_list": [parcel]}


def read_shipment_answer(answer: HttpAnswer) -> WriteBack:
    """Read a shipment's answer; "already shipped" is applied: a repeat after a lost answer."""
    return calls.applied(gateway.opened(answer, _decode_answer), _ALREADY)


def waybill_request(
    credentials: Credentials, change: NewWaybill, now: datetime
) -> HttpRequest | WriteBack:
    """Give the order's only parcel another number, which the platform takes once."""
    carrier = change.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {change.carrier} has no code here")
    if not change.whole:
        return Unsupported(reason="parcels of an order that was split keep their numbers")
    packed = _packed(change.lines)
    if isinstance(packed, Unsupported):
        return packed
    parameters = _parcel(change.order_no, carrier, change.waybill_no, packed)
    return gateway.call(credentials, "order/deliveryinfo/update", parameters, now)


def read_waybill_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to another number."""
    return calls.applied(gateway.opened(answer, _decode_answer))


def recompute(vector: SignatureVector) -> str:
    """Return the signature of a push, or the text of an encrypted one; calls are not signed."""
    given = vector.fields
    if "appid" in given:
        text = pushes.decrypted(vector.secret, given.get("encrypt", ""), given["appid"])
        return "REJECT" if text is None or not is_text(text) else text.decode()
    parts = [given[name] for name in ("timestamp", "nonce", "encrypt") if name in given]
    signature = pushes.sign(vector.secret, *parts)
    if not vector.given:
        return signature
    whole = bool(vector.secret) and {"timestamp", "nonce"} <= given.keys()
    return "ACCEPT" if whole and calls.same(vector.given, signature) else "REJECT"


CHANNEL = Channel(
    name="wechat_channels",
    abbreviation="WX",
    title_zh="微信小店",
    currency="CNY",
    extension=WechatExtension,
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
    stock=STOCK,
    waybills=Waybills(request=waybill_request, read_answer=read_waybill_answer),
    carriers=CARRIERS,
)
