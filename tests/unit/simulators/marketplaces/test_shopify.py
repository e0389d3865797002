import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from simulators.clock import ManualClock, iso_text
from simulators.doors import Answer, Call
from simulators.marketplaces.shopify.server import BUCKET
from simulators.orders import Order, Shop
from simulators.simulation import Simulation
from tests.unit.simulators.calls import as_json, place, shop_named, shop_of

YUAN, YEN = shop_named("shopify-1"), shop_named("shopify-2")
URL = "http://127.0.0.1:9/push"


def call(
    simulation: Simulation,
    shop: Shop,
    path: str,
    query: dict[str, str] | None = None,
    body: Any = None,
    token: str = "",
) -> Answer:
    return simulation.servers["shopify"].answer(
        Call(
            method="GET" if body is None else "POST",
            path=f"/admin/api/2025-10/{path}",
            query=query or {},
            headers={"x-shopify-access-token": token or shop.access_token},
            body=b"" if body is None else json.dumps(body).encode(),
        )
    )


def orders_of(simulation: Simulation, shop: Shop, count: int = 1) -> list[Order]:
    found: list[Order] = []
    while len(found) < count:
        order = place(simulation, "shopify")
        if order.shop == shop.shop:
            found.append(order)
    return found


def shown(simulation: Simulation, order: Order) -> dict[str, Any]:
    answer = call(simulation, shop_of(order), f"orders/{order.order_no}.json")
    found: dict[str, Any] = as_json(answer.body)["order"]
    return found


def two_lines(simulation: Simulation) -> Order:
    return next(one for one in orders_of(simulation, YUAN, 40) if len(one.lines) > 1)


def parcel(
    simulation: Simulation, order: Order, waybill: str, places: slice, quantity: int | None = None
) -> Answer:
    shop = shop_of(order)
    answer = call(simulation, shop, f"orders/{order.order_no}/fulfillment_orders.json")
    (held,) = as_json(answer.body)["fulfillment_orders"]
    lines = [
        {"id": line["id"], "quantity": quantity or line["quantity"]}
        for line in held["line_items"][places]
    ]
    part = {"fulfillment_order_id": held["id"], "fulfillment_order_line_items": lines}
    fulfillment = {
        "line_items_by_fulfillment_order": [part],
        "tracking_info": {"number": waybill, "company": "SF Express"},
    }
    return call(simulation, shop, "fulfillments.json", body={"fulfillment": fulfillment})


def test_without_its_token_nobody_learns_what_there_is(simulation: Simulation) -> None:
    assert call(simulation, YUAN, "orders.json", token="wrong").status == 401
    assert call(simulation, YUAN, "nothing.json", token="wrong").status == 401
    assert call(simulation, YUAN, "nothing.json").status == 404


def test_a_shop_does_not_see_the_orders_of_another(simulation: Simulation) -> None:
    (order,) = orders_of(simulation, YUAN)
    assert call(simulation, YEN, f"orders/{order.order_no}.json").status == 404


def test_the_bucket_overflows_and_leaks(simulation: Simulation, clock: ManualClock) -> None:
    for held in range(1, BUCKET + 1):
        answer = call(simulation, YUAN, "orders.json")
        assert answer.headers["x-shopify-shop-api-call-limit"] == f"{held}/{BUCKET}"
    throttled = call(simulation, YUAN, "orders.json")
    assert (throttled.status, throttled.headers["retry-after"]) == (429, "2.0")
    assert call(simulation, YEN, "orders.json").status == 200
    clock.advance(49)
    assert call(simulation, YUAN, "orders.json").status == 429
    clock.advance(1)
    assert call(simulation, YUAN, "orders.json").status == 200


def next_query(answer: Answer) -> dict[str, str] | None:
    link = answer.headers.get("link", "")
    if not link:
        return None
    url, _, relation = link.partition("; ")
    assert relation == 'rel="next"'
    return dict(parse_qsl(urlsplit(url.strip("<>")).query))


def test_a_cursor_leads_to_every_order_though_some_change_meanwhile(
    simulation: Simulation, clock: ManualClock
) -> None:
    placed = []
    for _ in range(23):
        placed += orders_of(simulation, YUAN)
        clock.advance(1_000)
    query: dict[str, str] | None = {
        "limit": "5",
        "status": "any",
        "order": "updated_at asc",
        "updated_at_min": iso_text(0),
    }
    found: list[int] = []
    while query is not None:
        answer = call(simulation, YUAN, "orders.json", query)
        found += [row["id"] for row in as_json(answer.body)["orders"]]
        simulation.world.act(placed[0].key, "memo")
        query = next_query(answer)
        assert len(found) < 200
    assert {int(order.order_no) for order in placed} <= set(found)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"limit": "251"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"status": "paid"}, "status"),
        ({"order": "id asc"}, "order"),
        ({"order": "updated_at asc", "updated_at_min": "yesterday"}, "updated_at_min"),
        ({"page_info": "bm9uZQ=="}, "page_info"),
        ({"page_info": "bm9uZQ==", "status": "any"}, "status"),
    ],
)
def test_a_wrong_parameter_is_named(
    simulation: Simulation, query: dict[str, str], named: str
) -> None:
    answer = call(simulation, YUAN, "orders.json", query)
    assert answer.status == 400
    assert list(as_json(answer.body)["errors"]) == [named]


def test_yen_have_no_decimals_and_yuan_two(simulation: Simulation) -> None:
    for shop, decimals in ((YUAN, 2), (YEN, 0)):
        (order,) = orders_of(simulation, shop)
        row = shown(simulation, order)
        assert row["currency"] == shop.currency
        assert len(row["total_price"].partition(".")[2]) == decimals
        assert int(row["total_price"].replace(".", "")) == order.stated_paid_fen


def test_amounts_add_up_in_shopifys_own_fields(simulation: Simulation) -> None:
    def cents(text: str) -> int:
        return int(text.replace(".", ""))

    for order in orders_of(simulation, YUAN, 60):
        row = shown(simulation, order)
        lines = row["line_items"]
        listed = sum(cents(line["price"]) * line["quantity"] for line in lines)
        off = sum(
            cents(share["amount"]) for line in lines for share in line["discount_allocations"]
        )
        shipping = cents(row["total_shipping_price_set"]["shop_money"]["amount"])
        assert cents(row["total_line_items_price"]) == listed
        assert cents(row["total_discounts"]) == off
        assert cents(row["subtotal_price"]) == listed - off
        assert cents(row["total_price"]) == listed - off + shipping


def test_parcels_leave_line_by_line_and_only_once(simulation: Simulation) -> None:
    order = two_lines(simulation)
    assert parcel(simulation, order, "SF1", slice(0, 1)).status == 201
    assert shown(simulation, order)["fulfillment_status"] == "partial"
    again = parcel(simulation, order, "SF1", slice(0, 1))
    assert again.status == 422
    assert again.wrote
    other = parcel(simulation, order, "SF2", slice(0, 1))
    assert as_json(other.body)["errors"] == [
        "Invalid fulfillment order line item quantity requested."
    ]
    assert parcel(simulation, order, "SF3", slice(1, None)).status == 201
    row = shown(simulation, order)
    assert row["fulfillment_status"] == "fulfilled"
    assert [one["tracking_number"] for one in row["fulfillments"]] == ["SF1", "SF3"]
    closed = parcel(simulation, order, "SF4", slice(0, None))
    assert "unfulfillable status= closed" in as_json(closed.body)["errors"][0]
    assert simulation.tally.counts["shopify:send:applied"] == 2
    assert simulation.tally.counts["shopify:send:duplicate"] == 1


def test_pieces_which_are_not_there_cannot_leave(simulation: Simulation) -> None:
    (order,) = orders_of(simulation, YUAN)
    assert parcel(simulation, order, "SF1", slice(0, 1), quantity=99).status == 422
    assert simulation.world.records.orders[order.key].shipments == ()


def test_an_unpaid_order_is_on_hold(simulation: Simulation) -> None:
    order = next(
        order
        for _ in range(200)
        if not (order := place(simulation, "shopify", paid=False)).version > 1
    )
    answer = parcel(simulation, order, "SF1", slice(0, None))
    assert "unfulfillable status= on_hold" in as_json(answer.body)["errors"][0]


def test_a_cancelled_order_was_paid_back_with_its_freight(simulation: Simulation) -> None:
    order = next(one for one in orders_of(simulation, YUAN, 60) if one.freight_fen)
    path = f"orders/{order.order_no}/cancel.json"
    answer = call(simulation, YUAN, path, body={"amount": "1.00"})
    assert answer.status == 200
    row = shown(simulation, order)
    assert (row["financial_status"], row["current_total_price"]) == ("refunded", "0.00")
    assert row["cancelled_at"]
    again = call(simulation, YUAN, f"orders/{order.order_no}/cancel.json", body={})
    assert (again.status, again.wrote) == (422, True)


def test_an_order_that_is_closed_without_an_amount_keeps_its_money(simulation: Simulation) -> None:
    order = next(one for one in orders_of(simulation, YUAN, 60) if one.paid_fen)
    path = f"orders/{order.order_no}/cancel.json"
    assert call(simulation, YUAN, path, body={"reason": "other"}).status == 200
    row = shown(simulation, order)
    assert (row["financial_status"], bool(row["cancelled_at"])) == ("paid", True)
    assert call(simulation, YUAN, path, body={"amount": 5}).status == 400


def test_a_line_is_paid_back_and_total_price_stays(simulation: Simulation) -> None:
    order = two_lines(simulation)
    line = order.lines[0]

    def back(quantity: int, amount: str) -> Answer:
        refund = {
            "refund_line_items": [{"line_item_id": int(line.line_no), "quantity": quantity}],
            "transactions": [{"kind": "refund", "amount": amount}],
        }
        path = f"orders/{order.order_no}/refunds.json"
        return call(simulation, YUAN, path, body={"refund": refund})

    assert back(line.quantity + 1, "0.01").status == 422
    assert back(line.quantity, "99999.00").status == 422
    assert back(line.quantity, "0.01").status == 201
    assert back(line.quantity, "0.01").status == 422
    row = shown(simulation, order)
    assert row["financial_status"] == "partially_refunded"
    assert row["line_items"][0]["current_quantity"] == 0
    total, current = (
        int(row[name].replace(".", "")) for name in ("total_price", "current_total_price")
    )
    assert (total, total - current) == (order.paid_fen, 1)


def test_a_webhook_is_signed_over_its_bytes_and_keeps_its_id(
    simulate: Callable[..., Simulation], clock: ManualClock
) -> None:
    simulation = simulate(push_urls={YUAN.shop: URL})
    queue = simulation.pushes[YUAN.shop]
    (order,) = orders_of(simulation, YUAN)
    batch: list[Any] = []
    while not batch or str(order.order_no).encode() not in batch[0].content.body:
        batch = list(queue.take())
    posting = queue.encode(YUAN.shop, [batch[0].content])
    mac = hmac.new(YUAN.app_secret.encode(), posting.body, hashlib.sha256).digest()
    assert posting.headers["x-shopify-hmac-sha256"] == b64encode(mac).decode()
    assert posting.headers["x-shopify-topic"] == "orders/create"
    assert json.loads(posting.body)["id"] == int(order.order_no)
    queue.settle(batch, accepted=False)
    clock.advance(10_000)
    ids = {
        queue.encode(YUAN.shop, [push.content]).headers["x-shopify-webhook-id"]
        for _ in range(20)
        for push in queue.take()
    }
    assert posting.headers["x-shopify-webhook-id"] in ids
