import hashlib
import json
from typing import Any

import pytest

from simulators.clock import ManualClock
from simulators.doors import Call
from simulators.marketplaces.xiaohongshu.server import sign
from simulators.orders import Order
from simulators.simulation import Simulation
from tests.unit.simulators.calls import as_json, place, shop_named

SHOP = shop_named("xiaohongshu-1")
PATH = "/ark/open_api/v3/common_controller"


def fields_of(simulation: Simulation, method: str, **business: Any) -> dict[str, Any]:
    at = str(simulation.clock() // 1_000)
    text = f"{method}?appId={SHOP.app_key}&timestamp={at}&version=2.0{SHOP.app_secret}"
    return {
        **business,
        "method": method,
        "appId": SHOP.app_key,
        "timestamp": at,
        "version": "2.0",
        "accessToken": SHOP.access_token,
        "sign": hashlib.md5(text.encode()).hexdigest(),
    }


def ask(simulation: Simulation, fields: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(fields).encode()
    server = simulation.servers["xiaohongshu"]
    return as_json(server.answer(Call(method="POST", path=PATH, body=body)).body)


def call(simulation: Simulation, method: str, **business: Any) -> dict[str, Any]:
    return ask(simulation, fields_of(simulation, method, **business))


def listed(simulation: Simulation, clock: ManualClock, **business: Any) -> dict[str, Any]:
    now_s = clock() // 1_000
    asked = {
        "startTime": now_s - 900,
        "endTime": now_s + 900,
        "timeType": 2,
        "pageNo": 1,
        "pageSize": 10,
        **business,
    }
    return call(simulation, "order.getOrderList", **asked)


def detail(simulation: Simulation, order: Order) -> dict[str, Any]:
    found: dict[str, Any] = call(simulation, "order.getOrderDetail", orderId=order.order_no)["data"]
    return found


def test_it_signs_as_the_published_vector_shows() -> None:
    signature = sign("order.getOrderList", "app0000001", "1779243072", "xhs-secret-demo")
    assert signature == "ab18ab837df346e9c37b2217788a046f"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, 0),
        ({"appId": "app"}, 10002),
        ({"sign": "x"}, 10003),
        ({"timestamp": "1"}, 10003),
        ({"version": "1.0"}, 10003),
        ({"method": "order.getOrderList"}, 10003),
        ({"accessToken": "x"}, 10005),
        ({"orderId": "P1"}, 20001),
    ],
)
def test_who_calls_what_and_when_is_signed_the_rest_is_not(
    simulation: Simulation, changed: dict[str, str], code: int
) -> None:
    order = place(simulation, "xiaohongshu")
    fields = fields_of(simulation, "order.getOrderDetail", orderId=order.order_no)
    answer = ask(simulation, fields | changed)
    assert (answer["error_code"], answer["success"]) == (code, code == 0)


def test_an_old_call_is_refused(simulation: Simulation, clock: ManualClock) -> None:
    fields = fields_of(simulation, "order.getOrderDetail", orderId="P1")
    clock.advance(601_000)
    assert ask(simulation, fields)["error_code"] == 10004


@pytest.mark.parametrize(
    ("kind", "length_s", "code"),
    [(2, 1_800, 0), (2, 1_801, 10007), (1, 86_400, 0), (1, 86_401, 10007), (3, 1, 10007)],
)
def test_a_window_is_half_an_hour_of_updates_or_a_day_of_creations(
    simulation: Simulation, clock: ManualClock, kind: int, length_s: int, code: int
) -> None:
    now_s = clock() // 1_000
    answer = listed(simulation, clock, timeType=kind, startTime=now_s - length_s, endTime=now_s)
    assert answer["error_code"] == code
    window_ms = {"startTime": (now_s - length_s) * 1_000, "endTime": now_s * 1_000}
    claims = {"timeType": kind, "pageNo": 1, "pageSize": 50, **window_ms}
    assert call(simulation, "afterSale.listAfterSaleInfos", **claims)["error_code"] == code


def test_pages_hold_every_order_once_without_its_content(
    simulation: Simulation, clock: ManualClock
) -> None:
    for _ in range(25):
        place(simulation, "xiaohongshu")
    everything = {order_no for _, order_no in simulation.world.records.orders}
    last = listed(simulation, clock)["data"]["maxPageNo"]
    found: list[str] = []
    for page in range(1, last + 1):
        rows = listed(simulation, clock, pageNo=page)["data"]["orderList"]
        assert all("skuList" not in row for row in rows)
        found += [row["orderId"] for row in rows]
    assert sorted(found) == sorted(everything)


def test_amounts_add_up_in_its_own_fields(simulation: Simulation) -> None:
    for _ in range(60):
        row = detail(simulation, place(simulation, "xiaohongshu"))
        prices = sum(
            sku["skuDetailList"][0]["pricePerSku"] * sku["skuQuantity"] for sku in row["skuList"]
        )
        off = row["totalMerchantDiscount"] + row["totalRedDiscount"]
        assert row["totalPayAmount"] == prices - off + row["totalShippingFree"]
        paid = sum(sku["totalPaidAmount"] for sku in row["skuList"])
        assert row["totalPayAmount"] == paid + row["totalShippingFree"]
        for name in ("totalMerchantDiscount", "totalRedDiscount"):
            assert row[name] == sum(sku[name] for sku in row["skuList"])


def test_the_receiver_is_told_to_who_has_the_key_of_the_address(simulation: Simulation) -> None:
    order = place(simulation, "xiaohongshu")
    row = detail(simulation, order)
    old_key = row["openAddressId"]
    assert {row[name] for name in ("receiverName", "receiverPhone", "receiverAddress")} == {""}
    simulation.world.act(order.key, "address")
    new_key = detail(simulation, order)["openAddressId"]
    for key, matched in ((old_key, False), (new_key, True)):
        query = {"orderId": order.order_no, "openAddressId": key}
        answer = call(simulation, "order.getOrderReceiverInfo", receiverQueries=[query])
        (told,) = answer["data"]["receiverInfos"]
        assert told["matched"] is matched
        assert (order.receiver.canary in told["receiverName"]) is matched


def test_an_order_leaves_sku_by_sku(simulation: Simulation) -> None:
    order = place(simulation, "xiaohongshu")
    while len(order.lines) < 2:
        order = place(simulation, "xiaohongshu")
    first, *rest = [sku["skuId"] for sku in detail(simulation, order)["skuList"]]
    asked = {"orderId": order.order_no, "expressCompanyCode": "shunfeng", "unpack": True}
    send = "order.orderDeliver"
    wrong = call(simulation, send, **asked, expressNo="1", skuIdList=["65f"])
    assert wrong["error_code"] == 10007
    states = []
    for waybill, sku_ids in (("1", [first]), ("2", rest)):
        answer = call(simulation, send, **asked, expressNo=waybill, skuIdList=sku_ids)
        assert answer == {"success": True, "error_code": 0, "error_msg": "", "data": "success"}
        states.append(detail(simulation, order)["orderStatus"])
    assert states == [5, 6]
    again = call(simulation, send, **asked, expressNo="1", skuIdList=[first])
    assert (again["success"], again["error_msg"]) == (False, "订单已发货")


def test_a_claim_is_asked_for_in_yuan_and_may_be_refused(
    simulation: Simulation, clock: ManualClock
) -> None:
    order = place(simulation, "xiaohongshu")
    simulation.world.act(order.key, "cancel_paid")
    assert detail(simulation, order)["cancelStatus"] == 1
    window = {"startTime": clock() - 60_000, "endTime": clock() + 60_000, "timeType": 2}
    asked = {"pageNo": 1, "pageSize": 50, **window}
    (row,) = call(simulation, "afterSale.listAfterSaleInfos", **asked)["data"][
        "afterSaleBasicInfos"
    ]
    assert round(row["expectedRefundAmountYuan"] * 100) == order.paid_fen
    audit, claim = "afterSale.auditReturns", {"returnsId": row["returnsId"]}
    assert call(simulation, audit, **claim, action=3)["error_code"] == 10007
    assert call(simulation, audit, **claim, action=3, reason=1)["success"] is True
    assert call(simulation, audit, **claim, action=1)["error_code"] == 30001
    told = call(simulation, "afterSale.getAfterSaleInfo", **claim)["data"]["afterSaleInfo"]
    assert (told["status"], told["refundStatus"], told["refundAmountYuan"]) == (9001, 0, 0)
    assert detail(simulation, order)["cancelStatus"] == 0
