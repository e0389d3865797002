"""WooCommerce's webhooks: one order in one POST, signed with the webhook's own secret.

Guarantees: a delivery is never repeated, and after five failures in a row the store switches its webhook
off. Saving a webhook sends a ping, which is a form and not signed.
"""

import hmac
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import msgspec

from simulators.marketplaces.woocommerce.payloads import store_order
from simulators.orders import Change, ChangeKind, Shop
from simulators.pushes import Posting

FAILURES_MAX = 5
_SILENT: frozenset[ChangeKind] = frozenset(
    {"after_sale_opened", "after_sale_refused", "after_sale_withdrawn"}
)


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery as it is told; a ping has no event."""

    delivery_id: str
    event: str
    body: bytes


def message(change: Change, shop: Shop, number: int) -> Delivery | None:
    """Return the delivery of a change; what buyers only ask for does not exist here."""
    if change.kind in _SILENT:
        return None
    return Delivery(
        delivery_id=f"{number:032x}",
        event="created" if change.kind == "placed" else "updated",
        body=msgspec.json.encode(store_order(change.order, shop)),
    )


def sign(secret: str, body: bytes) -> str:
    """Sign a webhook: Base64 HMAC-SHA256 of the raw body, keyed with the webhook's secret."""
    return b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def encode(shop: Shop, messages: Sequence[Any], at_ms: int) -> Posting:
    """Post one delivery."""
    del at_ms
    (delivery,) = messages
    if not delivery.event:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return Posting(headers=headers, body=delivery.body)
    headers = {
        "content-type": "application/json",
        "x-wc-webhook-source": f"https://{shop.shop}.example.invalid/",
        "x-wc-webhook-topic": f"order.{delivery.event}",
        "x-wc-webhook-resource": "order",
        "x-wc-webhook-event": delivery.event,
        "x-wc-webhook-signature": sign(shop.push_token, delivery.body),
        "x-wc-webhook-id": str(shop.native_shop_id),
        "x-wc-webhook-delivery-id": delivery.delivery_id,
    }
    return Posting(headers=headers, body=delivery.body)


def ping(shop: Shop) -> Delivery:
    """Return what is sent when the webhook is saved."""
    return Delivery(delivery_id="", event="", body=f"webhook_id={shop.native_shop_id}".encode())


def accepted(body: bytes) -> bool:
    """Say that it was received: of a 2xx nobody reads the body."""
    del body
    return True
