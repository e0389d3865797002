"""Shopify's Admin REST API: pushes and list entries carry whole orders, a cursor leads through pages.

Sources: Shopify's documentation of orders, webhooks and fulfilment orders, and its Python library
(Shopify/shopify_python_api). Shops give `app_secret` (signs pushes) and `access_token` (calls).
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

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
    ToldParcel,
    Unsupported,
    Waybills,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import (
    Amount,
    Id,
    Text,
    read_json,
    sliced,
    text_of,
    zoned_time,
)
from services.ingest.channels.shopify import gateway
from services.ingest.channels.shopify.cancelling import CANCELLING
from services.ingest.channels.shopify.extension import ShopifyExtension
from services.ingest.channels.shopify.orders import normalise
from services.ingest.channels.shopify.pushes import PUSH
from services.ingest.channels.shopify.stock import STOCK
from services.ingest.domain.model import Problem

PAGE_SIZE = 250
# Names which Shopify knows: its tracking links are made from them.
CARRIERS = {
    "SF": "SF Express",
    "YTO": "YTO Express",
    "ZTO": "ZTO Express",
    "STO": "STO Express",
    "YUNDA": "Yunda Express",
    "EMS": "China Post",
    "JD": "JD Logistics",
    "JT": "J&T Express",
}
_NEXT = re.compile(r'<([^<>]+)>;\s*rel="?next"?')
_ALREADY = re.compile(
    r"already (?:been )?fulfilled|closed|not in an? (?:open|fulfillable)", re.IGNORECASE
)


class _Row(msgspec.Struct):
    id: Id = None
    updated_at: Text = None
    test: bool | None = None


class _ListAnswer(gateway.Envelope):
    orders: msgspec.Raw = msgspec.Raw()


class _DetailAnswer(gateway.Envelope):
    order: _Row | None = None


class _Fulfillable(msgspec.Struct):
    id: int | None = None
    line_item_id: Id = None
    fulfillable_quantity: Amount = None


class _FulfillmentOrder(msgspec.Struct):
    id: int | None = None
    status: Text = None
    line_items: list[_Fulfillable] | None = None


class _Fulfillment(msgspec.Struct):
    id: Id = None
    tracking_number: Text = None


class _PreparedAnswer(gateway.Envelope):
    fulfillment_orders: list[_FulfillmentOrder] | None = None
    fulfillments: list[_Fulfillment] | None = None


class _Sent(msgspec.Struct):
    id: Id = None
    status: Text = None


class _SentAnswer(gateway.Envelope):
    fulfillment: _Sent | None = None


_decode_row = msgspec.json.Decoder(_Row).decode
_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_detail = msgspec.json.Decoder(_DetailAnswer).decode
_decode_prepared = msgspec.json.Decoder(_PreparedAnswer).decode
_decode_sent = msgspec.json.Decoder(_SentAnswer).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for orders updated in the window; a cursor stands for all of its filters."""
    del now
    query = {"limit": str(PAGE_SIZE)}
    if page is not None and page.cursor:
        query["page_info"] = page.cursor
    else:
        query |= {
            "status": "any",
            "order": "updated_at asc",
            "updated_at_min": window.since.isoformat(),
            "updated_at_max": window.until.isoformat(),
        }
    return gateway.call(credentials, "GET", f"orders.json?{urlencode(query)}")


def read_page(answer: HttpAnswer, page: PageToken | None) -> Page | ChannelError:
    """Slice a list into its orders; test orders are none."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    bodies = sliced(found.orders)
    if bodies is None:
        return calls.no_answer("orders")
    rows = tuple(row for body in bodies if (row := _raw_order(body)) is not None)
    return Page(orders=rows, detail_needed=(), next_page=_next_page(answer, page))


def _next_page(answer: HttpAnswer, page: PageToken | None) -> PageToken | None:
    link = _NEXT.search(answer.headers.get("link", ""))
    if link is None:
        return None
    cursor = dict(parse_qsl(urlsplit(link[1]).query)).get("page_info", "")
    return PageToken(number=(page.number if page else 0) + 1, cursor=cursor) if cursor else None


def _raw_order(body: bytes) -> RawOrder | None:
    """Name one order's bytes; None for a test order."""
    row = read_json(_decode_row, body)
    if isinstance(row, Problem):
        return RawOrder(order_no="", modified_at=None, body=body)
    if row.test:
        return None
    return RawOrder(
        order_no=text_of(row.id),
        modified_at=zoned_time(row.updated_at, "updated_at", []),
        body=body,
    )


def detail_request(credentials: Credentials, order_no: str, now: datetime) -> HttpRequest:
    """Ask for one order."""
    del now
    return gateway.call(credentials, "GET", f"orders/{calls.path_part(order_no)}.json")


def read_detail(answer: HttpAnswer) -> RawOrder | ChannelError:
    """Keep the whole answer as evidence."""
    found = gateway.opened(answer, _decode_detail)
    if isinstance(found, ChannelError):
        return found
    if found.order is None:
        return calls.no_answer("order")
    return RawOrder(
        order_no=text_of(found.order.id),
        modified_at=zoned_time(found.order.updated_at, "updated_at", []),
        body=answer.body,
    )


def prepare_shipment(credentials: Credentials, shipment: Shipment, now: datetime) -> HttpRequest:
    """Ask for the order's fulfilment orders: a fulfilment names their lines, not the order's."""
    del now
    return gateway.call(
        credentials, "GET", f"orders/{calls.path_part(shipment.order_no)}/fulfillment_orders.json"
    )


def shipment_request(
    credentials: Credentials, shipment: Shipment, now: datetime
) -> HttpRequest | WriteBack:
    """Fulfil what the parcel holds; nothing left to fulfil means that it is told already."""
    del now
    carrier = shipment.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {shipment.carrier} has no name here")
    found = _asked_for(shipment, "fulfillment_orders")
    if not isinstance(found, _PreparedAnswer):
        return found
    orders = found.fulfillment_orders
    if orders is None:
        return Retry(error=calls.no_answer("fulfillment_orders"))
    told = calls.lines_first_told(shipment)
    if isinstance(told, Unsupported) and not shipment.whole:
        return told
    held = [one for one in orders if one.status in {"on_hold", "scheduled"}]
    chosen = [lines for one in orders if (lines := _chosen(one, shipment))]
    if not chosen:
        if held:
            return Refused(code="on_hold", reason="the fulfilment order is on hold")
        return Applied(repeated=True)
    fulfillment = {
        **_tracking(shipment, carrier),
        "line_items_by_fulfillment_order": chosen,
    }
    body = msgspec.json.encode({"fulfillment": fulfillment})
    return gateway.call(credentials, "POST", "fulfillments.json", body)


def _asked_for(parcel: ToldParcel, wanted: str) -> _PreparedAnswer | WriteBack:
    """Return what was asked for before the call itself, or what follows where this was not answered."""
    if parcel.prepared is None:
        return Retry(error=calls.no_answer(wanted))
    found = gateway.opened(parcel.prepared, _decode_prepared)
    return calls.outcome(found) if isinstance(found, ChannelError) else found


def _tracking(parcel: ToldParcel, carrier: str) -> dict[str, object]:
    return {
        "tracking_info": {"number": parcel.waybill_no, "company": carrier},
        "notify_customer": False,
    }


def _chosen(order: _FulfillmentOrder, shipment: Shipment) -> dict[str, object]:
    """Return the part of one fulfilment order that is in the parcel; {} when none is."""
    if order.status not in {"open", "in_progress"} or order.id is None:
        return {}
    # Whole lines: pieces of one told again after a lost answer would leave twice.
    wanted = {line.line_id for line in shipment.lines if not line.again}
    lines = []
    for line in order.line_items or ():
        left = (
            int(line.fulfillable_quantity or 0) if str(line.fulfillable_quantity).isdigit() else 0
        )
        chosen = shipment.whole or text_of(line.line_item_id) in wanted
        if left > 0 and chosen and line.id is not None:
            lines.append({"id": line.id, "quantity": left})
    if not lines:
        return {}
    return {"fulfillment_order_id": order.id, "fulfillment_order_line_items": lines}


def read_shipment_answer(answer: HttpAnswer) -> WriteBack:
    """Read a fulfilment's answer."""
    found = gateway.opened(answer, _decode_sent)
    if isinstance(found, ChannelError):
        return calls.outcome(found, _ALREADY)
    if found.fulfillment is None or not text_of(found.fulfillment.id):
        return Retry(error=calls.no_answer("fulfillment"))
    if found.fulfillment.status in {"failure", "error", "cancelled"}:
        return Refused(code=str(found.fulfillment.status), reason="the fulfilment did not succeed")
    return Applied()


def waybill_request(
    credentials: Credentials, change: NewWaybill, now: datetime
) -> HttpRequest | WriteBack:
    """Give a fulfilment another number; which one it is, the order's fulfilments say."""
    del now
    carrier = change.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {change.carrier} has no name here")
    found = _asked_for(change, "fulfillments")
    if not isinstance(found, _PreparedAnswer):
        return found
    if found.fulfillments is None:
        return Retry(error=calls.no_answer("fulfillments"))
    numbers = {text_of(one.tracking_number): text_of(one.id) for one in found.fulfillments}
    number = numbers.get(change.former_waybill_no) or numbers.get(change.waybill_no)
    if not number:
        return Refused(code="no_parcel", reason=f"no parcel {change.former_waybill_no} there")
    body = msgspec.json.encode({"fulfillment": _tracking(change, carrier)})
    return gateway.call(credentials, "POST", f"fulfillments/{number}/update_tracking.json", body)


def prepare_waybill(credentials: Credentials, change: NewWaybill, now: datetime) -> HttpRequest:
    """Ask for the order's fulfilments."""
    del now
    return gateway.call(
        credentials, "GET", f"orders/{calls.path_part(change.order_no)}/fulfillments.json"
    )


def read_waybill_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to another number: the fulfilment as it is now."""
    found = gateway.opened(answer, _decode_sent)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    if found.fulfillment is None or not text_of(found.fulfillment.id):
        return Retry(error=calls.no_answer("fulfillment"))
    return Applied()


def recompute(vector: SignatureVector) -> str:
    """Return the signature of a webhook's body or of an installation's query, or the verdict."""
    if vector.kind == "oauth":
        signature = hmac.new(
            vector.secret.encode(), _query_text(vector.fields).encode(), hashlib.sha256
        ).hexdigest()
        signed: tuple[str, ...] = ("shop", "timestamp")
    else:
        signature = calls.hmac_base64(vector.secret, vector.fields.get("raw_body", "").encode())
        signed = ("raw_body",)
    return calls.verdict(vector, signature, *signed) if vector.given else signature


def _query_text(query: Mapping[str, str]) -> str:
    """Return the text of a query that is signed: what separates is escaped where it stands in a name or a value.

    Source: `Session.calculate_hmac` of Shopify's Python library.
    """
    pairs = [
        (key.replace("%", "%25").replace("=", "%3D"), value.replace("%", "%25"))
        for key, value in query.items()
        if key != "hmac"
    ]
    return "&".join(sorted(f"{key}={value}".replace("&", "%26") for key, value in pairs))


CHANNEL = Channel(
    name="shopify",
    abbreviation="SP",
    title_zh="Shopify 独立站",
    currency="CNY",
    extension=ShopifyExtension,
    backward_paging=False,
    window_max=timedelta(days=7),
    window_overlap=timedelta(minutes=5),
    history_max=timedelta(days=60),
    poll_request=poll_request,
    read_page=read_page,
    detail_request=detail_request,
    read_detail=read_detail,
    push=PUSH,
    normalise=normalise,
    shipment_request=shipment_request,
    read_shipment_answer=read_shipment_answer,
    # Money goes back by the gateway it came through; what the shop refunded stands in the order.
    aftersales=None,
    recompute=recompute,
    stock=STOCK,
    cancelling=CANCELLING,
    prepare_shipment=prepare_shipment,
    waybills=Waybills(
        request=waybill_request, read_answer=read_waybill_answer, prepare=prepare_waybill
    ),
)
