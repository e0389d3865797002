"""Pinduoduo's JSON: orders and claims as its gateway writes them.

Guarantees: order money is a JSON number in yuan, claims' is text; Beijing time, "" for what has not
happened; the state is a product of fields; ciphers only while an order waits for shipment.
pay_amount = goods_amount - discount_amount + postage.
"""

from typing import Any

from simulators.catalog import Sku
from simulators.clock import beijing_text
from simulators.money import yuan, yuan_number
from simulators.orders import AfterSale, Line, Order, Shop

REQUEST_ID = "17792sim"
FIRST_SKU_ID = 1_200_000_000_000
FIRST_GOODS_ID = 300_000_000_000
_CONFIRM = {"unpaid": 0, "cancelled": 2, "closed": 2}
_SHIPPING = {"shipped": 2, "finished": 3}
_CLAIM_STATUS = {"open": 2, "agreed": 10, "refused": 6, "withdrawn": 11}
REFUND_ONLY = 2


def ids_of(sku: Sku) -> tuple[str, str]:
    """Return an article's goods_id and sku_id."""
    return str(FIRST_GOODS_ID + sku.number), str(FIRST_SKU_ID + sku.number)


def _time(at_ms: int) -> str:
    return beijing_text(at_ms) if at_ms else ""


def _refund_status(order: Order) -> int:
    if order.state == "closed":
        return 4
    return 2 if order.refund_open else 1


def _after_sales_status(order: Order) -> int:
    refunds = {line.refund for line in order.lines if line.paid_fen}
    return next((code for name, code in _CLAIM_STATUS.items() if name in refunds), 0)


def _item(order: Order, line: Line, place: int) -> dict[str, Any]:
    wrong = order.contradiction == "quantity_impossible" and place == 0
    return {
        "goods_count": 0 if wrong else line.quantity,
        "goods_id": FIRST_GOODS_ID + line.sku.number,
        "goods_img": "https://img.example.invalid/p.jpg",
        "goods_name": line.sku.title,
        # A gift has a price here although nobody pays it.
        "goods_price": yuan_number(line.sku.unit_price_fen),
        "goods_spec": line.sku.variant,
        "outer_goods_id": line.sku.product_code,
        "outer_id": line.sku.code,
        "sku_id": FIRST_SKU_ID + line.sku.number,
    }


def _receiver(order: Order) -> dict[str, str]:
    receiver, region = order.receiver, order.receiver.region
    token = f"{receiver.revision:02d}{receiver.canary}"
    waits = order.state == "paid"
    return {
        "country": "中国",
        "province": region.province,
        "city": region.city,
        "town": region.district,
        "receiver_name": f"~AgAAAAName{token}==~sim~1~" if waits else "",
        "receiver_phone": f"$simPhoneIndex$AgAAAAPhone{token}==$1$" if waits else "",
        "receiver_address": f"~AgAAAAAddress{token}==~sim~1~" if waits else "",
        "receiver_name_mask": f"测*{receiver.canary}",
        "receiver_phone_mask": "130****0001",
        "receiver_address_mask": f"示*路***{receiver.canary}",
    }


def _money(order: Order) -> dict[str, Any]:
    seller_fen = sum(line.discount_fen for line in order.lines) + order.shop_coupon_fen
    return {
        "goods_amount": yuan_number(order.goods_fen),
        "pay_amount": yuan_number(order.stated_paid_fen),
        "postage": yuan_number(order.freight_fen),
        "discount_amount": yuan_number(seller_fen + order.platform_coupon_fen),
        "seller_discount": yuan_number(seller_fen),
        "platform_discount": yuan_number(order.platform_coupon_fen),
        "capital_free_discount": 0,
        "order_change_amount": 0,
    }


def order_info(order: Order, _shop: Shop) -> dict[str, Any]:
    """Return one order, as both the increments and the single call give it."""
    first = order.shipments[0] if order.shipments else None
    placed = [(line, _item(order, line, place)) for place, line in enumerate(order.lines)]
    return {
        "order_sn": order.order_no,
        "trade_type": 0,
        "confirm_status": _CONFIRM.get(order.state, 1),
        "group_status": 0 if order.state == "unpaid" else 1,
        "order_status": _SHIPPING.get(order.state, 1),
        "refund_status": _refund_status(order),
        "after_sales_status": _after_sales_status(order),
        "risk_control_status": 0,
        "is_lucky_flag": 1,
        "is_pre_sale": 0,
        "self_contained": 0,
        "created_time": beijing_text(order.created_at_ms),
        "confirm_time": _time(order.paid_at_ms),
        "pay_time": _time(order.paid_at_ms),
        "pay_type": "WEIXIN" if order.paid_at_ms else "",
        "pay_no": f"42000000{order.serial:020d}" if order.paid_at_ms else "",
        "updated_at": beijing_text(order.modified_at_ms),
        "shipping_time": _time(order.shipped_at_ms),
        "receive_time": _time(order.ended_at_ms) if order.state == "finished" else "",
        "last_ship_time": _time(order.paid_at_ms + 172_800_000) if order.paid_at_ms else "",
        **_money(order),
        "item_list": [item for line, item in placed if not line.gift],
        "gift_list": [item for line, item in placed if line.gift],
        **_receiver(order),
        "buyer_memo": order.buyer_memo,
        "remark": order.seller_memo,
        "remark_tag": order.seller_flag,
        "logistics_id": int(first.company) if first else 0,
        "tracking_number": first.waybill if first else "",
        "step_order_info": None,
        "promotion_detail_list": [],
        "order_tag_list": [{"name": "delivery_one_day", "value": 0}],
        "mkt_biz_type": 0,
        "duoduo_wholesale": 0,
        "inner_transaction_id": f"XP{order.serial:028d}",
    }


def native_payload(order: Order, shop: Shop) -> dict[str, Any]:
    """Return the whole answer of pdd.order.information.get."""
    content = {"order_info": order_info(order, shop), "request_id": REQUEST_ID}
    return {"order_info_get_response": content}


def refund_row(claim: AfterSale, order: Order) -> dict[str, Any]:
    """Return one entry of the refund increments; sums are text here."""
    line = next(line for line in order.lines if line.line_no == claim.line_nos[0])
    return {
        "id": int(claim.after_sale_id),
        "order_sn": claim.order_no,
        "after_sales_status": _CLAIM_STATUS[claim.status],
        "after_sales_type": REFUND_ONLY,
        "after_sale_reason": claim.reason,
        "refund_amount": yuan(claim.amount_fen),
        "order_amount": yuan(order.paid_fen),
        "goods_id": FIRST_GOODS_ID + line.sku.number,
        "goods_name": line.sku.title,
        "goods_number": str(line.quantity),
        "goods_price": yuan(line.unit_price_fen),
        "sku_id": str(FIRST_SKU_ID + line.sku.number),
        "outer_id": line.sku.code,
        "created_time": beijing_text(claim.created_at_ms),
        "updated_time": beijing_text(claim.modified_at_ms),
        "tracking_number": "",
        "speed_refund_flag": 0,
        "speed_refund_status": "0",
    }
