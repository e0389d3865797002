"""Youzan's JSON: orders and claims as its cloud writes them.

Guarantees: yuan text, Beijing time, "" for what has not happened, ciphers for receivers; a gift has a
price, which is part of total_fee and a discount again. payment = total_fee - discounts + post_fee.
"""

from typing import Any

import msgspec

from simulators.catalog import Sku
from simulators.clock import beijing_text
from simulators.money import yuan
from simulators.orders import AfterSale, Line, Order, Shop

FIRST_ITEM_ID = 495_000_000
FIRST_SKU_ID = 400_800_000
TRACE_ID = "yz7-sim"
_STATUS = {
    "unpaid": "WAIT_BUYER_PAY",
    "paid": "WAIT_SELLER_SEND_GOODS",
    "part_shipped": "WAIT_SELLER_SEND_GOODS",
    "shipped": "WAIT_BUYER_CONFIRM_GOODS",
    "finished": "TRADE_SUCCESS",
    "cancelled": "TRADE_CLOSED",
    "closed": "TRADE_CLOSED",
}
# Inside an order a claim's state is a number, in the calls about claims a word.
_CLAIM_NUMBER = {"open": 1, "refused": 10, "withdrawn": 50, "agreed": 60}
_CLAIM_WORD = {
    "open": "WAIT_SELLER_AGREE",
    "refused": "SELLER_REFUSE_BUYER",
    "withdrawn": "CLOSED",
    "agreed": "SUCCESS",
}
_BUYER_CANCELS, _ALL_REFUNDED = 3, 2


def ids_of(sku: Sku) -> tuple[str, str]:
    """Return an article's item_id and sku_id."""
    return str(FIRST_ITEM_ID + sku.number // 10), str(FIRST_SKU_ID + sku.number)


def status_of(order: Order) -> str:
    """Return the order's status."""
    return _STATUS[order.state]


def _time(at_ms: int) -> str:
    return beijing_text(at_ms) if at_ms else ""


def _refund_state(order: Order) -> int:
    refunds = [line.refund for line in order.lines if line.paid_fen]
    if all(one == "agreed" for one in refunds):
        return 12
    if "open" in refunds:
        return 11 if all(one == "open" for one in refunds) else 1
    return 2 if "agreed" in refunds else 0


def _info(order: Order, shop: Shop) -> dict[str, Any]:
    close_type = {"cancelled": _BUYER_CANCELS, "closed": _ALL_REFUNDED}.get(order.state, 0)
    return {
        "tid": order.order_no,
        "status": status_of(order),
        "type": 0,
        "team_type": 0,
        "close_type": close_type,
        "express_type": 0,
        "pay_type": 10 if order.paid_at_ms else 0,
        "pay_type_str": "WEIXIN_DAIXIAO" if order.paid_at_ms else "",
        "refund_state": _refund_state(order),
        "activity_type": 1,
        "is_retail_order": False,
        "created": beijing_text(order.created_at_ms),
        "update_time": beijing_text(order.modified_at_ms),
        "pay_time": _time(order.paid_at_ms),
        "expired_time": beijing_text(order.created_at_ms + 3_600_000),
        "confirm_time": "",
        "consign_time": _time(order.shipped_at_ms),
        "success_time": _time(order.ended_at_ms) if order.state == "finished" else "",
        "node_kdt_id": shop.native_shop_id,
        "root_kdt_id": shop.native_shop_id,
        "offline_id": 0,
        "order_tags": {"is_payed": bool(order.paid_at_ms), "is_secured_transactions": True},
        "order_extra": {"is_from_cart": "true", "buyer_name": _cipher(order, "Nick")},
    }


def _cipher(order: Order, kind: str) -> str:
    return f"${kind}{order.receiver.revision:02d}{order.receiver.canary}==$1$"


def _address(order: Order) -> dict[str, str]:
    region = order.receiver.region
    extra = {"areaCode": region.code, "lon": 104, "lat": 30}
    return {
        "receiver_name": _cipher(order, "Name"),
        "receiver_tel": _cipher(order, "Tel"),
        "delivery_province": region.province,
        "delivery_city": region.city,
        "delivery_district": region.district,
        "delivery_address": _cipher(order, "Address"),
        "delivery_postal_code": "",
        "address_extra": msgspec.json.encode(extra).decode(),
        "self_fetch_info": "",
    }


def _gross_fen(line: Line) -> int:
    return line.sku.unit_price_fen * line.quantity


def _off_fen(line: Line) -> int:
    """Return what a line itself is discounted by: all of it where it is a gift."""
    return _gross_fen(line) if line.gift else line.discount_fen


def _line(order: Order, line: Line, place: int) -> dict[str, Any]:
    wrong = order.contradiction == "quantity_impossible" and place == 0
    spec = [{"k": "颜色", "k_id": 1, "v": line.sku.variant, "v_id": line.sku.number}]
    net_fen = _gross_fen(line) if line.gift else _gross_fen(line) - line.discount_fen
    return {
        "oid": line.line_no,
        "item_id": FIRST_ITEM_ID + line.sku.number // 10,
        "sku_id": FIRST_SKU_ID + line.sku.number,
        "outer_item_id": line.sku.product_code,
        "outer_sku_id": line.sku.code,
        "title": line.sku.title,
        "pic_path": "https://img.example.invalid/y.jpg",
        "price": yuan(line.sku.unit_price_fen),
        "num": 0 if wrong else line.quantity,
        "total_fee": yuan(net_fen),
        "payment": yuan(line.paid_fen),
        "discount_price": yuan(net_fen // line.quantity),
        "discount": "0.00",
        "sku_properties_name": msgspec.json.encode(spec).decode(),
        "is_present": line.gift,
        "item_type": 0,
        "points_price": "0",
        "buyer_messages": "",
        "alias": f"sim{line.sku.number}",
        "freight": "0.00",
        "pre_sale_type": "",
        "is_pre_sale": "",
        "sku_unique_code": "",
    }


def _promotions(order: Order) -> dict[str, Any]:
    whole = []
    if order.shop_coupon_fen:
        whole.append(
            {
                "promotion_type": "card",
                "promotion_type_name": "优惠卡券",
                "promotion_title": "店铺券",
                "discount_fee": yuan(order.shop_coupon_fen),
                "coupon_id": "c1",
            }
        )
    return {
        "order_discount_fee": yuan(order.shop_coupon_fen),
        "item_discount_fee": yuan(sum(_off_fen(line) for line in order.lines)),
        "adjust_fee": "0.00",
        "order": whole,
        "item": [
            {
                "item_id": FIRST_ITEM_ID + line.sku.number // 10,
                "sku_id": FIRST_SKU_ID + line.sku.number,
                "oid": line.line_no,
                "is_present": line.gift,
                "promotions": [
                    {
                        "promotion_type": "present" if line.gift else "timelimitedDiscount",
                        "promotion_type_name": "赠品" if line.gift else "限时折扣",
                        "promotion_title": "赠品" if line.gift else "限时折扣",
                        "decrease": yuan(_off_fen(line)),
                    }
                ],
            }
            for line in order.lines
            if _off_fen(line)
        ],
    }


def _deliveries(order: Order) -> list[dict[str, Any]]:
    return [
        {
            "pk_id": index,
            "express_state": 1,
            "express_type": 1,
            "oids": [{"oid": line_no} for line_no in one.line_nos],
            "dists": [
                {
                    "dist_id": f"{order.serial}{index}",
                    "express_info": {"express_id": int(one.company), "express_no": one.waybill},
                }
            ],
        }
        for index, one in enumerate(order.shipments, start=1)
    ]


def _refunds(order: Order, claims: list[AfterSale]) -> list[dict[str, Any]]:
    states = {line.line_no: line.refund for line in order.lines}
    return [
        {
            "refund_type": 1,
            "refund_fee": yuan(claim.amount_fen),
            "refund_id": claim.after_sale_id,
            # A closed order has its gifts refunded too; a claim says how itself stands.
            "refund_state": _CLAIM_NUMBER.get(states[claim.line_nos[0]], 1),
            "oids": list(claim.line_nos),
        }
        for claim in claims
    ]


def trade(order: Order, shop: Shop, claims: list[AfterSale]) -> dict[str, Any]:
    """Return one order with all around it, as both the list and the single call give it."""
    goods_fen = sum(_gross_fen(line) for line in order.lines)
    payment_no = [f"42000000{order.serial:020d}"] if order.paid_at_ms else []
    return {
        "full_order_info": {
            "order_info": _info(order, shop),
            "address_info": _address(order),
            "pay_info": {
                "total_fee": yuan(goods_fen),
                "post_fee": yuan(order.freight_fen),
                "payment": yuan(order.stated_paid_fen),
                "transaction": payment_no,
                "outer_transactions": payment_no,
                "phase_payments": [],
            },
            "buyer_info": {
                "yz_open_id": f"sim{order.serial:08d}",
                "buyer_phone": _cipher(order, "Tel"),
                "fans_id": order.serial,
                "fans_type": 9,
                "fans_nickname": _cipher(order, "Nick"),
                "outer_user_id": f"oSim{order.serial:08d}",
            },
            "remark_info": {
                "buyer_message": order.buyer_memo,
                "trade_memo": order.seller_memo,
                "star": order.seller_flag,
            },
            "source_info": {
                "is_offline_order": False,
                "book_key": f"sim{order.serial:08d}",
                "biz_source": "",
                "order_mark": "wx_shop",
                "source": {"platform": "wx", "wx_entrance": "wx_gzh"},
            },
            "child_info": {"child_orders": []},
            "orders": [_line(order, line, place) for place, line in enumerate(order.lines)],
        },
        "order_promotion": _promotions(order),
        "delivery_order": _deliveries(order),
        "refund_order": _refunds(order, claims),
    }


def answer(content: object) -> dict[str, Any]:
    """Wrap what a call gives in the platform's envelope of success."""
    fields = {"trace_id": TRACE_ID, "code": 200, "message": "successful", "success": True}
    return fields | {"data": content}


def native_payload(order: Order, shop: Shop) -> dict[str, Any]:
    """Return the whole answer of youzan.trade.get for an order without claims."""
    return answer(trade(order, shop, []))


def claim_json(claim: AfterSale, shop: Shop) -> dict[str, Any]:
    """Return one claim; its version is when it changed last, and an answer must repeat it."""
    return {
        "refund_id": claim.after_sale_id,
        "kdt_id": shop.native_shop_id,
        "tid": claim.order_no,
        "oid": claim.line_nos[0],
        "status": _CLAIM_WORD[claim.status],
        "return_goods": False,
        "demand": 1,
        "refund_type": "BUYER_APPLY_REFUND",
        "refund_fee": yuan(claim.amount_fen),
        "reason": 1,
        "created": beijing_text(claim.created_at_ms),
        "modified": beijing_text(claim.modified_at_ms),
        "version": claim.modified_at_ms,
    }
