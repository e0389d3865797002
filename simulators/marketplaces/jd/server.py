"""JD's JOS router: every call is one signed form or query to /routerjson.

Guarantees: faults of the gateway are an error_response, faults of business are HTTP 200 with code "0"
and success=false — never an empty page. page and page_size must be text, as JD wants them.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from simulators.clock import beijing_ms
from simulators.desk import Desk
from simulators.doors import Answer, Call
from simulators.marketplaces.jd.payloads import (
    claim_row,
    get_answer,
    is_to_be_paid,
    order_row,
    search_answer,
    state_of,
)
from simulators.orders import AfterSale, Order, Shop
from simulators.signing import jos_sign, same
from simulators.world import Verdict

TOLERANCE_MS = 6 * 60_000
WINDOW_MAX_MS = 31 * 24 * 3_600_000
Business = dict[str, Any]


def failure(code: str, chinese: str, english: str) -> bytes:
    """Return an error_response of the gateway."""
    fields = {"code": code, "zh_desc": chinese, "en_desc": english}
    return msgspec.json.encode({"error_response": fields})


THROTTLED = Answer(body=failure("2", "限制访问", "App Call Limited"))
_SHIP_REFUSALS = {
    "unknown": ("10400001", "订单不存在"),
    "not_paid": ("10400002", "订单状态不允许出库"),
    "refund_open": ("10400003", "订单已锁定"),
    "already_shipped": ("10400010", "订单已出库"),
}

_STOCK_REFUSALS = {
    "unknown": ("10500001", "SKU不存在", "sku not found"),
    "wrong_quantity": ("10500002", "库存数量不合法", "invalid stockNum"),
}


class Jd:
    """The platform's side of JOS."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._calls: dict[str, Callable[[Shop, Business], Answer]] = {
            "jingdong.pop.order.search": self._search,
            "jingdong.pop.order.enSearch": self._search,
            "jingdong.pop.order.get": self._get,
            "jingdong.pop.order.shipment": self._ship,
            "jingdong.stock.write.updateSkuStock": self._stock,
            "jingdong.pop.afs.soa.refundapply.queryPageList": self._claims,
            "jingdong.pop.afs.soa.refundapply.replyRefund": self._reply_to_claim,
        }

    def answer(self, call: Call) -> Answer:
        """Check a call and act on it."""
        params = call.params
        shop = self._desk.shops.get(params.get("app_key", ""))
        if shop is None:
            return Answer(body=failure("10", "无效app_key", "Invalid app_key"))
        if not same(params.get("sign", ""), jos_sign(params, shop.app_secret)):
            return Answer(body=failure("12", "无效签名", "Invalid signature"))
        if params.get("access_token") != shop.access_token:
            return Answer(body=failure("19", "无效access_token", "Invalid access_token"))
        try:
            early_ms = beijing_ms(params.get("timestamp", "")) - self._desk.clock()
            business = msgspec.json.decode(params.get("360buy_param_json", "{}"), type=Business)
        except (ValueError, msgspec.DecodeError):
            return Answer(body=failure("8", "无效参数", "Invalid timestamp or parameters"))
        if abs(early_ms) > TOLERANCE_MS:
            return Answer(body=failure("8", "无效时间戳", "Invalid timestamp"))
        act = self._calls.get(params.get("method", ""))
        if act is None:
            return Answer(body=failure("22", "无效方法", "Invalid method"))
        return act(shop, business)

    def _search(self, shop: Shop, business: Business) -> Answer:
        wrong = _wrong_search(business)
        if wrong:
            return Answer(body=_search_failure(wrong))
        wanted = set(business["order_state"].split(","))
        found = [
            order
            for order in self._desk.records.window(
                shop.shop,
                start_ms=beijing_ms(business["start_date"]),
                end_ms=beijing_ms(business["end_date"]),
                by_created=business.get("dateType") == "1",
            )
            if state_of(order)[0] in wanted
        ]
        if business.get("sortType", "1") == "1":
            found.reverse()
        page, size = int(business["page"]), int(business["page_size"])
        fields = _fields(business)
        rows: list[dict[str, Any]] = []
        for order in found[(page - 1) * size : page * size]:
            rows.extend(self._rows(order, shop, fields))
        return Answer(body=msgspec.json.encode(search_answer(rows, len(found))))

    def _rows(self, order: Order, shop: Shop, fields: set[str]) -> list[dict[str, Any]]:
        # A row of a lagging replica stands beside the row it lags behind.
        shown = self._desk.shown(order)
        versions = [order] if shown is order else [order, shown]
        if self._desk.repeats():
            versions.insert(0, order)
        return [
            {name: value for name, value in order_row(one, shop).items() if name in fields}
            for one in versions
        ]

    def _get(self, shop: Shop, business: Business) -> Answer:
        order = self._desk.order(shop, business.get("order_id", ""))
        if order is None or not business.get("optional_fields"):
            return Answer(body=msgspec.json.encode(get_answer(None)))
        fields, row = _fields(business), order_row(self._desk.shown(order), shop)
        wanted = {name: value for name, value in row.items() if name in fields}
        return Answer(body=msgspec.json.encode(get_answer(wanted)))

    def _ship(self, shop: Shop, business: Business) -> Answer:
        order = self._desk.order(shop, business.get("orderId", ""))
        waybills = [text for text in str(business.get("logiNo", "")).split(",") if text]
        company = str(business.get("logiCoprId", ""))
        if order is None or not waybills or not company:
            self._desk.note("send", "refused")
            return _ship_answer("unknown")
        outcome, reason = self._ship_parcels(order, waybills, company)
        wrote = self._desk.note("send", outcome)
        return Answer(body=_ship_answer(reason).body, wrote=wrote)

    def _ship_parcels(self, order: Order, waybills: list[str], company: str) -> Verdict:
        # JD is not told which goods lie in which parcel: one line each, the rest in the last.
        line_nos = [line.line_no for line in order.lines]
        waybills = waybills[: len(line_nos)]
        verdict: Verdict = ("refused", "unknown")
        for place, waybill in enumerate(waybills):
            last = place == len(waybills) - 1
            verdict = self._desk.world.ship(
                order.key,
                waybill=waybill,
                company=company,
                line_nos=None if last else (line_nos[place],),
            )
        return verdict

    def _stock(self, shop: Shop, business: Business) -> Answer:
        outcome, reason = self._desk.tell_stock(
            shop, sku_id=business.get("skuId", ""), quantity=business.get("stockNum")
        )
        if reason:
            body = failure(*_STOCK_REFUSALS[reason])
            return Answer(body=body)
        content = {"code": "0", "success": True}
        body = msgspec.json.encode({"jingdong_stock_write_updateSkuStock_responce": content})
        return Answer(body=body, wrote=outcome != "refused")

    def _claims(self, shop: Shop, business: Business) -> Answer:
        if ids := str(business.get("ids", "")):
            named = [self._desk.claim(shop, one) for one in ids.split(",")]
            rows = [self._row(one) for one in named if one is not None]
            return _claims_answer(rows, len(rows), success=True)
        try:
            found = self._desk.records.claims_window(
                shop.shop,
                start_ms=beijing_ms(str(business.get("applyTimeStart", ""))),
                end_ms=beijing_ms(str(business.get("applyTimeEnd", ""))),
                by_created=True,
            )
            page, size = int(business.get("pageIndex", 1)), int(business.get("pageSize", 20))
        except ValueError:
            return _claims_answer([], 0, success=False)
        status = business.get("status")
        now_ms = self._desk.clock()
        wanted = [
            one for one in found if status in {None, "", str(claim_row(one, now_ms)["status"])}
        ]
        rows = [self._row(one) for one in wanted[(page - 1) * size : page * size]]
        return _claims_answer(rows, len(wanted), success=True)

    def _row(self, claim: AfterSale) -> dict[str, Any]:
        now_ms = self._desk.clock()
        # Approved is not paid back yet: the merchant has not been told of that.
        told = claim if is_to_be_paid(claim, now_ms) else self._desk.showing(claim)
        return claim_row(told, now_ms)

    def _reply_to_claim(self, shop: Shop, business: Business) -> Answer:
        status = str(business.get("status", ""))
        claim = self._desk.claim(shop, business.get("id", "")) if status in {"1", "2"} else None
        if status == "2" and not business.get("remark"):
            return _reply_answer("审核意见不能为空")
        outcome, reason = self._desk.answer_claim(claim, agree=status == "1")
        wrong = "无此申请" if reason == "unknown" else reason and "状态不符"
        return Answer(body=_reply_answer(wrong).body, wrote=outcome != "refused")


def _fields(business: Business) -> set[str]:
    return {name.strip() for name in str(business["optional_fields"]).split(",")}


def _wrong_search(business: Business) -> str:
    needed = ("start_date", "end_date", "order_state", "optional_fields", "page", "page_size")
    for name in needed:
        if not isinstance(business.get(name), str) or not business[name]:
            return name
    if not business["page"].isdecimal() or int(business["page"]) < 1:
        return "page"
    if not business["page_size"].isdecimal() or not 1 <= int(business["page_size"]) <= 100:
        return "page_size"
    try:
        length_ms = beijing_ms(business["end_date"]) - beijing_ms(business["start_date"])
    except ValueError:
        return "start_date"
    return "" if 0 <= length_ms <= WINDOW_MAX_MS else "end_date"


def _search_failure(name: str) -> bytes:
    answer = search_answer([], 0)
    result = answer["jingdong_pop_order_search_responce"]["searchorderinfo_result"]
    result["apiResult"] = {
        "chineseErrCode": f"参数错误:{name}",
        "englishErrCode": f"invalid parameter: {name}",
        "numberCode": 10100030,
        "success": False,
    }
    return msgspec.json.encode(answer)


def _ship_answer(reason: str) -> Answer:
    code, text = _SHIP_REFUSALS[reason] if reason else ("", "")
    result = {
        "success": not reason,
        "errorCode": code,
        "chineseErrCode": text,
        "englishErrCode": reason,
    }
    content = {"code": "0", "sopjosshipment_result": result}
    return Answer(body=msgspec.json.encode({"jingdong_pop_order_shipment_responce": content}))


def _claims_answer(rows: list[dict[str, Any]], total: int, *, success: bool) -> Answer:
    content = {
        "code": "0",
        "queryResult": {"success": success, "result": rows, "totalCount": total},
    }
    key = "jingdong_pop_afs_soa_refundapply_queryPageList_responce"
    return Answer(body=msgspec.json.encode({key: content}))


def _reply_answer(wrong: str) -> Answer:
    content = {"code": "0", "replyResult": {"success": not wrong, "errorMessage": wrong}}
    key = "jingdong_pop_afs_soa_refundapply_replyRefund_responce"
    return Answer(body=msgspec.json.encode({key: content}))
