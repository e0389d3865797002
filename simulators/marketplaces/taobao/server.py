"""Taobao's TOP router: every call is one signed form to /router/rest.

Guarantees: a call whose signature, session or time is wrong changes nothing and is answered with HTTP
200 and an error_response, as the platform does. Lists come newest change first.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from simulators.clock import beijing_ms
from simulators.desk import Desk
from simulators.doors import Answer, Call
from simulators.marketplaces.taobao.payloads import REQUEST_ID, detail, list_row, refund_row
from simulators.orders import AfterSale, Order, Shop
from simulators.signing import same, top_sign

TOLERANCE_MS = 10 * 60_000
WINDOW_MAX_MS = 24 * 3_600_000
Params = dict[str, str]


def failure(code: int, message: str, sub_code: str = "", sub_message: str = "") -> bytes:
    """Return an error_response."""
    fields: dict[str, Any] = {"code": code, "msg": message}
    if sub_code:
        fields |= {"sub_code": sub_code, "sub_msg": sub_message}
    return msgspec.json.encode({"error_response": fields | {"request_id": REQUEST_ID}})


THROTTLED = Answer(
    body=failure(
        7,
        "App Call Limited",
        "accesscontrol.limited-by-api-access-count",
        "This ban will last for 1 more seconds",
    )
)
_SEND_REFUSALS = {
    "unknown": ("isv.trade-not-exist", "交易不存在"),
    "not_paid": ("isv.logistics-offline-service-error:B01", "订单状态不允许发货"),
    "refund_open": ("isv.logistics-offline-service-error:B27", "订单存在退款申请"),
    "already_shipped": ("isv.logistics-offline-service-error:B04", "订单已经发货"),
}


_STOCK_REFUSALS = {
    "unknown": ("isv.item-quantity-update-service-error:ITEM_NOT_FOUND", "宝贝或SKU不存在"),
    "wrong_quantity": ("isv.invalid-parameter:quantity", "库存数量不合法"),
}
_RESEND_REFUSAL = ("isv.logistics-resend-service-error:B60", "订单未发货，或拆单订单未指定子订单")
_CLAIM_REFUSALS = {
    "unknown": ("isv.refund-not-exist", "退款不存在"),
    "already_agreed": ("isv.refund-status-error", "退款状态不符"),
    "already_withdrawn": ("isv.refund-status-error", "退款状态不符"),
    "not_shipped": ("isv.refund-refuse-error", "卖家未发货的交易不能拒绝退款"),
}


class Refused(Exception):
    """The call is answered with an error_response and changes nothing."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer


class Taobao:
    """The platform's side of TOP."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._calls: dict[str, Callable[[Shop, Params], Answer]] = {
            "taobao.trades.sold.increment.get": self._increment,
            "taobao.trade.fullinfo.get": self._fullinfo,
            "taobao.logistics.online.send": self._send,
            "taobao.logistics.offline.send": self._send,
            "taobao.logistics.consign.resend": self._resend,
            "taobao.item.quantity.update": self._stock,
            "taobao.refunds.receive.get": self._refunds,
            "taobao.rp.refunds.agree": self._agree,
            "taobao.refund.refuse": self._refuse,
        }

    def answer(self, call: Call) -> Answer:
        """Check a call and act on it."""
        params = call.params
        try:
            shop = self._identify(params)
            act = self._calls.get(params.get("method", ""))
            if act is None:
                return Answer(body=failure(22, "Invalid Method"))
            return act(shop, params)
        except Refused as refused:
            return Answer(body=refused.answer)

    def _identify(self, params: Params) -> Shop:
        shop = self._desk.shops.get(params.get("app_key", ""))
        if shop is None:
            raise Refused(failure(29, "Invalid App Key"))
        expected = top_sign(params, shop.app_secret, params.get("sign_method", "md5"))
        if expected is None or not same(params.get("sign", ""), expected):
            raise Refused(failure(25, "Invalid signature"))
        if params.get("session") != shop.access_token:
            raise Refused(failure(27, "Invalid session", "invalid-sessionkey", "session无效"))
        if abs(_call_time_ms(params) - self._desk.clock()) > TOLERANCE_MS:
            raise Refused(failure(31, "Invalid Timestamp"))
        return shop

    def _increment(self, shop: Shop, params: Params) -> Answer:
        start_ms, end_ms = _window(params)
        found = [
            order
            for order in self._desk.records.window(shop.shop, start_ms=start_ms, end_ms=end_ms)
            if _status_wanted(order, params)
        ]
        found.reverse()
        page, size = _page(params)
        orders = found[(page - 1) * size : page * size]
        wanted = _fields(params)
        rows: list[dict[str, Any]] = []
        for order in orders:
            row = {name: value for name, value in list_row(order).items() if name in wanted}
            rows.append(row)
            if self._desk.repeats():
                rows.append(row)
        more = {"has_next": page * size < len(found)}
        total = {"total_results": len(found)}
        content: dict[str, Any] = more if params.get("use_has_next") == "true" else total
        if rows:
            content["trades"] = {"trade": rows}
        return _reply(params, content)

    def _fullinfo(self, shop: Shop, params: Params) -> Answer:
        order = self._desk.shown(self._own_order(shop, params))
        whole = detail(order, shop)
        trade = whole["trade_fullinfo_get_response"]["trade"]
        wanted = _fields(params)
        return _reply(
            params, {"trade": {name: value for name, value in trade.items() if name in wanted}}
        )

    def _send(self, shop: Shop, params: Params) -> Answer:
        order = self._own_order(shop, params)
        line_nos = None
        if params.get("is_split") == "1":
            line_nos = tuple(_required(params, "sub_tid").split(","))
        outcome, reason = self._desk.world.ship(
            order.key,
            waybill=_required(params, "out_sid"),
            company=_required(params, "company_code"),
            line_nos=line_nos,
        )
        wrote = self._desk.note("send", outcome)
        if reason:
            sub_code, sub_message = _SEND_REFUSALS[reason]
            body = failure(15, "Remote service error", sub_code, sub_message)
            return Answer(body=body, wrote=wrote)
        return _reply(params, {"shipping": {"is_success": True}}, wrote=True)

    def _resend(self, shop: Shop, params: Params) -> Answer:
        order = self._own_order(shop, params)
        former = None
        if params.get("is_split") == "1":
            wanted = set(_required(params, "sub_tid").split(","))
            former = next((line.waybill for line in order.lines if line.line_no in wanted), "")
        outcome, reason = self._desk.change_waybill(
            order,
            former=former,
            waybill=_required(params, "out_sid"),
            company=_required(params, "company_code"),
        )
        if reason:
            raise Refused(failure(15, "Remote service error", *_RESEND_REFUSAL))
        return _reply(params, {"shipping": {"is_success": True}}, wrote=outcome != "refused")

    def _stock(self, shop: Shop, params: Params) -> Answer:
        # 2 adds to what there is: a hub that says how many pieces there are never does.
        if params.get("type", "1") != "1":
            raise _invalid("type")
        item_id, quantity = _required(params, "num_iid"), _required(params, "quantity")
        outcome, reason = self._desk.tell_stock(
            shop, sku_id=params.get("sku_id", ""), item_id=item_id, quantity=quantity
        )
        if reason:
            raise Refused(failure(15, "Remote service error", *_STOCK_REFUSALS[reason]))
        item = {"num_iid": int(item_id), "num": int(quantity), "modified": params["timestamp"]}
        return _reply(params, {"item": item}, wrote=outcome != "refused")

    def _refunds(self, shop: Shop, params: Params) -> Answer:
        start_ms, end_ms = _window(params)
        found = self._desk.records.claims_window(shop.shop, start_ms=start_ms, end_ms=end_ms)
        found.reverse()
        page, size = _page(params)
        rows = [
            refund_row(self._desk.showing(one), self._order_of(one))
            for one in found[(page - 1) * size : page * size]
        ]
        more = {"has_next": page * size < len(found)}
        total = {"total_results": len(found)}
        content: dict[str, Any] = more if params.get("use_has_next") == "true" else total
        if rows:
            content["refunds"] = {"refund": rows}
        return _reply(params, content)

    def _agree(self, shop: Shop, params: Params) -> Answer:
        results, wrote = [], False
        for part in _required(params, "refund_infos").split(","):
            refund_id, amount, *_ = [*part.split("|"), "", ""]
            claim = self._desk.claim(shop, refund_id)
            if claim is not None and amount != str(claim.amount_fen):
                claim = None
            outcome, reason = self._desk.answer_claim(claim, agree=True)
            wrote |= outcome != "refused"
            results.append({"refund_id": refund_id, "succ": not reason, "message": reason})
        done = sum(bool(result["succ"]) for result in results)
        code = "OP_SUCC" if done == len(results) else "SOME_OP_SUCC" if done else "OP_FAILURE_UE"
        content = {
            "results": {"refund_mapping_result": results},
            "succ": done == len(results),
            "msg_code": code,
            "message": "",
        }
        return _reply(params, content, wrote=wrote)

    def _refuse(self, shop: Shop, params: Params) -> Answer:
        refund_id = _required(params, "refund_id")
        _required(params, "refuse_message")
        claim = self._desk.claim(shop, refund_id)
        if claim is not None and claim.before_shipping and not self._order_of(claim).shipments:
            self._desk.note("refuse", "refused")
            raise Refused(failure(15, "Remote service error", *_CLAIM_REFUSALS["not_shipped"]))
        _, reason = self._desk.answer_claim(claim, agree=False)
        if reason:
            raise Refused(failure(15, "Remote service error", *_CLAIM_REFUSALS[reason]))
        return _reply(params, {"is_success": True}, wrote=True)

    def _order_of(self, claim: AfterSale) -> Order:
        return self._desk.records.orders[claim.channel, claim.order_no]

    def _own_order(self, shop: Shop, params: Params) -> Order:
        order = self._desk.order(shop, _required(params, "tid"))
        if order is None:
            sub_code, sub_message = _SEND_REFUSALS["unknown"]
            raise Refused(failure(15, "Remote service error", sub_code, sub_message))
        return order


def _reply(params: Params, content: dict[str, Any], *, wrote: bool = False) -> Answer:
    key = params["method"].removeprefix("taobao.").replace(".", "_") + "_response"
    body = msgspec.json.encode({key: content | {"request_id": REQUEST_ID}})
    return Answer(body=body, wrote=wrote)


def _required(params: Params, name: str) -> str:
    value = params.get(name, "")
    if not value:
        raise Refused(
            failure(40, "Missing required arguments", f"isv.missing-parameter:{name}", name)
        )
    return value


def _invalid(name: str) -> Refused:
    return Refused(failure(41, "Invalid arguments", f"isv.invalid-parameter:{name}", name))


def _fields(params: Params) -> set[str]:
    # "orders.oid" asks for the lists too; the platform then gives whole entries.
    return {name.strip().partition(".")[0] for name in _required(params, "fields").split(",")}


def _window(params: Params) -> tuple[int, int]:
    try:
        start_ms = beijing_ms(_required(params, "start_modified"))
        end_ms = beijing_ms(_required(params, "end_modified"))
    except ValueError:
        raise _invalid("start_modified") from None
    if not 0 <= end_ms - start_ms <= WINDOW_MAX_MS:
        raise _invalid("end_modified")
    return start_ms, end_ms


def _page(params: Params) -> tuple[int, int]:
    page, size = params.get("page_no", "1"), params.get("page_size", "40")
    if not page.isdecimal() or int(page) < 1:
        raise _invalid("page_no")
    if not size.isdecimal() or not 1 <= int(size) <= 100:
        raise _invalid("page_size")
    return int(page), int(size)


def _status_wanted(order: Order, params: Params) -> bool:
    status = params.get("status", "")
    return not status or list_row(order)["status"] == status


def _call_time_ms(params: Params) -> int:
    text = params.get("timestamp", "")
    if text.isdecimal():
        return int(text)
    try:
        return beijing_ms(text)
    except ValueError:
        raise Refused(failure(31, "Invalid Timestamp")) from None
