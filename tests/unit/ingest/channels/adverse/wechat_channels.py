"""What the WeChat shop may send."""

from typing import Any

from services.ingest.domain.model import ProblemCode as P
from tests.unit.ingest.channels.adverse.case import Case, named, refused
from tests.unit.ingest.channels.builders import Native, encoded
from tests.unit.ingest.channels.marketplace_natives import wechat_order, wechat_product

NO = 3712345678901234567  # above 2^53


def detail(order: Native) -> Native:
    return {"errcode": 0, "errmsg": "ok", "order": order}


def receiver(**changed: Any) -> Native:
    known = wechat_order()["order_detail"]["delivery_info"]
    return {"delivery_info": {**known, "address_info": {**known["address_info"], **changed}}}


def delivered(*parcels: Native) -> Native:
    known = wechat_order()["order_detail"]["delivery_info"]
    return {"delivery_info": {**known, "delivery_product_info": list(parcels)}}


def price(**changed: Any) -> Native:
    return {"price_info": {**wechat_order()["order_detail"]["price_info"], **changed}}


BASKET = detail(
    {
        "order_id": NO,
        "status": 20,
        "create_time": 1793548799,
        "update_time": 1793548802,
        "openid": "oBuyer",
        "order_detail": {
            "product_infos": [
                {"product_id": 10000123456789012, "sku_id": "3300000001", "sku_cnt": 3, "sale_price": 1999, "real_price": 5500, "title": "茶叶", "sku_code": "CY-1", "on_aftersale_sku_cnt": 0, "finish_aftersale_sku_cnt": 0},
                {"product_id": "10000123456789013", "sku_id": 3300000002, "sku_cnt": "1", "sale_price": 100, "real_price": 100, "sku_code": "", "out_sku_id": 6901},
                {"product_id": "10000123456789012", "sku_id": "3300000001", "sku_cnt": 1, "sale_price": 500, "real_price": 0, "is_free_gift": 1},
            ],
            "pay_info": {"pay_time": 1793548800, "payment_method": 1},
            "price_info": {"product_price": 6597, "order_price": 6200, "freight": 600, "discounted_price": 997, "is_change_freight": 0},
            "delivery_info": {
                "address_info": {
                    "user_name": "苏菲",
                    "province_name": "天津市",
                    "city_name": "天津市",
                    "county_name": "和平区",
                    "detail_info": "南京路 1 号",
                    "house_number": "2-301",
                    "tel_number": "13000000001-0001",
                    "hash_code": "hash-9",
                },
                "delivery_product_info": [],
                "ship_done_time": 0,
            },
            "ext_info": {"customer_notes": "少放糖", "merchant_notes": "", "confirm_receipt_time": "0", "finder_id": "sph1", "order_scene": 2},
            "commission_infos": {"sku_id": "3300000001", "nickname": "茶小二", "type": 0, "amount": 275, "finder_id": "sph1"},
        },
    }
)  # fmt: skip
BASKET_MEANS = {
    "order_no": str(NO),
    "state": "awaiting_shipment",
    "raw_state": "20",
    "paid_fen": 6200,
    "freight_fen": 600,
    "discount_total_fen": 997,
    "line_count": 3,
    "total_quantity": 5,
    "items": [
        {"sku_id": "3300000001", "merchant_sku": "CY-1", "paid_fen": 5500, "discount_fen": 497},
        {"sku_id": "3300000002", "merchant_sku": "6901", "paid_fen": 100, "is_gift": False},
        {"sku_id": "3300000001", "paid_fen": 0, "is_gift": True},
    ],
    "receiver": {
        "city": "天津市",
        "district": "和平区",
        "pii": "plain",
        "name": "苏菲",
        "phone": "13000000001-0001",
        "address": "南京路 1 号 2-301",
        "key": "hash-9",
    },
    "promotions": [{"fen": 997, "borne_by": "seller"}],
    "times": {"created": "2026-11-01T15:59:59Z", "paid": "2026-11-01T16:00:00Z", "ended": None},
    "buyer_memo": "少放糖",
    "extensions": {"finder_id": "sph1", "finder_name": "茶小二", "commission_fen": 275},
}
OLD = wechat_order(openid="old")
NEW = wechat_order(status=13, update_time=1779240702)
NEWEST = {"state": "paid_on_hold", "hold": "group_not_complete", "raw_state": "13"}
TWO = (
    wechat_product(sku_cnt=1, sale_price=25900, real_price=24400),
    wechat_product(sku_id="2000002", sku_cnt=1, sale_price=25900, real_price=24400),
)
XML = f"""<xml><ToUserName><![CDATA[gh_1]]></ToUserName><CreateTime>1779240701</CreateTime>
<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[channels_ec_order_pay]]></Event>
<order_info><order_id>{NO}</order_id><pay_time>1779240700</pay_time></order_info></xml>"""
PAID_EVENT = {
    "ToUserName": "gh_1",
    "CreateTime": 1779240701,
    "MsgType": "event",
    "Event": "channels_ec_order_pay",
    "order_info": {"order_id": NO, "pay_time": 1779240700},
}

CASES = [
    Case("basket with a flagged gift and a clear receiver", BASKET, [BASKET_MEANS]),
    Case("a bare order", wechat_order(), [{"paid_fen": 49300}]),
    Case("several answers in one file", [detail(NEW), detail(OLD), wechat_order(order_id="1")], [NEWEST, {"order_no": "1"}]),
    Case("a page of numbers", {"errcode": 0, "order_id_list": [NO, str(NO), "2"], "has_more": False}, [{"order_no": str(NO)}, {"order_no": "2"}], named(P.DETAIL_NEEDED)),
    Case("an empty page", {"errcode": 0, "order_id_list": [], "next_key": "", "has_more": False}),
    Case("an empty page without its list", {"errcode": 0, "errmsg": "ok", "next_key": "", "has_more": False}),
    Case("one product and one parcel as objects", wechat_order(detail={"product_infos": wechat_product(), **delivered()}), [{"line_count": 1}]),
    Case(
        "a line whose total only its estimate tells",
        wechat_order(wechat_product(real_price=None, estimate_price=49000, is_change_price=True, change_price=48800)),
        [{"items": [{"paid_fen": 48800, "discount_fen": 3000}]}],
    ),
    Case(
        "a changed price that does not count",
        wechat_order(wechat_product(real_price=None, estimate_price=48800, is_change_price=False, change_price=0)),
        [{"items": [{"paid_fen": 48800}]}],
    ),
    Case(
        "partly shipped: the parcel holds one of two lines",
        wechat_order(
            *TWO,
            status=21,
            detail=delivered(
                {"waybill_id": "SF0000000000001", "delivery_id": "SF", "delivery_time": 1779300000, "product_infos": [{"product_id": "10000000000001", "sku_id": "2000002", "product_cnt": 1}]}
            ),
        ),
        [
            {
                "state": "partly_shipped",
                "items": [{"shipped_qty": 0}, {"shipped_qty": 1}],
                "parcels": [
                    {
                        "waybill_no": "SF0000000000001",
                        "carrier": "SF",
                        "shipped_at": "2026-05-20T18:00:00Z",
                        "line_ids": ["10000000000001-2000002-1"],
                    }
                ],
            }
        ],
    ),
    Case(
        "some pieces asked back, some given back",
        wechat_order(wechat_product(sku_cnt=4, sale_price=12950, on_aftersale_sku_cnt=1, finish_aftersale_sku_cnt=1)),
        [{"state": "paid_on_hold", "hold": "refund_open", "items": [{"refund_state": "requested", "refunded_qty": 1}]}],
    ),
    Case(
        "an open after-sales request which no product counts",
        wechat_order() | {"aftersale_detail": {"aftersale_order_list": [{"aftersale_order_id": 1, "status": 1}], "on_aftersale_order_cnt": 1}},
        [{"state": "paid_on_hold", "hold": "refund_open"}],
    ),
    Case(
        "a phone that only stands beside",
        wechat_order(detail=receiver(user_name="苏菲", detail_info="南京路 1 号", tel_number="", tel_number_ext_info={"real_tel_number": "", "virtual_tel_number": "13000000001-0002"})),
        [{"receiver": {"pii": "plain", "phone": "13000000001-0002"}}],
    ),
    Case("a commission that is none keeps no order back", wechat_order(detail={"commission_infos": [{"finder_id": "f", "amount": "1.50"}]}), [{"paid_fen": 49300, "extensions": {"finder_id": "f", "commission_fen": 0}}], named(P.BAD_AMOUNT)),
    Case("pay later", wechat_order(detail={"pay_info": {"pay_time": 1779240700, "payment_method": 2}}), [{"state": "awaiting_shipment", "paid_fen": 0, "times": {"paid": None}}]),
    Case("pay later, done", wechat_order(status=100, detail={"pay_info": {"pay_time": 1779240700, "payment_method": "2"}}), [{"state": "completed", "paid_fen": 49300}]),
    Case(
        "won in a lottery",
        wechat_order(wechat_product(real_price=0), detail={"pay_info": {"payment_method": 3}, **price(order_price=0, freight=0, discounted_price=51800)}),
        [{"state": "awaiting_shipment", "paid_fen": 0, "items": [{"paid_fen": 0}]}],
    ),
    Case("points beside the discount", wechat_order(detail=price(deduction_price=500, order_price=48800)), [{"paid_fen": 48800, "discount_total_fen": 3500, "promotions": [{"fen": 3000}, {"fen": 500}]}]),
    Case("a changed freight", wechat_order(detail=price(is_change_freight=1, change_freight=0, order_price=48800)), [{"freight_fen": 0, "paid_fen": 48800}]),
    Case("discounts which do not add up", wechat_order(detail=price(discounted_price=2000)), [{"discount_total_fen": 3000}], named(P.PROMOTIONS_DIFFER)),
    Case("goods which do not add up", wechat_order(detail=price(product_price=50000)), [{"paid_fen": 49300}], named(P.GOODS_DIFFER_FROM_TOTAL)),
    Case("a gift nobody has accepted", wechat_order(status=12), [{"state": "paid_on_hold", "hold": "gift_not_accepted"}]),
    Case("a status nobody knows", wechat_order(status=14), [{"state": "unknown", "raw_state": "14"}], named(P.STATE_UNKNOWN)),
    Case("all refunded", wechat_order(wechat_product(finish_aftersale_sku_cnt=2), status=200), [{"state": "closed_refunded", "items": [{"refund_state": "refunded", "refunded_qty": 2}]}]),
    Case("cancelled unpaid", wechat_order(status=250, detail={"pay_info": {"pay_time": 0}}), [{"state": "cancelled", "paid_fen": 0}]),
    Case("masks", wechat_order(detail=receiver(tel_number="*******0001")), [{"receiver": {"pii": "masked", "name": "测*"}}]),
    refused("to be shipped to nobody", wechat_order(detail=receiver(user_name="", tel_number="", detail_info="", hash_code="")), P.RECEIVER_MISSING),
    Case("an event", PAID_EVENT, [{"order_no": str(NO), "times": {"paid": "2026-05-20T01:31:40Z"}}], named(P.DETAIL_NEEDED)),
    Case("an event in XML", XML.encode(), [{"order_no": str(NO)}], named(P.DETAIL_NEEDED)),
    Case("an event in XML after a mark and blanks", b"\xef\xbb\xbf\r\n" + XML.encode(), [{"order_no": str(NO)}], named(P.DETAIL_NEEDED)),
    refused("an event about no order", PAID_EVENT | {"order_info": None}, P.NOT_AN_ORDER),
    refused("a sealed push", {"ToUserName": "gh_1", "Encrypt": "x12/5hCt8WSD9FOF=="}, P.NOT_AN_ORDER),
    refused("the quota is used up", {"errcode": 45009, "errmsg": "reach max api daily quota limit"}, P.CHANNEL_ERROR),
    refused("busy, as text", {"errcode": "-1", "errmsg": "system error", "order": None}, P.CHANNEL_ERROR),
    refused("an answer with nothing", {"errcode": 0, "errmsg": "ok"}, P.NOT_AN_ORDER),
    refused("times as text are of the older API", wechat_order(create_time="2026-05-20 09:31:02", update_time="2026-05-20 09:31:02"), P.BAD_TIME, P.MODIFIED_MISSING),
    refused("fen with a fraction", wechat_order(detail=price(order_price="493.00")), P.BAD_AMOUNT, P.FREIGHT_ABOVE_TOTAL, P.LINES_DIFFER_FROM_TOTAL, P.PROMOTIONS_DIFFER),
    Case("GB18030", encoded(wechat_order()).decode().encode("gb18030"), [{"buyer_memo": "发顺丰"}]),
]  # fmt: skip
