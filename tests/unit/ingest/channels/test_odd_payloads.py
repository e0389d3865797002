"""Payloads that channels send though nobody wrote them down: another wrapping, a lone object, words in another field."""

import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from services.ingest.channels.groupbuy import CHANNEL as GROUPBUY
from services.ingest.channels.woocommerce import CHANNEL as WOOCOMMERCE
from services.ingest.channels.xiaohongshu import CHANNEL as XIAOHONGSHU
from services.ingest.channels.youzan import CHANNEL as YOUZAN
from services.ingest.domain.model import ProblemCode
from tests.unit.ingest.channels import nasty
from tests.unit.ingest.channels.builders import Native, answer, codes, encoded, order_of
from tests.unit.ingest.channels.marketplace_natives import xiaohongshu_order, xiaohongshu_sku
from tests.unit.ingest.channels.natives import (
    ktt,
    ktt_line,
    ktt_order,
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

P = ProblemCode
BOM = b"\xef\xbb\xbf"

ROW = {"orderId": "P1", "orderStatus": 4, "updateTime": 1779240701000}
MESSAGE = {"msgTag": "msg_fulfillment_status_change", "sellerId": "s1", "data": json.dumps(ROW)}


def ark(inside: Native) -> Native:
    return {"success": True, "error_code": 0, "error_msg": "", "data": inside}


@pytest.mark.parametrize(
    "body",
    [
        encoded(ark({"total": "1", "orderList": [ROW]})),
        encoded(ark({"total": 1, "orderList": [ROW | {"totalPayAmount": 16600}]})),
        BOM + encoded([MESSAGE]),
        b" " * 200 + encoded([MESSAGE]),
        encoded(MESSAGE),
        encoded([MESSAGE | {"data": ROW}]),
    ],
    ids=[
        "total as text",
        "amount in a row",
        "mark",
        "blanks",
        "lone message",
        "message of objects",
    ],
)
def test_a_row_and_a_message_of_xiaohongshu_ask_for_the_detail(body: bytes) -> None:
    (found,) = XIAOHONGSHU.normalise(body)
    assert codes(found) == {P.DETAIL_NEEDED}
    order = order_of(found)
    assert (order.order_no, order.state) == ("P1", "awaiting_shipment")


def test_a_row_with_an_amount_is_fetched_and_not_quarantined() -> None:
    page = XIAOHONGSHU.read_page(
        answer(ark({"total": "1", "orderList": [ROW | {"totalPayAmount": 1}]})), None
    )
    assert [row.order_no for row in getattr(page, "detail_needed", ())] == ["P1"]


def test_a_broken_message_does_not_vanish_beside_a_sound_one() -> None:
    found = XIAOHONGSHU.normalise(encoded([MESSAGE, MESSAGE | {"data": "{broken"}]))
    assert [codes(one) for one in found] == [{P.DETAIL_NEEDED}, {P.GARBAGE}]


@pytest.mark.parametrize(
    ("channel", "page"),
    [
        (XIAOHONGSHU, ark({"total": 0, "orderList": None})),
        (YOUZAN, {"code": 200, "data": {"total_results": 0, "full_order_info_list": None}}),
        (GROUPBUY, {"ktt_order_list_response": {"total_count": "0", "order_list": None}}),
    ],
    ids=["xiaohongshu", "youzan", "groupbuy"],
)
def test_a_page_whose_total_is_nothing_is_empty_and_well(channel: Any, page: Native) -> None:
    assert channel.normalise(encoded(page)) == ()


def test_a_parcel_of_some_skus_holds_their_lines() -> None:
    one = xiaohongshu_sku(skuId="65f1", totalPaidAmount=15800)
    two = xiaohongshu_sku(skuId="65f2", totalPaidAmount=15800)
    native = xiaohongshu_order(
        one, two, one, orderStatus=5, totalPayAmount=48200,
        simpleDeliveryOrderList=[{"expressTrackingNo": "SF1", "skuIdList": ["65f1"]}],
    )  # fmt: skip
    (found,) = XIAOHONGSHU.normalise(encoded(ark(native)))
    assert [parcel.line_ids for parcel in order_of(found).parcels] == [("65f1-1", "65f1-2")]


HINT = json.dumps({"tid": "E7", "status": "TRADE_PAID", "update_time": "2026-05-20 09:31:41"})


@pytest.mark.parametrize("text", [quote(HINT), quote_plus(HINT), quote(HINT, safe='{}":,'), HINT])
def test_a_message_of_youzan_is_read_however_it_is_encoded(text: str) -> None:
    (found,) = YOUZAN.normalise(encoded({"client_id": "c", "kdt_id": 1, "msg": text}))
    assert codes(found) == {P.DETAIL_NEEDED}
    order = order_of(found)
    assert order.order_no == "E7"
    assert order.times.modified is not None


def test_a_test_push_needs_no_message() -> None:
    (found,) = YOUZAN.normalise(encoded({"client_id": "c", "test": True, "msg": ""}))
    assert codes(found) == {P.NOT_AN_ORDER}


PHASES = [
    {"phase": 1, "real_price": "10.00", "inner_transaction_no": "I1"},
    {"phase": 2, "real_price": "90.00", "inner_transaction_no": ""},
]


@pytest.mark.parametrize("pay_time", ["", "2026-05-20 09:31:40"])
def test_a_paid_deposit_may_carry_the_time_of_payment(pay_time: str) -> None:
    found = youzan(status="WAIT_BUYER_PAY", pay_time=pay_time, phase_payments=PHASES)
    nasty.assert_taken(found)
    assert (order_of(found).state, order_of(found).paid_fen) == ("deposit_paid", 1000)


def test_a_discount_that_only_the_total_names_is_a_promotion() -> None:
    promotions = {
        "order_discount_fee": "5.00",
        "item_discount_fee": "0.00",
        "order": [],
        "item": [],
    }
    found = youzan(
        youzan_line(payment="95.00"), payment="95.00", around={"order_promotion": promotions}
    )
    nasty.assert_taken(found)
    assert [(one.name, one.fen) for one in order_of(found).promotions] == [("订单优惠", 500)]


REFUND = {"refund_state": 1, "refund_fee": "100.00", "oids": {"oid": "2820000000000000001"}}
DELIVERY = {
    "express_state": 1,
    "oids": ["2820000000000000001"],
    "dists": {"express_info": {"express_no": "YT9"}},
}


def test_a_lone_request_and_a_lone_delivery_stand_without_lists() -> None:
    two = [youzan_line(), youzan_line(oid="2")]
    asked = youzan(*two, payment="200.00", total_fee="200.00", around={"refund_order": REFUND})
    assert order_of(asked).hold == "refund_open"
    sent = youzan(*two, payment="200.00", total_fee="200.00", around={"delivery_order": DELIVERY})
    assert order_of(sent).state == "partly_shipped"
    assert [parcel.waybill_no for parcel in order_of(sent).parcels] == ["YT9"]


@pytest.mark.parametrize("text", ["", "{oops", "{}", "null"])
def test_an_order_fetched_from_nowhere_is_held(text: str) -> None:
    found = youzan(express_type=1, self_fetch_info=text)
    assert (order_of(found).state, order_of(found).hold) == (
        "paid_on_hold",
        "pick_up_point_unknown",
    )


ADDRESS = shopify_order()["shipping_address"]


@pytest.mark.parametrize(
    ("changed", "province", "phone"),
    [
        ({"phone": "+8613000000001"}, "浙江", "+8613000000001"),
        ({"province_code": None}, "浙江", "+86 130 0000 0001"),
        ({"country_code": None, "country": "China"}, "浙江", "+86 130 0000 0001"),
        (
            {"country_code": "SG", "province": "", "province_code": None, "country": "Singapore"},
            "Singapore",
            "+86 130 0000 0001",
        ),
    ],
)
def test_an_address_of_shopify_is_clear_and_in_its_province(
    changed: Native, province: str, phone: str
) -> None:
    found = shopify(shipping_address={**ADDRESS, "address1": "TorstrasseHaus12", **changed})
    nasty.assert_taken(found)
    receiver = order_of(found).receiver
    assert (receiver.pii, receiver.province, receiver.phone) == ("plain", province, phone)
    assert receiver.address == "TorstrasseHaus12"


CAME = {"kind": "sale", "status": "success", "amount": "25.00"}
FAILED = {"kind": "sale", "status": "failure", "amount": "75.00"}


def test_what_was_paid_is_what_transactions_brought_where_they_are_told() -> None:
    part = shopify(
        financial_status="partially_paid", total_outstanding=None, transactions=[CAME, FAILED]
    )
    nasty.assert_taken(part)
    assert order_of(part).paid_fen == 2500
    nasty.assert_taken(shopify(transactions=[CAME, FAILED]), P.STATE_CONTRADICTS_PAYMENT)
    nasty.assert_taken(shopify(transactions=[CAME | {"kind": "capture", "amount": "100.00"}]))


def test_a_lines_own_total_counts_beside_an_empty_list_of_shares() -> None:
    found = shopify(shopify_line(total_discount="5.00"), total_price="95.00")
    nasty.assert_taken(found)
    assert order_of(found).discount_total_fen == 500


def test_what_has_left_counts_where_the_order_does_not_say_so_yet() -> None:
    sent = {"status": "success", "tracking_number": "SF1", "line_items": [{"id": 1, "quantity": 1}]}
    found = shopify(fulfillments=[sent])
    assert (order_of(found).state, order_of(found).items[0].shipped_qty) == ("partly_shipped", 1)


@pytest.mark.parametrize("ahead", [BOM, b" " * 100, b""])
def test_a_list_of_woocommerce_is_one_behind_whatever_comes_first(ahead: bytes) -> None:
    (found,) = WOOCOMMERCE.normalise(ahead + encoded([woo_order()]))
    nasty.assert_taken(found)


def test_a_ping_of_woocommerce_is_no_order() -> None:
    (found,) = WOOCOMMERCE.normalise(b"webhook_id=17")
    assert codes(found) == {P.NOT_AN_ORDER}


def test_the_country_of_billing_stands_beside_its_address() -> None:
    home = woo_order()["shipping"] | {"postcode": "310000"}
    found = woo(shipping=dict.fromkeys(home, ""), billing=home)
    nasty.assert_taken(found)
    extension = order_of(found).extensions
    assert (getattr(extension, "country", ""), getattr(extension, "postcode", "")) == (
        "CN",
        "310000",
    )


@pytest.mark.parametrize(
    ("of_line", "of_receipt", "shares"), [(0, 600, [2300, 4600]), (100, 600, [2238, 4662])]
)
def test_a_discount_of_the_whole_receipt_is_shared_out(
    of_line: int, of_receipt: int, shares: list[int]
) -> None:
    lines = (
        pos_line(qty="1", unit_price_fen=2500, amount_fen=2500 - of_line, discount_fen=of_line),
        pos_line(line_no=2, qty="1", unit_price_fen=5000, amount_fen=5000),
    )
    total_fen = 7500 - of_receipt
    found = pos(
        *lines, total_fen=total_fen, discount_fen=of_receipt, payments=[{"amount_fen": total_fen}]
    )
    nasty.assert_taken(found)
    assert [item.paid_fen for item in order_of(found).items] == shares


@pytest.mark.parametrize(
    "answered",
    [
        {"ktt_order_get_response": ktt_order()},
        {"ktt_order_get_response": {"order": ktt_order()}},
        {"ktt_order_get_response": {"order_info": ktt_order()}},
        {"response": ktt_order()},
    ],
    ids=["bare", "order", "order_info", "response"],
)
def test_a_group_buys_order_by_its_number_is_read(answered: Native) -> None:
    (found,) = GROUPBUY.normalise(encoded(answered))
    nasty.assert_taken(found)


def test_lone_gifts_and_parcels_of_a_group_buy_stand_without_lists() -> None:
    gift = {"host_sub_order_sn": "250000-1-1", "goods_name": "米袋", "goods_number": 1, "sku_id": 9}
    found = ktt(gift_order_list=gift, logistics_list={"shipping_no": "ZT1"}, shipping_status=1.0)
    nasty.assert_taken(found)
    order = order_of(found)
    assert (order.state, len(order.items), len(order.parcels)) == ("shipped", 2, 1)


@pytest.mark.parametrize(
    ("changed", "line", "state", "hold"),
    [
        ({"after_sales_status": 2, "theoretical_refund_amount": 10000}, {}, "closed_refunded", ""),
        (
            {"after_sales_status": 2, "theoretical_refund_amount": 100},
            {},
            "paid_on_hold",
            "refunded_line_unknown",
        ),
        ({}, {"already_cancel_number": 2}, "closed_refunded", ""),
        ({"verification_status": 2}, {"verification_number": 1}, "partly_shipped", ""),
    ],
)
def test_what_went_back_or_was_fetched_of_a_group_buy_does_not_ship(
    changed: Native, line: Native, state: str, hold: str
) -> None:
    found = ktt(ktt_line(**line), **changed)
    nasty.assert_taken(found)
    assert (order_of(found).state, order_of(found).hold) == (state, hold)


@pytest.mark.parametrize("absent", [None, ""])
@pytest.mark.parametrize("channel", ["shopify", "woocommerce", "woo total", "pos", "ktt", "youzan"])
def test_a_line_without_its_price_is_not_free(channel: str, absent: Any) -> None:
    found = {
        "shopify": lambda: shopify(shopify_line(price=absent)),
        "woocommerce": lambda: woo(woo_line(subtotal=absent)),
        "woo total": lambda: woo(woo_line(total=absent)),
        "pos": lambda: pos(pos_line(unit_price_fen=absent)),
        "ktt": lambda: ktt(ktt_line(goods_price=absent)),
        "youzan": lambda: youzan(youzan_line(price=absent)),
    }[channel]()
    nasty.assert_refused(found, P.AMOUNT_MISSING)


@pytest.mark.parametrize(
    "changed",
    [
        {"receiver_address_detail": ""},
        {"receiver_name": "", "receiver_mobile": None},
        {"receiver_address_province": " "},
    ],
)
def test_a_parcel_needs_a_region_a_street_and_somebody(changed: Native) -> None:
    nasty.assert_refused(ktt(**changed), P.RECEIVER_MISSING)
    nasty.assert_taken(ktt(receiver_mobile=""))


def test_a_region_that_is_spoilt_does_not_ship() -> None:
    found = youzan(delivery_province="\ufffd\ufffd省")
    nasty.assert_refused(found, P.RECEIVER_LOST)


HOME = {"name": "测试收货人", "province": "浙江省", "city": "杭州市", "address": "示例路 1 号"}


@pytest.mark.parametrize(
    ("paid_fen", "state", "hold"),
    [
        (10000, "awaiting_shipment", ""),
        (9999, "paid_on_hold", "payment_incomplete"),
        (0, "paid_on_hold", "payment_incomplete"),
    ],
)
def test_a_till_sends_what_is_paid(paid_fen: int, state: str, hold: str) -> None:
    found = pos(delivery=HOME, payments=[{"method": "CARD", "amount_fen": paid_fen}])
    nasty.assert_taken(found, *({P.STATE_CONTRADICTS_PAYMENT} if hold else ()))
    order = order_of(found)
    assert (order.state, order.hold, order.paid_fen) == (state, hold, paid_fen)
