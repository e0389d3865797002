"""What each channel may offer of each SKU, told when it changes.

Guarantees: numbers follow from the rows of stock, the safety stocks and the decision table `channel-quota/default`
alone; a SKU is told again only when a channel's number is another one, and of many changes between two looks the
newest counts. It shares the loop with reservations, and gives way to them every few milliseconds.
Rows are kept in the transaction that tells: after a crash the same may be told twice, and nothing is left untold.
A new version of the table is a change of every number. Of processes with different tables the one that began last
counts, and the others tell nothing: each would take the other's table for a new one, and undo all its numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from chassis.clock import Clock
from chassis.codec import Codec
from chassis.commands import envelope
from chassis.log import logger
from chassis.postgres import Connection, Pool, named_queries
from chassis.producer import Publisher
from schemas.events.channel_availability import ChannelAvailabilityChanged, ChannelOffer
from services.inventory import metrics
from services.inventory.domain.availability import Level, for_sale, offered
from services.inventory.domain.rules import Book
from services.inventory.quotas import Quotas
from services.inventory.shares import keeping
from services.inventory.timers import LEAD_AVAILABILITY, leading

_decode_offers = msgspec.json.Decoder(tuple[ChannelOffer, ...]).decode
SQL = named_queries(Path(__file__).parent / "sql" / "availability.sql")
OVERLAP = timedelta(seconds=30)
"""A change may become visible this long after its time: it is taken before the commit."""
ROWS_MAX = 2_000
"""Changed rows in one look; 100,000 SKUs take a few minutes after a new table."""
TURN_SKUS = 25
"""Some two milliseconds of work."""
TICK = timedelta(microseconds=1)
SHOWN_EVERY = timedelta(seconds=10)
GONE_AFTER = timedelta(seconds=60)
"""Who began last and has not looked for so long is gone for good, as after a trial: the others' table counts again."""
T = TypeVar("T")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class AvailabilityPublisher:
    """Works out and tells the numbers of what changed."""

    def __init__(
        self,
        pool: Pool,
        publisher: Publisher,
        codec: Codec,
        quotas: Quotas,
        *,
        clock: Clock,
        producer: str,
    ) -> None:
        self._pool = pool
        self._publisher = publisher
        self._codec = codec
        self._quotas = quotas
        self._clock = clock
        self._producer = producer
        self._seen: dict[str, datetime] = {}
        self._made_ms = clock.monotonic_ms()
        self._began_at: datetime | None = None
        """By the clock of the database, which all processes share."""
        self._told_by: tuple[str, datetime] | None = None
        """The version of the table in force at the last look, and when the process began that brought it."""

    async def look(self) -> int:
        """Tells what is not as it was told; returns how many SKUs. Raises Unavailable and DeliveryFailed."""
        async with leading(self._pool, LEAD_AVAILABILITY) as connection:
            if connection is None:
                return 0
            told_to = await connection.fetchrow(SQL["told_to"])
            assert told_to is not None
            began_at = self._began(told_to["now"])
            unseen_for = told_to["now"] - told_to["looked_at"]
            theirs = LONG_AGO if unseen_for > GONE_AFTER else told_to["began_at"]
            if self._gives_way(told_to["rules"], theirs, began_at):
                return 0
            since = LONG_AGO
            if told_to["rules"] == self._quotas.version:
                # A clock that was ahead and was set back leaves a time which no change reaches for as long.
                since = told_to["changed_at"]
                if since > told_to["now"]:
                    since = told_to["now"] - OVERLAP
                began_at = max(told_to["began_at"], began_at)
            told_by = (self._quotas.version, began_at)
            rows = await connection.fetch(SQL["changed_skus"], since, ROWS_MAX)
            changed = {row["sku"]: row["changed_at"] for row in rows}
            fresh = [sku for sku, at in changed.items() if self._seen.get(sku) != at]
            now = self._clock.now()
            news = await self._news(connection, fresh, now) if fresh else []
            if news:
                await _keep(connection, news, now)
            until = _read_to(rows, since)
            if until > since or told_by != self._told_by or unseen_for > SHOWN_EVERY:
                await connection.execute(SQL["keep_told_to"], self._quotas.version, until, began_at)
            await asyncio.gather(
                *[
                    self._publisher.publish(
                        [envelope(self._codec, one, self._producer) for one in part]
                    )
                    async for part in _slowly(news)
                ]
            )
        self._told_by = told_by
        seen = self._seen | changed
        self._seen = {sku: at for sku, at in seen.items() if at > until}
        return len(news)

    def _began(self, now: datetime) -> datetime:
        if self._began_at is None:
            ago = timedelta(milliseconds=self._clock.monotonic_ms() - self._made_ms)
            self._began_at = now - ago
        return self._began_at

    def _gives_way(self, rules: str, by_one_of: datetime, began_at: datetime) -> bool:
        """Whether another table is in force, of a process that began after this one."""
        gives_way = rules != self._quotas.version and by_one_of > began_at
        if (rules, by_one_of) != self._told_by:
            self._told_by, self._seen = (rules, by_one_of), {}
            if gives_way:
                logger.warning(
                    "telling channels nothing: a process that began later has another table",
                    ours=self._quotas.version,
                    theirs=rules,
                    began_at=by_one_of.isoformat(),
                )
        metrics.QUOTAS_OVERRULED.set(gives_way)
        return gives_way

    async def _news(
        self, connection: Connection, skus: Sequence[str], now: datetime
    ) -> list[ChannelAvailabilityChanged]:
        told = {
            row["sku"]: row["offers"] for row in await connection.fetch(SQL["offered_of"], skus)
        }
        rows: dict[str, list[Any]] = {}
        for row in await connection.fetch(SQL["levels_of"], skus):
            rows.setdefault(row["sku"], []).append(row)
        book = await keeping(connection, list(rows), self._quotas)
        news = []
        async for part in _slowly(list(rows.items())):
            for sku, levels in part:
                changed = self._worked_out(sku, levels, book, now)
                if _numbers(_decode_offers(told.get(sku, "[]"))) != _numbers(changed.offers):
                    news.append(changed)
        return news

    def _worked_out(
        self, sku: str, rows: Sequence[Any], book: Book, now: datetime
    ) -> ChannelAvailabilityChanged:
        shared = any((row["warehouse"], sku) in book.shares for row in rows)
        pieces = for_sale(
            Level(on_hand=row["on_hand"], reserved=row["reserved"], safety=row["safety"])
            for row in rows
        )
        return ChannelAvailabilityChanged(
            sku=sku,
            occurred_at=now,
            stock_changed_at=max(row["changed_at"] for row in rows),
            for_sale=pieces,
            offers=tuple(
                self._offer(channel, sku, rows, book if shared else None, pieces)
                for channel in self._quotas.channels
            ),
        )

    def _offer(
        self, channel: str, sku: str, rows: Sequence[Any], book: Book | None, for_sale_to_all: int
    ) -> ChannelOffer:
        """A channel's number. `book` where some of the SKU is kept for somebody."""
        quota = self._quotas.of(channel, sku)
        if book is None:
            number = offered(for_sale_to_all, quota)
            return ChannelOffer(channel=channel, quantity=number, rule=quota.rule)
        pieces = set_aside = 0
        for row in rows:
            key = (row["warehouse"], sku)
            free = book.available_to(channel)(key)
            its = for_sale((Level(on_hand=free, reserved=0, safety=row["safety"]),))
            pieces += its
            if (shares := book.shares.get(key)) is not None:
                set_aside += min(its, shares.kept_for(channel, *book.for_sale(key)))
        number = offered(pieces, quota, set_aside=set_aside, shared_out=True)
        return ChannelOffer(channel=channel, quantity=number, rule=quota.rule)


async def _slowly(whole: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """The whole in parts, between which others on this loop have their turn."""
    for at in range(0, len(whole), TURN_SKUS):
        yield whole[at : at + TURN_SKUS]
        await asyncio.sleep(0)


def _numbers(offers: Iterable[ChannelOffer]) -> list[tuple[str, int]]:
    return [(offer.channel, offer.quantity) for offer in offers]


def _read_to(rows: Sequence[Any], since: datetime) -> datetime:
    """Up to where all is read: at the end of what there is, changes may still become visible for a while."""
    if not rows:
        return since
    last: datetime = rows[-1]["changed_at"]
    # Of changes of one microsecond, some may be beyond the limit.
    return max(since, last - (TICK if len(rows) == ROWS_MAX else OVERLAP))


async def _keep(
    connection: Connection, news: Sequence[ChannelAvailabilityChanged], now: datetime
) -> None:
    await connection.execute(
        SQL["keep_offered"],
        [one.sku for one in news],
        [one.for_sale for one in news],
        [msgspec.json.encode(one.offers).decode() async for part in _slowly(news) for one in part],
        [one.stock_changed_at for one in news],
        now,
    )
