"""WeChat's gateway: JSON POST with the token in the query; nothing is signed.

Guarantees: lists name orders and claims only; a next_key works only beside the filters it came with;
a parcel holds so many pieces of each SKU, all of a line or none.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from simulators.clock import SECOND_MS
from simulators.desk import Desk
from simulators.doors import Answer, Call
from simulators.marketplaces.wechat_channels.payloads import claim_json, ids_of, order_json
from simulators.orders import Order, Shop
from simulators.parcels import refusal_to_ship
from simulators.signing import md5_hex
from simulators.world import Verdict

PATH = "/channels/ec/"
WEEK_S, DAY_S = 7 * 86_400, 86_400
CLAIMS_PER_PAGE = 50
SET = 3
Business = dict[str, Any]
Row = tuple[int, str]


def failure(code: int, message: str, *, wrote: bool = False) -> Answer:
    """Return an answer of failure."""
    body = msgspec.json.encode({"errcode": code, "errmsg": f"{message} rid: sim"})
    return Answer(body=body, wrote=wrote)


THROTTLED = failure(45011, "api minute-quota reach limit")
_SEND_REFUSALS = {
    "unknown": "订单不存在",
    "not_paid": "订单状态不允许发货",
    "refund_open": "商品正在售后中，不能发货",
    "already_shipped": "商品已发货",
}


class _Refused(Exception):
    """The call is answered with an error and changes nothing."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.answer = failure(code, message)


def _invalid(name: str) -> _Refused:
    return _Refused(10020050, f"invalid {name}")


def _ok(*, wrote: bool = False, **content: object) -> Answer:
    body = msgspec.json.encode({"errcode": 0, "errmsg": "ok", **content})
    return Answer(body=body, wrote=wrote)


class WechatChannels:
    """The platform's side of the shop's calls."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._by_token = {shop.access_token: shop for shop in desk.shops.values()}
        self._calls: dict[str, Callable[[Shop, Business], Answer]] = {
            "order/list/get": self._list,
            "order/get": self._get,
            "order/delivery/send": self._send,
            "order/deliveryinfo/update": self._change_parcel,
            "product/stock/update": self._stock,
            "aftersale/getaftersalelist": self._claims,
            "aftersale/getaftersaleorder": self._claim,
            "aftersale/acceptapply": lambda shop, asked: self._reply(shop, asked, agree=True),
            "aftersale/rejectapply": lambda shop, asked: self._reply(shop, asked, agree=False),
        }

    def answer(self, call: Call) -> Answer:
        """Check a call and act on it."""
        token = call.query.get("access_token", "")
        if not token:
            return failure(41001, "access_token missing")
        shop = self._by_token.get(token)
        if shop is None:
            return failure(40001, "invalid credential, access_token is invalid or not latest")
        act = self._calls.get(call.path.removeprefix(PATH))
        if act is None:
            return failure(40066, "invalid url")
        try:
            return act(shop, msgspec.json.decode(call.body or b"{}", type=Business))
        except msgspec.MsgspecError:
            return failure(47001, "data format error")
        except _Refused as refused:
            return refused.answer

    def _list(self, shop: Shop, asked: Business) -> Answer:
        by_created = "create_time_range" in asked
        within = asked.get("create_time_range" if by_created else "update_time_range")
        if not isinstance(within, dict):
            raise _invalid("update_time_range")
        start_s, end_s = _window(within, "start_time", "end_time", WEEK_S)
        status, size = asked.get("status"), _number(asked, "page_size")
        if size > 100:
            raise _invalid("page_size")
        found = self._desk.records.window(
            shop.shop,
            start_ms=start_s * SECOND_MS,
            end_ms=end_s * SECOND_MS,
            by_created=by_created,
        )
        rows = [
            (order.created_at_ms if by_created else order.modified_at_ms, order.order_no)
            for order in found
            if status is None or order_json(order, [])["status"] == status
        ]
        filters = f"order:{by_created}:{start_s}:{end_s}:{status}"
        page, next_key = _page(rows, asked, filters, size)
        numbers = []
        for _, number in page:
            numbers += [number] * (2 if self._desk.repeats() else 1)
        return _ok(order_id_list=numbers, next_key=next_key, has_more=bool(next_key))

    def _get(self, shop: Shop, asked: Business) -> Answer:
        order = self._desk.shown(self._own_order(shop, asked))
        return _ok(order=order_json(order, self._desk.records.claims_of(order)))

    def _send(self, shop: Shop, asked: Business) -> Answer:
        order = self._own_order(shop, asked)
        parcels = _objects(asked, "delivery_list")
        told = [
            (str(one.get("waybill_id", "")), str(one.get("delivery_id", "")), _packed(order, one))
            for one in parcels
        ]
        if not all(waybill and company for waybill, company, _ in told):
            raise _invalid("waybill_id")
        known = {shipment.waybill for shipment in order.shipments}
        for waybill, _, line_nos in told:
            reason = "" if waybill in known else refusal_to_ship(order, line_nos)
            if reason:
                self._desk.note("send", "refused")
                return failure(10020067, _SEND_REFUSALS[reason])
        verdict: Verdict = ("refused", "unknown")
        for waybill, company, line_nos in told:
            verdict = self._desk.world.ship(
                order.key, waybill=waybill, company=company, line_nos=line_nos
            )
        outcome, reason = verdict
        wrote = self._desk.note("send", outcome)
        if reason:
            return failure(10020067, _SEND_REFUSALS[reason], wrote=wrote)
        return _ok(wrote=True)

    def _change_parcel(self, shop: Shop, asked: Business) -> Answer:
        order = self._own_order(shop, asked)
        parcels = _objects(asked, "delivery_list")
        waybill, company = (str(parcels[0].get(name, "")) for name in ("waybill_id", "delivery_id"))
        if len(parcels) != 1 or not waybill or not company:
            raise _invalid("delivery_list")
        _packed(order, parcels[0])
        told = order.shipments[0] if order.shipments else None
        once_more = told is not None and told.changes and told.waybill != waybill
        outcome, reason = self._desk.change_waybill(
            order if not once_more else None, former=None, waybill=waybill, company=company
        )
        if reason:
            raise _Refused(10020068, "物流信息不可修改：未发货、拆包发货或已修改过")
        return _ok(wrote=outcome != "refused")

    def _stock(self, shop: Shop, asked: Business) -> Answer:
        # 1 and 2 are differences: a hub that says how many pieces there are sets the number.
        if asked.get("diff_type") != SET:
            raise _invalid("diff_type")
        outcome, reason = self._desk.tell_stock(
            shop,
            sku_id=asked.get("sku_id", ""),
            item_id=asked.get("product_id", ""),
            quantity=asked.get("num"),
        )
        if reason == "unknown":
            raise _Refused(10020052, "商品不存在")
        if reason:
            raise _invalid("num")
        return _ok(wrote=outcome != "refused")

    def _claims(self, shop: Shop, asked: Business) -> Answer:
        by_created = "begin_create_time" in asked
        kind = "create" if by_created else "update"
        start_s, end_s = _window(asked, f"begin_{kind}_time", f"end_{kind}_time", DAY_S)
        found = self._desk.records.claims_window(
            shop.shop,
            start_ms=start_s * SECOND_MS,
            end_ms=end_s * SECOND_MS,
            by_created=by_created,
        )
        rows = [
            (one.created_at_ms if by_created else one.modified_at_ms, one.after_sale_id)
            for one in found
        ]
        filters = f"claim:{kind}:{start_s}:{end_s}"
        page, next_key = _page(rows, asked, filters, CLAIMS_PER_PAGE)
        return _ok(
            after_sale_order_id_list=[number for _, number in page],
            next_key=next_key,
            has_more=bool(next_key),
        )

    def _claim(self, shop: Shop, asked: Business) -> Answer:
        claim = self._desk.claim(shop, asked.get("after_sale_order_id", ""))
        if claim is None:
            raise _Refused(10020092, "售后单不存在")
        order = self._desk.records.orders[claim.channel, claim.order_no]
        return _ok(after_sale_order=claim_json(self._desk.showing(claim), order))

    def _reply(self, shop: Shop, asked: Business, *, agree: bool) -> Answer:
        if not agree and not asked.get("reject_reason"):
            raise _invalid("reject_reason")
        claim = self._desk.claim(shop, asked.get("after_sale_order_id", ""))
        _, reason = self._desk.answer_claim(claim, agree=agree)
        if reason:
            raise _Refused(10020092, "售后单不存在" if reason == "unknown" else "售后单状态不符")
        return _ok(wrote=True)

    def _own_order(self, shop: Shop, asked: Business) -> Order:
        order = self._desk.order(shop, asked.get("order_id", ""))
        if order is None:
            raise _Refused(10020051, _SEND_REFUSALS["unknown"])
        return order


def _objects(asked: Business, name: str) -> list[Business]:
    found = asked.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise _invalid(name)
    return found


def _packed(order: Order, parcel: Business) -> tuple[str, ...]:
    goods = _objects(parcel, "product_infos")
    wanted = {
        (str(one.get("product_id")), str(one.get("sku_id"))): one.get("product_cnt")
        for one in goods
    }
    lines = [line for line in order.lines if ids_of(line) in wanted]
    if len(lines) != len(wanted) or any(line.quantity != wanted[ids_of(line)] for line in lines):
        raise _invalid("product_cnt")
    return tuple(line.line_no for line in lines)


def _number(asked: Business, name: str) -> int:
    value = asked.get(name)
    if not isinstance(value, int) or value < 1:
        raise _invalid(name)
    return value


def _window(asked: Business, start: str, end: str, length_s: int) -> tuple[int, int]:
    start_s, end_s = _number(asked, start), _number(asked, end)
    if not 0 <= end_s - start_s <= length_s:
        raise _Refused(31042, "time range too large")
    return start_s, end_s


def _page(rows: list[Row], asked: Business, filters: str, size: int) -> tuple[list[Row], str]:
    """Cut the rows behind `next_key`, which carries a digest of the filters it came with."""
    digest = md5_hex(filters.encode())[:8]
    key = str(asked.get("next_key", ""))
    if key:
        made, at, number = (*key.split("_"), "", "")[:3]
        if made != digest:
            raise _Refused(606006, "filters must not change while next_key is passed on")
        if not at.isdecimal() or not number:
            raise _invalid("next_key")
        rows = [row for row in rows if row > (int(at), number)]
    page = rows[:size]
    following = f"{digest}_{page[-1][0]}_{page[-1][1]}" if len(rows) > size else ""
    return page, following
