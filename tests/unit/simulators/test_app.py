"""The doors as HTTP, spoken to without a socket."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette

from simulators.app import build
from simulators.clock import ManualClock
from simulators.orders import CHANNELS
from simulators.payments.alipay import Keys
from simulators.settings import Mix, Settings
from simulators.simulation import Simulation
from tests.unit.simulators.calls import (
    alipay_params,
    cainiao_params,
    douyin_call,
    jd_params,
    place,
    shop_named,
    shop_of,
    taobao_params,
    waybill_request,
)

Call = Callable[..., tuple[int, bytes]]


@pytest.fixture
def make_app(clock: ManualClock, keys: Keys) -> Callable[..., Starlette]:
    def make(**settings: object) -> Starlette:
        told = {"faults": "none", "hold_s": 0.0, **settings}
        return build(Settings(**told), clock=clock, keys=keys)  # type: ignore[arg-type]

    return make


@pytest.fixture
def app(make_app: Callable[..., Starlette]) -> Starlette:
    return make_app()


def speak(
    app: Starlette, method: str, path: str, *, query: str = "", body: bytes = b""
) -> tuple[int, dict[str, str], bytes, bool]:
    """Return status, headers, body, and whether the answer was complete."""
    sent: list[dict[str, Any]] = []
    asked = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return asked.pop() if asked else await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1:1")],
        "scheme": "http",
        "server": ("127.0.0.1", 1),
        "client": ("127.0.0.1", 2),
        "root_path": "",
        "http_version": "1.1",
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    start = next(message for message in sent if message["type"] == "http.response.start")
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    parts = [message for message in sent if message["type"] == "http.response.body"]
    whole = b"".join(part.get("body", b"") for part in parts)
    complete = bool(parts) and not parts[-1].get("more_body", False)
    return start["status"], headers, whole, complete


def ask(app: Starlette, method: str, path: str, content: object = None) -> Any:
    body = b"" if content is None else json.dumps(content).encode()
    path, _, query = path.partition("?")
    status, _, answer, _ = speak(app, method, path, query=query, body=body)
    assert status == 200, answer
    return json.loads(answer)


def simulation_of(app: Starlette) -> Simulation:
    simulation: Simulation = app.state.simulation
    return simulation


def test_every_platform_answers_under_its_own_path(app: Starlette) -> None:
    simulation = simulation_of(app)
    order = place(simulation, "taobao")
    forms = {
        "/router/rest": taobao_params(
            simulation,
            shop_of(order),
            "taobao.trade.fullinfo.get",
            tid=order.order_no,
            fields="tid",
        ),
        "/routerjson": jd_params(simulation, shop_named("jd-1"), "jingdong.pop.order.get", {}),
        "/gateway/link.do": cainiao_params("TMS_WAYBILL_GET", waybill_request("1")),
        "/gateway.do": alipay_params(simulation, "alipay.trade.refund", {}),
    }
    answers = {
        path: speak(app, "POST", path, body=urlencode(form).encode())
        for path, form in forms.items()
    }
    assert {status for status, *_ in answers.values()} == {200}
    assert b"trade_fullinfo_get_response" in answers["/router/rest"][2]
    assert b"jingdong_pop_order_get_responce" in answers["/routerjson"][2]
    assert b"waybillCloudPrintResponseList" in answers["/gateway/link.do"][2]
    assert b"isv.invalid-parameter" in answers["/gateway.do"][2]
    params, body = douyin_call(
        simulation, shop_named("douyin-1"), "order.orderDetail", {"shop_order_id": "1"}
    )
    _, _, answer, _ = speak(app, "POST", "/order/orderDetail", query=urlencode(params), body=body)
    assert json.loads(answer)["sub_msg"] == "订单不存在"


def refund_form(app: Starlette) -> bytes:
    simulation = simulation_of(app)
    order = next(iter(simulation.world.records.orders.values()), None) or place(simulation, "jd")
    business = {
        "out_trade_no": f"{order.channel}:{order.order_no}",
        "refund_amount": "0.10",
        "out_request_no": "R1",
    }
    return urlencode(alipay_params(simulation, "alipay.trade.refund", business)).encode()


@pytest.mark.parametrize(
    ("method", "client_id", "code"),
    [
        ("pdd.ktt.order.list", "kttclient00000001", 20004),
        ("pdd.order.information.get", "pddclient00000001", 20004),
        ("pdd.order.information.get", "kttclient00000001", 10001),
        ("pdd.ktt.order.list", "pddclient00000001", 10001),
    ],
)
def test_two_platforms_behind_one_path_each_take_their_own_calls(
    app: Starlette, method: str, client_id: str, code: int
) -> None:
    body = urlencode({"type": method, "client_id": client_id}).encode()
    _, _, answer, _ = speak(app, "POST", "/api/router", body=body)
    assert json.loads(answer)["error_response"]["error_code"] == code


@pytest.mark.parametrize("fault", ["act_then_timeout", "error_after"])
def test_a_fault_after_acting_leaves_the_money_moved_once(
    make_app: Callable[..., Starlette], fault: str
) -> None:
    app = make_app(odds={fault: 1.0})
    body = refund_form(app)
    for _ in range(3):
        status, _, answer, complete = speak(app, "POST", "/gateway.do", body=body)
        assert (status == 500) if fault == "error_after" else not complete
        assert b"fund_change" not in answer
    (refund,) = simulation_of(app).alipay.refunds.values()
    assert (refund.moved, refund.asked, refund.amount_fen) == (1, 3, 10)


@pytest.mark.parametrize("fault", ["error_before", "half_open", "throttle_window"])
def test_a_fault_before_acting_leaves_everything_as_it_was(
    make_app: Callable[..., Starlette], fault: str
) -> None:
    app = make_app(odds={fault: 1.0})
    status, _, answer, complete = speak(app, "POST", "/gateway.do", body=refund_form(app))
    assert simulation_of(app).alipay.refunds == {}
    assert b"fund_change" not in answer
    if fault == "error_before":
        assert status == 502
    elif fault == "half_open":
        assert not complete
    else:
        assert b"isp.unknow-error" in answer


def test_a_spent_quota_is_answered_as_the_platform_does_until_the_minute_is_over(
    make_app: Callable[..., Starlette], clock: ManualClock
) -> None:
    app = make_app(calls_per_minute={"taobao": 2})
    simulation = simulation_of(app)
    order = place(simulation, "taobao")
    form = taobao_params(
        simulation, shop_of(order), "taobao.trade.fullinfo.get", tid=order.order_no, fields="tid"
    )
    body = urlencode(form).encode()

    def limited() -> bool:
        _, _, answer, _ = speak(app, "POST", "/router/rest", body=body)
        return b"App Call Limited" in answer

    assert [limited() for _ in range(4)] == [False, False, True, True]
    assert ask(app, "GET", "/_sim/ledger/faults") == {"taobao:quota_spent": 2}
    clock.advance(60_000)
    assert not limited()


def test_reading_is_never_hidden_by_a_fault_after_acting(
    make_app: Callable[..., Starlette],
) -> None:
    app = make_app(odds={"act_then_timeout": 1.0, "error_after": 1.0})
    simulation = simulation_of(app)
    order = place(simulation, "taobao")
    form = taobao_params(
        simulation, shop_of(order), "taobao.trade.fullinfo.get", tid=order.order_no, fields="tid"
    )
    status, _, answer, complete = speak(app, "POST", "/router/rest", body=urlencode(form).encode())
    assert (status, complete) == (200, True)
    assert order.order_no.encode() in answer


def test_orders_and_acts_are_made_on_demand(app: Starlette) -> None:
    placed = ask(app, "POST", "/_sim/orders", {"count": 30, "channel": "taobao"})
    assert len(placed) == 30
    orders = simulation_of(app).world.records.orders
    paid = next(order for order in orders.values() if order.state == "paid")
    act = {"channel": "taobao", "order_no": paid.order_no, "step": "claim"}
    line_nos = [paid.lines[0].line_no]
    answer = ask(app, "POST", "/_sim/act", act | {"line_nos": line_nos, "amount_fen": 1})
    assert answer["done"] is True
    (claim,) = ask(app, "GET", "/_sim/ledger/after_sales")
    assert [claim["after_sale_id"]] == answer["after_sale_ids"]
    assert claim["amount_fen"] == 1


def test_the_totals_say_what_is_still_to_come(
    make_app: Callable[..., Starlette], clock: ManualClock
) -> None:
    app = make_app(mix=Mix(paid_at_once_pct=0, paid_later_pct=100, cancel_paid_pct=0))
    quiet = {"traffic": 0, "steps": 0, "refunds": 0, "pushes": 0}
    assert ask(app, "GET", "/_sim/ledger/totals")["pending"] == quiet
    shop = next(iter(simulation_of(app).pushes))
    ask(app, "POST", "/_sim/doors", {"push_urls": {shop: "http://127.0.0.1:9"}})
    ask(app, "POST", "/_sim/orders", {"count": 30})
    ask(app, "POST", "/_sim/traffic", {"rate_per_s": 1.0})

    pending = ask(app, "GET", "/_sim/ledger/totals")["pending"]

    assert pending["traffic"] == 1
    assert pending["steps"] >= 30
    assert pending["pushes"] == len(simulation_of(app).pushes[shop])
    ask(app, "DELETE", "/_sim/traffic")
    clock.advance(60_000)
    simulation_of(app).advance()
    assert ask(app, "GET", "/_sim/ledger/totals")["pending"]["steps"] == 0


def test_the_ledger_tells_every_order_and_pages_are_cut_from_it(app: Starlette) -> None:
    ask(app, "POST", "/_sim/orders", {"count": 1_200})
    whole = ask(app, "GET", "/_sim/ledger")
    assert whole["totals"]["orders"] == len(whole["orders"]) == 1_200
    for order in whole["orders"]:
        paid_fen = sum(line["paid_fen"] for line in order["lines"]) + order["freight_fen"]
        assert order["paid_fen"] == paid_fen
        assert order["expected"] == "ok"
    part = ask(app, "GET", "/_sim/ledger?offset=700&limit=3")
    assert part["orders"] == whole["orders"][700:703]


def test_the_ledger_names_planted_contradictions(make_app: Callable[..., Starlette]) -> None:
    app = make_app(odds={"contradiction": 1.0})
    ask(app, "POST", "/_sim/orders", {"count": 50})
    expected = {order["expected"] for order in ask(app, "GET", "/_sim/ledger")["orders"]}
    assert "contradiction:unknown_sku" in expected
    assert "ok" not in expected


def test_every_order_has_a_canary_and_none_is_in_the_ledger(app: Starlette) -> None:
    ask(app, "POST", "/_sim/orders", {"count": 100})
    told = ask(app, "GET", "/_sim/canaries")
    assert len(set(told["canaries"])) == 100
    assert all(canary.startswith(told["prefix"]) for canary in told["canaries"])
    _, _, ledger, _ = speak(app, "GET", "/_sim/ledger")
    assert told["prefix"].encode() not in ledger


def test_traffic_places_what_its_rate_owes_and_stops_by_itself(
    app: Starlette, clock: ManualClock
) -> None:
    ask(app, "POST", "/_sim/traffic", {"rate_per_s": 50, "seconds": 2})
    simulation, counts = simulation_of(app), []
    for _ in range(4):
        clock.advance(700)
        simulation.advance()
        counts.append(len(simulation.world.records.orders))
    assert counts == [35, 70, 100, 100]
    assert ask(app, "GET", "/_sim/traffic")["running"] is False


def test_traffic_by_count_and_by_hand(app: Starlette, clock: ManualClock) -> None:
    simulation = simulation_of(app)
    ask(app, "POST", "/_sim/traffic", {"rate_per_s": 1_000, "count": 7})
    clock.advance(1_000)
    simulation.advance()
    assert ask(app, "GET", "/_sim/traffic") == {"running": False, "placed": 7, "orders": 7}
    ask(app, "POST", "/_sim/traffic", {"rate_per_s": 10})
    ask(app, "DELETE", "/_sim/traffic")
    clock.advance(1_000)
    simulation.advance()
    assert len(simulation.world.records.orders) == 7


def test_doors_are_set_later_and_unknown_words_are_refused(app: Starlette) -> None:
    urls = {"douyin-1": "http://127.0.0.1:8080/push/douyin/douyin-1"}
    told = ask(app, "POST", "/_sim/doors", {"push_urls": urls})
    assert {shop: url for shop, url in told["push_urls"].items() if url} == urls
    assert told["tracking_push_url"] == ""
    for wrong in (b'{"douyin": "x"}', b'{"push_urls": {"jd-1": "x"}}'):
        status, _, answer, _ = speak(app, "POST", "/_sim/doors", body=wrong)
        assert status == 400
        assert b"douyin" in answer


def test_a_marketplace_nobody_plays_is_refused_with_those_that_are(app: Starlette) -> None:
    for wanted in ({"count": 1, "channel": "ebay"}, {"count": 1, "mix": {"weights": {"ebay": 1}}}):
        body = json.dumps(wanted).encode()
        status, _, answer, _ = speak(app, "POST", "/_sim/orders", body=body)
        assert status == 400
        assert b"'ebay'" in answer
        assert b"taobao" in answer


def test_payloads_become_orders_of_the_world_only_when_posted(app: Starlette) -> None:
    path = "channel=douyin&count=5&seed=9"
    _, _, shown, _ = speak(app, "GET", "/_sim/payloads", query=path)
    assert len(simulation_of(app).world.records.orders) == 0
    _, _, posted, _ = speak(app, "POST", "/_sim/payloads", query=path)
    assert shown == posted
    numbers = {json.loads(line)["order_no"] for line in posted.splitlines()}
    known = {order.order_no for order in simulation_of(app).world.records.orders.values()}
    assert numbers == known


def test_handover_tells_what_was_taken(app: Starlette) -> None:
    simulation = simulation_of(app)
    form = cainiao_params("TMS_WAYBILL_GET", waybill_request("1"))
    speak(app, "POST", "/gateway/link.do", body=urlencode(form).encode())
    (waybill,) = simulation.cainiao.waybills
    for taken, rest in (([waybill], ["x"]), ([], [waybill, "x"])):
        answer = ask(app, "POST", "/_sim/handover", {"waybills": [waybill, "x"]})
        assert answer == {"taken": taken, "not_taken": rest}


def test_accounts_hold_all_a_merchant_needs(app: Starlette) -> None:
    told = ask(app, "GET", "/_sim/accounts")
    assert {shop["channel"] for shop in told["shops"]} == set(CHANNELS)
    assert len({shop["app_key"] for shop in told["shops"]}) == len(told["shops"])
    assert "douyin-1" in told["pushing_shops"]
    assert "PRIVATE KEY" in told["alipay"]["merchant_private_key_pem"]
    assert "PUBLIC KEY" in told["alipay"]["alipay_public_key_pem"]
    assert ask(app, "GET", "/_sim/shops") == told["shops"]


def test_a_platform_that_is_down_answers_nobody_until_it_is_back(
    app: Starlette, clock: ManualClock
) -> None:
    simulation = simulation_of(app)
    order = place(simulation, "taobao")
    form = urlencode(
        taobao_params(
            simulation,
            shop_of(order),
            "taobao.trade.fullinfo.get",
            tid=order.order_no,
            fields="tid",
        )
    ).encode()
    wanted = json.dumps({"channel": "taobao", "seconds": 300}).encode()
    assert speak(app, "POST", "/_sim/outage", body=wanted)[0] == 200
    assert speak(app, "POST", "/router/rest", body=form)[0] == 502
    assert simulation.plan.counts["taobao:down"] == 1
    clock.advance(300_000)
    assert speak(app, "POST", "/router/rest", body=form)[0] == 200


@pytest.mark.parametrize(
    "wanted",
    [{"channel": "ebay", "seconds": 1}, {"channel": "jd"}, {"channel": "jd", "seconds": -1}],
)
def test_an_outage_that_makes_no_sense_is_refused(app: Starlette, wanted: dict[str, Any]) -> None:
    assert speak(app, "POST", "/_sim/outage", body=json.dumps(wanted).encode())[0] == 400
