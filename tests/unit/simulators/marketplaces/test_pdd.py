import json
from typing import Any

import pytest

from simulators.clock import ManualClock
from simulators.signing import pdd_sign
from simulators.simulation import Simulation
from tests.unit.simulators.calls import pdd, pdd_answer, pdd_params, place, shop_named

SHOP = shop_named("pdd-1")
ALL = {"order_status": "5", "refund_status": "5"}


def increment(
    simulation: Simulation, clock: ManualClock, *, since_s: int, until_s: int, **more: str
) -> dict[str, Any]:
    """Ask for what changed between so many seconds ago and so many."""
    now_s = clock() // 1_000
    window = {"start_updated_at": str(now_s - since_s), "end_updated_at": str(now_s - until_s)}
    return pdd(simulation, SHOP, "pdd.order.number.list.increment.get", **ALL, **window, **more)


def info(simulation: Simulation, order_no: str) -> dict[str, Any]:
    answer = pdd(simulation, SHOP, "pdd.order.information.get", order_sn=order_no)
    found: dict[str, Any] = answer["order_info_get_response"]["order_info"]
    return found


def refused(answer: dict[str, Any]) -> int:
    return int(answer["error_response"]["error_code"])


def test_it_signs_as_the_published_vector_shows() -> None:
    params = {
        "type": "pdd.order.number.list.increment.get",
        "client_id": "pdd-client-01",
        "access_token": "pddtoken01",
        "timestamp": "1779243072",
        "data_type": "JSON",
        "version": "V1",
        "start_updated_at": "1779241200",
        "end_updated_at": "1779243000",
        "is_lucky_flag": "0",
        "order_status": "5",
        "refund_status": "5",
        "page": "1",
        "page_size": "50",
        "use_has_next": "true",
    }
    assert pdd_sign(params, "pdd-secret-demo") == "9E5403D58653AFF2DF6FED385794B009"


def test_one_changed_byte_of_any_value_is_refused(simulation: Simulation) -> None:
    order = place(simulation, "pdd")
    params = pdd_params(simulation, SHOP, "pdd.order.information.get", order_sn=order.order_no)
    assert "error_response" not in pdd_answer(simulation, params)
    for name in params:
        answer = pdd_answer(simulation, params | {name: params[name] + "0"})
        assert refused(answer) in ({10001} if name == "client_id" else {20004})


def test_a_call_made_long_ago_is_refused(simulation: Simulation, clock: ManualClock) -> None:
    params = pdd_params(simulation, SHOP, "pdd.order.information.get", order_sn="x")
    clock.advance(601_000)
    assert refused(pdd_answer(simulation, params)) == 20005


@pytest.mark.parametrize(
    ("since_s", "until_s", "refusal"),
    [(1_980, 180, None), (1_981, 180, 10003), (600, 179, 10003), (180, 600, 10003)],
)
def test_a_window_is_half_an_hour_and_three_minutes_old(
    simulation: Simulation, clock: ManualClock, since_s: int, until_s: int, refusal: int | None
) -> None:
    answer = increment(simulation, clock, since_s=since_s, until_s=until_s)
    if refusal is None:
        assert answer["order_sn_increment_get_response"]["order_sn_list"] == []
    else:
        assert refused(answer) == refusal


def test_pages_hold_every_order_once_and_tell_a_total_or_whether_more_follow(
    simulation: Simulation, clock: ManualClock
) -> None:
    placed = {place(simulation, "pdd").order_no for _ in range(25)}
    everything = {order_no for _, order_no in simulation.world.records.orders}
    clock.advance(200_000)
    found: list[str] = []
    pages = -(-len(everything) // 10)
    for page in range(1, pages + 1):
        answer = increment(
            simulation, clock, since_s=900, until_s=180, page=str(page), page_size="10"
        )
        listed = answer["order_sn_increment_get_response"]
        assert listed["total_count"] == len(everything)
        found += [row["order_sn"] for row in listed["order_sn_list"]]
    assert sorted(found) == sorted(everything)
    assert placed <= set(found)
    last = {"page": str(pages), "page_size": "10", "use_has_next": "true"}
    answer = increment(simulation, clock, since_s=900, until_s=180, **last)
    assert answer["order_sn_increment_get_response"]["has_next"] is False
    assert "total_count" not in answer["order_sn_increment_get_response"]


def test_money_is_a_number_in_yuan_and_adds_up(simulation: Simulation) -> None:
    for _ in range(60):
        row = info(simulation, place(simulation, "pdd").order_no)
        fen = {name: round(value * 100) for name, value in row.items() if "amount" in name}
        goods = sum(
            round(one["goods_price"] * 100) * one["goods_count"] for one in row["item_list"]
        )
        assert fen["goods_amount"] == goods
        paid = goods - fen["discount_amount"] + round(row["postage"] * 100)
        assert fen["pay_amount"] == paid


def test_ciphers_are_gone_once_an_order_left(simulation: Simulation) -> None:
    order = place(simulation, "pdd")
    assert order.receiver.canary in info(simulation, order.order_no)["receiver_name"]
    simulation.world.ship(order.key, waybill="1", company="44")
    shipped = info(simulation, order.order_no)
    assert (shipped["receiver_name"], shipped["receiver_phone"]) == ("", "")
    assert shipped["receiver_name_mask"]
    assert (shipped["order_status"], shipped["tracking_number"]) == (2, "1")


def test_one_claim_covers_the_order_stops_shipping_and_may_be_refused(
    simulation: Simulation,
) -> None:
    order = place(simulation, "pdd")
    simulation.world.claim(order, line_nos=(order.lines[0].line_no,))
    (claim,) = simulation.world.records.after_sales.values()
    assert claim.amount_fen == order.paid_fen
    assert info(simulation, order.order_no)["refund_status"] == 2
    send = {"order_sn": order.order_no, "logistics_id": "44", "tracking_number": "SF1"}
    answer = pdd(simulation, SHOP, "pdd.logistics.online.send", **send)
    assert "售后" in answer["error_response"]["sub_msg"]
    asked = {"after_sales_id": claim.after_sale_id, "order_sn": order.order_no}
    bare, request = json.dumps(asked), json.dumps(asked | {"refuse_reason": "已拆封"})
    assert refused(pdd(simulation, SHOP, "pdd.refund.refuse", request=bare)) == 10003
    for expected in (True, True):
        answer = pdd(simulation, SHOP, "pdd.refund.refuse", request=request)
        assert answer["response"]["result"]["succ"] is expected
    assert pdd(simulation, SHOP, "pdd.refund.agree", request=request)["response"]["result"] == {
        "succ": False,
        "message": "售后单状态不允许此操作",
    }
    assert simulation.tally.counts["pdd:refuse:applied"] == 1
    answer = pdd(simulation, SHOP, "pdd.logistics.online.send", **send)
    assert answer["logistics_online_send_response"]["is_success"] is True
