"""Demand by day, folded from what moved. Pure.

Demand is what left with parcels, on the day it left. A day on which the shelf was empty at its beginning or at its end is
unknown: what people would have bought, nobody saw. Days that the books do not know may be known from the system before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct

from services.inventory.domain.forecasting import Demand

DAY = timedelta(days=1)


class Moved(Struct, frozen=True, array_like=True):
    """One day of a row of stock, in pieces."""

    day: date
    sold: int
    """What left with parcels."""
    net: int
    """What came less what left, for whatever reason."""


class SoldBefore(Struct, frozen=True, kw_only=True):
    """Demand of a row of stock as another system knew it, from `first_day` on."""

    first_day: date
    pieces: Demand


def daily_demand(on_hand: int, moved: Sequence[Moved], first: date, until: date) -> Demand:
    """Days from `first` up to the day before `until`.

    `on_hand` is what lies there after the newest of `moved`, which holds every movement since `first`, by day. Days before
    anything was there are left out.
    """
    balance = on_hand - sum(one.net for one in moved)
    by_day = {one.day: one for one in moved}
    if balance == 0:
        first = max(first, min(by_day, default=until))
    days: list[int | None] = []
    for number in range((until - first).days):
        day = by_day.get(first + number * DAY)
        before = balance
        balance += day.net if day is not None else 0
        if not days and before == balance == 0:
            continue
        in_stock = before > 0 and balance > 0
        days.append((day.sold if day is not None else 0) if in_stock else None)
    return tuple(days)


def completed(
    own: Demand, before: SoldBefore | None, first: date, until: date
) -> tuple[Demand, int]:
    """`own`, which ends on the day before `until`, with the days that it does not know from `before`; how many those are.

    Where both know a day, `own` counts. Days before `first` are nobody's.
    """
    if before is None:
        return own, 0
    own_first = until - len(own) * DAY
    begins = min(own_first, max(first, before.first_day))
    elsewhere = dict(enumerate(before.pieces, start=(before.first_day - begins).days))
    days: list[int | None] = [None] * (own_first - begins).days
    days += own
    taken = 0
    for number, pieces in enumerate(days):
        if pieces is None and (told := elsewhere.get(number)) is not None:
            days[number] = told
            taken += 1
    return tuple(days), taken
