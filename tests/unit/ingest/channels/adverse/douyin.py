"""What Douyin may send."""

import json
from typing import Any

from services.ingest.domain.model import ProblemCode as P
from tests.unit.ingest.channels.adverse.case import Case, named, refused
from tests.unit.ingest.channels.builders import Native, douyin_line, douyin_order, encoded

NO = 6955555555555555551  # above 2^53
NO_PROMOTIONS: Native = {"total_amount": 0, "coupon_info": [], "full_discount_info": []}


def detail(*lines: Native, **changed: Any) -> Native:
    return {"code": 10000, "data": {"shop_order_detail": douyin_order(*lines, **changed)}}


def listed(rows: Any, **changed: Any) -> Native:
    return {"code": 10000, "msg": "success", "data": {"shop_order_list": rows, **changed}}


def message(tag: Any, told: Any) -> Native:
    text = told if isinstance(told, str) else json.dumps(told)
    return {"tag": tag, "msg_id": f"{tag}:1", "data": text}


BASKET = listed(
    [
        {
            "order_id": NO,
            "shop_id": 41234567,
            "order_status": 2,
            "main_status": 2,
            "order_amount": 27590,
            "pay_amount": 24035,
            "post_amount": 800,
            "promotion_amount": 3555,
            "promotion_shop_amount": 2000,
            "promotion_platform_amount": 1000,
            "promotion_talent_amount": 55,
            "promotion_pay_amount": 500,
            "promotion_redpack_amount": 0,
            "pay_type": 2,
            "create_time": 1793548799,
            "pay_time": 1793548801,
            "update_time": 1793548802,
            "ship_time": 0,
            "finish_time": "0",
            "exp_ship_time": 1793721601,
            "buyer_words": "生日礼物🎂",
            "seller_words": "",
            "seller_remark_stars": 3,
            "post_receiver": "",
            "encrypt_post_receiver": "#idx#cipherName*1*1##",
            "encrypt_post_tel": "$idx$cipherTel$1$$",
            "mask_post_receiver": "周*",
            "mask_post_tel": "1**********",
            "post_addr": {
                "province": {"name": "北京市"},
                "city": {"name": "北京市"},
                "town": {"name": "朝阳区"},
                "street": {"name": "望京街道"},
                "detail": "",
                "encrypt_detail": "##idx##cipherDetail*1*1##",
            },
            "mask_post_addr": {"detail": "望*街*****"},
            "open_address_id": "addr-1",
            "promotion_detail": {
                "shop_discount_detail": {
                    "total_amount": 2000,
                    "coupon_info": {
                        "coupon_name": "店铺券",
                        "coupon_amount": 2000,
                        "share_discount_cost": {"shop_cost": 1500, "author_cost": 500},
                    },
                },
                "platform_discount_detail": {
                    "total_amount": 1000,
                    "redpack_info": [{"redpack_amount": 1000}],
                },
                "kol_discount_detail": {
                    "total_amount": 55,
                    "coupon_info": [{"coupon_name": "达人券", "coupon_amount": 55}],
                },
            },
            "sku_order_list": [
                {
                    "order_id": NO,
                    "order_status": 2,
                    "main_status": 2,
                    "sku_id": 1799999999999999991,
                    "product_id_str": "3599999999999999991",
                    "code": "HD-1",
                    "product_name": "花灯",
                    "origin_amount": 12900,
                    "sum_amount": 25800,
                    "item_num": 2,
                    "pay_amount": 22345,
                    "author_id": 88001,
                    "author_name": "小鹿",
                    "c_biz": 2,
                },
                {
                    "order_id": NO + 1,
                    "order_status": 2,
                    "sku_id": "0",
                    "product_id_str": "3599999999999999992",
                    "code": "",
                    "out_sku_id": 990001,
                    "origin_amount": 990,
                    "item_num": 1,
                    "pay_amount": 890,
                },
                {
                    "order_id": NO + 2,
                    "order_status": 2,
                    "sku_id": 1799999999999999993,
                    "origin_amount": 0,
                    "item_num": 1,
                    "pay_amount": 0,
                    "given_product_type": "FREE",
                    "master_sku_order_id_list": [str(NO)],
                },
            ],
        }
    ],
    total=1,
)
BASKET_MEANS = {
    "order_no": str(NO),
    "shop": "41234567",
    "state": "awaiting_shipment",
    "paid_fen": 24035,
    "freight_fen": 800,
    "discount_total_fen": 3555,
    "line_count": 3,
    "total_quantity": 4,
    "items": [
        {
            "line_id": str(NO),
            "sku_id": "1799999999999999991",
            "merchant_sku": "HD-1",
            "unit_price_fen": 12900,
            "discount_fen": 3455,
            "paid_fen": 22345,
        },
        {"sku_id": "3599999999999999992", "merchant_sku": "990001", "paid_fen": 890},
        {"paid_fen": 0, "is_gift": True},
    ],
    "promotions": [
        {"name": "店铺券", "fen": 1500, "borne_by": "seller"},
        {"name": "店铺券", "fen": 500, "borne_by": "influencer"},
        {"name": "红包", "fen": 1000, "borne_by": "platform"},
        {"name": "达人券", "fen": 55, "borne_by": "influencer"},
        {"name": "支付优惠", "fen": 500, "borne_by": "platform"},
    ],
    "receiver": {
        "province": "北京市",
        "city": "北京市",
        "district": "朝阳区",
        "town": "望京街道",
        "pii": "encrypted",
        "name": "周*",
        "key": "addr-1",
    },
    "times": {"paid": "2026-11-01T16:00:01Z", "shipped": None, "ended": None},
    "buyer_memo": "生日礼物🎂",
    "extensions": {"author_id": "88001", "author_name": "小鹿", "seller_flag": 3},
}
OLD = douyin_order(seller_words="old")
NEW = douyin_order(seller_words="new", update_time=1779240702, order_status=105, main_status=105)
NEWEST = {"state": "paid_on_hold", "hold": "risk_review", "seller_memo": "new"}
PHASES = [
    {"current_phase": 1, "pay_success": True, "phase_pay_amount": 2000},
    {"current_phase": 2, "pay_success": False, "phase_pay_amount": 0},
]
CLEAR = {
    "encrypt_post_receiver": "",
    "encrypt_post_tel": "",
    "mask_post_receiver": "",
    "mask_post_tel": "",
    "mask_post_addr": None,
    "post_receiver": "周舟",
    "post_tel": "13000000001-4321",
    "post_addr": {
        "province": {"name": "北京市"},
        "city": {"name": "北京市"},
        "town": {"name": "朝阳区"},
        "detail": "望京街 10 号",
    },
}
PAID_HINT = {
    "p_id": NO,
    "shop_id": 41234567,
    "order_status": 2,
    "pay_time": 1779240700,
    "pay_amount": 100,
}
LATER_HINT = PAID_HINT | {"order_status": 3, "update_time": 1779240800}
REFUND_HINT = {"p_id": NO + 9, "shop_id": 41234567, "aftersale_id": 7100000000000000001}
HINT = {"order_no": str(NO), "shop": "41234567"}


def aftersale(status: int, kind: int) -> Native:
    return {"after_sale_info": {"after_sale_status": status, "after_sale_type": kind}}


CASES = [
    Case("basket with discounts of all parties and a gift", BASKET, [BASKET_MEANS]),
    Case("a page of one order as an object", listed(douyin_order()), [{"paid_fen": 10000}]),
    Case("an empty page", listed([], total=0)),
    Case("an empty page without its list", listed(None, total=0)),
    Case("snapshots in a page, newest first", listed([NEW, OLD]), [NEWEST]),
    Case("snapshots in a page, newest last", listed([OLD, NEW]), [NEWEST]),
    Case("several answers in one file", [listed([OLD]), detail(**NEW)], [NEWEST]),
    Case(
        "discounts which only the head tells",
        detail(
            douyin_line(pay_amount=6000),
            pay_amount=6000,
            order_amount=10000,
            promotion_amount=4000,
            promotion_shop_amount=2000,
            promotion_platform_amount=1500,
            promotion_talent_amount=500,
        ),
        [
            {
                "discount_total_fen": 4000,
                "promotions": [
                    {"fen": 2000, "borne_by": "seller"},
                    {"fen": 1500, "borne_by": "platform"},
                    {"fen": 500, "borne_by": "influencer"},
                ],
            }
        ],
    ),
    Case(
        "a red packet beside the other discounts",
        detail(
            douyin_line(pay_amount=9000),
            pay_amount=9000,
            promotion_amount=1000,
            promotion_shop_amount=700,
            promotion_redpack_amount=300,
        ),
        [{"promotions": [{"fen": 700, "borne_by": "seller"}, {"fen": 300, "borne_by": "platform"}]}],
    ),
    Case(
        "the head contradicts itself",
        detail(order_amount=12000, promotion_amount=1000),
        [{"paid_fen": 10000}],
        named(P.PROMOTIONS_DIFFER),
    ),
    Case(
        "discounts which do not add up",
        detail(
            douyin_line(pay_amount=9000),
            pay_amount=9000,
            promotion_detail={
                "shop_discount_detail": {
                    "total_amount": 800,
                    "full_discount_info": {"campaign_name": "满减", "campaign_amount": 800},
                },
                "platform_discount_detail": NO_PROMOTIONS,
            },
        ),
        [{"discount_total_fen": 1000, "promotions": [{"name": "满减", "fen": 800}]}],
        named(P.PROMOTIONS_DIFFER),
    ),
    Case(
        "a gift that would have cost something",
        detail(
            douyin_line(pay_amount=9000),
            douyin_line(
                order_id=NO + 5, origin_amount=1900, item_num=1, pay_amount=0, given_product_type="FREE"
            ),
            pay_amount=9000,
            promotion_amount=1000,
            promotion_shop_amount=1000,
        ),
        [{"items": [{"paid_fen": 9000}, {"paid_fen": 0, "is_gift": True, "discount_fen": 1900}]}],
    ),
    Case(
        "a line's sum contradicts its price",
        detail(douyin_line(sum_amount=9900)),
        [{"paid_fen": 10000}],
        named(P.GOODS_DIFFER_FROM_TOTAL),
    ),
    Case(
        "a deposit by main status",
        detail(order_status=1, main_status=103, pay_time=0, order_phase_list=PHASES),
        [{"state": "deposit_paid", "paid_fen": 2000, "hold": "presale_balance_open"}],
    ),
    Case(
        "a deposit which only its phases tell",
        detail(order_status=1, main_status=1, pay_time=0, trade_type=2, order_phase_list=PHASES),
        [{"state": "deposit_paid", "paid_fen": 2000, "hold": "presale_balance_open"}],
    ),
    Case(
        "to be shipped while its balance is open",
        detail(trade_type=2, order_phase_list=PHASES),
        [{"state": "deposit_paid", "paid_fen": 2000}],
    ),
    Case(
        "one phase as an object",
        detail(order_status=1, main_status=103, pay_time=0, order_phase_list=PHASES[0]),
        [{"state": "deposit_paid", "paid_fen": 2000}],
    ),
    Case(
        "refunded before shipping",
        detail(douyin_line(main_status=21, order_status=4), order_status=4, main_status=21),
        [{"state": "closed_refunded", "paid_fen": 10000, "items": [{"refund_state": "refunded"}]}],
    ),
    Case(
        "cancelled unpaid: no money went back",
        detail(douyin_line(order_status=4, main_status=4), order_status=4, main_status=4, pay_time=0),
        [{"state": "cancelled", "paid_fen": 0, "items": [{"refund_state": "none"}]}],
    ),
    Case(
        "each line of its own after-sales",
        detail(
            douyin_line(**aftersale(6, 2), pay_amount=2500),
            douyin_line(order_id="2", **aftersale(12, 3), pay_amount=2500),
            douyin_line(order_id="3", **aftersale(12, 1), pay_amount=2500),
            douyin_line(order_id="4", **aftersale(28, 0), pay_amount=2500),
        ),
        [
            {
                "state": "awaiting_shipment",
                "hold": "refund_open",
                "items": [
                    {"refund_state": "requested"},
                    {"refund_state": "exchanged"},
                    {"refund_state": "refunded"},
                    {"refund_state": "withdrawn"},
                ],
            }
        ],
    ),
    Case(
        "an after-sales state nobody knows",
        detail(douyin_line(**aftersale(77, 0))),
        [{"state": "paid_on_hold", "hold": "refund_open", "items": [{"refund_state": "unknown"}]}],
    ),
    Case(
        "partly shipped, one parcel as an object",
        detail(
            douyin_line(order_status=101),
            order_status=101,
            main_status=101,
            logistics_info={
                "tracking_no": "SF0000000000001",
                "company": "shunfeng",
                "ship_time": 1779300000,
                "product_info": {"sku_order_id": "6900000000000000011", "product_count": 1},
            },
        ),
        [
            {
                "state": "partly_shipped",
                "items": [{"qty": 2, "shipped_qty": 1}],
                "parcels": [
                    {"waybill_no": "SF0000000000001", "line_ids": ["6900000000000000011"]}
                ],
            }
        ],
    ),
    Case(
        "a clear receiver",
        detail(**CLEAR),
        [{"receiver": {"pii": "plain", "name": "周舟", "phone": "13000000001-4321", "address": "望京街 10 号"}}],
    ),
    Case(
        "masks alone, and the region beside them",
        detail(
            encrypt_post_receiver="",
            encrypt_post_tel="",
            post_addr=None,
            mask_post_addr={
                "province": {"name": "广东省"},
                "city": {"name": "东莞市"},
                "town": {"name": ""},
                "detail": "示*路***",
            },
        ),
        [{"receiver": {"pii": "masked", "province": "广东省", "city": "东莞市", "address": "示*路***"}}],
    ),
    Case(
        "cash on delivery",
        detail(pay_type=0, pay_time=0),
        [{"state": "awaiting_shipment", "paid_fen": 0, "payable_fen": 10000}],
    ),
    Case(
        "the main status says that it is cancelled",
        detail(main_status=4),
        [{"state": "cancelled", "raw_state": "2/4"}],
    ),
    Case(
        "the main status says that it is under review",
        detail(main_status=105),
        [{"state": "paid_on_hold", "raw_state": "2/105", "hold": "risk_review"}],
    ),
    Case(
        "the main status says that nothing is paid",
        detail(order_status=101, main_status=1),
        [{"state": "unpaid", "paid_fen": 0}],
        named(P.STATE_CONTRADICTS_PAYMENT),
    ),
    Case(
        "stars and stamps that are none keep no order back",
        detail(seller_remark_stars="red"),
        [{"paid_fen": 10000, "extensions": {"seller_flag": 0}}],
        named(P.BAD_AMOUNT),
    ),
    Case(
        "a status nobody knows",
        detail(main_status=77),
        [{"state": "unknown", "raw_state": "2/77", "hold": "unknown_state"}],
        named(P.STATE_UNKNOWN),
    ),
    Case("a push of one message", [message("101", PAID_HINT)], [HINT], named(P.DETAIL_NEEDED)),
    Case(
        "a push after a byte order mark",
        b"\xef\xbb\xbf" + encoded([message("101", PAID_HINT)]),
        [HINT],
        named(P.DETAIL_NEEDED),
    ),
    Case(
        "two messages of one order, out of order, and one of a refund",
        [message("103", LATER_HINT), message("101", PAID_HINT), message(206, REFUND_HINT)],
        [HINT | {"state": "shipped"}, {"order_no": str(NO + 9)}],
        named(P.DETAIL_NEEDED),
    ),
    Case(
        "a message nobody can read beside a good one",
        [message("101", "{broken"), message("101", PAID_HINT)],
        [HINT],
        named(P.DETAIL_NEEDED, P.NOT_AN_ORDER),
    ),
    refused("a probe is no order", [message("0", PAID_HINT)], P.NOT_AN_ORDER),
    refused("a probe without content", [{"tag": "0", "msg_id": "0", "data": ""}], P.NOT_AN_ORDER),
    refused("an empty push", [], P.NOT_AN_ORDER),
    refused("throttled inside HTTP 200", {"code": 60000, "msg": "限流", "data": None}, P.CHANNEL_ERROR),
    refused("a business error as text", {"code": "50002", "sub_code": "isv.business-failed:1", "sub_msg": "业务处理失败"}, P.CHANNEL_ERROR),
    refused("a shipment's answer", {"code": 10000, "msg": "success", "data": {"pack_id": "1"}}, P.NOT_AN_ORDER),
    refused("fen with a fraction", detail(pay_amount=100.5), P.BAD_AMOUNT, P.LINES_DIFFER_FROM_TOTAL),
    refused("a negative line", detail(douyin_line(pay_amount=-1)), P.NEGATIVE_AMOUNT, P.LINES_DIFFER_FROM_TOTAL),
    refused("no pieces", detail(douyin_line(item_num=0)), P.BAD_QUANTITY),
]  # fmt: skip
