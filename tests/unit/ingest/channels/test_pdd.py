from typing import Any

import pytest

from services.ingest.channels.pdd import CHANNEL
from services.ingest.channels.pdd.extension import PddExtension
from services.ingest.domain.model import Normalised, OrderSnapshotState, ProblemCode
from tests.unit.ingest.channels import nasty_fields as nasty
from tests.unit.ingest.channels.builders import Native, codes, encoded, only_item, order_of
from tests.unit.ingest.channels.marketplace_natives import pdd_item, pdd_order

P = ProblemCode


def pdd(*items: Native, **changed: Any) -> Normalised:
    wrapped = {"order_info_get_response": {"order_info": pdd_order(*items, **changed)}}
    (found,) = CHANNEL.normalise(encoded(wrapped))
    return found


@pytest.mark.parametrize(
    ("changed", "state", "paid_fen", "hold"),
    [
        ({}, "awaiting_shipment", 4980, ""),
        ({"order_status": 2}, "shipped", 4980, ""),
        ({"order_status": 3}, "completed", 4980, ""),
        ({"order_status": "1"}, "awaiting_shipment", 4980, ""),
        ({"order_status": 4}, "unknown", 4980, "unknown_state"),
        ({"order_status": None}, "unknown", 4980, "unknown_state"),
        ({"confirm_status": 0}, "paid_on_hold", 4980, "not_confirmed"),
        ({"confirm_status": 0, "pay_time": ""}, "unpaid", 0, ""),
        ({"confirm_status": 2}, "cancelled", 4980, ""),
        ({"confirm_status": 2, "pay_time": ""}, "cancelled", 0, ""),
        ({"confirm_status": 3}, "unknown", 4980, "unknown_state"),
        ({"confirm_status": None}, "unknown", 4980, "unknown_state"),
        ({"group_status": 0}, "paid_on_hold", 4980, "group_not_complete"),
        ({"group_status": 0, "confirm_status": 0}, "paid_on_hold", 4980, "group_not_complete"),
        ({"group_status": 0, "confirm_status": 0, "pay_time": ""}, "unpaid", 0, ""),
        ({"group_status": 2}, "paid_on_hold", 4980, "group_failed"),
        ({"group_status": 9}, "unknown", 4980, "unknown_state"),
        ({"group_status": None}, "unknown", 4980, "unknown_state"),
        ({"refund_status": 2}, "paid_on_hold", 4980, "refund_open"),
        ({"refund_status": 3}, "paid_on_hold", 4980, "refund_open"),
        ({"refund_status": 4}, "closed_refunded", 4980, ""),
        ({"refund_status": 4, "order_status": 2}, "closed_refunded", 4980, ""),
        ({"refund_status": 4, "confirm_status": 2}, "closed_refunded", 4980, ""),
        ({"refund_status": 5}, "unknown", 4980, "unknown_state"),
        ({"refund_status": None}, "unknown", 4980, "unknown_state"),
        ({"refund_status": 2, "order_status": 2}, "paid_on_hold", 4980, "refund_open"),
        ({"refund_status": 3, "order_status": 3}, "paid_on_hold", 4980, "refund_open"),
        ({"risk_control_status": 1}, "paid_on_hold", 4980, "risk_review"),
        ({"risk_control_status": 1, "order_status": 2}, "paid_on_hold", 4980, "risk_review"),
        ({"risk_control_status": 2}, "unknown", 4980, "unknown_state"),
        ({"risk_control_status": None}, "awaiting_shipment", 4980, ""),
        ({"is_lucky_flag": 2}, "paid_on_hold", 4980, "lottery"),
        ({"is_lucky_flag": 2, "order_status": 2}, "shipped", 4980, ""),
        (
            {"order_tag_list": [{"name": "ship_hold", "value": 1}]},
            "paid_on_hold",
            4980,
            "shipping_paused_by_channel",
        ),
        ({"order_tag_list": [{"name": "ship_hold", "value": 0}]}, "awaiting_shipment", 4980, ""),
        ({"order_tag_list": {"name": "free_sf", "value": 1}}, "awaiting_shipment", 4980, ""),
        ({"after_sales_status": 2}, "paid_on_hold", 4980, "refund_open"),
        ({"after_sales_status": 7}, "paid_on_hold", 4980, "refund_open"),
        ({"after_sales_status": 11}, "awaiting_shipment", 4980, ""),
        ({"after_sales_status": 99}, "paid_on_hold", 4980, "refund_open"),
    ],
)
def test_five_fields_make_a_state(changed: Native, state: str, paid_fen: int, hold: str) -> None:
    order = order_of(pdd(**changed))
    assert (order.state, order.paid_fen, order.hold) == (state, paid_fen, hold)


@pytest.mark.parametrize(
    ("step", "state", "paid_fen"),
    [
        ({"step_trade_status": 0}, "unpaid", 0),
        ({"step_trade_status": 1, "step_paid_fee": 20}, "deposit_paid", 2000),
        ({"step_trade_status": 1, "advanced_paid_fee": 20.5}, "deposit_paid", 2050),
        ({"step_trade_status": 2, "step_paid_fee": 49.8}, "awaiting_shipment", 4980),
        ({"step_trade_status": 7}, "unknown", 4980),
        (None, "awaiting_shipment", 4980),
    ],
)
def test_a_deposit_order_is_as_far_as_its_payments(
    step: Native | None, state: str, paid_fen: int
) -> None:
    order = order_of(pdd(trade_type=1, step_order_info=step))
    assert (order.state, order.paid_fen) == (state, paid_fen)
    assert sum(line.paid_fen for line in order.items) == paid_fen


def test_what_is_payable_is_more_than_the_deposit_that_was_asked_for() -> None:
    step = {"step_trade_status": 1, "step_paid_fee": 20}
    found = pdd(trade_type=1, step_order_info=step, pay_amount=20)
    order = order_of(found)
    assert (order.payable_fen, order.paid_fen, only_item(found).paid_fen) == (4980, 2000, 2000)
    assert codes(found) == set()


@pytest.mark.parametrize(
    ("status", "refund_status", "expected"),
    [
        (0, 1, "none"), (2, 2, "requested"), (3, 2, "requested"), (4, 3, "returning"),
        (5, 3, "returning"), (6, 2, "requested"), (7, 2, "returning"), (8, 2, "requested"),
        (9, 1, "refused"), (10, 4, "refunded"), (11, 1, "withdrawn"), (12, 1, "withdrawn"),
        (13, 1, "withdrawn"), (14, 2, "exchanging"), (16, 1, "exchanged"), (17, 1, "withdrawn"),
        (18, 2, "exchanging"), (21, 2, "exchanging"), (25, 1, "exchanged"), (31, 2, "returning"),
        (32, 2, "exchanging"), (0, 2, "requested"), (0, 3, "returning"), (0, 4, "refunded"),
        (77, 1, "unknown"), (77, 2, "unknown"), (None, 1, "none"), ("10", 4, "refunded"),
    ],
)  # fmt: skip
def test_after_sales_stand_on_the_line(
    status: int | str | None, refund_status: int, expected: str
) -> None:
    found = pdd(after_sales_status=status, refund_status=refund_status, order_status=2)
    assert only_item(found).refund_state == expected


@pytest.mark.parametrize(
    ("amount", "amount_fen"),
    [
        (4.35, 435), (0.29, 29), (1.15, 115), (19.99, 1999), (1234567.89, 123456789), (8, 800),
        (49.800000000000004, 4980), (0.30000000000000004, 30), ("4.35", 435), ("4", 400),
        (4.0, 400), (0.01, 1), (0, 0),
    ],
)  # fmt: skip
def test_a_json_number_in_yuan_is_exact_fen(amount: Any, amount_fen: int) -> None:
    found = pdd(
        pdd_item(goods_price=amount, goods_count=1),
        pay_amount=amount,
        goods_amount=amount,
        discount_amount=0,
        platform_discount=0,
        seller_discount=0,
    )
    order = order_of(found)
    assert (order.payable_fen, order.items[0].unit_price_fen) == (amount_fen, amount_fen)
    assert codes(found) == set()


def test_discounts_become_exact_shares_and_name_who_bears_them() -> None:
    found = pdd(
        pdd_item(sku_id=1, goods_price=10, goods_count=1),
        pdd_item(sku_id=2, goods_price=10, goods_count=1),
        pdd_item(sku_id=3, goods_price=10, goods_count=1),
        goods_amount=29,
        order_change_amount=1,
        pay_amount=24.5,
        postage=5.5,
        discount_amount=10,
        capital_free_discount=0,
    )
    order = order_of(found)
    assert codes(found) == set()
    assert [(p.name, p.fen, p.borne_by) for p in order.promotions] == [
        ("订单改价", 100, "seller"),
        ("店铺优惠", 400, "seller"),
        ("平台优惠", 600, "platform"),
    ]
    assert [line.discount_fen for line in order.items] == [367, 367, 366]
    assert sum(line.paid_fen for line in order.items) == 2450 - 550


def test_a_paid_service_is_freight_where_only_that_makes_the_sums_meet() -> None:
    fee = [{"service_name": "sf_express_fee", "service_fee": 12}]
    found = pdd(pay_amount=66.8, postage=5, service_fee_detail=fee)
    order = order_of(found)
    assert (order.freight_fen, codes(found)) == (1700, set())
    assert isinstance(order.extensions, PddExtension)
    assert order.extensions.service_fee_fen == 1200


def test_the_payers_reduction_counts_where_it_explains_what_was_paid() -> None:
    found = pdd(pay_amount=48.8, duo_duo_pay_reduction=1)
    assert codes(found) == set()
    assert order_of(found).promotions[-1].name == "多多支付立减"
    beside = pdd(duo_duo_pay_reduction=1)
    assert codes(beside) == set()
    assert len(order_of(beside).promotions) == 2


def test_a_discount_nobody_names_is_borne_by_unknown() -> None:
    found = pdd(platform_discount=0)
    assert codes(found) == set()
    assert [(p.name, p.fen, p.borne_by) for p in order_of(found).promotions] == [
        ("店铺优惠", 400, "seller"),
        ("其他优惠", 600, "unknown"),
    ]


def test_an_absent_total_discount_is_the_sum_of_its_parts() -> None:
    assert codes(pdd(discount_amount=None)) == set()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"discount_amount": 0}, {P.LINES_DIFFER_FROM_TOTAL}),
        ({"pay_amount": 50}, {P.LINES_DIFFER_FROM_TOTAL, P.PROMOTIONS_DIFFER}),
        ({"seller_discount": 5}, {P.PROMOTIONS_DIFFER}),
        ({"goods_amount": 60}, {P.GOODS_DIFFER_FROM_TOTAL}),
        ({"postage": 60}, {P.FREIGHT_ABOVE_TOTAL, P.LINES_DIFFER_FROM_TOTAL, P.PROMOTIONS_DIFFER}),
        ({"pay_time": ""}, {P.STATE_CONTRADICTS_PAYMENT}),
        ({"receiver_phone": ""}, {P.RECEIVER_MIXED}),
    ],
)
def test_a_contradiction_is_named_and_the_order_taken_in(
    changed: Native, expected: set[ProblemCode]
) -> None:
    found = pdd(**changed)
    assert codes(found) == expected
    assert not found.blocked


def test_listed_gifts_are_lines_of_their_own_which_cost_nothing() -> None:
    gift = pdd_item(goods_price=9.9, goods_count=1, outer_id="GIFT")
    found = pdd(gift_list=[gift])
    bought, given = order_of(found).items
    assert (given.is_gift, given.qty, given.unit_price_fen, given.paid_fen) == (True, 1, 0, 0)
    assert (given.line_id, bought.line_id) == ("1200000000001-g1", "1200000000001-1")
    assert bought.paid_fen == 4980
    assert codes(found) == set()


def test_the_same_sku_on_two_lines_stays_two_lines() -> None:
    found = pdd(pdd_item(goods_count=1), pdd_item(goods_count=1))
    assert [line.line_id for line in order_of(found).items] == [
        "1200000000001-1",
        "1200000000001-2",
    ]


def test_one_item_as_an_object_is_one_line() -> None:
    assert only_item(pdd(item_list=pdd_item())).qty == 2


def test_big_numbers_are_text_to_the_last_digit() -> None:
    found = pdd(pdd_item(sku_id=9007199254740993))
    assert only_item(found).sku_id == "9007199254740993"


def test_a_receiver_that_was_taken_away_again_is_absent_and_no_cipher() -> None:
    gone = dict.fromkeys(("receiver_name", "receiver_phone", "receiver_address"), "")
    shipped = order_of(pdd(order_status=2, **gone)).receiver
    waiting = pdd(**gone)
    assert (codes(waiting), waiting.blocked) == ({P.RECEIVER_MISSING}, False)
    assert (shipped.pii, shipped.name, shipped.name_cipher) == ("masked", "测**", "")
    masks = {f"{field}_mask": "" for field in gone}
    assert order_of(pdd(order_status=2, **gone, **masks)).receiver.pii == "absent"
    assert codes(pdd(**gone, **masks)) == {P.RECEIVER_MISSING}


def test_the_town_is_the_district() -> None:
    place = order_of(pdd()).receiver
    assert (place.province, place.city, place.district) == ("四川省", "成都市", "武侯区")


def test_all_parcels_are_named_once() -> None:
    found = pdd(
        order_status=2,
        shipping_time="2026-05-21 10:00:00",
        tracking_number="YT1",
        logistics_id=85,
        extra_delivery_list=[{"tracking_number": "YT2", "logistics_id": 85}],
        gift_delivery_list=[{"tracking_number": "YT1", "logistics_id": 85}],
        resend_delivery_list={"tracking_number": "SF3", "logistics_id": 44},
    )
    order = order_of(found)
    assert [(p.waybill_no, p.carrier) for p in order.parcels] == [
        ("YT1", "85"),
        ("YT2", "85"),
        ("SF3", "44"),
    ]
    assert order.parcels[0].shipped_at == order.times.shipped
    assert only_item(found).shipped_qty == 2


NASTY: list[nasty.Case] = [
    *nasty.cases(("item_list", 0, "outer_id"), [12345, None, "", "货号"], "", blocked=False),
    *nasty.cases(("tracking_number",), [7300000000001, None, "0"], "", blocked=False),
    *nasty.money(("pay_amount",), in_yuan=True),
    *nasty.money(("goods_amount",), in_yuan=True),
    *nasty.money(("postage",), in_yuan=True),
    *nasty.money(("discount_amount",), in_yuan=True),
    *nasty.money(("item_list", 0, "goods_price"), in_yuan=True),
    *nasty.pieces(("item_list", 0, "goods_count")),
    *nasty.number(("order_sn",)),
    *nasty.modified(("updated_at",), as_text=True),
    *nasty.moment(("created_time",), as_text=True),
    *nasty.moment(("last_ship_time",), as_text=True),
    *nasty.cases(("shipping_time",), nasty.NOT_HAPPENED_TEXT, "", blocked=False),
    *nasty.cases(("pay_amount",), [None, ""], P.AMOUNT_MISSING, blocked=True),
    *nasty.cases(("item_list", 0, "goods_price"), [None], P.AMOUNT_MISSING, blocked=True),
    *nasty.cases(("pay_amount",), [-1, "-0.01"], P.NEGATIVE_AMOUNT, blocked=True),
    *nasty.cases(("postage",), [-1], P.NEGATIVE_AMOUNT, blocked=True),
    *nasty.cases(("item_list", 0, "goods_price"), [-29.9], P.NEGATIVE_AMOUNT, blocked=True),
    *nasty.cases(("item_list",), [[], None], P.LINES_MISSING, blocked=True),
    *nasty.cases(("item_list",), ["none", 1, [1], [[]]], P.BAD_SHAPE, blocked=True),
    *nasty.cases(("province",), ["", None], P.RECEIVER_MISSING, blocked=True),
    *nasty.cases(("province",), [1, {}], P.BAD_SHAPE, blocked=True),
    *nasty.cases(("remark",), ["\x00半个\ufffd", "🎁" * 500, None], "", blocked=False),
    *nasty.cases(("gift_list",), [None, []], "", blocked=False),
    *nasty.cases(("gift_list",), [[{"goods_count": 0}]], P.BAD_QUANTITY, blocked=True),
    *nasty.cases(("gift_list",), [[{"goods_count": 1}]], P.LINE_ID_MISSING, blocked=True),
    *nasty.cases(("order_status",), ["WAIT", 99, -1], P.STATE_UNKNOWN, blocked=False),
    *nasty.cases(("order_status",), [1.5, {}, [], True], P.BAD_SHAPE, blocked=True),
]


@pytest.mark.parametrize(("path", "value", "code", "blocked"), NASTY)
def test_a_nasty_value_falls_into_its_class(
    path: nasty.Path, value: Any, code: ProblemCode | str, blocked: bool
) -> None:
    (found,) = CHANNEL.normalise(encoded(nasty.changed(pdd_order(), path, value)))
    assert (code in codes(found)) if code else (codes(found) == set())
    assert found.blocked is blocked


def test_there_are_enough_nasty_values() -> None:
    assert len(NASTY) >= 150


def test_a_held_order_never_counts_as_ready() -> None:
    for changed in ({"risk_control_status": 1}, {"group_status": 0}, {"is_lucky_flag": 2}):
        assert order_of(pdd(**changed)).state is OrderSnapshotState.PAID_ON_HOLD
