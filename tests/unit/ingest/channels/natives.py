"""Native payloads of own stores, tills and group-buys, small and whole, with what a test wants changed."""

from typing import Any

from services.ingest.channels.pos import CHANNEL as POS
from services.ingest.channels.shopify import CHANNEL as SHOPIFY
from services.ingest.channels.woocommerce import CHANNEL as WOOCOMMERCE
from services.ingest.domain.model import Normalised
from tests.unit.ingest.channels.builders import Native, encoded


def shopify_line(**changed: Any) -> Native:
    return {
        "id": 1,
        "variant_id": 11,
        "product_id": 8000000000001,
        "name": "示例 T恤 - 雾蓝",
        "sku": "TS01",
        "quantity": 2,
        "fulfillment_status": None,
        "price": "50.00",
        "discount_allocations": [],
        "requires_shipping": True,
        **changed,
    }


def shopify_order(*lines: Native, **changed: Any) -> Native:
    return {
        "id": 5500000000001,
        "name": "#1001",
        "test": False,
        "confirmed": True,
        "created_at": "2026-05-20T09:31:02+08:00",
        "processed_at": "2026-05-20T09:31:40+08:00",
        "updated_at": "2026-05-20T09:31:41+08:00",
        "cancelled_at": None,
        "closed_at": None,
        "currency": "CNY",
        "taxes_included": True,
        "financial_status": "paid",
        "fulfillment_status": None,
        "total_tax": "0.00",
        "total_price": "100.00",
        "total_outstanding": "0.00",
        "line_items": list(lines) or [shopify_line()],
        "shipping_lines": [],
        "shipping_address": {
            "first_name": "样例",
            "last_name": "王",
            "phone": "+86 130 0000 0001",
            "address1": "示例路 88 号",
            "city": "杭州市",
            "province": "Zhejiang",
            "province_code": "ZJ",
            "country_code": "CN",
        },
        "fulfillments": [],
        "refunds": [],
        **changed,
    }


def shopify(*lines: Native, **changed: Any) -> Normalised:
    (found,) = SHOPIFY.normalise(encoded({"order": shopify_order(*lines, **changed)}))
    return found


def woo_line(**changed: Any) -> Native:
    return {
        "id": 31,
        "name": "示例 T恤",
        "product_id": 93,
        "variation_id": 94,
        "quantity": 2,
        "subtotal": "100.00",
        "subtotal_tax": "0.00",
        "total": "100.00",
        "total_tax": "0.00",
        "sku": "TS01",
        "price": 50.0,
        **changed,
    }


def woo_order(*lines: Native, **changed: Any) -> Native:
    return {
        "id": 7271,
        "number": "7271",
        "status": "processing",
        "currency": "CNY",
        "date_created_gmt": "2026-05-20T01:31:02",
        "date_modified_gmt": "2026-05-20T01:31:41",
        "date_paid_gmt": "2026-05-20T01:31:40",
        "date_completed_gmt": None,
        "discount_total": "0.00",
        "discount_tax": "0.00",
        "shipping_total": "0.00",
        "shipping_tax": "0.00",
        "total": "100.00",
        "total_tax": "0.00",
        "customer_id": 0,
        "customer_note": "",
        "payment_method": "alipay",
        "billing": {"phone": "13000000001"},
        "shipping": {
            "first_name": "样例",
            "last_name": "李",
            "address_1": "示例路 88 号",
            "city": "杭州市",
            "state": "CN12",
            "country": "CN",
            "phone": "",
        },
        "line_items": list(lines) or [woo_line()],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
        **changed,
    }


def woo(*lines: Native, **changed: Any) -> Normalised:
    (found,) = WOOCOMMERCE.normalise(encoded(woo_order(*lines, **changed)))
    return found


def pos_line(**changed: Any) -> Native:
    return {
        "line_no": 1,
        "barcode": "6900000000001",
        "sku": "TS01",
        "name": "示例 T恤",
        "qty": "2",
        "unit_price_fen": 5000,
        "amount_fen": 10000,
        "discount_fen": 0,
        **changed,
    }


def pos_receipt(*lines: Native, **changed: Any) -> Native:
    return {
        "receipt_no": "S001-000001",
        "type": "SALE",
        "created_at": "2026-05-20T09:31:02+08:00",
        "cashier": "C01",
        "currency": "CNY",
        "total_fen": 10000,
        "discount_fen": 0,
        "payments": [{"method": "CASH", "amount_fen": 10000, "txn_no": ""}],
        "lines": list(lines) or [pos_line()],
        "delivery": None,
        "note": "",
        **changed,
    }


def pos_batch(*receipts: object, **changed: Any) -> Native:
    return {
        "schema": "pos-upload/1",
        "store_no": "S001",
        "terminal_no": "T01",
        "batch_no": "B1",
        "business_date": "2026-05-20",
        "orders": list(receipts),
        **changed,
    }


def pos(*lines: Native, **changed: Any) -> Normalised:
    (found,) = POS.normalise(encoded(pos_batch(pos_receipt(*lines, **changed))))
    return found
