"""JD's JSON: orders and claims as JOS writes them, nearly everything as text.

Guarantees: yuan text, Beijing time, ciphers for receivers, no line numbers.
orderSellerPrice = orderTotalPrice - sellerDiscount; orderPayment = orderSellerPrice - JD's own coupons
+ freightPrice.
"""

from typing import Any

from simulators.catalog import Sku
from simulators.clock import beijing_text
from simulators.money import yuan
from simulators.orders import AfterSale, Line, Order, Shop

FIRST_SKU_ID = 100_000_000_000
_STATE = {
    "unpaid": ("NOT_PAY", "等待付款"),
    "paid": ("WAIT_SELLER_STOCK_OUT", "等待出库"),
    "part_shipped": ("WAIT_SELLER_DELIVERY", "等待发货"),
    "shipped": ("WAIT_GOODS_RECEIVE_CONFIRM", "等待确认收货"),
    "finished": ("FINISHED_L", "完成"),
    "cancelled": ("TRADE_CANCELED", "取消"),
    "closed": ("TRADE_CANCELED", "取消"),
}
_SUCCESS = {
    "chineseErrCode": "成功",
    "englishErrCode": "success",
    "numberCode": 0,
    "success": True,
}
_CLAIM_STATUS = {"open": 0, "agreed": 1, "refused": 2, "withdrawn": 11}
_CLAIM_PAID = 3
PAYS_AFTER_MS = 3_000
"""How long JD takes to pay what was approved."""


def state_of(order: Order) -> tuple[str, str]:
    """Return JD's state and its Chinese remark; an asked-for cancellation locks the order."""
    if order.state == "paid" and order.refund_open:
        return ("LOCKED", "已锁定")
    return _STATE[order.state]


def ids_of(sku: Sku) -> tuple[str, str]:
    """Return an article's wareId and skuId."""
    number = FIRST_SKU_ID + sku.number
    return str(number // 100), str(number)


def sku_id(line: Line) -> str:
    """Return JD's number of what a line sells."""
    return ids_of(line.sku)[1]


def _cipher(kind: str, order: Order) -> str:
    receiver = order.receiver
    return f"AwAA{kind}{receiver.revision:02d}{receiver.canary}=="


def _consignee(order: Order) -> dict[str, Any]:
    region = order.receiver.region
    return {
        "fullname": _cipher("Name", order),
        "mobile": _cipher("Mobile", order),
        "telephone": _cipher("Tel", order),
        "fullAddress": _cipher("Address", order),
        "province": region.jd_province,
        "provinceId": region.code[:2],
        "city": region.city,
        "cityId": region.code[:4],
        "county": region.district,
        "countyId": region.code,
        "town": region.town,
        "townId": f"{region.code}001",
    }


def _items(order: Order) -> list[dict[str, Any]]:
    return [
        {
            "giftPoint": "0",
            "invoiceContentId": "1",
            "itemTotal": "0"
            if place == 0 and order.contradiction == "quantity_impossible"
            else str(line.quantity),
            "jdPrice": yuan(line.unit_price_fen),
            "newStoreId": "0",
            "outerSkuId": line.sku.code,
            "productNo": line.sku.product_code,
            "skuId": sku_id(line),
            "skuName": line.sku.title,
            "wareId": str(int(sku_id(line)) // 100),
        }
        for place, line in enumerate(order.lines)
    ]


def _coupons(order: Order) -> list[dict[str, Any]]:
    found = [
        ("30-单品促销优惠", line.discount_fen, sku_id(line))
        for line in order.lines
        if line.discount_fen
    ]
    if order.shop_coupon_fen:
        found.append(("100-店铺优惠", order.shop_coupon_fen, ""))
    if order.platform_coupon_fen:
        found.append(("41-京东券优惠", order.platform_coupon_fen, ""))
    return [
        {
            "orderId": order.order_no,
            "couponType": kind,
            "couponPrice": yuan(amount_fen),
            "skuId": sku_id,
        }
        for kind, amount_fen, sku_id in found
    ]


def order_row(order: Order, shop: Shop) -> dict[str, Any]:
    """Return one entry of orderInfoList with every field the platform knows of it."""
    goods_fen = order.goods_fen
    seller_fen = sum(line.discount_fen for line in order.lines) + order.shop_coupon_fen
    state, remark = state_of(order)
    fields: dict[str, Any] = {
        "orderId": order.order_no,
        "venderId": str(shop.native_shop_id),
        "orderType": "22",
        "payType": "4-在线支付",
        "orderTotalPrice": yuan(goods_fen),
        "orderSellerPrice": yuan(goods_fen - seller_fen),
        "orderPayment": yuan(order.stated_paid_fen),
        "freightPrice": yuan(order.freight_fen),
        "sellerDiscount": yuan(seller_fen),
        "balanceUsed": "0.00",
        "orderState": state,
        "orderStateRemark": remark,
        "deliveryType": "任意时间",
        "invoiceInfo": "不需要开具发票",
        "orderRemark": order.buyer_memo,
        "orderStartTime": beijing_text(order.created_at_ms),
        "paymentConfirmTime": beijing_text(order.paid_at_ms) if order.paid_at_ms else "",
        "modified": beijing_text(order.modified_at_ms),
        "consigneeInfo": _consignee(order),
        "itemInfoList": _items(order),
        "couponDetailList": _coupons(order),
        "venderRemark": order.seller_memo,
        "venderRemarkLevelFlag": str(order.seller_flag),
        "pin": "",
        "openIdBuyer": f"simOpenId{order.serial:08d}",
        "xidBuyer": f"o*AASim{order.serial:08d}",
        "waybill": ",".join(shipment.waybill for shipment in order.shipments),
        "logisticsId": ",".join(shipment.company for shipment in order.shipments),
        "returnOrder": "0",
        "parentOrderId": "0",
        "directParentOrderId": "0",
        "orderSource": "移动端订单",
        "storeOrder": "",
        "idSopShipmenttype": 69,
        "orderExt": "{}",
    }
    if order.ended_at_ms:
        fields["orderEndTime"] = beijing_text(order.ended_at_ms)
    return fields


def search_answer(rows: list[dict[str, Any]], total: int) -> dict[str, Any]:
    """Return the whole answer of jingdong.pop.order.search, its key misspelt as the platform does."""
    return {
        "jingdong_pop_order_search_responce": {
            "code": "0",
            "searchorderinfo_result": {
                "apiResult": _SUCCESS,
                "orderInfoList": rows,
                "orderTotal": total,
            },
        }
    }


def native_payload(order: Order, shop: Shop) -> dict[str, Any]:
    """Return a search answer of one order."""
    return search_answer([order_row(order, shop)], 1)


def get_answer(row: dict[str, Any] | None) -> dict[str, Any]:
    """Return the whole answer of jingdong.pop.order.get; None = there is no such order."""
    result: dict[str, Any] = {"apiResult": _SUCCESS, "orderInfo": row}
    if row is None:
        unknown = {"chineseErrCode": "订单不存在", "englishErrCode": "no such order"}
        result = {"apiResult": unknown | {"numberCode": 10400001, "success": False}}
    return {"jingdong_pop_order_get_responce": {"code": "0", "orderDetailInfo": result}}


def is_to_be_paid(after_sale: AfterSale, now_ms: int) -> bool:
    """Whether it is approved and JD has not paid yet."""
    return after_sale.status == "agreed" and now_ms < after_sale.modified_at_ms + PAYS_AFTER_MS


def claim_row(after_sale: AfterSale, now_ms: int) -> dict[str, Any]:
    """Return one refund application; `status` 0 waits, 1 approved, 2 refused, 3 paid, 11 withdrawn; the sum is in fen."""
    status = _CLAIM_STATUS[after_sale.status]
    if after_sale.status == "agreed" and not is_to_be_paid(after_sale, now_ms):
        status = _CLAIM_PAID
    return {
        "id": int(after_sale.after_sale_id),
        "orderId": after_sale.order_no,
        "applyRefundSum": after_sale.amount_fen,
        "status": status,
        "applyTime": beijing_text(after_sale.created_at_ms),
        "checkTime": "" if after_sale.status == "open" else beijing_text(after_sale.modified_at_ms),
        "reason": after_sale.reason,
        "skuLineNos": ",".join(after_sale.line_nos),
        "beforeShipping": after_sale.before_shipping,
    }
