"""Native payloads of the three channels, small and whole, with what a test wants changed."""

import json
from datetime import UTC, datetime
from typing import Any

from services.ingest.channels import Credentials, HttpAnswer, PushRequest
from services.ingest.channels.douyin import CHANNEL as DOUYIN
from services.ingest.channels.jd import CHANNEL as JD
from services.ingest.channels.taobao import CHANNEL as TAOBAO
from services.ingest.domain.model import CanonicalOrder, Item, Normalised, ProblemCode

Native = dict[str, Any]

NOW = datetime(2026, 5, 20, 2, 11, 12, tzinfo=UTC)
CREDENTIALS = Credentials(
    app_key="7000000000000000001",
    app_secret="planted-secret",
    access_token="planted-token",
    base_url="http://127.0.0.1:1",
)


def encoded(native: object) -> bytes:
    return json.dumps(native, ensure_ascii=False).encode()


def answer(native: object, status: int = 200) -> HttpAnswer:
    return HttpAnswer(status=status, headers={}, body=encoded(native))


def pushed(body: bytes, headers: dict[str, str] | None = None, at: datetime = NOW) -> PushRequest:
    return PushRequest(headers=headers or {}, query={}, body=body, at=at)


def taobao_line(**changed: Any) -> Native:
    return {
        "oid_str": "4000000000000000011",
        "sku_id": "5001",
        "outer_sku_id": "TS01",
        "title": "示例 T恤",
        "num": 2,
        "price": "50.00",
        "total_fee": "100.00",
        "divide_order_fee": "100.00",
        "part_mjz_discount": "0.00",
        "refund_status": "NO_REFUND",
        "status": "WAIT_SELLER_SEND_GOODS",
        **changed,
    }


def taobao_trade(*lines: Native, **changed: Any) -> Native:
    return {
        "tid_str": "4000000000000000010",
        "status": "WAIT_SELLER_SEND_GOODS",
        "type": "fixed",
        "payment": "100.00",
        "post_fee": "0.00",
        "total_fee": "100.00",
        "created": "2026-05-20 09:31:02",
        "pay_time": "2026-05-20 09:31:38",
        "modified": "2026-05-20 09:31:40",
        "seller_nick": "示例旗舰店",
        "receiver_name": "测**",
        "receiver_mobile": "*******0001",
        "receiver_state": "浙江省",
        "receiver_city": "杭州市",
        "receiver_district": "余杭区",
        "receiver_address": "样*路*号",
        "oaid": "1Oaid==",
        "orders": {"order": list(lines) or [taobao_line()]},
        **changed,
    }


def taobao(*lines: Native, **changed: Any) -> Normalised:
    wrapped = {"trade_fullinfo_get_response": {"trade": taobao_trade(*lines, **changed)}}
    (found,) = TAOBAO.normalise(encoded(wrapped))
    return found


def jd_item(**changed: Any) -> Native:
    return {
        "skuId": "100000000001",
        "outerSkuId": "KETTLE",
        "skuName": "示例 电热水壶",
        "jdPrice": "50.00",
        "itemTotal": "2",
        **changed,
    }


def jd_order(*items: Native, **changed: Any) -> Native:
    return {
        "orderId": "290000000000001",
        "venderId": "10000001",
        "payType": "4-在线支付",
        "orderTotalPrice": "100.00",
        "orderPayment": "100.00",
        "freightPrice": "0.00",
        "sellerDiscount": "0.00",
        "orderState": "WAIT_SELLER_STOCK_OUT",
        "orderStartTime": "2026-05-20 09:31:02",
        "paymentConfirmTime": "2026-05-20 09:31:40",
        "modified": "2026-05-20 09:31:41",
        "consigneeInfo": {
            "fullname": "AwAAdemoEncryptedName==",
            "mobile": "AwAAdemoEncryptedMobile==",
            "fullAddress": "AwAAdemoEncryptedAddress==",
            "province": "江苏",
            "city": "南京市",
            "county": "玄武区",
        },
        "itemInfoList": list(items) or [jd_item()],
        "couponDetailList": [],
        "waybill": "",
        **changed,
    }


def jd(*items: Native, **changed: Any) -> Normalised:
    (found,) = JD.normalise(encoded(jd_order(*items, **changed)))
    return found


def douyin_line(**changed: Any) -> Native:
    return {
        "order_id": "6900000000000000011",
        "order_status": 2,
        "main_status": 2,
        "pay_amount": 10000,
        "post_amount": 0,
        "origin_amount": 5000,
        "item_num": 2,
        "sku_id": 1700000000000001,
        "code": "SPK-1",
        "product_name": "示例 音箱",
        "given_product_type": "",
        "after_sale_info": {"after_sale_status": 0, "after_sale_type": 0, "refund_status": 0},
        **changed,
    }


def douyin_order(*lines: Native, **changed: Any) -> Native:
    return {
        "order_id": "6900000000000000011",
        "shop_id": 100001,
        "order_status": 2,
        "main_status": 2,
        "pay_amount": 10000,
        "post_amount": 0,
        "create_time": 1779240662,
        "pay_time": 1779240700,
        "update_time": 1779240701,
        "exp_ship_time": 1779413500,
        "encrypt_post_receiver": "#nameIdx#nameCipher*1*1##",
        "encrypt_post_tel": "$telIdx$telCipher$1$$",
        "post_addr": {
            "province": {"name": "广东省"},
            "city": {"name": "深圳市"},
            "town": {"name": "南山区"},
            "encrypt_detail": "##detailIdx##detailCipher*1*1##",
        },
        "mask_post_receiver": "测*",
        "mask_post_tel": "1**********",
        "mask_post_addr": {"detail": "示例****"},
        "sku_order_list": list(lines) or [douyin_line()],
        **changed,
    }


def douyin(*lines: Native, **changed: Any) -> Normalised:
    detail = {"shop_order_detail": douyin_order(*lines, **changed)}
    (found,) = DOUYIN.normalise(encoded({"code": 10000, "msg": "success", "data": detail}))
    return found


def order_of(found: Normalised) -> CanonicalOrder:
    assert found.order is not None, found.problems
    return found.order


def only_item(found: Normalised) -> Item:
    (item,) = order_of(found).items
    return item


def codes(found: Normalised) -> set[ProblemCode]:
    return {problem.code for problem in found.problems}
