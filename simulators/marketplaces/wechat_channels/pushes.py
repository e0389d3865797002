"""WeChat's pushes: one encrypted event a posting, signed in the query over its cipher.

Guarantees: the cipher is AES-256-CBC over 16 bytes, the length of the event, the event and the app it
is for; a posting counts as received only when it is answered `success`, and a new URL is sent nothing before it echoes what
it was asked. Events have no number.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from simulators.clock import SECOND_MS
from simulators.marketplaces import PushForm
from simulators.marketplaces.wechat_channels.payloads import claim_status
from simulators.orders import Change, ChangeKind, Shop
from simulators.pushes import Greeting, Posting

_EVENTS: dict[ChangeKind, str] = {
    "placed": "channels_ec_order_new",
    "paid": "channels_ec_order_pay",
    "address_changed": "channels_ec_order_ext_info_update",
    "memo_changed": "channels_ec_order_ext_info_update",
    "cancelled": "channels_ec_order_cancel",
    "shipped": "channels_ec_order_deliver",
    "finished": "channels_ec_order_confirm",
}
_EXT_INFO = {"address_changed": 1, "memo_changed": 3}
_PADDED_TO_BITS = 256


def sign(*parts: str) -> str:
    """Return SHA1 over token and parts, whatever their order."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def seal(event: bytes, *, aes_key: str, app_id: str) -> str:
    """Return the Base64 cipher of an event for an app.

    The platform's 16 leading bytes are random; ours are the event's digest, so that one world always
    sends the same bytes.
    """
    key = b64decode(aes_key + "=")
    salt = hashlib.md5(event, usedforsecurity=False).digest()
    text = salt + len(event).to_bytes(4, "big") + event + app_id.encode()
    padder = PKCS7(_PADDED_TO_BITS).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    padded = padder.update(text) + padder.finalize()
    return b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def _message(change: Change, shop: Shop, _number: int) -> dict[str, Any]:
    order, claim = change.order, change.after_sale
    event: dict[str, Any] = {
        "ToUserName": f"gh_sim{shop.native_shop_id}",
        "FromUserName": f"oSim{order.serial:08d}",
        "CreateTime": order.modified_at_ms // SECOND_MS,
        "MsgType": "event",
    }
    if claim is not None:
        told = {"status": claim_status(claim), "after_sale_order_id": claim.after_sale_id}
        return event | {
            "Event": "channels_ec_aftersale_update",
            "finder_shop_aftersale_status_update": told | {"order_id": order.order_no},
        }
    info: dict[str, Any] = {"order_id": order.order_no}
    if change.kind == "paid":
        info["pay_time"] = order.paid_at_ms // SECOND_MS
    if change.kind in _EXT_INFO:
        info["type"] = _EXT_INFO[change.kind]
    return event | {"Event": _EVENTS[change.kind], "order_info": info}


def _encode(shop: Shop, messages: Sequence[Any], at_ms: int) -> Posting:
    event = msgspec.json.encode(messages[0])
    cipher = seal(event, aes_key=shop.push_secret, app_id=shop.app_key)
    timestamp, nonce = str(at_ms // SECOND_MS), str(at_ms % 1_000_003)
    query = {
        "timestamp": timestamp,
        "nonce": nonce,
        "encrypt_type": "aes",
        "signature": sign(shop.push_token, timestamp, nonce),
        "msg_signature": sign(shop.push_token, timestamp, nonce, cipher),
    }
    body = msgspec.json.encode({"ToUserName": messages[0]["ToUserName"], "Encrypt": cipher})
    return Posting(headers={"content-type": "application/json"}, body=body, query=query)


def _greeting(shop: Shop, at_ms: int) -> Greeting:
    timestamp, nonce = str(at_ms // SECOND_MS), str(at_ms % 1_000_003)
    echo = f"sim{at_ms}"
    signature = sign(shop.push_token, timestamp, nonce)
    query = {"signature": signature, "timestamp": timestamp, "nonce": nonce, "echostr": echo}
    return Greeting(query=query, answer=echo.encode())


def _accepted(body: bytes) -> bool:
    return body == b"success"


PUSH = PushForm(
    message=_message, encode=_encode, accepted=_accepted, batch_max=1, greeting=_greeting
)
