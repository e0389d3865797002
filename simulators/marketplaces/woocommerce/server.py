"""WooCommerce's REST API wc/v3: pages by number, counted in headers; an order is changed by PUT.

Guarantees: modified_after and modified_before exclude their own second, as the store's queries do. A
store knows no parcels: the last word of what is noted beside `completed` counts as the waybill.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from simulators.clock import BEIJING_S, SECOND_MS, zoneless_ms
from simulators.desk import Desk
from simulators.doors import Answer, Call
from simulators.marketplaces.woocommerce.payloads import refund, status_of, store_order
from simulators.marketplaces.woocommerce.signing import Guard, NotKnown
from simulators.money import fen
from simulators.orders import Order, Shop

PATH = "/wp-json/wc/v3/orders"
PRODUCTS = "/wp-json/wc/v3/products"
PER_PAGE_MAX = 100
_NUMBER = re.compile(r"^[0-9]{1,18}\Z")
_STATUSES = frozenset(
    {"pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "trash"}
)


def failure(status: int, code: str, message: str, **more: object) -> Answer:
    """Return an answer of failure."""
    content = {"code": code, "message": message, "data": {"status": status, **more}}
    return Answer(body=msgspec.json.encode(content), status=status)


THROTTLED = replace(
    failure(429, "too_many_requests", "Too many requests."), headers={"retry-after": "2"}
)


def _ok(content: object, *, status: int = 200, wrote: bool = False) -> Answer:
    return Answer(body=msgspec.json.encode(content), status=status, wrote=wrote)


class _Meta(msgspec.Struct):
    key: str
    value: str


class _Changes(msgspec.Struct):
    status: str | None = None
    meta_data: list[_Meta] = []


class _Stock(msgspec.Struct):
    stock_quantity: int
    manage_stock: bool = False


class _RefundLine(msgspec.Struct):
    id: int
    quantity: int = 0
    refund_total: str = ""


class _RefundWanted(msgspec.Struct):
    amount: str
    reason: str = ""
    line_items: list[_RefundLine] = []


class BadParameter(ValueError):
    """A parameter cannot be read; the message is its name."""


class WooCommerce:
    """The store's side of its API."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._guard = Guard(desk.shops.values())

    def answer(self, call: Call) -> Answer:
        """Check a call and act on it."""
        try:
            shop = self._guard.shop(call, self._desk.clock())
        except NotKnown as unknown:
            code = "woocommerce_rest_authentication_error"
            if str(unknown).startswith("Sorry"):
                code = "woocommerce_rest_cannot_view"
            return failure(401, code, str(unknown))
        if call.path.startswith(f"{PRODUCTS}/"):
            return self._product(shop, call)
        match call.method, call.path.removeprefix(PATH).strip("/").split("/"):
            case "GET", [""]:
                return self._list(shop, call.query)
            case method, [number, *rest] if _NUMBER.match(number):
                order = self._desk.order(shop, number)
                if order is None:
                    code = "woocommerce_rest_shop_order_invalid_id"
                    return failure(404, code, "Invalid ID.")
                return self._one(shop, order, method, rest, call.body)
        return failure(
            404, "rest_no_route", "No route was found matching the URL and request method."
        )

    def _one(self, shop: Shop, order: Order, method: str, rest: list[str], body: bytes) -> Answer:
        match method, rest:
            case "GET", []:
                return _ok(store_order(self._desk.shown(order), shop))
            case (("PUT" | "POST"), []):
                return self._change(shop, order, body)
            case "GET", ["refunds"]:
                return _ok([refund(one, order) for one in reversed(order.refunds)])
            case "POST", ["refunds"]:
                return self._refund(order, body)
        return failure(
            404, "rest_no_route", "No route was found matching the URL and request method."
        )

    def _list(self, shop: Shop, query: Mapping[str, str]) -> Answer:
        try:
            found = self._found(shop, query)
            page, size = _whole(query, "page", 1, None), _whole(query, "per_page", 10, PER_PAGE_MAX)
        except BadParameter as wrong:
            return failure(
                400,
                "rest_invalid_param",
                f"Invalid parameter(s): {wrong}",
                params={str(wrong): f"{wrong} is invalid."},
            )
        rows = found[(page - 1) * size : page * size]
        headers = {"x-wp-total": str(len(found)), "x-wp-totalpages": str(-(-len(found) // size))}
        content = [store_order(order, shop) for order in self._desk.doubled(rows)]
        return replace(_ok(content), headers=headers)

    def _found(self, shop: Shop, query: Mapping[str, str]) -> list[Order]:
        sort = query.get("orderby", "date")
        if sort not in {"date", "modified"}:
            raise BadParameter("orderby")
        if query.get("order", "desc") not in {"asc", "desc"}:
            raise BadParameter("order")
        names = ("modified_after", "modified_before") if sort == "modified" else ("after", "before")
        found = self._desk.records.window(
            shop.shop,
            start_ms=_time(query, names[0], 0) + SECOND_MS,
            end_ms=_time(query, names[1], 1 << 60) - SECOND_MS,
            by_created=sort == "date",
        )
        wanted = set(query.get("status", "any").split(","))
        if not wanted <= _STATUSES | {"any"}:
            raise BadParameter("status")
        if "any" not in wanted:
            found = [order for order in found if status_of(order) in wanted]
        if query.get("order", "desc") == "desc":
            found.reverse()
        return found

    def _product(self, shop: Shop, call: Call) -> Answer:
        match call.method, call.path.removeprefix(PRODUCTS).strip("/").split("/"):
            case (("PUT" | "POST"), [item_id, "variations", sku_id]):
                return self._stock(shop, item_id, sku_id, call.body)
        return failure(
            404, "rest_no_route", "No route was found matching the URL and request method."
        )

    def _stock(self, shop: Shop, item_id: str, sku_id: str, body: bytes) -> Answer:
        try:
            wanted = msgspec.json.decode(body, type=_Stock)
        except msgspec.MsgspecError as error:
            return failure(400, "rest_invalid_json", str(error))
        if not wanted.manage_stock:
            return failure(400, "rest_invalid_param", "Invalid parameter(s): manage_stock")
        outcome, reason = self._desk.tell_stock(
            shop, sku_id=sku_id, item_id=item_id, quantity=wanted.stock_quantity
        )
        if reason == "unknown":
            code = "woocommerce_rest_product_variation_invalid_id"
            return failure(404, code, "Invalid ID.")
        if reason:
            return failure(400, "rest_invalid_param", "Invalid parameter(s): stock_quantity")
        content = {
            "id": int(sku_id),
            "manage_stock": True,
            "stock_quantity": wanted.stock_quantity,
            "stock_status": "instock" if wanted.stock_quantity else "outofstock",
        }
        return _ok(content, wrote=outcome != "refused")

    def _change(self, shop: Shop, order: Order, body: bytes) -> Answer:
        try:
            wanted = msgspec.json.decode(body, type=_Changes)
        except msgspec.MsgspecError as error:
            return failure(400, "rest_invalid_json", str(error))
        if wanted.status is None:
            return self._note_parcel(shop, order, wanted.meta_data)
        if wanted.status not in _STATUSES:
            return failure(400, "rest_invalid_param", "Invalid parameter(s): status")
        if wanted.status == "completed":
            return self._complete(shop, order, wanted.meta_data)
        if wanted.status == "cancelled":
            return self._cancel(shop, order)
        return _ok(store_order(order, shop))

    def _note_parcel(self, shop: Shop, order: Order, notes: list[_Meta]) -> Answer:
        # The store keeps what it is told; only what names a parcel of an order that left is one.
        words = notes[-1].value.split() if notes else []
        if words and order.shipments:
            former = order.shipments[-1].waybill
            self._desk.change_waybill(
                order, former=former, waybill=words[-1], company=" ".join(words[:-1])
            )
        return _ok(store_order(self._desk.records.orders[order.key], shop), wrote=bool(words))

    def _complete(self, shop: Shop, order: Order, notes: list[_Meta]) -> Answer:
        words = notes[-1].value.split() if notes else []
        waybill = words[-1] if words else order.order_no
        outcome, reason = self._desk.world.ship(
            order.key, waybill=waybill, company=" ".join(words[:-1])
        )
        if reason == "already_shipped":
            # The store writes down what it is told again, and nothing changes.
            outcome = "duplicate"
        wrote = self._desk.note("send", outcome)
        if not wrote:
            message = f"An order that is {status_of(order)} cannot be completed."
            return failure(400, "woocommerce_rest_invalid_order_status", message)
        return _ok(store_order(self._desk.records.orders[order.key], shop), wrote=True)

    def _cancel(self, shop: Shop, order: Order) -> Answer:
        if order.state == "cancelled":
            return _ok(store_order(order, shop), wrote=self._desk.note("cancel", "duplicate"))
        if not self._desk.world.cancel_by_shop(order.key):
            self._desk.note("cancel", "refused")
            message = f"An order that is {status_of(order)} cannot be cancelled."
            return failure(400, "woocommerce_rest_invalid_order_status", message)
        self._desk.note("cancel", "applied")
        return _ok(store_order(self._desk.records.orders[order.key], shop), wrote=True)

    def _refund(self, order: Order, body: bytes) -> Answer:
        """Pay back: whole lines, one line's money in part, or (no line named) all that is left."""
        try:
            wanted = msgspec.json.decode(body, type=_RefundWanted)
        except msgspec.MsgspecError as error:
            return failure(400, "rest_invalid_json", str(error))
        amount_fen = fen(wanted.amount)
        chosen = {str(one.id) for one in wanted.line_items}
        lines = [
            line
            for line in order.lines
            if line.refund != "agreed" and (not chosen or line.line_no in chosen)
        ]
        due_fen = sum(line.paid_fen for line in lines)
        if not chosen and order.state == "paid" and not order.refunds:
            due_fen += order.freight_fen
        in_part = len(lines) == 1 and amount_fen is not None and amount_fen <= due_fen
        if not amount_fen or len(lines) < len(chosen) or not (in_part or amount_fen == due_fen):
            self._desk.note("refund", "refused")
            return failure(400, "woocommerce_rest_invalid_order_refund", "Invalid refund amount.")
        line_nos = tuple(line.line_no for line in lines) if chosen else None
        if not self._desk.world.claim(order, line_nos=line_nos, amount_fen=amount_fen):
            self._desk.note("refund", "refused")
            return failure(400, "woocommerce_rest_cannot_create_order_refund", "Nothing to refund.")
        self._desk.note("refund", "applied")
        refunded = self._desk.records.orders[order.key]
        content: dict[str, Any] = refund(refunded.refunds[-1], refunded)
        return _ok(content, status=201, wrote=True)


def _whole(query: Mapping[str, str], name: str, otherwise: int, most: int | None) -> int:
    text = query.get(name, str(otherwise))
    if not _NUMBER.match(text) or int(text) < 1 or (most is not None and int(text) > most):
        raise BadParameter(name)
    return int(text)


def _time(query: Mapping[str, str], name: str, otherwise: int) -> int:
    """Read a time of the site's own zone, which is Beijing's, or of GMT."""
    if name not in query:
        return otherwise
    try:
        gmt = query.get("dates_are_gmt") == "true"
        return zoneless_ms(query[name], offset_s=0 if gmt else BEIJING_S)
    except ValueError:
        raise BadParameter(name) from None
