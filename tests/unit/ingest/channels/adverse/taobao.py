"""What Taobao may send."""

from typing import Any

from services.ingest.domain.model import ProblemCode as P
from tests.unit.ingest.channels.adverse.case import Case, named, refused
from tests.unit.ingest.channels.builders import Native, encoded, taobao_line, taobao_trade

TID = 4798765432109876543  # above 2^53, and no tid_str beside it
PAID = "2026-05-20 09:31:38"


def detail(*lines: Native, **changed: Any) -> Native:
    return {"trade_fullinfo_get_response": {"trade": taobao_trade(*lines, **changed)}}


def listed(*rows: Native, **changed: Any) -> Native:
    return {"trades_sold_increment_get_response": {"trades": {"trade": list(rows)}, **changed}}


BASKET: Native = {
    "trade_fullinfo_get_response": {
        "trade": {
            "tid": TID,
            "status": "WAIT_SELLER_SEND_GOODS",
            "type": "fixed",
            "created": "2026-03-01 00:00:01",
            "pay_time": "2026-03-01 00:00:30",
            "modified": "2026-03-01 00:00:31",
            "consign_time": "",
            "end_time": None,
            "payment": "233.86",
            "post_fee": "6.50",
            "total_fee": "269.71",
            "adjust_fee": "0.00",
            "num": 0,
            "seller_nick": "云栖小铺",
            "receiver_name": "陈小满",
            "receiver_mobile": "13000000001-1234",
            "receiver_phone": "",
            "receiver_state": "河南省",
            "receiver_city": "",
            "receiver_district": "济源市",
            "receiver_town": "沁园街道",
            "receiver_address": "学苑路 9 号 2 单元 #501",
            "buyer_message": "请放驿站",
            "seller_flag": 5,
            "orders": {
                "order": [
                    {
                        "oid": TID + 1,
                        "sku_id": 5123456789012,
                        "num_iid": 9007199254740993,
                        "outer_sku_id": "ML-01",
                        "title": "棉麻桌布",
                        "num": 3,
                        "price": "89.90",
                        "discount_fee": "30.00",
                        "total_fee": "239.70",
                        "part_mjz_discount": "12.35",
                        "divide_order_fee": "227.35",
                        "payment": "239.70",
                        "refund_status": "NO_REFUND",
                        "status": "WAIT_SELLER_SEND_GOODS",
                    },
                    {
                        "oid": TID + 2,
                        "num_iid": 9007199254740995,
                        "outer_iid": "YJ-01",
                        "title": "邮费补差",
                        "num": 1,
                        "price": "0.01",
                        "total_fee": "0.01",
                        "divide_order_fee": "0.01",
                        "refund_status": "NO_REFUND",
                        "status": "WAIT_SELLER_SEND_GOODS",
                    },
                    {
                        "oid": TID + 3,
                        "sku_id": 5123456789012,
                        "outer_sku_id": "ML-01",
                        "title": "赠品 杯垫",
                        "num": 2,
                        "price": "0.00",
                        "total_fee": "0.00",
                        "divide_order_fee": "0.00",
                        "refund_status": "NO_REFUND",
                        "status": "WAIT_SELLER_SEND_GOODS",
                    },
                ]
            },
            "promotion_details": {
                "promotion_detail": [
                    {"promotion_name": "限时直降", "discount_fee": "30.00"},
                    {"promotion_name": "平台跨店满减", "discount_fee": "12.35"},
                    {"promotion_name": "满额包邮", "discount_fee": ""},
                    {"promotion_name": "满就送", "gift_item_id": "1", "gift_item_num": "2"},
                ]
            },
        }
    }
}
BASKET_MEANS = {
    "order_no": str(TID),
    "shop": "云栖小铺",
    "state": "awaiting_shipment",
    "paid_fen": 23386,
    "payable_fen": 23386,
    "freight_fen": 650,
    "discount_total_fen": 4235,
    "currency": "CNY",
    "line_count": 3,
    "total_quantity": 6,
    "hold": "",
    "items": [
        {
            "line_id": str(TID + 1),
            "sku_id": "5123456789012",
            "merchant_sku": "ML-01",
            "qty": 3,
            "unit_price_fen": 8990,
            "discount_fen": 4235,
            "paid_fen": 22735,
            "is_gift": False,
        },
        {"sku_id": "9007199254740995", "merchant_sku": "YJ-01", "paid_fen": 1, "is_gift": False},
        {"sku_id": "5123456789012", "qty": 2, "paid_fen": 0, "is_gift": True},
    ],
    "receiver": {
        "province": "河南省",
        "city": "济源市",
        "district": "济源市",
        "pii": "plain",
        "name": "陈小满",
        "phone": "13000000001-1234",
        "address": "学苑路 9 号 2 单元 #501",
    },
    "promotions": [
        {"name": "限时直降", "fen": 3000, "borne_by": "seller"},
        {"name": "平台跨店满减", "fen": 1235, "borne_by": "platform"},
    ],
    "times": {
        "created": "2026-02-28T16:00:01Z",
        "paid": "2026-02-28T16:00:30Z",
        "modified": "2026-02-28T16:00:31Z",
        "shipped": None,
        "ended": None,
    },
    "buyer_memo": "请放驿站",
}
OLD = taobao_trade(modified="2026-05-20 09:31:40", seller_memo="old")
NEW = taobao_trade(modified="2026-05-20 09:31:41", seller_memo="new", status="PAID_FORBID_CONSIGN")
NEWEST = {"state": "paid_on_hold", "seller_memo": "new", "hold": "paid_forbid_consign"}
WAITING = {"receiver_name": "王小明", "receiver_address": "文三路 9 号 2 幢 301", "oaid": ""}


def phoned(number: str) -> Case:
    return Case(
        f"a clear phone is no cipher: {number}",
        detail(**WAITING, receiver_mobile=number),
        [{"receiver": {"pii": "plain", "phone": number, "name": "王小明"}}],
    )


CASES = [
    Case("basket with gift, freight and two bearers", BASKET, [BASKET_MEANS]),
    Case(
        "one sub-order and one promotion as objects",
        detail(
            payment="90.00",
            orders={"order": taobao_line(divide_order_fee="90.00", part_mjz_discount="10.00")},
            promotion_details={
                "promotion_detail": {"promotion_name": "店铺券", "discount_fee": "10.00"}
            },
        ),
        [{"line_count": 1, "paid_fen": 9000, "promotions": [{"fen": 1000, "borne_by": "seller"}]}],
    ),
    Case(
        "a page of one row as an object",
        {
            "trades_sold_increment_get_response": {
                "has_next": False,
                "trades": {"trade": {"tid": TID, "status": "WAIT_BUYER_PAY", "payment": "1.00"}},
            }
        },
        [{"order_no": str(TID), "state": "unpaid"}],
        named(P.DETAIL_NEEDED),
    ),
    Case(
        "a row without its payment still hints",
        listed({"tid": TID, "status": "WAIT_SELLER_SEND_GOODS", "modified": PAID}),
        [{"order_no": str(TID)}],
        named(P.DETAIL_NEEDED),
    ),
    Case("snapshots in a page, newest first", listed(NEW, OLD), [NEWEST]),
    Case("snapshots in a page, newest last", listed(OLD, NEW), [NEWEST]),
    Case(
        "several answers in one file",
        [{"trade_fullinfo_get_response": {"trade": trade}} for trade in (OLD, NEW, OLD)],
        [NEWEST],
    ),
    Case("an empty page", listed(total_results=0)),
    Case("a page without trades", {"trades_sold_increment_get_response": {"has_next": False}}),
    Case(
        "a row of the pushed table keeps the answer as text",
        {
            "tid": 4000000000000000010,
            "status": "WAIT_SELLER_SEND_GOODS",
            "jdp_modified": PAID,
            "jdp_response": encoded(detail()).decode(),
        },
        [{"order_no": "4000000000000000010", "line_count": 1, "paid_fen": 10000}],
    ),
    Case(
        "simplified answers have no envelope and bare lists",
        {"trade": taobao_trade(orders=[taobao_line()]), "request_id": "1"},
        [{"line_count": 1, "paid_fen": 10000}],
    ),
    phoned("13000000001"),
    phoned("+8613000000001"),
    phoned("86-13000000001"),
    phoned("0571-88880000-1001"),
    phoned("13000000001-123456"),
    Case(
        "a cipher beside masks",
        detail(receiver_name="~AgAAAAdemoNameCipher==~1~", receiver_mobile="130****0001"),
        [{"receiver": {"pii": "encrypted", "name": "", "phone": "130****0001"}}],
        named(P.RECEIVER_MIXED),
    ),
    Case(
        "no person but the key for waybills",
        detail(receiver_name="", receiver_mobile="", receiver_address="", oaid="1Key=="),
        [{"state": "awaiting_shipment", "receiver": {"pii": "absent", "key": "1Key=="}}],
    ),
    refused(
        "neither a person nor a key",
        detail(receiver_name=None, receiver_mobile=None, receiver_address=None, oaid=""),
        P.RECEIVER_MISSING,
    ),
    Case(
        "a municipality without a city",
        detail(receiver_state="上海", receiver_city="浦东新区", receiver_district="陆家嘴街道"),
        [{"receiver": {"province": "上海", "city": "上海", "district": "浦东新区"}}],
    ),
    Case(
        "times of zero have not happened",
        detail(consign_time=0, end_time="0", est_con_time=""),
        [{"times": {"shipped": None, "ended": None, "ship_by": None}}],
    ),
    Case(
        "a blank time has not happened",
        detail(consign_time=" ", end_time="0000-00-00 00:00:00"),
        [{"times": {"shipped": None, "ended": None}}],
    ),
    refused("a modified time that is none", detail(modified="2026-02-30 10:00:00"), P.BAD_TIME, P.MODIFIED_MISSING),
    Case(
        "presale without its deposit never ships",
        detail(type="step", step_trade_status="FRONT_NOPAID_FINAL_NOPAID", pay_time=""),
        [{"state": "unpaid", "paid_fen": 0}],
    ),
    Case(
        "presale in a step nobody has described",
        detail(type="step", step_trade_status="FRONT_PAID_MIDDLE_NOPAID"),
        [{"state": "unknown", "hold": "unknown_state"}],
        named(P.STATE_UNKNOWN),
    ),
    Case(
        "a deposit that is paid with nothing",
        detail(status="WAIT_BUYER_PAY", type="step", step_trade_status="FRONT_PAID_FINAL_NOPAID"),
        [{"state": "deposit_paid", "paid_fen": 0, "hold": "presale_balance_open"}],
        named(P.STATE_CONTRADICTS_PAYMENT),
    ),
    Case(
        "a deposit above the whole",
        detail(
            status="WAIT_BUYER_PAY",
            type="step",
            step_trade_status="FRONT_PAID_FINAL_NOPAID",
            step_paid_fee="100.01",
        ),
        [{"state": "deposit_paid", "paid_fen": 10001}],
        named(P.PAID_ABOVE_PAYABLE),
    ),
    Case(
        "a price lowered by hand beside a promotion",
        detail(
            taobao_line(adjust_fee="-5.00", total_fee="95.00", divide_order_fee="85.00"),
            payment="85.00",
            adjust_fee="-5.00",
            promotion_details={
                "promotion_detail": [{"promotion_name": "店铺券", "discount_fee": "10.00"}]
            },
        ),
        [
            {
                "discount_total_fen": 1500,
                "promotions": [{"name": "店铺券", "fen": 1000}],
                "extensions": {"adjust_fen": -500},
            }
        ],
    ),
    Case(
        "several prices changed by hand, which only the lines tell",
        detail(
            taobao_line(adjust_fee="-5.00", total_fee="95.00", divide_order_fee="85.00"),
            taobao_line(
                oid_str="4000000000000000012",
                adjust_fee="2.00",
                total_fee="102.00",
                divide_order_fee="102.00",
            ),
            payment="187.00",
            total_fee="200.00",
            adjust_fee="0.00",
            promotion_details={
                "promotion_detail": [{"promotion_name": "店铺券", "discount_fee": "10.00"}]
            },
        ),
        [{"discount_total_fen": 1300, "items": [{"discount_fen": 1500}, {"discount_fen": -200}]}],
    ),
    Case(
        "promotions which do not add up",
        detail(
            taobao_line(divide_order_fee="85.00"),
            payment="85.00",
            promotion_details={
                "promotion_detail": [{"promotion_name": "店铺券", "discount_fee": "10.00"}]
            },
        ),
        [{"discount_total_fen": 1500, "promotions": [{"fen": 1000}]}],
        named(P.PROMOTIONS_DIFFER),
    ),
    Case(
        "lines which do not add up to the header",
        detail(
            taobao_line(divide_order_fee="33.34"),
            taobao_line(oid_str="4000000000000000012", divide_order_fee="66.67"),
            total_fee="200.00",
            payment="100.00",
        ),
        [{"paid_fen": 10000, "items": [{"paid_fen": 3334}, {"paid_fen": 6666}]}],
        named(P.LINES_DIFFER_FROM_TOTAL),
    ),
    Case(
        "one line shipped, one refunded, one asked for, one to go",
        detail(
            taobao_line(
                status="WAIT_BUYER_CONFIRM_GOODS",
                consign_time="2026-05-21 08:00:00",
                invoice_no="YT0000000000001",
                logistics_company="圆通速递",
                divide_order_fee="25.00",
            ),
            taobao_line(
                oid_str="4000000000000000012",
                status="TRADE_CLOSED",
                refund_status="SUCCESS",
                divide_order_fee="25.00",
            ),
            taobao_line(
                oid_str="4000000000000000013",
                refund_status="WAIT_BUYER_RETURN_GOODS",
                divide_order_fee="25.00",
            ),
            taobao_line(oid_str="4000000000000000014", divide_order_fee="25.00"),
            status="SELLER_CONSIGNED_PART",
            total_fee="400.00",
        ),
        [
            {
                "state": "partly_shipped",
                "hold": "refund_open",
                "items": [
                    {"shipped_qty": 2, "refund_state": "none"},
                    {"shipped_qty": 0, "refund_state": "refunded"},
                    {"shipped_qty": 0, "refund_state": "returning"},
                    {"shipped_qty": 0, "refund_state": "none"},
                ],
                "parcels": [
                    {
                        "waybill_no": "YT0000000000001",
                        "carrier": "圆通速递",
                        "shipped_at": "2026-05-21T00:00:00Z",
                        "line_ids": ["4000000000000000011"],
                    }
                ],
            }
        ],
    ),
    Case(
        "shipped, and its lines name no state of their own",
        detail(taobao_line(status=None), status="WAIT_BUYER_CONFIRM_GOODS"),
        [{"state": "shipped", "items": [{"shipped_qty": 2}]}],
    ),
    Case(
        "closed unpaid: no money went back",
        detail(
            taobao_line(status="TRADE_CLOSED_BY_TAOBAO"),
            status="TRADE_CLOSED_BY_TAOBAO",
            pay_time="",
            end_time="2026-05-21 09:31:02",
        ),
        [
            {
                "state": "cancelled",
                "paid_fen": 0,
                "items": [{"refund_state": "none", "paid_fen": 0}],
                "times": {"paid": None, "ended": "2026-05-21T01:31:02Z"},
            }
        ],
    ),
    Case(
        "closed with all money back",
        detail(
            taobao_line(status="TRADE_CLOSED", refund_status="SUCCESS"), status="TRADE_CLOSED"
        ),
        [{"state": "closed_refunded", "paid_fen": 10000, "items": [{"refund_state": "refunded"}]}],
    ),
    Case(
        "cash on delivery",
        detail(type="cod", pay_time=""),
        [{"state": "awaiting_shipment", "payable_fen": 10000, "paid_fen": 0}],
    ),
    Case(
        "amounts as numbers",
        detail(taobao_line(price=4.35, num=1, divide_order_fee=4.35), payment=4.35, total_fee=4.35),
        [{"paid_fen": 435, "items": [{"unit_price_fen": 435}]}],
    ),
    Case(
        "two lines of one SKU",
        detail(
            taobao_line(divide_order_fee="60.00", num=1),
            taobao_line(oid_str="4000000000000000012", divide_order_fee="40.00", num=1),
        ),
        [{"line_count": 2, "items": [{"sku_id": "5001"}, {"sku_id": "5001"}]}],
    ),
    Case(
        "fractions of a second",
        detail(modified="2026-05-20 09:31:40.5", created="2026-05-20 09:31:02.000"),
        [{"times": {"modified": "2026-05-20T01:31:40.500000Z", "created": "2026-05-20T01:31:02Z"}}],
    ),
    Case(
        "lines without their totals",
        detail(
            taobao_line(total_fee=None, divide_order_fee=None, discount_fee="10.00", part_mjz_discount="5.00"),
            taobao_line(oid_str="4000000000000000012", total_fee="", divide_order_fee="", adjust_fee="-1.00"),
            total_fee="200.00",
            payment="184.00",
        ),
        [{"items": [{"paid_fen": 8500}, {"paid_fen": 9900}]}],
    ),
    Case(
        "a line's total contradicts its own discount",
        detail(taobao_line(discount_fee="10.00")),
        [{"paid_fen": 10000, "items": [{"paid_fen": 10000}]}],
        named(P.GOODS_DIFFER_FROM_TOTAL),
    ),
    Case(
        "a flag and a coupon that are none keep no order back",
        detail(seller_flag="red", coupon_fee="1.00"),
        [{"paid_fen": 10000, "extensions": {"seller_flag": 0, "coupon_fen": 0}}],
        named(P.BAD_AMOUNT),
    ),
    Case("a later key of the same name counts", encoded(detail()).replace(b'"payment"', b'"payment":"9.00","payment"'), [{"paid_fen": 10000}]),
    Case("a byte order mark", b"\xef\xbb\xbf" + encoded(detail()), [{"paid_fen": 10000}]),
    Case(
        "GB18030",
        encoded(detail(**WAITING, receiver_mobile="13000000001", buyer_message="周末送货")).decode().encode("gb18030"),
        [{"buyer_memo": "周末送货", "receiver": {"pii": "plain", "name": "王小明", "city": "杭州市"}}],
    ),
    refused("an error inside HTTP 200", {"error_response": {"code": 15, "msg": "Remote service error", "sub_code": "isv.trade-not-exist", "sub_msg": "交易不存在"}}, P.CHANNEL_ERROR),
    refused("an error as text numbers", {"error_response": {"code": "27", "msg": "Invalid session"}}, P.CHANNEL_ERROR),
    refused("refunds are no trades", {"refunds_receive_get_response": {"total_results": 0}}, P.NOT_AN_ORDER),
    refused("a negative payment", detail(payment="-1.00"), P.NEGATIVE_AMOUNT, P.LINES_DIFFER_FROM_TOTAL),
    refused("a number nobody can hold", encoded(detail()).replace(b'"100.00"', b"1" + b"0" * 400), P.BAD_AMOUNT, P.GOODS_DIFFER_FROM_TOTAL),
    refused("a number as a float", encoded(detail(tid_str=None)).replace(b'"tid_str": null', b'"tid": 4.79876543210987e18'), P.BAD_SHAPE),
    refused("no lines", detail(orders={}), P.LINES_MISSING),
    refused("an empty file", b"", P.GARBAGE),
]  # fmt: skip
