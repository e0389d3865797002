"""How the shops are doing, told to whoever watches: rows of `ingest.shops` as whole states on `shop-states`.

Guarantees: a process tells every shop when it starts, later those that changed, each at most once in
`TELL_EVERY_S`; shops that were never polled or are not configured any more are told, too. The rows are the truth and
each state is whole, so there is no outbox: what was lost or told twice is mended by the next state, and of two the
later one holds. Several processes may tell the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from chassis.commands import envelope
from chassis.log import logger
from chassis.postgres import AWAY
from chassis.producer import DeliveryFailed
from schemas.events.shop_states import ShopErrors, ShopStateChanged
from services.ingest.domain.shop_health import ShopHealth
from services.ingest.shared import Shared
from services.ingest.shop_store import Known, known_shops
from services.ingest.shops import shop_key

TELL_EVERY_S = 2.0


class ShopTeller:
    """Tells changes of all shops, from one process."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._started_at = shared.clock.now()
        self._told: dict[str, ShopStateChanged] = {}

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            try:
                await self.tell_changes()
            except (*AWAY, DeliveryFailed) as away:
                logger.warning("waiting", part="shop states", why=type(away).__name__)
            await asyncio.sleep(TELL_EVERY_S)

    async def tell_changes(self) -> None:
        """Publishes the state of every shop that is not as it was told last. Raises AWAY and DeliveryFailed."""
        news = [state for state in await self._states() if self._is_news(state)]
        if not news:
            return
        await self._shared.publisher.publish(
            [envelope(self._shared.codec, state, "ingest") for state in news]
        )
        self._told |= {state.shop_key: state for state in news}

    def _is_news(self, state: ShopStateChanged) -> bool:
        told = self._told.get(state.shop_key)
        return told is None or replace(told, occurred_at=state.occurred_at) != state

    async def _states(self) -> Sequence[ShopStateChanged]:
        now = self._shared.clock.now()
        known = await known_shops(self._shared.pool)
        new = Known(health=ShopHealth(since=self._started_at))
        shops = dict.fromkeys(self._shared.shops, new) | known
        return [self._state(*name, one, now) for name, one in shops.items()]

    def _state(self, channel: str, shop: str, known: Known, now: datetime) -> ShopStateChanged:
        configured = (channel, shop) in self._shared.shops
        health = known.health
        return ShopStateChanged(
            shop_key=shop_key(channel, shop),
            occurred_at=now,
            channel=channel,
            shop=shop,
            configured=configured,
            polled=configured and self._shared.channels[channel].poll_request is not None,
            state=health.state,
            state_since=health.since,
            polled_until=health.polled_until,
            succeeded_at=health.succeeded_at,
            failures=health.failures,
            failed_at=health.failed_at,
            error=health.error,
            errors=tuple(
                ShopErrors(kind=kind, times=times) for kind, times in sorted(health.errors.items())
            ),
            newest_order_at=health.newest_order_at,
            pushes=known.pushes,
            pushed_at=known.pushed_at,
        )
