"""Shopify's JSON: orders, fulfilment orders and refunds as the Admin REST API writes them.

Guarantees: amounts are text with as many decimals as the shop's currency has, times carry the shop's
offset, provinces are English. total_price never changes, current_total_price falls with refunds.
total_price = subtotal_price + shipping; subtotal_price = lines x price - their discount_allocations.
"""

from typing import Any

from msgspec import Raw

from simulators.catalog import Sku
from simulators.clock import iso_text
from simulators.money import decimal_text
from simulators.orders import AfterSale, Line, Order, Shipment, Shop

DECIMALS = {"JPY": 0, "KRW": 0, "KWD": 3}
_PROVINCES = {
    "11": ("Beijing", "BJ"),
    "12": ("Tianjin", "TJ"),
    "31": ("Shanghai", "SH"),
    "32": ("Jiangsu", "JS"),
    "33": ("Zhejiang", "ZJ"),
    "34": ("Anhui", "AH"),
    "35": ("Fujian", "FJ"),
    "37": ("Shandong", "SD"),
    "41": ("Henan", "HA"),
    "42": ("Hubei", "HB"),
    "44": ("Guangdong", "GD"),
    "45": ("Guangxi", "GX"),
    "50": ("Chongqing", "CQ"),
    "51": ("Sichuan", "SC"),
    "61": ("Shaanxi", "SN"),
}
_FINANCIAL = {"unpaid": "pending", "cancelled": "voided", "closed": "refunded"}
_FULFILLMENT = {"part_shipped": "partial", "shipped": "fulfilled", "finished": "fulfilled"}
LOCATION_ID = 655_441_491


def ids_of(sku: Sku) -> tuple[str, str]:
    """Return an article's inventory item, which carries its stock, and its variant."""
    return str(45_000_000_000_000 + sku.number), str(43_000_000_000_000 + sku.number)


def money(amount_fen: int, shop: Shop) -> str:
    """Return an amount in the shop's minor unit as Shopify writes it: 990 is 9.90 CNY or 990 JPY."""
    return decimal_text(amount_fen, DECIMALS.get(shop.currency, 2))


def _money_set(amount_fen: int, shop: Shop) -> dict[str, Any]:
    amount = {"amount": money(amount_fen, shop), "currency_code": shop.currency}
    return {"shop_money": amount, "presentment_money": amount}


def _gid(kind: str, number: object) -> str:
    return f"gid://shopify/{kind}/{number}"


def _applications(order: Order, shop: Shop) -> list[dict[str, Any]]:
    """Name the order's discounts: a line's share counts in this list."""
    sale_fen = sum(line.discount_fen for line in order.lines)
    rows: list[dict[str, Any]] = [
        {
            "target_type": "line_item",
            "type": "automatic",
            "value": money(sale_fen, shop),
            "value_type": "fixed_amount",
            "allocation_method": "across",
            "target_selection": "entitled",
            "title": "限时折扣",
        }
    ]
    if order.shop_coupon_fen:
        rows.append(
            {
                "target_type": "line_item",
                "type": "discount_code",
                "value": money(order.shop_coupon_fen, shop),
                "value_type": "fixed_amount",
                "allocation_method": "across",
                "target_selection": "all",
                "code": "WELCOME",
            }
        )
    return rows


def _allocations(line: Line, shop: Shop) -> list[dict[str, Any]]:
    shares = ((0, line.discount_fen), (1, line.shop_share_fen))
    return [
        {
            "amount": money(share_fen, shop),
            "discount_application_index": index,
            "amount_set": _money_set(share_fen, shop),
        }
        for index, share_fen in shares
        if share_fen
    ]


def _line(line: Line, quantity: int, shop: Shop) -> dict[str, Any]:
    sku, gone = line.sku, line.refund == "agreed"
    return {
        "id": int(line.line_no),
        "admin_graphql_api_id": _gid("LineItem", line.line_no),
        "variant_id": int(ids_of(sku)[1]),
        "product_id": 8_000_000_000_000 + sku.number // 10,
        "title": sku.title,
        "variant_title": sku.variant,
        "name": f"{sku.title} - {sku.variant}",
        "sku": sku.code,
        "vendor": "示例",
        "quantity": quantity,
        "current_quantity": 0 if gone else quantity,
        "fulfillable_quantity": 0 if gone or line.waybill else quantity,
        "fulfillment_status": "fulfilled" if line.waybill else None,
        "fulfillment_service": "manual",
        "price": money(line.unit_price_fen, shop),
        "price_set": _money_set(line.unit_price_fen, shop),
        "total_discount": money(0, shop),
        "discount_allocations": _allocations(line, shop),
        "tax_lines": [],
        "taxable": False,
        "requires_shipping": True,
        "gift_card": False,
        "grams": sku.weight_g,
        "properties": [],
    }


def _address(order: Order) -> dict[str, Any] | None:
    """Return where to send it; what never was entered is null."""
    receiver, region = order.receiver, order.receiver.region
    if not region.province:
        return None
    province, code = _PROVINCES[region.code[:2]]
    return {
        "first_name": f"测试{receiver.canary}",
        "last_name": "王",
        "name": f"测试{receiver.canary} 王",
        "phone": f"+86 {receiver.mobile}",
        "address1": f"{region.district}{region.town}示例路 {receiver.revision} 号 {receiver.canary}",
        "address2": "3 栋 501",
        "city": region.city or region.district,
        "province": province,
        "province_code": code,
        "zip": f"{region.code[:3]}000",
        "country": "China",
        "country_code": "CN",
        "company": None,
        "latitude": None,
        "longitude": None,
    }


def refund(one: AfterSale, order: Order, shop: Shop) -> dict[str, Any]:
    """Return what the shop paid back: its lines, its freight as an adjustment, and the money."""
    lines = [line for line in order.lines if line.line_no in one.line_nos]
    return {
        "id": int(one.after_sale_id),
        "admin_graphql_api_id": _gid("Refund", one.after_sale_id),
        "order_id": int(order.order_no),
        "created_at": iso_text(one.modified_at_ms),
        "note": one.reason,
        "restock": True,
        "refund_line_items": [
            {
                "id": int(f"{one.after_sale_id[-8:]}{place}"),
                "line_item_id": int(line.line_no),
                "quantity": line.quantity,
                "restock_type": "return" if line.waybill else "cancel",
                # Here alone amounts are numbers.
                "subtotal": Raw(money(line.paid_fen, shop).encode()),
                "total_tax": Raw(b"0"),
            }
            for place, line in enumerate(lines, start=1)
        ],
        "order_adjustments": [
            {"kind": "shipping_refund", "amount": f"-{money(one.freight_fen, shop)}"}
        ]
        if one.freight_fen
        else [],
        "transactions": [
            {
                "id": int(one.after_sale_id) + 1,
                "kind": "refund",
                "status": "success",
                "amount": money(one.amount_fen, shop),
                "currency": shop.currency,
                "gateway": "alipay",
            }
        ],
    }


def fulfillment_no(order: Order, shipment: Shipment) -> int:
    """Return the number of one parcel."""
    return int(order.order_no) * 10 + order.shipments.index(shipment) + 1


def fulfillment(order: Order, shipment: Shipment, shop: Shop) -> dict[str, Any]:
    """Return one parcel as the order and its own answer show it."""
    place, number = order.shipments.index(shipment) + 1, fulfillment_no(order, shipment)
    return {
        "id": number,
        "admin_graphql_api_id": _gid("Fulfillment", number),
        "order_id": int(order.order_no),
        "status": "success",
        "created_at": iso_text(order.shipped_at_ms),
        "updated_at": iso_text(order.modified_at_ms),
        "service": "manual",
        "shipment_status": None,
        "location_id": LOCATION_ID,
        "name": f"{_name(order)}.{place}",
        "tracking_company": shipment.company,
        "tracking_number": shipment.waybill,
        "tracking_numbers": [shipment.waybill],
        "tracking_url": None,
        "tracking_urls": [],
        "receipt": {},
        "line_items": [
            _line(line, line.quantity, shop)
            for line in order.lines
            if line.line_no in shipment.line_nos
        ],
    }


def _name(order: Order) -> str:
    return f"#{1_000 + order.serial}"


def financial_status(order: Order) -> str:
    """Return what became of the money; it says nothing of the goods."""
    if order.refunds and order.state != "closed":
        return "partially_refunded"
    if order.state == "cancelled" and order.paid_at_ms:
        return "paid"
    return _FINANCIAL.get(order.state, "paid")


def _amounts(order: Order, shop: Shop) -> dict[str, Any]:
    goods_fen = sum(line.paid_fen for line in order.lines)
    off_fen = order.goods_fen - goods_fen
    back_fen = sum(one.amount_fen for one in order.refunds)
    open_fen = order.stated_paid_fen if order.state == "unpaid" else 0
    return {
        "currency": shop.currency,
        "presentment_currency": shop.currency,
        "taxes_included": True,
        "subtotal_price": money(goods_fen, shop),
        "total_line_items_price": money(order.goods_fen, shop),
        "total_discounts": money(off_fen, shop),
        "total_tax": money(0, shop),
        "total_price": money(order.stated_paid_fen, shop),
        "current_total_price": money(order.stated_paid_fen - back_fen, shop),
        "total_outstanding": money(open_fen, shop),
        "total_shipping_price_set": _money_set(order.freight_fen, shop),
        "discount_applications": _applications(order, shop),
        "discount_codes": [
            {
                "code": "WELCOME",
                "amount": money(order.shop_coupon_fen, shop),
                "type": "fixed_amount",
            }
        ]
        if order.shop_coupon_fen
        else [],
    }


def _times(order: Order) -> dict[str, Any]:
    # Goods that had left cannot be called back: such an order is refunded, not cancelled.
    cancelled = order.state == "cancelled" or (order.state == "closed" and not order.shipped_at_ms)
    ended = order.state in {"finished", "cancelled", "closed"}
    return {
        "created_at": iso_text(order.created_at_ms),
        "processed_at": iso_text(order.paid_at_ms or order.created_at_ms),
        "updated_at": iso_text(order.modified_at_ms),
        "cancelled_at": iso_text(order.cancelled_at_ms) if cancelled else None,
        "cancel_reason": "customer" if cancelled else None,
        "closed_at": iso_text(order.ended_at_ms) if ended else None,
    }


def shop_order(order: Order, shop: Shop) -> dict[str, Any]:
    """Return one order: bare in webhooks and lists."""
    quantities = [line.quantity for line in order.lines]
    if order.contradiction == "quantity_impossible":
        quantities[0] = 0
    address = _address(order)
    return {
        "id": int(order.order_no),
        "admin_graphql_api_id": _gid("Order", order.order_no),
        "name": _name(order),
        "number": order.serial,
        "order_number": 1_000 + order.serial,
        "token": f"sim{order.serial:08d}",
        "email": f"{order.receiver.canary}@example.invalid",
        "phone": None,
        "confirmed": True,
        "test": False,
        **_times(order),
        **_amounts(order, shop),
        "financial_status": financial_status(order),
        "fulfillment_status": _FULFILLMENT.get(order.state),
        "gateway": "alipay",
        "payment_gateway_names": ["alipay"],
        "source_name": "web",
        "note": order.buyer_memo or None,
        "note_attributes": [],
        "tags": order.seller_memo,
        "line_items": [
            _line(line, quantity, shop)
            for line, quantity in zip(order.lines, quantities, strict=True)
        ],
        "shipping_lines": [
            {
                "id": int(order.order_no) + 1,
                "title": "标准快递",
                "code": "STANDARD",
                "price": money(order.freight_fen, shop),
                "discounted_price": money(order.freight_fen, shop),
                "discount_allocations": [],
                "source": "shopify",
            }
        ],
        "shipping_address": address,
        "billing_address": address,
        "fulfillments": [fulfillment(order, shipment, shop) for shipment in order.shipments],
        "refunds": [refund(one, order, shop) for one in order.refunds],
        "customer": {
            "id": 9_000_000 + order.serial,
            "first_name": f"测试{order.receiver.canary}",
            "last_name": "王",
            "email": f"{order.receiver.canary}@example.invalid",
        },
    }


def detail(order: Order, shop: Shop) -> dict[str, Any]:
    """Return the whole answer of orders/{id}.json."""
    return {"order": shop_order(order, shop)}
