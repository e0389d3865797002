"""Native payloads of own stores, tills and group-buys, small and whole, with what a test wants changed."""

from typing import Any

from services.ingest.channels.shopify import CHANNEL as SHOPIFY
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
