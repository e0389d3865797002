"""快团团: fen and milliseconds, pieces that were cancelled, points where members fetch, gifts without numbers."""

import pytest

from services.ingest.channels._pickup import place_of
from services.ingest.channels.groupbuy import CHANNEL
from services.ingest.channels.groupbuy.extension import GroupbuyExtension
from services.ingest.domain.model import (
    Bearer,
    LineRefundState,
    PiiKind,
    ProblemCode,
)
from tests.unit.ingest.channels import nasty
from tests.unit.ingest.channels.builders import (
    Native,
    only_item,
    order_of,
)
from tests.unit.ingest.channels.natives import ktt, ktt_line

P = ProblemCode
R = LineRefundState


@pytest.mark.parametrize(
    ("changed", "state", "hold"),
    [
        ({}, "awaiting_shipment", ""),
        ({"shipping_status": None}, "awaiting_shipment", ""),
        ({"shipping_status": "0"}, "awaiting_shipment", ""),
        ({"shipping_status": 2}, "partly_shipped", ""),
        ({"shipping_status": 1}, "shipped", ""),
        ({"shipping_status": 3}, "completed", ""),
        ({"shipping_status": 4}, "unknown", "unknown_state"),
        ({"shipping_status": "shipped"}, "unknown", "unknown_state"),
        ({"shipping_status": 1.5}, "unknown", "unknown_state"),
        ({"cancel_status": 1}, "cancelled", ""),
        ({"cancel_status": 1, "after_sales_status": 2}, "closed_refunded", ""),
        ({"cancel_status": 1, "theoretical_refund_amount": 10000}, "closed_refunded", ""),
        ({"cancel_status": 1, "shipping_status": 1}, "cancelled", ""),
        ({"cancel_status": 2}, "unknown", "unknown_state"),
        ({"confirm_at": 0}, "unpaid", ""),
        ({"confirm_at": None}, "unpaid", ""),
        ({"logistics_type": 0}, "paid_on_hold", "nothing_to_ship"),
        ({"logistics_type": 30}, "awaiting_shipment", ""),
        ({"logistics_type": 40}, "paid_on_hold", "delivery_unknown"),
        ({"logistics_type": 20}, "paid_on_hold", "pick_up_point_unknown"),
        ({"logistics_type": 20, "self_pick_up_address": "小区南门"}, "paid_on_hold",
         "pick_up_point_unknown"),
        ({"logistics_type": 20, "self_pick_up_address": "福建省厦门市思明区示例路"},
         "awaiting_shipment", ""),
        ({"logistics_type": 20, "verification_status": 1}, "completed", ""),
        ({"logistics_type": 20, "verification_status": 2,
          "self_pick_up_address": "福建省厦门市思明区示例路"}, "awaiting_shipment", ""),
        ({"after_sales_status": 1}, "paid_on_hold", "refund_open"),
        ({"after_sales_status": 3}, "paid_on_hold", "refund_open"),
        ({"after_sales_status": 6}, "paid_on_hold", "refund_open"),
        ({"after_sales_status": 7}, "paid_on_hold", "refund_open"),
        ({"after_sales_status": 5}, "paid_on_hold", "refund_open"),
        ({"after_sales_status": 99}, "paid_on_hold", "refund_open"),
        ({"after_sales_status": 4}, "awaiting_shipment", ""),
        ({"after_sales_status": 8}, "awaiting_shipment", ""),
        ({"after_sales_status": 9}, "awaiting_shipment", ""),
        ({"after_sales_status": 2}, "paid_on_hold", "refunded_line_unknown"),
        ({"after_sales_status": 1, "shipping_status": 1}, "shipped", ""),
    ],
)  # fmt: skip
def test_four_statuses_mean_one_state(changed: Native, state: str, hold: str) -> None:
    found = ktt(**changed)
    assert not found.blocked, found.problems
    order = order_of(found)
    assert (order.state, order.hold) == (state, hold)
    assert order.paid_fen == (0 if state == "unpaid" else 10000)


@pytest.mark.parametrize(
    ("asked", "state"),
    [
        (0, R.NONE),
        (None, R.NONE),
        (1, R.REQUESTED),
        (3, R.REQUESTED),
        (4, R.REFUSED),
        (6, R.RETURNING),
        (7, R.RETURNING),
        (8, R.WITHDRAWN),
        (9, R.WITHDRAWN),
        (5, R.UNKNOWN),
        ("x", R.UNKNOWN),
    ],
)
def test_what_is_asked_for_the_order_counts_for_its_lines(
    asked: object, state: LineRefundState
) -> None:
    assert only_item(ktt(after_sales_status=asked)).refund_state is state


@pytest.mark.parametrize(
    ("changed", "state", "gone"),
    [
        ({"already_cancel_number": 1}, R.PARTLY_REFUNDED, 1),
        ({"already_cancel_number": 2}, R.REFUNDED, 2),
        ({"already_cancel_number": 9}, R.REFUNDED, 2),
        ({"already_cancel_number": -1}, R.NONE, 0),
        ({"already_cancel_number": None}, R.NONE, 0),
        ({"cancel_status": 1}, R.REFUNDED, 2),
        ({"cancel_status": 1, "already_cancel_number": 1}, R.PARTLY_REFUNDED, 1),
        ({"refund_goods_amount": 10000}, R.REFUNDED, 0),
        ({"refund_goods_amount": 100}, R.PARTLY_REFUNDED, 0),
    ],
)
def test_pieces_are_cancelled_one_by_one(
    changed: Native, state: LineRefundState, gone: int
) -> None:
    other = ktt_line(sub_order_sn="250000-1-2")
    found = ktt(ktt_line(**changed), other, order_amount=20000)
    assert not found.blocked
    item = order_of(found).items[0]
    assert (item.refund_state, item.refunded_qty, item.qty) == (state, gone, 2)


def test_an_order_of_which_all_lines_went_back_is_closed() -> None:
    back = ktt_line(refund_goods_amount=10000)
    assert order_of(ktt(back, after_sales_status=2)).state == "closed_refunded"
    assert order_of(ktt(back, after_sales_status=2, shipping_status=1)).state == "closed_refunded"
    other = ktt_line(sub_order_sn="250000-1-2")
    order = order_of(ktt(back, other, after_sales_status=2, order_amount=20000))
    assert order.state == "awaiting_shipment"


@pytest.mark.parametrize(("value", "amount_fen"), nasty.FEN)
def test_an_amount_in_fen_is_exact_in_whatever_form_it_comes(
    value: object, amount_fen: int
) -> None:
    line = ktt_line(goods_number=1, goods_price=value, goods_amount=value, real_goods_amount=value)
    order = order_of(ktt(line, order_amount=value))
    assert (order.payable_fen, order.items[0].paid_fen) == (amount_fen, amount_fen)


@pytest.mark.parametrize(
    ("field", "value"),
    nasty.crossed(
        ("order_amount", "discount_amount", "platform_discount_amount", "shipping_amount"),
        nasty.NO_FEN,
    ),
)
def test_what_is_no_amount_is_quarantined(field: str, value: object) -> None:
    nasty.assert_refused(ktt(**{field: value}), P.BAD_AMOUNT)


@pytest.mark.parametrize(
    ("field", "value"),
    nasty.crossed(("goods_price", "goods_amount", "real_goods_amount"), nasty.NO_FEN),
)
def test_what_is_no_amount_of_a_line_is_quarantined(field: str, value: object) -> None:
    nasty.assert_refused(ktt(ktt_line(**{field: value})), P.BAD_AMOUNT)


@pytest.mark.parametrize(("value", "pieces"), nasty.QUANTITIES)
def test_pieces_are_whole_and_at_least_one(value: object, pieces: int) -> None:
    line = ktt_line(goods_number=value, goods_price=0, goods_amount=0, real_goods_amount=0)
    assert only_item(ktt(line, order_amount=0)).qty == pieces


@pytest.mark.parametrize("value", nasty.NO_QUANTITIES)
def test_what_is_no_quantity_is_quarantined(value: object) -> None:
    nasty.assert_refused(ktt(ktt_line(goods_number=value)), P.BAD_QUANTITY)
    nasty.assert_refused(ktt(gift_order_list=[{"goods_number": value}]), P.BAD_QUANTITY)


@pytest.mark.parametrize(
    ("field", "value"),
    nasty.crossed(("order_amount", "order_sn", "updated_at", "receiver_name"), nasty.ODD_SHAPES),
)
def test_a_field_of_another_shape_is_quarantined(field: str, value: object) -> None:
    nasty.assert_refused(ktt(**{field: value}), P.BAD_SHAPE)


@pytest.mark.parametrize(("body", "code"), nasty.GARBAGE)
def test_garbage_has_a_reason(body: bytes, code: ProblemCode) -> None:
    (found,) = CHANNEL.normalise(body)
    nasty.assert_refused(found, code)


@pytest.mark.parametrize(("number", "code"), nasty.BAD_NUMBERS)
def test_an_order_without_a_usable_number_is_quarantined(number: object, code: ProblemCode) -> None:
    nasty.assert_refused(ktt(order_sn=number), code)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"updated_at": 0}, P.MODIFIED_MISSING),
        ({"updated_at": 1779240701}, P.BAD_TIME),  # seconds are no milliseconds
        ({"updated_at": "2026-05-20 09:31:41"}, P.BAD_TIME),
        ({"updated_at": -1}, P.BAD_TIME),
        ({"updated_at": 9 * 10**15}, P.BAD_TIME),
        ({"order_amount": None}, P.AMOUNT_MISSING),
        ({"order_amount": -1}, P.NEGATIVE_AMOUNT),
        ({"sub_order_list": []}, P.LINES_MISSING),
        ({"sub_order_list": None}, P.LINES_MISSING),
        ({"sub_order_list": 5}, P.BAD_SHAPE),
        ({"receiver_address_province": ""}, P.RECEIVER_MISSING),
        ({"receiver_name": "", "receiver_mobile": "", "receiver_address_detail": ""},
         P.RECEIVER_MISSING),
    ],
)  # fmt: skip
def test_what_cannot_be_shipped_or_paid_right_is_quarantined(
    changed: Native, code: ProblemCode
) -> None:
    nasty.assert_refused(ktt(**changed), code)


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({"order_amount": 9900}, {P.LINES_DIFFER_FROM_TOTAL}),
        ({"discount_amount": 500}, {P.PROMOTIONS_DIFFER}),
        ({"confirm_at": "soon"}, {P.BAD_TIME}),
        ({"confirm_at": 0, "shipping_status": 1}, set()),
        ({"shipping_status": 9}, {P.STATE_UNKNOWN}),
        ({"platform_discount_amount": 300}, {P.PROMOTIONS_DIFFER}),
    ],
)
def test_a_contradiction_is_named_and_the_order_goes_on(
    changed: Native, codes: set[ProblemCode]
) -> None:
    nasty.assert_taken(ktt(**changed), *codes)


def test_goods_which_differ_from_their_price_are_named() -> None:
    nasty.assert_taken(ktt(ktt_line(goods_amount=9000)), P.GOODS_DIFFER_FROM_TOTAL)


@pytest.mark.parametrize(
    ("platform_fen", "total", "nets", "bearers"),
    [
        (0, 19000, [9000, 10000], [Bearer.SELLER]),
        (300, 18700, [8858, 9842], [Bearer.SELLER, Bearer.PLATFORM]),
        (1, 18999, [9000, 9999], [Bearer.SELLER, Bearer.PLATFORM]),
    ],
)
def test_discounts_have_who_bears_them_and_their_share_of_every_line(
    platform_fen: int, total: int, nets: list[int], bearers: list[Bearer]
) -> None:
    off = ktt_line(real_goods_amount=9000, merchant_discount_amount=1000)
    other = ktt_line(sub_order_sn="250000-1-2")
    found = ktt(off, other, discount_amount=1000, platform_discount_amount=platform_fen,
                order_amount=total)  # fmt: skip
    nasty.assert_taken(found)
    order = order_of(found)
    assert [item.paid_fen for item in order.items] == nets
    assert [promotion.borne_by for promotion in order.promotions] == bearers


def test_freight_and_the_riders_fee_are_paid_beside_the_goods() -> None:
    found = ktt(shipping_amount=600, service_amount=400, order_amount=11000)
    nasty.assert_taken(found)
    assert (order_of(found).freight_fen, only_item(found).paid_fen) == (1000, 10000)


@pytest.mark.parametrize(
    ("host", "changed", "line_id", "state", "sent"),
    [
        ("250000-1-1", {}, "250000-1-1-gift-1", R.NONE, 0),
        ("250000-1-1", {"cancel_status": 1}, "250000-1-1-gift-1", R.REFUNDED, 0),
        ("250000-1-1", {"shipping_status": 1}, "250000-1-1-gift-1", R.NONE, 3),
        ("250000-1-9", {}, "250000-1-9-gift-1", R.NONE, 0),
        (None, {}, "order-gift-1", R.NONE, 0),
    ],
)
def test_a_gift_is_a_line_which_goes_the_way_of_its_host(
    host: object, changed: Native, line_id: str, state: LineRefundState, sent: int
) -> None:
    gift = {"host_sub_order_sn": host, "goods_number": 3, "goods_name": "赠品", "sku_id": 9,
            "external_sku_id": "GIFT"}  # fmt: skip
    found = ktt(ktt_line(**changed), gift_order_list=[gift])
    assert not found.blocked
    item = order_of(found).items[1]
    assert (item.line_id, item.is_gift, item.qty, item.paid_fen) == (line_id, True, 3, 0)
    assert (item.refund_state, item.shipped_qty, item.merchant_sku) == (state, sent, "GIFT")


def test_two_gifts_of_one_host_stay_two_lines() -> None:
    gift = {"host_sub_order_sn": "250000-1-1", "goods_number": 1, "sku_id": 9}
    found = ktt(gift_order_list=[gift, gift])
    nasty.assert_taken(found)
    assert len(order_of(found).items) == 3


def test_a_pick_up_order_goes_to_its_point_and_keeps_who_fetches_it() -> None:
    found = ktt(
        logistics_type=20, self_pick_site_no="Z01", self_pick_up_site_name="南门",
        self_pick_up_address="福建省厦门市思明区示例路 2 号", receiver_address_province="",
        receiver_address_city="", receiver_address_district="", receiver_address_detail="",
    )  # fmt: skip
    nasty.assert_taken(found)
    order = order_of(found)
    receiver = order.receiver
    assert (receiver.province, receiver.city, receiver.district) == ("福建省", "厦门市", "思明区")
    assert (receiver.name, receiver.address) == ("测试收货人", "示例路 2 号 南门")
    assert isinstance(order.extensions, GroupbuyExtension)
    assert (order.extensions.delivery, order.extensions.site_no) == ("self_pick_up", "Z01")


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("福建省厦门市思明区示例路 2 号", ("福建省", "厦门市", "思明区", "示例路 2 号")),
        ("上海市浦东新区世纪大道", ("上海市", "", "浦东新区", "世纪大道")),
        ("北京市北京市朝阳区三里屯", ("北京市", "北京市", "朝阳区", "三里屯")),
        ("广西壮族自治区南宁市青秀区民族大道",
         ("广西壮族自治区", "南宁市", "青秀区", "民族大道")),
        ("新疆维吾尔自治区伊犁哈萨克自治州伊宁市解放路",
         ("新疆维吾尔自治区", "伊犁哈萨克自治州", "伊宁市", "解放路")),
        ("浙江 杭州市 余杭区 文三路", ("浙江", "杭州市", "余杭区", "文三路")),
        ("广东省东莞市松山湖大道", ("广东省", "东莞市", "", "松山湖大道")),
        ("小区南门", ("", "", "", "小区南门")),
        ("", ("", "", "", "")),
        ("  福建省  ", ("福建省", "", "", "")),
    ],
)  # fmt: skip
def test_a_line_of_address_is_split_when_it_begins_with_a_province(
    line: str, place: tuple[str, str, str, str]
) -> None:
    assert place_of(line) == place


@pytest.mark.parametrize(
    ("name", "pii"),
    [("测试收货人", PiiKind.PLAIN), ("测**", PiiKind.MASKED), ("~AES~1~", PiiKind.ENCRYPTED)],
)
def test_the_form_of_a_receiver_is_told(name: str, pii: PiiKind) -> None:
    assert order_of(ktt(receiver_name=name)).receiver.pii is pii


def test_parcels_name_their_lines_or_hold_the_whole_order() -> None:
    other = ktt_line(sub_order_sn="250000-1-2")
    sent = [
        {"shipping_no": "SF1", "shipping_company": "顺丰", "sub_order_sn_list": ["250000-1-1"]},
        {"shipping_no": " ", "sub_order_sn_list": ["250000-1-2"]},
    ]
    order = order_of(ktt(ktt_line(), other, logistics_list=sent, shipping_status=2,
                         order_amount=20000))  # fmt: skip
    assert [(p.waybill_no, p.line_ids) for p in order.parcels] == [("SF1", ("250000-1-1",))]
    assert [item.shipped_qty for item in order.items] == [2, 0]
    whole = order_of(ktt(logistics_list=[{"shipping_no": "SF1"}], shipping_status=1))
    assert (whole.parcels[0].line_ids, whole.items[0].shipped_qty) == ((), 2)


def test_pieces_that_were_cancelled_are_not_shipped() -> None:
    item = only_item(ktt(ktt_line(already_cancel_number=1), shipping_status=1))
    assert (item.shipped_qty, item.refunded_qty) == (1, 1)


def test_what_only_a_group_buy_has_stands_in_the_extension() -> None:
    line = ktt_line(help_sell_amount=300, goods_commission_amount=200, goods_cost_price=8000)
    order = order_of(ktt(line, is_supplier=True, supply_activity_no="S1", help_sell_nickname="甲",
                         custom_item_list=[{"name": "楼栋", "value": "3栋"}]))  # fmt: skip
    extension = order.extensions
    assert isinstance(extension, GroupbuyExtension)
    assert (extension.is_supplier, extension.supply_activity_no) == (True, "S1")
    assert (extension.help_sell_fen, extension.commission_fen, extension.cost_fen) == (
        300,
        200,
        8000,
    )
    assert extension.answers == (("楼栋", "3栋"),)


def test_numbers_above_2_to_the_53rd_stay_exact_and_one_line_may_be_an_object() -> None:
    found = ktt(sub_order_list=ktt_line(sku_id=nasty.ABOVE_2_53))
    nasty.assert_taken(found)
    assert only_item(found).sku_id == "9007199254740993"


def test_the_same_sku_on_two_lines_stays_two_lines() -> None:
    nasty.assert_taken(ktt(ktt_line(), ktt_line(sub_order_sn="250000-1-2"), order_amount=20000))
    nasty.assert_refused(ktt(ktt_line(), ktt_line(), order_amount=20000), P.LINE_ID_REPEATED)
