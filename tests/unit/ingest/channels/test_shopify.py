"""Shopify: the currency of the shop, discounts per line, and what has left an order."""

from datetime import UTC, datetime

import pytest

from services.ingest.channels import (
    Page,
)
from services.ingest.channels.shopify import CHANNEL
from services.ingest.channels.shopify.extension import ShopifyExtension
from services.ingest.domain.model import LineRefundState, PiiKind, ProblemCode
from tests.unit.ingest.channels import nasty
from tests.unit.ingest.channels.builders import (
    Native,
    answer,
    encoded,
    only_item,
    order_of,
)
from tests.unit.ingest.channels.natives import shopify, shopify_line, shopify_order

P = ProblemCode


@pytest.mark.parametrize(
    ("money", "goods", "state", "paid_fen"),
    [
        ("pending", None, "unpaid", 0),
        ("authorized", None, "unpaid", 0),
        ("expired", None, "unpaid", 0),
        ("voided", None, "cancelled", 0),
        ("partially_paid", None, "deposit_paid", 7000),
        ("paid", None, "awaiting_shipment", 10000),
        ("paid", "unfulfilled", "awaiting_shipment", 10000),
        ("paid", "partial", "partly_shipped", 10000),
        ("paid", "fulfilled", "shipped", 10000),
        ("paid", "restocked", "paid_on_hold", 10000),
        ("partially_refunded", None, "awaiting_shipment", 10000),
        ("partially_refunded", "partial", "partly_shipped", 10000),
        ("partially_refunded", "fulfilled", "shipped", 10000),
        ("refunded", None, "closed_refunded", 10000),
        ("refunded", "fulfilled", "closed_refunded", 10000),
        ("refunded", "restocked", "closed_refunded", 10000),
        ("pending", "fulfilled", "unpaid", 0),
        ("paid", "on_hold", "unknown", 10000),
        ("paid", "PARTIAL", "unknown", 10000),
        ("settled", None, "unknown", 0),
        (None, None, "unknown", 0),
        ("", "", "unknown", 0),
    ],
)
def test_two_statuses_mean_one_state(
    money: object, goods: object, state: str, paid_fen: int
) -> None:
    found = shopify(financial_status=money, fulfillment_status=goods, total_outstanding="30.00")
    order = order_of(found)
    assert (order.state, order.paid_fen) == (state, paid_fen)
    assert order.raw_state == "/".join(str(part) for part in (money, goods) if part)
    if state == "unknown":
        assert order.hold == "unknown_state"
        assert P.STATE_UNKNOWN in {problem.code for problem in found.problems}


@pytest.mark.parametrize(
    ("changed", "state", "hold"),
    [
        ({"cancelled_at": "2026-05-20T10:00:00Z"}, "cancelled", ""),
        ({"cancelled_at": "2026-05-20T10:00:00Z", "financial_status": "pending"}, "cancelled", ""),
        ({"cancelled_at": "2026-05-20T10:00:00Z", "financial_status": "voided"}, "cancelled", ""),
        (
            {"cancelled_at": "2026-05-20T10:00:00Z", "financial_status": "refunded"},
            "closed_refunded",
            "",
        ),
        ({"confirmed": False}, "paid_on_hold", "not_confirmed"),
        ({"fulfillment_status": "restocked"}, "paid_on_hold", "restocked"),
        ({"financial_status": "partially_paid"}, "deposit_paid", "balance_open"),
        (
            {"fulfillment_status": "fulfilled", "closed_at": "2026-05-21T10:00:00Z"},
            "completed",
            "",
        ),
        ({"source_name": "pos", "fulfillment_status": "fulfilled", "shipping_address": None},
         "shipped", ""),
        ({"financial_status": "pending", "payment_gateway_names": ["Cash on Delivery (COD)"]},
         "awaiting_shipment", ""),
        ({"financial_status": "pending", "payment_gateway_names": ["货到付款"]},
         "awaiting_shipment", ""),
        ({"financial_status": "pending", "payment_gateway_names": ["codex"]}, "unpaid", ""),
    ],
)  # fmt: skip
def test_what_stands_beside_the_statuses(changed: Native, state: str, hold: str) -> None:
    order = order_of(shopify(**changed))
    assert (order.state, order.hold) == (state, hold)


@pytest.mark.parametrize(("value", "amount_fen"), nasty.AMOUNTS)
def test_an_amount_is_exact_in_whatever_form_it_comes(value: object, amount_fen: int) -> None:
    single = shopify_line(quantity=1, price=value)
    order = order_of(shopify(single, total_price=value))
    assert (order.payable_fen, order.items[0].paid_fen) == (amount_fen, amount_fen)


MONEY_FIELDS = ("total_price", "total_line_items_price", "total_tax", "total_tip_received")


@pytest.mark.parametrize(("field", "value"), nasty.crossed(MONEY_FIELDS, nasty.NO_AMOUNTS))
def test_what_is_no_amount_is_quarantined(field: str, value: object) -> None:
    nasty.assert_refused(shopify(**{field: value}), P.BAD_AMOUNT)


@pytest.mark.parametrize("value", nasty.NO_AMOUNTS)
def test_what_is_no_price_of_a_line_is_quarantined(value: object) -> None:
    nasty.assert_refused(shopify(shopify_line(price=value)), P.BAD_AMOUNT)


@pytest.mark.parametrize(
    ("field", "value"),
    nasty.crossed(("total_price", "id", "updated_at", "currency"), nasty.ODD_SHAPES),
)
def test_a_field_of_another_shape_is_quarantined(field: str, value: object) -> None:
    nasty.assert_refused(shopify(**{field: value}), P.BAD_SHAPE)


@pytest.mark.parametrize(("value", "pieces"), nasty.QUANTITIES)
def test_pieces_are_whole_and_at_least_one(value: object, pieces: int) -> None:
    assert only_item(shopify(shopify_line(quantity=value, price="0.00"))).qty == pieces


@pytest.mark.parametrize("value", nasty.NO_QUANTITIES)
def test_what_is_no_quantity_is_quarantined(value: object) -> None:
    nasty.assert_refused(shopify(shopify_line(quantity=value)), P.BAD_QUANTITY)


@pytest.mark.parametrize(("body", "code"), nasty.GARBAGE)
def test_garbage_has_a_reason(body: bytes, code: ProblemCode) -> None:
    (found,) = CHANNEL.normalise(body)
    nasty.assert_refused(found, code)


@pytest.mark.parametrize(("number", "code"), nasty.BAD_NUMBERS)
def test_an_order_without_a_usable_number_is_quarantined(number: object, code: ProblemCode) -> None:
    nasty.assert_refused(shopify(id=number), code)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"updated_at": None}, P.MODIFIED_MISSING),
        ({"updated_at": "2026-05-20T09:31:41"}, P.BAD_TIME),
        ({"updated_at": "yesterday"}, P.BAD_TIME),
        ({"updated_at": "0000-00-00T00:00:00Z"}, P.MODIFIED_MISSING),
        ({"total_price": None}, P.AMOUNT_MISSING),
        ({"total_price": ""}, P.AMOUNT_MISSING),
        ({"total_price": "-1.00"}, P.NEGATIVE_AMOUNT),
        ({"line_items": []}, P.LINES_MISSING),
        ({"line_items": None}, P.LINES_MISSING),
        ({"line_items": 5}, P.BAD_SHAPE),
        ({"shipping_address": None}, P.RECEIVER_MISSING),
        ({"shipping_address": {}}, P.RECEIVER_MISSING),
        ({"currency": "YUAN"}, P.CURRENCY_UNKNOWN),
        ({"currency": "cny"}, P.CURRENCY_UNKNOWN),
        ({"currency": "JPY", "total_price": "100.50"}, P.BAD_AMOUNT),
    ],
)
def test_what_cannot_be_shipped_or_paid_right_is_quarantined(
    changed: Native, code: ProblemCode
) -> None:
    nasty.assert_refused(shopify(**changed), code)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"total_price": "99.00"}, P.LINES_DIFFER_FROM_TOTAL),
        ({"total_line_items_price": "90.00"}, P.GOODS_DIFFER_FROM_TOTAL),
        ({"subtotal_price": "90.00"}, P.GOODS_DIFFER_FROM_TOTAL),
        ({"total_discounts": "10.00"}, P.PROMOTIONS_DIFFER),
        ({"total_outstanding": "1.00"}, P.STATE_CONTRADICTS_PAYMENT),
        ({"processed_at": None}, P.STATE_CONTRADICTS_PAYMENT),
        ({"created_at": "soon"}, P.BAD_TIME),
        ({"financial_status": "partially_paid", "total_outstanding": "-5.00"},
         P.PAID_ABOVE_PAYABLE),
        ({"financial_status": "partially_paid", "total_outstanding": None}, P.AMOUNT_MISSING),
        ({"fulfillment_status": "sent"}, P.STATE_UNKNOWN),
    ],
)  # fmt: skip
def test_a_contradiction_is_named_and_the_order_goes_on(changed: Native, code: ProblemCode) -> None:
    nasty.assert_taken(shopify(**changed), code)


@pytest.mark.parametrize(
    ("currency", "total", "price", "amount"),
    [
        ("JPY", "1000", "500", 1000),
        ("KRW", "1000.00", "500.0", 1000),
        ("KWD", "1.500", "0.750", 1500),
        ("USD", "10.00", "5.00", 1000),
    ],
)
def test_amounts_are_in_the_minor_unit_of_the_currency(
    currency: str, total: str, price: str, amount: int
) -> None:
    found = shopify(shopify_line(price=price), currency=currency, total_price=total)
    nasty.assert_taken(found)
    order = order_of(found)
    assert (order.currency, order.payable_fen, order.items[0].paid_fen) == (
        currency,
        amount,
        amount,
    )


def test_numbers_above_2_to_the_53rd_stay_exact() -> None:
    found = shopify(
        shopify_line(id=nasty.ABOVE_2_53, variant_id=nasty.ABOVE_2_53), id=nasty.ABOVE_2_53
    )
    order = order_of(found)
    assert order.order_no == order.items[0].line_id == order.items[0].sku_id == "9007199254740993"


def test_the_same_sku_on_two_lines_stays_two_lines() -> None:
    order = order_of(shopify(shopify_line(), shopify_line(id=2), total_price="200.00"))
    assert [item.merchant_sku for item in order.items] == ["TS01", "TS01"]
    nasty.assert_refused(
        shopify(shopify_line(), shopify_line(), total_price="200.00"), P.LINE_ID_REPEATED
    )


def test_a_missing_sku_is_no_reason_to_lose_the_order() -> None:
    nasty.assert_taken(shopify(shopify_line(sku=None)))
    nasty.assert_taken(
        shopify(shopify_line(sku=None, variant_id=None, product_id=None)), P.SKU_MISSING
    )


def test_a_price_of_zero_makes_a_gift_but_a_discount_does_not() -> None:
    free = shopify_line(id=2, price="0.00", quantity=1)
    discounted = shopify_line(
        id=3,
        quantity=1,
        discount_allocations=[{"amount": "50.00", "discount_application_index": 0}],
    )
    found = shopify(shopify_line(), free, discounted, discount_applications=[{"code": "ALL"}])
    nasty.assert_taken(found)
    assert [item.is_gift for item in order_of(found).items] == [False, True, False]


@pytest.mark.parametrize(
    ("application", "name"),
    [
        ({"code": "WELCOME"}, "WELCOME"),
        ({"title": "满减"}, "满减"),
        ({"description": "staff"}, "staff"),
        ({}, "discount"),
    ],
)
def test_a_discount_has_its_name_and_its_share_of_every_line(
    application: Native, name: str
) -> None:
    shares = [{"amount": "3.33", "discount_application_index": 0}]
    other = shopify_line(id=2, quantity=1, discount_allocations=[{"amount": "6.67",
                 "discount_application_index": 0}])  # fmt: skip
    found = shopify(shopify_line(discount_allocations=shares), other, total_price="140.00",
                    discount_applications=[application])  # fmt: skip
    nasty.assert_taken(found)
    order = order_of(found)
    assert [(p.name, p.fen) for p in order.promotions] == [(name, 1000)]
    assert [item.discount_fen for item in order.items] == [333, 667]


def test_a_line_without_allocations_has_its_own_discount() -> None:
    alone = shopify_line(discount_allocations=None, total_discount="10.00")
    found = shopify(alone, total_price="90.00")
    nasty.assert_taken(found)
    assert only_item(found).discount_fen == 1000


def test_an_allocation_without_its_application_is_still_a_discount() -> None:
    share = [{"amount": "10.00", "discount_application_index": 7}]
    found = shopify(shopify_line(discount_allocations=share), total_price="90.00")
    nasty.assert_taken(found)
    assert order_of(found).discount_total_fen == 1000


@pytest.mark.parametrize(
    ("shipping", "total", "freight_fen", "let_go_fen"),
    [
        ({"price": "10.00"}, "110.00", 1000, 0),
        ({"price": "10.00", "discounted_price": "4.00"}, "104.00", 400, 600),
        ({"price": "10.00", "discount_allocations": [{"amount": "10.00"}]}, "100.00", 0, 1000),
        ({"price": "10.00", "discounted_price": "10.00",
          "discount_allocations": [{"amount": "10.00"}]}, "100.00", 0, 1000),
    ],
)  # fmt: skip
def test_freight_is_what_is_left_of_it_after_its_discounts(
    shipping: Native, total: str, freight_fen: int, let_go_fen: int
) -> None:
    found = shopify(shipping_lines=[shipping], total_price=total)
    nasty.assert_taken(found)
    order = order_of(found)
    extension = order.extensions
    assert isinstance(extension, ShopifyExtension)
    assert (order.freight_fen, extension.shipping_discount_fen) == (freight_fen, let_go_fen)


def test_one_shipping_line_or_line_as_an_object_is_read() -> None:
    found = shopify(
        line_items=shopify_line(), shipping_lines={"price": "10.00"}, total_price="110.00"
    )
    nasty.assert_taken(found)


def test_what_comes_on_top_of_the_goods_counts_as_freight() -> None:
    taxed = shopify(taxes_included=False, total_tax="13.00", total_price="113.00")
    tipped = shopify(total_tip_received="5.00", total_price="105.00")
    duties = {"shop_money": {"amount": "7.00"}}
    imported = shopify(original_total_duties_set=duties, total_price="107.00")
    for found, freight_fen in ((taxed, 1300), (tipped, 500), (imported, 700)):
        nasty.assert_taken(found)
        assert order_of(found).freight_fen == freight_fen
        assert order_of(found).items[0].paid_fen == 10000
    assert order_of(shopify(total_tax="11.50")).freight_fen == 0


@pytest.mark.parametrize(
    ("refunded", "left", "state", "gone"),
    [
        ([], 2, "none", 0),
        ([], None, "none", 0),
        ([1], 1, "partly_refunded", 1),
        ([1], None, "partly_refunded", 1),
        ([1, 1], 0, "refunded", 2),
        ([2], None, "refunded", 2),
        ([5], 2, "refunded", 2),
        ([], 0, "refunded", 2),
        ([], 1, "partly_refunded", 1),
    ],
)
def test_pieces_leave_a_line_by_refunds_and_by_edits(
    refunded: list[int], left: int | None, state: str, gone: int
) -> None:
    refunds = [{"refund_line_items": [{"line_item_id": 1, "quantity": n}]} for n in refunded]
    other = shopify_line(id=2, quantity=1)
    found = shopify(
        shopify_line(current_quantity=left), other, refunds=refunds, total_price="150.00"
    )
    nasty.assert_taken(found)
    item = order_of(found).items[0]
    assert (item.refund_state, item.refunded_qty, item.qty) == (state, gone, 2)


def test_an_order_of_which_everything_left_is_held() -> None:
    order = order_of(
        shopify(shopify_line(current_quantity=0), financial_status="partially_refunded")
    )
    assert (order.state, order.hold) == ("paid_on_hold", "nothing_left_to_ship")


def test_what_was_refunded_stays_paid_and_is_told_beside_it() -> None:
    moved = [
        {"kind": "refund", "status": "success", "amount": "30.00"},
        {"kind": "refund", "status": "failure", "amount": "30.00"},
        {"kind": "sale", "status": "success", "amount": "100.00"},
    ]
    order = order_of(shopify(refunds=[{"transactions": moved}]))
    assert isinstance(order.extensions, ShopifyExtension)
    assert (order.paid_fen, order.extensions.refunded_fen) == (10000, 3000)


@pytest.mark.parametrize(
    ("status", "sent"),
    [("success", 1), ("pending", 1), (None, 1), ("failure", 0), ("cancelled", 0), ("error", 0)],
)
def test_only_fulfilments_that_happened_ship(status: object, sent: int) -> None:
    fulfilment = {
        "status": status,
        "created_at": "2026-05-21T09:00:00+08:00",
        "tracking_company": "SF Express",
        "tracking_numbers": ["SF1", "SF1", "SF2"],
        "line_items": [{"id": 1, "quantity": 1}],
    }
    order = order_of(shopify(fulfillments=[fulfilment], fulfillment_status="partial"))
    assert order.items[0].shipped_qty == sent
    assert [parcel.waybill_no for parcel in order.parcels] == (["SF1", "SF2"] if sent else [])
    assert order.times.shipped == (datetime(2026, 5, 21, 1, tzinfo=UTC) if sent else None)


def test_a_line_fulfilled_without_its_fulfilment_is_shipped() -> None:
    item = only_item(
        shopify(shopify_line(fulfillment_status="fulfilled"), fulfillment_status="fulfilled")
    )
    assert item.shipped_qty == 2


@pytest.mark.parametrize(
    ("address", "province", "name"),
    [
        ({"province": "Zhejiang", "province_code": "ZJ", "country_code": "CN"}, "浙江", "王样例"),
        ({"province": "Beijing", "province_code": "bj", "country_code": "CN"}, "北京", "王样例"),
        ({"province": "Xizang", "province_code": "YZ", "country_code": "CN"}, "西藏", "王样例"),
        ({"province": "浙江省", "province_code": None, "country_code": "CN"}, "浙江省", "王样例"),
        ({"province": "New York", "province_code": "NY", "country_code": "US",
          "first_name": "Ann", "last_name": "Lee"}, "New York", "Ann Lee"),
        ({"province": None, "country": "Singapore", "country_code": "SG",
          "first_name": None, "last_name": None, "name": "Tan"}, "Singapore", "Tan"),
        ({"province": "Zhejiang", "province_code": "ZJ", "country_code": "CN",
          "first_name": "样例", "last_name": ""}, "浙江", "样例"),
    ],
)  # fmt: skip
def test_a_receiver_is_plain_and_of_a_province_that_rules_know(
    address: Native, province: str, name: str
) -> None:
    told = {**shopify_order()["shipping_address"], **address}
    found = shopify(shipping_address=told)
    nasty.assert_taken(found)
    receiver = order_of(found).receiver
    assert (receiver.pii, receiver.province, receiver.name) == (PiiKind.PLAIN, province, name)


def test_china_without_a_province_is_nowhere_to_ship_to() -> None:
    nowhere = {"province": None, "province_code": None, "country": "China", "country_code": "CN"}
    found = shopify(shipping_address={**shopify_order()["shipping_address"], **nowhere})
    assert order_of(found).receiver.province == ""
    assert [p.code for p in found.problems if p.blocks] == [ProblemCode.RECEIVER_MISSING]


def test_a_municipality_is_its_own_city() -> None:
    told = {**shopify_order()["shipping_address"], "province_code": "SH", "city": "浦东新区"}
    receiver = order_of(shopify(shipping_address=told)).receiver
    assert (receiver.province, receiver.city, receiver.district) == ("上海", "上海", "浦东新区")


def test_a_test_order_is_no_order_wherever_it_comes_from() -> None:
    nasty.assert_refused(shopify(test=True), P.NOT_AN_ORDER)
    assert shopify(test=True).order is None
    page = CHANNEL.read_page(answer({"orders": [shopify_order(test=True), shopify_order()]}), None)
    assert isinstance(page, Page)
    assert [raw.order_no for raw in page.orders] == ["5500000000001"]


def test_a_list_gives_the_newest_snapshot_of_each_order_once() -> None:
    newer = shopify_order(updated_at="2026-05-20T10:00:00+08:00", note="second")
    listed = {"orders": [newer, shopify_order(), shopify_order(id=7), 5]}
    found = CHANNEL.normalise(encoded(listed))
    assert [n.order.buyer_memo if n.order else None for n in found] == ["second", "", None]
    assert [problem.code for problem in found[2].problems] == [P.BAD_SHAPE]


def test_an_error_is_no_order() -> None:
    (found,) = CHANNEL.normalise(b'{"errors":"[API] Invalid API key"}')
    nasty.assert_refused(found, P.CHANNEL_ERROR)


def test_a_partly_refunded_line_ships_what_is_left() -> None:
    item = only_item(shopify(shopify_line(current_quantity=1)))
    assert item.refund_state is LineRefundState.PARTLY_REFUNDED
    assert order_of(shopify(shopify_line(current_quantity=1))).hold == ""
