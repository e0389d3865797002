from collections.abc import Callable
from typing import Any

import pytest

from simulators.clock import ManualClock, beijing_text
from simulators.money import fen
from simulators.orders import Shop
from simulators.simulation import Simulation
from tests.unit.simulators.calls import (
    TRADE_FIELDS,
    place,
    shop_named,
    shop_of,
    taobao,
    taobao_answer,
    taobao_params,
)

SHOP, OTHER = shop_named("taobao-1"), shop_named("taobao-2")


def window(clock: ManualClock) -> dict[str, str]:
    return {
        "start_modified": beijing_text(clock() - 3_600_000),
        "end_modified": beijing_text(clock() + 3_600_000),
    }


def page(simulation: Simulation, shop: Shop, clock: ManualClock, **params: str) -> dict[str, Any]:
    method = "taobao.trades.sold.increment.get"
    fields = "tid,status,modified"
    answer = taobao(simulation, shop, method, fields=fields, **window(clock), **params)
    found: dict[str, Any] = answer["trades_sold_increment_get_response"]
    return found


def error_code(simulation: Simulation, params: dict[str, str]) -> int:
    answer = taobao_answer(simulation, params)
    return int(answer["error_response"]["code"])


def test_one_changed_byte_of_any_signed_value_is_refused(simulation: Simulation) -> None:
    order = place(simulation, "taobao")
    params = taobao_params(
        simulation, shop_of(order), "taobao.trade.fullinfo.get", tid=order.order_no, fields="tid"
    )
    assert "error_response" not in taobao_answer(simulation, params)
    for name in ("tid", "fields", "timestamp", "session", "v"):
        assert error_code(simulation, params | {name: params[name] + "0"}) == 25
    assert error_code(simulation, params | {"sign": params["sign"].lower()}) == 25
    assert error_code(simulation, params | {"sign": "签名"}) == 25


def test_a_wrong_session_and_an_old_call_have_their_own_codes(
    simulation: Simulation, clock: ManualClock
) -> None:
    method = "taobao.trade.fullinfo.get"
    stranger = Shop(
        **{name: getattr(SHOP, name) for name in SHOP.__struct_fields__}
        | {"access_token": "someone-else"}
    )
    assert error_code(simulation, taobao_params(simulation, stranger, method, tid="1")) == 27
    old = taobao_params(simulation, SHOP, method, tid="1")
    clock.advance(11 * 60_000)
    assert error_code(simulation, old) == 31


def test_pages_together_hold_every_order_once_newest_first(
    simulation: Simulation, clock: ManualClock
) -> None:
    for _ in range(157):
        simulation.world.place(channel="taobao")
        clock.advance(700)
    expected = {
        order.order_no
        for order in simulation.world.records.orders.values()
        if order.shop == SHOP.shop
    }
    rows: list[dict[str, Any]] = []
    number, more = 1, True
    while more:
        found = page(
            simulation, SHOP, clock, page_no=str(number), page_size="20", use_has_next="true"
        )
        assert "total_results" not in found
        rows += found["trades"]["trade"]
        number, more = number + 1, found["has_next"]
    assert len(rows) == len(expected)
    assert {str(row["tid"]) for row in rows} == expected
    assert [row["modified"] for row in rows] == sorted(
        (row["modified"] for row in rows), reverse=True
    )
    assert page(simulation, SHOP, clock)["total_results"] == len(expected)


def test_an_empty_page_has_no_trades_key(simulation: Simulation, clock: ManualClock) -> None:
    assert page(simulation, SHOP, clock) == {"total_results": 0, "request_id": "15r0sim"}


def test_a_window_over_a_day_is_an_error_and_not_an_empty_page(
    simulation: Simulation, clock: ManualClock
) -> None:
    method = "taobao.trades.sold.increment.get"
    wide = {
        "start_modified": beijing_text(clock()),
        "end_modified": beijing_text(clock() + 86_401_000),
    }
    answer = taobao(simulation, SHOP, method, fields="tid", **wide)
    assert answer["error_response"]["code"] == 41


def test_only_named_fields_come_and_amounts_add_up(simulation: Simulation) -> None:
    for _ in range(200):
        order = place(simulation, "taobao")
        method = "taobao.trade.fullinfo.get"
        answer = taobao(simulation, shop_of(order), method, tid=order.order_no, fields=TRADE_FIELDS)
        trade = answer["trade_fullinfo_get_response"]["trade"]
        assert set(trade) <= set(TRADE_FIELDS.split(","))
        lines = trade["orders"]["order"]
        shared_fen = sum(fen(line["divide_order_fee"]) or 0 for line in lines)
        assert shared_fen + (fen(trade["post_fee"]) or 0) == fen(trade["payment"])
        for line in lines:
            before = (fen(line["price"]) or 0) * line["num"] - (fen(line["discount_fee"]) or 0)
            assert fen(line["total_fee"]) == before
            coupon_fen = fen(line["part_mjz_discount"]) or 0
            assert fen(line["divide_order_fee"]) == before - coupon_fen


def test_another_shops_trade_does_not_exist(simulation: Simulation) -> None:
    order = place(simulation, "taobao")
    other = next(shop for shop in (SHOP, OTHER) if shop.shop != order.shop)
    answer = taobao(
        simulation, other, "taobao.trade.fullinfo.get", tid=order.order_no, fields="tid"
    )
    assert answer["error_response"]["sub_code"] == "isv.trade-not-exist"


def test_sending_again_is_answered_already_sent_and_counted(simulation: Simulation) -> None:
    order = place(simulation, "taobao")
    call = {"tid": order.order_no, "out_sid": "75001", "company_code": "ZTO"}
    method = "taobao.logistics.online.send"
    first = taobao(simulation, shop_of(order), method, **call)
    assert first["logistics_online_send_response"]["shipping"] == {"is_success": True}
    second = taobao(simulation, shop_of(order), method, **call)
    assert second["error_response"]["sub_code"] == "isv.logistics-offline-service-error:B04"
    shipments = simulation.world.records.orders[order.key].shipments
    assert [(one.waybill, one.count) for one in shipments] == [("75001", 2)]
    assert simulation.tally.counts == {"taobao:send:applied": 1, "taobao:send:duplicate": 1}


def test_agreeing_needs_the_exact_amount_and_closes_the_order_once(simulation: Simulation) -> None:
    order = place(simulation, "taobao")
    simulation.world.act(order.key, "cancel_paid")
    claims = list(simulation.world.records.after_sales.values())
    wrong = ",".join(f"{one.after_sale_id}|{one.amount_fen + 1}|1|onsale" for one in claims)
    right = ",".join(f"{one.after_sale_id}|{one.amount_fen}|1|onsale" for one in claims)
    method, shop = "taobao.rp.refunds.agree", shop_of(order)
    refused = taobao(simulation, shop, method, refund_infos=wrong)
    assert refused["rp_refunds_agree_response"]["msg_code"] == "OP_FAILURE_UE"
    for taken in (True, False):
        agreed = taobao(simulation, shop, method, refund_infos=right)
        assert agreed["rp_refunds_agree_response"]["succ"] is taken
    assert simulation.world.records.orders[order.key].state == "closed"
    assert simulation.tally.counts["taobao:agree:applied"] == len(claims)
    assert simulation.tally.counts["taobao:agree:duplicate"] == len(claims)


def test_claims_are_listed_one_per_sub_order(simulation: Simulation, clock: ManualClock) -> None:
    order = place(simulation, "taobao")
    simulation.world.act(order.key, "cancel_paid")
    answer = taobao(simulation, shop_of(order), "taobao.refunds.receive.get", **window(clock))
    rows = answer["refunds_receive_get_response"]["refunds"]["refund"]
    assert sum(fen(row["refund_fee"]) or 0 for row in rows) == order.paid_fen
    paid_lines = {line.line_no for line in order.lines if line.paid_fen}
    assert {str(row["oid"]) for row in rows} == paid_lines


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_lagging_replica_answers_the_version_before_while_the_change_is_young(
    simulate: Callable[..., Simulation], clock: ManualClock, share: float
) -> None:
    simulation = simulate(odds={"stale_snapshot": share})
    order = place(simulation, "taobao")
    simulation.world.act(order.key, "memo")

    def modified() -> str:
        answer = taobao(
            simulation,
            shop_of(order),
            "taobao.trade.fullinfo.get",
            tid=order.order_no,
            fields="modified",
        )
        return str(answer["trade_fullinfo_get_response"]["trade"]["modified"])

    young = order.modified_at_ms + (0 if share else 1_000)
    assert modified() == beijing_text(young)
    clock.advance(5_000)
    assert modified() == beijing_text(order.modified_at_ms + 1_000)
