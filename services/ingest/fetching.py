"""Fetching the detail of orders that a push or a partial row pointed at.

`ingest.fetches` is the durable list of what to fetch: one row an order, however many hints came. Hints move
from Kafka into the list in one transaction with their offsets, and the process that listed an order fetches it
at once; rows of a process that died, of polls and of failed calls are taken when they are due. The native
answer goes (sealed) onto the payload topic, then the row is crossed off unless a newer hint came meanwhile. A
detail that keeps not existing is given up: what goes onto the payload topic then puts the order into quarantine.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chassis.errors import Unavailable
from chassis.http import NoAnswer, Outgoing
from chassis.log import logger
from chassis.metrics import FOREIGN_CALLS
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY
from chassis.producer import DeliveryFailed
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
from services.ingest.domain.abandoned import PAUSES_S, Abandoned, abandoned, says_gone
from services.ingest.shared import ABANDONED_DOOR, Shared

IDLE_S = 0.5
LEASE_S = 30.0
"""Whoever took a row has this long: queue and call are bounded by a fifth of it."""
QUEUE_MAX = 500
"""Rows that wait in memory; more wait in the list."""
GATHER_S = 0.01
"""Answers that come together are published and crossed off together."""
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 30.0)


class Wanted(Struct, frozen=True, kw_only=True):
    """One order to fetch. `asked` counts how often, `attempts` how often in vain."""

    source_key: str
    channel: str
    shop: str
    channel_order_no: str
    door: str
    accepted_at: datetime
    asked: int = 1
    attempts: int = 0
    refused: int = 0
    """How often the channel said that there is no such detail, since `refused_since`."""
    refused_since: datetime | None = None


UPSERT = """
INSERT INTO ingest.fetches AS known
  (source_key, channel, shop, channel_order_no, door, accepted_at, due_at)
SELECT *, clock_timestamp() + make_interval(secs => $7)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
ON CONFLICT (source_key) DO UPDATE SET asked = known.asked + 1
RETURNING source_key, asked
"""
TAKE_DUE = """
UPDATE ingest.fetches SET due_at = clock_timestamp() + make_interval(secs => $2)
WHERE source_key IN (SELECT source_key FROM ingest.fetches
  WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING source_key, channel, shop, channel_order_no, door, accepted_at, asked, attempts,
  refused, refused_since
"""
CROSS_OFF = """
WITH fetched AS (SELECT * FROM unnest($1::text[], $2::int[]) AS one(source_key, asked)),
gone AS (DELETE FROM ingest.fetches AS known USING fetched
  WHERE known.source_key = fetched.source_key AND known.asked = fetched.asked)
UPDATE ingest.fetches AS known SET due_at = clock_timestamp(), attempts = 0
FROM fetched WHERE known.source_key = fetched.source_key AND known.asked <> fetched.asked
"""
"""What was asked for again meanwhile is fetched once more, now."""
PUT_OFF = """
UPDATE ingest.fetches AS known SET attempts = known.attempts + 1, due_at = late.due_at,
  refused = late.refused, refused_since = late.refused_since
FROM unnest($1::text[], $2::timestamptz[], $3::int[], $4::timestamptz[])
  AS late(source_key, due_at, refused, refused_since)
WHERE known.source_key = late.source_key
"""


async def want(
    connection: Any, wanted: Sequence[Wanted], *, lease_s: float = 0.0
) -> tuple[Wanted, ...]:
    """Adds orders to the list; one already there is asked for once more after the fetch under way.

    Returns those that are new. With a `lease_s` they are the caller's to fetch that long.
    """
    unique = {w.source_key: w for w in reversed(wanted)}
    rows = [unique[key] for key in sorted(unique)]
    listed = await connection.fetch(
        UPSERT,
        [w.source_key for w in rows],
        [w.channel for w in rows],
        [w.shop for w in rows],
        [w.channel_order_no for w in rows],
        [w.door for w in rows],
        [w.accepted_at for w in rows],
        lease_s,
    )
    return tuple(unique[row["source_key"]] for row in listed if row["asked"] == 1)


class HintReader:
    """Moves hints from Kafka into the list, and what is new there straight on to the fetcher."""

    def __init__(self, source: KafkaSource, storage: PostgresStorage, fetcher: Fetcher) -> None:
        self._source = source
        self._storage = storage
        self._fetcher = fetcher

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
            mine: tuple[Wanted, ...] = ()
            lease_s = LEASE_S if self._fetcher.has_room(len(wanted)) else 0.0
            try:
                async with self._storage.transaction() as work:
                    swapped = await work.advance(batch.advances)
                    if swapped:
                        mine = await want(work.connection, wanted, lease_s=lease_s)
            except Unavailable as error:
                logger.warning("waiting", part="hints", why=str(error))
                await asyncio.sleep(1.0)
                swapped = False
            if not swapped:
                self._source.restart_from_stored()
                continue
            if lease_s:
                self._fetcher.take(mine)
            moved = {(a.source, a.partition): a.next for a in batch.advances}
            self._source.report_progress(moved)


class Fetcher:
    """Fetches what hint readers hand over and what is due in the list, `concurrency` orders at a time."""

    def __init__(self, shared: Shared, *, concurrency: int) -> None:
        self._shared = shared
        self._concurrency = concurrency
        self._queue: asyncio.Queue[Wanted] = asyncio.Queue()
        self._fetched: list[tuple[Wanted, RawOrder | ChannelError]] = []
        self._some_fetched = asyncio.Event()

    def has_room(self, count: int) -> bool:
        """Whether so many more may wait in memory."""
        return self._queue.qsize() + count <= QUEUE_MAX

    def take(self, rows: Iterable[Wanted]) -> None:
        """Fetches these soon. Their lease runs already."""
        for row in rows:
            self._queue.put_nowait(row)

    async def run(self) -> None:
        """Works until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._fetch_for_ever())
            group.create_task(self._cross_off_for_ever())
            group.create_task(self._look_for_ever())

    async def _look_for_ever(self) -> None:
        while True:
            taken = 0
            try:
                if self._queue.qsize() <= self._concurrency:
                    taken = await self._take_due()
            except AWAY as error:
                logger.warning("waiting", part="fetches", why=type(error).__name__)
            metrics.FETCHES_WAITING.set(self._queue.qsize())
            if taken:
                continue
            try:
                await asyncio.wait_for(self._shared.wake.wait(), IDLE_S)
            except TimeoutError:
                continue
            self._shared.wake.clear()

    async def _take_due(self) -> int:
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            rows = await connection.fetch(TAKE_DUE, 4 * self._concurrency, LEASE_S)
        self.take(Wanted(**dict(row)) for row in rows)
        return len(rows)

    async def _fetch_for_ever(self) -> None:
        while True:
            row = await self._queue.get()
            answer = await self._fetch(row)
            # Not in one line: the list is looked up before the wait, and may be another one after it.
            self._fetched.append((row, answer))
            self._some_fetched.set()

    async def _cross_off_for_ever(self) -> None:
        while True:
            await self._some_fetched.wait()
            await asyncio.sleep(GATHER_S)
            self._some_fetched.clear()
            fetched, self._fetched = self._fetched, []
            try:
                await self._cross_off(fetched)
            except (*AWAY, DeliveryFailed) as error:
                # What was published is fetched once more when its lease is over: a repeat, which changes nothing.
                logger.warning("waiting", part="fetches", why=type(error).__name__)

    async def _cross_off(self, fetched: Sequence[tuple[Wanted, RawOrder | ChannelError]]) -> None:
        done: list[tuple[Wanted, PayloadReceived]] = []
        late: list[tuple[Wanted, ChannelError]] = []
        given_up: Counter[tuple[str, str]] = Counter()
        for row, found in fetched:
            if isinstance(found, RawOrder):
                done.append((row, self._payload(row, row.door, found.body)))
            elif gone := self._abandoned(row, found):
                given_up[row.channel, found.code] += 1
                done.append((row, self._payload(row, ABANDONED_DOOR, msgspec.json.encode(gone))))
            else:
                late.append((_after(row, found, self._shared.clock.now()), found))
        if late:
            codes = Counter(f"{row.channel}:{error.code}" for row, error in late)
            logger.warning("details_put_off", codes=dict(codes))
        await self._shared.publish_payloads([payload for _, payload in done])
        for (channel, code), count in given_up.items():
            metrics.FETCHES_ABANDONED.labels(channel).inc(count)
            logger.error("details_abandoned", channel=channel, code=code, orders=count)
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            if done:
                await connection.execute(
                    CROSS_OFF, [row.source_key for row, _ in done], [row.asked for row, _ in done]
                )
            if late:
                await connection.execute(
                    PUT_OFF,
                    [row.source_key for row, _ in late],
                    [self._again_at(row, error) for row, error in late],
                    [row.refused for row, _ in late],
                    [row.refused_since for row, _ in late],
                )

    def _abandoned(self, row: Wanted, error: ChannelError) -> Abandoned | None:
        now = self._shared.clock.now()
        after = _after(row, error, now)
        if not says_gone(error) or after.refused_since is None:
            return None
        return abandoned(error, after.refused, after.refused_since, now)

    async def _fetch(self, row: Wanted) -> RawOrder | ChannelError:
        shop = self._shared.shops.get((row.channel, row.shop))
        if shop is None:
            return ChannelError(kind=ErrorKind.REFUSED, code="unknown_shop", detail="no such shop")
        channel = self._shared.channels[shop.channel]
        if channel.detail_request is None:
            return ChannelError(kind=ErrorKind.REFUSED, code="no_details", detail="nothing to ask")
        request = channel.detail_request(
            shop.credentials(), row.channel_order_no, self._shared.clock.now()
        )
        answer = await send(self._shared.outgoing, request, shop.channel, "detail")
        return answer if isinstance(answer, ChannelError) else channel.read_detail(answer)

    def _again_at(self, row: Wanted, error: ChannelError) -> datetime:
        pauses_s, times = (
            (PAUSES_S, row.refused - 1) if says_gone(error) else (BACKOFF_S, row.attempts)
        )
        pause_s = pauses_s[min(times, len(pauses_s) - 1)]
        return self._shared.clock.now() + timedelta(
            seconds=max(pause_s, error.retry_after_ms / 1000)
        )

    def _payload(self, row: Wanted, door: str, body: bytes) -> PayloadReceived:
        return PayloadReceived(
            source_key=row.source_key,
            channel=row.channel,
            shop=row.shop,
            channel_order_no=row.channel_order_no,
            door=door,
            accepted_at=row.accepted_at,
            body=self._shared.payloads.seal_payload(body),
        )


def _after(row: Wanted, error: ChannelError, now: datetime) -> Wanted:
    """The row with one more refusal, if it was one."""
    if not says_gone(error):
        return row
    return replace(row, refused=row.refused + 1, refused_since=row.refused_since or now)


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
