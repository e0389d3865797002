"""Receipts as a till rings them up, in the open format `pos-upload/1`.

Guarantees: a receipt never changes; what comes back and what was rung up by mistake are receipts of their
own. total_fen = sum of the lines' amount_fen = sum of the payments; an amount is after its discount.
Food sold by the piece of less than a kilogram goes over the scales, so its quantity is a decimal text.
"""

from typing import Any

from simulators.clock import iso_text
from simulators.orders import AfterSale, Line, Order

SCHEMA = "pos-upload/1"
STORE_NO = "S001"
TERMINAL_NO = "T01"
DELIVERED_EVERY = 5
SPLIT_EVERY = 4


def taken_along(order: Order) -> bool:
    """Say whether the goods leave over the counter; the others are to be sent to the buyer."""
    nowhere = order.contradiction == "address_missing"
    return not nowhere and order.serial % DELIVERED_EVERY != 0


def _weighed(line: Line) -> bool:
    by_weight = line.sku.category == "food" and line.sku.weight_g < 1_000
    return by_weight and line.quantity == 1 and not line.gift


def _line(line: Line, sign: int) -> dict[str, Any]:
    quantity, unit_price_fen = str(sign * line.quantity), line.unit_price_fen
    row: dict[str, Any] = {}
    if _weighed(line):
        weight_g = line.sku.weight_g
        quantity = f"{'-' if sign < 0 else ''}0.{weight_g:03d}"
        # The price of a kilogram, to the nearest fen.
        unit_price_fen = (line.unit_price_fen * 1_000 + weight_g // 2) // weight_g
        row["unit"] = "kg"
    return {
        "line_no": int(line.line_no),
        "barcode": f"69{line.sku.number:011d}",
        "sku": line.sku.code,
        "name": line.sku.title,
        "qty": quantity,
        **row,
        "unit_price_fen": unit_price_fen,
        "amount_fen": sign * line.paid_fen,
        "discount_fen": line.goods_fen - line.paid_fen if sign > 0 else 0,
    }


def _delivery(order: Order) -> dict[str, str] | None:
    if taken_along(order):
        return None
    receiver, region = order.receiver, order.receiver.region
    return {
        "name": f"测试{receiver.canary}",
        "phone": receiver.mobile,
        "province": region.province,
        "city": region.city,
        "district": region.district,
        "address": f"{region.town}示例路 {receiver.revision} 号 {receiver.canary}",
    }


def _payments(order: Order) -> list[dict[str, Any]]:
    wechat_fen = order.paid_fen // 2 if order.serial % SPLIT_EVERY == 0 else order.paid_fen
    rows = (
        ("WECHAT", wechat_fen, f"42{order.serial:08d}"),
        ("CASH", order.paid_fen - wechat_fen, ""),
    )
    return [
        {"method": method, "amount_fen": amount_fen, "txn_no": number}
        for method, amount_fen, number in rows
        if amount_fen
    ]


def _receipt(number: str, kind: str, at_ms: int) -> dict[str, Any]:
    return {
        "receipt_no": number,
        "type": kind,
        "created_at": iso_text(at_ms),
        "cashier": "C01",
        "member_no": "",
        "currency": "CNY",
    }


def sale(order: Order) -> dict[str, Any]:
    """Return the receipt of an order when it is paid."""
    lines = [_line(line, 1) for line in order.lines]
    if order.contradiction == "quantity_impossible":
        lines[0]["qty"] = "0"
    return {
        **_receipt(order.order_no, "SALE", order.paid_at_ms),
        "total_fen": order.stated_paid_fen,
        "discount_fen": sum(line["discount_fen"] for line in lines),
        "payments": _payments(order),
        "lines": lines,
        "delivery": _delivery(order),
        "note": order.buyer_memo,
    }


def void(order: Order) -> dict[str, Any]:
    """Return the receipt of an order which was rung up and never paid."""
    lines = [_line(line, 1) for line in order.lines]
    return {
        **_receipt(order.order_no, "VOID", order.cancelled_at_ms),
        "total_fen": order.stated_paid_fen,
        "discount_fen": sum(line["discount_fen"] for line in lines),
        "payments": [],
        "lines": lines,
        "delivery": None,
        "note": "",
    }


def return_no(after_sale: AfterSale) -> str:
    """Return the number of the receipt with which goods come back."""
    return f"{STORE_NO}-R{after_sale.after_sale_id}"


def returned(after_sale: AfterSale, order: Order) -> dict[str, Any]:
    """Return the receipt of what came back: everything on it is negative."""
    lines = [_line(line, -1) for line in order.lines if line.line_no in after_sale.line_nos]
    back_fen = sum(line["amount_fen"] for line in lines)
    payment = {
        "method": "WECHAT",
        "amount_fen": back_fen,
        "txn_no": f"50{after_sale.after_sale_id}",
    }
    return {
        **_receipt(return_no(after_sale), "RETURN", after_sale.modified_at_ms),
        "total_fen": back_fen,
        "discount_fen": 0,
        "payments": [payment],
        "lines": lines,
        "delivery": None,
        "note": "",
        "original_receipt_no": order.order_no,
    }


def batch(receipts: list[dict[str, Any]], number: int) -> dict[str, Any]:
    """Return one upload; its business day is that of its first receipt."""
    day = receipts[0]["created_at"][:10]
    return {
        "schema": SCHEMA,
        "store_no": STORE_NO,
        "terminal_no": TERMINAL_NO,
        "batch_no": f"{STORE_NO}-{day.replace('-', '')}-{number:02d}",
        "business_date": day,
        "orders": receipts,
    }
