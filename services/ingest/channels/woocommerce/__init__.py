"""WooCommerce's REST API (wc/v3): pushes and list entries carry whole orders.

Source: woocommerce/woocommerce-rest-api-docs. Shops give the consumer key as `app_key`, the consumer
secret as `app_secret`, and as `push_token` the secret of their webhooks.
"""

from datetime import datetime, timedelta

import msgspec

from chassis.signatures import SignatureVector
from services.ingest.channels import (
    Applied,
    Cancelling,
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
from services.ingest.channels._wire import Id, Text, read_json, text_of, utc_time
from services.ingest.channels.woocommerce import gateway
from services.ingest.channels.woocommerce.extension import WooCommerceExtension
from services.ingest.channels.woocommerce.orders import DRAFTS, normalise
from services.ingest.channels.woocommerce.pushes import PUSH
from services.ingest.channels.woocommerce.stock import STOCK
from services.ingest.domain.model import Problem

PARCEL_KEY = "danshu_parcel"
# The shop has no list of carriers: these are the words a person reads.
CARRIERS = {
    "SF": "顺丰速运",
    "YTO": "圆通速递",
    "ZTO": "中通快递",
    "STO": "申通快递",
    "YUNDA": "韵达快递",
    "EMS": "中国邮政",
    "JD": "京东快递",
    "JT": "极兔速递",
}


class _Row(msgspec.Struct):
    id: Id = None
    date_modified_gmt: Text = None
    status: Text = None


_decode_row = msgspec.json.Decoder(_Row).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for orders modified in the window, oldest first.

    What changes meanwhile leaves the window and moves the rows behind it towards the front.
    """
    query = {
        "status": "any",
        "orderby": "modified",
        "order": "asc",
        "per_page": str(gateway.PAGE_SIZE),
        "page": str(page.number if page else 1),
        "dates_are_gmt": "true",
        "modified_after": window.since.strftime("%Y-%m-%dT%H:%M:%S"),
        "modified_before": window.until.strftime("%Y-%m-%dT%H:%M:%S"),
    }
    return gateway.call(credentials, "GET", "orders", now, query=query)


def read_page(answer: HttpAnswer, page: PageToken | None) -> Page | ChannelError:
    """Slice a list into its orders; drafts are none."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    # An empty list is well only from the shop itself, which counts beside it.
    next_page = gateway.next_page(answer, page)
    if isinstance(next_page, ChannelError):
        return next_page
    rows = tuple(row for raw in found if (row := _raw_order(bytes(raw))) is not None)
    return Page(orders=rows, detail_needed=(), next_page=next_page)


def _raw_order(body: bytes) -> RawOrder | None:
    row = read_json(_decode_row, body)
    if isinstance(row, Problem):
        return RawOrder(order_no="", modified_at=None, body=body)
    if row.status in DRAFTS:
        return None
    return RawOrder(
        order_no=text_of(row.id),
        modified_at=utc_time(row.date_modified_gmt, "date_modified_gmt", []),
        body=body,
    )


def detail_request(credentials: Credentials, order_no: str, now: datetime) -> HttpRequest:
    """Ask for one order."""
    return gateway.call(credentials, "GET", f"orders/{calls.path_part(order_no)}", now)


def read_detail(answer: HttpAnswer) -> RawOrder | ChannelError:
    """Keep the whole answer as evidence."""
    found = gateway.opened(answer, _decode_row)
    if isinstance(found, ChannelError):
        return found
    if not text_of(found.id) or found.status is None:
        return calls.no_answer("order")
    return RawOrder(
        order_no=text_of(found.id),
        modified_at=utc_time(found.date_modified_gmt, "date_modified_gmt", []),
        body=answer.body,
    )


def shipment_request(
    credentials: Credentials, shipment: Shipment, now: datetime
) -> HttpRequest | WriteBack:
    """Complete the order and keep its parcel beside it; a second call changes nothing more.

    The shop itself knows neither carriers nor parcels, and no part of an order: its plug-ins do. An order of
    several parcels is completed with the one that completes it.
    """
    carrier = shipment.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {shipment.carrier} has no name here")
    if not (shipment.whole or shipment.completes):
        return Unsupported(reason="the shop cannot say that a part has shipped")
    told = {"key": PARCEL_KEY, "value": f"{carrier} {shipment.waybill_no}"}
    body = msgspec.json.encode({"status": "completed", "meta_data": [told]})
    return gateway.call(
        credentials, "PUT", f"orders/{calls.path_part(shipment.order_no)}", now, body=body
    )


def read_shipment_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer: the order as it is now."""
    found = gateway.opened(answer, _decode_row)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    if not text_of(found.id) or found.status is None:
        return Retry(error=calls.no_answer("order"))
    if found.status == "completed":
        return Applied()
    return Refused(code="status", reason=found.status)


def waybill_request(
    credentials: Credentials, change: NewWaybill, now: datetime
) -> HttpRequest | WriteBack:
    """Keep the new number beside the order instead of the former one."""
    carrier = change.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {change.carrier} has no name here")
    if not change.whole:
        return Unsupported(reason="the shop knows one parcel an order")
    told = {"key": PARCEL_KEY, "value": f"{carrier} {change.waybill_no}"}
    body = msgspec.json.encode({"meta_data": [told]})
    return gateway.call(
        credentials, "PUT", f"orders/{calls.path_part(change.order_no)}", now, body=body
    )


def read_waybill_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer: the order as it is now."""
    found = gateway.opened(answer, _decode_row)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    if not text_of(found.id) or found.status is None:
        return Retry(error=calls.no_answer("order"))
    return Applied()


def cancel_request(credentials: Credentials, order_no: str, now: datetime) -> HttpRequest:
    """Close the order, paid or not; a second call changes nothing more."""
    body = msgspec.json.encode({"status": "cancelled"})
    return gateway.call(credentials, "PUT", f"orders/{calls.path_part(order_no)}", now, body=body)


def read_cancel_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer: the order as it is now."""
    found = gateway.opened(answer, _decode_row)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    if not text_of(found.id) or found.status is None:
        return Retry(error=calls.no_answer("order"))
    if found.status == "cancelled":
        return Applied()
    return Refused(code="status", reason=found.status)


def recompute(vector: SignatureVector) -> str:
    """Return the signature of a webhook's body, or the verdict on one."""
    body = vector.fields.get("raw_body", "").encode()
    signature = calls.hmac_base64(vector.secret, body)
    if not vector.given:
        return signature
    return calls.verdict(vector, signature, "raw_body")


CHANNEL = Channel(
    name="woocommerce",
    abbreviation="WC",
    title_zh="WooCommerce 独立站",
    currency="CNY",
    extension=WooCommerceExtension,
    backward_paging=True,
    window_max=timedelta(days=7),
    window_overlap=timedelta(minutes=5),
    history_max=timedelta(days=365),
    poll_request=poll_request,
    read_page=read_page,
    detail_request=detail_request,
    read_detail=read_detail,
    push=PUSH,
    normalise=normalise,
    shipment_request=shipment_request,
    read_shipment_answer=read_shipment_answer,
    # Buyers cannot ask here: what the shop refunded itself stands in the order.
    aftersales=None,
    recompute=recompute,
    stock=STOCK,
    cancelling=Cancelling(request=cancel_request, read_answer=read_cancel_answer),
    waybills=Waybills(request=waybill_request, read_answer=read_waybill_answer),
)
