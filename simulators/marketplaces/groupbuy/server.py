"""快团团 behind Pinduoduo's gateway: one signed form a call, faults inside HTTP 200.

Guarantees: lists come newest change first and tell their total, so that whoever reads them from the last
page to the first misses nothing; only orders which are paid for are told of.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from simulators.clock import SECOND_MS
from simulators.desk import Desk
from simulators.doors import Answer, Call
from simulators.marketplaces.groupbuy.payloads import after_sale_row, member_order, order_list
from simulators.orders import Order, Shop
from simulators.signing import pdd_sign, same

TOLERANCE_MS = 10 * 60_000
UPDATED_MAX_MS = 30 * 60_000
DAY_MS = 24 * 3_600_000
PAGE_MAX = 100
REQUEST_ID = "sim-ktt-1"
Params = dict[str, str]


def failure(code: int, message: str, *, sub_message: str = "") -> Answer:
    """Return an error_response."""
    fields = {
        "error_code": code,
        "error_msg": message,
        "sub_code": str(code),
        "sub_msg": sub_message or message,
        "request_id": REQUEST_ID,
    }
    return Answer(body=msgspec.json.encode({"error_response": fields}))


THROTTLED = failure(70031, "调用过于频繁，请调整调用频率")
_SHIP_REFUSALS = {
    "unknown": "订单不存在",
    "not_paid": "订单状态不允许发货",
    "refund_open": "订单售后处理中，不能发货",
    "already_shipped": "订单已发货",
}


class BadParameter(ValueError):
    """A parameter is wrong; the message names it."""


class Groupbuy:
    """The leader's side of the gateway."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._calls: dict[str, Callable[[Shop, Params], Answer]] = {
            "pdd.ktt.increment.order.query": self._increment,
            "pdd.ktt.order.list": self._list,
            "pdd.ktt.order.logistic.create": self._ship,
            "pdd.ktt.after.sales.increment.list": self._after_sales,
        }

    def answer(self, call: Call) -> Answer:
        """Check a call and act on it."""
        params = call.params
        shop = self._desk.shops.get(params.get("client_id", ""))
        if shop is None:
            return failure(10001, "client_id不存在")
        if not same(params.get("sign", ""), pdd_sign(params, shop.app_secret)):
            return failure(20004, "签名sign校验失败")
        at = params.get("timestamp", "")
        if not at.isdecimal() or abs(int(at) * SECOND_MS - self._desk.clock()) > TOLERANCE_MS:
            return failure(20005, "timestamp不合法")
        if params.get("access_token") != shop.access_token:
            return failure(10019, "access_token已过期")
        act = self._calls.get(params.get("type", ""))
        if act is None:
            return failure(10002, "接口不存在")
        try:
            return act(shop, params)
        except BadParameter as wrong:
            return failure(10003, "参数错误", sub_message=str(wrong))

    def _increment(self, shop: Shop, params: Params) -> Answer:
        start_ms, end_ms = _window(params, "start_updated_at", "end_updated_at", UPDATED_MAX_MS)
        found = self._desk.records.window(shop.shop, start_ms=start_ms, end_ms=end_ms)
        return self._page("ktt_increment_order_query_response", found, params)

    def _list(self, shop: Shop, params: Params) -> Answer:
        start_ms, end_ms = _window(params, "confirm_at_begin", "confirm_at_end", DAY_MS)
        orders = self._desk.records.orders.values()
        found = [
            order
            for order in orders
            if order.shop == shop.shop and start_ms <= order.paid_at_ms <= end_ms
        ]
        return self._page("ktt_order_list_response", found, params)

    def _page(self, key: str, found: list[Order], params: Params) -> Answer:
        found = [order for order in found if order.paid_at_ms and _wanted(order, params)]
        found.reverse()
        page, size = _page(params)
        shown = self._desk.doubled(found[(page - 1) * size : page * size])
        # A replica may not know yet that an order is paid for.
        rows = [member_order(order) for order in shown if order.paid_at_ms]
        return _ok(key, order_list(rows, len(found)))

    def _ship(self, shop: Shop, params: Params) -> Answer:
        waybill, company = _required(params, "waybillNo"), _required(params, "logisticsName")
        if not _required(params, "logisticsId").isdecimal():
            raise BadParameter("logisticsId")
        order = self._desk.order(shop, _required(params, "orderSn"))
        if order is None:
            self._desk.note("send", "refused")
            return failure(50002, "业务服务错误", sub_message=_SHIP_REFUSALS["unknown"])
        line_nos = _line_nos(order, params)
        outcome, reason = self._desk.world.ship(
            order.key, waybill=waybill, company=company, line_nos=line_nos
        )
        wrote = self._desk.note("send", outcome)
        if reason:
            refused = failure(50002, "业务服务错误", sub_message=_SHIP_REFUSALS[reason])
            return msgspec.structs.replace(refused, wrote=wrote)
        return _ok("ktt_order_logistic_create_response", {"success": True}, wrote=True)

    def _after_sales(self, shop: Shop, params: Params) -> Answer:
        start_ms, end_ms = _window(params, "start_updated_at", "end_updated_at", DAY_MS)
        found = self._desk.records.claims_window(shop.shop, start_ms=start_ms, end_ms=end_ms)
        if params.get("query_type") == "1":
            found = [claim for claim in found if claim.status == "open"]
        page, size = _page(params)
        rows = [
            after_sale_row(
                self._desk.showing(claim),
                self._desk.records.orders[claim.channel, claim.order_no],
            )
            for claim in found[(page - 1) * size : page * size]
        ]
        content = {"has_next": page * size < len(found), "list": rows}
        # The platform's own spelling.
        return _ok("ktt_after_sales_incermet_list_response", content)


def _ok(key: str, content: dict[str, Any], *, wrote: bool = False) -> Answer:
    body = msgspec.json.encode({key: content | {"request_id": REQUEST_ID}})
    return Answer(body=body, wrote=wrote)


def _required(params: Params, name: str) -> str:
    value = params.get(name, "")
    if not value:
        raise BadParameter(name)
    return value


def _window(params: Params, start: str, end: str, most_ms: int) -> tuple[int, int]:
    for name in (start, end):
        if not _required(params, name).isdecimal():
            raise BadParameter(name)
    start_ms, end_ms = int(params[start]), int(params[end])
    if not 0 <= end_ms - start_ms <= most_ms:
        raise BadParameter(end)
    return start_ms, end_ms


def _page(params: Params) -> tuple[int, int]:
    page, size = _required(params, "page_number"), _required(params, "page_size")
    if not page.isdecimal() or int(page) < 1:
        raise BadParameter("page_number")
    if not size.isdecimal() or not 1 <= int(size) <= PAGE_MAX:
        raise BadParameter("page_size")
    return int(page), int(size)


def _wanted(order: Order, params: Params) -> bool:
    names = ("after_sales_status", "cancel_status", "shipping_status", "verification_status")
    asked = {name: params[name] for name in names if params.get(name)}
    row = member_order(order) if asked else {}
    return all(str(row[name]) == value for name, value in asked.items())


def _line_nos(order: Order, params: Params) -> tuple[str, ...] | None:
    """Return the lines of a parcel, with the gifts which come with them; None for the whole order."""
    text = params.get("subOrderSnList", "")
    if not text:
        return None
    try:
        named = set(msgspec.json.decode(text, type=list[str]))
    except msgspec.MsgspecError:
        raise BadParameter("subOrderSnList") from None
    bought = [line for line in order.lines if not line.gift]
    if not named or not named <= {line.line_no for line in bought}:
        raise BadParameter("subOrderSnList")
    gifts = {line.line_no for line in order.lines if line.gift}
    return tuple(named | gifts) if bought[0].line_no in named else tuple(named)
