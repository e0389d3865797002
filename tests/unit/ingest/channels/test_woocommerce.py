"""WooCommerce: taxes inside lines, fees that are discounts, and provinces behind numbers."""

from datetime import UTC, datetime

import pytest

from services.ingest.channels import (
    Hint,
    HintKind,
    RawOrder,
)
from services.ingest.channels.woocommerce import CHANNEL
from services.ingest.channels.woocommerce.extension import WooCommerceExtension
from services.ingest.channels.woocommerce.regions import PROVINCES
from services.ingest.domain.model import PiiKind, ProblemCode
from tests.unit.ingest.channels import nasty
from tests.unit.ingest.channels.builders import (
    CREDENTIALS,
    Native,
    encoded,
    only_item,
    order_of,
    pushed,
)
from tests.unit.ingest.channels.natives import woo, woo_line, woo_order

P = ProblemCode


@pytest.mark.parametrize(
    ("status", "paid_at", "state", "paid_fen"),
    [
        ("pending", None, "unpaid", 0),
        ("on-hold", None, "unpaid", 0),
        ("failed", None, "unpaid", 0),
        ("processing", "2026-05-20T01:31:40", "awaiting_shipment", 10000),
        ("completed", "2026-05-20T01:31:40", "completed", 10000),
        ("cancelled", None, "cancelled", 0),
        ("cancelled", "2026-05-20T01:31:40", "cancelled", 10000),
        ("refunded", "2026-05-20T01:31:40", "closed_refunded", 10000),
        ("trash", None, "cancelled", 0),
        ("shipped", "2026-05-20T01:31:40", "unknown", 10000),
        ("partial-shipped", None, "unknown", 0),
        ("wc-processing", "2026-05-20T01:31:40", "unknown", 10000),
        ("Processing", "2026-05-20T01:31:40", "unknown", 10000),
        ("", "2026-05-20T01:31:40", "unknown", 10000),
    ],
)
def test_a_status_means_a_state_and_plug_ins_states_never_ship(
    status: str, paid_at: str | None, state: str, paid_fen: int
) -> None:
    found = woo(status=status, date_paid_gmt=paid_at)
    order = order_of(found)
    assert (order.state, order.raw_state, order.paid_fen) == (state, status, paid_fen)
    assert not found.blocked
    if state == "unknown":
        assert order.hold == "unknown_state"


@pytest.mark.parametrize("status", ["on-hold", "pending", "failed"])
@pytest.mark.parametrize("refunds", [[], [{"id": 726, "reason": "", "total": "-29.00"}]])
def test_what_is_stopped_after_its_payment_is_paid_and_on_hold(
    status: str, refunds: list[Native]
) -> None:
    found = woo(status=status, refunds=refunds)
    nasty.assert_taken(found)
    order = order_of(found)
    assert (order.state, order.hold, order.paid_fen) == ("paid_on_hold", "on_hold", 10000)
    assert order.times.paid is not None


def test_a_payment_of_no_time_is_none() -> None:
    order = order_of(woo(status="on-hold", date_paid_gmt="0000-00-00T00:00:00"))
    assert (order.state, order.hold, order.paid_fen) == ("unpaid", "", 0)


@pytest.mark.parametrize("status", ["checkout-draft", "auto-draft", "draft"])
def test_a_draft_is_no_order(status: str) -> None:
    nasty.assert_refused(woo(status=status), P.NOT_AN_ORDER)
    (hint,) = read(encoded(woo_order(status=status)), "order.created")
    assert isinstance(hint, Hint)
    assert hint.kind is HintKind.PROBE


@pytest.mark.parametrize(
    ("status", "state", "paid_fen"),
    [("processing", "awaiting_shipment", 0), ("completed", "completed", 10000)],
)
def test_cash_on_delivery_ships_unpaid(status: str, state: str, paid_fen: int) -> None:
    found = woo(payment_method="cod", date_paid_gmt=None, status=status)
    nasty.assert_taken(found)
    assert (order_of(found).state, order_of(found).paid_fen) == (state, paid_fen)


@pytest.mark.parametrize(("value", "amount_fen"), nasty.AMOUNTS)
def test_an_amount_is_exact_in_whatever_form_it_comes(value: object, amount_fen: int) -> None:
    order = order_of(woo(woo_line(subtotal=value, total=value, quantity=1), total=value))
    assert (order.payable_fen, order.items[0].paid_fen) == (amount_fen, amount_fen)


@pytest.mark.parametrize(
    ("field", "value"),
    nasty.crossed(("total", "shipping_total", "shipping_tax", "total_tax"), nasty.NO_AMOUNTS),
)
def test_what_is_no_amount_is_quarantined(field: str, value: object) -> None:
    nasty.assert_refused(woo(**{field: value}), P.BAD_AMOUNT)


@pytest.mark.parametrize(
    ("field", "value"),
    nasty.crossed(("subtotal", "subtotal_tax", "total", "total_tax"), nasty.NO_AMOUNTS),
)
def test_what_is_no_amount_of_a_line_is_quarantined(field: str, value: object) -> None:
    nasty.assert_refused(woo(woo_line(**{field: value})), P.BAD_AMOUNT)


@pytest.mark.parametrize(
    ("field", "value"),
    nasty.crossed(("total", "id", "date_modified_gmt", "currency", "status"), nasty.ODD_SHAPES),
)
def test_a_field_of_another_shape_is_quarantined(field: str, value: object) -> None:
    nasty.assert_refused(woo(**{field: value}), P.BAD_SHAPE)


@pytest.mark.parametrize(("value", "pieces"), nasty.QUANTITIES)
def test_pieces_are_whole_and_at_least_one(value: object, pieces: int) -> None:
    free = woo_line(quantity=value, subtotal="0.00", total="0.00")
    assert only_item(woo(free, total="0.00")).qty == pieces


@pytest.mark.parametrize("value", nasty.NO_QUANTITIES)
def test_what_is_no_quantity_is_quarantined(value: object) -> None:
    nasty.assert_refused(woo(woo_line(quantity=value)), P.BAD_QUANTITY)


@pytest.mark.parametrize(("body", "code"), nasty.GARBAGE)
def test_garbage_has_a_reason(body: bytes, code: ProblemCode) -> None:
    (found,) = CHANNEL.normalise(body)
    nasty.assert_refused(found, code)


@pytest.mark.parametrize(("number", "code"), nasty.BAD_NUMBERS)
def test_an_order_without_a_usable_number_is_quarantined(number: object, code: ProblemCode) -> None:
    nasty.assert_refused(woo(id=number), code)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"date_modified_gmt": None}, P.MODIFIED_MISSING),
        ({"date_modified_gmt": "0000-00-00T00:00:00"}, P.MODIFIED_MISSING),
        ({"date_modified_gmt": "2026-02-30T00:00:00"}, P.BAD_TIME),
        ({"total": None}, P.AMOUNT_MISSING),
        ({"total": "-29.00"}, P.NEGATIVE_AMOUNT),
        ({"line_items": []}, P.LINES_MISSING),
        ({"line_items": "none"}, P.BAD_SHAPE),
        ({"shipping": {}, "billing": {}}, P.RECEIVER_MISSING),
        ({"shipping": None, "billing": None}, P.RECEIVER_MISSING),
        ({"currency": "RMB1"}, P.CURRENCY_UNKNOWN),
        ({"currency": "JPY", "total": "100.50"}, P.BAD_AMOUNT),
    ],
)
def test_what_cannot_be_shipped_or_paid_right_is_quarantined(
    changed: Native, code: ProblemCode
) -> None:
    nasty.assert_refused(woo(**changed), code)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"total": "99.00"}, P.LINES_DIFFER_FROM_TOTAL),
        ({"date_paid_gmt": None}, P.STATE_CONTRADICTS_PAYMENT),
        ({"date_created_gmt": "soon"}, P.BAD_TIME),
        ({"status": "packing"}, P.STATE_UNKNOWN),
        ({"discount_total": "5.00"}, P.PROMOTIONS_DIFFER),
        ({"coupon_lines": [{"code": "ghost", "discount": "5.00"}]}, P.PROMOTIONS_DIFFER),
    ],
)
def test_a_contradiction_is_named_and_the_order_goes_on(changed: Native, code: ProblemCode) -> None:
    nasty.assert_taken(woo(**changed), code)


@pytest.mark.parametrize(
    ("currency", "total", "amount"),
    [("JPY", "1000", 1000), ("KRW", "1000.00", 1000), ("KWD", "1.500", 1500), ("EUR", "1.50", 150)],
)
def test_amounts_are_in_the_minor_unit_of_the_currency(
    currency: str, total: str, amount: int
) -> None:
    found = woo(woo_line(subtotal=total, total=total), currency=currency, total=total)
    nasty.assert_taken(found)
    assert (order_of(found).currency, order_of(found).payable_fen) == (currency, amount)


def test_taxes_are_inside_each_line_and_inside_the_freight() -> None:
    taxed = woo_line(subtotal="88.50", subtotal_tax="11.50", total="79.65", total_tax="10.35")
    coupon = {"code": "ten", "discount": "8.85", "discount_tax": "1.15"}
    found = woo(taxed, coupon_lines=[coupon], shipping_total="8.85", shipping_tax="1.15",
                total="100.00", total_tax="11.50", discount_total="8.85")  # fmt: skip
    nasty.assert_taken(found)
    order = order_of(found)
    item = order.items[0]
    assert (item.unit_price_fen, item.discount_fen, item.paid_fen) == (5000, 1000, 9000)
    assert order.freight_fen == 1000
    assert [(p.name, p.fen) for p in order.promotions] == [("ten", 1000)]


@pytest.mark.parametrize(
    ("subtotal", "pieces", "unit_fen"), [("100.00", 3, 3334), ("0.01", 3, 1), ("99.99", 3, 3333)]
)
def test_a_price_that_does_not_divide_is_a_whole_fen_and_no_contradiction(
    subtotal: str, pieces: int, unit_fen: int
) -> None:
    uneven = woo_line(subtotal=subtotal, total=subtotal, quantity=pieces)
    other = woo_line(id=32, total="95.00")
    coupon = [{"code": "five", "discount": "5.00"}]
    total_fen = round(float(subtotal) * 100) + 9500
    found = woo(uneven, other, total=f"{total_fen // 100}.{total_fen % 100:02d}",
                coupon_lines=coupon, discount_total="5.00")  # fmt: skip
    nasty.assert_taken(found)
    assert order_of(found).items[0].unit_price_fen == unit_fen


@pytest.mark.parametrize(
    ("fee", "total", "freight_fen", "nets"),
    [
        ({"name": "包装费", "total": "3.00", "total_tax": "0.39"}, "153.39", 339, [10000, 5000]),
        ({"name": "会员 &amp; 折扣", "total": "-10.00"}, "140.00", 0, [9333, 4667]),
        ({"name": "x", "total": "-0.01"}, "149.99", 0, [9999, 5000]),
    ],
)
def test_a_fee_is_freight_and_a_negative_one_a_discount_of_all_lines(
    fee: Native, total: str, freight_fen: int, nets: list[int]
) -> None:
    other = woo_line(id=32, subtotal="50.00", total="50.00")
    found = woo(woo_line(), other, fee_lines=[fee], total=total)
    nasty.assert_taken(found)
    order = order_of(found)
    assert order.freight_fen == freight_fen
    assert [item.paid_fen for item in order.items] == nets


def test_a_fee_below_all_goods_is_named() -> None:
    found = woo(fee_lines=[{"name": "x", "total": "-500.00"}], total="0.00")
    assert P.LINES_DIFFER_FROM_TOTAL in {problem.code for problem in found.problems}


def test_a_name_is_read_without_its_entities() -> None:
    found = woo(woo_line(name="T&#45;恤 &ndash; &lt;M&gt; &amp;amp;"))
    assert only_item(found).title == "T-恤 – <M> &amp;"


@pytest.mark.parametrize(("code", "province"), sorted(PROVINCES.items()))
def test_a_province_is_behind_its_number(code: str, province: str) -> None:
    told_address = {**woo_order()["shipping"], "state": code}
    assert order_of(woo(shipping=told_address)).receiver.province == province


@pytest.mark.parametrize(
    ("changed", "province", "phone", "name"),
    [
        ({"state": "CN33"}, "CN33", "13000000001", "李样例"),
        ({"state": "浙江"}, "浙江", "13000000001", "李样例"),
        ({"state": "cn-2", "city": "朝阳区"}, "北京", "13000000001", "李样例"),
        ({"phone": "13000000002"}, "浙江", "13000000002", "李样例"),
        ({"state": "NY", "country": "US", "first_name": "Ann", "last_name": "O&#039;Lee"}, "NY",
         "13000000001", "Ann O'Lee"),
        ({"state": "", "country": "SG"}, "SG", "13000000001", "李样例"),
        ({"first_name": "样例", "last_name": ""}, "浙江", "13000000001", "样例"),
    ],
)  # fmt: skip
def test_a_receiver_is_plain_and_lends_what_is_missing(
    changed: Native, province: str, phone: str, name: str
) -> None:
    found = woo(shipping={**woo_order()["shipping"], **changed})
    nasty.assert_taken(found)
    receiver = order_of(found).receiver
    assert receiver.pii is PiiKind.PLAIN
    assert (receiver.province, receiver.phone, receiver.name) == (province, phone, name)


def test_china_without_a_province_is_nowhere_to_ship_to() -> None:
    told_address = {**woo_order()["shipping"], "state": ""}
    found = woo(shipping=told_address)
    assert order_of(found).receiver.province == ""
    assert [p.code for p in found.problems if p.blocks] == [ProblemCode.RECEIVER_MISSING]


def test_billing_is_the_receiver_where_nothing_else_was_asked_for() -> None:
    billing = {**woo_order()["shipping"], "phone": "13000000003"}
    receiver = order_of(woo(shipping={"country": "CN"}, billing=billing)).receiver
    assert (receiver.name, receiver.phone, receiver.city) == ("李样例", "13000000003", "杭州市")


@pytest.mark.parametrize(
    ("status", "state", "hold"),
    [
        ("processing", "paid_on_hold", "refunded_line_unknown"),
        ("completed", "completed", ""),
        ("refunded", "closed_refunded", ""),
    ],
)
def test_a_refund_whose_line_is_not_told_stops_what_has_not_shipped(
    status: str, state: str, hold: str
) -> None:
    found = woo(status=status, refunds=[{"id": 726, "reason": "", "total": "-29.00"}])
    nasty.assert_taken(found)
    order = order_of(found)
    assert isinstance(order.extensions, WooCommerceExtension)
    assert (order.state, order.hold, order.extensions.refunded_fen) == (state, hold, 2900)
    assert order.paid_fen == 10000


def test_a_refund_is_no_order_but_may_name_one() -> None:
    refund = {"id": 726, "amount": "29.00", "line_items": [{"id": 314, "quantity": -1}]}
    (found,) = CHANNEL.normalise(encoded(refund))
    nasty.assert_refused(found, P.NOT_AN_ORDER)
    (found,) = CHANNEL.normalise(encoded({**refund, "parent_id": 7271}))
    nasty.assert_refused(found, P.DETAIL_NEEDED)
    assert order_of(found).order_no == "7271"


def test_numbers_above_2_to_the_53rd_stay_exact() -> None:
    order = order_of(woo(woo_line(id=nasty.ABOVE_2_53), id=str(nasty.ABOVE_2_53)))
    assert order.order_no == order.items[0].line_id == "9007199254740993"


def test_the_same_sku_on_two_lines_stays_two_lines_and_a_free_one_is_a_gift() -> None:
    free = woo_line(id=32, subtotal="0.00", total="0.00")
    found = woo(woo_line(), free)
    nasty.assert_taken(found)
    assert [(i.merchant_sku, i.is_gift) for i in order_of(found).items] == [
        ("TS01", False),
        ("TS01", True),
    ]
    nasty.assert_refused(woo(woo_line(), woo_line()), P.LINE_ID_REPEATED)


def test_one_line_as_an_object_is_read() -> None:
    nasty.assert_taken(woo(line_items=woo_line()))


def test_a_list_gives_the_newest_snapshot_of_each_order_once() -> None:
    newer = woo_order(date_modified_gmt="2026-05-20T02:00:00", customer_note="second")
    found = CHANNEL.normalise(encoded([newer, woo_order(), woo_order(id=8), 5]))
    assert [n.order.buyer_memo if n.order else None for n in found] == ["second", "", None]
    assert CHANNEL.normalise(b"[]") == ()


def test_an_error_is_no_order() -> None:
    body = {"code": "woocommerce_rest_cannot_view", "message": "no", "data": {"status": 401}}
    (found,) = CHANNEL.normalise(encoded(body))
    nasty.assert_refused(found, P.CHANNEL_ERROR)


def read(body: bytes, topic: str) -> tuple[Hint | RawOrder, ...]:
    assert CHANNEL.push is not None
    headers = {"x-wc-webhook-topic": topic, "x-wc-webhook-delivery-id": "d1"}
    found = CHANNEL.push.read(CREDENTIALS, pushed(body, headers))
    assert isinstance(found, tuple)
    return found


@pytest.mark.parametrize("topic", ["order.created", "order.updated", ""])
def test_a_webhook_is_the_whole_order(topic: str) -> None:
    body = encoded(woo_order())
    (raw,) = read(body, topic)
    assert isinstance(raw, RawOrder)
    assert (raw.order_no, raw.body) == ("7271", body)
    assert raw.modified_at == datetime(2026, 5, 20, 1, 31, 41, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "topic", "kind", "order_no"),
    [
        (b"webhook_id=12", "", HintKind.PROBE, ""),
        (b'{"id":7271}', "order.deleted", HintKind.ORDER, "7271"),
        (b'{"id":7271}', "order.restored", HintKind.ORDER, "7271"),
        (b'{"id":9,"name":"cup"}', "product.updated", HintKind.OTHER, ""),
        (b'{"id":9,"parent_id":71,"amount":"1.00"}', "action.refund", HintKind.AFTERSALE, "71"),
        (b'{"id":9}', "coupon.created", HintKind.OTHER, ""),
    ],
)
def test_another_webhook_is_a_hint(body: bytes, topic: str, kind: HintKind, order_no: str) -> None:
    (hint,) = read(body, topic)
    assert isinstance(hint, Hint)
    assert (hint.kind, hint.order_no, hint.message_id) == (kind, order_no, "d1")


@pytest.mark.parametrize(
    "body", [b"webhook_id=12&x=1", b"webhook_id=", b"webhook_id=x", b" webhook_id=1", b"id=1"]
)
def test_only_a_bare_ping_needs_no_signature(body: bytes) -> None:
    assert CHANNEL.push is not None
    assert CHANNEL.push.verify(CREDENTIALS, pushed(b"webhook_id=12"))
    assert not CHANNEL.push.verify(CREDENTIALS, pushed(body))
