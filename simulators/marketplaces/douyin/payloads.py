"""Douyin's JSON: orders and pushes as the open platform writes them.

Guarantees: fen and epoch seconds, 0 for what has not happened, ciphers with masked twins, ids as text
in the API and as numbers in pushes. order_amount = pay_amount + promotion_amount (freight included);
pay_amount = sum of the lines' pay_amount + post_amount.
"""

from typing import Any

import msgspec

from simulators.catalog import Sku
from simulators.clock import SECOND_MS
from simulators.orders import AfterSale, Change, ChangeKind, Line, Order, Shop

_STATUS = {
    "unpaid": (1, 1, "待确认"),
    "paid": (2, 2, "待发货"),
    "part_shipped": (101, 101, "部分发货"),
    "shipped": (3, 3, "已发货"),
    "finished": (5, 5, "已完成"),
    "cancelled": (4, 4, "已取消"),
}
# A refunded order says by main_status whether its goods had left.
_CLOSED_BEFORE_SHIPPING = (4, 21, "发货前退款完结")
_CLOSED_AFTER_SHIPPING = (4, 22, "发货后退款完结")
_AFTER_SALE_STATUS = {"none": 0, "open": 6, "agreed": 12, "refused": 27, "withdrawn": 28}
_REFUND_STATUS = {"none": 0, "open": 1, "agreed": 3, "refused": 4, "withdrawn": 4}

TAGS: dict[ChangeKind, str] = {
    "placed": "100",
    "paid": "101",
    "shipped": "102",
    "finished": "103",
    "address_changed": "105",
    "cancelled": "106",
    "memo_changed": "113",
    "after_sale_opened": "200",
    "after_sale_agreed": "206",
    "after_sale_refused": "204",
    "after_sale_withdrawn": "207",
}


def status_of(order: Order) -> tuple[int, int, str]:
    """Return order_status, main_status and their text."""
    if order.state == "closed":
        return _CLOSED_AFTER_SHIPPING if order.shipped_at_ms else _CLOSED_BEFORE_SHIPPING
    return _STATUS[order.state]


def _times(order: Order) -> dict[str, int]:
    return {
        "pay_time": order.paid_at_ms // SECOND_MS,
        "order_expire_time": 1800,
        "finish_time": order.ended_at_ms // SECOND_MS if order.state == "finished" else 0,
        "create_time": order.created_at_ms // SECOND_MS,
        "update_time": order.modified_at_ms // SECOND_MS,
        "ship_time": order.shipped_at_ms // SECOND_MS,
        "exp_ship_time": order.paid_at_ms // SECOND_MS + 172_800 if order.paid_at_ms else 0,
    }


def _address(order: Order) -> dict[str, Any]:
    region = order.receiver.region
    return {
        "province": {"name": region.province, "id": region.code[:2]},
        "city": {"name": region.city, "id": f"{region.code[:4]}00"},
        "town": {"name": region.district, "id": region.code},
        "street": {"name": region.town, "id": f"{region.code}001"},
    }


def _receiver(order: Order) -> dict[str, Any]:
    receiver, address = order.receiver, _address(order)
    token = f"{receiver.revision:02d}{receiver.canary}"
    return {
        "post_tel": "",
        "encrypt_post_tel": f"$telIdx$tel{token}$1$$",
        "post_receiver": "",
        "encrypt_post_receiver": f"#nameIdx#name{token}*1*1##",
        "post_addr": {
            **address,
            "detail": "",
            "encrypt_detail": f"##detailIdx##detail{token}*1*1##",
        },
        "mask_post_receiver": f"测*{receiver.canary}",
        "mask_post_tel": "1**********",
        "mask_post_addr": {**address, "detail": f"示例*****{receiver.canary}"},
        "open_address_id": f"oaid{order.serial:08d}R{receiver.revision:02d}",
    }


def _money(order: Order) -> dict[str, int]:
    shop_fen = sum(line.discount_fen for line in order.lines) + order.shop_coupon_fen
    off_fen = shop_fen + order.platform_coupon_fen
    return {
        "order_amount": order.paid_fen + off_fen,
        "pay_amount": order.stated_paid_fen,
        "post_amount": order.freight_fen,
        "post_origin_amount": order.freight_fen,
        "post_promotion_amount": 0,
        "post_insurance_amount": 0,
        "modify_amount": 0,
        "modify_post_amount": 0,
        "promotion_amount": off_fen,
        "total_promotion_amount": off_fen,
        "promotion_shop_amount": shop_fen,
        "promotion_platform_amount": order.platform_coupon_fen,
        "promotion_talent_amount": 0,
        "promotion_pay_amount": 0,
        "promotion_redpack_amount": 0,
        "shop_cost_amount": shop_fen,
        "platform_cost_amount": order.platform_coupon_fen,
        "author_cost_amount": 0,
        "only_platform_cost_amount": order.platform_coupon_fen,
        "packing_amount": 0,
        "tax_amount": 0,
    }


def _promotion_detail(order: Order) -> dict[str, Any]:
    line_fen = sum(line.discount_fen for line in order.lines)
    coupons = []
    if order.shop_coupon_fen:
        coupons.append(
            {
                "coupon_id": 7_000_000_000_000_000_001,
                "coupon_type": 22,
                "coupon_meta_id": "5000001",
                "coupon_amount": order.shop_coupon_fen,
                "coupon_name": "店铺直减券",
                "share_discount_cost": _borne_by("shop_cost", order.shop_coupon_fen),
            }
        )
    return {
        "shop_discount_detail": {
            "total_amount": order.shop_coupon_fen + line_fen,
            "coupon_amount": order.shop_coupon_fen,
            "full_discount_amount": line_fen,
            "coupon_info": coupons,
            "full_discount_info": _campaign(1, "限时限量购", line_fen, "shop_cost"),
        },
        "platform_discount_detail": {
            "total_amount": order.platform_coupon_fen,
            "coupon_amount": 0,
            "full_discount_amount": order.platform_coupon_fen,
            "coupon_info": [],
            "full_discount_info": _campaign(
                110, "平台满减", order.platform_coupon_fen, "platform_cost"
            ),
            "redpack_amount": 0,
            "redpack_info": [],
            "gold_coin_amount": 0,
        },
        "kol_discount_detail": {
            "total_amount": 0,
            "coupon_amount": 0,
            "full_discount_amount": 0,
            "coupon_info": [],
            "full_discount_info": [],
            "redpack_amount": 0,
            "redpack_info": [],
        },
    }


def _borne_by(who: str, amount_fen: int) -> dict[str, int]:
    return {"platform_cost": 0, "shop_cost": 0, "author_cost": 0, who: amount_fen}


def _campaign(kind: int, name: str, amount_fen: int, who: str) -> list[dict[str, Any]]:
    if not amount_fen:
        return []
    return [
        {
            "campaign_id": kind * 1_000 + 1,
            "campaign_type": kind,
            "campaign_name": name,
            "campaign_amount": amount_fen,
            "campaign_sub_type": 1,
            "share_discount_cost": _borne_by(who, amount_fen),
        }
    ]


def _line_money(line: Line) -> dict[str, int]:
    shop_fen = line.discount_fen + line.shop_share_fen
    return {
        "order_amount": line.goods_fen,
        "pay_amount": line.paid_fen,
        "post_amount": 0,
        "post_insurance_amount": 0,
        "modify_amount": 0,
        "modify_post_amount": 0,
        "promotion_amount": shop_fen + line.platform_share_fen,
        "promotion_shop_amount": shop_fen,
        "promotion_platform_amount": line.platform_share_fen,
        "shop_cost_amount": shop_fen,
        "platform_cost_amount": line.platform_share_fen,
        "only_platform_cost_amount": line.platform_share_fen,
        "author_cost_amount": 0,
        "promotion_talent_amount": 0,
        "promotion_pay_amount": 0,
        "tax_amount": 0,
        "origin_amount": line.unit_price_fen,
        "sum_amount": line.goods_fen,
    }


def ids_of(sku: Sku) -> tuple[str, str]:
    """Return an article's product_id and sku_id."""
    code = 1_700_000_000_000_000 + sku.number
    return str(3_500_000_000_000_000_000 + code % 1_000_000), str(code)


def _sku_order(order: Order, line: Line, quantity: int, shared: dict[str, Any]) -> dict[str, Any]:
    product_id, sku_id = ids_of(line.sku)
    return {
        **shared,
        "order_id": line.line_no,
        "parent_order_id": order.order_no,
        "order_level": 3,
        "trade_type_desc": "普通",
        "b_type_desc": "抖音",
        "sub_b_type_desc": "H5",
        "author_id": 0,
        "author_name": "",
        "room_id": 0,
        "room_id_str": "",
        "video_id": "",
        "c_biz": 8,
        "c_biz_desc": "小店自卖",
        **_line_money(line),
        "code": line.sku.code,
        "product_id": int(product_id),
        "product_id_str": product_id,
        "sku_id": int(sku_id),
        "spec": [{"name": "颜色", "value": line.sku.variant}],
        "out_sku_id": "",
        "out_product_id": "0",
        "reduce_stock_type": 1,
        "item_num": quantity,
        "product_pic": "https://img.example.invalid/d.jpg",
        "product_name": line.sku.title,
        "pre_sale_type": 0,
        "after_sale_info": {
            "after_sale_status": _AFTER_SALE_STATUS[line.refund],
            "after_sale_type": 0 if line.refund == "none" else 1 if line.waybill else 2,
            "refund_status": _REFUND_STATUS[line.refund],
        },
        "given_product_type": "FREE" if line.gift else "",
        "master_sku_order_id_list": [order.lines[0].line_no] if line.gift else [],
        "bundle_sku_info": [],
        "campaign_info": [],
    }


def _parcels(order: Order) -> list[dict[str, Any]]:
    shipped_at_s = order.shipped_at_ms // SECOND_MS
    return [
        {
            "tracking_no": one.waybill,
            "company": one.company,
            "ship_time": shipped_at_s,
            "delivery_id": pack_id(place),
        }
        for place, one in enumerate(order.shipments)
    ]


def pack_id(place: int) -> str:
    """Return the platform's number of an order's parcel."""
    return f"91{place + 1:04d}"


def shop_order(order: Order, shop: Shop) -> dict[str, Any]:
    """Return one shop order with its sub-orders, as both searchList and orderDetail give it."""
    status, main_status, text = status_of(order)
    shared: dict[str, Any] = {
        "biz": 2,
        "biz_desc": "小店",
        "order_type": 0,
        "order_type_desc": "普通订单",
        "trade_type": 0,
        "order_status": status,
        "order_status_desc": text,
        "main_status": main_status,
        "main_status_desc": text,
        **_times(order),
        "cancel_reason": "不想要了" if order.cancelled_at_ms else "",
        "b_type": 2,
        "sub_b_type": 3,
        "app_id": 0,
        "pay_type": 1 if order.paid_at_ms else 0,
        "channel_payment_no": f"42000000{order.order_no}" if order.paid_at_ms else "",
        **_receiver(order),
    }
    wrong = order.contradiction == "quantity_impossible"
    return {
        **shared,
        "shop_id": shop.native_shop_id,
        "shop_name": shop.shop_name,
        "open_id": "",
        "order_id": order.order_no,
        "order_level": 2,
        "buyer_words": order.buyer_memo,
        "seller_words": order.seller_memo,
        "seller_remark_stars": order.seller_flag,
        **_money(order),
        "logistics_info": _parcels(order),
        "promotion_detail": _promotion_detail(order),
        "sku_order_list": [
            _sku_order(order, line, 0 if wrong and place == 0 else line.quantity, shared)
            for place, line in enumerate(order.lines)
        ],
        "order_phase_list": [],
        "doudian_open_id": f"1@#simOpenId{order.serial:08d}==",
        "shop_order_tag_ui": [],
        "user_tag_ui": [],
    }


def answer(content: object) -> dict[str, Any]:
    """Wrap what a call gives in the platform's envelope of success."""
    return {
        "log_id": "sim",
        "code": 10000,
        "msg": "success",
        "sub_code": "",
        "sub_msg": "",
        "data": content,
    }


def detail(order: Order, shop: Shop) -> dict[str, Any]:
    """Return the whole answer of order.orderDetail."""
    return answer({"shop_order_detail": shop_order(order, shop)})


def push_message(change: Change, shop: Shop, msg_no: int) -> dict[str, str]:
    """Return one entry of a push: tag, msg_id, and what changed as JSON text with numeric ids."""
    order = change.order
    content: dict[str, Any] = {
        "p_id": int(order.order_no),
        "s_ids": [int(line.line_no) for line in order.lines],
        "shop_id": shop.native_shop_id,
        "order_status": 1 if change.kind == "placed" else status_of(order)[0],
        "order_type": 0,
        "biz": 2,
        "update_time": order.modified_at_ms // SECOND_MS,
    }
    match change.kind:
        case "placed":
            content["create_time"] = order.created_at_ms // SECOND_MS
        case "paid":
            content |= {
                "pay_amount": order.stated_paid_fen,
                "pay_time": order.paid_at_ms // SECOND_MS,
                "pay_type": 1,
            }
        case "cancelled":
            content |= {
                "cancel_reason": "不想要了",
                "cancel_time": order.cancelled_at_ms // SECOND_MS,
            }
        case "memo_changed":
            content |= {"remark": order.seller_memo, "star": order.seller_flag}
        case "shipped":
            last = order.shipments[-1]
            content["logistics_msg"] = {
                "express_company_id": last.company,
                "logistics_code": last.waybill,
            }
    if change.after_sale is not None:
        content |= _claim(change.after_sale)
    return {
        "tag": TAGS[change.kind],
        "msg_id": f"{order.order_no}:{shop.native_shop_id}:sim:{msg_no}",
        "data": msgspec.json.encode(content).decode(),
    }


def _claim(after_sale: AfterSale) -> dict[str, int]:
    return {
        "aftersale_id": int(after_sale.after_sale_id),
        "aftersale_status": _AFTER_SALE_STATUS[after_sale.status],
        "aftersale_type": 2 if after_sale.before_shipping else 1,
        "apply_time": after_sale.created_at_ms // SECOND_MS,
        "reason_code": 1,
        "refund_amount": after_sale.amount_fen,
        "refund_post_amount": after_sale.freight_fen,
        "refund_voucher_num": 0,
        "s_id": int(after_sale.line_nos[0]),
        "update_time": after_sale.modified_at_ms // SECOND_MS,
    }


def claim_row(after_sale: AfterSale) -> dict[str, Any]:
    """Return one entry of afterSale.List; ids as text, sums in fen."""
    return {
        "aftersale_info": {
            **_claim(after_sale),
            "aftersale_id": after_sale.after_sale_id,
            "refund_status": _REFUND_STATUS[after_sale.status],
        },
        "order_info": {
            "shop_order_id": after_sale.order_no,
            "related_order_info": [{"sku_order_id": line_no} for line_no in after_sale.line_nos],
        },
    }
