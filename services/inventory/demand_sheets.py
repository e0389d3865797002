"""Demand by day as a table: CSV with sku, day, pieces and perhaps in_stock, UTF-8 or GB18030, comma or tab.

Guarantees: every line is read or named with what is wrong with it. A day that no line names sold nothing; one with
in_stock 0 is a day nobody knows the demand of. Pure.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date, timedelta

from services.inventory.domain.forecasting import Demand
from services.inventory.sheets import PROBLEMS_MAX, WHOLE, SheetBroken, as_text

ROWS_MAX = 2_000_000
DAYS_MAX = 3_660
COLUMNS = ("sku", "day", "pieces")
YES_NO = {"1": True, "0": False, "": True}


def read_demand(content: bytes) -> Mapping[str, Demand]:
    """Each SKU's days, from the first to the last of the whole file. Raises SheetBroken with up to 20 problems."""
    lines = as_text(content).splitlines()
    heading = lines[0] if lines else ""
    table = csv.reader(lines, delimiter="\t" if "\t" in heading else ",")
    titles = [cell.strip().casefold() for cell in next(table, [])]
    if missing := [title for title in COLUMNS if title not in titles]:
        raise SheetBroken([f"line 1: no column {', '.join(missing)}"])
    if len(lines) > ROWS_MAX:
        raise SheetBroken([f"{len(lines)} lines are more than {ROWS_MAX}"])
    found: dict[str, dict[date, int | None]] = {}
    problems: list[str] = []
    try:
        for number, cells in enumerate(table, start=2):
            row = dict(zip(titles, map(str.strip, cells), strict=False))
            if any(row.values()) and (why := _take(found, row)):
                problems.append(f"line {number}: {why}")
            if len(problems) >= PROBLEMS_MAX:
                problems.append("… and perhaps more")
                break
    except csv.Error as error:
        problems.append(f"line {table.line_num}: {error}")
    if not problems and not found:
        problems = ["there is no line of demand"]
    days = [day for sold in found.values() for day in sold]
    if days and (max(days) - min(days)).days >= DAYS_MAX:
        problems.append(f"{min(days)} to {max(days)} is more than {DAYS_MAX} days")
    if problems:
        raise SheetBroken(problems)
    first, last = min(days), max(days)
    calendar = [first + timedelta(days=at) for at in range((last - first).days + 1)]
    return {
        sku: tuple(sold.get(day, 0) for day in calendar if day >= min(sold))
        for sku, sold in found.items()
    }


def _take(found: dict[str, dict[date, int | None]], row: Mapping[str, str]) -> str:
    """Adds a line; what is wrong with it, or nothing."""
    if missing := [title for title in COLUMNS if not row.get(title)]:
        return f"{', '.join(missing)} is empty"
    try:
        day = date.fromisoformat(row["day"])
    except ValueError:
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
