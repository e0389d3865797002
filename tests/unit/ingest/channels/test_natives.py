"""What holds of own stores, tills and group-buys alike."""

from collections.abc import Callable

import pytest

from services.ingest.channels import Channel, Hint, Page, RawOrder
from services.ingest.channels.groupbuy import CHANNEL as GROUPBUY
from services.ingest.channels.pos import CHANNEL as POS
from services.ingest.channels.shopify import CHANNEL as SHOPIFY
from services.ingest.channels.woocommerce import CHANNEL as WOOCOMMERCE
from services.ingest.channels.youzan import CHANNEL as YOUZAN
from services.ingest.domain.model import Normalised, ProblemCode
from tests.unit.ingest.channels import nasty
from tests.unit.ingest.channels.builders import (
    CREDENTIALS,
    NOW,
    Native,
    answer,
    encoded,
    only_item,
    order_of,
    pushed,
)
from tests.unit.ingest.channels.natives import (
    ktt,
    ktt_line,
    ktt_order,
    pos,
    pos_batch,
    pos_line,
    pos_receipt,
    shopify,
    shopify_line,
    shopify_order,
    woo,
    woo_line,
    woo_order,
    youzan,
    youzan_line,
    youzan_trade,
)

PHONE = 13000000001
HOME = {
    "name": "测试收货人",
    "phone": PHONE,
    "province": "浙江省",
    "city": "杭州市",
    "address": "1 号",
}


@pytest.mark.parametrize(
    "make",
    [
        lambda: shopify(
            shopify_line(sku=6901), shipping_address={**shopify_order()["shipping_address"], "phone": PHONE, "zip": 310000}
        ),
        lambda: woo(
            woo_line(sku=6901), shipping={**woo_order()["shipping"], "phone": PHONE, "postcode": 310000}
        ),
        lambda: pos(pos_line(sku=6901), delivery=HOME),
        lambda: ktt(ktt_line(external_sku_id=6901), receiver_mobile=PHONE),
        lambda: youzan(
            youzan_line(outer_sku_id=6901), receiver_name="测试收货人", receiver_tel=PHONE, delivery_address="1 号"
        ),
    ],
    ids=["shopify", "woocommerce", "pos", "groupbuy", "youzan"],
)  # fmt: skip
def test_codes_and_phones_may_be_numbers(make: Callable[[], Normalised]) -> None:
    found = make()
    nasty.assert_taken(found)
    assert only_item(found).merchant_sku == "6901"
    assert order_of(found).receiver.phone == str(PHONE)


@pytest.mark.parametrize("channel", [SHOPIFY, WOOCOMMERCE], ids=lambda channel: channel.name)
def test_a_number_leads_nowhere_else(channel: Channel) -> None:
    assert channel.detail_request is not None
    made = channel.detail_request(CREDENTIALS, "1/../../users?x=1#", NOW)
    assert "orders/1%2F..%2F..%2Fusers%3Fx%3D1%23" in made.url


@pytest.mark.parametrize(
    ("channel", "native"),
    [
        (SHOPIFY, {"orders": shopify_order()}),
        (WOOCOMMERCE, woo_order()),
        (POS, pos_batch() | {"orders": pos_receipt()}),
        (GROUPBUY, {"ktt_increment_order_query_response": {"order_list": ktt_order()}}),
        (YOUZAN, {"code": 200, "data": {"full_order_info_list": youzan_trade()}}),
    ],
    ids=lambda given: given.name if isinstance(given, Channel) else "",
)
def test_one_order_may_stand_where_a_list_is_usual(channel: Channel, native: Native) -> None:
    (found,) = channel.normalise(encoded(native))
    nasty.assert_taken(found)
    page = channel.read_page(answer(native), None)
    if isinstance(page, Page):
        assert [raw.order_no for raw in page.orders] == [order_of(found).order_no]


@pytest.mark.parametrize(
    ("channel", "native", "order_no"),
    [
        (SHOPIFY, {"id": 71, "order_id": 55, "refund_line_items": []}, "55"),
        (SHOPIFY, {"id": 72, "order_id": 55, "line_items": [{"id": 1}], "status": "success"}, "55"),
        (SHOPIFY, {"order_edit": {"id": 1, "order_id": 55}}, "55"),
        (WOOCOMMERCE, {"id": 7271}, "7271"),
        (WOOCOMMERCE, {"id": 726, "parent_id": 7271, "amount": "29.00"}, "7271"),
    ],
)
def test_what_only_names_an_order_asks_for_its_detail(
    channel: Channel, native: Native, order_no: str
) -> None:
    (found,) = channel.normalise(encoded(native))
    assert [problem.code for problem in found.problems] == [ProblemCode.DETAIL_NEEDED]
    assert order_of(found).order_no == order_no


@pytest.mark.parametrize("native", [{"id": 9, "name": "cup"}, {"id": 0}, {"id": ""}])
def test_a_number_beside_something_else_is_no_order(native: Native) -> None:
    (found,) = WOOCOMMERCE.normalise(encoded(native))
    nasty.assert_refused(found, ProblemCode.NOT_AN_ORDER)


def test_a_fulfilment_is_not_taken_for_an_order() -> None:
    assert SHOPIFY.push is not None
    native = {"id": 72, "order_id": 55, "line_items": [{"id": 1}]}
    found = SHOPIFY.push.read(CREDENTIALS, pushed(encoded(native)))
    assert isinstance(found, tuple)
    (hint,) = found
    assert not isinstance(hint, RawOrder)
    assert isinstance(hint, Hint)
    assert hint.order_no == "55"
