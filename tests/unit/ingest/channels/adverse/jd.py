"""What JD may send."""

from typing import Any

from services.ingest.domain.model import ProblemCode as P
from tests.unit.ingest.channels.adverse.case import Case, named, refused
from tests.unit.ingest.channels.builders import Native, encoded, jd_item, jd_order


def search(rows: Any, **result: Any) -> Native:
    found = {"apiResult": {"success": True, "numberCode": 0}, "orderInfoList": rows}
    return {
        "jingdong_pop_order_search_responce": {
            "code": "0",
            "searchorderinfo_result": found | result,
        }
    }


def got(order: Native) -> Native:
    return {
        "jingdong_pop_order_get_responce": {
            "code": "0",
            "orderDetailInfo": {"apiResult": {"success": "true"}, "orderInfo": order},
        }
    }


BASKET = search(
    [
        {
            "orderId": 297654321098765432,
            "venderId": 10203040,
            "payType": "4-在线支付",
            "orderTotalPrice": "358.70",
            "orderSellerPrice": "318.70",
            "orderPayment": "323.47",
            "freightPrice": "6.00",
            "sellerDiscount": "40.00",
            "balanceUsed": "23.47",
            "orderState": "WAIT_SELLER_DELIVERY",
            "orderRemark": "不要电话",
            "venderRemark": "老客",
            "venderRemarkLevelFlag": "2",
            "orderStartTime": "2026-11-11 00:00:03",
            "paymentConfirmTime": "2026-11-11 00:01:07",
            "orderEndTime": "",
            "modified": "2026-11-11 00:01:08",
            "consigneeInfo": {
                "fullname": "刘一手",
                "mobile": "",
                "telephone": "0571-88880000-1001",
                "fullAddress": "浙江省杭州市西湖区文三路 9 号",
                "province": "浙江",
                "city": "杭州市",
                "county": "西湖区",
                "town": "翠苑街道",
            },
            "itemInfoList": [
                {"skuId": "100012043978", "outerSkuId": "GJ-1", "skuName": "挂机", "jdPrice": "299.00", "itemTotal": "1"},
                {"skuId": 100012043979, "productNo": "PJ-1", "skuName": "配件", "jdPrice": "19.90", "itemTotal": 3},
                {"skuId": "100012043979", "outerSkuId": "", "skuName": "赠品", "jdPrice": "0.00", "itemTotal": "1"},
            ],
            "couponDetailList": [
                {"couponType": "35-满返满送(返现)", "couponPrice": "30.00", "skuId": ""},
                {"couponType": "39-京豆优惠", "couponPrice": "1.23"},
                {"couponType": "41-京东券优惠", "couponPrice": "", "skuId": ""},
                {"couponType": "30-单品促销优惠", "couponPrice": "10.00", "skuId": "100012043979"},
            ],
            "waybill": "",
            "parentOrderId": "297654321098765431",
            "directParentOrderId": "0",
        }
    ],
    orderTotal=1,
)  # fmt: skip
BASKET_MEANS = {
    "order_no": "297654321098765432",
    "shop": "10203040",
    "state": "awaiting_shipment",
    "raw_state": "WAIT_SELLER_DELIVERY",
    "paid_fen": 32347,
    "freight_fen": 600,
    "discount_total_fen": 4123,
    "line_count": 3,
    "total_quantity": 5,
    "items": [
        {"sku_id": "100012043978", "merchant_sku": "GJ-1", "paid_fen": 27222, "is_gift": False},
        {"line_id": "100012043979-1", "merchant_sku": "PJ-1", "qty": 3, "paid_fen": 4525},
        {"line_id": "100012043979-2", "qty": 1, "paid_fen": 0, "discount_fen": 0, "is_gift": True},
    ],
    "promotions": [
        {"name": "满返满送(返现)", "fen": 3000, "borne_by": "seller"},
        {"name": "京豆优惠", "fen": 123, "borne_by": "platform"},
        {"name": "单品促销优惠", "fen": 1000, "borne_by": "seller"},
    ],
    "receiver": {
        "pii": "plain",
        "name": "刘一手",
        "phone": "0571-88880000-1001",
        "town": "翠苑街道",
    },
    "times": {
        "created": "2026-11-10T16:00:03Z",
        "paid": "2026-11-10T16:01:07Z",
        "ended": None,
    },
    "buyer_memo": "不要电话",
    "seller_memo": "老客",
    "extensions": {"parent_order_no": "297654321098765431", "balance_used_fen": 2347},
}
OLD = jd_order(venderRemark="old")
NEW = jd_order(modified="2026-05-20 09:31:42", venderRemark="new", orderState="LOCKED")
NEWEST = {"state": "paid_on_hold", "hold": "cancellation_asked", "seller_memo": "new"}
PARENT = jd_order(orderId="290000000000009", orderState="PARENT_TRADE_CANCELED")
CHILD = jd_order(orderId="290000000000010", parentOrderId="290000000000009")


def coupon(kind: str, price: Any, sku_id: str = "") -> Native:
    return {"couponType": kind, "couponPrice": price, "skuId": sku_id}


def person(**changed: Any) -> Native:
    return {"consigneeInfo": {**jd_order()["consigneeInfo"], **changed}}


CASES = [
    Case("basket with gift, coupons of both and a clear receiver", BASKET, [BASKET_MEANS]),
    Case("a page of one order as an object", search(jd_order()), [{"paid_fen": 10000}]),
    Case("one order's answer, its flag a text", got(jd_order()), [{"paid_fen": 10000}]),
    Case("snapshots in a page, newest first", search([NEW, OLD]), [NEWEST]),
    Case("snapshots in a page, newest last", search([OLD, NEW]), [NEWEST]),
    Case("several answers in one file", [got(NEW), search([OLD])], [NEWEST]),
    Case("an empty page", search([], orderTotal=0)),
    Case("an empty page without its list", search(None, orderTotal=0)),
    Case(
        "rows with the fields that were asked for only",
        search([{"orderId": "290000000000005", "modified": "2026-05-20 09:31:41"}]),
        [{"order_no": "290000000000005"}],
        named(P.DETAIL_NEEDED),
    ),
    Case(
        "a split parent beside its child",
        search([PARENT, CHILD]),
        [
            {"order_no": "290000000000009", "state": "cancelled", "paid_fen": 0},
            {"order_no": "290000000000010", "state": "awaiting_shipment", "paid_fen": 10000},
        ],
    ),
    Case(
        "a discount of the seller beside a coupon of the platform",
        jd_order(
            sellerDiscount="10.00",
            orderSellerPrice="90.00",
            couponDetailList=[coupon("41-京东券优惠", "20.00")],
            orderPayment="70.00",
        ),
        [
            {
                "discount_total_fen": 3000,
                "promotions": [
                    {"fen": 2000, "borne_by": "platform"},
                    {"fen": 1000, "borne_by": "seller"},
                ],
            }
        ],
    ),
    Case(
        "a discount of the seller alone",
        jd_order(sellerDiscount="10.00", orderPayment="90.00"),
        [{"promotions": [{"fen": 1000, "borne_by": "seller"}], "items": [{"paid_fen": 9000}]}],
    ),
    Case(
        "a coupon of a kind nobody knows, which the header counts as the seller's",
        jd_order(
            sellerDiscount="10.00",
            couponDetailList=[coupon("77-新优惠", "10.00")],
            orderPayment="90.00",
        ),
        [{"discount_total_fen": 1000, "promotions": [{"fen": 1000, "borne_by": "unknown"}]}],
    ),
    Case(
        "one coupon as an object",
        jd_order(couponDetailList=coupon("100-店铺优惠", "10.00"), orderPayment="90.00"),
        [{"promotions": [{"name": "店铺优惠", "fen": 1000, "borne_by": "seller"}]}],
    ),
    Case(
        "coupons which do not explain the payment",
        jd_order(couponDetailList=[coupon("41-京东券优惠", "20.00")], orderPayment="85.00"),
        [{"discount_total_fen": 1500, "paid_fen": 8500, "items": [{"paid_fen": 8500}]}],
        named(P.PROMOTIONS_DIFFER, P.LINES_DIFFER_FROM_TOTAL),
    ),
    Case(
        "the seller's price contradicts total and discount",
        jd_order(sellerDiscount="10.00", orderSellerPrice="95.00", orderPayment="90.00"),
        [{"paid_fen": 9000}],
        named(P.PROMOTIONS_DIFFER),
    ),
    Case(
        "the total contradicts the lines",
        jd_order(orderTotalPrice="120.00"),
        [{"paid_fen": 10000}],
        named(P.GOODS_DIFFER_FROM_TOTAL),
    ),
    Case(
        "times of zero have not happened",
        jd_order(orderEndTime=0, orderState="WAIT_GOODS_RECEIVE_CONFIRM", waybill="-10000"),
        [{"state": "shipped", "parcels": [], "items": [{"shipped_qty": 2}], "times": {"ended": None}}],
    ),
    Case(
        "cancelled before it was paid",
        jd_order(orderState="TRADE_CANCELED", paymentConfirmTime="0000-00-00 00:00:00"),
        [{"state": "cancelled", "paid_fen": 0, "items": [{"refund_state": "none"}]}],
    ),
    Case(
        "cancelled after it was paid",
        jd_order(orderState="TRADE_CANCELED"),
        [{"state": "closed_refunded", "paid_fen": 10000}],
    ),
    Case("paused", jd_order(orderState="PAUSE"), [{"state": "paid_on_hold", "hold": "paused_by_channel"}]),
    Case(
        "a state nobody knows",
        jd_order(orderState="WAIT_SEND_CODE"),
        [{"state": "unknown", "raw_state": "WAIT_SEND_CODE", "hold": "unknown_state"}],
        named(P.STATE_UNKNOWN),
    ),
    Case(
        "waiting for payment with a time of payment",
        jd_order(orderState="WAIT_PAY"),
        [{"state": "unpaid", "paid_fen": 0}],
        named(P.STATE_CONTRADICTS_PAYMENT),
    ),
    Case(
        "to be shipped without a time of payment",
        jd_order(paymentConfirmTime=""),
        [{"state": "awaiting_shipment"}],
        named(P.STATE_CONTRADICTS_PAYMENT),
    ),
    Case(
        "a mask among ciphers",
        jd_order(**person(fullname="刘**")),
        [{"receiver": {"pii": "encrypted", "name": "刘**", "phone": "", "name_cipher": ""}}],
        named(P.RECEIVER_MIXED),
    ),
    Case(
        "the key of the address alone",
        jd_order(oaid="key-1", **person(fullname="", mobile="", fullAddress="")),
        [{"receiver": {"pii": "absent", "key": "key-1"}}],
    ),
    Case(
        "amounts as numbers",
        jd_order(jd_item(jdPrice=4.35, itemTotal=1), orderPayment=4.35, orderTotalPrice=4.35),
        [{"paid_fen": 435}],
    ),
    Case(
        "two parcels with a Chinese comma",
        jd_order(orderState="FINISHED_L", waybill="JDX0001， JDX0002,-10000 ", logisticsId="2087"),
        [{"state": "completed", "parcels": [{"waybill_no": "JDX0001"}, {"waybill_no": "JDX0002"}]}],
    ),
    Case("a balance that is none keeps no order back", jd_order(balanceUsed="无"), [{"paid_fen": 10000, "extensions": {"balance_used_fen": 0}}], named(P.BAD_AMOUNT)),
    Case("a byte order mark", b"\xef\xbb\xbf" + encoded(jd_order()), [{"paid_fen": 10000}]),
    Case(
        "GB18030",
        encoded(jd_order(orderRemark="请尽快发货")).decode().encode("gb18030"),
        [{"buyer_memo": "请尽快发货", "receiver": {"city": "南京市"}}],
    ),
    refused(
        "code 0 without success",
        search(None, apiResult={"success": False, "numberCode": 10100018, "chineseErrCode": "系统繁忙"}),
        P.CHANNEL_ERROR,
    ),
    refused("a code that is not 0", {"jingdong_pop_order_search_responce": {"code": "1", "searchorderinfo_result": {"orderInfoList": []}}}, P.CHANNEL_ERROR),
    refused("a gateway error", {"error_response": {"code": "2", "zh_desc": "限制的时间内调用失败次数"}}, P.CHANNEL_ERROR),
    refused("a shipment's answer", {"jingdong_pop_order_shipment_responce": {"code": "0"}}, P.NOT_AN_ORDER),
    refused("a coupon that is no amount", jd_order(couponDetailList=[coupon("41-京东券", "二十元")]), P.BAD_AMOUNT),
    refused(
        "a negative payment", jd_order(orderPayment="-0.01"), P.NEGATIVE_AMOUNT, P.LINES_DIFFER_FROM_TOTAL
    ),
    refused("a price with thirds of a fen", jd_order(jd_item(jdPrice="33.333")), P.BAD_AMOUNT, P.GOODS_DIFFER_FROM_TOTAL, P.LINES_DIFFER_FROM_TOTAL),
    refused("an empty list in an empty file", b"[]", P.NOT_AN_ORDER),
]  # fmt: skip
