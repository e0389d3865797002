"""Own shops: an order that we closed is closed there, once, and what the shop says is believed only where it is clear."""

from __future__ import annotations

import json

import pytest

from services.ingest.channels import (
    Applied,
    Cancelling,
    Channel,
    ErrorKind,
    HttpAnswer,
    Refused,
    Retry,
    WriteBack,
)
from services.ingest.channels.shopify import CHANNEL as SHOPIFY
from services.ingest.channels.woocommerce import CHANNEL as WOOCOMMERCE
from tests.unit.ingest.channels.builders import CREDENTIALS, NOW, answer


def cancelling(channel: Channel) -> Cancelling:
    assert channel.cancelling is not None
    return channel.cancelling


@pytest.mark.parametrize(
    ("channel", "method", "path", "body"),
    [
        (SHOPIFY, "POST", "/orders/55%2F1/cancel.json", {"reason": "other", "email": False}),
        (WOOCOMMERCE, "PUT", "/wp-json/wc/v3/orders/55%2F1", {"status": "cancelled"}),
    ],
)
def test_a_closing_names_the_order_and_moves_no_money(
    channel: Channel, method: str, path: str, body: object
) -> None:
    request = cancelling(channel).request(CREDENTIALS, "55/1", NOW)
    assert (request.method, json.loads(request.body)) == (method, body)
    assert path in request.url


@pytest.mark.parametrize(
    ("channel", "said", "expected"),
    [
        (SHOPIFY, answer({"order": {"cancelled_at": "2026-05-20T09:31:02+08:00"}}), Applied()),
        (
            SHOPIFY,
            answer({"errors": "Order has already been cancelled"}, status=422),
            Applied(repeated=True),
        ),
        (SHOPIFY, answer({"errors": "Order has been canceled"}, status=422), Refused),
        (SHOPIFY, answer({"errors": "Cannot cancel a fulfilled order"}, status=422), Refused),
        (SHOPIFY, answer({"errors": "Not Found"}, status=404), Refused),
        (SHOPIFY, answer({"order": {"cancelled_at": None}}), Retry),
        (SHOPIFY, answer({}), Retry),
        (SHOPIFY, answer({}, status=429), ErrorKind.THROTTLED),
        (SHOPIFY, answer({}, status=401), ErrorKind.TOKEN),
        (WOOCOMMERCE, answer({"id": 55, "status": "cancelled"}), Applied()),
        (WOOCOMMERCE, answer({"id": 55, "status": "completed"}), Refused),
        (
            WOOCOMMERCE,
            answer({"code": "woocommerce_rest_invalid_order_status", "message": "no"}, status=400),
            Refused,
        ),
        (WOOCOMMERCE, answer({"status": "cancelled"}), Retry),
        (WOOCOMMERCE, answer([]), Retry),
        (WOOCOMMERCE, answer({}, status=503), Retry),
    ],
)
def test_an_answer_is_applied_refused_or_asked_again(
    channel: Channel, said: HttpAnswer, expected: object
) -> None:
    read: WriteBack = cancelling(channel).read_answer(said)
    match expected:
        case ErrorKind():
            assert isinstance(read, Retry)
            assert read.error.kind is expected
        case type():
            assert isinstance(read, expected)
        case _:
            assert read == expected
