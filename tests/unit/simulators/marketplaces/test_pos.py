import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from simulators.clock import ManualClock
from simulators.doors import Call
from simulators.orders import Order
from simulators.simulation import Simulation
from tests.unit.simulators.calls import shop_named

SHOP = shop_named("pos-1")
URL = "http://127.0.0.1:9/push"


@pytest.fixture
def simulation(simulate: Callable[..., Simulation]) -> Simulation:
    return simulate(push_urls={SHOP.shop: URL})


def sold(simulation: Simulation, state: str) -> Order:
    return next(
        order for _ in range(500) if (order := simulation.world.place(channel="pos")).state == state
    )


def uploaded(simulation: Simulation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    queue = simulation.pushes[SHOP.shop]
    while batch := queue.take():
        posting = queue.encode(SHOP.shop, [one.content for one in batch])
        found += json.loads(posting.body)["orders"]
    return found


def test_an_upload_is_signed_over_its_moment_and_its_bytes(
    simulation: Simulation, clock: ManualClock
) -> None:
    order = sold(simulation, "finished")
    queue = simulation.pushes[SHOP.shop]
    batch = queue.take()
    posting = queue.encode(SHOP.shop, [one.content for one in batch])
    at = str(clock() // 1_000)
    text = f"{at}\n".encode() + posting.body
    assert posting.headers["x-pos-timestamp"] == at
    assert posting.headers["x-pos-signature"] == (
        hmac.new(SHOP.app_secret.encode(), text, hashlib.sha256).hexdigest()
    )
    upload = json.loads(posting.body)
    assert (upload["schema"], upload["store_no"]) == ("pos-upload/1", "S001")
    assert order.order_no in {one["receipt_no"] for one in upload["orders"]}


def test_amounts_of_a_receipt_add_up(simulation: Simulation) -> None:
    for _ in range(200):
        simulation.world.place(channel="pos")
    receipts = uploaded(simulation)
    assert len(receipts) > 100
    assert {len(one["payments"]) for one in receipts} == {1, 2}
    for one in receipts:
        assert one["total_fen"] == sum(line["amount_fen"] for line in one["lines"])
        assert one["total_fen"] == sum(payment["amount_fen"] for payment in one["payments"])
        assert one["discount_fen"] == sum(line["discount_fen"] for line in one["lines"])
        for line in one["lines"]:
            listed_fen = line["amount_fen"] + line["discount_fen"]
            assert abs(float(line["qty"]) * line["unit_price_fen"] - listed_fen) < 1


def test_only_goods_to_be_sent_tell_who_bought_them(simulation: Simulation) -> None:
    counter, to_send = sold(simulation, "finished"), sold(simulation, "paid")
    by_number = {one["receipt_no"]: one for one in uploaded(simulation)}
    assert by_number[counter.order_no]["delivery"] is None
    assert to_send.receiver.canary in by_number[to_send.order_no]["delivery"]["name"]


def test_a_receipt_is_never_amended_only_returned(simulation: Simulation) -> None:
    order = sold(simulation, "finished")
    uploaded(simulation)
    assert not simulation.world.act(order.key, "memo")
    assert not simulation.world.act(order.key, "address")
    assert simulation.world.claim(order)
    (receipt,) = uploaded(simulation)
    assert (receipt["type"], receipt["original_receipt_no"]) == ("RETURN", order.order_no)
    assert receipt["total_fen"] < 0
    assert all(line["qty"].startswith("-") for line in receipt["lines"])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"accepted":true}', True),
        (b'{"accepted":false}', False),
        (b"<html>", False),
        (b"", False),
    ],
)
def test_only_a_plain_yes_empties_the_tills_memory(
    simulation: Simulation, body: bytes, expected: bool
) -> None:
    assert simulation.pushes[SHOP.shop].accepted(body) is expected


def test_a_till_takes_no_calls(simulation: Simulation) -> None:
    answer = simulation.servers["pos"].answer(Call(method="GET", path="/"))
    assert answer.status == 404
