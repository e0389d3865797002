"""Kuaishou's JSON: orders and claims as the open platform writes them.

Guarantees: fen and epoch milliseconds, 0 for what has not happened, numbers for ids; ciphers stand
beside their masks. totalFee = price x num - discountFee + expressFee.
"""

from typing import Any

from simulators.orders import AfterSale, Order, Shop

FIRST_SKU_ID = 22_000_000_000_000
FIRST_ITEM_ID = 21_000_000_000_000
REFUND_ONLY = 10
_STATUS = {
    "unpaid": 10,
    "paid": 30,
    "shipped": 40,
    "finished": 70,
    "cancelled": 80,
    "closed": 80,
}
REFUND_STATUS = {"open": 10, "agreed": 60, "refused": 70, "withdrawn": 70}


def status_of(order: Order) -> int:
    """Return the order's status; an asked-for refund leaves it as it is."""
    return _STATUS[order.state]


def seller_open_id(shop: Shop) -> str:
    """Return what the platform calls a shop."""
    return f"f18simSeller{shop.native_shop_id}"


def _base(order: Order, shop: Shop) -> dict[str, Any]:
    line = order.lines[0]
    refunded = order.ended_at_ms if order.state == "closed" else 0
    return {
        "oid": int(order.order_no),
        "payTime": order.paid_at_ms,
        "buyerImage": "",
        "buyerOpenId": f"f18simBuyer{order.serial:08d}",
        "buyerNick": "快***户",
        "sellerOpenId": seller_open_id(shop),
        "sellerNick": shop.shop_name,
        "expressFee": order.freight_fen,
        "discountFee": line.discount_fen + order.shop_coupon_fen + order.platform_coupon_fen,
        "totalFee": order.stated_paid_fen,
        "status": status_of(order),
        "sendTime": order.shipped_at_ms,
        "refundTime": refunded,
        "createTime": order.created_at_ms,
        "updateTime": order.modified_at_ms,
        "recvTime": order.ended_at_ms if order.state == "finished" else 0,
        "payType": 2,
        "payChannel": "ALIPAY" if order.paid_at_ms else "",
        "remark": order.buyer_memo,
        "theDayOfDeliverGoodsTime": 0,
        "promiseTimeStampOfDelivery": 0,
        "validPromiseShipmentTimeStamp": order.paid_at_ms and order.paid_at_ms + 172_800_000,
        "sellerDelayPromiseTimeStamp": 0,
        "activityType": 1,
        "cpsType": 1,
        "coType": 0,
        "preSale": 0,
        "riskCode": 0,
        "commentStatus": 0,
    }


def _item(order: Order) -> dict[str, Any]:
    line = order.lines[0]
    return {
        "orderItemId": int(line.line_no),
        "itemId": FIRST_ITEM_ID + line.sku.number,
        "relItemId": 0,
        "skuId": FIRST_SKU_ID + line.sku.number,
        "relSkuId": 0,
        "skuNick": line.sku.code,
        "goodsCode": line.sku.code,
        "warehouseCode": "",
        "itemTitle": line.sku.title,
        "itemPicUrl": "https://img.example.invalid/k.jpg",
        "itemLinkUrl": "",
        "skuDesc": line.sku.variant,
        "num": 0 if order.contradiction == "quantity_impossible" else line.quantity,
        "price": line.unit_price_fen,
        "originalPrice": line.unit_price_fen,
        "discountFee": line.discount_fen,
        "itemType": 1,
        "itemExtra": {"categoryInfo": {"itemCid": 1001, "categoryName": line.sku.category}},
    }


def _address(order: Order) -> dict[str, Any]:
    receiver, region = order.receiver, order.receiver.region
    token = f"{receiver.revision:02d}{receiver.canary}"
    code = int(region.code)
    return {
        "consignee": "",
        "mobile": "",
        "address": "",
        "encryptedConsignee": f"#simIdx#Name{token}#1#",
        "encryptedMobile": f"$simIdx$Mobile{token}$1$",
        "encryptedAddress": f"~simIdx~Address{token}~1~",
        "desensitiseConsignee": f"测*{receiver.canary}",
        "desensitiseMobile": "130****0001",
        "desensitiseAddress": f"示例**号{receiver.canary}",
        "province": region.province,
        "provinceCode": code // 10_000 * 10_000,
        "city": region.city,
        "cityCode": code // 100 * 100,
        "district": region.district,
        "districtCode": code,
    }


def _refunds(order: Order, claims: list[AfterSale]) -> list[dict[str, Any]]:
    # Of several claims an order names the last one only.
    return [
        {
            "refundId": int(claim.after_sale_id),
            "refundStatus": REFUND_STATUS[order.lines[0].refund],
            "handlingWay": REFUND_ONLY,
        }
        for claim in claims[-1:]
    ]


def order_row(order: Order, shop: Shop, claims: list[AfterSale]) -> dict[str, Any]:
    """Return one order, as both the list and the detail give it."""
    notes = [{"note": order.seller_memo}] if order.seller_memo else []
    return {
        "orderBaseInfo": _base(order, shop),
        "orderItemInfo": _item(order),
        "orderAddress": _address(order),
        "orderCpsInfo": {"distributorId": 0, "distributorName": ""},
        "orderLogisticsInfo": [
            {"expressNo": one.waybill, "expressCode": int(one.company)} for one in order.shipments
        ],
        "orderRefundList": _refunds(order, claims),
        "orderNote": {"sellerNote": notes},
    }


def answer(content: object) -> dict[str, Any]:
    """Wrap what a call gives in the platform's envelope of success."""
    return {
        "result": 1,
        "code": "1",
        "msg": "success",
        "error_msg": "",
        "sub_code": "",
        "sub_msg": "",
        "requestId": "sim",
        "data": content,
    }


def native_payload(order: Order, shop: Shop) -> dict[str, Any]:
    """Return the whole answer of open.order.detail for an order without claims."""
    return answer(order_row(order, shop, []))


def refund_row(claim: AfterSale) -> dict[str, Any]:
    """Return one entry of the claims' cursor list."""
    return {
        "refundId": int(claim.after_sale_id),
        "oid": int(claim.order_no),
        "status": REFUND_STATUS[claim.status],
        "handlingWay": REFUND_ONLY,
        "refundFee": claim.amount_fen,
        "refundReasonDesc": claim.reason,
        "createTime": claim.created_at_ms,
        "updateTime": claim.modified_at_ms,
        "endTime": 0 if claim.status == "open" else claim.modified_at_ms,
    }
