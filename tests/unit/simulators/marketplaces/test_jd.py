from typing import Any

import pytest

from simulators.clock import ManualClock, beijing_text
from simulators.money import fen
from simulators.simulation import Simulation
from tests.unit.simulators.calls import JD_FIELDS, jd, jd_answer, jd_params, place, shop_named

SHOP = shop_named("jd-1")
STATES = "WAIT_SELLER_STOCK_OUT,NOT_PAY,LOCKED,TRADE_CANCELED,WAIT_GOODS_RECEIVE_CONFIRM"


def search(simulation: Simulation, clock: ManualClock, **changes: Any) -> dict[str, Any]:
    business = {
        "start_date": beijing_text(clock() - 3_600_000),
        "end_date": beijing_text(clock() + 3_600_000),
        "order_state": STATES,
        "optional_fields": JD_FIELDS,
        "page": "1",
        "page_size": "100",
        "sortType": "1",
        "dateType": "0",
    }
    answer = jd(simulation, SHOP, "jingdong.pop.order.search", **(business | changes))
    found: dict[str, Any] = answer["jingdong_pop_order_search_responce"]
    assert found["code"] == "0"
    result: dict[str, Any] = found["searchorderinfo_result"]
    return result


def test_one_changed_byte_is_refused(simulation: Simulation) -> None:
    params = jd_params(simulation, SHOP, "jingdong.pop.order.get", {"order_id": "1"})
    assert "error_response" not in jd_answer(simulation, params)
    for name in ("360buy_param_json", "timestamp", "access_token", "v"):
        answer = jd_answer(simulation, params | {name: params[name] + " "})
        assert answer["error_response"]["code"] == "12"


def test_pages_together_hold_every_order_once(simulation: Simulation, clock: ManualClock) -> None:
    placed = {simulation.world.place(channel="jd").order_no for _ in range(95)}
    found: list[str] = []
    for number in range(1, 6):
        result = search(simulation, clock, page=str(number), page_size="20")
        assert result["orderTotal"] == 95
        found += [row["orderId"] for row in result["orderInfoList"]]
    assert len(found) == 95
    assert set(found) == placed


@pytest.mark.parametrize(
    "wrong", [{"page": 1}, {"page_size": "101"}, {"order_state": ""}, {"start_date": "soon"}]
)
def test_a_wrong_parameter_is_a_business_error_and_never_an_empty_page(
    simulation: Simulation, clock: ManualClock, wrong: dict[str, Any]
) -> None:
    assert search(simulation, clock, **wrong)["apiResult"]["success"] is False


def test_amounts_add_up_in_jds_own_fields(simulation: Simulation, clock: ManualClock) -> None:
    for _ in range(100):
        place(simulation, "jd")
    for row in search(simulation, clock)["orderInfoList"]:
        total = sum(
            (fen(item["jdPrice"]) or 0) * int(item["itemTotal"]) for item in row["itemInfoList"]
        )
        coupons = {"30": 0, "100": 0, "41": 0}
        for coupon in row["couponDetailList"]:
            coupons[coupon["couponType"].partition("-")[0]] += fen(coupon["couponPrice"]) or 0
        seller_fen = coupons["30"] + coupons["100"]
        assert fen(row["orderTotalPrice"]) == total
        assert fen(row["sellerDiscount"]) == seller_fen
        assert fen(row["orderSellerPrice"]) == total - seller_fen
        freight_fen = fen(row["freightPrice"]) or 0
        assert fen(row["orderPayment"]) == total - seller_fen - coupons["41"] + freight_fen


def test_an_asked_for_cancellation_locks_the_order_until_it_is_answered(
    simulation: Simulation, clock: ManualClock
) -> None:
    order = place(simulation, "jd")
    simulation.world.act(order.key, "cancel_paid")
    (row,) = search(simulation, clock, order_state="LOCKED")["orderInfoList"]
    assert row["orderId"] == order.order_no
    method = "jingdong.pop.order.shipment"
    sent = jd(simulation, SHOP, method, orderId=order.order_no, logiCoprId="1499", logiNo="75001")
    refusal = sent["jingdong_pop_order_shipment_responce"]["sopjosshipment_result"]
    assert (refusal["success"], refusal["englishErrCode"]) == (False, "refund_open")
    (claim,) = simulation.world.records.after_sales
    key = "jingdong_pop_afs_soa_refundapply_replyRefund_responce"
    for outcome, taken in (("applied", True), ("duplicate", False)):
        reply = jd(
            simulation, SHOP, "jingdong.pop.afs.soa.refundapply.replyRefund", id=claim, status="1"
        )
        assert reply[key]["replyResult"]["success"] is taken
        assert simulation.tally.counts[f"jd:agree:{outcome}"] == 1
    # What was approved cannot be disapproved, and nothing is without a remark.
    for remark, wrong in (("", "审核意见不能为空"), ("已用过", "状态不符")):
        reply = jd(
            simulation,
            SHOP,
            "jingdong.pop.afs.soa.refundapply.replyRefund",
            id=claim,
            status="2",
            remark=remark,
        )
        assert reply[key]["replyResult"] == {"success": False, "errorMessage": wrong}
    (row,) = search(simulation, clock, order_state="TRADE_CANCELED")["orderInfoList"]
    assert row["orderId"] == order.order_no


def test_shipping_again_is_a_business_error_with_http_200_and_code_0(
    simulation: Simulation,
) -> None:
    order = place(simulation, "jd")
    call = {"orderId": order.order_no, "logiCoprId": "1499", "logiNo": "75001"}
    results = []
    for _ in range(2):
        answer = jd(simulation, SHOP, "jingdong.pop.order.shipment", **call)
        envelope = answer["jingdong_pop_order_shipment_responce"]
        assert envelope["code"] == "0"
        results.append(envelope["sopjosshipment_result"]["success"])
    assert results == [True, False]
    assert simulation.world.records.orders[order.key].shipments[0].count == 2


def test_several_waybills_in_one_text_are_several_parcels(simulation: Simulation) -> None:
    order = place(simulation, "jd")
    while len(order.lines) < 2:
        order = place(simulation, "jd")
    method = "jingdong.pop.order.shipment"
    jd(simulation, SHOP, method, orderId=order.order_no, logiCoprId="1499", logiNo="75001,75002")
    shipped = simulation.world.records.orders[order.key]
    assert [one.waybill for one in shipped.shipments] == ["75001", "75002"]
    assert shipped.state == "shipped"


def test_one_order_is_found_by_its_number(simulation: Simulation) -> None:
    order = place(simulation, "jd")
    method, fields = "jingdong.pop.order.get", "orderId,orderPayment"
    found = jd(simulation, SHOP, method, order_id=order.order_no, optional_fields=fields)
    detail = found["jingdong_pop_order_get_responce"]["orderDetailInfo"]
    assert set(detail["orderInfo"]) == {"orderId", "orderPayment"}
    missing = jd(simulation, SHOP, method, order_id="1", optional_fields=fields)
    detail = missing["jingdong_pop_order_get_responce"]["orderDetailInfo"]
    assert detail["apiResult"]["success"] is False
