"""Demand by day as a table: CSV with sku, day, pieces and perhaps in_stock, or their Chinese titles; UTF-8 or GB18030,
comma or tab.

Guarantees: every line is read or named with what is wrong with it. A day that no line names sold nothing; one with
in_stock 0 is a day nobody knows the demand of. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from msgspec import Struct

from services.inventory.domain.forecasting import Demand
from services.inventory.sheets import (
    CODE_CHARS_MAX,
    PROBLEMS_MAX,
    TITLES,
    UNUSABLE,
    WHOLE,
    SheetBroken,
    rows_of,
)

ROWS_MAX = 2_000_000
DAYS_MAX = 3_660
COLUMNS = ("sku", "day", "pieces")
KNOWN_AS = {
    "sku": TITLES["sku"],
    "day": ("day", "日期", "销售日期", "统计日期"),
    "pieces": ("pieces", "销量", "销售数量", "销售件数", "件数", "数量"),
    "in_stock": ("in_stock", "有货", "是否有货"),
}
YES_NO = {"1": True, "0": False, "": True, "是": True, "否": False}
DAY = re.compile(r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})( 0?0:00(:00)?)?")
"""Spreadsheets write 2026/1/5, and midnight behind it."""


class DemandSheet(Struct, frozen=True, kw_only=True):
    """What a file tells: each SKU's days, all up to `last`."""

    last: date
    series: Mapping[str, Demand]


def read_demand(content: bytes) -> DemandSheet:
    """Each SKU's days, from its first to the last of the whole file. Raises SheetBroken with up to 20 problems."""
    table = rows_of(content, ROWS_MAX)
    _, heading = next(table, (1, []))
    columns = {title: column for column, titles in KNOWN_AS.items() for title in titles}
    written = [cell.strip().casefold() for cell in heading]
    titles = [columns.get(title, title) for title in written]
    if missing := [title for title in COLUMNS if title not in titles]:
        known = "; ".join(f"{title}: {', '.join(KNOWN_AS[title])}" for title in missing)
        raise SheetBroken([f"line 1: no column {', '.join(missing)} (known titles: {known})"])
    if twice := [title for title in KNOWN_AS if titles.count(title) > 1]:
        raise SheetBroken([f"line 1: more than one column is {', '.join(twice)}"])
    found: dict[str, dict[date, int | None]] = {}
    problems: list[str] = []
    try:
        for number, cells in table:
            row = dict(zip(titles, map(str.strip, cells), strict=False))
            if why := _take(found, row):
                problems.append(f"line {number}: {why}")
            if len(problems) >= PROBLEMS_MAX:
                problems.append("… and perhaps more")
                break
    except SheetBroken as broken:
        problems += broken.problems
    if not problems and not found:
        problems = ["there is no line of demand"]
    days = [day for sold in found.values() for day in sold]
    if days and (max(days) - min(days)).days >= DAYS_MAX:
        problems.append(f"{min(days)} to {max(days)} is more than {DAYS_MAX} days")
    if problems:
        raise SheetBroken(problems)
    first, last = min(days), max(days)
    calendar = [first + timedelta(days=at) for at in range((last - first).days + 1)]
    series = {sku: _days(sold, calendar) for sku, sold in found.items()}
    return DemandSheet(last=last, series=series)


def _days(sold: Mapping[date, int | None], calendar: Sequence[date]) -> Demand:
    begins = min(sold)
    return tuple(sold.get(day, 0) for day in calendar if day >= begins)


def _take(found: dict[str, dict[date, int | None]], row: Mapping[str, str]) -> str:
    """Adds a line; what is wrong with it, or nothing."""
    if missing := [title for title in COLUMNS if not row.get(title)]:
        return f"{', '.join(missing)} is empty"
    if len(row["sku"]) > CODE_CHARS_MAX or UNUSABLE.search(row["sku"]):
        return f"sku {row['sku'][:80]!r} is no code"
    day = _day(row["day"])
    if day is None:
        return f"day {row['day'][:40]!r} is no day such as 2026-11-11"
    if not WHOLE.fullmatch(row["pieces"]):
        return f"pieces {row['pieces'][:40]!r} is no whole number"
    in_stock = YES_NO.get(row.get("in_stock", ""))
    if in_stock is None:
        return f"in_stock {row['in_stock'][:40]!r} is neither 1 nor 0"
    sold = found.setdefault(row["sku"], {})
    if day in sold:
        return f"{row['sku']} has {day} in an earlier line"
    sold[day] = int(row["pieces"].partition(".")[0]) if in_stock else None
    return ""


def _day(written: str) -> date | None:
    found = DAY.fullmatch(written)
    try:
        return None if found is None else date(*map(int, found.groups()[:3]))
    except ValueError:
        return None
