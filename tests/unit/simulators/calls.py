"""Calls as a merchant makes them, signed by an implementation of its own."""

import hashlib
import hmac
import json
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from simulators.carriers import cainiao
from simulators.clock import beijing_text
from simulators.doors import Call
from simulators.orders import Channel, Order, Shop
from simulators.payments.alipay import APP_ID
from simulators.registry import SHOPS
from simulators.simulation import Simulation

TRADE_FIELDS = (
    "tid,status,payment,modified,created,post_fee,total_fee,orders,receiver_name,receiver_city,"
    "receiver_address,buyer_message,oaid,promotion_details"
)
JD_FIELDS = (
    "orderId,orderState,orderPayment,orderTotalPrice,orderSellerPrice,freightPrice,sellerDiscount,"
    "modified,itemInfoList,couponDetailList,consigneeInfo"
)


def shop_of(order: Order) -> Shop:
    return shop_named(order.shop)


def shop_named(name: str) -> Shop:
    return next(shop for shop in SHOPS if shop.shop == name)


def form_call(path: str, params: dict[str, str]) -> Call:
    return Call(method="POST", path=path, body=urlencode(params).encode())


def taobao_answer(simulation: Simulation, params: dict[str, str]) -> dict[str, Any]:
    return as_json(simulation.servers["taobao"].answer(form_call("/router/rest", params)).body)


def jd_answer(simulation: Simulation, params: dict[str, str]) -> dict[str, Any]:
    return as_json(simulation.servers["jd"].answer(form_call("/routerjson", params)).body)


def douyin_answer(
    simulation: Simulation, method: str, params: dict[str, str], body: bytes
) -> dict[str, Any]:
    path = f"/{method.replace('.', '/')}"
    call = Call(method="POST", path=path, query=params, body=body)
    return as_json(simulation.servers["douyin"].answer(call).body)


def place(simulation: Simulation, channel: Channel, *, paid: bool = True) -> Order:
    """Place orders until one of the channel is (un)paid, adds up, and return it."""
    while True:
        order = simulation.world.place(channel=channel)
        if (order.state == "paid") is paid:
            return order


def taobao_params(
    simulation: Simulation, shop: Shop, method: str, **business: str
) -> dict[str, str]:
    params = {
        "method": method,
        "app_key": shop.app_key,
        "session": shop.access_token,
        "timestamp": beijing_text(simulation.clock()),
        "format": "json",
        "v": "2.0",
        "sign_method": "md5",
        **business,
    }
    text = "".join(f"{name}{params[name]}" for name in sorted(params))
    whole = f"{shop.app_secret}{text}{shop.app_secret}".encode()
    return params | {"sign": hashlib.md5(whole).hexdigest().upper()}


def taobao(simulation: Simulation, shop: Shop, method: str, **business: str) -> dict[str, Any]:
    params = taobao_params(simulation, shop, method, **business)
    return taobao_answer(simulation, params)


def jd_params(
    simulation: Simulation, shop: Shop, method: str, business: dict[str, Any]
) -> dict[str, str]:
    params = {
        "method": method,
        "app_key": shop.app_key,
        "access_token": shop.access_token,
        "timestamp": beijing_text(simulation.clock()),
        "v": "2.0",
        "360buy_param_json": json.dumps(business),
    }
    text = "".join(f"{name}{params[name]}" for name in sorted(params))
    whole = f"{shop.app_secret}{text}{shop.app_secret}".encode()
    return params | {"sign": hashlib.md5(whole).hexdigest().upper()}


def jd(simulation: Simulation, shop: Shop, method: str, **business: Any) -> dict[str, Any]:
    params = jd_params(simulation, shop, method, business)
    return jd_answer(simulation, params)


def douyin_call(
    simulation: Simulation, shop: Shop, method: str, business: dict[str, Any]
) -> tuple[dict[str, str], bytes]:
    body = json.dumps(business, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    at = str(simulation.clock() // 1_000)
    text = (
        f"{shop.app_secret}app_key{shop.app_key}method{method}param_json{body}"
        f"timestamp{at}v2{shop.app_secret}"
    )
    sign = hmac.new(shop.app_secret.encode(), text.encode(), "sha256").hexdigest()
    params = {
        "app_key": shop.app_key,
        "method": method,
        "access_token": shop.access_token,
        "timestamp": at,
        "v": "2",
        "sign_method": "hmac-sha256",
        "sign": sign,
    }
    return params, body.encode()


def douyin(simulation: Simulation, shop: Shop, method: str, **business: Any) -> dict[str, Any]:
    params, body = douyin_call(simulation, shop, method, business)
    return douyin_answer(simulation, method, params, body)


def pdd_params(simulation: Simulation, shop: Shop, method: str, **business: str) -> dict[str, str]:
    params = {
        "type": method,
        "client_id": shop.app_key,
        "access_token": shop.access_token,
        "timestamp": str(simulation.clock() // 1_000),
        "data_type": "JSON",
        "version": "V1",
        **business,
    }
    text = "".join(f"{name}{params[name]}" for name in sorted(params))
    whole = f"{shop.app_secret}{text}{shop.app_secret}".encode()
    return params | {"sign": hashlib.md5(whole).hexdigest().upper()}


def pdd_answer(simulation: Simulation, params: dict[str, str]) -> dict[str, Any]:
    return as_json(simulation.servers["pdd"].answer(form_call("/api/router", params)).body)


def pdd(simulation: Simulation, shop: Shop, method: str, **business: str) -> dict[str, Any]:
    return pdd_answer(simulation, pdd_params(simulation, shop, method, **business))


def cainiao_params(msg_type: str, content: dict[str, Any]) -> dict[str, str]:
    text = json.dumps(content, ensure_ascii=False)
    digest = hashlib.md5((text + cainiao.SECRET).encode()).digest()
    return {
        "msg_type": msg_type,
        "logistic_provider_id": cainiao.PROVIDER_ID,
        "logistics_interface": text,
        "to_code": "TMS",
        "data_digest": b64encode(digest).decode(),
    }


def waybill_request(*object_ids: str, province: str = "浙江省") -> dict[str, Any]:
    return {
        "cpCode": "ZTO",
        "sender": {"address": {"province": "浙江省"}},
        "tradeOrderInfoDtos": [
            {
                "objectId": object_id,
                "orderInfo": {"orderChannelsType": "TB", "tradeOrderList": [f"order-{object_id}"]},
                "recipient": {"address": {"province": province, "detail": "样*路"}, "name": "测**"},
            }
            for object_id in object_ids
        ],
    }


def cainiao_call(simulation: Simulation, msg_type: str, content: dict[str, Any]) -> dict[str, Any]:
    params = cainiao_params(msg_type, content)
    answer: dict[str, Any] = json.loads(simulation.cainiao.answer(params).body)
    return answer


def alipay_params(simulation: Simulation, method: str, business: dict[str, str]) -> dict[str, str]:
    params = {
        "app_id": APP_ID,
        "method": method,
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": beijing_text(simulation.clock()),
        "version": "1.0",
        "biz_content": json.dumps(business),
    }
    text = "&".join(f"{name}={params[name]}" for name in sorted(params)).encode()
    sign = simulation.keys.merchant.sign(text, padding.PKCS1v15(), hashes.SHA256())
    return params | {"sign": b64encode(sign).decode()}


def alipay(simulation: Simulation, method: str, **business: str) -> dict[str, Any]:
    answer = json.loads(simulation.alipay.answer(alipay_params(simulation, method, business)).body)
    node: dict[str, Any] = answer[f"{method.replace('.', '_')}_response"]
    return node


def refund(simulation: Simulation, order: Order, request_no: str, amount: str) -> dict[str, Any]:
    return alipay(
        simulation,
        "alipay.trade.refund",
        out_trade_no=f"{order.channel}:{order.order_no}",
        refund_amount=amount,
        out_request_no=request_no,
    )


def as_json(body: bytes) -> dict[str, Any]:
    return msgspec.json.decode(body, type=dict[str, Any])
