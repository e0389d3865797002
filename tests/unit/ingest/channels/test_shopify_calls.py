"""Shopify: webhooks that carry orders whole, pages led by a cursor, parcels told in two calls."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from services.ingest.channels import (
    Applied,
    ChannelError,
    Hint,
    HintKind,
    HttpAnswer,
    HttpRequest,
    Page,
    PageToken,
    PollWindow,
    RawOrder,
    Refused,
    Retry,
    Shipment,
    ShippedLine,
    Unsupported,
)
from services.ingest.channels.shopify import CHANNEL
from tests.unit.ingest.channels import nasty
from tests.unit.ingest.channels.builders import (
    CREDENTIALS,
    NOW,
    Native,
    answer,
    encoded,
    pushed,
)
from tests.unit.ingest.channels.natives import shopify_order


def hints(body: object, topic: str, **headers: str) -> tuple[Hint | RawOrder, ...]:
    assert CHANNEL.push is not None
    told = {"x-shopify-topic": topic, "x-shopify-webhook-id": "w1", **headers}
    found = CHANNEL.push.read(CREDENTIALS, pushed(encoded(body), told))
    assert isinstance(found, tuple)
    return found


@pytest.mark.parametrize("topic", ["orders/create", "orders/updated", "orders/paid", ""])
def test_an_orders_webhook_is_the_whole_order(topic: str) -> None:
    (raw,) = hints(shopify_order(), topic)
    assert isinstance(raw, RawOrder)
    assert (raw.order_no, raw.body) == ("5500000000001", encoded(shopify_order()))
    assert raw.modified_at == datetime(2026, 5, 20, 1, 31, 41, tzinfo=UTC)
    (found,) = CHANNEL.normalise(raw.body)
    nasty.assert_taken(found)


@pytest.mark.parametrize(
    ("body", "topic", "kind", "order_no"),
    [
        ({"id": 71, "order_id": 55}, "refunds/create", HintKind.AFTERSALE, "55"),
        ({"id": 72, "order_id": 55}, "fulfillments/create", HintKind.ORDER, "55"),
        ({"id": 73, "order_id": 55}, "order_transactions/create", HintKind.ORDER, "55"),
        ({"order_edit": {"id": 1, "order_id": 55}}, "orders/edited", HintKind.ORDER, "55"),
        ({"id": 55}, "orders/delete", HintKind.OTHER, ""),
        ({"id": 9}, "products/update", HintKind.OTHER, ""),
        ({"id": 9, "line_items": []}, "draft_orders/create", HintKind.OTHER, ""),
        ({}, "app/uninstalled", HintKind.OTHER, ""),
    ],
)
def test_another_webhook_is_a_hint(body: Native, topic: str, kind: HintKind, order_no: str) -> None:
    (hint,) = hints(body, topic)
    assert isinstance(hint, Hint)
    assert (hint.kind, hint.order_no, hint.message_id) == (kind, order_no, "w1")


def test_a_webhook_of_a_test_order_is_a_probe() -> None:
    (hint,) = hints(shopify_order(test=True), "orders/create")
    assert isinstance(hint, Hint)
    assert (hint.kind, hint.order_no) == (HintKind.PROBE, "")


def test_a_webhook_which_is_no_json_is_not_understood() -> None:
    assert CHANNEL.push is not None
    assert isinstance(CHANNEL.push.read(CREDENTIALS, pushed(b"<html>")), ChannelError)


def test_a_webhook_is_signed_over_its_bytes() -> None:
    assert CHANNEL.push is not None
    body = encoded(shopify_order())
    mac = hmac.new(CREDENTIALS.app_secret.encode(), body, hashlib.sha256).digest()
    signed = {"x-shopify-hmac-sha256": base64.b64encode(mac).decode()}
    assert CHANNEL.push.verify(CREDENTIALS, pushed(body, signed))
    assert not CHANNEL.push.verify(CREDENTIALS, pushed(body + b"\n", signed))


def test_pages_are_led_through_by_the_cursor_of_the_link() -> None:
    link = ('<https://s.example/admin/api/2025-10/orders.json?limit=250&page_info=prev>; '
            'rel="previous", <https://s.example/admin/api/2025-10/orders.json?limit=250&'
            'page_info=n3xt>; rel="next"')  # fmt: skip
    told = HttpAnswer(
        status=200, headers={"link": link}, body=encoded({"orders": [shopify_order()]})
    )
    page = CHANNEL.read_page(told, None)
    assert isinstance(page, Page)
    assert page.next_page == PageToken(number=1, cursor="n3xt")
    assert CHANNEL.poll_request is not None
    window = PollWindow(since=NOW, until=NOW)
    again = CHANNEL.poll_request(CREDENTIALS, window, page.next_page, NOW)
    assert again.url.endswith("orders.json?limit=250&page_info=n3xt")
    first = CHANNEL.poll_request(CREDENTIALS, window, None, NOW)
    assert "status=any" in first.url
    last = CHANNEL.read_page(answer({"orders": []}), page.next_page)
    assert isinstance(last, Page)
    assert last.next_page is None


@pytest.mark.parametrize(
    ("status", "headers", "kind", "retry_after_ms"),
    [
        (429, {"retry-after": "2.0"}, "throttled", 2000),
        (429, {"retry-after": "3"}, "throttled", 3000),
        (429, {"retry-after": "soon"}, "throttled", 0),
        (429, {}, "throttled", 0),
        (401, {}, "token", 0),
        (403, {}, "token", 0),
        (404, {}, "refused", 0),
        (422, {}, "refused", 0),
        (500, {}, "retry", 0),
        (503, {}, "retry", 0),
        (301, {}, "refused", 0),
    ],
)
def test_an_error_is_sorted_by_what_to_do_about_it(
    status: int, headers: dict[str, str], kind: str, retry_after_ms: int
) -> None:
    told = HttpAnswer(status=status, headers=headers, body=b'{"errors":"x"}')
    page = CHANNEL.read_page(told, None)
    assert isinstance(page, ChannelError)
    assert (page.kind, page.retry_after_ms) == (kind, retry_after_ms)


PARCEL = Shipment(
    order_no="55",
    lines=(ShippedLine(line_id="1", qty=1),),
    whole=False,
    carrier="SF",
    waybill_no="SF1",
    request_id="r1",
)


def prepared(**changed: Any) -> Native:
    held = {"id": 91, "line_item_id": 1, "fulfillable_quantity": 2}
    other = {"id": 92, "line_item_id": 2, "fulfillable_quantity": 1}
    return {"id": 81, "status": "open", "line_items": [held, other], **changed}


def ship(shipment: Shipment, *fulfillment_orders: Native) -> object:
    told = answer({"fulfillment_orders": list(fulfillment_orders)})
    ready = msgspec.structs.replace(shipment, prepared=told)
    return CHANNEL.shipment_request(CREDENTIALS, ready, NOW)


@pytest.mark.parametrize(
    ("whole", "lines"),
    [
        # One of its two pieces: the line is told with the first of them, so that telling it again is no harm.
        (False, [{"id": 91, "quantity": 2}]),
        (True, [{"id": 91, "quantity": 2}, {"id": 92, "quantity": 1}]),
    ],
)
def test_a_parcel_is_told_by_the_lines_of_its_fulfilment_order(
    whole: bool,
    lines: list[Native],
) -> None:
    made = ship(msgspec.structs.replace(PARCEL, whole=whole), prepared(), prepared(status="closed"))
    assert isinstance(made, HttpRequest)
    sent = msgspec.json.decode(made.body)["fulfillment"]
    assert sent["tracking_info"] == {"number": "SF1", "company": "SF Express"}
    assert sent["line_items_by_fulfillment_order"] == [
        {"fulfillment_order_id": 81, "fulfillment_order_line_items": lines}
    ]


@pytest.mark.parametrize(
    ("orders", "kind"),
    [
        ([], Applied),
        ([prepared(status="closed")], Applied),
        ([prepared(status="on_hold")], Refused),
        ([prepared(line_items=[])], Applied),
    ],
)
def test_what_the_fulfilment_orders_already_decide_needs_no_call(
    orders: list[Native], kind: type
) -> None:
    assert isinstance(ship(PARCEL, *orders), kind)


def test_a_parcel_is_not_told_without_its_fulfilment_orders() -> None:
    assert isinstance(CHANNEL.shipment_request(CREDENTIALS, PARCEL, NOW), Retry)
    for body, status, kind in ((b"{}", 200, Retry), (b"{}", 429, Retry), (b"{}", 404, Refused)):
        told = HttpAnswer(status=status, headers={}, body=body)
        ready = msgspec.structs.replace(PARCEL, prepared=told)
        assert isinstance(CHANNEL.shipment_request(CREDENTIALS, ready, NOW), kind)
    odd = msgspec.structs.replace(PARCEL, carrier="PIGEON")
    assert isinstance(CHANNEL.shipment_request(CREDENTIALS, odd, NOW), Unsupported)


@pytest.mark.parametrize(
    ("body", "status", "wanted"),
    [
        ({"fulfillment": {"id": 1, "status": "success"}}, 201, Applied()),
        ({"fulfillment": {"id": 1, "status": "success"}}, 200, Applied()),
        ({"errors": ["Line items are already fulfilled"]}, 422, Applied(repeated=True)),
    ],
)
def test_a_fulfilments_answer_is_read(body: Native, status: int, wanted: object) -> None:
    assert CHANNEL.read_shipment_answer(answer(body, status)) == wanted


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"fulfillment": {"id": 1, "status": "failure"}}, 201, Refused),
        ({"errors": {"base": ["Invalid quantity"]}}, 422, Refused),
        ({"errors": "Not Found"}, 404, Refused),
        ({"fulfillment": {}}, 201, Retry),
        ({}, 200, Retry),
        ({}, 500, Retry),
    ],
)
def test_a_fulfilment_that_did_not_work_is_no_success(
    body: Native, status: int, kind: type
) -> None:
    assert isinstance(CHANNEL.read_shipment_answer(answer(body, status)), kind)
