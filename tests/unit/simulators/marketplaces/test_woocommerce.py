import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from simulators.clock import ManualClock, zoneless_text
from simulators.doors import Answer, Call
from simulators.orders import Order
from simulators.simulation import Simulation
from tests.unit.simulators.calls import as_json, place, shop_named

SHOP = shop_named("woocommerce-1")
PATH = "/wp-json/wc/v3/orders"
URL = "http://127.0.0.1:9/push"
DAY_MS = 86_400_000


def signed(
    simulation: Simulation, method: str, path: str, query: dict[str, str], nonce: str
) -> dict[str, str]:
    sent = {
        **query,
        "oauth_consumer_key": SHOP.app_key,
        "oauth_nonce": nonce,
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(simulation.clock() // 1_000),
    }
    pairs = "&".join(f"{name}={quote(sent[name], safe='')}" for name in sorted(sent))
    text = f"{method}&{quote(f'http://shop.example{path}', safe='')}&{quote(pairs, safe='')}"
    mac = hmac.new(f"{SHOP.app_secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return sent | {"oauth_signature": b64encode(mac).decode()}


class Caller:
    """Calls with a new nonce each time."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.count = 0

    def __call__(
        self,
        method: str = "GET",
        tail: str = "",
        query: dict[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        self.count += 1
        path = PATH + tail
        return self.simulation.servers["woocommerce"].answer(
            Call(
                method=method,
                path=path,
                query=signed(self.simulation, method, path, query or {}, f"n{self.count}"),
                headers={"host": "shop.example"},
                body=b"" if body is None else json.dumps(body).encode(),
            )
        )

    def order(self, order: Order) -> dict[str, Any]:
        return as_json(self(tail=f"/{order.order_no}").body)


@pytest.fixture
def call(simulation: Simulation) -> Caller:
    return Caller(simulation)


def words(answer: Answer) -> str:
    assert answer.status == 401
    message: str = as_json(answer.body)["message"]
    return message


def test_a_signature_covers_method_url_and_every_parameter(
    simulation: Simulation, clock: ManualClock
) -> None:
    server = simulation.servers["woocommerce"]
    good = signed(simulation, "GET", PATH, {"status": "any"}, "n1")
    headers = {"host": "shop.example"}

    def answer(query: dict[str, str], **changed: Any) -> Answer:
        asked: dict[str, Any] = {"method": "GET", "path": PATH, "headers": headers, **changed}
        return server.answer(Call(query=query, **asked))

    wrong = "Invalid signature - provided signature does not match."
    assert words(answer(good, headers={"host": "other.example"})) == wrong
    assert words(answer(good | {"status": "trash"})) == wrong
    assert words(answer(good | {"more": "1"})) == wrong
    assert words(answer(good | {"oauth_consumer_key": "ck_x"})) == "Consumer key is invalid."
    assert "method is invalid" in words(answer(good | {"oauth_signature_method": "PLAINTEXT"}))
    assert "Missing" in words(answer({"oauth_nonce": "n"}))
    assert words(answer({})) == "Sorry, you cannot list resources."
    assert answer(good).status == 200
    assert "already been used" in words(answer(good))
    late = signed(simulation, "GET", PATH, {}, "n2")
    clock.advance(15 * 60_000 + 1_000)
    assert words(answer(late)) == "Invalid timestamp."


def test_a_key_pair_is_proof_over_https_only(simulation: Simulation) -> None:
    server = simulation.servers["woocommerce"]

    def answer(secret: str, **headers: str) -> Answer:
        pair = b64encode(f"{SHOP.app_key}:{secret}".encode()).decode()
        sent = {"authorization": f"Basic {pair}", **headers}
        return server.answer(Call(method="GET", path=PATH, headers=sent))

    secure = {"x-forwarded-proto": "https"}
    assert answer(SHOP.app_secret, **secure).status == 200
    assert words(answer("cs_wrong", **secure)) == "Consumer secret is invalid."
    assert words(answer(SHOP.app_secret)) == "Sorry, you cannot list resources."


def test_pages_are_counted_and_together_hold_every_order(
    simulation: Simulation, call: Caller, clock: ManualClock
) -> None:
    placed = set()
    for _ in range(23):
        placed.add(int(simulation.world.place(channel="woocommerce").order_no))
        clock.advance(1_000)
    found: list[int] = []
    for page in range(1, 4):
        answer = call(query={"page": str(page), "per_page": "10"})
        assert (answer.headers["x-wp-total"], answer.headers["x-wp-totalpages"]) == ("23", "3")
        found += [row["id"] for row in json.loads(answer.body)]
    assert len(found) == 23
    assert set(found) == placed


def test_the_second_of_a_bound_is_not_within_it(
    simulation: Simulation, call: Caller, clock: ManualClock
) -> None:
    order = simulation.world.place(channel="woocommerce")

    def total(after_ms: int, before_ms: int) -> str:
        query = {
            "orderby": "modified",
            "dates_are_gmt": "true",
            "modified_after": zoneless_text(after_ms, 0),
            "modified_before": zoneless_text(before_ms, 0),
        }
        return call(query=query).headers["x-wp-total"]

    at_ms = order.modified_at_ms
    assert total(at_ms - 1_000, at_ms + 1_000) == "1"
    assert total(at_ms, at_ms + 1_000) == "0"
    assert total(at_ms - 1_000, at_ms) == "0"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"per_page": "101"}, "per_page"),
        ({"page": "0"}, "page"),
        ({"orderby": "total"}, "orderby"),
        ({"status": "lost"}, "status"),
        ({"after": "yesterday"}, "after"),
    ],
)
def test_a_wrong_parameter_is_named(call: Caller, query: dict[str, str], named: str) -> None:
    answer = call(query=query)
    assert answer.status == 400
    assert as_json(answer.body)["message"] == f"Invalid parameter(s): {named}"


def test_amounts_add_up_in_the_stores_own_fields(simulation: Simulation, call: Caller) -> None:
    def cents(text: str) -> int:
        return int(text.replace(".", ""))

    for _ in range(60):
        row = call.order(place(simulation, "woocommerce"))
        lines = row["line_items"]
        goods = sum(cents(line["total"]) for line in lines)
        off = sum(cents(line["subtotal"]) - cents(line["total"]) for line in lines)
        assert cents(row["discount_total"]) == off
        assert cents(row["total"]) == goods + cents(row["shipping_total"])
        for line in lines:
            assert abs(line["price"] * line["quantity"] * 100 - cents(line["total"])) < 0.001


def test_a_completed_order_stays_completed_by_its_first_parcel(
    simulation: Simulation, call: Caller
) -> None:
    order = place(simulation, "woocommerce")

    def complete(parcel: str) -> Answer:
        body = {"status": "completed", "meta_data": [{"key": "k", "value": parcel}]}
        return call("PUT", f"/{order.order_no}", body=body)

    for parcel in ("顺丰速运 SF1", "顺丰速运 SF1", "顺丰速运 SF2"):
        answer = complete(parcel)
        assert (answer.status, answer.wrote) == (200, True)
        assert as_json(answer.body)["status"] == "completed"
    shipped = simulation.world.records.orders[order.key]
    assert [(one.company, one.waybill) for one in shipped.shipments] == [("顺丰速运", "SF1")]
    assert simulation.tally.counts["woocommerce:send:duplicate"] == 2


def test_an_unpaid_order_is_cancelled_and_never_completed(
    simulation: Simulation, call: Caller
) -> None:
    order = place(simulation, "woocommerce", paid=False)
    path = f"/{order.order_no}"
    assert call("PUT", path, body={"status": "completed"}).status == 400
    assert as_json(call("PUT", path, body={"status": "cancelled"}).body)["status"] == "cancelled"
    assert call("PUT", path, body={"status": "gone"}).status == 400


def test_a_refund_is_negative_and_within_what_was_paid(
    simulation: Simulation, call: Caller
) -> None:
    while len((order := place(simulation, "woocommerce")).lines) < 2 or order.lines[-1].gift:
        pass
    line = order.lines[0]
    path = f"/{order.order_no}/refunds"

    def back(amount: str) -> Answer:
        return call(
            "POST", path, body={"amount": amount, "line_items": [{"id": int(line.line_no)}]}
        )

    assert back("99999.00").status == 400
    assert back("0.00").status == 400
    answer = back("0.01")
    assert answer.status == 201
    refund = as_json(answer.body)
    assert refund["amount"] == "0.01"
    assert refund["line_items"][0]["quantity"] == -line.quantity
    row = call.order(order)
    assert [one["total"] for one in row["refunds"]] == ["-0.01"]
    assert row["status"] == "processing"
    assert len(json.loads(call(tail=path).body)) == 1


def test_a_saved_webhook_pings_signs_and_is_never_repeated(
    simulate: Callable[..., Simulation], clock: ManualClock
) -> None:
    simulation = simulate(push_urls={SHOP.shop: URL})
    queue = simulation.pushes[SHOP.shop]
    (ping,) = queue.take()
    posting = queue.encode(SHOP.shop, [ping.content])
    assert posting.body == f"webhook_id={SHOP.native_shop_id}".encode()
    assert "x-wc-webhook-signature" not in posting.headers
    order = place(simulation, "woocommerce")
    topics = set()
    while batch := queue.take():
        posting = queue.encode(SHOP.shop, [batch[0].content])
        mac = hmac.new(SHOP.push_token.encode(), posting.body, hashlib.sha256).digest()
        assert posting.headers["x-wc-webhook-signature"] == b64encode(mac).decode()
        if json.loads(posting.body)["id"] == int(order.order_no):
            topics.add(posting.headers["x-wc-webhook-topic"])
    assert topics == {"order.created", "order.updated"}
    queue.settle(batch or [ping], accepted=False)
    clock.advance(DAY_MS)
    assert queue.take() == ()
