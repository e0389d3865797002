"""After-sales requests of the channels become refund requests, once each.

A shop's requests are polled from a watermark and kept; where a page only names them, each is fetched when it may
have changed, not in every poll. Each one that waits for the seller and whose order we know is handed
to refunds as a `RequestRefund` command with an id derived from the channel's refund number, so that asking
again changes nothing. What refunds decides comes back as a write-back. A request that was refused or withdrawn and that the
buyer asks again under its number is a new one. That a request has ended is told by `requests_ended.py`,
that its channel will pay it by itself by `requests_agreed.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY
from chassis.processor import Kept
from chassis.producer import DeliveryFailed
from services.ingest import metrics
from services.ingest.aftersales_store import keep_aftersales
from services.ingest.channels import (
    Aftersale,
    AftersalePage,
    Aftersales,
    ChannelError,
    ErrorKind,
    PageToken,
    PollWindow,
)
from services.ingest.domain.abandoned import says_gone
from services.ingest.domain.shop_health import paging_does_not_end
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.fetching import send
from services.ingest.refund_requests import refund_command
from services.ingest.requests_agreed import tell_agreed
from services.ingest.requests_ended import awaited, tell_ended
from services.ingest.shared import Shared
from services.ingest.shop_store import aftersales_until, keep_aftersales_until
from services.ingest.shops import Shop

LOOK_BACK = timedelta(hours=1)
"""How far before the watermark is listed again, for what platforms list late."""
RECENT = timedelta(seconds=30)
"""What changed so shortly before the watermark may have changed again since it was read."""
ASK_AGAIN = timedelta(minutes=5)
"""How often a request is asked for that lists show no more."""
ASKED_MAX = 100
"""How many such requests of a shop are asked for in one poll, those not read for longest first."""
PAGES_MAX = 200
ROWS_MAX = 200
NEVER = datetime.min.replace(tzinfo=UTC)
SHOPS_OWN = frozenset({ErrorKind.THROTTLED, ErrorKind.TOKEN})
"""What is about the shop and not about one request: asking for the next one cannot help."""

_known_decoder: msgspec.json.Decoder[Kept[KnownOrder]] = msgspec.json.Decoder(Kept[KnownOrder])
_aftersale_decoder = msgspec.json.Decoder(Aftersale)


class Read(Struct, frozen=True, kw_only=True):
    """When a request was read, and how new it was."""

    at: datetime
    modified_at: datetime | None


def cut(
    since: datetime, until: datetime, window_max: timedelta, at: datetime
) -> Iterator[PollWindow]:
    """Windows of at most that length which cover the time between, oldest first; none reaches over `at`."""
    while since < until:
        end = min(until, since + window_max, at if since < at else until)
        yield PollWindow(since=since, until=end)
        since = end


class AftersalesPoller:
    """Polls every shop that has after-sales calls, and hands requests over."""

    def __init__(self, shared: Shared, *, interval_s: float) -> None:
        self._shared = shared
        self._interval_s = interval_s
        self._read: dict[tuple[str, str, str], Read] = {}
        """By channel, shop and refund number: what was read one by one, as far back as it is listed again."""

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            for shop in self._shared.shops.values():
                try:
                    if error := await self._poll(shop):
                        logger.warning("aftersales_poll_failed", shop=shop.shop, code=error.code)
                except AWAY as away:
                    logger.warning("waiting", part="aftersales", why=type(away).__name__)
            try:
                await self._hand_over()
                await tell_agreed(self._shared)
                await tell_ended(self._shared)
            except (*AWAY, DeliveryFailed) as away:
                logger.warning("waiting", part="aftersales", why=type(away).__name__)
            await asyncio.sleep(self._interval_s)

    async def _poll(self, shop: Shop) -> ChannelError | None:
        calls = self._shared.channels[shop.channel].aftersales
        if calls is None:
            return None
        now = self._shared.clock.now()
        window_max = self._shared.channels[shop.channel].window_max
        start = min(await aftersales_until(self._shared.pool, shop) or now, now)
        # Whole requests cost no call of their own: one list of all is enough.
        recent = start - (RECENT if calls.names_only else LOOK_BACK)
        for window in cut(start - LOOK_BACK, now, window_max, recent):
            read_again = window.since >= recent
            if error := await self._poll_window(shop, calls, window, read_again=read_again):
                return error
        await keep_aftersales_until(self._shared.pool, shop, now)
        oldest = now - LOOK_BACK - RECENT
        self._read = {key: read for key, read in self._read.items() if read.at >= oldest}
        return await self._poll_awaited(shop, calls, now)

    async def _poll_awaited(
        self, shop: Shop, calls: Aftersales, now: datetime
    ) -> ChannelError | None:
        """Asks for what lists may not show: what parcels wait for, and whatever is not over where they go by asking."""
        if calls.detail_request is None:
            return None
        open_too = calls.listed_by_asking
        numbers = await awaited(self._shared, shop, now - LOOK_BACK, open_too=open_too)
        due = [one for one in numbers if self._read_at(shop, one) <= now - ASK_AGAIN]
        due.sort(key=lambda number: self._read_at(shop, number))
        named = tuple(due[:ASKED_MAX])
        page = AftersalePage(aftersales=(), unreadable=0, next_page=None, detail_needed=named)
        found, error = await self._named(shop, calls, page)
        await keep_aftersales(self._shared.pool, shop, found)
        self._remember(shop, found, now)
        return error

    async def _poll_window(
        self, shop: Shop, calls: Aftersales, window: PollWindow, *, read_again: bool
    ) -> ChannelError | None:
        token: PageToken | None = None
        failed: ChannelError | None = None
        for _ in range(PAGES_MAX):
            now = self._shared.clock.now()
            request = calls.poll_request(shop.credentials(), window, token, now)
            answer = await send(self._shared.outgoing, request, shop.channel, "aftersales")
            page = answer if isinstance(answer, ChannelError) else calls.read_page(answer, token)
            if isinstance(page, ChannelError):
                return page
            if not read_again:
                page = replace(page, detail_needed=self._unread(shop, page, window.since))
            found, error = await self._named(shop, calls, page)
            # What was read counts, whatever became of the rest: the next poll begins with that.
            await keep_aftersales(self._shared.pool, shop, [*page.aftersales, *found])
            self._remember(shop, [*page.aftersales, *found], now)
            failed = failed or error
            token = page.next_page
            if token is None or (error is not None and error.kind in SHOPS_OWN):
                return failed
        return paging_does_not_end(PAGES_MAX)

    def _remember(self, shop: Shop, aftersales: Sequence[Aftersale], now: datetime) -> None:
        for one in aftersales:
            self._read[shop.channel, shop.shop, one.refund_no] = Read(
                at=now, modified_at=one.modified_at
            )

    def _unread(self, shop: Shop, page: AftersalePage, since: datetime) -> tuple[str, ...]:
        """What is named and was not read since it changed, as far as a list can tell."""
        found = []
        for refund_no in page.detail_needed:
            read = self._read.get((shop.channel, shop.shop, refund_no))
            if read is None or (read.modified_at is not None and read.modified_at < since):
                found.append(refund_no)
        return tuple(found)

    async def _named(
        self, shop: Shop, calls: Aftersales, page: AftersalePage
    ) -> tuple[list[Aftersale], ChannelError | None]:
        """The requests the page only names, those not read for longest first, and what went wrong."""
        found: list[Aftersale] = []
        failed: ChannelError | None = None
        if calls.detail_request is None or calls.read_detail is None:
            return found, failed
        for refund_no in sorted(page.detail_needed, key=lambda number: self._read_at(shop, number)):
            now = self._shared.clock.now()
            request = calls.detail_request(shop.credentials(), refund_no, now)
            answer = await send(self._shared.outgoing, request, shop.channel, "aftersales")
            detail = answer if isinstance(answer, ChannelError) else calls.read_detail(answer)
            if isinstance(detail, Aftersale):
                found.append(detail)
            elif says_gone(detail):
                # Asked for again while it is listed; the others must not wait for it.
                metrics.AFTERSALES_UNREADABLE.labels(shop.channel).inc()
                logger.error("aftersale_unreadable", shop=shop.shop, code=detail.code)
            else:
                failed = failed or detail
                if detail.kind in SHOPS_OWN:
                    break
        return found, failed

    def _read_at(self, shop: Shop, refund_no: str) -> datetime:
        read = self._read.get((shop.channel, shop.shop, refund_no))
        return read.at if read is not None else NEVER

    async def _hand_over(self) -> None:
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            rows = await connection.fetch(
                "SELECT a.channel, a.shop, a.refund_no, a.document, a.refund_id, o.document AS known "
                "FROM ingest.aftersales a JOIN ingest.orders o "
                "ON o.key = a.channel || '|' || a.shop || '|' || a.channel_order_no "
                "WHERE NOT a.requested AND o.order_id IS NOT NULL "
                "ORDER BY a.looked_at NULLS FIRST, a.seen_at LIMIT $1",
                ROWS_MAX,
            )
        commands = []
        looked: list[tuple[str, str, str, bool]] = []
        """All of them, with whether they could be handed over: those that cannot must not stand before the others for ever."""
        for row in rows:
            known = _known_decoder.decode(row["known"]).state
            aftersale = _aftersale_decoder.decode(row["document"])
            command = known and refund_command(
                aftersale, row["refund_id"], known, self._shared.clock.now()
            )
            if command is not None:
                commands.append(command)
            looked.append((row["channel"], row["shop"], row["refund_no"], command is not None))
        if commands:
            await self._shared.desk.issue(commands)
        if looked:
            async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                await connection.executemany(
                    "UPDATE ingest.aftersales SET requested = $4, looked_at = clock_timestamp() "
                    "WHERE channel = $1 AND shop = $2 AND refund_no = $3 AND NOT requested",
                    looked,
                )
