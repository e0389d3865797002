"""Xiaohongshu's gateway: one path, flat JSON, business fields outside the signature.

Guarantees: an error says so twice (success and error_code); windows are half an hour of updates or a
day of creations, orders' in seconds and claims' in milliseconds; pages come newest change first.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from simulators.clock import SECOND_MS
from simulators.desk import Desk
from simulators.doors import Answer, Call
from simulators.marketplaces.xiaohongshu.payloads import (
    address_key,
    answer,
    claim_json,
    claim_row,
    list_row,
    order_json,
    receiver_json,
    sku_id_of,
)
from simulators.orders import AfterSale, Order, Shop
from simulators.signing import md5_hex, same

VERSION = "2.0"
TOLERANCE_MS = 10 * 60_000
LENGTH_MS = {1: 24 * 3_600_000, 2: 30 * 60_000}
_BY_CREATION = 1
_AGREE, _REFUSE = 1, 3
ROWS_MAX = 50_000
Business = dict[str, Any]


def failure(code: int, message: str, *, wrote: bool = False) -> Answer:
    """Return an answer of failure."""
    fields = {"success": False, "error_code": code, "error_msg": message, "data": None}
    return Answer(body=msgspec.json.encode(fields), wrote=wrote)


THROTTLED = failure(10429, "接口调用触发限流，请稍后重试")
_SEND_REFUSALS = {
    "unknown": "订单不存在",
    "not_paid": "订单状态不允许发货",
    "refund_open": "订单存在售后或取消申请，不能发货",
    "already_shipped": "订单已发货",
}


def sign(method: str, app_id: str, timestamp: str, secret: str) -> str:
    """Return lower-case hex MD5 over method, appId, timestamp, version and secret."""
    text = f"{method}?appId={app_id}&timestamp={timestamp}&version={VERSION}{secret}"
    return md5_hex(text.encode())


def _ok(content: object, *, wrote: bool = False) -> Answer:
    return Answer(body=msgspec.json.encode(answer(content)), wrote=wrote)


class _Invalid(Exception):
    """A field is wrong; the message names it."""


class Xiaohongshu:
    """The platform's side of the gateway."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._calls: dict[str, Callable[[Shop, Business], Answer]] = {
            "order.getOrderList": self._list,
            "order.getOrderDetail": self._detail,
            "order.getOrderReceiverInfo": self._receivers,
            "order.orderDeliver": self._deliver,
            "order.modifyOrderExpressInfo": self._change,
            "inventory.syncSkuStock": self._stock,
            "afterSale.listAfterSaleInfos": self._claims,
            "afterSale.getAfterSaleInfo": self._claim,
            "afterSale.auditReturns": self._audit,
        }

    def answer(self, call: Call) -> Answer:
        """Check a call and act on it."""
        try:
            fields = msgspec.json.decode(call.body, type=Business)
        except msgspec.MsgspecError:
            return failure(10001, "请求不是JSON对象")
        shop = self._desk.shops.get(str(fields.get("appId", "")))
        if shop is None:
            return failure(10002, "appId不存在")
        method, at = str(fields.get("method", "")), str(fields.get("timestamp", ""))
        signature = sign(method, shop.app_key, at, shop.app_secret)
        if fields.get("version") != VERSION or not same(str(fields.get("sign", "")), signature):
            return failure(10003, "签名错误")
        if not at.isdecimal() or abs(int(at) * SECOND_MS - self._desk.clock()) > TOLERANCE_MS:
            return failure(10004, "timestamp超出有效范围")
        if fields.get("accessToken") != shop.access_token:
            return failure(10005, "accessToken已过期")
        act = self._calls.get(method)
        if act is None:
            return failure(10006, "method不存在")
        try:
            return act(shop, fields)
        except _Invalid as wrong:
            return failure(10007, f"参数错误: {wrong}")

    def _list(self, shop: Shop, asked: Business) -> Answer:
        kind = _number(asked, "timeType")
        start_ms, end_ms = _window(asked, kind, SECOND_MS)
        found = self._desk.records.window(
            shop.shop, start_ms=start_ms, end_ms=end_ms, by_created=kind == _BY_CREATION
        )
        status = asked.get("orderStatus")
        rows = [order for order in found if status in {None, list_row(order)["orderStatus"]}]
        rows.reverse()
        page, size = _page(asked)
        shown = self._desk.doubled(rows[(page - 1) * size : page * size])
        content = {
            "total": len(rows),
            "pageNo": page,
            "pageSize": size,
            "maxPageNo": -(-len(rows) // size),
            "orderList": [list_row(order) for order in shown],
        }
        return _ok(content)

    def _detail(self, shop: Shop, asked: Business) -> Answer:
        order = self._own_order(shop, asked)
        if order is None:
            return failure(20001, _SEND_REFUSALS["unknown"])
        return _ok(order_json(self._desk.shown(order)))

    def _receivers(self, shop: Shop, asked: Business) -> Answer:
        queries = asked.get("receiverQueries")
        if not isinstance(queries, list) or not all(isinstance(one, dict) for one in queries):
            raise _Invalid("receiverQueries")
        found = []
        for query in queries:
            order = self._desk.order(shop, query.get("orderId", ""))
            if order is not None:
                matched = query.get("openAddressId") == address_key(order)
                found.append(receiver_json(order, matched=matched))
        return _ok({"receiverInfos": found})

    def _change(self, shop: Shop, asked: Business) -> Answer:
        waybill, company = _parcel(asked)
        former = asked.get("oldExpressNo")
        outcome, reason = self._desk.change_waybill(
            self._own_order(shop, asked),
            former=str(former) if former else None,
            waybill=waybill,
            company=company,
        )
        if reason:
            return failure(20004, "包裹不存在，不能修改运单")
        return _ok("success", wrote=outcome != "refused")

    def _deliver(self, shop: Shop, asked: Business) -> Answer:
        waybill, company = _parcel(asked)
        order = self._own_order(shop, asked)
        if order is None:
            self._desk.note("send", "refused")
            return failure(20001, _SEND_REFUSALS["unknown"])
        line_nos = _chosen(order, asked) if asked.get("unpack") is True else None
        outcome, reason = self._desk.world.ship(
            order.key, waybill=waybill, company=company, line_nos=line_nos
        )
        wrote = self._desk.note("send", outcome)
        if reason:
            return failure(20002, _SEND_REFUSALS[reason], wrote=wrote)
        return _ok("success", wrote=True)

    def _stock(self, shop: Shop, asked: Business) -> Answer:
        outcome, reason = self._desk.tell_stock(
            shop, sku_id=asked.get("skuId", ""), quantity=asked.get("qty")
        )
        if reason == "unknown":
            return failure(20003, "规格不存在")
        if reason:
            raise _Invalid("qty")
        stock = {"total": asked["qty"], "available": asked["qty"]}
        return _ok({"skuStock": stock}, wrote=outcome != "refused")

    def _claims(self, shop: Shop, asked: Business) -> Answer:
        kind = _number(asked, "timeType")
        start_ms, end_ms = _window(asked, kind, 1)
        found = self._desk.records.claims_window(
            shop.shop, start_ms=start_ms, end_ms=end_ms, by_created=kind == _BY_CREATION
        )
        found.reverse()
        page, size = _page(asked)
        content = {
            "afterSaleBasicInfos": [
                claim_row(self._desk.showing(one), self._order_of(one))
                for one in found[(page - 1) * size : page * size]
            ],
            "totalCount": len(found),
            "pageNo": page,
            "pageSize": size,
        }
        return _ok(content)

    def _claim(self, shop: Shop, asked: Business) -> Answer:
        claim = self._own_claim(shop, asked)
        if claim is None:
            return failure(30001, "售后单不存在")
        shown = self._desk.showing(claim)
        return _ok({"afterSaleInfo": claim_json(shown, self._order_of(shown))})

    def _audit(self, shop: Shop, asked: Business) -> Answer:
        action = asked.get("action")
        if action not in {_AGREE, _REFUSE}:
            raise _Invalid("action")
        if action == _REFUSE and str(_number(asked, "reason")) != shop.refusal_code:
            raise _Invalid("reason")
        claim = self._own_claim(shop, asked)
        _, reason = self._desk.answer_claim(claim, agree=action == _AGREE)
        if reason:
            wrong = "售后单不存在" if reason == "unknown" else "售后单状态不允许审核"
            return failure(30001, wrong)
        return _ok("审核成功", wrote=True)

    def _own_order(self, shop: Shop, asked: Business) -> Order | None:
        return self._desk.order(shop, asked.get("orderId", ""))

    def _own_claim(self, shop: Shop, asked: Business) -> AfterSale | None:
        return self._desk.claim(shop, str(asked.get("returnsId", "")).removeprefix("R"))

    def _order_of(self, claim: AfterSale) -> Order:
        return self._desk.records.orders[claim.channel, claim.order_no]


def _parcel(asked: Business) -> tuple[str, str]:
    waybill, company = asked.get("expressNo"), asked.get("expressCompanyCode")
    if not isinstance(waybill, str) or not waybill:
        raise _Invalid("expressNo")
    if not isinstance(company, str) or not company:
        raise _Invalid("expressCompanyCode")
    return waybill, company


def _chosen(order: Order, asked: Business) -> tuple[str, ...]:
    wanted = asked.get("skuIdList")
    if not isinstance(wanted, list) or not wanted:
        raise _Invalid("skuIdList")
    if not {*map(str, wanted)} <= {sku_id_of(line) for line in order.lines}:
        raise _Invalid("skuIdList")
    return tuple(line.line_no for line in order.lines if sku_id_of(line) in wanted)


def _number(asked: Business, name: str) -> int:
    value = asked.get(name)
    if not isinstance(value, int) or value < 1:
        raise _Invalid(name)
    return value


def _window(asked: Business, kind: int, unit_ms: int) -> tuple[int, int]:
    if kind not in LENGTH_MS:
        raise _Invalid("timeType")
    start_ms, end_ms = (_number(asked, name) * unit_ms for name in ("startTime", "endTime"))
    if not 0 <= end_ms - start_ms <= LENGTH_MS[kind]:
        raise _Invalid("endTime")
    return start_ms, end_ms


def _page(asked: Business) -> tuple[int, int]:
    page, size = _number(asked, "pageNo"), _number(asked, "pageSize")
    if size > 100:
        raise _Invalid("pageSize")
    if page * size > ROWS_MAX:
        raise _Invalid("pageNo")
    return page, size
