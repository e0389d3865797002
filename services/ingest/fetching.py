"""Fetching the detail of orders that a push or a partial row pointed at.

`ingest.fetches` is the durable list of what to fetch: one row an order, however many hints came. Hints move
from Kafka into the list in one transaction with their offsets; the fetcher takes due rows, asks the channel,
puts the native answer (sealed) onto the payload topic and removes the row unless a newer hint came meanwhile.
A channel that is away or throttling delays its own rows only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from chassis.errors import Unavailable
from chassis.http import NoAnswer, Outgoing
from chassis.log import logger
from chassis.metrics import FOREIGN_CALLS
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY
from chassis.source import KafkaSource
from chassis.storage import PostgresStorage
from schemas.events.channel_hints import HintReceived
from schemas.events.channel_payloads import PayloadReceived
from services.ingest import metrics
from services.ingest.channels import (
    ChannelError,
    ErrorKind,
    HttpAnswer,
    HttpRequest,
    RawOrder,
)
from services.ingest.shared import Shared
from services.ingest.shops import source_key

IDLE_S = 0.5
BATCH_ROWS = 100
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 30.0)


class Wanted(Struct, frozen=True, kw_only=True):
    """One order to fetch."""

    source_key: str
    channel: str
    shop: str
    channel_order_no: str
    door: str
    accepted_at: datetime


UPSERT = """
INSERT INTO ingest.fetches (source_key, channel, shop, channel_order_no, door, accepted_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
ON CONFLICT (source_key) DO UPDATE SET asked = fetches.asked + 1
"""


async def want(connection: Any, wanted: Sequence[Wanted]) -> None:
    """Adds orders to the list; one already there is asked for once more after the fetch under way."""
    unique = {w.source_key: w for w in reversed(wanted)}
    rows = [unique[key] for key in sorted(unique)]
    await connection.execute(
        UPSERT,
        [w.source_key for w in rows],
        [w.channel for w in rows],
        [w.shop for w in rows],
        [w.channel_order_no for w in rows],
        [w.door for w in rows],
        [w.accepted_at for w in rows],
    )


class HintReader:
    """Moves hints from Kafka into the list."""

    def __init__(self, source: KafkaSource, storage: PostgresStorage, wake: asyncio.Event) -> None:
        self._source = source
        self._storage = storage
        self._wake = wake

    async def run(self) -> None:
        """Works until cancelled."""
        self._source.start()
        while True:
            batch = await self._source.next_batch(0.5)
            if batch is None or batch.generation != self._source.generation:
                continue
            wanted = [
                Wanted(
                    source_key=r.event.source_key,
                    channel=r.event.channel,
                    shop=r.event.shop,
                    channel_order_no=r.event.channel_order_no,
                    door="push",
                    accepted_at=r.event.accepted_at,
                )
                for r in batch.records
                if isinstance(r.event, HintReceived)
            ]
            try:
                async with self._storage.transaction() as work:
                    swapped = await work.advance(batch.advances)
                    if swapped:
                        await want(work.connection, wanted)
            except Unavailable as error:
                logger.warning("waiting", part="hints", why=str(error))
                await asyncio.sleep(1.0)
                swapped = False
            if not swapped:
                self._source.restart_from_stored()
                continue
            moved = {(a.source, a.partition): a.next for a in batch.advances}
            self._source.report_progress(moved)
            self._wake.set()


class Fetcher:
    """Takes due rows and fetches them."""

    def __init__(self, shared: Shared, *, concurrency: int) -> None:
        self._shared = shared
        self._slots = asyncio.Semaphore(concurrency)

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            try:
                taken = await self._round()
            except AWAY as error:
                logger.warning("waiting", part="fetches", why=type(error).__name__)
                taken = 0
                await asyncio.sleep(1.0)
            if taken < BATCH_ROWS:
                try:
                    await asyncio.wait_for(self._shared.wake.wait(), IDLE_S)
                except TimeoutError:
                    continue
                self._shared.wake.clear()

    async def _round(self) -> int:
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            # Rows taken are put off a minute, so that a second process does not fetch them too.
            rows = await connection.fetch(
                "UPDATE ingest.fetches SET due_at = clock_timestamp() + interval '60 s' "
                "WHERE source_key IN (SELECT source_key FROM ingest.fetches "
                "  WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) "
                "RETURNING source_key, channel, shop, channel_order_no, door, accepted_at, asked, attempts",
                BATCH_ROWS,
            )
        metrics.FETCHES_WAITING.set(len(rows))
        if not rows:
            return 0
        fetched = await asyncio.gather(*(self._fetch(row) for row in rows))
        done = [
            (row, raw) for row, raw in zip(rows, fetched, strict=True) if isinstance(raw, RawOrder)
        ]
        await self._shared.publish_payloads([self._payload(row, raw) for row, raw in done])
        late = [
            (row, error)
            for row, error in zip(rows, fetched, strict=True)
            if isinstance(error, ChannelError)
        ]
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            await connection.executemany(
                "DELETE FROM ingest.fetches WHERE source_key = $1 AND asked = $2",
                [(row["source_key"], row["asked"]) for row, _ in done],
            )
            # Asked for again meanwhile: fetch once more, now.
            await connection.execute(
                "UPDATE ingest.fetches SET due_at = clock_timestamp(), attempts = 0 "
                "WHERE source_key = ANY($1::text[])",
                [row["source_key"] for row, _ in done],
            )
            await connection.executemany(
                "UPDATE ingest.fetches SET attempts = attempts + 1, due_at = $2 WHERE source_key = $1",
                [
                    (row["source_key"], self._again_at(row["attempts"], error))
                    for row, error in late
                ],
            )
        return len(rows)

    async def _fetch(self, row: Any) -> RawOrder | ChannelError:
        shop = self._shared.shops.get((row["channel"], row["shop"]))
        if shop is None:
            return ChannelError(kind=ErrorKind.REFUSED, code="unknown_shop", detail="no such shop")
        channel = self._shared.channels[shop.channel]
        if channel.detail_request is None:
            return ChannelError(kind=ErrorKind.REFUSED, code="no_details", detail="nothing to ask")
        request = channel.detail_request(
            shop.credentials(), row["channel_order_no"], self._shared.clock.now()
        )
        async with self._slots:
            answer = await send(self._shared.outgoing, request, shop.channel, "detail")
        return answer if isinstance(answer, ChannelError) else channel.read_detail(answer)

    def _again_at(self, attempts: int, error: ChannelError) -> datetime:
        pause_s = BACKOFF_S[min(attempts, len(BACKOFF_S) - 1)]
        return self._shared.clock.now() + timedelta(
            seconds=max(pause_s, error.retry_after_ms / 1000)
        )

    def _payload(self, row: Any, raw: RawOrder) -> PayloadReceived:
        return PayloadReceived(
            source_key=source_key(row["channel"], row["shop"], row["channel_order_no"]),
            channel=row["channel"],
            shop=row["shop"],
            channel_order_no=row["channel_order_no"],
            door=row["door"],
            accepted_at=row["accepted_at"],
            body=self._shared.payloads.seal_payload(raw.body),
        )


async def send(
    outgoing: Outgoing, request: HttpRequest, peer: str, call: str
) -> HttpAnswer | ChannelError:
    """One call to a channel. No answer is a ChannelError to try again: the outcome is unknown."""
    try:
        came = await outgoing.call(
            request.method, request.url, headers=request.headers, body=request.body
        )
    except NoAnswer as error:
        FOREIGN_CALLS.labels(peer, call, "unknown").inc()
        return ChannelError(kind=ErrorKind.RETRY, code=str(error), detail="no answer")
    FOREIGN_CALLS.labels(peer, call, "answered").inc()
    return HttpAnswer(status=came.status, headers=came.headers, body=came.body)
