import hashlib
import json
from typing import Any
from urllib.parse import unquote

import pytest

from simulators.clock import ManualClock, beijing_text
from simulators.doors import Call
from simulators.marketplaces.youzan.pushes import sign
from simulators.money import fen
from simulators.orders import Order
from simulators.simulation import Simulation
from tests.unit.simulators.calls import as_json, place, shop_named

SHOP = shop_named("youzan-1")
SENT = "youzan.logistics.online.confirm/3.0.0"
AGREE = "youzan.trade.refund.agree/3.0.1"
REFUSE = "youzan.trade.refund.refuse/3.0.0"


def call(
    simulation: Simulation, name: str, token: str = SHOP.access_token, **asked: Any
) -> dict[str, Any]:
    query = {"access_token": token} if token else {}
    body = json.dumps(asked).encode()
    request = Call(method="POST", path=f"/api/{name}", query=query, body=body)
    return as_json(simulation.servers["youzan"].answer(request).body)


def sold(simulation: Simulation, clock: ManualClock, **asked: Any) -> dict[str, Any]:
    window = {
        "start_update": beijing_text(clock() - 3_600_000),
        "end_update": beijing_text(clock() + 3_600_000),
    }
    asked = {**window, "page_no": 1, "page_size": 10, **asked}
    return call(simulation, "youzan.trades.sold.get/4.0.4", **asked)


def got(simulation: Simulation, order: Order) -> dict[str, Any]:
    answer = call(simulation, "youzan.trade.get/4.0.2", tid=order.order_no)
    found: dict[str, Any] = answer["data"]
    return found


def cents(text: str) -> int:
    amount = fen(text)
    assert amount is not None
    return amount


def test_it_signs_as_the_published_vector_shows() -> None:
    message = (
        "%7B%22tid%22%3A%22E20260520101112000100001%22%2C%22status%22%3A%22"
        "WAIT_SELLER_SEND_GOODS%22%7D"
    )
    assert sign("yzclient01", message, "yz-secret-demo") == "8d2c7b47ae6e8c6ca6abdd9254007c96"


@pytest.mark.parametrize(("token", "code"), [("", 4201), ("long gone", 4203)])
def test_a_call_without_a_good_token_ends_at_the_gateway(
    simulation: Simulation, token: str, code: int
) -> None:
    answer = call(simulation, "youzan.trade.get/4.0.2", token, tid="E1")
    assert answer["gw_err_resp"]["err_code"] == code


@pytest.mark.parametrize("name", ["youzan.trade.get/3.0.0", "youzan.trade/4.0.0", "x"])
def test_an_unknown_method_or_version_ends_at_the_gateway(
    simulation: Simulation, name: str
) -> None:
    assert call(simulation, name)["gw_err_resp"]["err_code"] == 4001


@pytest.mark.parametrize(
    "asked", [{"end_update": ""}, {"start_update": 1}, {"page_size": 101}, {"page_no": 0}]
)
def test_wrong_parameters_are_no_empty_page(
    simulation: Simulation, clock: ManualClock, asked: dict[str, Any]
) -> None:
    answer = sold(simulation, clock, **asked)
    assert (answer["success"], answer["code"], answer["data"]) == (False, 50_000, None)


def test_pages_hold_every_order_once(simulation: Simulation, clock: ManualClock) -> None:
    for _ in range(25):
        place(simulation, "youzan")
    everything = {order_no for _, order_no in simulation.world.records.orders}
    pages = -(-sold(simulation, clock)["data"]["total_results"] // 10)
    found: list[str] = []
    for page in range(1, pages + 1):
        rows = sold(simulation, clock, page_no=page)["data"]["full_order_info_list"]
        found += [row["full_order_info"]["order_info"]["tid"] for row in rows]
    assert sorted(found) == sorted(everything)


def test_amounts_add_up_gifts_and_their_discounts_included(simulation: Simulation) -> None:
    gifts = 0
    for _ in range(80):
        told = got(simulation, place(simulation, "youzan"))
        order, promotion = told["full_order_info"], told["order_promotion"]
        pay = {
            name: cents(order["pay_info"][name]) for name in ("total_fee", "post_fee", "payment")
        }
        lines = order["orders"]
        gifts += sum(line["is_present"] for line in lines)
        assert pay["total_fee"] == sum(cents(line["price"]) * line["num"] for line in lines)
        paid = sum(cents(line["payment"]) for line in lines)
        assert pay["payment"] == paid + pay["post_fee"]
        off = cents(promotion["order_discount_fee"]) + cents(promotion["item_discount_fee"])
        assert pay["payment"] == pay["total_fee"] - off + pay["post_fee"]
    assert gifts


def test_an_order_leaves_line_by_line(simulation: Simulation) -> None:
    order = place(simulation, "youzan")
    while len(order.lines) < 2:
        order = place(simulation, "youzan")
    first, *rest = (line.line_no for line in order.lines)
    asked = {"tid": order.order_no, "out_stype": "7"}
    assert call(simulation, SENT, **asked, out_sid="1", oids="7")["success"] is False
    statuses = []
    for waybill, oids in (("1", first), ("2", ",".join(rest))):
        answer = call(simulation, SENT, **asked, out_sid=waybill, oids=oids)
        assert answer["data"] == {"is_success": True}
        statuses.append(got(simulation, order)["full_order_info"]["order_info"]["status"])
    assert statuses == ["WAIT_SELLER_SEND_GOODS", "WAIT_BUYER_CONFIRM_GOODS"]
    deliveries = got(simulation, order)["delivery_order"]
    assert [one["oids"][0] for one in deliveries] == [{"oid": first}, {"oid": rest[0]}]
    again = call(simulation, SENT, **asked, out_sid="1", oids=first)
    assert (again["success"], again["message"]) == (False, "订单已发货")


def claims(simulation: Simulation, clock: ManualClock) -> list[dict[str, Any]]:
    now_s = clock() // 1_000
    answer = call(
        simulation,
        "youzan.trade.refund.search/3.0.1",
        update_time_start=now_s - 60,
        update_time_end=now_s + 60,
        page_no=1,
        page_size=30,
    )
    found: list[dict[str, Any]] = answer["data"]["refunds"]
    return found


def test_an_answer_to_a_claim_must_carry_the_version_last_seen(
    simulation: Simulation, clock: ManualClock
) -> None:
    order = place(simulation, "youzan")
    simulation.world.claim(order, line_nos=(order.lines[0].line_no,))
    (row,) = claims(simulation, clock)
    assert (row["status"], row["oid"]) == ("WAIT_SELLER_AGREE", order.lines[0].line_no)
    (told,) = got(simulation, order)["refund_order"]
    assert (told["refund_state"], told["oids"]) == (1, [row["oid"]])
    asked = {"refund_id": row["refund_id"], "version": row["version"]}
    stale = call(simulation, AGREE, **(asked | {"version": row["version"] - 1}))
    assert stale["code"] == 103_010_039
    assert call(simulation, REFUSE, **asked)["success"] is False
    assert call(simulation, REFUSE, **asked, remark="已发出")["data"] == {"is_success": True}
    assert call(simulation, AGREE, **asked)["code"] == 102_010_002
    (row,) = claims(simulation, clock)
    assert row["status"] == "SELLER_REFUSE_BUYER"


def test_agreeing_again_is_refused_as_overtaken_and_counted(
    simulation: Simulation, clock: ManualClock
) -> None:
    order = place(simulation, "youzan")
    simulation.world.claim(order, line_nos=(order.lines[0].line_no,))
    (row,) = claims(simulation, clock)
    asked = {"refund_id": row["refund_id"], "version": row["version"]}
    codes = [call(simulation, AGREE, **asked)["code"] for _ in range(2)]
    assert codes == [200, 102_010_002]
    assert simulation.tally.counts["youzan:agree:duplicate"] == 1


def test_a_message_is_signed_as_it_stands_and_names_its_order(simulation: Simulation) -> None:
    simulation.subscribe({SHOP.shop: "http://127.0.0.1:9/push"})
    order = place(simulation, "youzan")
    queue = simulation.pushes[SHOP.shop]
    told: list[tuple[str, str]] = []
    while batch := queue.take():
        assert len(batch) == 1
        push = json.loads(queue.encode(batch[0].group, [batch[0].content]).body)
        text = f"{SHOP.app_key}{push['msg']}{SHOP.app_secret}"
        assert push["sign"] == hashlib.md5(text.encode()).hexdigest()
        told.append((json.loads(unquote(push["msg"]))["tid"], push["type"]))
        queue.settle(batch, accepted=True)
    assert [kind for tid, kind in told if tid == order.order_no] == [
        "trade_TradeCreate",
        "trade_TradeBuyerPay",
    ]
