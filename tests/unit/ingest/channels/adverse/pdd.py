"""What Pinduoduo may send."""

from typing import Any

from services.ingest.domain.model import ProblemCode as P
from tests.unit.ingest.channels.adverse.case import Case, named, refused
from tests.unit.ingest.channels.builders import Native, encoded
from tests.unit.ingest.channels.marketplace_natives import pdd_item, pdd_order


def detail(*items: Native, **changed: Any) -> Native:
    return {"order_info_get_response": {"order_info": pdd_order(*items, **changed)}}


def listed(rows: Any, **changed: Any) -> Native:
    return {"order_sn_increment_get_response": {"order_sn_list": rows, **changed}}


BASKET: Native = {
    "order_info_get_response": {
        "order_info": {
            "order_sn": "261111-987654321098765",
            "confirm_status": 1,
            "group_status": 1,
            "order_status": 1,
            "refund_status": 1,
            "after_sales_status": 0,
            "risk_control_status": 0,
            "trade_type": 0,
            "created_time": "2026-11-11 23:59:58",
            "pay_time": "2026-11-12 00:00:01",
            "updated_at": "2026-11-12 00:00:02",
            "shipping_time": None,
            "receive_time": "0000-00-00 00:00:00",
            "pay_amount": 36.0,
            "goods_amount": 33.04,
            "order_change_amount": 0.0,
            "discount_amount": 5.04,
            "platform_discount": 2.02,
            "seller_discount": 3.02,
            "capital_free_discount": 0,
            "postage": 8.0,
            "item_list": [
                {"sku_id": 9007199254740993, "goods_id": 1, "outer_id": "ZJ-1", "goods_name": "纸巾", "goods_count": 3, "goods_price": 4.35},
                {"sku_id": "9007199254740995", "goods_id": 2, "outer_id": 6901, "goods_name": "牙膏", "goods_count": 1, "goods_price": 19.99},
            ],
            "gift_list": [
                {"sku_id": 9007199254740993, "goods_name": "纸巾 试用", "goods_count": 2, "goods_price": 4.35}
            ],
            "province": "重庆市",
            "city": "重庆市",
            "town": "渝中区",
            "receiver_name": "~AgName~demo~1~",
            "receiver_phone": "$index$AgPhone$1$",
            "receiver_address": "~AgAddress~demo~1~",
            "receiver_name_mask": "李*",
            "receiver_phone_mask": "139****0001",
            "receiver_address_mask": "解*碑***",
            "buyer_memo": "",
            "remark": "",
            "tracking_number": "",
        }
    }
}  # fmt: skip
BASKET_MEANS = {
    "order_no": "261111-987654321098765",
    "state": "awaiting_shipment",
    "paid_fen": 3600,
    "payable_fen": 3600,
    "freight_fen": 800,
    "discount_total_fen": 504,
    "line_count": 3,
    "total_quantity": 6,
    "items": [
        {"sku_id": "9007199254740993", "unit_price_fen": 435, "paid_fen": 1106, "is_gift": False},
        {"sku_id": "9007199254740995", "merchant_sku": "6901", "paid_fen": 1694},
        {"sku_id": "9007199254740993", "qty": 2, "paid_fen": 0, "is_gift": True},
    ],
    "promotions": [{"fen": 302, "borne_by": "seller"}, {"fen": 202, "borne_by": "platform"}],
    "receiver": {
        "province": "重庆市",
        "city": "重庆市",
        "district": "渝中区",
        "pii": "encrypted",
        "name": "李*",
        "phone": "139****0001",
        "name_cipher": "~AgName~demo~1~",
    },
    "times": {
        "created": "2026-11-11T15:59:58Z",
        "paid": "2026-11-11T16:00:01Z",
        "shipped": None,
        "ended": None,
    },
}
GONE = {
    "receiver_name": "",
    "receiver_phone": "",
    "receiver_address": "",
    "receiver_name_mask": "",
    "receiver_phone_mask": "",
    "receiver_address_mask": "",
}
CLEAR = {
    "receiver_name": "李小红",
    "receiver_phone": "13900000001",
    "receiver_address": "解放碑 1 号",
    "receiver_name_mask": "",
    "receiver_phone_mask": "",
    "receiver_address_mask": "",
}
OLD = pdd_order(remark="old", updated_at="2026-05-20 09:31:46")
NEW = pdd_order(remark="new", updated_at="2026-05-20 09:31:47", risk_control_status=1)
NEWEST = {"seller_memo": "new", "state": "paid_on_hold", "hold": "risk_review"}
DEPOSIT = {"step_trade_status": 1, "advanced_paid_fee": 10.01, "step_paid_fee": 0}

CASES = [
    Case("basket with a gift of a bought SKU", BASKET, [BASKET_MEANS]),
    Case("a page of one order as an object", listed(pdd_order()), [{"paid_fen": 4980}]),
    Case("an empty page", listed([], total_count=0)),
    Case("a page without its list", listed(None, total_count=0)),
    Case("snapshots in a page, newest first", listed([NEW, OLD]), [NEWEST]),
    Case("snapshots in a page, newest last", listed([OLD, NEW]), [NEWEST]),
    Case("several answers in one file", [listed([OLD]), detail(**NEW)], [NEWEST]),
    Case(
        "rows with numbers only",
        listed([{"order_sn": "260520-000000000000009"}]),
        [{"order_no": "260520-000000000000009"}],
        named(P.DETAIL_NEEDED),
    ),
    Case(
        "clear texts where ciphers stand",
        detail(**CLEAR),
        [
            {
                "receiver": {
                    "pii": "plain",
                    "name": "李小红",
                    "phone": "13900000001",
                    "address": "解放碑 1 号",
                    "name_cipher": "",
                    "phone_cipher": "",
                }
            }
        ],
    ),
    Case(
        "one clear text among ciphers",
        detail(receiver_phone="13900000001", receiver_phone_mask=""),
        [{"receiver": {"pii": "encrypted", "phone": "", "phone_cipher": ""}}],
        named(P.RECEIVER_MIXED),
    ),
    Case(
        "after shipping the receiver is empty",
        detail(order_status=2, shipping_time="2026-05-21 08:00:00", tracking_number=773000000000001, **GONE),
        [
            {
                "state": "shipped",
                "receiver": {"pii": "absent"},
                "items": [{"shipped_qty": 2}],
                "parcels": [{"waybill_no": "773000000000001"}],
                "times": {"shipped": "2026-05-21T00:00:00Z"},
            }
        ],
    ),
    Case(
        "after shipping a refund is asked for",
        detail(order_status=2, refund_status=2, shipping_time="2026-05-21 08:00:00", tracking_number=773000000000001, **GONE),
        [{"state": "paid_on_hold", "hold": "refund_open", "items": [{"shipped_qty": 2, "refund_state": "requested"}]}],
    ),
    Case("a group that failed after its parcel had left", detail(order_status=2, group_status=2), [{"state": "shipped", "hold": ""}]),
    refused("to be shipped to nobody", detail(**GONE), P.RECEIVER_MISSING),
    Case("times of zero have not happened", detail(shipping_time=0, receive_time="0"), [{"times": {"shipped": None, "ended": None}}]),
    Case("money back before all else", detail(refund_status=4, confirm_status=2, risk_control_status=1, group_status=0), [{"state": "closed_refunded"}]),
    Case("cancelled before a deposit", detail(confirm_status=2, trade_type=1, step_order_info=DEPOSIT), [{"state": "cancelled", "paid_fen": 1001}]),
    Case("a deposit before the group", detail(group_status=0, trade_type=1, step_order_info=DEPOSIT), [{"state": "deposit_paid", "paid_fen": 1001, "hold": "presale_balance_open"}]),
    Case("the group is not complete", detail(group_status=0), [{"state": "paid_on_hold", "hold": "group_not_complete"}]),
    Case("a refund is asked for", detail(refund_status=2), [{"state": "paid_on_hold", "hold": "refund_open"}]),
    Case("a lottery", detail(is_lucky_flag=2), [{"state": "paid_on_hold", "hold": "lottery"}]),
    Case("a risk code nobody knows", detail(risk_control_status=3), [{"state": "unknown"}], named(P.STATE_UNKNOWN)),
    Case("a deposit of nothing", detail(trade_type=1, step_order_info={"step_trade_status": 1}), [{"state": "deposit_paid", "paid_fen": 0}], named(P.STATE_CONTRADICTS_PAYMENT)),
    Case("unpaid", detail(confirm_status=0, pay_time=""), [{"state": "unpaid", "paid_fen": 0, "times": {"paid": None}}]),
    Case(
        "the free order of the leader and a lowered price",
        detail(
            pdd_item(goods_price=10, goods_count=3),
            goods_amount=28,
            order_change_amount=2,
            discount_amount=28,
            platform_discount=0,
            seller_discount=0,
            capital_free_discount=28,
            pay_amount=0,
        ),
        [{"paid_fen": 0, "discount_total_fen": 3000, "items": [{"discount_fen": 3000}]}],
    ),
    Case(
        "discounts which do not add up",
        detail(platform_discount=9),
        [{"paid_fen": 4980, "discount_total_fen": 1000}],
        named(P.PROMOTIONS_DIFFER),
    ),
    Case(
        "a payment nobody explains",
        detail(pay_amount=50.8),
        [{"paid_fen": 5080, "items": [{"paid_fen": 5080}]}],
        named(P.PROMOTIONS_DIFFER, P.LINES_DIFFER_FROM_TOTAL),
    ),
    Case(
        "one item and one gift as objects",
        {**pdd_order(), "item_list": pdd_item(), "gift_list": pdd_item(goods_count="1")},
        [{"line_count": 2, "items": [{"is_gift": False}, {"is_gift": True, "qty": 1}]}],
    ),
    Case("two lines of one SKU", detail(pdd_item(goods_count=1), pdd_item(goods_count=1)), [{"items": [{"line_id": "1200000000001-1"}, {"line_id": "1200000000001-2"}]}]),
    Case("codes as text", detail(order_status="3", refund_status="1", group_status="1", confirm_status="1"), [{"state": "completed"}]),
    Case("a byte order mark", b"\xef\xbb\xbf" + encoded(detail()), [{"paid_fen": 4980}]),
    Case("GB18030", encoded(detail()).decode().encode("gb18030"), [{"seller_memo": "加急", "receiver": {"city": "成都市"}}]),
    refused("an error inside HTTP 200", {"error_response": {"error_code": 50001, "error_msg": "业务服务错误", "sub_code": "70031"}}, P.CHANNEL_ERROR),
    refused("refunds are no orders", {"refund_increment_get_response": {"refund_list": [], "total_count": 0}}, P.NOT_AN_ORDER),
    refused("yuan with thirds of a fen", detail(pay_amount=33.333), P.BAD_AMOUNT, P.LINES_DIFFER_FROM_TOTAL, P.PROMOTIONS_DIFFER),
    refused("a negative price", detail(pdd_item(goods_price=-29.9)), P.NEGATIVE_AMOUNT, P.GOODS_DIFFER_FROM_TOTAL, P.LINES_DIFFER_FROM_TOTAL, P.PROMOTIONS_DIFFER),
    refused("not a number", encoded(detail()).replace(b"49.8", b"NaN"), P.GARBAGE),
]  # fmt: skip
