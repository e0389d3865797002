"""Tills: weighed goods, payments in parts, fen let go, returns, and numbers used twice."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.ingest.channels import (
    ChannelError,
    RawOrder,
    Retry,
    Shipment,
    Unsupported,
)
from services.ingest.channels.pos import CHANNEL, RECEIPTS_MAX, sign
from services.ingest.channels.pos.extension import PosExtension
from services.ingest.domain.model import (
    LineRefundState,
    Normalised,
    OrderSnapshotState,
    PiiKind,
    ProblemCode,
)
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
from tests.unit.ingest.channels.natives import pos, pos_batch, pos_line, pos_receipt

P = ProblemCode
HOME = {
    "name": "测试收货人",
    "phone": "13000000001",
    "province": "浙江省",
    "city": "杭州市",
    "district": "余杭区",
    "address": "示例路 1 号",
}


def extension_of(found: Normalised) -> PosExtension:
    extension = order_of(found).extensions
    assert isinstance(extension, PosExtension)
    return extension


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("SALE", "completed"),
        ("VOID", "cancelled"),
        ("RENTAL", "unknown"),
        ("sale", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_type_means_a_state(kind: str | None, state: str) -> None:
    found = pos(type=kind)
    assert not found.blocked
    order = order_of(found)
    assert (order.state, order.raw_state) == (state, kind or "")
    if state == "unknown":
        assert order.hold == "unknown_state"


def test_goods_over_the_counter_are_handed_over_and_never_shipped() -> None:
    order = order_of(pos())
    assert (order.state, order.receiver.pii) == (OrderSnapshotState.COMPLETED, PiiKind.ABSENT)
    assert order.items[0].shipped_qty == 2
    assert order.times.ended == order.times.created


def test_goods_to_be_sent_await_their_shipment() -> None:
    found = pos(delivery=HOME)
    nasty.assert_taken(found)
    order = order_of(found)
    assert (order.state, order.items[0].shipped_qty) == (OrderSnapshotState.AWAITING_SHIPMENT, 0)
    assert (order.receiver.name, order.receiver.city) == ("测试收货人", "杭州市")
    nasty.assert_refused(pos(delivery={}), P.RECEIVER_MISSING)


@pytest.mark.parametrize(
    ("qty", "unit_fen", "amount_fen", "named"),
    [
        ("1.235", 1298, 1603, False),
        (1.235, 1298, 1603, False),
        ("0.5", 1001, 501, False),
        ("0.5", 1001, 500, False),
        ("0.001", 99, 0, False),
        ("2.000001", 1000, 2000, False),
        ("1.235", 1298, 1700, True),
        ("1.235", 1298, 1298, True),
    ],
)
def test_goods_by_weight_are_one_piece_at_what_they_cost(
    qty: object, unit_fen: int, amount_fen: int, *, named: bool
) -> None:
    weighed = pos_line(qty=qty, unit="kg", unit_price_fen=unit_fen, amount_fen=amount_fen)
    found = pos(weighed, total_fen=amount_fen,
                payments=[{"method": "CASH", "amount_fen": amount_fen}])  # fmt: skip
    nasty.assert_taken(found, *([P.GOODS_DIFFER_FROM_TOTAL] if named else []))
    item = only_item(found)
    assert (item.qty, item.unit_price_fen, item.paid_fen) == (1, amount_fen, amount_fen)
    (kept,) = extension_of(found).weighed
    assert (kept.quantity, kept.unit, kept.unit_price_fen) == (str(qty), "kg", unit_fen)


@pytest.mark.parametrize(
    ("barcode", "sku", "sku_id"),
    [
        ("2200015012345", "APPLE", "2200015"),
        ("2900015999999", "", "2900015"),
        ("3000015012345", "", "3000015012345"),
        ("22000150123", "", "22000150123"),
        ("6900000000001", "", "6900000000001"),
        (6900000000001, "", "6900000000001"),
    ],
)
def test_a_barcode_with_its_price_inside_names_the_article_only(
    barcode: object, sku: str, sku_id: str
) -> None:
    item = only_item(pos(pos_line(barcode=barcode, sku=sku)))
    assert (item.sku_id, item.merchant_sku) == (sku_id, sku)


@pytest.mark.parametrize(
    ("value", "pieces"), [("1", 1), ("2.000", 2), (3, 3), (4.0, 4), ("0010", 10)]
)
def test_whole_pieces_are_pieces(value: object, pieces: int) -> None:
    line = pos_line(qty=value, unit_price_fen=0, amount_fen=0)
    assert only_item(pos(line, total_fen=0, payments=[])).qty == pieces


@pytest.mark.parametrize(
    "value",
    ["0", 0, "0.000", "-1", -1, "", None, "two", "1,5", "1e2", "１", "1.", ".5", "+1", "9" * 9, 1e300],
)  # fmt: skip
def test_what_is_no_quantity_of_a_sale_is_quarantined(value: object) -> None:
    nasty.assert_refused(pos(pos_line(qty=value)), P.BAD_QUANTITY)


@pytest.mark.parametrize(("value", "amount_fen"), nasty.FEN)
def test_an_amount_in_fen_is_exact_in_whatever_form_it_comes(
    value: object, amount_fen: int
) -> None:
    line = pos_line(qty="1", unit_price_fen=value, amount_fen=value)
    order = order_of(pos(line, total_fen=value, payments=[{"amount_fen": value}]))
    assert (order.payable_fen, order.paid_fen) == (amount_fen, amount_fen)


@pytest.mark.parametrize(
    ("field", "value"),
    nasty.crossed(("total_fen", "discount_fen", "rounding_fen"), nasty.NO_FEN),
)
def test_what_is_no_amount_is_quarantined(field: str, value: object) -> None:
    nasty.assert_refused(pos(**{field: value}), P.BAD_AMOUNT)


@pytest.mark.parametrize(
    ("field", "value"),
    nasty.crossed(("unit_price_fen", "amount_fen", "discount_fen"), nasty.NO_FEN),
)
def test_what_is_no_amount_of_a_line_is_quarantined(field: str, value: object) -> None:
    nasty.assert_refused(pos(pos_line(**{field: value})), P.BAD_AMOUNT)


@pytest.mark.parametrize("value", nasty.NO_FEN)
def test_what_is_no_payment_is_quarantined(value: object) -> None:
    nasty.assert_refused(pos(payments=[{"amount_fen": value}]), P.BAD_AMOUNT)


@pytest.mark.parametrize(
    ("field", "value"),
    nasty.crossed(("total_fen", "receipt_no", "created_at", "type", "note"), nasty.ODD_SHAPES),
)
def test_a_field_of_another_shape_is_quarantined(field: str, value: object) -> None:
    nasty.assert_refused(pos(**{field: value}), P.BAD_SHAPE)


@pytest.mark.parametrize(("body", "code"), nasty.GARBAGE)
def test_garbage_has_a_reason(body: bytes, code: ProblemCode) -> None:
    (found,) = CHANNEL.normalise(body)
    nasty.assert_refused(found, code)


@pytest.mark.parametrize(("number", "code"), nasty.BAD_NUMBERS)
def test_a_receipt_without_a_usable_number_is_quarantined(
    number: object, code: ProblemCode
) -> None:
    nasty.assert_refused(pos(receipt_no=number), code)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"created_at": None}, P.MODIFIED_MISSING),
        ({"created_at": "2026-05-20 09:31:02"}, P.BAD_TIME),
        ({"created_at": "1970-01-01T00:00:00+08:00"}, P.MODIFIED_MISSING),
        ({"total_fen": None}, P.AMOUNT_MISSING),
        ({"total_fen": -100}, P.NEGATIVE_AMOUNT),
        ({"lines": []}, P.LINES_MISSING),
        ({"lines": None}, P.LINES_MISSING),
        ({"currency": "RMB!"}, P.CURRENCY_UNKNOWN),
        ({"type": "RETURN"}, P.NEGATIVE_AMOUNT),
    ],
)
def test_what_cannot_be_worked_with_is_quarantined(changed: Native, code: ProblemCode) -> None:
    nasty.assert_refused(pos(**changed), code)


def test_a_sale_with_a_line_that_came_back_is_quarantined() -> None:
    back = pos_line(line_no=2, qty="-1", amount_fen=-5000)
    nasty.assert_refused(pos(pos_line(), back, total_fen=5000), P.BAD_QUANTITY)


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({"total_fen": 9000}, {P.LINES_DIFFER_FROM_TOTAL, P.GOODS_DIFFER_FROM_TOTAL,
                               P.PAID_ABOVE_PAYABLE}),
        ({"discount_fen": 500}, {P.GOODS_DIFFER_FROM_TOTAL, P.PROMOTIONS_DIFFER}),
        ({"payments": [{"amount_fen": 9000}]}, {P.STATE_CONTRADICTS_PAYMENT}),
        ({"payments": [{"amount_fen": 11000}]}, {P.PAID_ABOVE_PAYABLE}),
        ({"payments": []}, {P.STATE_CONTRADICTS_PAYMENT}),
        ({"created_at": "2026-05-27T09:31:02+08:00"}, {P.BAD_TIME}),
        ({"created_at": "2025-05-20T09:31:02+08:00"}, {P.BAD_TIME}),
        ({"type": "SWAP"}, {P.STATE_UNKNOWN}),
    ],
)  # fmt: skip
def test_a_contradiction_is_named_and_the_receipt_goes_on(
    changed: Native, codes: set[ProblemCode]
) -> None:
    nasty.assert_taken(pos(**changed), *codes)


def test_payments_in_parts_add_up() -> None:
    parts = [{"method": "WECHAT", "amount_fen": 6000, "txn_no": 42}, {"method": "CASH",
             "amount_fen": 4000}]  # fmt: skip
    found = pos(payments=parts)
    nasty.assert_taken(found)
    kept = extension_of(found).payments
    assert [(p.method, p.fen, p.transaction_no) for p in kept] == [
        ("WECHAT", 6000, "42"),
        ("CASH", 4000, ""),
    ]
    alone = pos(payments={"method": "CASH", "amount_fen": 10000}, lines=pos_line())
    nasty.assert_taken(alone)


def test_fen_which_the_till_let_go_are_a_discount_of_the_dearest_line() -> None:
    cheap = pos_line(line_no=2, qty="1", unit_price_fen=103, amount_fen=103)
    found = pos(pos_line(), cheap, total_fen=10100, rounding_fen=3,
                payments=[{"amount_fen": 10100}])  # fmt: skip
    nasty.assert_taken(found)
    order = order_of(found)
    assert [(p.name, p.fen) for p in order.promotions] == [("抹零", 3)]
    assert [item.paid_fen for item in order.items] == [9997, 103]


def test_a_discount_is_off_its_own_line() -> None:
    found = pos(pos_line(amount_fen=9000, discount_fen=1000), total_fen=9000, discount_fen=1000,
                payments=[{"amount_fen": 9000}])  # fmt: skip
    nasty.assert_taken(found)
    assert only_item(found).discount_fen == 1000


def return_receipt(**changed: Any) -> Normalised:
    line = pos_line(qty="-2", amount_fen=-9000)
    return pos(line, **{
        "type": "RETURN", "receipt_no": "S001-000003", "total_fen": -9000,
        "payments": [{"method": "CASH", "amount_fen": -9000}],
        "original_receipt_no": "S001-000001", **changed,
    })  # fmt: skip


def test_a_return_is_what_went_back_and_points_to_its_sale() -> None:
    found = return_receipt()
    nasty.assert_taken(found)
    order = order_of(found)
    assert (order.state, order.paid_fen) == (OrderSnapshotState.CLOSED_REFUNDED, 9000)
    assert extension_of(found).original_receipt_no == "S001-000001"
    item = only_item(found)
    assert (item.qty, item.refunded_qty, item.refund_state) == (2, 2, LineRefundState.REFUNDED)


def test_goods_by_weight_come_back_too() -> None:
    weighed = pos_line(qty="-0.500", unit_price_fen=1000, amount_fen=-500)
    found = pos(weighed, type="RETURN", total_fen=-500, payments=[{"amount_fen": -500}],
                original_receipt_no="S001-000001")  # fmt: skip
    nasty.assert_taken(found)
    assert only_item(found).paid_fen == 500


def test_a_return_that_names_no_sale_is_quarantined_and_a_sale_returns_nothing() -> None:
    back = pos(pos_line(qty="-2", amount_fen=-5000), type="RETURN", total_fen=-5000,
               payments=[{"amount_fen": -5000}])  # fmt: skip
    nasty.assert_refused(back, P.SALE_MISSING)
    assert order_of(pos(original_receipt_no="S001-000001")).returns == ""


@pytest.mark.parametrize("qty", ["1", "0", 2])
def test_a_return_of_pieces_that_did_not_come_back_is_quarantined(qty: object) -> None:
    found = pos(pos_line(qty=qty, amount_fen=-5000), type="RETURN", total_fen=-5000,
                payments=[{"amount_fen": -5000}])  # fmt: skip
    nasty.assert_refused(found, P.BAD_QUANTITY)


def test_a_receipt_uploaded_again_is_one_and_a_number_used_twice_is_refused() -> None:
    one = pos_receipt()
    (found,) = CHANNEL.normalise(encoded(pos_batch(one, one)))
    nasty.assert_taken(found)
    (clash,) = CHANNEL.normalise(encoded(pos_batch(one, pos_receipt(cashier="C02"))))
    nasty.assert_refused(clash, P.ORDER_NO_REUSED)
    again = dict(reversed(one.items()))
    assert extension_of(pos()).content_hash == order_hash(again)
    assert extension_of(pos(cashier="C02")).content_hash != order_hash(one)


def order_hash(receipt: Native) -> str:
    (found,) = CHANNEL.normalise(encoded(pos_batch(receipt)))
    return extension_of(found).content_hash


def test_a_training_receipt_is_no_order_wherever_it_comes_from() -> None:
    nasty.assert_refused(pos(training=True), P.NOT_AN_ORDER)
    assert [raw.order_no for raw in read(pos_batch(pos_receipt(training=True), pos_receipt()))] == [
        "S001-000001"
    ]


@pytest.mark.parametrize(
    "changed",
    [{"schema": "pos-upload/2"}, {"schema": None}, {"schema": ""}, {"orders": None}],
)
def test_a_batch_of_another_format_is_no_batch(changed: Native) -> None:
    body = encoded(pos_batch(pos_receipt(), **changed))
    (found,) = CHANNEL.normalise(body)
    nasty.assert_refused(found, P.NOT_AN_ORDER)
    assert CHANNEL.push is not None
    assert isinstance(CHANNEL.push.read(CREDENTIALS, pushed(body)), ChannelError)


def test_a_batch_without_receipts_is_well() -> None:
    assert CHANNEL.normalise(encoded(pos_batch())) == ()
    assert read(pos_batch()) == ()


def read(batch: Native) -> tuple[RawOrder, ...]:
    assert CHANNEL.push is not None
    found = CHANNEL.push.read(CREDENTIALS, pushed(encoded(batch)))
    assert isinstance(found, tuple)
    return tuple(raw for raw in found if isinstance(raw, RawOrder))


def test_an_upload_is_cut_into_receipts_which_mean_the_same_alone() -> None:
    other = pos_receipt(receipt_no="S001-000002")
    batch = pos_batch(pos_receipt(), other, pos_receipt(), 5)
    first, second, odd = read(batch)
    whole = {n.order.order_no: n for n in CHANNEL.normalise(encoded(batch)) if n.order}
    for raw in (first, second):
        assert CHANNEL.normalise(raw.body) == (whole[raw.order_no],)
        assert raw.modified_at is not None
    assert odd.order_no == ""
    (found,) = CHANNEL.normalise(odd.body)
    nasty.assert_refused(found, P.BAD_SHAPE)


def test_a_number_used_twice_in_an_upload_stays_in_one_slice() -> None:
    (raw,) = read(pos_batch(pos_receipt(), pos_receipt(cashier="C02")))
    (found,) = CHANNEL.normalise(raw.body)
    nasty.assert_refused(found, P.ORDER_NO_REUSED)


def test_an_upload_is_bounded() -> None:
    assert CHANNEL.push is not None
    many = pushed(encoded(pos_batch(*[{}] * (RECEIPTS_MAX + 1))))
    assert isinstance(CHANNEL.push.read(CREDENTIALS, many), ChannelError)


@pytest.mark.parametrize(
    ("late_s", "genuine"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_a_signature_is_good_for_five_minutes(late_s: int, *, genuine: bool) -> None:
    assert CHANNEL.push is not None
    body = encoded(pos_batch(pos_receipt()))
    timestamp = str(int(NOW.timestamp()))
    headers = {
        "x-pos-timestamp": timestamp,
        "x-pos-signature": sign(CREDENTIALS.app_secret, timestamp=timestamp, body=body),
    }
    push = pushed(body, headers, NOW + timedelta(seconds=late_s))
    assert CHANNEL.push.verify(CREDENTIALS, push) is genuine


@pytest.mark.parametrize("timestamp", ["", "now", "１", "-1", "1e9", "9" * 13, "1779243072\n"])
def test_an_odd_time_of_signing_is_refused(timestamp: str) -> None:
    assert CHANNEL.push is not None
    headers = {
        "x-pos-timestamp": timestamp,
        "x-pos-signature": sign(CREDENTIALS.app_secret, timestamp=timestamp, body=b"{}"),
    }
    assert not CHANNEL.push.verify(CREDENTIALS, pushed(b"{}", headers))


def test_a_till_is_told_and_asked_nothing() -> None:
    assert CHANNEL.poll_request is None
    assert CHANNEL.detail_request is None
    parcel = Shipment(
        order_no="1", lines=(), whole=True, carrier="SF", waybill_no="1", request_id="r"
    )
    assert isinstance(CHANNEL.shipment_request(CREDENTIALS, parcel, NOW), Unsupported)
    assert isinstance(CHANNEL.read_shipment_answer(answer({})), Retry)
    assert isinstance(CHANNEL.read_page(answer({}), None), ChannelError)


def test_a_line_keeps_its_number_and_the_same_article_stays_two_lines() -> None:
    two = pos(pos_line(), pos_line(line_no=2), total_fen=20000,
              payments=[{"amount_fen": 20000}])  # fmt: skip
    nasty.assert_taken(two)
    assert [item.line_id for item in order_of(two).items] == ["1", "2"]
    nasty.assert_refused(pos(pos_line(), pos_line()), P.LINE_ID_REPEATED)
    assert msgspec.structs.asdict(extension_of(two))["weighed"] == ()
