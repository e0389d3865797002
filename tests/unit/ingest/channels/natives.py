"""Native payloads of own stores, tills and group-buys, small and whole, with what a test wants changed."""

from typing import Any

from services.ingest.channels.groupbuy import CHANNEL as GROUPBUY
from services.ingest.channels.pos import CHANNEL as POS
from services.ingest.channels.shopify import CHANNEL as SHOPIFY
from services.ingest.channels.woocommerce import CHANNEL as WOOCOMMERCE
from services.ingest.channels.youzan import CHANNEL as YOUZAN
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


def ktt_line(**changed: Any) -> Native:
    return {
        "sub_order_sn": "250000-1-1",
        "goods_id": 1,
        "goods_name": "砂糖橘 5斤",
        "goods_number": 2,
        "goods_price": 5000,
        "goods_amount": 10000,
        "real_goods_amount": 10000,
        "sku_id": 101,
        "external_sku_id": "EXT-101",
        "cancel_status": 0,
        "already_cancel_number": 0,
        "shipping_status": 0,
        "refund_goods_amount": 0,
        **changed,
    }


def ktt_order(*lines: Native, **changed: Any) -> Native:
    return {
        "order_sn": "250000-1",
        "activity_no": "G1",
        "participate_no": 12,
        "order_amount": 10000,
        "discount_amount": 0,
        "platform_discount_amount": 0,
        "shipping_amount": 0,
        "service_amount": 0,
        "theoretical_refund_amount": 0,
        "after_sales_status": 0,
        "cancel_status": 0,
        "shipping_status": 0,
        "verification_status": 0,
        "logistics_type": 10,
        "logistics_list": [],
        "is_supplier": False,
        "confirm_at": 1779240700000,
        "updated_at": 1779240701000,
        "receiver_name": "测试收货人",
        "receiver_mobile": "13000000001",
        "receiver_address_province": "福建省",
        "receiver_address_city": "厦门市",
        "receiver_address_district": "思明区",
        "receiver_address_detail": "示例路 1 号",
        "gift_order_list": [],
        "sub_order_list": list(lines) or [ktt_line()],
        **changed,
    }


def ktt(*lines: Native, **changed: Any) -> Normalised:
    page = {"order_list": [ktt_order(*lines, **changed)], "total_count": 1}
    (found,) = GROUPBUY.normalise(encoded({"ktt_order_list_response": page}))
    return found


def youzan_line(**changed: Any) -> Native:
    return {
        "oid": "2820000000000000001",
        "item_id": 495000001,
        "sku_id": 400800001,
        "outer_item_id": "",
        "outer_sku_id": "POT-1",
        "title": "示例 手冲咖啡壶",
        "price": "50.00",
        "num": 2,
        "payment": "100.00",
        "is_present": False,
        **changed,
    }


def youzan_trade(*lines: Native, around: Native | None = None, **changed: Any) -> Native:
    """`changed` goes into the part of the order which has the field, `around` beside the order."""
    parts: dict[str, Native] = {
        "order_info": {
            "tid": "E20260520093102000100001",
            "status": "WAIT_SELLER_SEND_GOODS",
            "type": 0,
            "express_type": 0,
            "refund_state": 0,
            "created": "2026-05-20 09:31:02",
            "update_time": "2026-05-20 09:31:41",
            "pay_time": "2026-05-20 09:31:40",
            "consign_time": "",
            "success_time": "",
            "node_kdt_id": 10000001,
            "root_kdt_id": 10000000,
        },
        "address_info": {
            "receiver_name": "$demoCipherName==$1$",
            "receiver_tel": "$demoCipherTel==$1$",
            "delivery_province": "四川省",
            "delivery_city": "成都市",
            "delivery_district": "青羊区",
            "delivery_address": "$demoCipherAddr==$1$",
            "self_fetch_info": "",
        },
        "pay_info": {
            "total_fee": "100.00",
            "post_fee": "0.00",
            "payment": "100.00",
            "phase_payments": [],
        },
        "remark_info": {"buyer_message": "", "trade_memo": "", "star": 0},
        "source_info": {"is_offline_order": False},
    }
    full: Native = {**parts, "orders": list(lines) or [youzan_line()]}
    for name, value in changed.items():
        owner = next((part for part in parts.values() if name in part), full)
        owner[name] = value
    return {"full_order_info": full, **(around or {})}


def youzan(*lines: Native, around: Native | None = None, **changed: Any) -> Normalised:
    answered = {
        "code": 200,
        "success": True,
        "data": youzan_trade(*lines, around=around, **changed),
    }
    (found,) = YOUZAN.normalise(encoded(answered))
    return found
