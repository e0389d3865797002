"""What the pages of the stock show of SKUs: the worst first, and one with everything about it. stock_health.py: the whole.

Guarantees: a list is one keyset query of one page, by numbers that are counted when they are projected; the page a
person looks at stays the page they look at while its numbers change.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pydantic import Field, create_model

from chassis import plugins
from chassis.clock import Clock
from chassis.postgres import Pool
from services.console import stock_words, words
from services.console.domain.stock import level_tone
from services.console.sections import Section
from services.console.views import Shown

QUERY_CHARS_MAX = 64
RANK_MAX = 3
PIECES_MAX = 2**62
"""A cursor beyond these was made up."""

SECTIONS: Mapping[str, Section] = MappingProxyType(
    dict(
        sorted(
            plugins.load("services.console.stock_sections", "SECTION", Section).items(),
            key=lambda one: one[1].place,
        )
    )
)
"""What a SKU's page shows below its levels, in its order."""

SHOWING: Mapping[str, str] = MappingProxyType(
    {
        "empty": "available <= 0",
        "low": "available > 0 AND (available <= {low:d} OR empty_in > 0)",
        "differing": "differing > 0",
    }
)
"""Filters of the board and their conditions; `low` is how few pieces are few."""
LEVELS = """
SELECT sku, warehouse, on_hand, reserved, withheld, changed_at FROM console.stock_levels
WHERE sku = ANY($1::text[]) ORDER BY sku, warehouse
"""


class Level(Shown):
    """A SKU in one warehouse, in pieces. Times are UTC."""

    warehouse: str
    warehouse_title: str
    on_hand: int
    reserved: int
    withheld: int = Field(description="不可售：到期、召回或待检的批次")
    available: int
    tone: str = Field(description="late 售罄，soon 偏低，good 有货")
    changed_at: datetime


class SkuItem(Shown):
    """A SKU over all warehouses, in pieces."""

    sku: str
    on_hand: int
    reserved: int
    withheld: int = Field(description="不可售：到期、召回或待检的批次")
    available: int
    tone: str = Field(description="late 售罄，soon 偏低或有仓售罄，good 有货")
    tone_title: str
    differing: int = Field(description="待处理的差异")
    oversold: bool = Field(description="对账发现预占多于实物")
    changed_at: datetime | None = Field(description="水位最近变动；账上没有这个 SKU 为空")
    levels: tuple[Level, ...]


class SkuList(Shown):
    """One page of SKUs, the worst first."""

    skus: tuple[SkuItem, ...]
    after: str = Field(description="下一页的游标；空 = 没有更多")


_FIELDS: dict[str, Any] = {name: (one.kind | None, None) for name, one in SECTIONS.items()}
SkuDetail = create_model("SkuDetail", __base__=SkuItem, **_FIELDS)
"""A SKU with a field for each section; null where there is nothing to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockFilters:
    """What the board is narrowed to; "" = not at all."""

    show: str = ""
    """One of SHOWING."""
    query: str = ""
    """Beginning or any part of a SKU."""
    after: str = ""
    """Cursor of the page before."""

    def sane(self) -> StockFilters:
        """The same without values that mean nothing."""
        return replace(
            self,
            show=self.show if self.show in SHOWING else "",
            query=self.query.strip()[:QUERY_CHARS_MAX].replace("\x00", ""),
            after=self.after if _cursor(self.after) else "",
        )


def _cursor(text: str) -> tuple[int, int, str] | None:
    try:
        rank, pieces, sku = base64.urlsafe_b64decode(text.encode()).decode().split("|", 2)
        cursor = int(rank), int(pieces), sku
    except (ValueError, binascii.Error):
        return None
    fits = 0 <= cursor[0] <= RANK_MAX and abs(cursor[1]) <= PIECES_MAX and "\x00" not in sku
    return cursor if fits else None


def _cursor_text(row: Any) -> str:
    text = f"{row['rank']}|{row['available']}|{row['sku']}"
    return base64.urlsafe_b64encode(text.encode()).decode()


class StockViews:
    """The queries. `low_pieces`: up to so many for sale, a SKU is low."""

    def __init__(self, pool: Pool, clock: Clock, low_pieces: int) -> None:
        self._pool = pool
        self._clock = clock
        self._low_pieces = low_pieces

    async def skus(self, filters: StockFilters, limit: int) -> SkuList:
        """One page, the worst first."""
        where, values = self._conditions(filters)
        rows = await self._pool.fetch(
            f"SELECT * FROM console.stock_skus WHERE {where} "  # noqa: S608 — our own texts
            f"ORDER BY rank, available, sku LIMIT {limit + 1:d}",
            *values,
        )
        after = _cursor_text(rows[limit - 1]) if len(rows) > limit else ""
        return SkuList(skus=await self._items(rows[:limit]), after=after)

    def _conditions(self, filters: StockFilters) -> tuple[str, list[object]]:
        text, values = ["true"], list[object]()
        if filters.show:
            text.append(SHOWING[filters.show].format(low=self._low_pieces))
        if filters.query:
            values.append(filters.query)
            text.append(f"strpos(lower(sku), lower(${len(values)})) > 0")
        if cursor := _cursor(filters.after):
            values += cursor
            first = len(values) - 2
            text.append(
                f"(rank, available, sku) > (${first}::smallint, ${first + 1}::bigint, ${first + 2})"
            )
        return " AND ".join(text), values

    async def sku(self, sku: str) -> dict[str, Any] | None:
        """One SKU with its sections by name (None where one has nothing to say), as `SkuDetail` has it."""
        rows = await self._pool.fetch(
            "SELECT * FROM console.stock_skus WHERE sku = $1", sku.replace("\x00", "")
        )
        if not rows:
            return None
        (item,) = await self._items(rows)
        now = self._clock.now()
        shown = {name: await one.read(self._pool, sku, now) for name, one in SECTIONS.items()}
        return {**{name: getattr(item, name) for name in SkuItem.model_fields}, **shown}

    async def _items(self, rows: Sequence[Any]) -> tuple[SkuItem, ...]:
        levels: dict[str, list[Level]] = {}
        for row in await self._pool.fetch(LEVELS, [row["sku"] for row in rows]):
            levels.setdefault(row["sku"], []).append(self._level(row))
        return tuple(self._item(row, tuple(levels.get(row["sku"], ()))) for row in rows)

    def _item(self, row: Any, levels: tuple[Level, ...]) -> SkuItem:
        tone = level_tone(row["available"], low_pieces=self._low_pieces, empty_in=row["empty_in"])
        return SkuItem(
            sku=row["sku"],
            on_hand=row["on_hand"],
            reserved=row["reserved"],
            withheld=row["withheld"],
            available=row["available"],
            tone=tone,
            tone_title=stock_words.LEVELS[tone],
            differing=row["differing"],
            oversold=row["oversold"] > 0,
            changed_at=row["changed_at"],
            levels=levels,
        )

    def _level(self, row: Any) -> Level:
        available = row["on_hand"] - row["reserved"] - row["withheld"]
        return Level(
            warehouse=row["warehouse"],
            warehouse_title=words.warehouse(row["warehouse"]),
            on_hand=row["on_hand"],
            reserved=row["reserved"],
            withheld=row["withheld"],
            available=available,
            tone=level_tone(available, low_pieces=self._low_pieces),
            changed_at=row["changed_at"],
        )
