"""Douyin's open platform: one signed POST a method, the parameters as the JSON body.

Guarantees: the signature covers the canonical form of the body, so a body changed by one byte of
meaning is refused; parcels of a multi-pack call are all applied or none. Pages count from 0.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from simulators.clock import SECOND_MS
from simulators.desk import Desk
from simulators.doors import Answer, Call
from simulators.marketplaces.douyin.payloads import (
    answer,
    claim_row,
    detail,
    pack_id,
    shop_order,
    status_of,
)
from simulators.orders import Order, Shop
from simulators.parcels import refusal_to_ship
from simulators.signing import doudian_canonical, doudian_sign, same

TOLERANCE_MS = 10 * 60_000
ROWS_MAX = 50_000
AGREE_TYPES = frozenset({101, 111, 201})
REFUSE_TYPES = frozenset({102, 112, 202})
Business = dict[str, Any]
Pack = tuple[str, str, tuple[str, ...] | None]


def failure(code: int, message: str, sub_code: str, sub_message: str) -> bytes:
    """Return an answer of failure."""
    return msgspec.json.encode(
        {
            "log_id": "sim",
            "code": code,
            "msg": message,
            "sub_code": sub_code,
            "sub_msg": sub_message,
            "data": None,
        }
    )


THROTTLED = Answer(body=failure(60000, "触发限流，请稍后重试", "isv.flow-limited:0", "触发限流"))
_FAILED = "业务处理失败"
_SHIP_REFUSALS = {
    "unknown": ("isv.business-failed:60001", "订单不存在"),
    "not_paid": ("isv.business-failed:60020", "订单状态不允许发货"),
    "refund_open": (
        "isv.business-failed:60040",
        "发货订单中有退款申请需要处理，请先处理。",
    ),
    "already_shipped": ("isv.business-failed:60030", "订单已发货"),
}

_STOCK_REFUSALS = {
    "unknown": ("isv.business-failed:70001", "商品或SKU不存在"),
    "wrong_quantity": ("isv.business-failed:70002", "库存数量不合法"),
}


def _ok(content: object, *, wrote: bool = False) -> Answer:
    return Answer(body=msgspec.json.encode(answer(content)), wrote=wrote)


def _ship_refused(reason: str, *, wrote: bool) -> Answer:
    return Answer(body=failure(50002, _FAILED, *_SHIP_REFUSALS[reason]), wrote=wrote)


def _edit_refused(reason: str) -> Answer:
    several = ("isv.business-failed:70011", "70011:包裹单号缺失，请修改后重试")
    other = ("isv.business-failed:70010", "订单未发货，不能修改物流")
    return Answer(body=failure(50002, _FAILED, *(several if reason == "several" else other)))


def _wrong(name: str) -> Answer:
    body = failure(40004, "参数不合法", "isv.parameter-invalid:0", name)
    return Answer(body=body)


class Douyin:
    """The platform's side of the open API."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._calls: dict[str, Callable[[Shop, Business], Answer]] = {
            "order.searchList": self._search,
            "order.orderDetail": self._detail,
            "order.logisticsAdd": self._ship_whole,
            "order.logisticsAddSinglePack": self._ship_single_pack,
            "order.logisticsAddMultiPack": self._ship_multi_pack,
            "order.logisticsEdit": self._edit,
            "order.logisticsEditByPack": self._edit_pack,
            "sku.syncStock": self._stock,
            "afterSale.List": self._claims,
            "afterSale.operate": self._operate,
        }

    def answer(self, call: Call) -> Answer:
        """Check a call and act on it; the path names the method once more."""
        path, params, body = call.path.strip("/").replace("/", "."), dict(call.query), call.body
        shop = self._desk.shops.get(params.get("app_key", ""))
        if shop is None:
            return Answer(body=failure(30001, "app_key不合法", "isv.app-key-invalid", ""))
        try:
            canonical = doudian_canonical(body)
            business = msgspec.json.decode(canonical, type=Business)
        except msgspec.DecodeError:
            return _wrong("param_json")
        if not same(params.get("sign", ""), doudian_sign(params, canonical, shop.app_secret)):
            return Answer(body=failure(40003, "sign不合法", "isv.signature-invalid", "签名错误"))
        if params.get("access_token") != shop.access_token:
            return Answer(body=failure(30001, "access_token不合法", "isv.access-token-invalid", ""))
        at = params.get("timestamp", "")
        if not at.isdecimal() or abs(int(at) * SECOND_MS - self._desk.clock()) > TOLERANCE_MS:
            return Answer(body=failure(30002, "timestamp不合法", "isv.timestamp-invalid", ""))
        act = self._calls.get(path)
        if act is None or params.get("method") != path:
            return Answer(body=failure(40002, "方法不存在", "isv.method-invalid", path))
        try:
            return act(shop, business)
        except (KeyError, TypeError, ValueError) as error:
            return _wrong(str(error))

    def _search(self, shop: Shop, business: Business) -> Answer:
        by_created = "create_time_start" in business
        start, end = (
            ("create_time_start", "create_time_end")
            if by_created
            else ("update_time_start", "update_time_end")
        )
        page, size = int(business["page"]), int(business["size"])
        if page < 0 or not 1 <= size <= 100 or (page + 1) * size > ROWS_MAX:
            return _wrong("page")
        found = self._desk.records.window(
            shop.shop,
            start_ms=int(business[start]) * SECOND_MS,
            end_ms=int(business[end]) * SECOND_MS,
            by_created=by_created,
        )
        statuses = {int(one["order_status"]) for one in business.get("combine_status", [])}
        if statuses:
            found = [order for order in found if status_of(order)[0] in statuses]
        if not business.get("order_asc", False):
            found.reverse()
        shown = self._desk.doubled(found[page * size : (page + 1) * size])
        rows = [shop_order(order, shop) for order in shown]
        content = {"page": page, "size": size, "total": len(found), "shop_order_list": rows}
        return _ok(content)

    def _detail(self, shop: Shop, business: Business) -> Answer:
        order = self._desk.order(shop, business["shop_order_id"])
        if order is None:
            return Answer(body=failure(50002, _FAILED, *_SHIP_REFUSALS["unknown"]))
        return Answer(body=msgspec.json.encode(detail(self._desk.shown(order), shop)))

    def _ship_whole(self, shop: Shop, business: Business) -> Answer:
        order = self._desk.order(shop, business["order_id"])
        packs = [(str(business["logistics_code"]), str(business["company_code"]), None)]
        return self._ship(order, packs)

    def _ship_single_pack(self, shop: Shop, business: Business) -> Answer:
        nos = tuple(str(one["shipped_order_id"]) for one in business["shipped_order_info"])
        order = self._order_of_line(shop, nos[0] if nos else "")
        packs = [(str(business["logistics_code"]), str(business["company_code"]), nos)]
        return self._ship(order, packs)

    def _ship_multi_pack(self, shop: Shop, business: Business) -> Answer:
        order = self._desk.order(shop, business["order_id"])
        packs = [
            (
                str(pack["logistics_code"]),
                str(pack["company_code"]),
                tuple(str(one["shipped_order_id"]) for one in pack["shipped_order_info"]),
            )
            for pack in business["pack_list"]
        ]
        return self._ship(order, packs)

    def _ship(self, order: Order | None, packs: Sequence[Pack]) -> Answer:
        if order is None or not packs or not all(code and company for code, company, _ in packs):
            self._desk.note("send", "refused")
            return _ship_refused("unknown", wrote=False)
        known = {shipment.waybill for shipment in order.shipments}
        new = [pack for pack in packs if pack[0] not in known]
        # All or none: what one parcel would be refused for refuses the call before anything is done.
        for _, _, line_nos in new:
            reason = refusal_to_ship(order, line_nos)
            if reason:
                self._desk.note("send", "refused")
                return _ship_refused(reason, wrote=False)
        for code, company, line_nos in packs:
            self._desk.world.ship(order.key, waybill=code, company=company, line_nos=line_nos)
        if new:
            return _ok({}, wrote=self._desk.note("send", "applied"))
        return _ship_refused("already_shipped", wrote=self._desk.note("send", "duplicate"))

    def _edit(self, shop: Shop, business: Business) -> Answer:
        order = self._desk.order(shop, business["order_id"])
        if order is not None and any(one.line_nos for one in order.shipments[1:]):
            self._desk.note("waybill", "refused")
            return _edit_refused("several")
        return self._change(order, None, business)

    def _edit_pack(self, shop: Shop, business: Business) -> Answer:
        order, pack = self._desk.order(shop, business["order_id"]), str(business["pack_id"])
        found = order.shipments if order is not None else ()
        former = next((one.waybill for at, one in enumerate(found) if pack == pack_id(at)), "")
        return self._change(order, former, business)

    def _change(self, order: Order | None, former: str | None, business: Business) -> Answer:
        waybill, company = str(business["logistics_code"]), str(business["company_code"])
        if not waybill or not company:
            return _wrong("logistics_code")
        outcome, reason = self._desk.change_waybill(
            order, former=former, waybill=waybill, company=company
        )
        return _edit_refused(reason) if reason else _ok({}, wrote=outcome != "refused")

    def _stock(self, shop: Shop, business: Business) -> Answer:
        # True adds to what there is: a hub that says how many pieces there are never does.
        if business.get("incremental", False) is not False:
            return _wrong("incremental")
        outcome, reason = self._desk.tell_stock(
            shop,
            sku_id=business["sku_id"],
            item_id=business.get("product_id"),
            quantity=business["stock_num"],
        )
        if reason:
            return Answer(body=failure(50002, _FAILED, *_STOCK_REFUSALS[reason]))
        return _ok({}, wrote=outcome != "refused")

    def _claims(self, shop: Shop, business: Business) -> Answer:
        page, size = int(business["page"]), int(business["size"])
        found = self._desk.records.claims_window(
            shop.shop,
            start_ms=int(business["update_start_time"]) * SECOND_MS,
            end_ms=int(business["update_end_time"]) * SECOND_MS,
        )
        shown = map(self._desk.showing, found[page * size : (page + 1) * size])
        rows = [claim_row(one) for one in shown]
        has_more = (page + 1) * size < len(found)
        return _ok(
            {"items": rows, "has_more": has_more, "page": page, "size": size, "total": len(found)}
        )

    def _operate(self, shop: Shop, business: Business) -> Answer:
        kind = int(business["type"])
        if kind not in AGREE_TYPES | REFUSE_TYPES:
            return _wrong("type")
        agree = kind in AGREE_TYPES
        results, wrote = [], False
        for item in business["items"]:
            claim_id = str(item["aftersale_id"])
            claim = self._desk.claim(shop, claim_id)
            if not agree:
                _check_refusal(shop, item)
            outcome, reason = self._desk.answer_claim(claim, agree=agree)
            wrote |= outcome != "refused"
            results.append(_operated(claim_id, reason))
        return _ok({"items": results}, wrote=wrote)

    def _order_of_line(self, shop: Shop, line_no: str) -> Order | None:
        return self._desk.order(shop, f"{line_no[:-3]}001")


def _check_refusal(shop: Shop, item: Business) -> None:
    if not item["reason"] or not item["remark"]:
        raise ValueError("remark")
    if str(item["reject_reason_code"]) != shop.refusal_code:
        raise ValueError("reject_reason_code")


def _operated(claim_id: str, reason: str) -> dict[str, Any]:
    return {
        "aftersale_id": int(claim_id) if claim_id.isdecimal() else 0,
        "status_code": 10000 if not reason else 50002,
        "status_msg": reason or "success",
    }
