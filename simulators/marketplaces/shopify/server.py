"""Shopify's Admin REST API: a token in a header, a leaky bucket of calls, a cursor through lists.

Guarantees: a cursor stands for all filters it was made with and leads to every order once, those which
change meanwhile again at the end. The bucket holds `BUCKET` calls and leaks `LEAK_PER_S`, as on Plus.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace

from simulators.clock import iso_ms
from simulators.desk import Desk
from simulators.doors import Answer, Call
from simulators.marketplaces.shopify.fulfillment_orders import fulfillment_order
from simulators.marketplaces.shopify.payloads import detail, fulfillment, shop_order
from simulators.marketplaces.shopify.writes import Writes, failure, ok
from simulators.orders import Order, Shop

BUCKET = 400
LEAK_PER_S = 20
LIMIT_MAX = 250
_LIMIT_HEADER = "x-shopify-shop-api-call-limit"
_PATH = re.compile(r"^/admin/api/20[0-9]{2}-(?:01|04|07|10)/(.+)\.json\Z")
_NUMBER = re.compile(r"^[0-9]{1,18}\Z")
_SORTS = {"updated_at": False, "created_at": True}

THROTTLED = Answer(
    body=msgspec.json.encode(
        {
            "errors": f"Exceeded {LEAK_PER_S} calls per second for api client. "
            "Reduce request rates to resume uninterrupted service."
        }
    ),
    status=429,
    headers={"retry-after": "2.0", _LIMIT_HEADER: f"{BUCKET}/{BUCKET}"},
)


class Bucket:
    """A leaky bucket of calls; levels are thousandths of a call, so that it leaks by the millisecond."""

    __slots__ = ("_at_ms", "_level")

    def __init__(self) -> None:
        self._level = 0
        self._at_ms = 0

    def take(self, now_ms: int) -> int | None:
        """Return how many calls the bucket holds with this one; None when it has no room."""
        self._level = max(0, self._level - (now_ms - self._at_ms) * LEAK_PER_S)
        self._at_ms = now_ms
        if self._level + 1_000 > BUCKET * 1_000:
            return None
        self._level += 1_000
        return -(-self._level // 1_000)


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """Where a list stands: its filters, and the last row that was given."""

    shop: str
    start_ms: int
    end_ms: int
    status: str
    by_created: bool
    descending: bool
    after: tuple[int, str] | None = None


class BadParameter(ValueError):
    """A parameter cannot be read; the message is its name."""


class Shopify:
    """The platform's side of the Admin API."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._shops = {shop.access_token: shop for shop in desk.shops.values()}
        self._buckets = {shop.shop: Bucket() for shop in desk.shops.values()}
        self._writes = Writes(desk)

    def answer(self, call: Call) -> Answer:
        """Check a call and act on it; a token of nobody never learns whether the path exists."""
        shop = self._shops.get(call.headers.get("x-shopify-access-token", ""))
        if shop is None:
            words = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return failure(401, words)
        held = self._buckets[shop.shop].take(self._desk.clock())
        if held is None:
            return THROTTLED
        answer = self._act(shop, call)
        headers = {**answer.headers, _LIMIT_HEADER: f"{held}/{BUCKET}"}
        return replace(answer, headers=headers)

    def _act(self, shop: Shop, call: Call) -> Answer:
        found = _PATH.match(call.path)
        if found is None:
            return failure(404, "Not Found")
        match call.method, found[1].split("/"):
            case "GET", ["orders"]:
                return self._list(shop, call)
            case "POST", ["inventory_levels", "set"]:
                return self._writes.set_level(shop, call.body)
            case "POST", ["fulfillments"]:
                return self._writes.fulfill(shop, call.body)
            case "POST", ["fulfillments", number, "update_tracking"] if _NUMBER.match(number):
                return self._writes.update_tracking(shop, number, call.body)
            case method, ["orders", number, *rest] if _NUMBER.match(number):
                order = self._desk.order(shop, number)
                if order is None:
                    return failure(404, "Not Found")
                return self._one(shop, order, method, rest, call.body)
        return failure(404, "Not Found")

    def _one(self, shop: Shop, order: Order, method: str, rest: list[str], body: bytes) -> Answer:
        match method, rest:
            case "GET", []:
                return ok(detail(self._desk.shown(order), shop))
            case "GET", ["fulfillments"]:
                parcels = [fulfillment(order, one, shop) for one in order.shipments]
                return ok({"fulfillments": parcels})
            case "GET", ["fulfillment_orders"]:
                return ok({"fulfillment_orders": [fulfillment_order(order, shop)]})
            case "POST", ["cancel"]:
                return self._writes.cancel(shop, order, body)
            case "POST", ["refunds"]:
                return self._writes.refund(shop, order, body)
        return failure(404, "Not Found")

    def _list(self, shop: Shop, call: Call) -> Answer:
        try:
            limit = _limit(call.query)
            cursor = _cursor(shop, call.query, self._desk.clock())
        except BadParameter as wrong:
            return failure(400, {str(wrong): "Invalid value."})
        found = self._found(shop, cursor)
        page = found[:limit]
        headers = {}
        if len(found) > limit:
            after = replace(cursor, after=_row(page[-1], cursor))
            headers["link"] = _next_link(call, limit, after)
        rows = [shop_order(order, shop) for order in self._desk.doubled(page)]
        return replace(ok({"orders": rows}), headers=headers)

    def _found(self, shop: Shop, cursor: Cursor) -> list[Order]:
        found = [
            order
            for order in self._desk.records.window(
                shop.shop,
                start_ms=cursor.start_ms,
                end_ms=cursor.end_ms,
                by_created=cursor.by_created,
            )
            if _STATUSES[cursor.status](order)
        ]
        if cursor.descending:
            found.reverse()
        if cursor.after is None:
            return found
        if cursor.descending:
            return [order for order in found if _row(order, cursor) < cursor.after]
        return [order for order in found if _row(order, cursor) > cursor.after]


_STATUSES: dict[str, Callable[[Order], bool]] = {
    "any": lambda _order: True,
    "open": lambda order: order.state not in {"finished", "cancelled", "closed"},
    "closed": lambda order: order.state == "finished",
    "cancelled": lambda order: order.state in {"cancelled", "closed"},
}


def _row(order: Order, cursor: Cursor) -> tuple[int, str]:
    at_ms = order.created_at_ms if cursor.by_created else order.modified_at_ms
    return at_ms, order.order_no


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", "50")
    if not _NUMBER.match(text) or not 1 <= int(text) <= LIMIT_MAX:
        raise BadParameter("limit")
    return int(text)


def _cursor(shop: Shop, query: Mapping[str, str], now_ms: int) -> Cursor:
    """Read where a list is to go on; a cursor suffers no filter beside it."""
    if "page_info" in query:
        others = query.keys() - {"page_info", "limit", "fields"}
        if others:
            raise BadParameter(min(others))
        return _opened(shop, query["page_info"])
    status = query.get("status", "open")
    if status not in _STATUSES:
        raise BadParameter("status")
    field, _, direction = query.get("order", "created_at desc").partition(" ")
    if field not in _SORTS or direction.lower() not in {"", "asc", "desc"}:
        raise BadParameter("order")
    return Cursor(
        shop=shop.shop,
        start_ms=_time(query, f"{field}_min", 0),
        end_ms=_time(query, f"{field}_max", now_ms + 86_400_000),
        status=status,
        by_created=_SORTS[field],
        descending=direction.lower() == "desc",
    )


def _time(query: Mapping[str, str], name: str, otherwise: int) -> int:
    if name not in query:
        return otherwise
    try:
        return iso_ms(query[name])
    except ValueError:
        raise BadParameter(name) from None


def _opened(shop: Shop, text: str) -> Cursor:
    try:
        cursor = msgspec.json.decode(urlsafe_b64decode(text), type=Cursor)
    except ValueError:
        raise BadParameter("page_info") from None
    if cursor.shop != shop.shop or cursor.status not in _STATUSES:
        raise BadParameter("page_info")
    return cursor


def _next_link(call: Call, limit: int, cursor: Cursor) -> str:
    page_info = urlsafe_b64encode(msgspec.json.encode(cursor)).decode()
    query: dict[str, Any] = {"limit": limit, "page_info": page_info}
    host = call.headers.get("host", "localhost")
    return f'<https://{host}{call.path}?{urlencode(query)}>; rel="next"'
