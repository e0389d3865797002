"""Shopify: how far the goods have come, beside lines that need no parcel."""

import pytest

from services.ingest.domain.snapshots import hold_of
from tests.unit.ingest.channels.builders import Native, order_of
from tests.unit.ingest.channels.natives import shopify, shopify_line


def test_an_order_which_needs_no_parcel_is_for_a_person() -> None:
    voucher = shopify_line(id=2, requires_shipping=False, quantity=1, price="10.00")
    alone = order_of(shopify(voucher, total_price="10.00", shipping_address=None))
    assert (alone.state, alone.hold) == ("paid_on_hold", "nothing_to_ship")
    assert hold_of(alone) == "nothing_to_ship"


SENT = {"fulfillment_status": "fulfilled"}
WRAP_SENT = {"status": "success", "line_items": [{"id": 2, "quantity": 1}]}
GOODS_SENT = {"status": "success", "line_items": [{"id": 1, "quantity": 2}]}
ONE_SENT = {"status": "success", "line_items": [{"id": 1, "quantity": 1}]}


@pytest.mark.parametrize(
    ("wrap", "changed", "state", "hold", "shipped"),
    [
        ({}, {}, "awaiting_shipment", "", [0, 0]),
        # It is fulfilled by itself, and the order partly with it.
        (SENT, {"fulfillment_status": "partial"}, "awaiting_shipment", "", [0, 0]),
        ({}, {"fulfillments": [WRAP_SENT]}, "awaiting_shipment", "", [0, 0]),
        (SENT, {"fulfillment_status": "partial", "fulfillments": [WRAP_SENT]},
         "awaiting_shipment", "", [0, 0]),
        (SENT, {"fulfillment_status": "partial", "fulfillments": [WRAP_SENT, ONE_SENT]},
         "partly_shipped", "partly_shipped_elsewhere", [1, 0]),
        ({}, {"fulfillment_status": "partial"}, "partly_shipped", "partly_shipped_elsewhere", [0, 0]),
        ({}, {"fulfillment_status": "partial", "fulfillments": [GOODS_SENT]},
         "shipped", "shipped_elsewhere", [2, 1]),
        (SENT, {"fulfillment_status": "fulfilled", "fulfillments": [WRAP_SENT, GOODS_SENT]},
         "shipped", "shipped_elsewhere", [2, 1]),
    ],
)  # fmt: skip
def test_gift_wrap_does_not_hold_the_goods_it_is_for(
    wrap: Native, changed: Native, state: str, hold: str, shipped: list[int]
) -> None:
    line = shopify_line(id=2, requires_shipping=False, quantity=1, price="10.00", **wrap)
    found = shopify(shopify_line(), line, total_price="110.00", **changed)
    assert not found.blocked, found.problems
    order = order_of(found)
    assert (order.state, hold_of(order)) == (state, hold)
    assert [item.shipped_qty for item in order.items] == shipped
