"""A made-up merchant's demand, day by day: seasons of the week, trends, promotions, slow movers, days without stock.

Guarantees: synthetic from the first to the last number, and says so; `rows(seed)` is the same for the same seed on
every machine. `python -m simulators.demand` writes `demand.csv` anew; a test refuses a committed file that is not it.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

COMMITTED = Path(__file__).with_name("demand.csv")
SEED = 20260105
FIRST_DAY = date(2026, 1, 5)
DAYS = 280
PROMOTIONS = ((date(2026, 3, 6), 3), (date(2026, 6, 16), 4), (date(2026, 9, 9), 2))
"""First day and number of days of each."""
WEEK = (0.85, 0.8, 0.85, 0.95, 1.15, 1.35, 1.05)
"""Monday to Sunday, of goods that people buy when they are at home."""
OFFICE = (1.25, 1.2, 1.15, 1.1, 1.0, 0.6, 0.7)


class Row(NamedTuple):
    """One SKU on one day."""

    sku: str
    day: date
    pieces: int
    """Sold."""
    in_stock: bool
    """Whether there was something to sell, from the first to the last hour."""


class Kind(NamedTuple):
    """How a SKU sells."""

    name: str
    skus: int
    rate: tuple[float, float]
    """Pieces on a day with demand, from … to."""
    chance: tuple[float, float]
    """That a day has demand at all, from … to."""
    clumps: float
    """Shape of the gamma that spreads sizes; smaller is wilder, 0 = none."""


KINDS = (
    Kind("smooth", 8, (20, 120), (1, 1), 0),
    Kind("erratic", 4, (8, 40), (1, 1), 1.1),
    Kind("intermittent", 6, (1.5, 4), (0.12, 0.4), 0),
    Kind("lumpy", 6, (4, 12), (0.1, 0.35), 0.8),
)


def rows(seed: int = SEED) -> Iterator[Row]:
    """Each SKU's days in order."""
    random = Random(seed)
    for kind in KINDS:
        for number in range(1, kind.skus + 1):
            yield from _days(f"{kind.name}-{number:02d}", kind, random)


def _days(sku: str, kind: Kind, random: Random) -> Iterator[Row]:
    rate, chance = random.uniform(*kind.rate), random.uniform(*kind.chance)
    week = random.choice((WEEK, OFFICE))
    grows = random.uniform(-0.35, 0.9)  # over all the days
    uplift = random.uniform(1.6, 2.8)
    gaps = _gaps(random)
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        size = _size(rate, kind.clumps, random)
        expected = size * week[day.weekday()] * (1 + grows * number / DAYS)
        expected *= uplift if _promoted(day) else 1
        wanted = _poisson(expected, random) if random.random() < chance else 0
        in_stock = number not in gaps
        yield Row(sku, day, wanted if in_stock else 0, in_stock)


def _gaps(random: Random) -> frozenset[int]:
    """Days without stock: two gaps of some days."""
    starts = (random.randrange(30, DAYS // 2), random.randrange(DAYS // 2, DAYS - 20))
    return frozenset(at for start in starts for at in range(start, start + random.randint(3, 9)))


def _promoted(day: date) -> bool:
    return any(0 <= (day - first).days < days for first, days in PROMOTIONS)


def _size(rate: float, clumps: float, random: Random) -> float:
    return random.gammavariate(clumps, rate / clumps) if clumps else rate


def _poisson(expected: float, random: Random) -> int:
    """Knuth's method, in steps of 30 so that no exponential underflows."""
    count = 0
    while expected > 0:
        step = min(expected, 30.0)
        expected -= step
        left, product = math.exp(-step), random.random()
        while product > left:
            count += 1
            product *= random.random()
    return count


def text(seed: int = SEED) -> str:
    """The file: sku, day, pieces, in_stock (1 or 0)."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(Row._fields)
    for row in rows(seed):
        writer.writerow((row.sku, row.day.isoformat(), row.pieces, int(row.in_stock)))
    return written.getvalue()


if __name__ == "__main__":
    COMMITTED.write_text(text(), encoding="utf-8")
