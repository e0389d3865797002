"""Pinduoduo's gateway: one signed form a call, faults as an error_response inside HTTP 200.

Guarantees: a window reaches neither over half an hour nor into the last three minutes; increments come
newest change first, so that whoever reads them from the last page to the first misses nothing.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from simulators.clock import SECOND_MS
from simulators.desk import Desk
from simulators.doors import Answer, Call
from simulators.marketplaces.pdd.payloads import (
    REQUEST_ID,
    native_payload,
    order_info,
    refund_row,
)
from simulators.orders import Order, Shop
from simulators.signing import pdd_sign, same
from simulators.world import Verdict

TOLERANCE_MS = 10 * 60_000
WINDOW_MAX_MS = 30 * 60_000
ALL = "5"
FIRST, CHANGE = "1", "2"  # redelivery_type
Params = dict[str, str]


def failure(code: int, message: str, *, sub_code: str = "", sub_message: str = "") -> Answer:
    """Return an error_response."""
    fields = {
        "error_code": code,
        "error_msg": message,
        "sub_code": sub_code or str(code),
        "sub_msg": sub_message or message,
        "request_id": REQUEST_ID,
    }
    return Answer(body=msgspec.json.encode({"error_response": fields}))


THROTTLED = failure(70031, "调用过于频繁，请调整调用频率")
_SEND_REFUSALS = {
    "unknown": "订单不存在",
    "not_paid": "订单状态不允许发货",
    "refund_open": "订单存在售后申请，不能发货",
    "already_shipped": "订单已发货，请勿重复发货",
}

_STOCK_REFUSALS = {"unknown": "商品或SKU不存在", "wrong_quantity": "库存数量不合法"}


class _Invalid(Exception):
    """A parameter is wrong; the message names it."""


class Pdd:
    """The platform's side of the gateway."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settled_after_ms = desk.world.settings.settled_after_s * SECOND_MS
        self._calls: dict[str, Callable[[Shop, Params], Answer]] = {
            "pdd.order.number.list.increment.get": self._increment,
            "pdd.order.information.get": self._information,
            "pdd.logistics.online.send": self._send,
            "pdd.order.upload.extra.logistics": self._send_beside,
            "pdd.goods.quantity.update": self._stock,
            "pdd.refund.list.increment.get": self._refunds,
            "pdd.refund.agree": lambda shop, params: self._reply(shop, params, agree=True),
            "pdd.refund.refuse": lambda shop, params: self._reply(shop, params, agree=False),
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
        except _Invalid as wrong:
            return failure(10003, "参数错误", sub_message=str(wrong))

    def _increment(self, shop: Shop, params: Params) -> Answer:
        start_ms, end_ms = _window(params)
        if end_ms > self._desk.clock() - self._settled_after_ms:
            raise _Invalid("end_updated_at不能晚于当前时间前3分钟")
        found = [
            order
            for order in self._desk.records.window(shop.shop, start_ms=start_ms, end_ms=end_ms)
            if _wanted(order_info(order, shop), params)
        ]
        found.reverse()
        page, size = _page(params)
        shown = self._desk.doubled(found[(page - 1) * size : page * size])
        content: dict[str, Any] = {"order_sn_list": [order_info(one, shop) for one in shown]}
        if params.get("use_has_next") == "true":
            content["has_next"] = page * size < len(found)
        else:
            content["total_count"] = len(found)
        return _ok("order_sn_increment_get_response", content | {"request_id": REQUEST_ID})

    def _information(self, shop: Shop, params: Params) -> Answer:
        order = self._own_order(shop, params)
        if order is None:
            return failure(50002, "业务服务错误", sub_message=_SEND_REFUSALS["unknown"])
        return Answer(body=msgspec.json.encode(native_payload(self._desk.shown(order), shop)))

    def _send(self, shop: Shop, params: Params) -> Answer:
        waybill, company = _required(params, "tracking_number"), _required(params, "logistics_id")
        if not company.isdecimal():
            raise _Invalid("logistics_id")
        if params.get("redelivery_type", "1") not in {FIRST, CHANGE}:
            raise _Invalid("redelivery_type")
        order = self._own_order(shop, params)
        if params.get("redelivery_type") == CHANGE:
            former = order.shipments[0].waybill if order is not None and order.shipments else None
            outcome, reason = self._desk.change_waybill(
                order, former=former, waybill=waybill, company=company
            )
            if reason:
                return failure(50002, "业务服务错误", sub_message="订单未发货，不能修改运单")
            content: dict[str, Any] = {"is_success": True, "request_id": REQUEST_ID}
            return _ok("logistics_online_send_response", content, wrote=outcome != "refused")
        if order is None:
            self._desk.note("send", "refused")
            return failure(50002, "业务服务错误", sub_message=_SEND_REFUSALS["unknown"])
        outcome, reason = self._desk.world.ship(order.key, waybill=waybill, company=company)
        wrote = self._desk.note("send", outcome)
        if reason:
            refused = failure(50002, "业务服务错误", sub_message=_SEND_REFUSALS[reason])
            return msgspec.structs.replace(refused, wrote=wrote)
        content = {"is_success": True, "request_id": REQUEST_ID}
        return _ok("logistics_online_send_response", content, wrote=True)

    def _send_beside(self, shop: Shop, params: Params) -> Answer:
        try:
            [extra] = msgspec.json.decode(
                _required(params, "extra_track_list"), type=list[dict[str, Any]]
            )
            waybill, company = str(extra["tracking_number"]), str(int(extra["shipping_id"]))
        except (msgspec.MsgspecError, KeyError, ValueError):
            raise _Invalid("extra_track_list") from None
        order = self._own_order(shop, params)
        verdict: Verdict = ("refused", "unknown")
        if order is not None:
            verdict = self._desk.world.add_parcel(order.key, waybill=waybill, company=company)
        outcome, _ = verdict
        wrote = self._desk.note("send_beside", outcome)
        if not wrote:
            return failure(50002, "业务服务错误", sub_message="订单未发货，不能补充运单")
        return _ok("upload_extra_logistics_response", {"success": True}, wrote=True)

    def _stock(self, shop: Shop, params: Params) -> Answer:
        # 2 adds to what there is: a hub that says how many pieces there are never does.
        if params.get("update_type", "1") != "1":
            raise _Invalid("update_type")
        outcome, reason = self._desk.tell_stock(
            shop,
            sku_id=_required(params, "sku_id"),
            item_id=_required(params, "goods_id"),
            quantity=_required(params, "quantity"),
        )
        if reason:
            return failure(50002, "业务服务错误", sub_message=_STOCK_REFUSALS[reason])
        content = {"is_success": True, "request_id": REQUEST_ID}
        return _ok("goods_quantity_update_response", content, wrote=outcome != "refused")

    def _refunds(self, shop: Shop, params: Params) -> Answer:
        start_ms, end_ms = _window(params)
        found = self._desk.records.claims_window(shop.shop, start_ms=start_ms, end_ms=end_ms)
        found.reverse()
        page, size = _page(params)
        orders = self._desk.records.orders
        rows = [
            refund_row(self._desk.showing(claim), orders[claim.channel, claim.order_no])
            for claim in found[(page - 1) * size : page * size]
        ]
        content = {"refund_list": rows, "total_count": len(found), "request_id": REQUEST_ID}
        return _ok("refund_increment_get_response", content)

    def _reply(self, shop: Shop, params: Params, *, agree: bool) -> Answer:
        try:
            asked = msgspec.json.decode(_required(params, "request"), type=dict[str, Any])
        except msgspec.MsgspecError:
            raise _Invalid("request") from None
        claim = self._desk.claim(shop, asked.get("after_sales_id", ""))
        if not agree and not asked.get("refuse_reason"):
            raise _Invalid("refuse_reason")
        if claim is not None and claim.order_no != asked.get("order_sn"):
            claim = None
        outcome, reason = self._desk.answer_claim(claim, agree=agree)
        result = {"succ": not reason, "message": "" if not reason else "售后单状态不允许此操作"}
        return _ok("response", {"result": result}, wrote=outcome != "refused")

    def _own_order(self, shop: Shop, params: Params) -> Order | None:
        return self._desk.order(shop, _required(params, "order_sn"))


def _ok(key: str, content: dict[str, Any], *, wrote: bool = False) -> Answer:
    return Answer(body=msgspec.json.encode({key: content}), wrote=wrote)


def _required(params: Params, name: str) -> str:
    value = params.get(name, "")
    if not value:
        raise _Invalid(name)
    return value


def _window(params: Params) -> tuple[int, int]:
    start, end = _required(params, "start_updated_at"), _required(params, "end_updated_at")
    if not start.isdecimal() or not end.isdecimal():
        raise _Invalid("start_updated_at")
    start_ms, end_ms = int(start) * SECOND_MS, int(end) * SECOND_MS
    if not 0 <= end_ms - start_ms <= WINDOW_MAX_MS:
        raise _Invalid("end_updated_at")
    return start_ms, end_ms


def _page(params: Params) -> tuple[int, int]:
    page, size = params.get("page", "1"), params.get("page_size", "100")
    if not page.isdecimal() or int(page) < 1:
        raise _Invalid("page")
    if not size.isdecimal() or not 1 <= int(size) <= 100:
        raise _Invalid("page_size")
    return int(page), int(size)


def _wanted(row: dict[str, Any], params: Params) -> bool:
    return all(
        _required(params, name) in {ALL, str(row[name])}
        for name in ("order_status", "refund_status")
    )
