"""When to order, and how much: a reorder point and an order-up-to level from a forecast and its error. Pure.

Periodic review with reorder point and order-up-to level, (R, s, S) in Silver, Pyke & Thomas, "Inventory and Production
Management in Supply Chains" (4th ed., 2017), ch. 6–7. What is ordered now must last until what is ordered at the next
review has come, so the protection interval is P = L + R days (lead time, review period):

- demand over P: mean μ = Σ forecast, variance σ² = σ_P² + d²·σ_L² with σ_P² that of the forecast's error over P
  (`error_variance`), d = μ/P, and σ_L the standard deviation of the lead time in days;
- reorder point s: the least number with P(demand over P ≤ s) ≥ the cycle service level;
- safety stock: s − μ;
- order-up-to S = s + forecast of the review period that follows.

All numbers of pieces are whole; what is not is rounded up.
"""

from __future__ import annotations

import math
from statistics import NormalDist, fmean, pvariance

from msgspec import Struct

from services.inventory.domain.forecasting import (
    KNOWN_DAYS_MIN,
    WEEK_DAYS,
    Demand,
    Forecaster,
    Pattern,
    known,
)

PAST_DAYS = 84
"""How far back forecasts are compared with what came."""
NORMAL_FROM = 100.0
"""From this mean on, demand over the interval is taken as normal; below, as negative binomial or Poisson."""


class Terms(Struct, frozen=True, kw_only=True):
    """On what terms a SKU is bought for a warehouse."""

    supplier: str = ""
    lead_time_days: int
    """From order to receipt, on average."""
    lead_time_sd_days: int
    """Standard deviation of it."""
    review_days: int
    """From one chance to order to the next."""
    service_level_permille: int
    """Chance that a cycle ends without a stock-out."""
    order_pieces_min: int = 1
    pack_pieces: int = 1
    """Orders are whole multiples of it."""
    over_receipt_percent: int = 0
    rule: str = ""
    """Who says so, `table@version#row`."""


class Plan(Struct, frozen=True, kw_only=True):
    """When to order a SKU for a warehouse, by what is known today."""

    pattern: Pattern
    forecaster: str
    """Empty = nobody forecasts; then there is nothing to order by."""
    forecaster_label: str = ""
    terms: Terms
    days_from_before: int = 0
    """Known days that are not of our books but of the system before."""
    daily_demand_milli: int = 0
    """Thousandths of a piece a day, over the protection interval."""
    safety_stock: int = 0
    reorder_point: int = 0
    order_up_to: int = 0


class Position(Struct, frozen=True, kw_only=True):
    """What a warehouse has of a SKU and what is coming, in pieces."""

    on_hand: int
    """For sale: without what is withheld."""
    reserved: int
    on_order: int = 0
    """Ordered from suppliers, not in yet."""
    in_transit: int = 0
    """On the way from another warehouse."""
    backordered: int = 0
    """Wanted by paid orders that wait for goods, and would be sent from here."""

    @property
    def available(self) -> int:
        """What could be promised now."""
        return self.on_hand - self.reserved

    @property
    def pieces(self) -> int:
        """The inventory position that the reorder point is compared with."""
        return self.available + self.on_order + self.in_transit - self.backordered


def plan(demand: Demand, seen: Pattern, forecaster: Forecaster | None, terms: Terms) -> Plan:
    """Reorder point and order-up-to level; none without a forecaster or a single known day."""
    if forecaster is None or not known(demand):
        return Plan(pattern=seen, forecaster="", terms=terms)
    interval = terms.lead_time_days + terms.review_days
    ahead = forecaster.forecast(demand, interval + terms.review_days)
    mean = sum(ahead[:interval])
    variance = (
        error_variance(demand, forecaster, interval)
        + (mean / interval * terms.lead_time_sd_days) ** 2
    )
    reorder_point = quantile(mean, variance, terms.service_level_permille)
    return Plan(
        pattern=seen,
        forecaster=forecaster.name,
        forecaster_label=forecaster.label,
        terms=terms,
        daily_demand_milli=round(mean * 1000 / interval),
        safety_stock=max(0, math.ceil(reorder_point - mean)),
        reorder_point=reorder_point,
        order_up_to=reorder_point + math.ceil(sum(ahead[interval:])),
    )


def error_variance(demand: Demand, forecaster: Forecaster, days: int) -> float:
    """Variance of the error of a total of so many days, in pieces².

    Errors of one level that is wrong add up, those of days that are luck do not: the larger is taken of the mean squared
    error of totals and of `days` times that of a day, both at the weekly origins of the past. Where no origin has two
    weeks known before it, `days` times the variance of a day.
    """
    of_totals: list[float] = []
    of_days: list[float] = []
    for origin in range(len(demand) - days, max(0, len(demand) - days - PAST_DAYS), -WEEK_DAYS):
        past, came = demand[:origin], demand[origin : origin + days]
        if len(known(past)) < KNOWN_DAYS_MIN or not known(came):
            continue
        foretold = forecaster.forecast(past, days)
        errors = [
            pieces - one for one, pieces in zip(foretold, came, strict=True) if pieces is not None
        ]
        of_days += [error**2 for error in errors]
        of_totals.append((sum(errors) * days / len(errors)) ** 2)
    if not of_totals:
        return days * pvariance(known(demand))
    return max(fmean(of_totals), days * fmean(of_days))


def quantile(mean: float, variance: float, level_permille: int) -> int:
    """The least whole number that demand of this mean and variance stays within, so often in 1,000.

    Normal for large means. For small ones negative binomial where the variance is above the mean, else Poisson
    (Syntetos & Boylan, "Demand forecast adjustments for inventory management", JORS 2006, use the same pair).
    """
    level = level_permille / 1000
    if mean <= 0:
        return 0
    if mean >= NORMAL_FROM:
        spread = NormalDist(mean, math.sqrt(variance)).inv_cdf(level) if variance > 0 else mean
        return max(0, math.ceil(spread))
    over = variance / mean
    if over > 1.0001:
        size = mean / (over - 1)  # r of the negative binomial
        chance = over**-size
        step = (over - 1) / over
        grows = [size, step]
    else:
        chance, grows = math.exp(-mean), [0.0, 0.0]
    pieces, sum_of_chances = 0, chance
    while sum_of_chances < level and pieces < 1_000_000:
        pieces += 1
        chance *= grows[1] * (grows[0] + pieces - 1) / pieces if grows[1] else mean / pieces
        sum_of_chances += chance
    return pieces


def ordered(plan: Plan, position: Position) -> int:
    """Pieces to order now: up to S where the position is at s or below, in whole packs, at least the minimum; else 0."""
    if not plan.forecaster or plan.order_up_to == 0 or position.pieces > plan.reorder_point:
        return 0
    wanted = max(plan.order_up_to - position.pieces, plan.terms.order_pieces_min, 1)
    return -(-wanted // plan.terms.pack_pieces) * plan.terms.pack_pieces
