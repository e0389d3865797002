"""WooCommerce: pages counted in headers, errors, who calls, and parcels told back."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.ingest.channels import (
    Applied,
    ChannelError,
    HttpAnswer,
    HttpRequest,
    Page,
    PageToken,
    PollWindow,
    Refused,
    Retry,
    Shipment,
    ShippedLine,
    Unsupported,
)
from services.ingest.channels.woocommerce import CHANNEL, gateway
from tests.unit.ingest.channels.builders import (
    CREDENTIALS,
    NOW,
    Native,
    answer,
    encoded,
)
from tests.unit.ingest.channels.natives import woo_order


def told(body: object, status: int = 200, total: str = "1") -> HttpAnswer:
    return HttpAnswer(status=status, headers={"x-wp-total": total}, body=encoded(body))


@pytest.mark.parametrize("status", ["checkout-draft", "auto-draft", "draft"])
def test_a_draft_stays_out_of_a_list(status: str) -> None:
    listed = told([woo_order(status=status), woo_order()])
    page = CHANNEL.read_page(listed, None)
    assert isinstance(page, Page)
    assert [raw.order_no for raw in page.orders] == ["7271"]


@pytest.mark.parametrize(
    ("total", "asked", "wanted"),
    [
        ("201", None, 3),
        ("201", 3, 2),
        ("199", 2, 1),
        ("201", 1, None),
        ("100", None, None),
        ("0", None, None),
        ("0", 2, 1),
    ],
)
def test_pages_are_read_from_the_last_one_down_to_the_first(
    total: str, asked: int | None, wanted: int | None
) -> None:
    token = PageToken(number=asked) if asked else None
    page = CHANNEL.read_page(told([woo_order()], total=total), token)
    assert isinstance(page, Page)
    assert (page.next_page.number if page.next_page else None) == wanted


@pytest.mark.parametrize(
    ("total", "kind"),
    [("many", "retry"), ("９", "retry"), ("", "retry"), ("1" * 400, "retry"), ("50001", "refused")],
)
def test_a_count_by_which_no_page_can_be_named_is_an_error(total: str, kind: str) -> None:
    found = CHANNEL.read_page(told([woo_order()], total=total), None)
    assert isinstance(found, ChannelError)
    assert found.kind == kind


def test_an_empty_list_is_well_only_with_its_count() -> None:
    page = CHANNEL.read_page(told([]), None)
    assert isinstance(page, Page)
    assert page.orders == ()
    assert isinstance(CHANNEL.read_page(answer([]), None), ChannelError)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("woocommerce_rest_authentication_error", 401, "token"),
        ("woocommerce_rest_cannot_view", 403, "token"),
        ("woocommerce_rest_cannot_view", 200, "token"),
        ("woocommerce_rest_shop_order_invalid_id", 404, "refused"),
        ("rest_no_route", 404, "refused"),
        ("rest_invalid_param", 400, "refused"),
        ("internal_server_error", 500, "retry"),
        ("x", 429, "throttled"),
        ("x", 503, "retry"),
    ],
)
def test_an_error_is_sorted_by_what_to_do_about_it(code: str, status: int, kind: str) -> None:
    found = CHANNEL.read_detail(answer({"code": code, "message": "no"}, status))
    assert isinstance(found, ChannelError)
    assert found.kind == kind


def test_a_key_pair_travels_over_https_and_signs_over_http() -> None:
    assert CHANNEL.poll_request is not None
    window = PollWindow(since=NOW, until=NOW)
    safe = msgspec.structs.replace(CREDENTIALS, base_url="https://shop.example")
    sent = CHANNEL.poll_request(safe, window, None, NOW)
    assert dict(sent.headers)["authorization"].startswith("Basic ")
    plain = CHANNEL.poll_request(CREDENTIALS, window, None, NOW)
    assert "authorization" not in dict(plain.headers)
    assert CREDENTIALS.app_secret not in plain.url
    assert "oauth_signature=" in plain.url


def test_the_same_call_a_moment_later_has_a_nonce_of_its_own() -> None:
    assert CHANNEL.detail_request is not None
    first, again, later = (
        CHANNEL.detail_request(CREDENTIALS, "7271", NOW + timedelta(microseconds=passed)).url
        for passed in (0, 0, 1)
    )
    assert first == again
    assert first != later


def test_an_oauth_signature_is_that_of_the_specifications_rules() -> None:
    query = {"b": "2 3", "a": "1&1", "oauth_nonce": "n"}
    other = gateway.oauth_signature("GET", "http://s.example/x", query, "secret")
    assert other == gateway.oauth_signature("GET", "http://s.example/x", dict(reversed(query.items())), "secret")  # fmt: skip
    assert other != gateway.oauth_signature("POST", "http://s.example/x", query, "secret")


PARCEL = Shipment(
    order_no="7271",
    lines=(ShippedLine(line_id="31", qty=2),),
    whole=True,
    carrier="SF",
    waybill_no="SF1",
    request_id="r1",
)


def test_a_parcel_completes_the_order_and_a_part_of_one_cannot_be_told() -> None:
    made = CHANNEL.shipment_request(CREDENTIALS, PARCEL, NOW)
    assert isinstance(made, HttpRequest)
    assert (made.method, msgspec.json.decode(made.body)["status"]) == ("PUT", "completed")
    for changed in ({"whole": False}, {"carrier": "PIGEON"}):
        other: Any = msgspec.structs.replace(PARCEL, **changed)
        assert isinstance(CHANNEL.shipment_request(CREDENTIALS, other, NOW), Unsupported)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"id": 7271, "status": "completed"}, 200, Applied),
        ({"id": 7271, "status": "processing"}, 200, Refused),
        ({"code": "woocommerce_rest_shop_order_invalid_id"}, 404, Refused),
        ({"code": "woocommerce_rest_cannot_edit"}, 401, Retry),
        ({}, 200, Retry),
        ({}, 502, Retry),
    ],
)
def test_a_shipment_answer_is_read(body: Native, status: int, kind: type) -> None:
    assert isinstance(CHANNEL.read_shipment_answer(answer(body, status)), kind)
