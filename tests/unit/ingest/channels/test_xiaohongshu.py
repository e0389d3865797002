from typing import Any

import pytest

from services.ingest.channels.xiaohongshu import CHANNEL
from services.ingest.channels.xiaohongshu.extension import XiaohongshuExtension
from services.ingest.domain.model import Normalised, ProblemCode
from tests.unit.ingest.channels import nasty_fields as nasty
from tests.unit.ingest.channels.builders import Native, codes, encoded, only_item, order_of
from tests.unit.ingest.channels.marketplace_natives import xiaohongshu_order, xiaohongshu_sku

P = ProblemCode
SKU = ("skuList", 0)


def xiaohongshu(*skus: Native, **changed: Any) -> Normalised:
    native = xiaohongshu_order(*skus, **changed)
    (found,) = CHANNEL.normalise(encoded({"success": True, "error_code": 0, "data": native}))
    return found


@pytest.mark.parametrize(
    ("changed", "state", "paid_fen", "hold"),
    [
        ({"orderStatus": 1, "paidTime": 0}, "unpaid", 0, ""),
        ({"orderStatus": 2}, "paid_on_hold", 16600, "payment_in_process"),
        ({"orderStatus": 3}, "paid_on_hold", 16600, "customs"),
        ({"orderStatus": 4}, "awaiting_shipment", 16600, ""),
        ({"orderStatus": "4"}, "awaiting_shipment", 16600, ""),
        ({"orderStatus": 5}, "partly_shipped", 16600, ""),
        ({"orderStatus": 6}, "shipped", 16600, ""),
        ({"orderStatus": 7}, "completed", 16600, ""),
        ({"orderStatus": 8}, "closed_refunded", 16600, ""),
        ({"orderStatus": 8, "paidTime": 0}, "cancelled", 0, ""),
        ({"orderStatus": 9}, "cancelled", 16600, ""),
        ({"orderStatus": 9, "paidTime": 0}, "cancelled", 0, ""),
        ({"orderStatus": 10}, "shipped", 16600, ""),
        ({"orderStatus": 11}, "unknown", 16600, "unknown_state"),
        ({"orderStatus": 0}, "unknown", 16600, "unknown_state"),
        ({"orderStatus": None}, "unknown", 16600, "unknown_state"),
        ({"cancelStatus": 1}, "paid_on_hold", 16600, "cancellation_asked"),
        ({"cancelStatus": "1"}, "paid_on_hold", 16600, "cancellation_asked"),
        ({"cancelStatus": 1, "orderStatus": 5}, "paid_on_hold", 16600, "cancellation_asked"),
        ({"cancelStatus": 1, "orderStatus": 6}, "shipped", 16600, ""),
        ({"orderType": 3}, "awaiting_shipment", 16600, ""),
        ({"orderType": 4}, "awaiting_shipment", 16600, ""),
    ],
)
def test_a_status_means_a_state(changed: Native, state: str, paid_fen: int, hold: str) -> None:
    found = xiaohongshu(**changed)
    order = order_of(found)
    assert (order.state, order.paid_fen, order.hold) == (state, paid_fen, hold)
    assert not found.blocked


@pytest.mark.parametrize(
    ("status", "paid_at", "state", "paid_fen"),
    [
        (1, 0, "unpaid", 0),
        (1, 1779240700000, "deposit_paid", 3000),
        (2, 1779240700000, "paid_on_hold", 16600),
        (4, 1779240700000, "awaiting_shipment", 16600),
    ],
)
def test_a_deposit_order_pays_its_deposit_beside_its_balance(
    status: int, paid_at: int, state: str, paid_fen: int
) -> None:
    part = {"quantity": 2, "pricePerSku": 9400, "depositAmountPerSku": 1500}
    sku = xiaohongshu_sku(totalPaidAmount=12800, skuDetailList=[part])
    found = xiaohongshu(
        sku,
        orderType=2,
        orderStatus=status,
        paidTime=paid_at,
        totalPayAmount=13600,
        totalDepositAmount=3000,
    )
    order = order_of(found)
    assert (order.state, order.paid_fen, order.payable_fen) == (state, paid_fen, 16600)
    assert codes(found) == set()


def test_a_deposit_of_an_ordinary_order_is_none() -> None:
    assert order_of(xiaohongshu(totalDepositAmount=3000)).payable_fen == 16600


def test_a_parcel_sent_in_exchange_costs_nothing_ships_and_is_no_gift() -> None:
    sku = xiaohongshu_sku(totalPaidAmount=0, totalMerchantDiscount=0, totalRedDiscount=0)
    free = xiaohongshu_sku(
        skuId="65f2", totalPaidAmount=0, skuDetailList=[], totalMerchantDiscount=0,
        totalRedDiscount=0,
    )  # fmt: skip
    found = xiaohongshu(
        sku, free, orderType=5, totalPayAmount=0, totalShippingFree=0, paidTime=0,
        originalOrderId="P1", totalMerchantDiscount=0, totalRedDiscount=0,
    )  # fmt: skip
    order = order_of(found)
    assert (order.state, order.paid_fen, codes(found)) == ("awaiting_shipment", 0, set())
    assert [line.is_gift for line in order.items] == [False, False]
    assert isinstance(order.extensions, XiaohongshuExtension)
    assert order.extensions.original_order_no == "P1"


@pytest.mark.parametrize(
    ("status", "order_status", "expected", "state"),
    [
        (1, 4, "none", "awaiting_shipment"),
        (0, 4, "none", "awaiting_shipment"),
        (None, 4, "none", "awaiting_shipment"),
        (2, 4, "requested", "paid_on_hold"),
        (2, 6, "requested", "shipped"),
        (3, 4, "unknown", "paid_on_hold"),
        (3, 8, "refunded", "closed_refunded"),
        (3, 9, "refunded", "cancelled"),
        (4, 4, "refused", "awaiting_shipment"),
        (5, 4, "withdrawn", "awaiting_shipment"),
        (6, 4, "requested", "paid_on_hold"),
        (7, 4, "withdrawn", "awaiting_shipment"),
        (8, 4, "unknown", "paid_on_hold"),
        ("2", 4, "requested", "paid_on_hold"),
        (1, 10, "exchanging", "shipped"),
    ],
)
def test_after_sales_stand_on_every_line(
    status: Any, order_status: int, expected: str, state: str
) -> None:
    found = xiaohongshu(orderAfterSalesStatus=status, orderStatus=order_status)
    assert (only_item(found).refund_state, order_of(found).state) == (expected, state)


def test_a_parcel_of_a_split_order_ships_its_skus() -> None:
    one = xiaohongshu_sku(skuId="65f1", totalPaidAmount=15800)
    two = xiaohongshu_sku(skuId="65f2", totalPaidAmount=15800)
    parcels = [
        {"expressTrackingNo": "SF1", "expressCompanyCode": "shunfeng", "skuIdList": ["65f1"]},
        {"expressTrackingNo": "", "skuIdList": ["65f2"]},
    ]
    found = xiaohongshu(
        one, two, orderStatus=5, totalPayAmount=32400, simpleDeliveryOrderList=parcels,
        totalMerchantDiscount=2000, totalRedDiscount=4000,
    )  # fmt: skip
    order = order_of(found)
    assert [line.shipped_qty for line in order.items] == [2, 0]
    assert [p.waybill_no for p in order.parcels] == ["SF1"]
    assert codes(found) == set()


def test_a_whole_orders_parcel_is_named_once() -> None:
    parcel = {"expressTrackingNo": "SF1", "expressCompanyCode": "shunfeng", "skuIdList": []}
    order = order_of(
        xiaohongshu(
            orderStatus=6,
            expressTrackingNo="SF1",
            expressCompanyCode="shunfeng",
            simpleDeliveryOrderList=parcel,
        )
    )
    assert [(p.waybill_no, p.carrier) for p in order.parcels] == [("SF1", "shunfeng")]
    assert order.items[0].shipped_qty == 2


@pytest.mark.parametrize(
    ("parts", "unit_fen"),
    [
        ([{"quantity": 2, "pricePerSku": 9400}], 9400),
        ({"quantity": 2, "pricePerSku": 9400}, 9400),
        ([{"pricePerSku": 9400}], 9400),
        ([{"quantity": 1, "pricePerSku": 9400}], 9400),
        ([], 9400),
        (None, 9400),
        ([{"quantity": 2, "pricePerSku": 6000}, {"quantity": 4, "pricePerSku": 1700}], 9400),
        ([{"quantity": 2}], 9400),
    ],
)
def test_a_lines_price_is_its_components_or_its_total_without_discounts(
    parts: Any, unit_fen: int
) -> None:
    found = xiaohongshu(xiaohongshu_sku(skuDetailList=parts))
    assert only_item(found).unit_price_fen == unit_fen
    assert codes(found) == set()


def test_a_bundles_price_is_whole_fen_and_its_discount_takes_the_rest() -> None:
    bundle = xiaohongshu_sku(
        skuQuantity=3, totalPaidAmount=10000, totalMerchantDiscount=0, totalRedDiscount=0,
        skuDetailList=[],
    )  # fmt: skip
    found = xiaohongshu(bundle, totalPayAmount=10800, totalMerchantDiscount=0, totalRedDiscount=0)
    line = only_item(found)
    assert (line.unit_price_fen, line.discount_fen, line.paid_fen) == (3334, 2, 10000)


@pytest.mark.parametrize(
    ("sku", "is_gift"),
    [({"skuTag": 1}, True), ({"skuTag": "1"}, True), ({"skuTag": 0}, False), ({}, False)],
)
def test_a_gift_is_one_by_its_tag_or_its_price(sku: Native, is_gift: bool) -> None:
    assert only_item(xiaohongshu(xiaohongshu_sku(**sku))).is_gift is is_gift
    free = xiaohongshu_sku(
        skuId="65f2", totalPaidAmount=0, totalMerchantDiscount=0, totalRedDiscount=0,
        skuDetailList=[{"quantity": 2, "pricePerSku": 0}],
    )  # fmt: skip
    order = order_of(xiaohongshu(xiaohongshu_sku(), free))
    assert [line.paid_fen for line in order.items] == [15800, 0]
    assert order.items[1].is_gift


def test_the_same_sku_on_two_lines_stays_two_lines() -> None:
    half = xiaohongshu_sku(
        skuQuantity=1, totalPaidAmount=7900, totalMerchantDiscount=500, totalRedDiscount=1000,
        skuDetailList=[{"quantity": 1, "pricePerSku": 9400}],
    )  # fmt: skip
    order = order_of(xiaohongshu(half, half))
    assert [line.line_id for line in order.items] == [
        "65f000000000000000000001-1",
        "65f000000000000000000001-2",
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"totalPayAmount": 16601}, {P.LINES_DIFFER_FROM_TOTAL, P.PROMOTIONS_DIFFER}),
        ({"totalRedDiscount": 1}, {P.PROMOTIONS_DIFFER}),
        ({"paidTime": 0}, {P.STATE_CONTRADICTS_PAYMENT}),
        ({"orderStatus": 1}, {P.STATE_CONTRADICTS_PAYMENT}),
        ({"receiverName": "#a#b#1#", "receiverPhone": "130****0001"}, {P.RECEIVER_MIXED}),
    ],
)
def test_a_contradiction_is_named_and_the_order_taken_in(
    changed: Native, expected: set[ProblemCode]
) -> None:
    found = xiaohongshu(**changed)
    assert codes(found) == expected
    assert not found.blocked


def test_the_address_key_stands_for_a_receiver_the_platform_keeps() -> None:
    receiver = order_of(xiaohongshu()).receiver
    assert (receiver.pii, receiver.key, receiver.city) == ("encrypted", "address-1", "宁波市")
    nobody = xiaohongshu(openAddressId="")
    assert codes(nobody) == {P.RECEIVER_MISSING}
    assert nobody.blocked


NASTY: list[nasty.Case] = [
    *nasty.cases((*SKU, "erpcode"), [12345, None, "", "货号"], "", blocked=False),
    *nasty.cases(("expressTrackingNo",), [7300000000001, None, ""], "", blocked=False),
    *nasty.money(("totalPayAmount",), in_yuan=False),
    *nasty.money(("totalShippingFree",), in_yuan=False),
    *nasty.money(("totalMerchantDiscount",), in_yuan=False),
    *nasty.money((*SKU, "totalPaidAmount"), in_yuan=False),
    *nasty.money((*SKU, "skuDetailList", 0, "pricePerSku"), in_yuan=False),
    *nasty.pieces((*SKU, "skuQuantity")),
    *nasty.number(("orderId",)),
    *nasty.modified(("updateTime",), as_text=False),
    *nasty.moment(("createdTime",), as_text=False),
    *nasty.moment(("paidTime",), as_text=False),
    *nasty.moment(("promiseLastDeliveryTime",), as_text=False),
    *nasty.cases(("deliveryTime",), nasty.NOT_HAPPENED_NUMBER, "", blocked=False),
    *nasty.cases(("totalPayAmount",), [None, ""], P.AMOUNT_MISSING, blocked=True),
    *nasty.cases((*SKU, "totalPaidAmount"), [None, ""], P.AMOUNT_MISSING, blocked=True),
    *nasty.cases(("totalPayAmount",), [-1, "-16600"], P.NEGATIVE_AMOUNT, blocked=True),
    *nasty.cases(("totalShippingFree",), [-800], P.NEGATIVE_AMOUNT, blocked=True),
    *nasty.cases((*SKU, "totalPaidAmount"), [-1], P.NEGATIVE_AMOUNT, blocked=True),
    *nasty.cases((*SKU, "skuId"), [None, "", 0], P.LINE_ID_MISSING, blocked=True),
    *nasty.cases(("skuList",), [[], None], P.LINES_MISSING, blocked=True),
    *nasty.cases(("skuList",), ["x", 1, [1], [[]]], P.BAD_SHAPE, blocked=True),
    *nasty.cases(("receiverProvinceName",), ["", None], P.RECEIVER_MISSING, blocked=True),
    *nasty.cases(("receiverProvinceName",), [1, []], P.BAD_SHAPE, blocked=True),
    *nasty.cases(("orderStatus",), ["paid", 99, -1], P.STATE_UNKNOWN, blocked=False),
    *nasty.cases(("orderStatus",), [1.5, {}, [], True], P.BAD_SHAPE, blocked=True),
    *nasty.cases(("customerRemark",), ["\x00半个\ufffd", "🎁" * 500, None], "", blocked=False),
]


@pytest.mark.parametrize(("path", "value", "code", "blocked"), NASTY)
def test_a_nasty_value_falls_into_its_class(
    path: nasty.Path, value: Any, code: ProblemCode | str, blocked: bool
) -> None:
    native = nasty.changed(xiaohongshu_order(), path, value)
    (found,) = CHANNEL.normalise(encoded({"success": True, "error_code": 0, "data": native}))
    assert (code in codes(found)) if code else (codes(found) == set())
    assert found.blocked is blocked


def test_there_are_enough_nasty_values() -> None:
    assert len(NASTY) >= 150
