"""What Kuaishou may send."""

import json
from typing import Any

from services.ingest.domain.model import ProblemCode as P
from tests.unit.ingest.channels.adverse.case import Case, named, refused
from tests.unit.ingest.channels.builders import Native, encoded
from tests.unit.ingest.channels.marketplace_natives import kuaishou_item, kuaishou_order

NO = 2605912345678901234  # above 2^53


def page(rows: Any, cursor: str = "nomore") -> Native:
    return {"result": 1, "msg": "success", "data": {"cursor": cursor, "orderList": rows}}


def detail(order: Native) -> Native:
    return {"result": 1, "data": order}


def message(told: Any, **changed: Any) -> Native:
    return {
        "eventId": "267_1_1",
        "bizId": NO,
        "openId": "f18Seller",
        "appKey": "ks1",
        "event": "kwaishop_order_payOrder",
        "info": told if isinstance(told, str) else json.dumps(told),
        "createTime": 1779240701000,
        "test": False,
        **changed,
    }


def address(**changed: Any) -> Native:
    return {"orderAddress": {**kuaishou_order()["orderAddress"], **changed}}


BASKET = page(
    [
        {
            "orderBaseInfo": {
                "oid": NO,
                "status": 30,
                "sellerOpenId": "f18Seller",
                "sellerNick": "山货店",
                "buyerOpenId": "f18Buyer",
                "totalFee": 10000,
                "expressFee": 1000,
                "discountFee": 999,
                "createTime": 1793548799999,
                "payTime": 1793548800000,
                "updateTime": 1793548800001,
                "sendTime": 0,
                "recvTime": "0",
                "remark": "",
                "cpsType": 2,
                "preSale": 0,
                "riskCode": 0,
            },
            "orderItemInfo": {
                "orderItemId": NO + 1,
                "itemId": 9007199254740993,
                "skuId": 0,
                "skuNick": "",
                "goodsCode": 690100,
                "itemTitle": "核桃",
                "num": 3,
                "price": 3333,
                "originalPrice": 3999,
                "discountFee": 0,
            },
            "orderAddress": {
                "province": "海南省",
                "city": "",
                "district": "文昌市",
                "town": "清澜镇",
                "encryptedConsignee": "#idx#cipher#1#",
                "encryptedMobile": "$idx$cipher$1$",
                "encryptedAddress": "~idx~cipher~1~",
                "desensitiseConsignee": "符*",
                "desensitiseMobile": "139****0001",
                "desensitiseAddress": "文*路**号",
            },
            "orderCpsInfo": {"distributorId": 77001, "distributorName": "山里人"},
            "orderLogisticsInfo": None,
            "orderRefundList": [],
            "orderNote": {"sellerNote": [{"note": "急"}, "二次"]},
        }
    ]
)
BASKET_MEANS = {
    "order_no": str(NO),
    "shop": "f18Seller",
    "state": "awaiting_shipment",
    "raw_state": "30",
    "paid_fen": 10000,
    "freight_fen": 1000,
    "discount_total_fen": 999,
    "line_count": 1,
    "total_quantity": 3,
    "items": [
        {
            "line_id": str(NO + 1),
            "sku_id": "9007199254740993",
            "merchant_sku": "690100",
            "unit_price_fen": 3333,
            "discount_fen": 999,
            "paid_fen": 9000,
            "is_gift": False,
        }
    ],
    "receiver": {"city": "文昌市", "town": "清澜镇", "pii": "encrypted", "name": "符*"},
    "times": {
        "created": "2026-11-01T15:59:59.999000Z",
        "paid": "2026-11-01T16:00:00Z",
        "shipped": None,
        "ended": None,
    },
    "seller_memo": "急；二次",
    "extensions": {"distributor_id": "77001", "distributor_name": "山里人"},
}
OLD = kuaishou_order(remark="old")
NEW = kuaishou_order(remark="new", updateTime=1779240701001, riskCode=3)
NEWEST = {"state": "paid_on_hold", "hold": "risk_review", "buyer_memo": "new"}
HINT = {"order_no": str(NO), "shop": "f18Seller"}
NO_CIPHERS = {"encryptedConsignee": "", "encryptedMobile": "", "encryptedAddress": ""}
CLEAR = {"consignee": "符文", "mobile": "+8613900000001", "address": "文建路 1 号"}


def refunds(*found: tuple[int, int]) -> Native:
    listed = [
        {"refundId": at, "refundStatus": s, "handlingWay": w} for at, (s, w) in enumerate(found)
    ]
    return {"orderRefundList": listed}


CASES = [
    Case("an order of an influencer from a place without a city", BASKET, [BASKET_MEANS]),
    Case("a page of one order as an object", page(kuaishou_order()), [{"paid_fen": 10080}]),
    Case("one order's answer", detail(kuaishou_order()), [{"paid_fen": 10080}]),
    Case("a bare order", kuaishou_order(), [{"paid_fen": 10080}]),
    Case("an empty page", page([])),
    Case("an empty page without its list", page(None)),
    Case("snapshots in a page, newest first", page([NEW, OLD], "x"), [NEWEST]),
    Case("snapshots in a page, newest last", page([OLD, NEW], "x"), [NEWEST]),
    Case("several answers in one file", [page([OLD]), detail(NEW)], [NEWEST]),
    Case("several orders in one file", [NEW, OLD], [NEWEST]),
    Case("closed after it was paid", kuaishou_order(status=80), [{"state": "closed_refunded"}]),
    Case(
        "closed before it was paid",
        kuaishou_order(status=80, payTime=0),
        [{"state": "cancelled", "paid_fen": 0, "items": [{"refund_state": "none"}]}],
    ),
    Case("a status as text", kuaishou_order(status="70"), [{"state": "completed"}]),
    Case(
        "a status nobody knows",
        kuaishou_order(status=60),
        [{"state": "unknown", "raw_state": "60"}],
        named(P.STATE_UNKNOWN),
    ),
    Case(
        "one reason not to ship, as it stands",
        kuaishou_order(disableDeliveryReasonCode=5),
        [{"state": "paid_on_hold", "hold": "shipping_forbidden_by_channel"}],
    ),
    Case(
        "unpaid with a time of payment",
        kuaishou_order(status=10),
        [{"state": "unpaid", "paid_fen": 0}],
        named(P.STATE_CONTRADICTS_PAYMENT),
    ),
    Case(
        "a refund is asked for",
        kuaishou_order(parts=refunds((70, 10), (10, 10))),
        [{"state": "paid_on_hold", "hold": "refund_open", "items": [{"refund_state": "requested"}]}],
    ),
    Case(
        "an exchange is done",
        kuaishou_order(parts=refunds((60, 3)), status=50),
        [{"state": "completed", "items": [{"refund_state": "exchanged", "shipped_qty": 2}]}],
    ),
    Case(
        "a discount nobody explains",
        kuaishou_order(totalFee=9000),
        [{"paid_fen": 9000, "items": [{"paid_fen": 8400}]}],
        named(P.PROMOTIONS_DIFFER, P.LINES_DIFFER_FROM_TOTAL),
    ),
    Case(
        "a clear receiver",
        kuaishou_order(parts=address(**NO_CIPHERS, **CLEAR)),
        [{"receiver": {"pii": "plain", "name": "符文", "phone": "+8613900000001"}}],
    ),
    Case(
        "clear texts where ciphers stand",
        kuaishou_order(
            parts=address(
                encryptedConsignee="符文", encryptedMobile="13900000001", encryptedAddress="文建路1号"
            )
        ),
        [{"receiver": {"pii": "plain", "name": "符文", "name_cipher": "", "phone_cipher": ""}}],
    ),
    refused(
        "to be shipped to nobody",
        kuaishou_order(
            parts=address(**NO_CIPHERS, desensitiseConsignee="", desensitiseMobile="", desensitiseAddress="")
        ),
        P.RECEIVER_MISSING,
    ),
    Case("a gift", kuaishou_order(kuaishou_item(price=0), totalFee=600, discountFee=0), [{"paid_fen": 600, "items": [{"is_gift": True, "paid_fen": 0}]}]),
    Case("a message", message({"oid": NO, "sellerId": 1}), [HINT], named(P.DETAIL_NEEDED)),
    Case("messages after a byte order mark", b"\xef\xbb\xbf" + encoded([message({"oid": NO})]), [HINT], named(P.DETAIL_NEEDED)),
    Case("a claim names its order in other words", message({"orderId": str(NO), "refundId": 7}), [HINT], named(P.DETAIL_NEEDED)),
    Case(
        "two messages of one order, out of order, and a test among them",
        [
            message({"oid": NO, "status": 40, "updateTime": 1779240800000}),
            message({"oid": NO, "status": 30}),
            message({"oid": NO + 7}, test=True),
        ],
        [HINT | {"state": "shipped"}],
        named(P.DETAIL_NEEDED),
    ),
    Case(
        "a message nobody can read beside a good one",
        [message("{broken"), message({"oid": NO})],
        [HINT],
        named(P.DETAIL_NEEDED, P.NOT_AN_ORDER),
    ),
    refused("a heartbeat", {"test": True}, P.NOT_AN_ORDER),
    refused("a test message", message({"oid": NO}, test=True), P.NOT_AN_ORDER),
    refused("a message about goods", message({"itemId": 1}, event="kwaishop_item_updateItem"), P.NOT_AN_ORDER),
    refused("throttled inside HTTP 200", {"result": "1016", "error_msg": "Exceed qps limit, KEY [x], MAX_QPS 10"}, P.CHANNEL_ERROR),
    refused("the error of an empty page", {"result": 21, "error_msg": "access_token expired", "data": {"cursor": "", "orderList": []}}, P.CHANNEL_ERROR),
    refused("neither page nor order", {"result": 1, "data": {}}, P.NOT_AN_ORDER),
    refused("a negative freight", kuaishou_order(expressFee=-600), P.NEGATIVE_AMOUNT, P.LINES_DIFFER_FROM_TOTAL, P.PROMOTIONS_DIFFER),
    refused("seconds where milliseconds belong", kuaishou_order(updateTime=1779240701), P.BAD_TIME, P.MODIFIED_MISSING),
]  # fmt: skip
