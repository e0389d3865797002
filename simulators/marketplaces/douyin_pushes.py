"""Douyin's pushes: a list of messages in one signed POST.

Guarantees: header event-sign covers the exact bytes of the body; a posting counts as received only
when it is answered 2xx with code 0.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from simulators.clock import Clock
from simulators.faults import FaultPlan
from simulators.marketplaces.douyin_payloads import push_message
from simulators.orders import Change
from simulators.pushes import Posting, PushQueue
from simulators.settings import SHOPS, Settings
from simulators.signing import doudian_event_sign

_SHOPS = {shop.shop: shop for shop in SHOPS if shop.channel == "douyin"}


class _Reply(msgspec.Struct):
    code: int


def _encode(shop_name: str, messages: Sequence[Any]) -> Posting:
    shop = _SHOPS[shop_name]
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


class DouyinPushes:
    """Turns changes of Douyin orders into pushes."""

    def __init__(self, *, settings: Settings, plan: FaultPlan, clock: Clock) -> None:
        self.queue = PushQueue(
            "douyin_push",
            encode=_encode,
            accepted=_accepted,
            batch_max=settings.push_batch,
            plan=plan,
            clock=clock,
        )
        self.queue.url = settings.douyin_push_url
        self._number = 0

    def hear(self, change: Change) -> None:
        """Queue the push of a change; changes of other channels are none of ours."""
        shop = _SHOPS.get(change.order.shop)
        if shop is not None:
            self._number += 1
            self.queue.add(shop.shop, push_message(change, shop, self._number))
