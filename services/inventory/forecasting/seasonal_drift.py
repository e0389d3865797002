"""Seasonal-naive over several weeks, adjusted for drift: for what sells nearly every day.

The last weeks are one table, weeks × weekdays, and each cell is (level of its week) × (weight of its weekday), fitted by
iterative proportional fitting (Deming & Stephan 1940), which is the maximum-likelihood fit of such Poisson rates and
takes empty cells for what they are. Levels go on along the median of the slopes between all pairs of weeks (Theil 1950,
Sen 1968), so that one week of promotion does not tilt them, and the slope fades out (Gardner & McKenzie 1985).
"""

from __future__ import annotations

from itertools import combinations
from statistics import median

from services.inventory.domain.forecasting import WEEK_DAYS, Demand, Forecast, Forecaster, known

WEEKS = 12
"""Long enough to average weekdays, short enough to have forgotten the last season."""
ROUNDS = 30
"""Of the fit at most; without empty cells it settles in the first."""
SETTLED = 0.001
"""A weekday's weight that moves less is not fitted further."""
FADES = 0.5
"""Share of the slope that is left from one week to the next."""
FORGETS = 0.9
"""Weight of a week's level against the next one's."""


def forecast(demand: Demand, days: int) -> Forecast:
    """Level of each week ahead, times the weight of the weekday."""
    weeks = _weeks(demand)
    levels, weights = _fit(weeks)
    seen = [(at, level) for at, level in enumerate(levels) if level is not None]
    slopes = [(b - a) / (later - earlier) for (earlier, a), (later, b) in combinations(seen, 2)]
    slope = median(slopes) if slopes else 0.0
    last = len(weeks) - 1
    weighted = [(FORGETS ** (last - at), level + slope * (last - at)) for at, level in seen]
    level = sum(weight * now for weight, now in weighted) / sum(weight for weight, _ in weighted)
    ahead = []
    for day in range(days):
        week = day // WEEK_DAYS + 1
        faded = FADES * (1 - FADES**week) / (1 - FADES)
        ahead.append(max(0.0, (level + slope * faded) * weights[day % WEEK_DAYS]))
    return tuple(ahead)


def _weeks(demand: Demand) -> list[Demand]:
    """The last weeks, the newest last; a week starts on the weekday of tomorrow. What lies before the first day is unknown."""
    newest = list(demand[-WEEKS * WEEK_DAYS :])
    padded = [None] * (-len(newest) % WEEK_DAYS) + newest
    weeks: list[Demand] = [padded[at : at + WEEK_DAYS] for at in range(0, len(padded), WEEK_DAYS)]
    if any(known(week) for week in weeks):
        return weeks
    return _weeks(demand[: -len(newest)])


def _fit(weeks: list[Demand]) -> tuple[list[float | None], list[float]]:
    """Level of each week (None: nothing of it is known), mean weight of a weekday 1."""
    days_of = [[at for at, pieces in enumerate(week) if pieces is not None] for week in weeks]
    totals = [sum(known(week)) for week in weeks]
    weeks_of = [[n for n, days in enumerate(days_of) if at in days] for at in range(WEEK_DAYS)]
    sold = [sum(weeks[n][at] or 0 for n in weeks_of[at]) for at in range(WEEK_DAYS)]
    weights = [1.0] * WEEK_DAYS
    levels = [0.0] * len(weeks)
    for _ in range(ROUNDS):
        before = weights[:]
        for n, days in enumerate(days_of):
            share = sum([weights[at] for at in days])
            levels[n] = totals[n] / share if share > 0 else 0.0
        for at, numbers in enumerate(weeks_of):
            expected = sum([levels[n] for n in numbers])
            if expected > 0:
                weights[at] = sold[at] / expected
        mean = sum(weights) / WEEK_DAYS
        if mean > 0:
            weights = [weight / mean for weight in weights]
        if all(abs(now - then) < SETTLED for now, then in zip(weights, before, strict=True)):
            break
    return [level if days else None for level, days in zip(levels, days_of, strict=True)], weights


FORECASTER = Forecaster(name="seasonal-drift", label="近十二周同日加趋势", forecast=forecast)
