"""Youzan's cloud: JSON POST with the token in the query; nothing is signed.

Guarantees: what fails at the gateway is a gw_err_resp, what fails behind it an answer without success;
orders are asked for by texts of Beijing and claims by seconds; an answer to a claim must carry the
version it was last seen in.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from simulators.clock import SECOND_MS, beijing_ms
from simulators.desk import Desk
from simulators.doors import Answer, Call
from simulators.marketplaces.youzan.payloads import TRACE_ID, answer, claim_json, status_of, trade
from simulators.orders import Order, Shop

ROWS_MAX = 3_000
Business = dict[str, Any]
_TIMES = ("update", "created")


def _gateway_failure(code: int, message: str) -> Answer:
    fields = {"trace_id": TRACE_ID, "err_code": code, "err_msg": message}
    return Answer(body=msgspec.json.encode({"gw_err_resp": fields}))


def failure(code: int, message: str, *, wrote: bool = False) -> Answer:
    """Return an answer of failure behind the gateway."""
    fields = {"trace_id": TRACE_ID, "code": code, "message": message, "success": False}
    return Answer(body=msgspec.json.encode(fields | {"data": None}), wrote=wrote)


THROTTLED = _gateway_failure(4301, "接口调用频率超过上限，请稍后重试")
_SEND_REFUSALS = {
    "unknown": "订单不存在",
    "not_paid": "订单状态不允许发货",
    "refund_open": "商品正在退款中，不能发货",
    "already_shipped": "订单已发货",
}
_STALE, _WRONG_VERSION, _NO_CLAIM = 102_010_002, 103_010_039, 103_011_024


def _ok(content: object, *, wrote: bool = False) -> Answer:
    return Answer(body=msgspec.json.encode(answer(content)), wrote=wrote)


class _Invalid(Exception):
    """A parameter is wrong; the message names it."""


class Youzan:
    """The platform's side of its cloud."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._by_token = {shop.access_token: shop for shop in desk.shops.values()}
        self._calls: dict[str, Callable[[Shop, Business], Answer]] = {
            "youzan.trades.sold.get/4.0": self._sold,
            "youzan.trade.get/4.0": self._get,
            "youzan.logistics.online.confirm/3.0": self._confirm,
            "youzan.item.quantity.update/3.0": self._stock,
            "youzan.trade.refund.search/3.0": self._claims,
            "youzan.trade.refund.get/3.0": self._claim,
            "youzan.trade.refund.agree/3.0": self._agree,
            "youzan.trade.refund.refuse/3.0": self._refuse,
        }

    def answer(self, call: Call) -> Answer:
        """Check a call and act on it."""
        token = call.query.get("access_token", "")
        if not token:
            return _gateway_failure(4201, "未传AccessToken")
        shop = self._by_token.get(token)
        if shop is None:
            return _gateway_failure(4203, "非法的AccessToken")
        name = call.path.removeprefix("/api/")
        act = self._calls.get(name.rpartition(".")[0])
        if act is None:
            return _gateway_failure(4001, f"接口{name}不存在")
        try:
            return act(shop, msgspec.json.decode(call.body or b"{}", type=Business))
        except (_Invalid, msgspec.MsgspecError) as wrong:
            return failure(50_000, f"参数错误: {wrong}")

    def _sold(self, shop: Shop, asked: Business) -> Answer:
        kind = next((one for one in _TIMES if f"start_{one}" in asked), "")
        try:
            start_ms, end_ms = (
                beijing_ms(str(asked[f"{edge}_{kind}"])) for edge in ("start", "end")
            )
        except (KeyError, ValueError):
            raise _Invalid("start_update, end_update") from None
        found = self._desk.records.window(
            shop.shop, start_ms=start_ms, end_ms=end_ms, by_created=kind == "created"
        )
        status = asked.get("status")
        rows = [order for order in found if status in {None, "", status_of(order)}]
        rows.reverse()
        page, size = _page(asked)
        shown = self._desk.doubled(rows[(page - 1) * size : page * size])
        content = {
            "full_order_info_list": [self._trade(order, shop) for order in shown],
            "total_results": len(rows),
        }
        return _ok(content)

    def _get(self, shop: Shop, asked: Business) -> Answer:
        order = self._own_order(shop, asked)
        if order is None:
            return failure(101_000_001, _SEND_REFUSALS["unknown"])
        return _ok(self._trade(self._desk.shown(order), shop))

    def _trade(self, order: Order, shop: Shop) -> dict[str, Any]:
        return trade(order, shop, self._desk.records.claims_of(order))

    def _confirm(self, shop: Shop, asked: Business) -> Answer:
        waybill, company = asked.get("out_sid"), str(asked.get("out_stype", ""))
        if not isinstance(waybill, str) or not waybill:
            raise _Invalid("out_sid")
        if not company.isdecimal():
            raise _Invalid("out_stype")
        order = self._own_order(shop, asked)
        if order is None:
            self._desk.note("send", "refused")
            return failure(101_000_001, _SEND_REFUSALS["unknown"])
        outcome, reason = self._desk.world.ship(
            order.key, waybill=waybill, company=company, line_nos=_chosen(order, asked)
        )
        wrote = self._desk.note("send", outcome)
        if reason:
            return failure(104_000_001, _SEND_REFUSALS[reason], wrote=wrote)
        return _ok({"is_success": True}, wrote=True)

    def _stock(self, shop: Shop, asked: Business) -> Answer:
        # 1 adds to what there is: a hub that says how many pieces there are never does.
        if str(asked.get("type", "0")) != "0":
            raise _Invalid("type")
        outcome, reason = self._desk.tell_stock(
            shop,
            sku_id=asked.get("sku_id", ""),
            item_id=asked.get("item_id", ""),
            quantity=asked.get("quantity"),
        )
        if reason == "unknown":
            return failure(234_000_003, "商品不存在")
        if reason:
            raise _Invalid("quantity")
        return _ok({"is_success": True}, wrote=outcome != "refused")

    def _claims(self, shop: Shop, asked: Business) -> Answer:
        kind = "create" if "create_time_start" in asked else "update"
        start_s, end_s = (_number(asked, f"{kind}_time_{edge}") for edge in ("start", "end"))
        found = self._desk.records.claims_window(
            shop.shop,
            start_ms=start_s * SECOND_MS,
            end_ms=end_s * SECOND_MS,
            by_created=kind == "create",
        )
        status = asked.get("status")
        wanted = [one for one in found if status in {None, "", claim_json(one, shop)["status"]}]
        wanted.reverse()
        page, size = _page(asked)
        if page * size > ROWS_MAX:
            raise _Invalid("page_no")
        shown = map(self._desk.showing, wanted[(page - 1) * size : page * size])
        return _ok({"refunds": [claim_json(one, shop) for one in shown], "total": len(wanted)})

    def _claim(self, shop: Shop, asked: Business) -> Answer:
        claim = self._desk.claim(shop, asked.get("refund_id", ""))
        if claim is None:
            return failure(_NO_CLAIM, "退款记录不存在")
        return _ok(claim_json(self._desk.showing(claim), shop))

    def _agree(self, shop: Shop, asked: Business) -> Answer:
        return self._reply(shop, asked, agree=True)

    def _refuse(self, shop: Shop, asked: Business) -> Answer:
        if not asked.get("remark"):
            raise _Invalid("remark")
        return self._reply(shop, asked, agree=False)

    def _reply(self, shop: Shop, asked: Business, *, agree: bool) -> Answer:
        version = _number(asked, "version")
        claim = self._desk.claim(shop, asked.get("refund_id", ""))
        if claim is not None and claim.status == "open" and version != claim.modified_at_ms:
            self._desk.note("agree" if agree else "refuse", "refused")
            return failure(_WRONG_VERSION, "退款版本号错误")
        outcome, reason = self._desk.answer_claim(claim, agree=agree)
        if reason == "unknown":
            return failure(_NO_CLAIM, "退款记录不存在")
        if outcome == "applied":
            return _ok({"is_success": True}, wrote=True)
        return failure(_STALE, "操作过期，请刷新后确认最新退款状态", wrote=outcome == "duplicate")

    def _own_order(self, shop: Shop, asked: Business) -> Order | None:
        return self._desk.order(shop, asked.get("tid", ""))


def _chosen(order: Order, asked: Business) -> tuple[str, ...] | None:
    if not asked.get("oids"):
        return None
    wanted = str(asked["oids"]).split(",")
    if not {*wanted} <= {line.line_no for line in order.lines}:
        raise _Invalid("oids")
    return tuple(wanted)


def _number(asked: Business, name: str) -> int:
    value = asked.get(name)
    if not isinstance(value, int) or value < 1:
        raise _Invalid(name)
    return value


def _page(asked: Business) -> tuple[int, int]:
    page, size = _number(asked, "page_no"), _number(asked, "page_size")
    if page > 100:
        raise _Invalid("page_no")
    if size > 100:
        raise _Invalid("page_size")
    return page, size
