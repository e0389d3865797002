import hashlib
import json
from typing import Any

import pytest

from simulators.clock import ManualClock
from simulators.orders import Order
from simulators.simulation import Simulation
from tests.unit.simulators.calls import as_json, form_call, place, shop_named

SHOP = shop_named("groupbuy-1")
LISTED = "ktt_increment_order_query_response"
CLAIMED = "ktt_after_sales_incermet_list_response"


def params_of(simulation: Simulation, method: str, **business: str) -> dict[str, str]:
    params = {
        "type": method,
        "client_id": SHOP.app_key,
        "access_token": SHOP.access_token,
        "timestamp": str(simulation.clock() // 1_000),
        "data_type": "JSON",
        "version": "V1",
        **business,
    }
    text = "".join(f"{name}{params[name]}" for name in sorted(params))
    whole = f"{SHOP.app_secret}{text}{SHOP.app_secret}".encode()
    return params | {"sign": hashlib.md5(whole).hexdigest().upper()}


def answer(simulation: Simulation, params: dict[str, str]) -> dict[str, Any]:
    call = form_call("/api/router", params)
    return as_json(simulation.servers["groupbuy"].answer(call).body)


def ask(simulation: Simulation, method: str, **business: str) -> dict[str, Any]:
    return answer(simulation, params_of(simulation, method, **business))


def window(simulation: Simulation, page: int = 1, size: int = 100) -> dict[str, str]:
    return {
        "start_updated_at": str(simulation.clock() - 1_000_000),
        "end_updated_at": str(simulation.clock() + 60_000),
        "page_number": str(page),
        "page_size": str(size),
    }


def listed(simulation: Simulation, page: int = 1, size: int = 100) -> dict[str, Any]:
    found = ask(simulation, "pdd.ktt.increment.order.query", **window(simulation, page, size))
    content: dict[str, Any] = found[LISTED]
    return content


def row_of(simulation: Simulation, order: Order) -> dict[str, Any]:
    rows = listed(simulation)["order_list"]
    found: dict[str, Any] = next(row for row in rows if row["order_sn"] == order.order_no)
    return found


def ship(simulation: Simulation, order: Order, waybill: str, *line_nos: str) -> dict[str, Any]:
    business = {
        "orderSn": order.order_no,
        "logisticsId": "44",
        "logisticsName": "顺丰快递",
        "waybillNo": waybill,
    }
    if line_nos:
        business["subOrderSnList"] = json.dumps(line_nos)
    return ask(simulation, "pdd.ktt.order.logistic.create", **business)


def two_lines(simulation: Simulation, *, gift: bool = False) -> Order:
    while True:
        order = place(simulation, "groupbuy")
        if len(order.lines) > 1 and order.lines[-1].gift is gift:
            return order


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"access_token": "gone"}, 20004),
        ({"page_number": "2"}, 20004),
        ({"sign": ""}, 20004),
        ({"client_id": "nobody"}, 10001),
    ],
)
def test_a_call_that_was_changed_is_refused(
    simulation: Simulation, changed: dict[str, str], code: int
) -> None:
    params = params_of(simulation, "pdd.ktt.increment.order.query", **window(simulation))
    assert LISTED in answer(simulation, params)
    assert answer(simulation, params | changed)["error_response"]["error_code"] == code


def test_a_call_is_good_for_ten_minutes(simulation: Simulation, clock: ManualClock) -> None:
    params = params_of(simulation, "pdd.ktt.increment.order.query", **window(simulation))
    clock.advance(10 * 60_000)
    assert LISTED in answer(simulation, params)
    clock.advance(1_000)
    assert answer(simulation, params)["error_response"]["error_code"] == 20005


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page_size", "101"),
        ("page_number", "0"),
        ("end_updated_at", "1"),
        ("start_updated_at", "yesterday"),
    ],
)
def test_a_wrong_parameter_is_named(simulation: Simulation, name: str, value: str) -> None:
    business = window(simulation) | {name: value}
    error = ask(simulation, "pdd.ktt.increment.order.query", **business)["error_response"]
    assert (error["error_code"], error["sub_msg"]) == (10003, name)


def test_pages_hold_every_paid_order_once_newest_first(
    simulation: Simulation, clock: ManualClock
) -> None:
    for _ in range(40):
        simulation.world.place(channel="groupbuy")
        clock.advance(1_000)
    paid = {
        order.order_no for order in simulation.world.records.orders.values() if order.paid_at_ms
    }
    found: list[dict[str, Any]] = []
    for page in range(1, 9):
        content = listed(simulation, page, 5)
        assert content["total_count"] == len(paid)
        found += content["order_list"]
    assert [row["updated_at"] for row in found] == sorted(
        (row["updated_at"] for row in found), reverse=True
    )
    assert len(found) == len(paid)
    assert {row["order_sn"] for row in found} == paid


def test_amounts_add_up_in_fen(simulation: Simulation) -> None:
    for _ in range(80):
        place(simulation, "groupbuy")
    rows = listed(simulation)["order_list"]
    assert {row["logistics_type"] for row in rows} == {10, 20}
    for row in rows:
        lines = row["sub_order_list"]
        goods_fen = sum(line["real_goods_amount"] for line in lines)
        assert row["order_amount"] == goods_fen + row["shipping_amount"]
        assert row["discount_amount"] == sum(line["merchant_discount_amount"] for line in lines)
        for line in lines:
            assert line["goods_amount"] == line["goods_price"] * line["goods_number"]
        hosts = {line["sub_order_sn"] for line in lines}
        assert {gift["host_sub_order_sn"] for gift in row["gift_order_list"]} <= hosts


def test_whoever_fetches_the_goods_has_a_point_and_no_address(simulation: Simulation) -> None:
    while (order := place(simulation, "groupbuy")).serial % 4:
        pass
    row = row_of(simulation, order)
    assert row["self_pick_up_address"].startswith(order.receiver.region.province)
    assert row["receiver_address_province"] == row["receiver_address_detail"] == ""


def test_lines_leave_with_their_gifts_and_only_once(simulation: Simulation) -> None:
    order = two_lines(simulation, gift=True)
    bought = [line.line_no for line in order.lines if not line.gift]
    assert "error_response" in ship(simulation, order, "SF0", order.lines[-1].line_no)
    done = ship(simulation, order, "SF1", bought[0])
    assert done["ktt_order_logistic_create_response"]["success"] is True
    again = ship(simulation, order, "SF1", bought[0])["error_response"]
    assert again["sub_msg"] == "订单已发货"
    if bought[1:]:
        ship(simulation, order, "SF2", *bought[1:])
    assert simulation.world.records.orders[order.key].state == "shipped"
    assert row_of(simulation, order)["shipping_status"] == 1
    assert simulation.tally.counts["groupbuy:send:duplicate"] == 1


def test_what_is_asked_for_stands_on_the_order_until_the_leader_answers(
    simulation: Simulation, clock: ManualClock
) -> None:
    order = two_lines(simulation)
    (claim,) = simulation.world.claim(order, line_nos=(order.lines[0].line_no,))
    assert row_of(simulation, order)["after_sales_status"] == 3
    assert ship(simulation, order, "SF1")["error_response"]["sub_msg"] == "订单售后处理中，不能发货"
    asked = ask(simulation, "pdd.ktt.after.sales.increment.list", **window(simulation))[CLAIMED]
    (request,) = asked["list"]
    assert request["after_sales_biz_sn"] == claim.after_sale_id
    assert request["apply_extension"]["refund_amount"] == order.lines[0].paid_fen
    clock.advance(5_000)
    simulation.world.advance()
    row = row_of(simulation, order)
    assert row["after_sales_status"] == 2
    assert [line["already_cancel_number"] for line in row["sub_order_list"]][:2] == [
        order.lines[0].quantity,
        0,
    ]
    open_only = window(simulation) | {"query_type": "1"}
    again = ask(simulation, "pdd.ktt.after.sales.increment.list", **open_only)[CLAIMED]
    assert again["list"] == []


def test_orders_are_listed_by_the_time_of_their_deal(simulation: Simulation) -> None:
    order = place(simulation, "groupbuy")
    at = order.paid_at_ms
    business = {
        "confirm_at_begin": str(at),
        "confirm_at_end": str(at),
        "page_number": "1",
        "page_size": "100",
    }
    found = ask(simulation, "pdd.ktt.order.list", **business)["ktt_order_list_response"]
    assert order.order_no in {row["order_sn"] for row in found["order_list"]}
    business["confirm_at_end"] = str(at + 25 * 3_600_000)
    assert "error_response" in ask(simulation, "pdd.ktt.order.list", **business)


def test_a_method_of_pinduoduos_own_is_not_known_here(simulation: Simulation) -> None:
    error = ask(simulation, "pdd.order.information.get")["error_response"]
    assert error["error_code"] == 10002
