"""What the pages of the stock show of the whole: whether it is fresh, agrees with itself and with the world outside.

Guarantees: a silence of inventory is never taken for health; as many queries for a hundred thousand SKUs as for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pydantic import Field

from chassis.clock import Clock
from chassis.postgres import Pool
from chassis.processor import Kept
from services.console import stock_words, words
from services.console.domain.stock import (
    SILENCE_MAX,
    WORST,
    Book,
    delay_of,
    delay_tone,
    rate_tone,
)
from services.console.domain.waiting import lasting
from services.console.stock_sections.differences import (
    DifferenceItem,
    TaskItem,
    differences,
    tasks,
)
from services.console.stock_sections.replenishment import COUNTS, Suggestions, listed
from services.console.views import Shown

LISTED_MAX = 200
"""Differences and tasks on one page."""
RECONCILED_MAX = 30
OVERSOLD_SKUS_MAX = 8
RATES_OF = timedelta(days=31)
"""A sheet that is older than this says nothing of today."""

SUMS = """
SELECT count(*) AS skus, count(*) FILTER (WHERE available <= 0) AS empty,
  count(*) FILTER (WHERE available > 0 AND (available <= $1 OR empty_in > 0)) AS low,
  count(*) FILTER (WHERE differing > 0) AS differing
FROM console.stock_skus
"""
NEWEST_LEVEL = "SELECT max(changed_at) FROM console.stock_levels"
CHECK = "SELECT document FROM console.stock_books WHERE kind = 'books'"
RECONCILED = """
SELECT document FROM console.stock_books WHERE kind = 'reconciled' ORDER BY at DESC LIMIT $1
"""
NEWEST_RECONCILED = """
SELECT DISTINCT ON (warehouse, document #>> '{state,reconciled,source}') document FROM console.stock_books
WHERE kind = 'reconciled' AND at > $1 ORDER BY warehouse, document #>> '{state,reconciled,source}', at DESC
"""
OPEN_DIFFERENCES = """
SELECT document FROM console.stock_books WHERE kind = 'difference' AND open
ORDER BY oversold DESC, at, key LIMIT $1
"""
TASKS = """
SELECT document FROM console.stock_books WHERE kind = 'task' ORDER BY open DESC, at DESC LIMIT $1
"""
OVERSOLD = "SELECT sku FROM console.stock_skus WHERE rank = 0 ORDER BY available, sku LIMIT $1"
OPEN_COUNTS = """
SELECT count(*) FILTER (WHERE kind = 'difference') AS differences, count(*) FILTER (WHERE kind = 'task') AS tasks,
  min(at) FILTER (WHERE kind = 'task') AS oldest_task_at
FROM console.stock_books WHERE open
"""

_decoder = msgspec.json.Decoder(Kept[Book])


class Rate(Shown):
    """A warehouse's newest reconciliation with one kind of system."""

    reconciliation: str
    source: str
    source_title: str
    warehouse: str
    warehouse_title: str
    at: datetime
    rows: int
    differing_rows: int
    difference_pieces: int
    book_pieces: int
    difference_ppm: int
    percent: str = Field(description="差异率")
    tone: str = Field(description="late 超过 1 %，soon 超过 0.5 %，good 正常")
    listed_only: bool
    actor: str


class Freshness(Shown):
    """How far what is shown may be behind inventory."""

    told_at: datetime | None = Field(description="库存服务最近一次核对账目；从未为空")
    delay_s: int | None = Field(description="水位落后库存服务多久，秒；从未上报为空")
    delay: str
    tone: str = Field(
        description="late 超过 30 分钟或没有消息，soon 超过 5 分钟，good，calm 未上报"
    )


class BooksState(Shown):
    """Whether the books agree with each other. All must be 0."""

    oversold_units: int = Field(description="超卖件数：预占多于进出之和")
    negative_rows: int = Field(description="负数，或预占多于库存的行")
    mismatch_units: int = Field(description="库存、流水、预占之间对不上的件数")
    broken_rows: int = Field(description="流水断掉的行数")
    tone: str = Field(description="late 对不上，good，calm 未上报")

    @property
    def sound(self) -> bool:
        """Whether they do."""
        return self.tone != "late"


class StockHealth(Shown):
    """How the stock stands as a whole."""

    tone: str = Field(description="late 有问题，soon 留意，good 正常，calm 未上报")
    headline: str
    freshness: Freshness
    books: BooksState
    rates: tuple[Rate, ...] = Field(description="各来源各仓最近一个月里最后一次对账，最差的在前")
    skus: int
    empty: int = Field(description="售罄的 SKU")
    low: int = Field(description="偏低，或有仓售罄的 SKU")
    differing: int = Field(description="有待处理差异的 SKU")
    oversold_skus: tuple[str, ...] = Field(description="对账发现预占多于实物的 SKU，至多 8 个")
    open_differences: int
    open_tasks: int
    suggested: int = Field(description="要订的行数")
    below_safety: int = Field(description="低于安全库存的行数")
    oldest_task: str = Field(description="最早的任务派出多久了；没有为空")


class StockDifferences(Shown):
    """What differs from the world outside, and what is to be done about it."""

    reconciled: tuple[Rate, ...] = Field(description="最近的对账，新的在前")
    tasks: tuple[TaskItem, ...] = Field(description="没结束的在前")
    differences: tuple[DifferenceItem, ...] = Field(description="待处理的，预占多于实物的在前")
    open_differences: int


class StockWhole:
    """The queries. `low_pieces`: up to so many for sale, a SKU is low."""

    def __init__(self, pool: Pool, clock: Clock, low_pieces: int) -> None:
        self._pool = pool
        self._clock = clock
        self._low_pieces = low_pieces

    async def health(self) -> StockHealth:
        """How the stock stands as a whole."""
        now = self._clock.now()
        sums = await self._row(SUMS, self._low_pieces)
        opened, wanted = await self._row(OPEN_COUNTS), await self._row(COUNTS)
        oversold = tuple(row["sku"] for row in await self._pool.fetch(OVERSOLD, OVERSOLD_SKUS_MAX))
        rates = _rates(await self._pool.fetch(NEWEST_RECONCILED, now - RATES_OF))
        rates = tuple(sorted(rates, key=lambda one: (-one.difference_ppm, one.source)))
        freshness, books = await self._checked(now)
        tone, headline = _verdict(freshness, books, rates, oversold, opened["tasks"])
        return StockHealth(
            tone=tone,
            headline=headline,
            freshness=freshness,
            books=books,
            rates=rates,
            skus=sums["skus"],
            empty=sums["empty"],
            low=sums["low"],
            differing=sums["differing"],
            oversold_skus=oversold,
            open_differences=opened["differences"],
            open_tasks=opened["tasks"],
            suggested=wanted["suggested"],
            below_safety=wanted["below"],
            oldest_task=lasting(now - opened["oldest_task_at"]) if opened["tasks"] else "",
        )

    async def differences(self) -> StockDifferences:
        """The newest reconciliations, open differences, and tasks."""
        now = self._clock.now()
        opened = await self._row(OPEN_COUNTS)
        return StockDifferences(
            reconciled=_rates(await self._pool.fetch(RECONCILED, RECONCILED_MAX)),
            tasks=tasks(await self._pool.fetch(TASKS, LISTED_MAX), now),
            differences=differences(await self._pool.fetch(OPEN_DIFFERENCES, LISTED_MAX), now),
            open_differences=opened["differences"],
        )

    async def suggestions(self) -> Suggestions:
        """What to order, and what fell below its safety stock."""
        return await listed(self._pool)

    async def _checked(self, now: datetime) -> tuple[Freshness, BooksState]:
        row = await self._pool.fetchrow(CHECK)
        book = _decoder.decode(row["document"]).state if row else None
        if book is None or (check := book.books) is None:
            return UNTOLD
        delay = delay_of(check, book.learnt_at, await self._pool.fetchval(NEWEST_LEVEL), now)
        mismatch = check.ledger_mismatch + check.reserved_mismatch
        off = check.oversold_units or check.negative_rows or mismatch or check.broken_rows
        silent = now - check.occurred_at > SILENCE_MAX
        return (
            Freshness(
                told_at=check.occurred_at,
                delay_s=int(delay.total_seconds()),
                delay=lasting(delay),
                tone=delay_tone(delay, silent=silent),
            ),
            BooksState(
                oversold_units=check.oversold_units,
                negative_rows=check.negative_rows,
                mismatch_units=mismatch,
                broken_rows=check.broken_rows,
                tone="late" if off else "good",
            ),
        )

    async def _row(self, query: str, *values: object) -> Any:
        row = await self._pool.fetchrow(query, *values)
        assert row is not None, "an aggregate without GROUP BY always gives a row"
        return row


UNTOLD = (
    Freshness(told_at=None, delay_s=None, delay="", tone="calm"),
    BooksState(oversold_units=0, negative_rows=0, mismatch_units=0, broken_rows=0, tone="calm"),
)


def _verdict(
    freshness: Freshness,
    books: BooksState,
    rates: Sequence[Rate],
    oversold: Sequence[str],
    open_tasks: int,
) -> tuple[str, str]:
    """Tone and headline: the first of the worst."""
    rate = rates[0] if rates else None
    found = [
        ("late", f"超卖 {books.oversold_units:,} 件") if books.oversold_units else None,
        (books.tone, "库存账对不上") if not books.sound else None,
        (freshness.tone, f"库存消息停在 {freshness.delay}前"),
        ("late", f"{len(oversold)} 个 SKU 预占多于实物") if oversold else None,
        (rate.tone, f"差异率 {rate.percent}") if rate else None,
        ("soon", f"{open_tasks:,} 个任务待处理") if open_tasks else None,
    ]
    told = [one for one in found if one is not None and one[0] in {"late", "soon"}]
    if told:
        return min(told, key=lambda one: WORST.index(one[0]))
    return ("calm", "库存服务还没有上报") if freshness.told_at is None else ("good", "库存正常")


def _rates(rows: Sequence[Any]) -> tuple[Rate, ...]:
    return tuple(_rate(_decoder.decode(row["document"]).state) for row in rows)


def _rate(book: Book | None) -> Rate:
    assert book is not None
    one = book.reconciled
    assert one is not None
    return Rate(
        reconciliation=one.reconciliation,
        source=one.source,
        source_title=words.stock_source(one.source),
        warehouse=one.warehouse,
        warehouse_title=words.warehouse(one.warehouse),
        at=one.at,
        rows=one.rows,
        differing_rows=one.differing_rows,
        difference_pieces=one.difference_pieces,
        book_pieces=one.book_pieces,
        difference_ppm=one.difference_ppm,
        percent=stock_words.percent(one.difference_ppm),
        tone=rate_tone(one.difference_ppm),
        listed_only=one.listed_only,
        actor=words.say(one.actor),
    )
