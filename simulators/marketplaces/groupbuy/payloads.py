"""快团团's JSON: members' orders and after-sales requests as pdd.ktt.* writes them.

Guarantees: money is fen and time is milliseconds, unlike Pinduoduo's own orders; times of requests are
text. order_amount = sum of real_goods_amount + shipping_amount; a gift has no line, it names its host.
What is asked for stands on the order, what was cancelled on its lines.
"""

from typing import Any

from simulators.orders import AfterSale, Line, Order

PICKED_UP_EVERY = 4
_SHIPPING = {"part_shipped": 2, "shipped": 1, "finished": 3}
_ASKED = {"open": 3, "agreed": 2, "refused": 4, "withdrawn": 8}
_COURIER, _PICK_UP = 10, 20


def picked_up(order: Order) -> bool:
    """Say whether the member fetches the goods from the leader's point."""
    known = bool(order.receiver.region.province)
    return known and order.serial % PICKED_UP_EVERY == 0


def _shipping_status(order: Order) -> int:
    if order.state == "closed":
        return 1 if order.shipped_at_ms else 0
    return _SHIPPING.get(order.state, 0)


def _after_sales_status(order: Order) -> int:
    """Return what was asked for last and stands; 0 for nothing."""
    asked = {line.refund for line in order.lines}
    return next((_ASKED[one] for one in _ASKED if one in asked), 0)


def _line(order: Order, line: Line, quantity: int) -> dict[str, Any]:
    sku, gone = line.sku, line.refund == "agreed"
    back_fen = line.paid_fen if gone else 0
    return {
        "sub_order_sn": line.line_no,
        "goods_id": 7_000_000 + sku.number // 10,
        "goods_name": sku.title,
        "goods_number": quantity,
        "goods_price": line.unit_price_fen,
        "goods_amount": line.goods_fen,
        "real_goods_amount": line.paid_fen,
        "merchant_discount_amount": line.goods_fen - line.paid_fen,
        "goods_specification": sku.variant,
        "sku_id": 70_000_000 + sku.number,
        "external_sku_id": sku.code,
        "category_name": sku.category,
        "cancel_status": 1 if gone else 0,
        "already_cancel_number": quantity if gone else 0,
        "shipping_status": _line_shipping_status(order, line),
        "refund_goods_amount": back_fen,
        "refundable_goods_amount": line.paid_fen - back_fen,
        "theoretically_refund_amount": back_fen,
        "goods_commission_amount": 0,
        "help_sell_amount": 0,
        "goods_cost_price": 0,
        "is_supplier": False,
        "thumb_url": "",
        "verification_number": 0,
        "need_verification_number": 0,
        "voucher_list": [],
    }


def _line_shipping_status(order: Order, line: Line) -> int:
    if not line.waybill:
        return 0
    return 3 if order.state == "finished" else 1


def _gift(line: Line, host: Line) -> dict[str, Any]:
    return {
        "host_sub_order_sn": host.line_no,
        "goods_id": 7_000_000 + line.sku.number // 10,
        "goods_name": line.sku.title,
        "goods_number": line.quantity,
        "sku_id": 70_000_000 + line.sku.number,
        "external_sku_id": line.sku.code,
        "thumb_url": "",
    }


def _receiver(order: Order) -> dict[str, str]:
    """Return who receives: plain, and without an address where the member fetches the goods."""
    receiver, region = order.receiver, order.receiver.region
    fetched = picked_up(order)
    address = f"{region.town}示例路 {receiver.revision} 号 {receiver.canary}"
    site = f"{region.province}{region.city}{region.district}{region.town}示例路 2 号"
    return {
        "receiver_name": f"测试{receiver.canary}",
        "receiver_mobile": receiver.mobile,
        "receiver_address_province": "" if fetched else region.province,
        "receiver_address_city": "" if fetched else region.city,
        "receiver_address_district": "" if fetched else region.district,
        "receiver_address_detail": "" if fetched else address,
        "self_pick_site_no": "Z01" if fetched else "",
        "self_pick_up_site_name": "示例小区南门" if fetched else "",
        "self_pick_up_address": site if fetched else "",
        "self_pick_up_contact_name": "",
        "self_pick_up_contact_mobile": "",
    }


def _money(order: Order) -> dict[str, int]:
    back_fen = sum(one.amount_fen for one in order.refunds)
    freight_back_fen = sum(one.freight_fen for one in order.refunds)
    return {
        "order_amount": order.stated_paid_fen,
        "discount_amount": sum(line.goods_fen - line.paid_fen for line in order.lines),
        "platform_discount_amount": 0,
        "shipping_amount": order.freight_fen,
        "service_amount": 0,
        "refund_shipping_amount": freight_back_fen,
        "refundable_shipping_amount": order.freight_fen - freight_back_fen,
        "theoretical_refund_amount": back_fen,
    }


def _parcels(order: Order) -> list[dict[str, Any]]:
    """Return the parcels; only those of a part of the order name their lines."""
    whole = {line.line_no for line in order.lines}
    return [
        {
            "shipping_company": one.company,
            "shipping_no": one.waybill,
            "sub_order_sn_list": [] if set(one.line_nos) == whole else list(one.line_nos),
        }
        for one in order.shipments
    ]


def member_order(order: Order) -> dict[str, Any]:
    """Return one entry of a list, which is the whole order."""
    bought = [line for line in order.lines if not line.gift]
    quantities = [line.quantity for line in bought]
    if order.contradiction == "quantity_impossible":
        quantities[0] = 0
    return {
        "order_sn": order.order_no,
        "activity_no": "G10001",
        "activity_title": "【示例团】本地好物",
        "participate_no": order.serial,
        **_money(order),
        "after_sales_status": _after_sales_status(order),
        "cancel_status": 1 if order.state == "closed" and not order.shipped_at_ms else 0,
        "shipping_status": _shipping_status(order),
        "verification_status": 0,
        "logistics_type": _PICK_UP if picked_up(order) else _COURIER,
        "logistics_list": _parcels(order),
        "mall_activity_type": 0,
        "is_supplier": False,
        "confirm_at": order.paid_at_ms,
        "updated_at": order.modified_at_ms,
        "buyer_memo": order.buyer_memo,
        "business_note": order.seller_memo,
        "secret_remark": "",
        "nick_name": f"团员{order.receiver.canary}",
        "open_id": f"simOpen{order.serial:08d}",
        "help_sell_nickname": "",
        "help_sell_open_id": "",
        **_receiver(order),
        "transaction_id": f"42{order.serial:026d}",
        "inner_transaction_id": f"XP{order.serial:026d}",
        "gift_order_list": [_gift(line, bought[0]) for line in order.lines if line.gift],
        "custom_item_list": [],
        "sub_order_list": [
            _line(order, line, quantity) for line, quantity in zip(bought, quantities, strict=True)
        ],
    }


def order_list(rows: list[dict[str, Any]], total: int) -> dict[str, Any]:
    """Return one page of either list."""
    return {"order_list": rows, "total_count": total}


def after_sale_row(claim: AfterSale, order: Order) -> dict[str, Any]:
    """Return one after-sales request."""
    lines = [line for line in order.lines if line.line_no in claim.line_nos]
    rest_fen = claim.amount_fen - claim.freight_fen
    return {
        "after_sales_biz_sn": claim.after_sale_id,
        "after_sales_status": _ASKED[claim.status],
        "apply_type": 0,
        "order_sn": claim.order_no,
        "created_at": str(claim.created_at_ms),
        "updated_at": str(claim.modified_at_ms),
        "apply_extension": {
            "description": "",
            "image_list": [],
            "reason": claim.reason,
            "refund_amount": claim.amount_fen,
            "refund_shipping_amount": claim.freight_fen,
            "sub_extensions": [
                {
                    "sub_order_sn": line.line_no,
                    "refund_amount": rest_fen if len(lines) == 1 else line.paid_fen,
                }
                for line in lines
            ],
        },
        "return_goods_extension": {"logistics_list": []},
    }
