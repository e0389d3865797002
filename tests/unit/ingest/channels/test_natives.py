"""What holds of own stores, tills and group-buys alike."""

from collections.abc import Callable

import pytest

from services.ingest.channels import Channel
from services.ingest.channels.shopify import CHANNEL as SHOPIFY
from services.ingest.channels.woocommerce import CHANNEL as WOOCOMMERCE
from services.ingest.domain.model import Normalised
from tests.unit.ingest.channels import nasty
from tests.unit.ingest.channels.builders import CREDENTIALS, NOW, only_item, order_of
from tests.unit.ingest.channels.natives import (
    ktt,
    ktt_line,
    pos,
    pos_line,
    shopify,
    shopify_line,
    shopify_order,
    woo,
    woo_line,
    woo_order,
    youzan,
    youzan_line,
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
