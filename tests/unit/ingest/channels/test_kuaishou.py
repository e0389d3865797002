from typing import Any

import pytest

from services.ingest.channels.kuaishou import CHANNEL
from services.ingest.channels.kuaishou.extension import KuaishouExtension
from services.ingest.domain.model import Normalised, ProblemCode
from tests.unit.ingest.channels import nasty_fields as nasty
from tests.unit.ingest.channels.builders import Native, codes, encoded, only_item, order_of
from tests.unit.ingest.channels.marketplace_natives import kuaishou_item, kuaishou_order

P = ProblemCode
HEAD = "orderBaseInfo"
ITEM = "orderItemInfo"


def kuaishou(item: Any = None, parts: Native | None = None, **changed: Any) -> Normalised:
    wrapped = {"result": 1, "data": kuaishou_order(item, parts, **changed)}
    (found,) = CHANNEL.normalise(encoded(wrapped))
    return found


@pytest.mark.parametrize(
    ("changed", "state", "paid_fen", "hold"),
    [
        ({"status": 10, "payTime": 0}, "unpaid", 0, ""),
        ({"status": 30}, "awaiting_shipment", 10080, ""),
        ({"status": "30"}, "awaiting_shipment", 10080, ""),
        ({"status": 40}, "shipped", 10080, ""),
        ({"status": 50}, "completed", 10080, ""),
        ({"status": 70}, "completed", 10080, ""),
        ({"status": 80, "payTime": 0}, "cancelled", 0, ""),
        ({"status": 80}, "closed_refunded", 10080, ""),
        ({"status": 0}, "unknown", 10080, "unknown_state"),
        ({"status": 35}, "unknown", 10080, "unknown_state"),
        ({"status": None}, "unknown", 10080, "unknown_state"),
        ({"riskCode": 10001}, "paid_on_hold", 10080, "risk_review"),
        ({"riskCode": "10001"}, "paid_on_hold", 10080, "risk_review"),
        ({"riskCode": 10001, "status": 40}, "shipped", 10080, ""),
        (
            {"disableDeliveryReasonCode": [2]},
            "paid_on_hold",
            10080,
            "shipping_forbidden_by_channel",
        ),
        ({"disableDeliveryReasonCode": []}, "awaiting_shipment", 10080, ""),
        ({"disableDeliveryReasonCode": [0]}, "awaiting_shipment", 10080, ""),
        ({"preSale": 1}, "awaiting_shipment", 10080, ""),
    ],
)
def test_a_status_means_a_state(changed: Native, state: str, paid_fen: int, hold: str) -> None:
    found = kuaishou(**changed)
    order = order_of(found)
    assert (order.state, order.paid_fen, order.hold) == (state, paid_fen, hold)
    assert not found.blocked


@pytest.mark.parametrize(
    ("status", "way", "expected"),
    [
        (10, 10, "requested"), (11, 1, "requested"), (20, 10, "requested"), (21, 1, "requested"),
        (22, 1, "returning"), (30, 1, "returning"), (40, 1, "returning"), (45, 3, "exchanging"),
        (50, 10, "returning"), (60, 10, "refunded"), (60, 1, "refunded"), (60, 3, "exchanged"),
        (70, 10, "withdrawn"), (11, 3, "exchanging"), (70, 3, "withdrawn"), (99, 10, "unknown"),
        (None, None, "unknown"), ("60", None, "refunded"),
    ],
)  # fmt: skip
def test_after_sales_stand_on_the_line(status: Any, way: Any, expected: str) -> None:
    refunds = [{"refundId": 1, "refundStatus": status, "handlingWay": way}]
    found = kuaishou(parts={"orderRefundList": refunds}, status=40)
    assert only_item(found).refund_state == expected


@pytest.mark.parametrize(
    ("statuses", "expected", "state"),
    [
        ([70, 10], "requested", "paid_on_hold"),
        ([10, 60], "requested", "paid_on_hold"),
        ([60, 70], "refunded", "paid_on_hold"),
        ([70], "withdrawn", "awaiting_shipment"),
        ([], "none", "awaiting_shipment"),
    ],
)
def test_of_several_requests_an_open_one_counts(
    statuses: list[int], expected: str, state: str
) -> None:
    refunds = [{"refundId": n, "refundStatus": status} for n, status in enumerate(statuses)]
    found = kuaishou(parts={"orderRefundList": refunds})
    assert (only_item(found).refund_state, order_of(found).state) == (expected, state)


def test_one_request_as_an_object_is_one_request() -> None:
    found = kuaishou(parts={"orderRefundList": {"refundId": 1, "refundStatus": 10}})
    assert order_of(found).hold == "refund_open"


@pytest.mark.parametrize(
    ("head", "item", "discount_fen"),
    [
        ({"discountFee": 500}, {"discountFee": 0}, 500),
        ({"discountFee": 500}, {"discountFee": 500}, 500),
        ({"discountFee": 0}, {"discountFee": 500}, 500),
        ({"discountFee": 300}, {"discountFee": 200}, 500),
    ],
)
def test_the_reading_of_discounts_that_makes_the_sums_meet_counts(
    head: Native, item: Native, discount_fen: int
) -> None:
    found = kuaishou(kuaishou_item(**item), **head)
    order = order_of(found)
    assert codes(found) == set()
    assert order.discount_total_fen == discount_fen
    assert sum(p.fen for p in order.promotions) == discount_fen
    assert only_item(found).paid_fen == order.paid_fen - 600


def test_a_discount_the_price_contains_already_is_a_named_contradiction() -> None:
    found = kuaishou(discountFee=500, totalFee=10580)
    assert codes(found) == {P.PROMOTIONS_DIFFER}
    assert only_item(found).paid_fen == 9980


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"totalFee": 9999}, {P.LINES_DIFFER_FROM_TOTAL, P.PROMOTIONS_DIFFER}),
        ({"payTime": 0}, {P.STATE_CONTRADICTS_PAYMENT}),
        ({"status": 10}, {P.STATE_CONTRADICTS_PAYMENT}),
        ({"sellerOpenId": "", "sellerNick": ""}, {P.SHOP_MISSING}),
        ({"status": 0}, {P.STATE_UNKNOWN}),
    ],
)
def test_a_contradiction_is_named_and_the_order_taken_in(
    changed: Native, expected: set[ProblemCode]
) -> None:
    found = kuaishou(**changed)
    assert codes(found) == expected
    assert not found.blocked


def test_an_item_is_an_object_and_a_list_of_items_is_read_too() -> None:
    both = kuaishou(
        [kuaishou_item(), kuaishou_item(orderItemId=2605900000003)], totalFee=20060, discountFee=500
    )
    assert [line.qty for line in order_of(both).items] == [2, 2]
    assert codes(both) == set()


def test_an_item_without_a_price_is_a_gift() -> None:
    gift = kuaishou_item(price=0, num=1)
    found = kuaishou(gift, totalFee=0, expressFee=0, discountFee=0)
    assert only_item(found).is_gift
    assert codes(found) == set()


def test_ciphers_masks_and_clear_texts_stay_apart() -> None:
    receiver = order_of(kuaishou()).receiver
    assert (receiver.pii, receiver.name, receiver.name_cipher) == (
        "encrypted",
        "测**",
        "#index#cipher#1#",
    )
    place = kuaishou_order()["orderAddress"]
    bare = {key: "" for key in place if key.startswith("encrypted")}
    masked = kuaishou(parts={"orderAddress": place | bare})
    assert order_of(masked).receiver.pii == "masked"
    clear = {"consignee": "示例", "mobile": "13000000001", "address": "示例路 1 号"}
    plain = kuaishou(parts={"orderAddress": place | bare | clear})
    assert (order_of(plain).receiver.pii, order_of(plain).receiver.name) == ("plain", "示例")
    part = kuaishou(parts={"orderAddress": place | {"encryptedMobile": ""}})
    assert codes(part) == {P.RECEIVER_MIXED}


def test_the_addresss_key_may_stand_beside_the_delivery() -> None:
    found = kuaishou(parts={"orderDeliveryInfo": {"openAddressId": "key-1"}})
    assert order_of(found).receiver.key == "key-1"


@pytest.mark.parametrize(
    ("notes", "memo"),
    [
        ([], ""), (["加急"], "加急"), (["加急", "", "送礼"], "加急；送礼"),
        ([{"note": "加急"}], "加急"), ("加急", "加急"), (None, ""),
    ],
)  # fmt: skip
def test_the_sellers_notes_are_one_memo(notes: Any, memo: str) -> None:
    assert order_of(kuaishou(parts={"orderNote": {"sellerNote": notes}})).seller_memo == memo


def test_the_influencer_is_an_extension() -> None:
    parts = {"orderCpsInfo": {"distributorId": 77000001, "distributorName": "示例达人"}}
    extension = order_of(kuaishou(parts=parts, cpsType=2)).extensions
    assert isinstance(extension, KuaishouExtension)
    assert (extension.distributor_id, extension.cps_type) == ("77000001", "2")


def test_a_parcel_repeated_is_one_parcel() -> None:
    parcel = {"expressNo": "YT1", "expressCode": 6}
    order = order_of(kuaishou(parts={"orderLogisticsInfo": [parcel, parcel]}, status=40))
    assert [(p.waybill_no, p.carrier) for p in order.parcels] == [("YT1", "6")]


def test_big_numbers_are_text_to_the_last_digit() -> None:
    found = kuaishou(kuaishou_item(skuId=9007199254740993), oid=9007199254740995)
    assert order_of(found).order_no == "9007199254740995"
    assert only_item(found).sku_id == "9007199254740993"


def message(**changed: Any) -> Native:
    return {
        "eventId": "267_2345_1",
        "event": "kwaishop_order_addOrder",
        "openId": "f18Seller",
        "appKey": "ks1",
        "info": '{"oid":2605900000001,"sellerId":100001}',
        "createTime": 1779240662000,
        "test": False,
        **changed,
    }


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_message_gives_the_order_it_names(wrapped: bool) -> None:
    sent: Any = [message()] if wrapped else message()
    (found,) = CHANNEL.normalise(encoded(sent))
    assert order_of(found).order_no == "2605900000001"
    assert P.DETAIL_NEEDED in codes(found)


@pytest.mark.parametrize("name", ["oid", "orderId", "bizId"])
def test_claims_and_notes_name_their_order_in_words_of_their_own(name: str) -> None:
    (found,) = CHANNEL.normalise(encoded(message(info=f'{{"{name}":7}}')))
    assert order_of(found).order_no == "7"


@pytest.mark.parametrize(
    "sent",
    [
        {"test": True},
        [{"test": True}],
        message(test=True),
        message(info="{}"),
        message(info="no json"),
        message(info=None),
        message(info='{"oid":null}'),
    ],
)
def test_a_test_or_a_message_about_nothing_is_no_order(sent: Any) -> None:
    (found,) = CHANNEL.normalise(encoded(sent))
    assert codes(found) == {P.NOT_AN_ORDER}
    assert found.order is None


NASTY: list[nasty.Case] = [
    *nasty.cases((ITEM, "skuNick"), [12345, None, "", "货号"], "", blocked=False),
    *nasty.cases(("orderLogisticsInfo",), [{"expressNo": 73001}, None], "", blocked=False),
    *nasty.money((HEAD, "totalFee"), in_yuan=False),
    *nasty.money((HEAD, "expressFee"), in_yuan=False),
    *nasty.money((HEAD, "discountFee"), in_yuan=False),
    *nasty.money((ITEM, "price"), in_yuan=False),
    *nasty.money((ITEM, "discountFee"), in_yuan=False),
    *nasty.pieces((ITEM, "num")),
    *nasty.number((HEAD, "oid")),
    *nasty.modified((HEAD, "updateTime"), as_text=False),
    *nasty.moment((HEAD, "payTime"), as_text=False),
    *nasty.moment((HEAD, "createTime"), as_text=False),
    *nasty.moment((HEAD, "validPromiseShipmentTimeStamp"), as_text=False),
    *nasty.cases((HEAD, "sendTime"), nasty.NOT_HAPPENED_NUMBER, "", blocked=False),
    *nasty.cases((HEAD, "totalFee"), [None, ""], P.AMOUNT_MISSING, blocked=True),
    *nasty.cases((ITEM, "price"), [None, ""], P.AMOUNT_MISSING, blocked=True),
    *nasty.cases((HEAD, "totalFee"), [-1, "-10080"], P.NEGATIVE_AMOUNT, blocked=True),
    *nasty.cases((HEAD, "expressFee"), [-600], P.NEGATIVE_AMOUNT, blocked=True),
    *nasty.cases((ITEM, "price"), [-4990], P.NEGATIVE_AMOUNT, blocked=True),
    *nasty.cases((ITEM, "orderItemId"), [None, 0, "", "0"], P.LINE_ID_MISSING, blocked=True),
    *nasty.cases((ITEM,), [[], None], P.LINES_MISSING, blocked=True),
    *nasty.cases((ITEM,), ["none", 1, [1], [[]]], P.BAD_SHAPE, blocked=True),
    *nasty.cases((ITEM,), [[kuaishou_item()] * 2], P.LINE_ID_REPEATED, blocked=True),
    *nasty.cases(("orderAddress",), [None, {}], P.RECEIVER_MISSING, blocked=True),
    *nasty.cases(("orderAddress", "province"), ["", None], P.RECEIVER_MISSING, blocked=True),
    *nasty.cases(("orderAddress", "province"), [1, []], P.BAD_SHAPE, blocked=True),
    *nasty.cases((HEAD, "status"), ["paid", 99, -1], P.STATE_UNKNOWN, blocked=False),
    *nasty.cases((HEAD, "status"), [1.5, {}, [], True], P.BAD_SHAPE, blocked=True),
    *nasty.cases((HEAD, "remark"), ["\x00半个\ufffd", "🎁" * 500, None], "", blocked=False),
    *nasty.cases((HEAD,), [{}], P.ORDER_NO_MISSING, blocked=True),
    *nasty.cases((HEAD,), [[], "x", 7], P.BAD_SHAPE, blocked=True),
]


@pytest.mark.parametrize(("path", "value", "code", "blocked"), NASTY)
def test_a_nasty_value_falls_into_its_class(
    path: nasty.Path, value: Any, code: ProblemCode | str, blocked: bool
) -> None:
    (found,) = CHANNEL.normalise(encoded(nasty.changed(kuaishou_order(), path, value)))
    assert (code in codes(found)) if code else (codes(found) == set())
    assert found.blocked is blocked


def test_there_are_enough_nasty_values() -> None:
    assert len(NASTY) >= 150
