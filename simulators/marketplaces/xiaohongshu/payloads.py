"""Xiaohongshu's JSON: orders and claims as ARK writes them.

Guarantees: orders in fen, claims in yuan as JSON numbers, times in epoch milliseconds, 0 for what has
not happened; an order carries no receiver but a key to ask for one by.
totalPayAmount = prices - totalMerchantDiscount - totalRedDiscount + totalShippingFree.
"""

from typing import Any

from simulators.catalog import Sku
from simulators.money import yuan_number
from simulators.orders import AfterSale, Line, Order, Shop

_STATUS = {
    "unpaid": 1,
    "paid": 4,
    "part_shipped": 5,
    "shipped": 6,
    "finished": 7,
    "closed": 8,
    "cancelled": 9,
}
_CLAIMS = {"open": 2, "agreed": 3, "refused": 4, "withdrawn": 5}
_CLAIM_STATUS = {"open": 1, "agreed": 4, "refused": 9001, "withdrawn": 5}
_REFUND_ONLY_SHIPPED, _REFUND_ONLY_UNSHIPPED = 4, 5
_GIFT = 1


def ids_of(sku: Sku) -> tuple[str, str]:
    """Return an article's item and SKU, each of 24 hex digits."""
    return f"64e{sku.number // 10:021x}", f"65f{sku.number:021x}"


def sku_id_of(line: Line) -> str:
    """Return the platform's name for what a line sells."""
    return ids_of(line.sku)[1]


def address_key(order: Order) -> str:
    """Return what the receiver is asked for by; it changes with the address."""
    return f"oaid{order.serial:010d}R{order.receiver.revision:02d}"


def _after_sales_status(order: Order) -> int:
    refunds = {line.refund for line in order.lines}
    return next((code for name, code in _CLAIMS.items() if name in refunds), 1)


def list_row(order: Order) -> dict[str, Any]:
    """Return the row of a list: neither lines nor receiver."""
    asked = order.refund_open and order.state in {"paid", "part_shipped"}
    shop_fen = sum(line.discount_fen + line.shop_share_fen for line in order.lines)
    return {
        "orderId": order.order_no,
        "orderType": 1,
        "orderStatus": _STATUS[order.state],
        "orderAfterSalesStatus": _after_sales_status(order),
        "cancelStatus": 1 if asked else 0,
        "createdTime": order.created_at_ms,
        "paidTime": order.paid_at_ms,
        "updateTime": order.modified_at_ms,
        "totalMerchantDiscount": shop_fen,
        "totalRedDiscount": order.platform_coupon_fen,
        "paymentType": 1 if order.paid_at_ms else 0,
        "userId": f"simUser{order.serial:010d}",
    }


def _sku(order: Order, line: Line, place: int) -> dict[str, Any]:
    pieces = line.quantity
    wrong = order.contradiction == "quantity_impossible" and place == 0
    shop_fen = line.discount_fen + line.shop_share_fen
    return {
        "skuId": sku_id_of(line),
        "skuName": line.sku.title,
        "erpcode": line.sku.code,
        "skuSpec": line.sku.variant,
        "skuImage": "https://img.example.invalid/x.jpg",
        "skuQuantity": 0 if wrong else pieces,
        "skuDetailList": [
            {
                "skuId": sku_id_of(line),
                "erpCode": line.sku.code,
                "barcode": "",
                "scSkuCode": "",
                "quantity": pieces,
                "registerName": "",
                "skuName": line.sku.title,
                "pricePerSku": line.unit_price_fen,
                "rawPricePerSku": line.unit_price_fen,
                "taxPerSku": 0,
                # Of one piece, in whole fen: only the totals are exact.
                "paidAmountPerSku": line.paid_fen // pieces,
                "depositAmountPerSku": 0,
                "merchantDiscountPerSku": shop_fen // pieces,
                "redDiscountPerSku": line.platform_share_fen // pieces,
            }
        ],
        "totalPaidAmount": line.paid_fen,
        "totalMerchantDiscount": shop_fen,
        "totalRedDiscount": line.platform_share_fen,
        "totalTaxAmount": 0,
        "totalNetWeight": line.sku.weight_g * pieces,
        "skuTag": _GIFT if line.gift else 0,
        "isChannel": False,
        "channel": False,
    }


def _parcels(order: Order) -> list[dict[str, Any]]:
    return [
        {
            "deliveryOrderIndex": index,
            "status": _STATUS["shipped"],
            "expressTrackingNo": one.waybill,
            "expressCompanyCode": one.company,
            "skuIdList": [sku_id_of(line) for line in order.lines if line.line_no in one.line_nos],
        }
        for index, one in enumerate(order.shipments, start=1)
    ]


def order_json(order: Order) -> dict[str, Any]:
    """Return one order as order.getOrderDetail gives it."""
    region = order.receiver.region
    parcels = _parcels(order)
    whole = (
        order.shipments[0] if len(order.shipments) == 1 and order.state != "part_shipped" else None
    )
    return list_row(order) | {
        "deliveryTime": order.shipped_at_ms,
        "cancelTime": order.cancelled_at_ms,
        "finishTime": order.ended_at_ms if order.state == "finished" else 0,
        "promiseLastDeliveryTime": order.paid_at_ms and order.paid_at_ms + 172_800_000,
        "planInfoId": "p1",
        "planInfoName": "全国",
        "receiverCountryId": "1",
        "receiverCountryName": "中国",
        "receiverProvinceId": region.code[:2],
        "receiverProvinceName": region.province,
        "receiverCityId": region.code[:4],
        "receiverCityName": region.city,
        "receiverDistrictId": region.code,
        "receiverDistrictName": region.district,
        "receiverName": "",
        "receiverPhone": "",
        "receiverAddress": "",
        "openAddressId": address_key(order),
        "customerRemark": order.buyer_memo,
        "sellerRemark": order.seller_memo,
        "sellerRemarkFlag": order.seller_flag,
        "originalOrderId": "",
        "totalNetWeightAmount": sum(line.sku.weight_g * line.quantity for line in order.lines),
        "totalPayAmount": order.stated_paid_fen,
        "totalShippingFree": order.freight_fen,
        "totalDepositAmount": 0,
        "merchantActualReceiveAmount": order.stated_paid_fen + order.platform_coupon_fen,
        "unpack": len(parcels) > 1 or order.state == "part_shipped",
        "expressTrackingNo": whole.waybill if whole else "",
        "expressCompanyCode": whole.company if whole else "",
        "boundExtendInfo": None,
        "transferExtendInfo": None,
        "simpleDeliveryOrderList": [] if whole else parcels,
        "logistics": "red_auto",
        "skuList": [_sku(order, line, place) for place, line in enumerate(order.lines)],
    }


def receiver_json(order: Order, *, matched: bool) -> dict[str, Any]:
    """Return one entry of order.getOrderReceiverInfo: ciphers, for whoever has the right key."""
    region = order.receiver.region
    token = f"{order.receiver.revision:02d}{order.receiver.canary}"
    return {
        "orderId": order.order_no,
        "matched": matched,
        "receiverProvinceName": region.province,
        "receiverCityName": region.city,
        "receiverDistrictName": region.district,
        "receiverTownName": region.town,
        "receiverName": f"#sim#Name{token}#1#" if matched else "",
        "receiverPhone": f"$sim$Phone{token}$1$" if matched else "",
        "receiverAddress": f"~sim~Address{token}~1~" if matched else "",
    }


def answer(content: object) -> dict[str, Any]:
    """Wrap what a call gives in the platform's envelope of success."""
    return {"success": True, "error_code": 0, "error_msg": "", "data": content}


def native_payload(order: Order, _shop: Shop) -> dict[str, Any]:
    """Return the whole answer of order.getOrderDetail."""
    return answer(order_json(order))


def claim_row(claim: AfterSale, order: Order) -> dict[str, Any]:
    """Return one entry of the claims' list: what is asked for, in yuan."""
    return {
        "returnsId": f"R{claim.after_sale_id}",
        "returnType": _REFUND_ONLY_UNSHIPPED if claim.before_shipping else _REFUND_ONLY_SHIPPED,
        "reasonId": 1,
        "reasonNameZh": claim.reason,
        "status": _CLAIM_STATUS[claim.status],
        "userId": f"simUser{order.serial:010d}",
        "orderId": claim.order_no,
        "applyTime": claim.created_at_ms,
        "updatedAt": claim.modified_at_ms,
        "expireTime": claim.created_at_ms + 172_800_000,
        "desc": "",
        "returnsTag": 0,
        "expectedRefundAmountYuan": yuan_number(claim.amount_fen),
    }


def claim_json(claim: AfterSale, order: Order) -> dict[str, Any]:
    """Return one claim with what came of it; refundStatus 2 is money back."""
    agreed = claim.status == "agreed"
    return claim_row(claim, order) | {
        "refundStatus": 2 if agreed else 0,
        "refundAmountYuan": yuan_number(claim.amount_fen if agreed else 0),
        "skus": [
            {
                "skuId": sku_id_of(line),
                "skuName": line.sku.title,
                "boughtCount": line.quantity,
                "appliedCount": line.quantity,
            }
            for line in order.lines
            if line.line_no in claim.line_nos
        ],
    }
