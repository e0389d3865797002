"""Kuaishou's gateway: parameters as one JSON text, signed before they are URL-encoded.

Guarantees: reads are GET and writes POST, the path repeats the method; a cursor names a place in the
list and not a page, so what changes meanwhile shifts nothing; "nomore" ends it.
"""

import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from simulators.desk import Desk
from simulators.doors import Answer, Call
from simulators.marketplaces.kuaishou.payloads import (
    REFUND_STATUS,
    answer,
    order_row,
    refund_row,
    status_of,
)
from simulators.orders import AfterSale, Order, Shop
from simulators.signing import md5_hex, same
from simulators.world import Verdict

TOLERANCE_MS = 10 * 60_000
DAY_MS = 24 * 3_600_000
NO_MORE = "nomore"
ALL_ORDERS, ALL_CLAIMS, WAITING_CLAIMS = 1, 9, 8
_BY_CREATION, _BY_UPDATE = 1, 2
Param = dict[str, Any]


def failure(result: int, message: str, *, wrote: bool = False) -> Answer:
    """Return an answer of failure."""
    fields = {
        "result": result,
        "error_msg": message,
        "code": str(result),
        "msg": "",
        "sub_code": "",
        "sub_msg": "",
        "requestId": "sim",
    }
    return Answer(body=msgspec.json.encode(fields), wrote=wrote)


THROTTLED = failure(1017, "[1017] exceed quota limit,[apiId:sim;primaryUserId:400001]")
PUBLIC_COMPANIES = ("4", "6")
_SEND_REFUSALS = {
    "unknown": "订单不存在",
    "not_paid": "订单状态不允许发货",
    "refund_open": "订单正在退款中，不能发货",
    "already_shipped": "订单已发货",
}


def sign(params: Mapping[str, str], secret: str) -> str | None:
    """Sign `k=v` in order of the names and the signSecret; None for an unknown signMethod."""
    text = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "sign")
    content = f"{text}&signSecret={secret}".encode()
    match params.get("signMethod"):
        case "MD5":
            return md5_hex(content)
        case "HMAC_SHA256":
            return b64encode(hmac.digest(secret.encode(), content, "sha256")).decode()
        case _:
            return None


def _ok(content: object, *, wrote: bool = False) -> Answer:
    return Answer(body=msgspec.json.encode(answer(content)), wrote=wrote)


class _Invalid(Exception):
    """A parameter is wrong; the message names it."""


class Kuaishou:
    """The platform's side of the open platform."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._reads: dict[str, Callable[[Shop, Param], Answer]] = {
            "open.order.cursor.list": self._list,
            "open.order.detail": self._detail,
            "open.seller.order.refund.pcursor.list": self._claims,
        }
        self._writes: dict[str, Callable[[Shop, Param], Answer]] = {
            "open.seller.order.goods.deliver": self._deliver,
            "open.seller.order.goods.logistics.append": self._append,
            "open.seller.order.logistics.update": self._update,
            "open.seller.order.refund.approve": self._approve,
            "open.refund.reject": self._reject,
        }

    def answer(self, call: Call) -> Answer:
        """Check a call and act on it."""
        params = call.params
        shop = self._desk.shops.get(params.get("appkey", ""))
        if shop is None:
            return failure(22, "appkey不存在")
        signature = sign(params, shop.app_secret)
        if signature is None or not same(params.get("sign", ""), signature):
            return failure(28, "签名校验失败")
        at = params.get("timestamp", "")
        if not at.isdecimal() or abs(int(at) - self._desk.clock()) > TOLERANCE_MS:
            return failure(27, "时间戳超出有效范围")
        if params.get("access_token") != shop.access_token:
            return failure(24, "access_token无效")
        method = params.get("method", "")
        calls = self._reads if call.method == "GET" else self._writes
        act = calls.get(method)
        if act is None or call.path != f"/{method.replace('.', '/')}":
            return failure(12, f"{call.method} {method} 不存在")
        try:
            return act(shop, msgspec.json.decode(params.get("param", ""), type=Param))
        except (_Invalid, msgspec.MsgspecError) as wrong:
            return failure(13, f"参数错误: {wrong}")

    def _list(self, shop: Shop, param: Param) -> Answer:
        begin_ms, end_ms = _window(param, 7 * DAY_MS)
        by_created = _number(param, "queryType") == _BY_CREATION
        size = _number(param, "pageSize", most=50)
        found = [
            (order.created_at_ms if by_created else order.modified_at_ms, order.order_no, order)
            for order in self._desk.records.window(
                shop.shop, start_ms=begin_ms, end_ms=end_ms, by_created=by_created
            )
            if param.get("orderViewStatus") in {ALL_ORDERS, status_of(order)}
        ]
        newest_first = param.get("sort", 1) == 1
        if newest_first:
            found.reverse()
        place = _place(param, "cursor")
        if place is not None:
            found = [row for row in found if (row[:2] < place if newest_first else row[:2] > place)]
        page = found[:size]
        shown = self._desk.doubled(order for _, _, order in page)
        content = {
            "cursor": f"{page[-1][0]}_{page[-1][1]}" if len(found) > size else NO_MORE,
            "pageSize": size,
            "beginTime": begin_ms,
            "endTime": end_ms,
            "orderList": [self._row(order, shop) for order in shown],
        }
        return _ok(content)

    def _row(self, order: Order, shop: Shop) -> dict[str, Any]:
        return order_row(order, shop, self._desk.records.claims_of(order))

    def _detail(self, shop: Shop, param: Param) -> Answer:
        order = self._desk.order(shop, param.get("oid", ""))
        if order is None:
            return failure(11, _SEND_REFUSALS["unknown"])
        return _ok(self._row(self._desk.shown(order), shop))

    def _append(self, shop: Shop, param: Param) -> Answer:
        waybill, company = _parcel(shop, param)
        order = self._desk.order(shop, param.get("oid", ""))
        verdict: Verdict = ("refused", "unknown")
        if order is not None:
            verdict = self._desk.world.add_parcel(order.key, waybill=waybill, company=company)
        if not self._desk.note("send_beside", verdict[0]):
            return failure(11, "订单未发货，不能追加包裹")
        return _ok(None, wrote=True)

    def _update(self, shop: Shop, param: Param) -> Answer:
        waybill, company = _parcel(shop, param)
        order = self._desk.order(shop, param.get("orderId", ""))
        outcome, reason = self._desk.change_waybill(
            order, former=None, waybill=waybill, company=company
        )
        if reason:
            return failure(11, "订单未发货，或有多个包裹")
        return _ok(None, wrote=outcome != "refused")

    def _deliver(self, shop: Shop, param: Param) -> Answer:
        waybill, company = _parcel(shop, param)
        order = self._desk.order(shop, param.get("orderId", ""))
        if order is None:
            self._desk.note("send", "refused")
            return failure(11, _SEND_REFUSALS["unknown"])
        outcome, reason = self._desk.world.ship(order.key, waybill=waybill, company=company)
        wrote = self._desk.note("send", outcome)
        if reason:
            return failure(11, _SEND_REFUSALS[reason], wrote=wrote)
        return _ok(None, wrote=True)

    def _claims(self, shop: Shop, param: Param) -> Answer:
        begin_ms, end_ms = _window(param, DAY_MS)
        size, kind = _number(param, "pageSize", most=100), _number(param, "type")
        if kind not in {ALL_CLAIMS, WAITING_CLAIMS}:
            raise _Invalid("type")
        by_created = _number(param, "queryType") == _BY_CREATION
        found = self._desk.records.claims_window(
            shop.shop, start_ms=begin_ms, end_ms=end_ms, by_created=by_created
        )
        rows = [
            (one.created_at_ms if by_created else one.modified_at_ms, one.after_sale_id, one)
            for one in found
            if kind == ALL_CLAIMS or one.status == "open"
        ]
        place = _place(param, "pcursor")
        if place is not None:
            rows = [row for row in rows if row[:2] > place]
        page = rows[:size]
        content = {
            "pcursor": f"{page[-1][0]}_{page[-1][1]}" if len(rows) > size else NO_MORE,
            "refundOrderInfoList": [refund_row(self._desk.showing(one)) for _, _, one in page],
        }
        return _ok(content)

    def _approve(self, shop: Shop, param: Param) -> Answer:
        claim = self._desk.claim(shop, param.get("refundId", ""))
        if claim is not None and not _as_asked(claim, param):
            claim = None
        return self._answered(claim, agree=True)

    def _reject(self, shop: Shop, param: Param) -> Answer:
        if str(_number(param, "reasonCode")) != shop.refusal_code:
            raise _Invalid("reasonCode")
        return self._answered(self._desk.claim(shop, param.get("refundId", "")), agree=False)

    def _answered(self, claim: AfterSale | None, *, agree: bool) -> Answer:
        _, reason = self._desk.answer_claim(claim, agree=agree)
        if reason:
            return failure(14, "售后单不存在" if reason == "unknown" else "售后单状态已变更")
        return _ok(None, wrote=True)


def _as_asked(claim: AfterSale, param: Param) -> bool:
    # An agreement repeats what it agrees to; repeated itself, it still says so as the claim was open.
    return (
        param.get("refundAmount") == claim.amount_fen
        and param.get("status") == REFUND_STATUS["open"]
    )


def _parcel(shop: Shop, param: Param) -> tuple[str, str]:
    company, waybill = str(_number(param, "expressCode")), param.get("expressNo")
    if not isinstance(waybill, str) or not waybill:
        raise _Invalid("expressNo")
    if company not in {*PUBLIC_COMPANIES, *shop.carriers.values()}:
        raise _Invalid("expressCode")
    return waybill, company


def _number(param: Param, name: str, *, most: int | None = None) -> int:
    value = param.get(name)
    if not isinstance(value, int) or value < 1 or (most is not None and value > most):
        raise _Invalid(name)
    return value


def _window(param: Param, length_ms: int) -> tuple[int, int]:
    begin_ms, end_ms = _number(param, "beginTime"), _number(param, "endTime")
    if not 0 <= end_ms - begin_ms <= length_ms:
        raise _Invalid("endTime")
    return begin_ms, end_ms


def _place(param: Param, name: str) -> tuple[int, str] | None:
    cursor = param.get(name, "")
    if cursor == "":
        return None
    at, _, number = str(cursor).partition("_")
    if not at.isdecimal() or not number.isdecimal():
        raise _Invalid(name)
    return int(at), number
