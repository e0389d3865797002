"""Shopify's fulfilment orders: what of an order may still leave, as the Admin REST API writes it.

Guarantees: an order has one fulfilment order over all its lines, which have numbers of their own; it is
on hold until the order is paid, and closed when nothing is left.
"""

from typing import Any

from simulators.marketplaces.shopify.payloads import LOCATION_ID
from simulators.orders import Line, Order, Shop


def fulfillment_order_no(order: Order) -> int:
    """Return the number of an order's only fulfilment order."""
    return int(f"6{order.order_no[1:]}")


def fulfillment_line_no(line: Line) -> int:
    """Return the number of a line within its fulfilment order."""
    return int(f"2{line.line_no[1:]}")


def left(order: Order) -> list[Line]:
    """Return the lines which may still be fulfilled."""
    if order.state not in {"paid", "part_shipped"}:
        return []
    return [line for line in order.lines if not line.waybill and line.refund != "agreed"]


def status_of(order: Order) -> str:
    """Return where an order's fulfilment order stands."""
    if order.state == "unpaid":
        return "on_hold"
    if left(order):
        return "in_progress" if order.shipments else "open"
    return "closed" if order.shipments else "cancelled"


def fulfillment_order(order: Order, shop: Shop) -> dict[str, Any]:
    """Return an order's fulfilment order: one place has everything; unpaid orders are on hold."""
    fulfillable = {line.line_no for line in left(order)}
    status = status_of(order)
    number = fulfillment_order_no(order)
    return {
        "id": number,
        "shop_id": shop.native_shop_id,
        "order_id": int(order.order_no),
        "assigned_location_id": LOCATION_ID,
        "request_status": "unsubmitted",
        "status": status,
        "supported_actions": ["create_fulfillment"] if fulfillable else [],
        "fulfillment_holds": [{"reason": "awaiting_payment", "reason_notes": None}]
        if status == "on_hold"
        else [],
        "line_items": [
            {
                "id": fulfillment_line_no(line),
                "shop_id": shop.native_shop_id,
                "fulfillment_order_id": number,
                "line_item_id": int(line.line_no),
                "inventory_item_id": 45_000_000_000_000 + line.sku.number,
                "variant_id": 43_000_000_000_000 + line.sku.number,
                "quantity": line.quantity,
                "fulfillable_quantity": line.quantity if line.line_no in fulfillable else 0,
            }
            for line in order.lines
        ],
    }
