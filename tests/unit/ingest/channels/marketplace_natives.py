"""Small whole orders of the channels, with what a test wants changed."""

from typing import Any

from tests.unit.ingest.channels.builders import Native


def pdd_item(**changed: Any) -> Native:
    return {
        "sku_id": 1200000000001,
        "goods_id": 300000000001,
        "outer_id": "TP-40",
        "goods_name": "示例 抽纸",
        "goods_count": 2,
        "goods_price": 29.9,
        **changed,
    }


def pdd_order(*items: Native, **changed: Any) -> Native:
    return {
        "order_sn": "260520-000000000000001",
        "trade_type": 0,
        "confirm_status": 1,
        "group_status": 1,
        "order_status": 1,
        "refund_status": 1,
        "after_sales_status": 0,
        "risk_control_status": 0,
        "is_lucky_flag": 1,
        "created_time": "2026-05-20 09:31:02",
        "pay_time": "2026-05-20 09:31:40",
        "updated_at": "2026-05-20 09:31:46",
        "shipping_time": "",
        "receive_time": "",
        "last_ship_time": "2026-05-22 09:31:45",
        "pay_amount": 49.8,
        "goods_amount": 59.8,
        "postage": 0,
        "discount_amount": 10,
        "platform_discount": 6,
        "seller_discount": 4,
        "capital_free_discount": 0,
        "order_change_amount": 0,
        "item_list": list(items) or [pdd_item()],
        "province": "四川省",
        "city": "成都市",
        "town": "武侯区",
        "receiver_name": "~AgName~demo~1~",
        "receiver_phone": "$index$AgPhone$1$",
        "receiver_address": "~AgAddress~demo~1~",
        "receiver_name_mask": "测**",
        "receiver_phone_mask": "130****0001",
        "receiver_address_mask": "示*路***",
        "remark": "加急",
        "tracking_number": "",
        "logistics_id": 0,
        **changed,
    }


def kuaishou_item(**changed: Any) -> Native:
    return {
        "orderItemId": 2605900000002,
        "itemId": 21000000000001,
        "skuId": 22000000000001,
        "skuNick": "KS-SKU-1",
        "goodsCode": "GC-1",
        "itemTitle": "示例 坚果礼盒",
        "num": 2,
        "price": 4990,
        "discountFee": 0,
        **changed,
    }


def kuaishou_base(**changed: Any) -> Native:
    return {
        "oid": 2605900000001,
        "status": 30,
        "sellerOpenId": "f18Seller",
        "sellerNick": "示例快手店",
        "buyerOpenId": "f18Buyer",
        "totalFee": 10080,
        "expressFee": 600,
        "discountFee": 500,
        "createTime": 1779240662000,
        "payTime": 1779240700000,
        "updateTime": 1779240701000,
        "sendTime": 0,
        "recvTime": 0,
        "validPromiseShipmentTimeStamp": 1779413500000,
        "remark": "不要辣",
        "cpsType": 1,
        "preSale": 0,
        "riskCode": 0,
        "coType": 0,
        **changed,
    }


def kuaishou_order(item: Any = None, parts: Native | None = None, **changed: Any) -> Native:
    """An order; `changed` is of its head, `parts` of its other parts."""
    return {
        "orderBaseInfo": kuaishou_base(**changed),
        "orderItemInfo": kuaishou_item() if item is None else item,
        "orderAddress": {
            "consignee": "",
            "mobile": "",
            "address": "",
            "encryptedConsignee": "#index#cipher#1#",
            "encryptedMobile": "$index$cipher$1$",
            "encryptedAddress": "~index~cipher~1~",
            "desensitiseConsignee": "测**",
            "desensitiseMobile": "130****0001",
            "desensitiseAddress": "示例**号",
            "province": "山东省",
            "city": "青岛市",
            "district": "市南区",
        },
        "orderCpsInfo": {"distributorId": 0, "distributorName": ""},
        "orderLogisticsInfo": [],
        "orderRefundList": [],
        "orderNote": {"sellerNote": []},
        **(parts or {}),
    }


def wechat_product(**changed: Any) -> Native:
    return {
        "product_id": "10000000000001",
        "sku_id": "2000001",
        "sku_cnt": 2,
        "sale_price": 25900,
        "real_price": 48800,
        "title": "示例 羊绒围巾",
        "sku_code": "SC-1",
        "on_aftersale_sku_cnt": 0,
        "finish_aftersale_sku_cnt": 0,
        **changed,
    }


def wechat_order(*products: Native, detail: Native | None = None, **changed: Any) -> Native:
    """An order; `detail` changes parts of its content, `changed` its head."""
    content = {
        "product_infos": list(products) or [wechat_product()],
        "pay_info": {"pay_time": 1779240700, "payment_method": 1},
        "price_info": {
            "product_price": 51800,
            "order_price": 49300,
            "freight": 500,
            "discounted_price": 3000,
        },
        "delivery_info": {
            "address_info": {
                "user_name": "测*",
                "province_name": "湖北省",
                "city_name": "武汉市",
                "county_name": "洪山区",
                "detail_info": "示例****",
                "tel_number": "130****0001",
                "hash_code": "hash-1",
            },
            "delivery_product_info": [],
            "ship_done_time": 0,
        },
        "ext_info": {"customer_notes": "发顺丰", "merchant_notes": "VIP", "order_scene": 2},
        "commission_infos": [],
    }
    return {
        "order_id": "3700000000000000001",
        "status": 20,
        "create_time": 1779240662,
        "update_time": 1779240701,
        "openid": "oOpenid",
        "order_detail": content | (detail or {}),
        **changed,
    }


def xiaohongshu_sku(**changed: Any) -> Native:
    return {
        "skuId": "65f000000000000000000001",
        "skuName": "示例 香薰蜡烛",
        "erpcode": "XHS-1",
        "skuQuantity": 2,
        "skuDetailList": [
            {"skuId": "65f000000000000000000001", "quantity": 2, "pricePerSku": 9400}
        ],
        "totalPaidAmount": 15800,
        "totalMerchantDiscount": 1000,
        "totalRedDiscount": 2000,
        "skuTag": 0,
        **changed,
    }


def xiaohongshu_order(*skus: Native, **changed: Any) -> Native:
    return {
        "orderId": "P700000000000000001",
        "orderType": 1,
        "orderStatus": 4,
        "orderAfterSalesStatus": 1,
        "cancelStatus": 0,
        "createdTime": 1779240662000,
        "paidTime": 1779240700000,
        "updateTime": 1779240701000,
        "deliveryTime": 0,
        "cancelTime": 0,
        "finishTime": 0,
        "promiseLastDeliveryTime": 1779413500000,
        "receiverProvinceName": "浙江省",
        "receiverCityName": "宁波市",
        "receiverDistrictName": "海曙区",
        "receiverName": "",
        "receiverPhone": "",
        "receiverAddress": "",
        "openAddressId": "address-1",
        "customerRemark": "送礼",
        "sellerRemark": "附卡片",
        "totalPayAmount": 16600,
        "totalShippingFree": 800,
        "totalDepositAmount": 0,
        "totalMerchantDiscount": 1000,
        "totalRedDiscount": 2000,
        "simpleDeliveryOrderList": [],
        "skuList": list(skus) or [xiaohongshu_sku()],
        **changed,
    }
