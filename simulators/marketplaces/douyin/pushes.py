"""Douyin's pushes: a list of messages in one signed POST.

Guarantees: header event-sign covers the exact bytes of the body; a posting counts as received only
when it is answered 2xx with code 0.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from simulators.marketplaces import PushForm
from simulators.marketplaces.douyin.payloads import push_message
from simulators.orders import Shop
from simulators.pushes import Posting
from simulators.signing import doudian_event_sign


class _Reply(msgspec.Struct):
    code: int


def _encode(shop: Shop, messages: Sequence[Any], _at_ms: int) -> Posting:
    body = msgspec.json.encode(messages)
    headers = {
        "content-type": "application/json",
        "app-key": shop.app_key,
        "event-sign": doudian_event_sign(shop.app_key, body, shop.app_secret),
    }
    return Posting(headers=headers, body=body)


def _accepted(body: bytes) -> bool:
    try:
        return msgspec.json.decode(body, type=_Reply).code == 0
    except msgspec.MsgspecError:
        return False


PUSH = PushForm(message=push_message, encode=_encode, accepted=_accepted)
