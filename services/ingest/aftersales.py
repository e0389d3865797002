"""After-sales requests of the channels become refund requests, once each.

A shop's requests are polled and kept; each one that waits for the seller and whose order we know is handed
to refunds as a `RequestRefund` command with an id derived from the channel's refund number, so that asking
again changes nothing. What refunds decides comes back as a write-back.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from chassis.ids import request_id
from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Pool
from chassis.processor import Kept
from chassis.producer import DeliveryFailed
from schemas.events.commands_refunds import RefundRequestLine, RequestRefund
from services.ingest.channels import (
    Aftersale,
    AftersalePage,
    Aftersales,
    ChannelError,
    PageToken,
    PollWindow,
)
from services.ingest.domain.model import LineRefundState
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.fetching import send
from services.ingest.shared import Shared
from services.ingest.shops import Shop

LOOK_BACK = timedelta(hours=1)
PAGES_MAX = 200
ROWS_MAX = 200

_known_decoder: msgspec.json.Decoder[Kept[KnownOrder]] = msgspec.json.Decoder(Kept[KnownOrder])
_aftersale_decoder = msgspec.json.Decoder(Aftersale)


def refund_command(
    aftersale: Aftersale, refund_id: str, known: KnownOrder, issued_at: Any
) -> RequestRefund | None:
    """The command for one request; None while its line is not known to us, or has no SKU of ours yet."""
    lines: tuple[RefundRequestLine, ...] = ()
    if aftersale.line_id:
        numbers = [
            RefundRequestLine(line_no=number, quantity=pieces)
            for number, (line_id, pieces) in enumerate(known.lines, start=1)
            if line_id == aftersale.line_id
        ]
        if not numbers:
            return None
        # A request for the only line is a request for the whole order, freight included.
        only = len({line_id for line_id, _ in known.lines}) == 1
        if known.waiting is not None and not only:
            return None
        lines = () if only else tuple(numbers)
    return RequestRefund(
        order_id=known.order_id,
        command_id=refund_id,
        issued_at=issued_at,
        actor=f"channel:{known.channel}",
        refund_id=refund_id,
        kind="return_and_refund" if aftersale.goods_come_back else "refund_only",
        lines=lines,
        include_freight=not lines,
        damaged=False,
        reason="channel_request",
    )


class AftersalesPoller:
    """Polls every shop that has after-sales calls, and hands requests over."""

    def __init__(self, shared: Shared, *, interval_s: float) -> None:
        self._shared = shared
        self._interval_s = interval_s

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
            except (*AWAY, DeliveryFailed) as away:
                logger.warning("waiting", part="aftersales", why=type(away).__name__)
            await asyncio.sleep(self._interval_s)

    async def _poll(self, shop: Shop) -> ChannelError | None:
        calls = self._shared.channels[shop.channel].aftersales
        if calls is None:
            return None
        now = self._shared.clock.now()
        window = PollWindow(since=now - LOOK_BACK, until=now)
        token: PageToken | None = None
        for _ in range(PAGES_MAX):
            request = calls.poll_request(shop.credentials(), window, token, now)
            answer = await send(self._shared.outgoing, request, shop.channel, "aftersales")
            page = answer if isinstance(answer, ChannelError) else calls.read_page(answer, token)
            if isinstance(page, ChannelError):
                return page
            page = await self._whole(shop, calls, page)
            if isinstance(page, ChannelError):
                return page
            await self._keep(shop, page)
            token = page.next_page
            if token is None:
                return None
        raise AssertionError(f"{shop.channel} after-sales paging does not end")

    async def _whole(
        self, shop: Shop, calls: Aftersales, page: AftersalePage
    ) -> AftersalePage | ChannelError:
        """The page with the requests it only names fetched one by one."""
        if calls.detail_request is None or calls.read_detail is None:
            return page
        found: list[Aftersale] = []
        for refund_no in page.detail_needed:
            now = self._shared.clock.now()
            request = calls.detail_request(shop.credentials(), refund_no, now)
            answer = await send(self._shared.outgoing, request, shop.channel, "aftersales")
            detail = answer if isinstance(answer, ChannelError) else calls.read_detail(answer)
            if isinstance(detail, ChannelError):
                return detail
            found.append(detail)
        return replace(page, aftersales=(*page.aftersales, *found), detail_needed=())

    async def _keep(self, shop: Shop, page: AftersalePage) -> None:
        rows = [
            (
                shop.channel,
                shop.shop,
                a.refund_no,
                a.order_no,
                msgspec.json.encode(a).decode(),
                request_id("refund", shop.channel, shop.shop, a.refund_no),
            )
            for a in page.aftersales
            if a.state in {LineRefundState.REQUESTED, LineRefundState.RETURNING}
        ]
        if not rows:
            return
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            await connection.executemany(
                "INSERT INTO ingest.aftersales "
                "(channel, shop, refund_no, channel_order_no, document, refund_id) "
                "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (channel, shop, refund_no) "
                "DO UPDATE SET document = excluded.document",
                rows,
            )

    async def _hand_over(self) -> None:
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            rows = await connection.fetch(
                "SELECT a.channel, a.shop, a.refund_no, a.document, a.refund_id, o.document AS known "
                "FROM ingest.aftersales a JOIN ingest.orders o "
                "ON o.key = a.channel || '|' || a.shop || '|' || a.channel_order_no "
                "WHERE NOT a.requested AND o.order_id IS NOT NULL ORDER BY a.seen_at LIMIT $1",
                ROWS_MAX,
            )
        commands = []
        done = []
        for row in rows:
            known = _known_decoder.decode(row["known"]).state
            aftersale = _aftersale_decoder.decode(row["document"])
            if known is None:
                continue
            command = refund_command(aftersale, row["refund_id"], known, self._shared.clock.now())
            if command is not None:
                commands.append(command)
                done.append((row["channel"], row["shop"], row["refund_no"]))
        if not commands:
            return
        await self._shared.desk.issue(commands)
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            await connection.executemany(
                "UPDATE ingest.aftersales SET requested = true "
                "WHERE channel = $1 AND shop = $2 AND refund_no = $3",
                done,
            )


async def aftersale_of(pool: Pool, refund_id: str) -> Aftersale | None:
    """The channel's request behind a refund of ours; None when it was not asked for on the channel."""
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        document = await connection.fetchval(
            "SELECT document FROM ingest.aftersales WHERE refund_id = $1", refund_id
        )
    return None if document is None else _aftersale_decoder.decode(document)
