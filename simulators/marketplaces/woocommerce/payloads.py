"""WooCommerce's JSON: orders and refunds as wc/v3 writes them.

Guarantees: amounts are text of two decimals, but a line's `price` is a number; times have no zone and a
twin in GMT; names carry HTML entities; provinces are codes. total = lines' totals + shipping_total; a
line's subtotal is before coupons, its total after. Prices include their taxes, of which there are none.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from msgspec import Raw

from simulators.catalog import Sku
from simulators.clock import BEIJING_S, zoneless_text
from simulators.money import yuan
from simulators.orders import AfterSale, Line, Order, Shop

_STATES = {
    "11": "CN2",
    "12": "CN3",
    "31": "CN10",
    "32": "CN11",
    "33": "CN12",
    "34": "CN13",
    "35": "CN14",
    "37": "CN16",
    "41": "CN17",
    "42": "CN18",
    "44": "CN20",
    "45": "CN21",
    "50": "CN23",
    "51": "CN24",
    "61": "CN26",
}
_STATUS = {
    "unpaid": "pending",
    "paid": "processing",
    "shipped": "completed",
    "finished": "completed",
    "cancelled": "cancelled",
    "closed": "refunded",
}
_SIXTEEN_PLACES = Decimal(1).scaleb(-16)


def ids_of(sku: Sku) -> tuple[str, str]:
    """Return an article's product and variation."""
    return str(9_000 + sku.number // 10), str(90_000 + sku.number)


def status_of(order: Order) -> str:
    """Return the order's status: a store knows no part of a shipment."""
    return _STATUS[order.state]


def _times(order: Order) -> dict[str, str | None]:
    moments = (
        ("date_created", order.created_at_ms),
        ("date_modified", order.modified_at_ms),
        ("date_paid", order.paid_at_ms),
        ("date_completed", order.shipped_at_ms),
    )
    found: dict[str, str | None] = {}
    for name, at_ms in moments:
        found[name] = zoneless_text(at_ms, BEIJING_S) if at_ms else None
        found[f"{name}_gmt"] = zoneless_text(at_ms, 0) if at_ms else None
    return found


def _price(total_fen: int, quantity: int) -> Raw:
    """Return what one piece costs as a number of as many places as it takes."""
    if not quantity:
        return Raw(b"0")
    exact = Decimal(total_fen) / (100 * quantity)
    places = exact.quantize(_SIXTEEN_PLACES, ROUND_HALF_EVEN).normalize()
    return Raw(f"{places:f}".encode())


def _line(line: Line, quantity: int) -> dict[str, Any]:
    sku = line.sku
    return {
        "id": int(line.line_no),
        "name": f"{sku.title} &ndash; 颜色: {sku.variant}",
        "product_id": int(ids_of(sku)[0]),
        "variation_id": int(ids_of(sku)[1]),
        "quantity": quantity,
        "tax_class": "",
        "subtotal": yuan(line.goods_fen - line.discount_fen),
        "subtotal_tax": "0.00",
        "total": yuan(line.paid_fen),
        "total_tax": "0.00",
        "taxes": [],
        "meta_data": [
            {
                "id": sku.number,
                "key": "pa_color",
                "value": sku.code.lower(),
                "display_key": "颜色",
                "display_value": sku.variant,
            }
        ],
        "sku": sku.code,
        "price": _price(line.paid_fen, quantity),
    }


def _addresses(order: Order) -> dict[str, Any]:
    """Return both addresses: the phone stands in the billing one only."""
    receiver, region = order.receiver, order.receiver.region
    known = bool(region.province)
    address = {
        "first_name": f"测试{receiver.canary}",
        "last_name": "李",
        "company": "",
        "address_1": f"{region.district}{region.town}示例路 {receiver.revision} 号 {receiver.canary}"
        if known
        else "",
        "address_2": "",
        "city": region.city or region.district,
        "state": _STATES[region.code[:2]] if known else "",
        "postcode": f"{region.code[:3]}000" if known else "",
        "country": "CN",
    }
    billing = {
        **address,
        "email": f"{receiver.canary}@example.invalid",
        "phone": receiver.mobile,
    }
    return {"billing": billing, "shipping": {**address, "phone": ""}}


def _shipping_line(order: Order) -> dict[str, Any]:
    return {
        "id": int(order.order_no) + 1,
        "method_title": "标准快递",
        "method_id": "flat_rate",
        "total": yuan(order.freight_fen),
        "total_tax": "0.00",
        "taxes": [],
        "meta_data": [],
    }


def _coupon_line(order: Order) -> dict[str, Any]:
    return {
        "id": int(order.order_no) + 2,
        "code": "welcome",
        "discount": yuan(order.shop_coupon_fen),
        "discount_tax": "0.00",
        "meta_data": [],
    }


def store_order(order: Order, shop: Shop) -> dict[str, Any]:
    """Return one order: alike in answers, lists and webhooks."""
    quantities = [line.quantity for line in order.lines]
    if order.contradiction == "quantity_impossible":
        quantities[0] = 0
    return {
        "id": int(order.order_no),
        "parent_id": 0,
        "number": order.order_no,
        "order_key": f"wc_order_sim{order.serial:08d}",
        "created_via": "checkout",
        "version": "9.0.0",
        "status": status_of(order),
        "currency": shop.currency,
        **_times(order),
        "discount_total": yuan(order.shop_coupon_fen),
        "discount_tax": "0.00",
        "shipping_total": yuan(order.freight_fen),
        "shipping_tax": "0.00",
        "cart_tax": "0.00",
        "total": yuan(order.stated_paid_fen),
        "total_tax": "0.00",
        "prices_include_tax": True,
        "customer_id": order.serial,
        "customer_note": order.buyer_memo,
        **_addresses(order),
        "payment_method": "alipay",
        "payment_method_title": "支付宝",
        "transaction_id": f"20260520{order.serial:020d}" if order.paid_at_ms else "",
        "cart_hash": "",
        "meta_data": [
            {"id": place, "key": "parcel", "value": f"{one.company} {one.waybill}".strip()}
            for place, one in enumerate(order.shipments, start=1)
        ],
        "line_items": [
            _line(line, quantity) for line, quantity in zip(order.lines, quantities, strict=True)
        ],
        "tax_lines": [],
        "shipping_lines": [_shipping_line(order)],
        "fee_lines": [],
        "coupon_lines": [_coupon_line(order)] if order.shop_coupon_fen else [],
        "refunds": [
            {
                "id": int(one.after_sale_id),
                "reason": one.reason,
                "total": f"-{yuan(one.amount_fen)}",
            }
            for one in order.refunds
        ],
    }


def refund(one: AfterSale, order: Order) -> dict[str, Any]:
    """Return a refund: quantities and totals are negative, only its amount is not."""
    lines = [line for line in order.lines if line.line_no in one.line_nos]
    return {
        "id": int(one.after_sale_id),
        "date_created": zoneless_text(one.modified_at_ms, BEIJING_S),
        "date_created_gmt": zoneless_text(one.modified_at_ms, 0),
        "amount": yuan(one.amount_fen),
        "reason": one.reason,
        "refunded_by": 1,
        "refunded_payment": False,
        "meta_data": [],
        "line_items": [
            {
                **_line(line, -line.quantity),
                "subtotal": yuan(line.discount_fen - line.goods_fen),
                "total": yuan(-line.paid_fen),
                "meta_data": [{"id": 1, "key": "_refunded_item_id", "value": line.line_no}],
            }
            for line in lines
        ],
        "shipping_lines": [],
        "fee_lines": [],
    }
