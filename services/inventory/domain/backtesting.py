"""Forecasts against what came: rolling origins over the past, with errors of the totals that replenishment asks for. Pure.

At each origin a forecaster sees the days before it and foretells the total of the days after it. Days without stock
are left out on both sides. Measures, of totals over the horizon:

- WAPE: Σ |forecast − actual| / Σ actual.
- Bias: Σ (forecast − actual) / Σ actual; above 0 it orders too much.
- MASE: |forecast − actual| in units of the mean change from one total to the next before the origin, which is the naive
  method's own error (Hyndman & Koehler, "Another look at measures of forecast accuracy", Int. J. of Forecasting 22, 2006);
  below 1 it beats naive. Averaged over all origins of all SKUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from msgspec import Struct

from services.inventory.domain.forecasting import (
    Demand,
    DemandClass,
    Forecaster,
    known,
    pattern,
)

HORIZON_DAYS = 14
STEP_DAYS = 7
TRAINING_DAYS = 84
"""What a forecaster sees at least."""

Choose: TypeAlias = Callable[[DemandClass], Forecaster | None]
"""Who forecasts demand of a class; None where nobody does."""


class Score(Struct, frozen=True, kw_only=True):
    """How one forecaster did on the SKUs of one class (or of all)."""

    demand_class: str
    forecaster: str
    skus: int
    origins: int
    mase: float
    wape: float
    bias: float


class Guess(Struct, frozen=True, kw_only=True):
    """One total foretold and what it was, in pieces."""

    demand_class: DemandClass
    sku: str
    origin: int
    """Days the forecaster saw."""
    forecast: float
    actual: int
    scale: float
    """Mean change from one total to the next before the origin; 0 = cannot be told."""


def guesses(
    series: Mapping[str, Demand], choose: Choose, *, horizon_days: int = HORIZON_DAYS
) -> Iterable[Guess]:
    """Every origin of every SKU. Who forecasts is chosen at each origin, by what is known there."""
    for sku, demand in series.items():
        whole = pattern(demand).demand_class
        for origin in range(TRAINING_DAYS, len(demand) - horizon_days + 1, STEP_DAYS):
            past, coming = demand[:origin], demand[origin : origin + horizon_days]
            forecaster = choose(pattern(past).demand_class)
            if forecaster is None or not known(coming):
                continue
            ahead = forecaster.forecast(past, horizon_days)
            yield Guess(
                demand_class=whole,
                sku=sku,
                origin=origin,
                forecast=sum(
                    one for one, pieces in zip(ahead, coming, strict=True) if pieces is not None
                ),
                actual=sum(known(coming)),
                scale=_scale(past, horizon_days),
            )


def _scale(past: Demand, horizon_days: int) -> float:
    totals = [
        sum(days) * horizon_days / len(days)
        for end in range(len(past), horizon_days - 1, -horizon_days)
        if len(days := known(past[end - horizon_days : end])) * 2 > horizon_days
    ]
    changes = [abs(newer - older) for newer, older in pairwise(totals)]
    return sum(changes) / len(changes) if changes else 0.0


def score(demand_class: str, forecaster: str, made: Sequence[Guess]) -> Score:
    """What the guesses come to. A SKU that never sold has no WAPE, one that never changed no MASE: both count 0."""
    errors = [one.forecast - one.actual for one in made]
    actual = sum(one.actual for one in made)
    scaled = [
        abs(error) / one.scale for error, one in zip(errors, made, strict=True) if one.scale > 0
    ]
    return Score(
        demand_class=demand_class,
        forecaster=forecaster,
        skus=len({one.sku for one in made}),
        origins=len(made),
        mase=sum(scaled) / len(scaled) if scaled else 0.0,
        wape=sum(map(abs, errors)) / actual if actual else 0.0,
        bias=sum(errors) / actual if actual else 0.0,
    )
