"""Kuaishou's pushes: messages encrypted with the shop's message key, not signed.

Guarantees: a posting is Base64 of AES-CBC with a zero IV over one message, or a list of several; it
counts as received only when it is answered with result 1. Claims name their order `orderId`, notes
theirs `bizId`.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from simulators.marketplaces import PushForm
from simulators.marketplaces.kuaishou.payloads import REFUND_ONLY, seller_open_id, status_of
from simulators.orders import AfterSale, Change, ChangeKind, Order, Shop
from simulators.pushes import Posting

_EVENTS: dict[ChangeKind, str] = {
    "placed": "kwaishop_order_addOrder",
    "paid": "kwaishop_order_paySuccess",
    "address_changed": "kwaishop_order_addressUpdateAudit",
    "memo_changed": "kwaishop_order_addNote",
    "cancelled": "kwaishop_order_orderFail",
    "shipped": "kwaishop_order_delivering",
    "finished": "kwaishop_order_orderSuccess",
    "after_sale_opened": "kwaishop_aftersales_addRefund",
    "after_sale_agreed": "kwaishop_aftersales_updateRefund",
    "after_sale_refused": "kwaishop_aftersales_updateRefund",
    "after_sale_withdrawn": "kwaishop_aftersales_updateRefund",
}
_ADDRESS_ACCEPTED = 20


class _Reply(msgspec.Struct):
    result: int


def seal(text: bytes, message_key: str) -> bytes:
    """Return Base64 of AES-CBC under the message key (itself Base64), IV zero, PKCS7 padding."""
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(b64decode(message_key)), modes.CBC(bytes(16))).encryptor()
    padded = padder.update(text) + padder.finalize()
    return b64encode(encryptor.update(padded) + encryptor.finalize())


def _message(change: Change, shop: Shop, number: int) -> dict[str, Any]:
    order, claim = change.order, change.after_sale
    info = _about_order(change) if claim is None else _about_claim(order, claim)
    return {
        "eventId": f"267_{shop.native_shop_id}_{number}",
        "bizId": int(order.order_no if claim is None else claim.after_sale_id),
        "userId": shop.native_shop_id,
        "openId": seller_open_id(shop),
        "appKey": shop.app_key,
        "event": _EVENTS[change.kind],
        "info": msgspec.json.encode(info | {"sellerId": shop.native_shop_id}).decode(),
        "createTime": order.modified_at_ms,
        "test": False,
    }


def _about_order(change: Change) -> dict[str, Any]:
    order = change.order
    oid = int(order.order_no)
    match change.kind:
        case "placed":
            return {"oid": oid, "createTime": order.created_at_ms}
        case "memo_changed":
            note = {"bizId": oid, "eventType": 2, "note": order.seller_memo, "type": 1}
            return note | {"updateTime": order.modified_at_ms}
        case "address_changed":
            return {"oid": oid, "auditStatus": _ADDRESS_ACCEPTED, "auditTime": order.modified_at_ms}
        case _:
            return {"oid": oid, "status": status_of(order), "updateTime": order.modified_at_ms}


def _about_claim(order: Order, claim: AfterSale) -> dict[str, Any]:
    return {
        "orderId": int(order.order_no),
        "refundId": int(claim.after_sale_id),
        "handlingWay": REFUND_ONLY,
        "updateTime": claim.modified_at_ms,
    }


def _encode(shop: Shop, messages: Sequence[Any], _at_ms: int) -> Posting:
    text = msgspec.json.encode(messages[0] if len(messages) == 1 else messages)
    headers = {"content-type": "text/plain;charset=UTF-8"}
    return Posting(headers=headers, body=seal(text, shop.push_secret))


def _accepted(body: bytes) -> bool:
    try:
        return msgspec.json.decode(body, type=_Reply).result == 1
    except msgspec.MsgspecError:
        return False


PUSH = PushForm(message=_message, encode=_encode, accepted=_accepted)
