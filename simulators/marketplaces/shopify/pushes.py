"""Shopify's webhooks: one event in one POST, signed over its exact bytes.

Guarantees: a repetition carries the same webhook id and the same body; any 2xx means received. An
event about money back names its order only, all others carry the whole of it.
"""

import hmac
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import msgspec

from simulators.clock import iso_text
from simulators.marketplaces.shopify.payloads import refund, shop_order
from simulators.orders import Change, ChangeKind, Shop
from simulators.pushes import Posting

API_VERSION = "2025-10"
TOPICS: dict[ChangeKind, str] = {
    "placed": "orders/create",
    "paid": "orders/paid",
    "address_changed": "orders/updated",
    "memo_changed": "orders/updated",
    "cancelled": "orders/cancelled",
    "shipped": "orders/fulfilled",
    "finished": "orders/updated",
    "after_sale_agreed": "refunds/create",
}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it is told, however often."""

    webhook_id: str
    topic: str
    triggered_at: str
    body: bytes


def message(change: Change, shop: Shop, number: int) -> Event | None:
    """Return the event of a change; what buyers only ask for does not exist here."""
    topic = TOPICS.get(change.kind)
    if topic is None:
        return None
    if change.order.state == "part_shipped" and change.kind == "shipped":
        topic = "orders/partially_fulfilled"
    content = shop_order(change.order, shop)
    if change.after_sale is not None:
        content = refund(change.after_sale, change.order, shop)
    digits = f"{number:032x}"
    return Event(
        webhook_id="-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])),
        topic=topic,
        triggered_at=iso_text(change.order.modified_at_ms),
        body=msgspec.json.encode(content),
    )


def sign(secret: str, body: bytes) -> str:
    """Sign a webhook: Base64 HMAC-SHA256 of the raw body, keyed with the app's secret."""
    return b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def encode(shop: Shop, messages: Sequence[Any], at_ms: int) -> Posting:
    """Post one event."""
    del at_ms
    (event,) = messages
    headers = {
        "content-type": "application/json",
        "x-shopify-topic": event.topic,
        "x-shopify-hmac-sha256": sign(shop.app_secret, event.body),
        "x-shopify-shop-domain": f"{shop.shop}.myshopify.com",
        "x-shopify-api-version": API_VERSION,
        "x-shopify-webhook-id": event.webhook_id,
        "x-shopify-triggered-at": event.triggered_at,
    }
    return Posting(headers=headers, body=event.body)


def accepted(body: bytes) -> bool:
    """Say that it was received: of a 2xx nobody reads the body."""
    del body
    return True
