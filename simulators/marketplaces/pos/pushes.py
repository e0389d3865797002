"""How a till uploads: receipts in batches, signed with the store's secret.

Guarantees: a receipt is uploaded until an upload with it was accepted, however long the till is offline;
after a lost answer the same receipts come again, signed anew. A receipt is never given up.
"""

import hmac
from collections.abc import Sequence
from typing import Any

import msgspec

from simulators.clock import SECOND_MS
from simulators.marketplaces.pos.payloads import batch, returned, sale, void
from simulators.orders import Change, Shop
from simulators.pushes import Patience, Posting

RECEIPTS_MAX = 200
TILL = Patience(attempts_max=1 << 30, outbox=True)


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt in the till's memory."""

    number: int
    receipt: dict[str, Any]


class _Reply(msgspec.Struct):
    accepted: bool


def message(change: Change, shop: Shop, number: int) -> Rung | None:
    """Return the receipt of a change; what is only wanted or on its way has none."""
    del shop
    match change.kind:
        case "paid":
            return Rung(number=number, receipt=sale(change.order))
        case "cancelled":
            return Rung(number=number, receipt=void(change.order))
        case "after_sale_agreed":
            assert change.after_sale is not None
            return Rung(number=number, receipt=returned(change.after_sale, change.order))
        case _:
            return None


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Sign an upload: lower-case hex HMAC-SHA256 over timestamp, line feed and body."""
    return hmac.digest(secret.encode(), f"{timestamp}\n".encode() + body, "sha256").hex()


def encode(shop: Shop, messages: Sequence[Any], at_ms: int) -> Posting:
    """Upload a batch at this moment."""
    body = msgspec.json.encode(batch([one.receipt for one in messages], messages[0].number))
    timestamp = str(at_ms // SECOND_MS)
    headers = {
        "content-type": "application/json",
        "x-pos-timestamp": timestamp,
        "x-pos-signature": sign(shop.app_secret, timestamp, body),
    }
    return Posting(headers=headers, body=body)


def accepted(body: bytes) -> bool:
    """Say whether the batch may leave the till's memory."""
    try:
        return msgspec.json.decode(body, type=_Reply).accepted
    except msgspec.MsgspecError:
        return False
