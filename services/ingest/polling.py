"""Polling: every shop is asked for what was modified since its watermark, with overlap and paging.

The watermark moves only when every page of a window is durable: whole orders on the payload topic, partial
rows on the list of fetches. What is known already in that version is skipped, so the overlap costs nothing.
A shop that cannot be polled is degraded: shown, asked less and less often, and caught up window by window from
where its watermark stands (`domain/shop_health.py`); other shops are not affected. Kafka or Postgres away is no
failure of the shop: the same window is polled again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY
from chassis.producer import DeliveryFailed
from schemas.events.channel_payloads import PayloadReceived
from services.ingest import metrics
from services.ingest.channels import (
    ChannelError,
    ErrorKind,
    Page,
    PageToken,
    PartialRow,
    PollWindow,
    RawOrder,
)
from services.ingest.domain.shop_health import (
    ShopHealth,
    answered,
    failed,
    is_long,
    moved,
    next_window,
    overlap_of,
    paging_does_not_end,
    pause_s,
)
from services.ingest.domain.versions import Taken, is_news, taken
from services.ingest.fetching import Wanted, send, want
from services.ingest.shared import Shared
from services.ingest.shop_store import keep_health, read_health
from services.ingest.shops import Shop, number_of, source_key

THROTTLE_PAUSE_S = 1.0
OURS_PAUSE_S = 1.0
ATTEMPTS = 3
PAGES_MAX = 1000
"""A window of more pages than this is a loop in the paging, not a busy shop."""
FIRST_WINDOW = timedelta(hours=1)


class Poller:
    """Polls every shop whose channel can be asked in a task of its own."""

    def __init__(self, shared: Shared, *, interval_s: float) -> None:
        self._shared = shared
        self._interval_s = interval_s

    async def run(self) -> None:
        """Works until cancelled, and then no longer says how the shops are."""
        try:
            async with asyncio.TaskGroup() as group:
                # A task of a service that returns ends the service, also where no shop can be asked.
                group.create_task(asyncio.Event().wait())
                for shop in self._shared.shops.values():
                    if self._shared.channels[shop.channel].poll_request is not None:
                        poller = ShopPoller(self._shared, shop, interval_s=self._interval_s)
                        group.create_task(poller.run())
        finally:
            metrics.SHOP_DEGRADED.clear()
            metrics.SHOP_POLLED_UNTIL.clear()


class ShopPoller:
    """Polls one shop."""

    def __init__(self, shared: Shared, shop: Shop, *, interval_s: float) -> None:
        self._shared = shared
        self._shop = shop
        self._channel = shared.channels[shop.channel]
        self._interval_s = interval_s
        self._health: ShopHealth | None = None
        self._taken: dict[str, Taken] = {}
        """By order number, as far back as a window can list it again."""

    async def run(self) -> None:
        """Works until cancelled."""
        chance = secrets.SystemRandom()
        while True:
            try:
                error = await self.poll_once()
            except (*AWAY, DeliveryFailed) as away:
                logger.warning(
                    "waiting", part="polling", shop=self._shop.shop, why=type(away).__name__
                )
                await asyncio.sleep(OURS_PAUSE_S)
                continue
            retry_after_ms = error.retry_after_ms if error else 0
            await asyncio.sleep(
                pause_s(self._now_known(), self._interval_s, retry_after_ms, chance.random())
            )

    async def poll_once(self) -> ChannelError | None:
        """Polls from the watermark to now, window by window; None when it got there.

        Raises what says that Kafka or Postgres is away; the window is then polled again.
        """
        now = self._shared.clock.now()
        if self._health is None:
            await self._enter(await read_health(self._shared.pool, self._shop, now))
        while True:
            window = next_window(
                self._now_known(), self._channel, now, FIRST_WINDOW, self._shop.settled_after_s
            )
            if error := await self._poll_window(window):
                await self._enter(failed(self._now_known(), error, self._shared.clock.now()))
                self._tell(error)
                return error
            await self._enter(moved(self._now_known(), window.until, now))
            overlap = overlap_of(self._channel, self._shop.settled_after_s)
            self._forget_before(window.until - overlap)
            if window.until >= now:
                return None

    def _now_known(self) -> ShopHealth:
        if self._health is None:
            raise AssertionError("poll_once() reads it first")
        return self._health

    async def _enter(self, health: ShopHealth) -> None:
        """Takes a state on, here and where people look."""
        await keep_health(self._shared.pool, self._shop, health)
        self._health = health
        labels = (self._shop.channel, self._shop.shop)
        metrics.SHOP_DEGRADED.labels(*labels).set(health.degraded)
        if health.polled_until is not None:
            metrics.SHOP_POLLED_UNTIL.labels(*labels).set(health.polled_until.timestamp())

    def _tell(self, error: ChannelError) -> None:
        labels = (self._shop.channel, self._shop.shop, error.kind)
        metrics.SHOP_ERRORS.labels(*labels).inc()
        logger.warning(
            "poll_failed",
            shop=self._shop.shop,
            channel=self._shop.channel,
            code=error.code,
            failures=self._now_known().failures,
            state=self._now_known().state,
        )

    async def _poll_window(self, window: PollWindow) -> ChannelError | None:
        token: PageToken | None = None
        for _ in range(PAGES_MAX):
            page = await self._page(window, token)
            if isinstance(page, ChannelError):
                return page
            if self._now_known().degraded:
                await self._enter(answered(self._now_known(), self._shared.clock.now()))
            await self._take(page)
            token = page.next_page
            if token is None:
                return None
        return paging_does_not_end(PAGES_MAX)

    async def _page(self, window: PollWindow, token: PageToken | None) -> Page | ChannelError:
        """One page, asked three times at most with growing pauses, unless asking again cannot help."""
        channel = self._channel
        if channel.poll_request is None:
            raise AssertionError(f"{channel.name} has nothing to poll")
        error: ChannelError | None = None
        for attempt in range(ATTEMPTS):
            if attempt and error:
                await asyncio.sleep(max(THROTTLE_PAUSE_S * attempt, error.retry_after_ms / 1000))
            request = channel.poll_request(
                self._shop.credentials(), window, token, self._shared.clock.now()
            )
            answer = await send(self._shared.outgoing, request, self._shop.channel, "poll")
            page = answer if isinstance(answer, ChannelError) else channel.read_page(answer, token)
            if not isinstance(page, ChannelError):
                return page
            error = page
            if error.kind in {ErrorKind.TOKEN, ErrorKind.REFUSED} or is_long(error):
                break
        if error is None:
            raise AssertionError
        return error

    async def _take(self, page: Page) -> None:
        now = self._shared.clock.now()
        shop = self._shop
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            known = await self._known(connection, page)
            fresh = [raw for raw in page.orders if self._is_news(raw, known, now)]
            partial = [
                row
                for row in page.detail_needed
                if number_of(row.order_no) and self._is_news(row, known, now)
            ]
            if partial:
                await want(
                    connection,
                    [
                        Wanted(
                            source_key=source_key(shop.channel, shop.shop, row.order_no),
                            channel=shop.channel,
                            shop=shop.shop,
                            channel_order_no=row.order_no,
                            door="poll",
                            accepted_at=now,
                        )
                        for row in partial
                    ],
                )
                self._shared.wake.set()
        await self._shared.publish_payloads([self._payload(raw, now) for raw in fresh])
        news: list[RawOrder | PartialRow] = [*fresh, *partial]
        self._taken |= {row.order_no: taken(row, now) for row in news}
        self._note_newest([*page.orders, *page.detail_needed])

    def _is_news(
        self, row: RawOrder | PartialRow, known: Mapping[str, datetime | None], now: datetime
    ) -> bool:
        return is_news(row, known, self._taken.get(row.order_no), now)

    def _note_newest(self, rows: list[RawOrder | PartialRow]) -> None:
        times = [row.modified_at for row in rows if row.modified_at is not None]
        health = self._now_known()
        newest = max([*times, *filter(None, [health.newest_order_at])], default=None)
        self._health = replace(health, newest_order_at=newest)

    def _forget_before(self, since: datetime) -> None:
        """What no later window lists again."""
        self._taken = {
            number: one
            for number, one in self._taken.items()
            if max(one.at, one.modified_at or one.at) >= since
        }

    async def _known(self, connection: Any, page: Page) -> Mapping[str, datetime | None]:
        numbers = [r.order_no for r in page.orders] + [r.order_no for r in page.detail_needed]
        rows = await connection.fetch(
            "SELECT channel_order_no, modified_at FROM ingest.orders WHERE key = ANY($1::text[])",
            [source_key(self._shop.channel, self._shop.shop, number) for number in numbers],
        )
        return {row["channel_order_no"]: row["modified_at"] for row in rows}

    def _payload(self, raw: RawOrder, now: datetime) -> PayloadReceived:
        order_no = number_of(raw.order_no)
        return PayloadReceived(
            source_key=source_key(self._shop.channel, self._shop.shop, order_no),
            channel=self._shop.channel,
            shop=self._shop.shop,
            channel_order_no=order_no,
            door="poll",
            accepted_at=now,
            body=self._shared.payloads.seal_payload(raw.body),
        )
