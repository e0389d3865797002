"""Polling: every shop is asked for what was modified since its watermark, with overlap and paging.

The watermark moves only when every page of a window is durable: whole orders on the payload topic, partial
rows on the list of fetches. What is known already in that version is skipped, so the overlap costs nothing.
A shop that fails three times in a row is degraded: shown, asked less often, and caught up later from where
its watermark stands; other shops are not affected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY
from chassis.producer import DeliveryFailed
from schemas.events.channel_payloads import PayloadReceived
from services.ingest import metrics
from services.ingest.channels import (
    Channel,
    ChannelError,
    Page,
    PageToken,
    PollWindow,
    RawOrder,
)
from services.ingest.fetching import Wanted, send, want
from services.ingest.shared import Shared
from services.ingest.shops import Shop, source_key

FAILURES_TO_DEGRADE = 3
DEGRADED_FACTOR = 4
THROTTLE_PAUSE_S = 1.0
PAGES_MAX = 1000
"""A window of more pages than this is a loop in the paging, not a busy shop."""
FIRST_WINDOW = timedelta(hours=1)


class Poller:
    """Polls every shop whose channel can be asked in a task of its own."""

    def __init__(self, shared: Shared, *, interval_s: float) -> None:
        self._shared = shared
        self._interval_s = interval_s

    async def run(self) -> None:
        """Works until cancelled."""
        async with asyncio.TaskGroup() as group:
            for shop in self._shared.shops.values():
                if self._shared.channels[shop.channel].poll_request is not None:
                    group.create_task(self._poll_for_ever(shop))
            # Without a shop to poll there is still a service to run: pushes, tills, leaders.
            await asyncio.Event().wait()

    async def _poll_for_ever(self, shop: Shop) -> None:
        failures = 0
        while True:
            try:
                error = await self.poll_once(shop)
            except (*AWAY, DeliveryFailed) as away:
                # Ours, not the channel's: the window is polled again from the same watermark.
                logger.warning("waiting", part="polling", shop=shop.shop, why=type(away).__name__)
                await asyncio.sleep(1.0)
                continue
            failures = failures + 1 if error else 0
            degraded = failures >= FAILURES_TO_DEGRADE
            metrics.SHOP_DEGRADED.labels(shop.channel, shop.shop).set(degraded)
            if error:
                logger.warning(
                    "poll_failed",
                    shop=shop.shop,
                    channel=shop.channel,
                    code=error.code,
                    failures=failures,
                )
            await self._note(shop, error, failures)
            await asyncio.sleep(self._interval_s * (DEGRADED_FACTOR if degraded else 1))

    async def poll_once(self, shop: Shop) -> ChannelError | None:
        """Polls from the watermark to now; None when the watermark was moved."""
        channel = self._shared.channels[shop.channel]
        now = self._shared.clock.now()
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            until: datetime | None = await connection.fetchval(
                "SELECT polled_until FROM ingest.shops WHERE channel = $1 AND shop = $2",
                shop.channel,
                shop.shop,
            )
        since = (until or now - FIRST_WINDOW) - channel.window_overlap
        while since < now:
            window = PollWindow(since=since, until=min(now, since + channel.window_max))
            if error := await self._poll_window(shop, channel, window):
                return error
            async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                await connection.execute(
                    "INSERT INTO ingest.shops (channel, shop, polled_until) VALUES ($1, $2, $3) "
                    "ON CONFLICT (channel, shop) DO UPDATE SET polled_until = excluded.polled_until",
                    shop.channel,
                    shop.shop,
                    window.until,
                )
            if window.until == now:
                break
            since = window.until - channel.window_overlap
        return None

    async def _poll_window(
        self, shop: Shop, channel: Channel, window: PollWindow
    ) -> ChannelError | None:
        token: PageToken | None = None
        for _ in range(PAGES_MAX):
            page = await self._page(shop, channel, window, token)
            if isinstance(page, ChannelError):
                return page
            await self._take(shop, page)
            token = page.next_page
            if token is None:
                return None
        raise AssertionError(f"{shop.channel} paging does not end")

    async def _page(
        self, shop: Shop, channel: Channel, window: PollWindow, token: PageToken | None
    ) -> Page | ChannelError:
        """One page, asked three times at most with growing pauses."""
        if channel.poll_request is None:
            raise AssertionError(f"{channel.name} has nothing to poll")
        error: ChannelError | None = None
        for attempt in range(3):
            if attempt and error:
                await asyncio.sleep(max(THROTTLE_PAUSE_S * attempt, error.retry_after_ms / 1000))
            request = channel.poll_request(
                shop.credentials(), window, token, self._shared.clock.now()
            )
            answer = await send(self._shared.outgoing, request, shop.channel, "poll")
            page = answer if isinstance(answer, ChannelError) else channel.read_page(answer, token)
            if not isinstance(page, ChannelError):
                return page
            error = page
        if error is None:
            raise AssertionError
        return error

    async def _take(self, shop: Shop, page: Page) -> None:
        now = self._shared.clock.now()
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            known = await self._known(connection, shop, page)
            fresh = [raw for raw in page.orders if _is_news(raw.order_no, raw.modified_at, known)]
            partial = [
                Wanted(
                    source_key=source_key(shop.channel, shop.shop, row.order_no),
                    channel=shop.channel,
                    shop=shop.shop,
                    channel_order_no=row.order_no,
                    door="poll",
                    accepted_at=now,
                )
                for row in page.detail_needed
                if _is_news(row.order_no, row.modified_at, known)
            ]
            if partial:
                await want(connection, partial)
                self._shared.wake.set()
        await self._shared.publish_payloads([self._payload(shop, raw, now) for raw in fresh])

    @staticmethod
    async def _known(connection: Any, shop: Shop, page: Page) -> Mapping[str, datetime | None]:
        numbers = [r.order_no for r in page.orders] + [r.order_no for r in page.detail_needed]
        rows = await connection.fetch(
            "SELECT channel_order_no, modified_at FROM ingest.orders WHERE key = ANY($1::text[])",
            [source_key(shop.channel, shop.shop, number) for number in numbers],
        )
        return {row["channel_order_no"]: row["modified_at"] for row in rows}

    def _payload(self, shop: Shop, raw: RawOrder, now: datetime) -> PayloadReceived:
        return PayloadReceived(
            source_key=source_key(shop.channel, shop.shop, raw.order_no),
            channel=shop.channel,
            shop=shop.shop,
            channel_order_no=raw.order_no,
            door="poll",
            accepted_at=now,
            body=self._shared.payloads.seal_payload(raw.body),
        )

    async def _note(self, shop: Shop, error: ChannelError | None, failures: int) -> None:
        state = (
            "ok" if not failures else "failing" if failures < FAILURES_TO_DEGRADE else "degraded"
        )
        try:
            async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                await connection.execute(
                    "INSERT INTO ingest.shops (channel, shop, state, error, failures, succeeded_at) "
                    "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (channel, shop) DO UPDATE SET "
                    "state = $3, error = $4, failures = $5, "
                    "succeeded_at = coalesce($6, ingest.shops.succeeded_at)",
                    shop.channel,
                    shop.shop,
                    state,
                    error.code if error else "",
                    failures,
                    None if error else self._shared.clock.now(),
                )
        except AWAY as away:
            logger.warning("waiting", part="polling", shop=shop.shop, why=type(away).__name__)


def _is_news(
    order_no: str, modified_at: datetime | None, known: Mapping[str, datetime | None]
) -> bool:
    """Whether this version of the order has not been worked in yet."""
    if order_no not in known:
        return True
    newest: Any = known[order_no]
    return modified_at is None or newest is None or modified_at > newest
