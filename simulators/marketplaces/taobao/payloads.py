"""Taobao's JSON: trades, list rows and claims as TOP writes them.

Guarantees: yuan text, Beijing time, masked receivers with oaid, lists wrapped twice, tid and oid as
numbers above 2^53 with their `_str` twins. trade.payment = sum of divide_order_fee + post_fee.
"""

from typing import Any

from simulators.catalog import Sku
from simulators.clock import beijing_text
from simulators.money import yuan
from simulators.orders import AfterSale, Line, Order, Shop

REQUEST_ID = "15r0sim"
FIRST_SKU_ID = 5_000_000_000_000
FIRST_ITEM_ID = 600_000_000_000
_STATUS = {
    "unpaid": "WAIT_BUYER_PAY",
    "paid": "WAIT_SELLER_SEND_GOODS",
    "part_shipped": "SELLER_CONSIGNED_PART",
    "shipped": "WAIT_BUYER_CONFIRM_GOODS",
    "finished": "TRADE_FINISHED",
    "cancelled": "TRADE_CLOSED_BY_TAOBAO",
    "closed": "TRADE_CLOSED",
}
_LINE_REFUND = {
    "none": "NO_REFUND",
    "open": "WAIT_SELLER_AGREE",
    "agreed": "SUCCESS",
    "refused": "SELLER_REFUSE_BUYER",
    "withdrawn": "CLOSED",
}


def ids_of(sku: Sku) -> tuple[str, str]:
    """Return an article's num_iid and sku_id."""
    return str(FIRST_ITEM_ID + sku.number), str(FIRST_SKU_ID + sku.number)


def _line_status(order: Order, line: Line) -> str:
    if line.refund == "agreed":
        return "TRADE_CLOSED"
    if order.state == "part_shipped":
        return "WAIT_BUYER_CONFIRM_GOODS" if line.waybill else "WAIT_SELLER_SEND_GOODS"
    return _STATUS[order.state]


def _sub_order(order: Order, line: Line, quantity: int) -> dict[str, Any]:
    net_fen = line.goods_fen - line.discount_fen
    # The platform's own habit: a lone sub-order's payment carries the freight, one of several does not.
    payment_fen = net_fen + (order.freight_fen if len(order.lines) == 1 else 0)
    row = {
        "adjust_fee": "0.00",
        "buyer_rate": False,
        "cid": 50010850,
        "discount_fee": yuan(line.discount_fen),
        "divide_order_fee": yuan(line.paid_fen),
        "is_daixiao": False,
        "is_oversold": False,
        "num": quantity,
        "num_iid": FIRST_ITEM_ID + line.sku.number,
        "oid": int(line.line_no),
        "oid_str": line.line_no,
        "order_from": "WAP,WAP",
        "outer_iid": line.sku.product_code,
        "outer_sku_id": line.sku.code,
        "part_mjz_discount": yuan(line.shop_share_fen),
        "payment": yuan(payment_fen),
        "pic_path": "https://img.example.invalid/i1.jpg",
        "price": yuan(line.unit_price_fen),
        "refund_status": _LINE_REFUND[line.refund],
        "seller_rate": False,
        "seller_type": "B",
        "sku_id": str(FIRST_SKU_ID + line.sku.number),
        "sku_properties_name": f"颜色分类:{line.sku.variant}",
        "snapshot_url": f"t:{line.line_no}_1",
        "status": _line_status(order, line),
        "title": line.sku.title,
        "total_fee": yuan(net_fen),
    }
    if line.waybill:
        row["invoice_no"] = line.waybill
        row["consign_time"] = beijing_text(order.shipped_at_ms)
    return row


def _receiver(order: Order) -> dict[str, Any]:
    receiver, region = order.receiver, order.receiver.region
    return {
        "oaid": f"1{order.serial:08d}R{receiver.revision:02d}OaidSimulated==",
        # Trailing blanks are common in the wild.
        "receiver_address": f"样*路*号{receiver.revision}幢*单元{receiver.canary} ",
        "receiver_city": region.city,
        "receiver_district": region.district,
        "receiver_mobile": f"*******{receiver.mobile[-4:]}",
        "receiver_name": f"测**{receiver.canary}",
        "receiver_state": region.province,
        "receiver_town": region.town,
        "receiver_zip": "000000",
    }


def _promotions(order: Order) -> list[dict[str, Any]]:
    rows = [
        {
            "discount_fee": yuan(line.discount_fen),
            "id": int(line.line_no),
            "promotion_desc": f"限时折扣:省{yuan(line.discount_fen)}元",
            "promotion_id": "simItemPromotion-1001_2001",
            "promotion_name": "限时折扣",
        }
        for line in order.lines
        if line.discount_fen
    ]
    if order.shop_coupon_fen:
        rows.append(
            {
                "discount_fee": yuan(order.shop_coupon_fen),
                "id": int(order.order_no),
                "promotion_desc": f"店铺优惠券:省{yuan(order.shop_coupon_fen)}元",
                "promotion_id": "shopbonus-1002_2002",
                "promotion_name": "店铺优惠券",
            }
        )
    return rows


def trade(order: Order, shop: Shop) -> dict[str, Any]:
    """Return one trade with every field the platform knows of it."""
    quantities = [line.quantity for line in order.lines]
    if order.contradiction == "quantity_impossible":
        quantities[0] = 0
    fields: dict[str, Any] = {
        "adjust_fee": "0.00",
        "buyer_cod_fee": "0.00",
        "buyer_nick": "t**",
        "buyer_open_uid": f"AASim{order.serial:08d}",
        "buyer_rate": False,
        "cod_fee": "0.00",
        "cod_status": "NEW_CREATED",
        "commission_fee": "0.00",
        "created": beijing_text(order.created_at_ms),
        "discount_fee": "0.00",
        "has_post_fee": True,
        "has_yfx": False,
        "is_part_consign": order.state == "part_shipped",
        "is_sh_ship": False,
        "modified": beijing_text(order.modified_at_ms),
        "num": quantities[0] if len(quantities) == 1 else 0,
        **_receiver(order),
        "orders": {
            "order": [
                _sub_order(order, line, quantity)
                for line, quantity in zip(order.lines, quantities, strict=True)
            ]
        },
        "payment": yuan(order.stated_paid_fen),
        "post_fee": yuan(order.freight_fen),
        "received_payment": "0.00",
        "seller_flag": order.seller_flag,
        "seller_nick": shop.shop_name,
        "seller_rate": False,
        "shipping_type": "express",
        "status": _STATUS[order.state],
        "tid": int(order.order_no),
        "tid_str": order.order_no,
        "title": shop.shop_name,
        "total_fee": yuan(order.goods_fen),
        "trade_from": "WAP,WAP",
        "type": "fixed",
    }
    _put_optional(fields, order)
    return fields


def _put_optional(fields: dict[str, Any], order: Order) -> None:
    # What has not happened is absent, not empty.
    times = (
        ("pay_time", order.paid_at_ms),
        ("consign_time", order.shipped_at_ms),
        ("end_time", order.ended_at_ms),
    )
    for name, at_ms in times:
        if at_ms:
            fields[name] = beijing_text(at_ms)
    if order.buyer_memo:
        fields["buyer_message"] = order.buyer_memo
    if order.seller_memo:
        fields["seller_memo"] = order.seller_memo
    promotions = _promotions(order)
    if promotions:
        fields["promotion_details"] = {"promotion_detail": promotions}


def detail(order: Order, shop: Shop) -> dict[str, Any]:
    """Return the whole answer of taobao.trade.fullinfo.get."""
    return {"trade_fullinfo_get_response": {"trade": trade(order, shop), "request_id": REQUEST_ID}}


def list_row(order: Order) -> dict[str, Any]:
    """Return the partial row of an incremental list."""
    return {
        "tid": int(order.order_no),
        "status": _STATUS[order.state],
        "payment": yuan(order.stated_paid_fen),
        "modified": beijing_text(order.modified_at_ms),
        "created": beijing_text(order.created_at_ms),
        "type": "fixed",
    }


def refund_row(after_sale: AfterSale, order: Order) -> dict[str, Any]:
    """Return one claim; Taobao has one per sub-order."""
    line_no = after_sale.line_nos[0]
    line = next(line for line in order.lines if line.line_no == line_no)
    return {
        "refund_id": after_sale.after_sale_id,
        "tid": int(order.order_no),
        "oid": int(line_no),
        "status": _LINE_REFUND[after_sale.status],
        "good_status": "BUYER_NOT_RECEIVED" if after_sale.before_shipping else "BUYER_RECEIVED",
        "has_good_return": False,
        "refund_fee": yuan(after_sale.amount_fen),
        "payment": yuan(line.paid_fen),
        "total_fee": yuan(line.goods_fen),
        "created": beijing_text(after_sale.created_at_ms),
        "modified": beijing_text(after_sale.modified_at_ms),
        "order_status": _line_status(order, line),
        "reason": after_sale.reason,
        "num": line.quantity,
        "refund_phase": "onsale",
        "refund_version": after_sale.created_at_ms,
    }
