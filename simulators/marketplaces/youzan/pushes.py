"""Youzan's pushes: one message a posting, its inner text URL-encoded and signed as it stands.

Guarantees: sign is MD5 over client_id, the encoded text and client_secret; a posting counts as received
only when it is answered with code 0. Of an address that changed, nobody is told.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from simulators.clock import SECOND_MS, beijing_text
from simulators.marketplaces import PushForm
from simulators.marketplaces.youzan.payloads import status_of
from simulators.orders import Change, ChangeKind, Shop
from simulators.pushes import Posting
from simulators.signing import md5_hex

_TYPES: dict[ChangeKind, str] = {
    "placed": "trade_TradeCreate",
    "paid": "trade_TradeBuyerPay",
    "memo_changed": "trade_TradeMemoModified",
    "cancelled": "trade_TradeClose",
    "shipped": "trade_TradeSellerShip",
    "finished": "trade_TradeSuccess",
    "after_sale_opened": "trade_refund_BuyerCreated",
    "after_sale_agreed": "trade_refund_RefundSuccess",
    "after_sale_refused": "trade_refund_SellerRefuse",
    "after_sale_withdrawn": "trade_refund_RefundClosed",
}
_PART = "trade_TradePartlySellerShip"


class _Reply(msgspec.Struct):
    code: int


def sign(client_id: str, message: str, secret: str) -> str:
    """Return lower-case hex MD5 over client_id, the message as it is sent, and the secret."""
    return md5_hex(f"{client_id}{message}{secret}".encode())


def _message(change: Change, shop: Shop, _number: int) -> dict[str, Any] | None:
    kind = _TYPES.get(change.kind)
    if kind is None:
        return None
    order, claim = change.order, change.after_sale
    if change.kind == "shipped" and order.state == "part_shipped":
        kind = _PART
    inner = {
        "tid": order.order_no,
        "status": status_of(order),
        "update_time": beijing_text(order.modified_at_ms),
    }
    if claim is not None:
        inner |= {"refund_id": claim.after_sale_id}
    return {
        "client_id": shop.app_key,
        "id": order.order_no if claim is None else claim.after_sale_id,
        "kdt_id": shop.native_shop_id,
        "kdt_name": shop.shop_name,
        "mode": 1,
        "msg": quote(msgspec.json.encode(inner), safe=""),
        "sendCount": 0,
        "status": status_of(order),
        "test": False,
        "type": kind,
        "version": order.modified_at_ms // SECOND_MS,
    }


def _encode(shop: Shop, messages: Sequence[Any], _at_ms: int) -> Posting:
    message = messages[0]
    signed = message | {"sign": sign(shop.app_key, message["msg"], shop.app_secret)}
    return Posting(headers={"content-type": "application/json"}, body=msgspec.json.encode(signed))


def _accepted(body: bytes) -> bool:
    try:
        return msgspec.json.decode(body, type=_Reply).code == 0
    except msgspec.MsgspecError:
        return False


PUSH = PushForm(message=_message, encode=_encode, accepted=_accepted, batch_max=1)
