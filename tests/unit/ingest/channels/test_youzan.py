"""Youzan: states that pass, parts of a fen, refunds that name no line, pick-up points, chains."""

import json
from typing import Any

import pytest

from services.ingest.channels.youzan import CHANNEL
from services.ingest.channels.youzan.extension import YouzanExtension
from services.ingest.domain.model import LineRefundState, PiiKind, ProblemCode
from services.ingest.domain.snapshots import hold_of
from tests.unit.ingest.channels import nasty
from tests.unit.ingest.channels.builders import Native, encoded, only_item, order_of
from tests.unit.ingest.channels.natives import youzan, youzan_line, youzan_trade

P = ProblemCode
R = LineRefundState
SECOND = "2820000000000000002"


@pytest.mark.parametrize(
    ("changed", "state", "hold", "paid_fen"),
    [
        ({"status": "WAIT_BUYER_PAY", "pay_time": ""}, "unpaid", "", 0),
        ({"status": "TRADE_PAID"}, "paid_on_hold", "payment_passing", 10000),
        ({"status": "WAIT_CONFIRM"}, "paid_on_hold", "group_not_complete", 10000),
        ({}, "awaiting_shipment", "", 10000),
        ({"status": "WAIT_BUYER_CONFIRM_GOODS"}, "shipped", "", 10000),
        ({"status": "TRADE_SUCCESS"}, "completed", "", 10000),
        ({"status": "TRADE_CLOSED", "pay_time": ""}, "cancelled", "", 0),
        ({"status": "TRADE_CLOSED", "refund_state": 12}, "closed_refunded", "", 10000),
        ({"status": "TRADE_CLOSED", "refund_state": 0}, "closed_refunded", "", 10000),
        ({"refund_state": 12}, "closed_refunded", "", 10000),
        ({"refund_state": 11}, "paid_on_hold", "refund_open", 10000),
        ({"refund_state": 1}, "paid_on_hold", "refund_open", 10000),
        ({"refund_state": 2}, "paid_on_hold", "refunded_line_unknown", 10000),
        ({"refund_state": 7}, "paid_on_hold", "refund_open", 10000),
        ({"refund_state": 2, "status": "TRADE_SUCCESS"}, "completed", "", 10000),
        ({"express_type": 9}, "paid_on_hold", "nothing_to_ship", 10000),
        ({"express_type": 2}, "awaiting_shipment", "", 10000),
        ({"express_type": "0"}, "awaiting_shipment", "", 10000),
        ({"express_type": None}, "awaiting_shipment", "", 10000),
        ({"express_type": 5}, "paid_on_hold", "delivery_unknown", 10000),
        ({"status": "WAIT_SELLER"}, "unknown", "unknown_state", 10000),
        ({"status": "wait_seller_send_goods"}, "unknown", "unknown_state", 10000),
        ({"status": ""}, "unknown", "unknown_state", 10000),
        ({"status": None}, "unknown", "unknown_state", 10000),
    ],
)
def test_a_status_means_a_state_with_what_stands_beside_it(
    changed: Native, state: str, hold: str, paid_fen: int
) -> None:
    found = youzan(**changed)
    assert not found.blocked, found.problems
    order = order_of(found)
    assert (order.state, order.hold, order.paid_fen) == (state, hold, paid_fen)
    assert order.raw_state == (changed.get("status", "WAIT_SELLER_SEND_GOODS") or "")


@pytest.mark.parametrize(
    ("phases", "state", "paid_fen"),
    [
        ([], "unpaid", 0),
        ([{"real_price": "30.00", "outer_transaction_no": "4200"}], "deposit_paid", 3000),
        ([{"real_price": "30.00", "inner_transaction_no": "1"}, {"real_price": "70.00"}],
         "deposit_paid", 3000),
        ([{"real_price": "30.00"}, {"real_price": "70.00"}], "unpaid", 0),
        ([{"real_price": "30.00", "outer_transaction_no": "0"}], "unpaid", 0),
    ],
)  # fmt: skip
def test_a_deposit_is_paid_when_its_transaction_has_a_number(
    phases: list[Native], state: str, paid_fen: int
) -> None:
    found = youzan(status="WAIT_BUYER_PAY", pay_time="", phase_payments=phases)
    nasty.assert_taken(found)
    assert (order_of(found).state, order_of(found).paid_fen) == (state, paid_fen)


@pytest.mark.parametrize(("value", "amount_fen"), nasty.AMOUNTS)
def test_an_amount_is_exact_in_whatever_form_it_comes(value: object, amount_fen: int) -> None:
    line = youzan_line(num=1, price=value, payment=value)
    order = order_of(youzan(line, payment=value, total_fee=value))
    assert (order.payable_fen, order.items[0].paid_fen) == (amount_fen, amount_fen)


@pytest.mark.parametrize(
    ("field", "value"), nasty.crossed(("payment", "post_fee", "total_fee"), nasty.NO_AMOUNTS)
)
def test_what_is_no_amount_is_quarantined(field: str, value: Any) -> None:
    nasty.assert_refused(youzan(**{field: value}), P.BAD_AMOUNT)


@pytest.mark.parametrize("value", nasty.NO_AMOUNTS)
def test_what_is_no_price_of_a_line_is_quarantined(value: object) -> None:
    nasty.assert_refused(youzan(youzan_line(price=value)), P.BAD_AMOUNT)


@pytest.mark.parametrize("value", ["1e3", "NaN", "１２", "+1", "12.34567891", "9" * 30, 1e300])
def test_what_is_no_share_of_a_line_is_quarantined(value: object) -> None:
    nasty.assert_refused(youzan(youzan_line(payment=value)), P.BAD_AMOUNT)


@pytest.mark.parametrize(
    ("shares", "total", "nets"),
    [
        (("33.333333", "33.333333", "33.333334"), "100.00", [3333, 3333, 3334]),
        (("35.9967", "64.0033", "0.00"), "100.00", [3600, 6400, 0]),
        (("0.005", "0.005", "99.99"), "100.00", [1, 0, 9999]),
        ((50.5, "49.5", 0), "100.00", [5050, 4950, 0]),
    ],
)
def test_parts_of_a_fen_are_shared_out_into_whole_ones(
    shares: tuple[object, ...], total: str, nets: list[int]
) -> None:
    lines = [youzan_line(oid=str(n), num=1, price="100.00", payment=share)
             for n, share in enumerate(shares, start=1)]  # fmt: skip
    found = youzan(*lines, payment=total, total_fee="300.00")
    nasty.assert_taken(found)
    assert [item.paid_fen for item in order_of(found).items] == nets


@pytest.mark.parametrize(
    ("field", "value"),
    nasty.crossed(("payment", "tid", "update_time", "status"), nasty.ODD_SHAPES),
)
def test_a_field_of_another_shape_is_quarantined(field: str, value: Any) -> None:
    nasty.assert_refused(youzan(**{field: value}), P.BAD_SHAPE)


@pytest.mark.parametrize(("value", "pieces"), nasty.QUANTITIES)
def test_pieces_are_whole_and_at_least_one(value: object, pieces: int) -> None:
    free = youzan_line(num=value, price="0.00", payment="0.00")
    assert only_item(youzan(free, payment="0.00", total_fee="0.00")).qty == pieces


@pytest.mark.parametrize("value", nasty.NO_QUANTITIES)
def test_what_is_no_quantity_is_quarantined(value: object) -> None:
    nasty.assert_refused(youzan(youzan_line(num=value)), P.BAD_QUANTITY)


@pytest.mark.parametrize(("body", "code"), nasty.GARBAGE)
def test_garbage_has_a_reason(body: bytes, code: ProblemCode) -> None:
    (found,) = CHANNEL.normalise(body)
    nasty.assert_refused(found, code)


@pytest.mark.parametrize(("number", "code"), nasty.BAD_NUMBERS)
def test_an_order_without_a_usable_number_is_quarantined(number: object, code: ProblemCode) -> None:
    nasty.assert_refused(youzan(tid=number), code)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"update_time": ""}, P.MODIFIED_MISSING),
        ({"update_time": None}, P.MODIFIED_MISSING),
        ({"update_time": "0000-00-00 00:00:00"}, P.MODIFIED_MISSING),
        ({"update_time": "2026-02-30 00:00:00"}, P.BAD_TIME),
        ({"update_time": "1779240701"}, P.BAD_TIME),
        ({"payment": None}, P.AMOUNT_MISSING),
        ({"payment": "-1.00"}, P.NEGATIVE_AMOUNT),
        ({"orders": []}, P.LINES_MISSING),
        ({"orders": None}, P.LINES_MISSING),
        ({"orders": 5}, P.BAD_SHAPE),
        ({"address_info": None}, P.RECEIVER_MISSING),
        ({"delivery_province": ""}, P.RECEIVER_MISSING),
        ({"order_info": None}, P.ORDER_NO_MISSING),
        ({"pay_info": None}, P.AMOUNT_MISSING),
    ],
)
def test_what_cannot_be_shipped_or_paid_right_is_quarantined(
    changed: Native, code: ProblemCode
) -> None:
    nasty.assert_refused(youzan(**changed), code)


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({"payment": "99.00"}, {P.LINES_DIFFER_FROM_TOTAL}),
        ({"total_fee": "90.00"}, {P.GOODS_DIFFER_FROM_TOTAL}),
        ({"pay_time": ""}, {P.STATE_CONTRADICTS_PAYMENT}),
        ({"status": "WAIT_BUYER_PAY"}, {P.STATE_CONTRADICTS_PAYMENT}),
        ({"status": "TRADE_CLOSED"}, {P.STATE_CONTRADICTS_PAYMENT}),
        ({"created": "soon"}, {P.BAD_TIME}),
        ({"node_kdt_id": 0, "root_kdt_id": None}, {P.SHOP_MISSING}),
        ({"receiver_name": "测试收货人"}, {P.RECEIVER_MIXED}),
        ({"status": "WAIT_SOMETHING"}, {P.STATE_UNKNOWN}),
    ],
)
def test_a_contradiction_is_named_and_the_order_goes_on(
    changed: Native, codes: set[ProblemCode]
) -> None:
    nasty.assert_taken(youzan(**changed), *codes)


def refund(state: object, *oids: str, fee: str = "100.00") -> Native:
    return {"refund_state": state, "refund_fee": fee, "oids": [{"oid": oid} for oid in oids]}


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (1, R.REQUESTED),
        ("1", R.REQUESTED),
        (10, R.REFUSED),
        (20, R.RETURNING),
        (30, R.RETURNING),
        (40, R.REFUSED),
        (50, R.WITHDRAWN),
        (60, R.REFUNDED),
        (70, R.UNKNOWN),
        (None, R.UNKNOWN),
    ],
)
def test_a_request_is_for_the_lines_which_it_names(state: object, wanted: LineRefundState) -> None:
    around = {"refund_order": [refund(state, "2820000000000000001")]}
    found = youzan(youzan_line(), youzan_line(oid=SECOND), around=around, payment="200.00",
                   total_fee="200.00", refund_state=2)  # fmt: skip
    nasty.assert_taken(found)
    assert [item.refund_state for item in order_of(found).items] == [wanted, R.NONE]
    assert order_of(found).state == "awaiting_shipment"


@pytest.mark.parametrize(
    "oids",
    [["2820000000000000001"], [2820000000000000001], "2820000000000000001",
     {"oid": "2820000000000000001"}],
)  # fmt: skip
def test_a_request_may_name_its_lines_by_bare_numbers(oids: object) -> None:
    asked = refund(1) | {"oids": oids}
    found = youzan(youzan_line(), youzan_line(oid=SECOND), around={"refund_order": [asked]},
                   payment="200.00", total_fee="200.00", refund_state=1)  # fmt: skip
    assert [item.refund_state for item in order_of(found).items] == [R.REQUESTED, R.NONE]


def test_a_lone_discount_may_stand_where_a_list_is_usual() -> None:
    of_line = {"promotion_title": "满减送", "decrease": "3.00"}
    promotion = {
        "order": {"promotion_title": "十元券", "discount_fee": "10.00"},
        "item": {"oid": "2820000000000000001", "promotions": of_line},
    }
    found = order_of(youzan(around={"order_promotion": promotion}))
    assert [(one.name, one.fen) for one in found.promotions] == [("十元券", 1_000), ("满减送", 300)]


@pytest.mark.parametrize(
    ("states", "wanted"),
    [
        ((10, 60), R.REFUNDED),
        ((60, 10), R.REFUNDED),
        ((60, 1), R.REQUESTED),
        ((1, 60), R.REQUESTED),
        ((50, 50), R.WITHDRAWN),
    ],
)
def test_of_several_requests_the_one_which_forbids_most_counts(
    states: tuple[int, int], wanted: LineRefundState
) -> None:
    requests = [refund(state, "2820000000000000001") for state in states]
    assert only_item(youzan(around={"refund_order": requests})).refund_state is wanted


@pytest.mark.parametrize(
    ("fee", "pieces", "state", "hold", "gone"),
    [
        ("100.00", 2, "paid_on_hold", "nothing_left_to_ship", 2),
        ("30.00", 2, "paid_on_hold", "refunded_pieces_unknown", 0),
        ("30.00", 1, "awaiting_shipment", "", 0),
    ],
)
def test_an_amount_does_not_say_how_many_pieces_it_was_for(
    fee: str, pieces: int, state: str, hold: str, gone: int
) -> None:
    around = {"refund_order": [refund(60, "2820000000000000001", fee=fee)]}
    price = "50.00" if pieces == 2 else "100.00"
    found = youzan(youzan_line(num=pieces, price=price), around=around)
    nasty.assert_taken(found)
    order = order_of(found)
    assert (order.state, order.hold, order.items[0].refunded_qty) == (state, hold, gone)


@pytest.mark.parametrize(
    ("changed", "gift"),
    [
        ({"is_present": True, "price": "9.90", "payment": "0.00"}, True),
        ({"is_present": True, "price": "9.90", "payment": None}, True),
        ({"price": "0.00", "payment": "0.00"}, True),
        ({"price": "9.90", "payment": "0.00"}, False),
    ],
)
def test_a_gift_is_flagged_or_free_but_a_coupon_makes_none(changed: Native, *, gift: bool) -> None:
    line = youzan_line(oid=SECOND, num=1, **changed)
    found = youzan(youzan_line(), line, total_fee=None)
    nasty.assert_taken(found)
    assert order_of(found).items[1].is_gift is gift
    assert order_of(found).items[1].paid_fen == 0


@pytest.mark.parametrize(
    ("promotions", "total", "named", "codes"),
    [
        ({"order": [{"promotion_title": "10元券", "discount_fee": "10.00"}]}, "90.00",
         [("10元券", 1000)], set()),
        ({"item": [{"promotions": [{"promotion_title": "会员", "decrease": "4.00"}]}],
          "item_discount_fee": "10.00"}, "90.00", [("会员", 400), ("商品优惠", 600)], set()),
        ({"adjust_fee": "10.00"}, "90.00", [("改价", 1000)], set()),
        ({"adjust_fee": "-10.00"}, "90.00", [("改价", 1000)], set()),
        ({"adjust_fee": "10.00"}, "110.00", [("改价", -1000)], set()),
        ({"order": [{"discount_fee": "3.00"}], "adjust_fee": "7.00"}, "90.00",
         [("优惠", 300), ("改价", 700)], set()),
        ({"order": [{"promotion_type_name": "满减", "discount_fee": "3.00"}]}, "90.00",
         [("满减", 300)], {P.PROMOTIONS_DIFFER}),
        ({"order": [{"discount_fee": "0.00"}]}, "90.00", [], set()),
    ],
)  # fmt: skip
def test_discounts_are_named_and_add_up(
    promotions: Native, total: str, named: list[tuple[str, int]], codes: set[ProblemCode]
) -> None:
    found = youzan(
        youzan_line(payment=total), payment=total, around={"order_promotion": promotions}
    )
    nasty.assert_taken(found, *codes)
    assert [(p.name, p.fen) for p in order_of(found).promotions] == named


def test_freight_is_paid_beside_the_goods() -> None:
    found = youzan(post_fee="10.00", payment="110.00")
    nasty.assert_taken(found)
    assert (order_of(found).freight_fen, only_item(found).paid_fen) == (1000, 10000)


POINT = {
    "name": "黄龙万科", "province": "浙江省", "city": "杭州市", "county": "西湖区",
    "address_detail": "文三路 1 号", "user_name": "$cipher==$1$", "user_tel": "$tel==$1$",
}  # fmt: skip


def test_a_pick_up_order_goes_to_its_point() -> None:
    found = youzan(express_type=1, self_fetch_info=json.dumps(POINT))
    assert not found.blocked
    order = order_of(found)
    assert (order.state, order.receiver.city) == ("awaiting_shipment", "杭州市")
    assert (order.receiver.address, order.receiver.name_cipher) == (
        "文三路 1 号 黄龙万科",
        "$cipher==$1$",
    )
    assert isinstance(order.extensions, YouzanExtension)
    assert order.extensions.pick_up_point == "黄龙万科"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "5", '{"name":[]}', '"x"'])
def test_a_pick_up_point_which_cannot_be_read_is_no_reason_to_fail(text: str) -> None:
    order = order_of(youzan(express_type=1, self_fetch_info=text))
    assert order.receiver.province == ""


@pytest.mark.parametrize(
    ("name", "phone", "address", "pii"),
    [
        ("$a==$1$", "$b==$1$", "$c==$1$", PiiKind.ENCRYPTED),
        ("测试收货人", "13000000001", "示例路 1 号", PiiKind.PLAIN),
        ("测**", "130****0001", "示例路**", PiiKind.MASKED),
    ],
)
def test_the_form_of_a_receiver_is_told_and_never_mixed(
    name: str, phone: str, address: str, pii: PiiKind
) -> None:
    found = youzan(receiver_name=name, receiver_tel=phone, delivery_address=address)
    nasty.assert_taken(found)
    receiver = order_of(found).receiver
    assert receiver.pii is pii
    assert (receiver.name_cipher or receiver.name) == name
    assert not (receiver.name and receiver.name_cipher)


@pytest.mark.parametrize(
    ("state", "order_state", "sent"),
    [
        (1, "partly_shipped", [2, 0]),
        ("1", "partly_shipped", [2, 0]),
        (0, "awaiting_shipment", [0, 0]),
    ],
)
def test_a_delivery_ships_the_lines_which_it_names(
    state: object, order_state: str, sent: list[int]
) -> None:
    delivery = {
        "express_state": state, "oids": [{"oid": "2820000000000000001"}],
        "dists": [{"express_info": {"express_id": 7, "express_no": "SF1"}},
                  {"express_info": {"express_no": ""}}, {}],
    }  # fmt: skip
    found = youzan(youzan_line(), youzan_line(oid=SECOND), payment="200.00", total_fee="200.00",
                   around={"delivery_order": [delivery]})  # fmt: skip
    nasty.assert_taken(found)
    order = order_of(found)
    assert (order.state, [item.shipped_qty for item in order.items]) == (order_state, sent)
    assert [(p.waybill_no, p.carrier) for p in order.parcels] == [("SF1", "7")]


def test_a_till_order_is_completed_and_has_no_receiver() -> None:
    nobody: Native = dict.fromkeys(
        ("receiver_name", "receiver_tel", "delivery_address", "delivery_province"), ""
    )
    found = youzan(type=61, express_type=9, status="TRADE_SUCCESS", **nobody)
    nasty.assert_taken(found)
    order = order_of(found)
    assert isinstance(order.extensions, YouzanExtension)
    assert (order.state, order.extensions.is_offline) == ("completed", True)
    assert (order.handed_over, hold_of(order)) == (True, "")


@pytest.mark.parametrize(
    ("changed", "handed_over", "hold"),
    [
        ({"type": 61, "express_type": 9, "status": "TRADE_SUCCESS"}, True, ""),
        ({"type": 61, "express_type": None, "status": "TRADE_SUCCESS"}, True, ""),
        ({"is_offline_order": True, "express_type": 9, "status": "TRADE_SUCCESS"}, True, ""),
        # What a till lets send or fetch leaves later, and not over its counter.
        ({"type": 61, "express_type": 0, "status": "TRADE_SUCCESS"}, False, "shipped_elsewhere"),
        ({"type": 61, "express_type": 1, "status": "TRADE_SUCCESS"}, False, "shipped_elsewhere"),
        ({"type": 61, "express_type": 0}, False, ""),
        ({"type": 61, "express_type": 9, "status": "TRADE_PAID"}, False, "payment_passing"),
        ({"express_type": 9, "status": "TRADE_SUCCESS"}, False, "shipped_elsewhere"),
    ],
)  # fmt: skip
def test_what_a_till_has_completed_went_over_its_counter(
    changed: Native, handed_over: bool, hold: str
) -> None:
    order = order_of(youzan(**changed))
    assert (order.handed_over, hold_of(order)) == (handed_over, hold)


def test_the_shop_is_the_branch_and_its_head_office_stands_beside_it() -> None:
    order = order_of(youzan())
    assert isinstance(order.extensions, YouzanExtension)
    assert (order.shop, order.extensions.root_kdt_id) == ("10000001", "10000000")


@pytest.mark.parametrize(
    ("changed", "sku_id", "merchant_sku"),
    [
        ({}, "400800001", "POT-1"),
        ({"sku_id": 0}, "495000001", "POT-1"),
        ({"sku_id": nasty.ABOVE_2_53}, "9007199254740993", "POT-1"),
        ({"outer_sku_id": "", "outer_item_id": "ITEM"}, "400800001", "ITEM"),
    ],
)
def test_a_line_is_known_by_its_sku_or_its_item(
    changed: Native, sku_id: str, merchant_sku: str
) -> None:
    item = only_item(youzan(youzan_line(**changed)))
    assert (item.sku_id, item.merchant_sku) == (sku_id, merchant_sku)


def test_the_same_sku_on_two_lines_stays_two_lines_and_one_may_be_an_object() -> None:
    two = youzan(youzan_line(), youzan_line(oid=SECOND), payment="200.00", total_fee="200.00")
    nasty.assert_taken(two)
    assert len(order_of(two).items) == 2
    nasty.assert_taken(youzan(orders=youzan_line()))
    nasty.assert_refused(youzan(youzan_line(), youzan_line()), P.LINE_ID_REPEATED)


def test_an_entry_and_its_inner_part_mean_what_the_answer_means() -> None:
    trade = youzan_trade()
    whole = youzan()
    assert CHANNEL.normalise(encoded(trade)) == (whole,)
    assert CHANNEL.normalise(encoded(trade["full_order_info"])) == (whole,)


def test_a_list_gives_the_newest_snapshot_of_each_order_once() -> None:
    newer = youzan_trade(update_time="2026-05-20 10:00:00", buyer_message="second")
    rows = [newer, youzan_trade(), youzan_trade(tid="E2"), 5]
    listed = {"code": 200, "data": {"full_order_info_list": rows}}
    found = CHANNEL.normalise(encoded(listed))
    assert [n.order.buyer_memo if n.order else None for n in found] == ["second", "", None]
    assert CHANNEL.normalise(encoded({"code": 200, "data": {"full_order_info_list": []}})) == ()
