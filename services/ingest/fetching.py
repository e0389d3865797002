"""Fetching the detail of orders that a push or a partial row pointed at.

What a hint names (`hints.py`) is fetched at once; `ingest.fetches` is the durable list of all else: partial rows of
polls, calls that failed, hints beyond what memory holds. One row an order, taken when it is due. The native answer
goes (sealed) onto the payload topic; then a listed row is crossed off unless it was asked for again meanwhile, and
a hint is settled. A call that fails is settled for its hint by a row of the list. A detail that keeps not existing is
given up: what goes onto the payload topic then puts the order into quarantine.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chassis.log import logger
from chassis.metrics import FOREIGN_CALLS
from chassis.outgoing import NoAnswer, Outgoing
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY
from chassis.producer import DeliveryFailed
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
PAUSE_S = 1.0
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
SELECT *, clock_timestamp()
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
ON CONFLICT (source_key) DO UPDATE SET asked = known.asked + 1
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
LIST_LATE = """
INSERT INTO ingest.fetches AS known
  (source_key, channel, shop, channel_order_no, door, accepted_at, due_at, attempts, refused, refused_since)
SELECT source_key, channel, shop, channel_order_no, door, accepted_at, due_at, 1, refused, refused_since
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
  $7::timestamptz[], $8::int[], $9::timestamptz[])
  AS late(source_key, channel, shop, channel_order_no, door, accepted_at, due_at, refused, refused_since)
ON CONFLICT (source_key) DO UPDATE SET asked = known.asked + 1
"""
"""What is on the list already is fetched after this, and then once more."""
PUT_OFF = """
UPDATE ingest.fetches AS known SET attempts = known.attempts + 1, due_at = late.due_at,
  refused = late.refused, refused_since = late.refused_since
FROM unnest($1::text[], $2::timestamptz[], $3::int[], $4::timestamptz[])
  AS late(source_key, due_at, refused, refused_since)
WHERE known.source_key = late.source_key
"""


async def want(connection: Any, wanted: Sequence[Wanted]) -> None:
    """Adds orders to the list; one already there is asked for once more after the fetch under way."""
    unique = {w.source_key: w for w in reversed(wanted)}
    await connection.execute(UPSERT, *_identities([unique[key] for key in sorted(unique)]))


def _identities(rows: Sequence[Wanted]) -> list[list[object]]:
    """The first columns of the list."""
    return [
        [getattr(row, name) for row in rows]
        for name in ("source_key", "channel", "shop", "channel_order_no", "door", "accepted_at")
    ]


class _Errand(Struct):
    """One call to make. What the list does not hold stands for hints, which wait to be settled."""

    row: Wanted
    listed: bool
    settled: list[Callable[[], None]] = []


Fetched = tuple[_Errand, RawOrder | ChannelError]


class Fetcher:
    """Fetches what hints name and what is due in the list, `concurrency` orders at a time."""

    def __init__(self, shared: Shared, *, concurrency: int) -> None:
        self._shared = shared
        self._concurrency = concurrency
        self._queue: asyncio.Queue[_Errand] = asyncio.Queue()
        self._not_begun: dict[str, _Errand] = {}
        """By source key: hinted and still in the queue."""
        self._fetched: list[Fetched] = []
        self._some_fetched = asyncio.Event()

    def room(self) -> int:
        """How many more may wait in memory."""
        return max(0, QUEUE_MAX - self._queue.qsize())

    def fetch(self, row: Wanted, settled: Callable[[], None]) -> None:
        """Fetches an order soon; `settled` is called when it is published, or stands in the list.

        Hints of one order whose call has not begun share it.
        """
        waiting = self._not_begun.get(row.source_key)
        if waiting is None:
            waiting = self._not_begun[row.source_key] = _Errand(row, listed=False)
            self._queue.put_nowait(waiting)
        waiting.settled.append(settled)

    async def run(self) -> None:
        """Works until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._fetch_for_ever())
            group.create_task(self._settle_for_ever())
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
                async with asyncio.timeout(IDLE_S):
                    await self._shared.wake.wait()
            except TimeoutError:
                continue
            self._shared.wake.clear()

    async def _take_due(self) -> int:
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            rows = await connection.fetch(TAKE_DUE, 4 * self._concurrency, LEASE_S)
        for row in rows:
            self._queue.put_nowait(_Errand(Wanted(**dict(row)), listed=True))
        return len(rows)

    async def _fetch_for_ever(self) -> None:
        while True:
            errand = await self._queue.get()
            if not errand.listed:
                # From now on a hint is newer than what the channel may answer.
                self._not_begun.pop(errand.row.source_key, None)
            answer = await self._fetch(errand.row)
            # Not in one line: the list is looked up before the wait, and may be another one after it.
            self._fetched.append((errand, answer))
            self._some_fetched.set()

    async def _settle_for_ever(self) -> None:
        while True:
            await self._some_fetched.wait()
            await asyncio.sleep(GATHER_S)
            self._some_fetched.clear()
            fetched, self._fetched = self._fetched, []
            try:
                await self._settle(fetched)
            except (*AWAY, DeliveryFailed) as error:
                # A listed row is taken again when its lease is over, a hint now: repeats, which change nothing.
                logger.warning("waiting", part="fetches", why=type(error).__name__)
                await asyncio.sleep(PAUSE_S)
                for errand, _ in fetched:
                    if errand.settled:
                        self._queue.put_nowait(errand)

    async def _settle(self, fetched: Sequence[Fetched]) -> None:
        done: list[tuple[_Errand, PayloadReceived]] = []
        late: list[tuple[_Errand, ChannelError]] = []
        given_up: Counter[tuple[str, str]] = Counter()
        for errand, found in fetched:
            row = errand.row
            if isinstance(found, RawOrder):
                done.append((errand, self._payload(row, row.door, found.body)))
            elif gone := self._abandoned(row, found):
                given_up[row.channel, found.code] += 1
                done.append((errand, self._payload(row, ABANDONED_DOOR, msgspec.json.encode(gone))))
            else:
                late.append((errand, found))
        await self._shared.publish_payloads([payload for _, payload in done])
        _tell_settled([errand for errand, _ in done])
        for (channel, code), count in given_up.items():
            metrics.FETCHES_ABANDONED.labels(channel).inc(count)
            logger.error("details_abandoned", channel=channel, code=code, orders=count)
        crossed_off = [errand.row for errand, _ in done if errand.listed]
        if late or crossed_off:
            async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                if crossed_off:
                    await connection.execute(
                        CROSS_OFF,
                        [row.source_key for row in crossed_off],
                        [row.asked for row in crossed_off],
                    )
                if late:
                    await self._put_off(connection, late)

    async def _put_off(self, connection: Any, late: Sequence[tuple[_Errand, ChannelError]]) -> None:
        codes = Counter(f"{errand.row.channel}:{error.code}" for errand, error in late)
        logger.warning("details_put_off", codes=dict(codes))
        now = self._shared.clock.now()
        listed: list[tuple[Wanted, datetime]] = []
        fresh: dict[str, tuple[Wanted, datetime]] = {}
        for errand, error in late:
            row = _after(errand.row, error, now)
            due = row, self._again_at(row, error)
            if errand.listed:
                listed.append(due)
            else:
                fresh[row.source_key] = due
        if listed:
            await connection.execute(PUT_OFF, [row.source_key for row, _ in listed], *_due(listed))
        if fresh:
            # In one order: two processes must not wait for each other in a ring.
            rows = [fresh[key] for key in sorted(fresh)]
            await connection.execute(LIST_LATE, *_identities([row for row, _ in rows]), *_due(rows))
        _tell_settled([errand for errand, _ in late])

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


def _due(rows: Sequence[tuple[Wanted, datetime]]) -> list[list[object]]:
    """When to try again, and how often the channel said that there is no such detail."""
    return [
        [due_at for _, due_at in rows],
        [row.refused for row, _ in rows],
        [row.refused_since for row, _ in rows],
    ]


def _tell_settled(errands: Iterable[_Errand]) -> None:
    for errand in errands:
        while errand.settled:
            errand.settled.pop()()


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
