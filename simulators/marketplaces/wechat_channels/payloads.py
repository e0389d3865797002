"""WeChat shop's JSON: orders and claims as the platform writes them.

Guarantees: fen and epoch seconds, 0 for what has not happened, ids as text, masked receivers.
order_price = product_price - discounted_price + freight; real_price is a line's share of it.
"""

from typing import Any

from simulators.catalog import Sku
from simulators.clock import SECOND_MS
from simulators.orders import AfterSale, Line, Order, Shop

FIRST_PRODUCT_ID = 10_000_000_000_000
FIRST_SKU_ID = 2_000_000
_STATUS = {
    "unpaid": 10,
    "paid": 20,
    "part_shipped": 21,
    "shipped": 30,
    "finished": 100,
    "cancelled": 250,
    "closed": 200,
}
# The order names its claims by a number, the calls about claims by a word.
_CLAIM_NUMBER = {"open": 1, "agreed": 13, "refused": 3, "withdrawn": 2}
_CLAIM_WORD = {
    "open": "MERCHANT_PROCESSING",
    "agreed": "MERCHANT_REFUND_SUCCESS",
    "refused": "MERCHANT_REJECT_REFUND",
    "withdrawn": "USER_CANCELD",
}


def listing_of(sku: Sku) -> tuple[str, str]:
    """Return an article's product and SKU."""
    return str(FIRST_PRODUCT_ID + sku.number), str(FIRST_SKU_ID + sku.number)


def ids_of(line: Line) -> tuple[str, str]:
    """Return product and SKU of a line, which name it."""
    return listing_of(line.sku)


def _product(order: Order, line: Line, place: int) -> dict[str, Any]:
    product_id, sku_id = ids_of(line)
    wrong = order.contradiction == "quantity_impossible" and place == 0
    return {
        "product_id": product_id,
        "sku_id": sku_id,
        "thumb_img": "https://img.example.invalid/w.jpg",
        "sku_cnt": 0 if wrong else line.quantity,
        "sale_price": line.unit_price_fen,
        "title": line.sku.title,
        "on_aftersale_sku_cnt": line.quantity if line.refund == "open" else 0,
        "finish_aftersale_sku_cnt": line.quantity if line.refund == "agreed" else 0,
        "sku_code": line.sku.code,
        "market_price": line.unit_price_fen,
        "sku_attrs": [{"attr_key": "颜色", "attr_value": line.sku.variant}],
        "real_price": line.paid_fen,
        "out_product_id": line.sku.product_code,
        "out_sku_id": "",
        "is_discounted": line.paid_fen < line.goods_fen,
        "estimate_price": line.paid_fen,
        "is_change_price": False,
        "change_price": 0,
        "out_warehouse_id": "",
        "is_free_gift": line.gift,
        "sku_deliver_info": {"stock_type": 0},
    }


def _price(order: Order) -> dict[str, Any]:
    off_fen = sum(line.goods_fen - line.paid_fen for line in order.lines)
    return {
        "product_price": order.goods_fen,
        "order_price": order.stated_paid_fen,
        "freight": order.freight_fen,
        "discounted_price": off_fen,
        "is_discounted": bool(off_fen),
        "original_order_price": order.goods_fen + order.freight_fen,
        "estimate_product_price": order.goods_fen - off_fen,
        "change_down_price": 0,
        "is_change_freight": False,
    }


def _delivery(order: Order) -> dict[str, Any]:
    receiver, region = order.receiver, order.receiver.region
    return {
        "address_info": {
            "user_name": f"测*{receiver.canary}",
            "postal_code": "",
            "province_name": region.province,
            "city_name": region.city,
            "county_name": region.district,
            "detail_info": f"{region.town}示例****{receiver.canary}",
            "tel_number": "130****0001",
            "use_tel_number": 0,
            "hash_code": f"hash{order.serial:08d}R{receiver.revision:02d}",
        },
        "delivery_product_info": [
            {
                "waybill_id": one.waybill,
                "delivery_id": one.company,
                "delivery_time": order.shipped_at_ms // SECOND_MS,
                "deliver_type": 1,
                "product_infos": [
                    dict(zip(("product_id", "sku_id"), ids_of(line), strict=True))
                    | {"product_cnt": line.quantity}
                    for line in order.lines
                    if line.line_no in one.line_nos
                ],
            }
            for one in order.shipments
        ],
        "ship_done_time": 0 if order.state == "part_shipped" else order.shipped_at_ms // SECOND_MS,
        "deliver_method": 0,
        "ewaybill_order_code": f"sim{order.serial:08d}",
    }


def order_json(order: Order, claims: list[AfterSale]) -> dict[str, Any]:
    """Return one order with its claims."""
    paid_at_s = order.paid_at_ms // SECOND_MS
    return {
        "order_id": order.order_no,
        "status": _STATUS[order.state],
        "create_time": order.created_at_ms // SECOND_MS,
        "update_time": order.modified_at_ms // SECOND_MS,
        "openid": f"oSim{order.serial:08d}",
        "unionid": "",
        "order_detail": {
            "product_infos": [
                _product(order, line, place) for place, line in enumerate(order.lines)
            ],
            "pay_info": {
                "prepay_id": f"up_{order.serial:08d}",
                "prepay_time": order.created_at_ms // SECOND_MS,
                "pay_time": paid_at_s,
                "transaction_id": f"42000000{order.serial:020d}" if paid_at_s else "",
                "payment_method": 1,
            },
            "price_info": _price(order),
            "delivery_info": _delivery(order),
            "coupon_info": {"user_coupon_id": ""},
            "ext_info": {
                "customer_notes": order.buyer_memo,
                "merchant_notes": order.seller_memo,
                "confirm_receipt_time": order.ended_at_ms // SECOND_MS
                if order.state == "finished"
                else 0,
                "finder_id": "",
                "live_id": "",
                "order_scene": 1,
            },
            "commission_infos": [],
            "sharer_info": {},
            "settle_info": {"predict_commission_fee": 0},
            "sku_sharer_infos": [],
        },
        "aftersale_detail": {
            "aftersale_order_list": [
                {"aftersale_order_id": one.after_sale_id, "status": _CLAIM_NUMBER[one.status]}
                for one in claims
            ],
            "on_aftersale_order_cnt": sum(one.status == "open" for one in claims),
        },
    }


def native_payload(order: Order, _shop: Shop) -> dict[str, Any]:
    """Return the whole answer of order/get for an order without claims."""
    return {"errcode": 0, "errmsg": "ok", "order": order_json(order, [])}


def claim_status(claim: AfterSale) -> str:
    """Return the word for where a claim stands."""
    return _CLAIM_WORD[claim.status]


def claim_json(claim: AfterSale, order: Order) -> dict[str, Any]:
    """Return one claim, which is over one line."""
    line = next(line for line in order.lines if line.line_no == claim.line_nos[0])
    product_id, sku_id = ids_of(line)
    return {
        "after_sale_order_id": claim.after_sale_id,
        "status": claim_status(claim),
        "openid": f"oSim{order.serial:08d}",
        "product_info": {
            "product_id": product_id,
            "sku_id": sku_id,
            "count": line.quantity,
            "fast_refund": False,
        },
        "refund_info": {"amount": claim.amount_fen, "refund_reason": 0},
        "type": "REFUND",
        "reason_text": claim.reason,
        "order_id": claim.order_no,
        "create_time": claim.created_at_ms // SECOND_MS,
        "update_time": claim.modified_at_ms // SECOND_MS,
    }
