"""The console's first processor: events of every service become read tables, exactly once.

A batch writes cards (COPY or one UPDATE), timeline lines (COPY) and what changed in the counters (a few rows
of differences, so that two workers never wait for each other's counter). How the shops are doing is in shops.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from chassis import topics
from chassis.log import logger
from chassis.postgres import AWAY, Pool
from chassis.processor import Appended, Column, FactsSource, Kept, Processor, Record
from services.console.domain.minutes import minute_changes
from services.console.domain.model import (
    EMPTY,
    HOURS_COUNTED,
    Bucket,
    Card,
    bucket_of,
    standing_flags,
)
from services.console.entries import Entry
from services.console.forgetting import MINUTES_KEPT
from services.console.handlers import HANDLERS

TIMELINE_COLUMNS = (
    ("order_id", "text"),
    ("at", "timestamptz"),
    ("seq", "bigint"),
    ("source", "text"),
    ("kind", "text"),
    ("title_zh", "text"),
    ("detail_zh", "text"),
    ("actor", "text"),
    ("basis", "text"),
    ("partition", "int"),
    ("offset", "bigint"),
    ("content", "bytea"),
)
FUNNEL_COLUMNS = (
    ("hour", "timestamptz"),
    ("channel", "text"),
    ("state", "text"),
    ("orders", "bigint"),
)
MINUTE_COLUMNS = (
    ("minute", "timestamptz"),
    ("channel", "text"),
    ("shop", "text"),
    ("orders", "bigint"),
    ("applied", "bigint"),
    ("refused", "bigint"),
)
WAYBILL_COLUMNS = (("order_id", "text"), ("waybill_no", "text"))
FOLD_FUNNEL = """
WITH gone AS (DELETE FROM console.funnel_changes RETURNING hour, channel, state, orders)
INSERT INTO console.funnel AS known (hour, channel, state, orders)
SELECT hour, channel, state, sum(orders) FROM gone GROUP BY hour, channel, state
HAVING sum(orders) <> 0 ORDER BY hour, channel, state
ON CONFLICT (hour, channel, state) DO UPDATE SET orders = known.orders + excluded.orders
"""
"""Whoever runs it takes what it sees; two at once share the rows between them, nothing counts twice."""

FOLD_HOURS = """
WITH gone AS (DELETE FROM console.funnel WHERE hour > '-infinity' AND hour < $1 RETURNING channel, state, orders)
INSERT INTO console.funnel AS known (hour, channel, state, orders)
SELECT '-infinity', channel, state, sum(orders) FROM gone GROUP BY channel, state
HAVING sum(orders) <> 0 ORDER BY channel, state
ON CONFLICT (hour, channel, state) DO UPDATE SET orders = known.orders + excluded.orders
"""
"""Hours that nobody chooses any more become one: each refresh of a list sums all there are."""

FOLD_MINUTES = """
WITH gone AS (DELETE FROM console.shop_minute_changes RETURNING *)
INSERT INTO console.shop_minutes AS known (minute, channel, shop, orders, applied, refused)
SELECT minute, channel, shop, sum(orders), sum(applied), sum(refused) FROM gone WHERE minute >= $1
GROUP BY minute, channel, shop
HAVING sum(orders) <> 0 OR sum(applied) <> 0 OR sum(refused) <> 0 ORDER BY minute, channel, shop
ON CONFLICT (minute, channel, shop) DO UPDATE SET orders = known.orders + excluded.orders,
  applied = known.applied + excluded.applied, refused = known.refused + excluded.refused
"""

GATHER_MS = 200
"""A page that is a fifth of a second behind is not late, and an order's events then come together."""

Announce = Callable[[frozenset[str]], None]


class Projected:
    """What one batch adds beside its cards."""

    __slots__ = ("before", "entries")

    def __init__(self, before: Mapping[str, Card | None]) -> None:
        self.before = before
        self.entries: list[Entry] = []

    def apply(self, effect: object) -> None:
        """Takes a line of the timeline."""
        self.entries.append(effect)  # type: ignore[arg-type]  # handlers.py gives nothing else


class ProjectionFacts(FactsSource[Projected]):
    """Saves timeline and counters with the cards; tells the live pages after the commit."""

    def __init__(self, announce: Announce) -> None:
        self._announce = announce

    async def fetch(
        self, work: Any, _records: Sequence[Record], kept: Mapping[str, Kept[Card]]
    ) -> Projected:
        """Remembers what each known order was counted as."""
        del work
        return Projected({key: one.state for key, one in kept.items()})

    def appended(self, facts: Projected, kept: Mapping[str, Kept[Card]]) -> Sequence[Appended]:
        """The batch's lines and counter differences."""
        return [
            Appended(table="console.timeline", columns=TIMELINE_COLUMNS, rows=facts.entries),
            Appended(
                table="console.funnel_changes",
                columns=FUNNEL_COLUMNS,
                rows=counted(facts.before, kept),
            ),
            Appended(
                table="console.shop_minute_changes",
                columns=MINUTE_COLUMNS,
                rows=minute_changes(facts.before, kept),
            ),
            Appended(
                table="console.waybills",
                columns=WAYBILL_COLUMNS,
                rows=other_waybills(facts.before, kept),
            ),
        ]

    async def committed(self, facts: Projected) -> None:
        """Names the changed orders to whoever is looking."""
        if facts.entries:
            self._announce(frozenset([entry[0] for entry in facts.entries]))


def counted(
    before: Mapping[str, Card | None], kept: Mapping[str, Kept[Card]]
) -> list[tuple[Any, ...]]:
    """Rows of differences: one less where an order was counted, one more where it is now."""
    changes: Counter[Bucket] = Counter()
    for key, one in kept.items():
        was, card = before.get(key) or EMPTY, one.state or EMPTY
        if was.state == card.state and was.placed_at == card.placed_at:
            continue
        if (left := bucket_of(was)) is not None:
            changes[left] -= 1
        if (entered := bucket_of(card)) is not None:
            changes[entered] += 1
    return [(*bucket, orders) for bucket, orders in changes.items() if orders]


def other_waybills(
    before: Mapping[str, Card | None], kept: Mapping[str, Kept[Card]]
) -> list[tuple[str, str]]:
    """Order and number of each waybill that is no longer the one on its card."""
    return [
        (key, waybill_no)
        for key, one in kept.items()
        if one.state is not None and one.state.other_waybills
        for waybill_no in one.state.other_waybills
        if waybill_no not in (before.get(key) or EMPTY).other_waybills
    ]


async def fold_counters(pool: Pool, now: datetime) -> None:
    """Sums the differences so far into the counters, and old hours into one.

    Not now if Postgres is away. Any number may run.
    """
    try:
        await pool.execute(FOLD_FUNNEL)
        # An hour later than lists stop asking for it: clocks of two processes may differ.
        await pool.execute(FOLD_HOURS, now - HOURS_COUNTED - timedelta(hours=1))
        await pool.execute(FOLD_MINUTES, now - MINUTES_KEPT)
    except AWAY as error:
        logger.warning("counters not summed up", why=type(error).__name__)


def _spaced(flags: tuple[str, ...]) -> str:
    return f" {' '.join(flags)} " if flags else ""


COLUMNS: tuple[Column, ...] = (
    Column("state", "text", attrgetter("state")),
    Column("channel", "text", attrgetter("channel")),
    Column("channel_order_no", "text", attrgetter("channel_order_no")),
    Column("placed_at", "timestamptz", attrgetter("placed_at")),
    Column("routed_at", "timestamptz", attrgetter("routed_at")),
    Column("waybill_no", "text", attrgetter("waybill_no")),
    Column("flags", "text", lambda card: _spaced(standing_flags(card))),
)


def projection(announce: Announce) -> Processor[Card]:
    """The processor; `announce` is called after each commit with the ids of changed orders."""
    return Processor(
        name="console",
        table="console.cards",
        state=Card,
        handlers=HANDLERS,
        columns=COLUMNS,
        facts=ProjectionFacts(announce),
        sources=topics.consumed_by("console"),
        gather_ms=GATHER_MS,
        durable=False,
    )
