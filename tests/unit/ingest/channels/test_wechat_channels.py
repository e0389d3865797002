from typing import Any

import pytest

from services.ingest.channels.wechat_channels import CHANNEL
from services.ingest.channels.wechat_channels.extension import WechatExtension
from services.ingest.domain.model import Normalised, ProblemCode
from tests.unit.ingest.channels import nasty_fields as nasty
from tests.unit.ingest.channels.builders import Native, codes, encoded, only_item, order_of
from tests.unit.ingest.channels.marketplace_natives import wechat_order, wechat_product

P = ProblemCode
DETAIL = "order_detail"
PRICE = (DETAIL, "price_info")
PRODUCT = (DETAIL, "product_infos", 0)
ADDRESS = (DETAIL, "delivery_info", "address_info")


def wechat(*products: Native, detail: Native | None = None, **changed: Any) -> Normalised:
    native = wechat_order(*products, detail=detail, **changed)
    (found,) = CHANNEL.normalise(encoded({"errcode": 0, "errmsg": "ok", "order": native}))
    return found


def price(**changed: Any) -> Native:
    return {"price_info": wechat_order()[DETAIL]["price_info"] | changed}


def delivery(**changed: Any) -> Native:
    return {"delivery_info": wechat_order()[DETAIL]["delivery_info"] | changed}


UNPAID = {"pay_info": {"pay_time": 0}}


@pytest.mark.parametrize(
    ("status", "detail", "state", "paid_fen", "hold"),
    [
        (10, UNPAID, "unpaid", 0, ""),
        (12, {}, "paid_on_hold", 49300, "gift_not_accepted"),
        (13, {}, "paid_on_hold", 49300, "group_not_complete"),
        (15, {}, "paid_on_hold", 49300, "waiting_on_channel"),
        (16, {}, "paid_on_hold", 49300, "waiting_on_channel"),
        (17, {}, "paid_on_hold", 49300, "waiting_on_channel"),
        (20, {}, "awaiting_shipment", 49300, ""),
        ("20", {}, "awaiting_shipment", 49300, ""),
        (21, {}, "partly_shipped", 49300, ""),
        (30, {}, "shipped", 49300, ""),
        (100, {}, "completed", 49300, ""),
        (190, {}, "cancelled", 49300, ""),
        (190, UNPAID, "cancelled", 0, ""),
        (200, {}, "closed_refunded", 49300, ""),
        (250, UNPAID, "cancelled", 0, ""),
        (14, {}, "unknown", 49300, "unknown_state"),
        (0, {}, "unknown", 49300, "unknown_state"),
        (None, {}, "unknown", 49300, "unknown_state"),
    ],
)
def test_a_status_means_a_state(
    status: Any, detail: Native, state: str, paid_fen: int, hold: str
) -> None:
    found = wechat(status=status, detail=detail)
    order = order_of(found)
    assert (order.state, order.paid_fen, order.hold) == (state, paid_fen, hold)
    assert not found.blocked


@pytest.mark.parametrize(
    ("method", "status", "paid_fen", "paid_at"),
    [
        (1, 20, 49300, True),
        (2, 20, 0, False),
        (2, 30, 0, False),
        (2, 100, 49300, False),
        (3, 20, 0, True),
        (4, 20, 0, True),
        ("2", 20, 0, False),
        (None, 20, 49300, True),
    ],
)
def test_only_cash_counts_as_paid(method: Any, status: int, paid_fen: int, paid_at: bool) -> None:
    pay = {"pay_time": 1779240700, "payment_method": method}
    found = wechat(status=status, detail={"pay_info": pay})
    order = order_of(found)
    assert (order.paid_fen, order.times.paid is not None) == (paid_fen, paid_at)
    assert codes(found) == set()


def test_a_present_of_the_shop_is_paid_by_nobody_and_ships() -> None:
    found = wechat(order_present_info={"is_b2c_free_present": True})
    assert (order_of(found).paid_fen, order_of(found).state) == (0, "awaiting_shipment")


@pytest.mark.parametrize(
    ("asked", "done", "expected", "state"),
    [
        (0, 0, "none", "awaiting_shipment"),
        (1, 0, "requested", "paid_on_hold"),
        (2, 0, "requested", "paid_on_hold"),
        (1, 1, "requested", "paid_on_hold"),
        (0, 1, "partly_refunded", "awaiting_shipment"),
        (0, 2, "refunded", "paid_on_hold"),
        ("1", None, "requested", "paid_on_hold"),
    ],
)
def test_pieces_in_after_sales_hold_their_line(
    asked: Any, done: Any, expected: str, state: str
) -> None:
    product = wechat_product(on_aftersale_sku_cnt=asked, finish_aftersale_sku_cnt=done)
    found = wechat(product)
    assert (only_item(found).refund_state, order_of(found).state) == (expected, state)


def test_a_refunded_line_leaves_the_others_to_ship() -> None:
    found = wechat(
        wechat_product(sku_id="1", sku_cnt=1, real_price=25900, finish_aftersale_sku_cnt=1),
        wechat_product(sku_id="2", sku_cnt=1, real_price=22900),
    )
    order = order_of(found)
    assert order.state == "awaiting_shipment"
    assert [line.refund_state for line in order.items] == ["refunded", "none"]


def test_refunded_pieces_have_left_their_line() -> None:
    line = only_item(wechat(wechat_product(sku_cnt=3, finish_aftersale_sku_cnt=1)))
    assert (line.qty, line.refunded_qty) == (3, 1)
    shipped = wechat(wechat_product(finish_aftersale_sku_cnt=1), status=30)
    assert order_of(shipped).hold == ""


def parcel(*packed: Native, **changed: Any) -> Native:
    return {"waybill_id": "SF1", "delivery_id": "SF", "product_infos": list(packed), **changed}


def test_parcels_tell_how_many_pieces_of_a_line_have_gone() -> None:
    two = (
        wechat_product(sku_id="1", sku_cnt=3, real_price=24400),
        wechat_product(sku_id="1", sku_cnt=1, real_price=24400),
    )
    packed = {"product_id": 10000000000001, "sku_id": 1, "product_cnt": 2}
    sent = delivery(delivery_product_info=[parcel(packed), parcel(packed, waybill_id="SF2")])
    order = order_of(wechat(*two, status=21, detail=sent))
    assert [line.shipped_qty for line in order.items] == [3, 1]
    assert [p.waybill_no for p in order.parcels] == ["SF1", "SF2"]
    one = delivery(delivery_product_info=parcel(packed))
    part = order_of(wechat(*two, status=21, detail=one))
    assert [line.shipped_qty for line in part.items] == [2, 0]
    assert [line.line_id for line in part.items] == ["10000000000001-1-1", "10000000000001-1-2"]


def test_a_shipped_order_has_shipped_all_of_it() -> None:
    assert only_item(wechat(status=30)).shipped_qty == 2


@pytest.mark.parametrize(
    ("detail", "hold"),
    [
        (delivery(address_under_review={"user_name": "测*"}), "address_under_review"),
        (delivery(address_under_review={}), ""),
        (delivery(address_under_review=None), ""),
    ],
)
def test_an_address_the_buyer_wants_changed_holds_the_order(detail: Native, hold: str) -> None:
    order = order_of(wechat(detail=detail))
    assert order.hold == hold
    assert (order.state == "paid_on_hold") is bool(hold)
    assert order_of(wechat(status=30, detail=detail)).state == "shipped"


@pytest.mark.parametrize(("state", "hold"), [(3, "sku_change_asked"), (4, ""), (None, "")])
def test_another_sku_the_buyer_wants_holds_the_order(state: Any, hold: str) -> None:
    product = wechat_product(change_sku_info={"change_sku_state": state})
    assert order_of(wechat(product)).hold == hold


def test_points_lower_their_line_where_the_totals_do_not_contain_them() -> None:
    two = (
        wechat_product(sku_id="1", sku_cnt=1, real_price=24400, deduction_price=100),
        wechat_product(sku_id="2", sku_cnt=1, real_price=24400, deduction_price=200),
    )
    found = wechat(*two, detail=price(order_price=49000, deduction_price=300))
    assert codes(found) == set()
    assert [line.paid_fen for line in order_of(found).items] == [24300, 24200]
    names = [(p.name, p.fen) for p in order_of(found).promotions]
    assert names == [("商家优惠", 3000), ("积分抵扣", 300)]


def test_points_of_the_order_alone_are_shared() -> None:
    two = (
        wechat_product(sku_id="1", sku_cnt=1, real_price=24400),
        wechat_product(sku_id="2", sku_cnt=1, real_price=24400),
    )
    found = wechat(*two, detail=price(order_price=48999, deduction_price=301))
    assert codes(found) == set()
    assert [line.paid_fen for line in order_of(found).items] == [24249, 24250]


def test_a_changed_freight_counts() -> None:
    changed = price(change_freight=0, is_change_freight=True, order_price=48800)
    found = wechat(detail=changed)
    assert (order_of(found).freight_fen, codes(found)) == (0, set())


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        (price(order_price=50000), {P.LINES_DIFFER_FROM_TOTAL, P.PROMOTIONS_DIFFER}),
        (price(product_price=50000), {P.GOODS_DIFFER_FROM_TOTAL}),
        (price(discounted_price=2000), {P.PROMOTIONS_DIFFER}),
        (UNPAID, {P.STATE_CONTRADICTS_PAYMENT}),
    ],
)
def test_a_contradiction_is_named_and_the_order_taken_in(
    detail: Native, expected: set[ProblemCode]
) -> None:
    found = wechat(detail=detail)
    assert codes(found) == expected
    assert not found.blocked


@pytest.mark.parametrize(
    ("product", "is_gift"),
    [
        ({"is_free_gift": True, "real_price": 0}, True),
        ({"is_free_gift": 1, "real_price": 0}, True),
        ({"sale_price": 0, "real_price": 0}, True),
        ({"is_free_gift": False, "real_price": 0}, False),
    ],
)
def test_a_gift_is_one_by_its_flag_or_its_price(product: Native, is_gift: bool) -> None:
    given = wechat_product(sku_id="9", sku_cnt=1, **product)
    order = order_of(wechat(wechat_product(), given))
    assert order.items[1].is_gift is is_gift
    assert [line.paid_fen for line in order.items] == [48800, 0]


@pytest.mark.parametrize("product_id", [10000000000001, "10000000000001"])
def test_numbers_and_texts_are_the_same_identifier(product_id: Any) -> None:
    found = wechat(wechat_product(product_id=product_id, sku_id=2000001), order_id=37)
    assert only_item(found).line_id == "10000000000001-2000001-1"
    assert order_of(found).order_no == "37"


@pytest.mark.parametrize(
    ("name", "phone", "pii"),
    [("测*", "130****0001", "masked"), ("示例", "13000000001", "plain"), ("", "", "masked")],
)
def test_a_receivers_form_is_told(name: str, phone: str, pii: str) -> None:
    place = wechat_order()[DETAIL]["delivery_info"]["address_info"]
    address = place | {"user_name": name, "tel_number": phone}
    if pii == "plain":
        address |= {"detail_info": "示例路 1 号"}
    receiver = order_of(wechat(detail=delivery(address_info=address))).receiver
    assert (receiver.pii, receiver.key) == (pii, "hash-1")


def test_the_influencer_is_an_extension() -> None:
    earned = [
        {"finder_id": "sph1", "nickname": "示例达人", "type": 0, "amount": 2590},
        {"finder_id": "sph2", "nickname": "示例团长", "type": 1, "amount": 100},
    ]
    extension = order_of(wechat(detail={"commission_infos": earned})).extensions
    assert isinstance(extension, WechatExtension)
    assert (extension.finder_name, extension.commission_fen) == ("示例达人", 2690)


def test_the_first_deadline_of_a_line_is_the_orders() -> None:
    two = (
        wechat_product(sku_id="1", delivery_deadline=1779413500),
        wechat_product(sku_id="2", delivery_deadline=1779300000),
    )
    ship_by = order_of(wechat(*two)).times.ship_by
    assert ship_by is not None
    assert int(ship_by.timestamp()) == 1779300000


NASTY: list[nasty.Case] = [
    *nasty.cases((*PRODUCT, "sku_code"), [12345, None, "", "货号"], "", blocked=False),
    *nasty.cases((*ADDRESS, "tel_number"), [13000000001, None, ""], "", blocked=False),
    *nasty.money((*PRICE, "order_price"), in_yuan=False),
    *nasty.money((*PRICE, "freight"), in_yuan=False),
    *nasty.money((*PRICE, "discounted_price"), in_yuan=False),
    *nasty.money((*PRODUCT, "sale_price"), in_yuan=False),
    *nasty.money((*PRODUCT, "real_price"), in_yuan=False),
    *nasty.pieces((*PRODUCT, "sku_cnt")),
    *nasty.number(("order_id",)),
    *nasty.modified(("update_time",), as_text=False),
    *nasty.moment(("create_time",), as_text=False),
    *nasty.moment((DETAIL, "pay_info", "pay_time"), as_text=False),
    *nasty.moment((DETAIL, "delivery_info", "ship_done_time"), as_text=False),
    *nasty.cases((DETAIL, "ext_info", "confirm_receipt_time"), [0, None, ""], "", blocked=False),
    *nasty.cases((*PRICE, "order_price"), [None, ""], P.AMOUNT_MISSING, blocked=True),
    *nasty.cases((*PRICE, "order_price"), [-1, "-49300"], P.NEGATIVE_AMOUNT, blocked=True),
    *nasty.cases((*PRICE, "freight"), [-500], P.NEGATIVE_AMOUNT, blocked=True),
    *nasty.cases((*PRODUCT, "real_price"), [-1], P.NEGATIVE_AMOUNT, blocked=True),
    *nasty.cases((*PRODUCT, "sale_price"), [-1], P.NEGATIVE_AMOUNT, blocked=True),
    *nasty.cases((DETAIL, "product_infos"), [[], None], P.LINES_MISSING, blocked=True),
    *nasty.cases((DETAIL, "product_infos"), ["x", 1, [1], [[]]], P.BAD_SHAPE, blocked=True),
    *nasty.cases((DETAIL, "product_infos"), [[{"sku_cnt": 1}]], P.LINE_ID_MISSING, blocked=True),
    *nasty.cases(ADDRESS, [None, {}], P.RECEIVER_MISSING, blocked=True),
    *nasty.cases((*ADDRESS, "province_name"), ["", None], P.RECEIVER_MISSING, blocked=True),
    *nasty.cases((*ADDRESS, "user_name"), [1, [], {}], P.BAD_SHAPE, blocked=True),
    *nasty.cases((DETAIL,), [None, {}], P.LINES_MISSING, blocked=True),
    *nasty.cases((DETAIL,), [[], "x", 7], P.BAD_SHAPE, blocked=True),
    *nasty.cases(("status",), ["paid", 99, -1], P.STATE_UNKNOWN, blocked=False),
    *nasty.cases(("status",), [1.5, {}, [], True], P.BAD_SHAPE, blocked=True),
    *nasty.cases(
        (DETAIL, "ext_info", "customer_notes"), ["\x00半个\ufffd", "🎁" * 500], "", blocked=False
    ),
]


@pytest.mark.parametrize(("path", "value", "code", "blocked"), NASTY)
def test_a_nasty_value_falls_into_its_class(
    path: nasty.Path, value: Any, code: ProblemCode | str, blocked: bool
) -> None:
    (found,) = CHANNEL.normalise(
        encoded({"errcode": 0, "order": nasty.changed(wechat_order(), path, value)})
    )
    assert (code in codes(found)) if code else (codes(found) == set())
    assert found.blocked is blocked


def test_there_are_enough_nasty_values() -> None:
    assert len(NASTY) >= 150
