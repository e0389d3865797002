"""What a forecaster is, and which kind of demand a SKU has. Pure.

Demand is classed by two numbers of its days: how far apart demand comes (ADI) and how much its sizes vary (CV²).
Bounds: Syntetos, Boylan & Croston, "On the categorization of demand patterns", JORS 56 (2005).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

Demand: TypeAlias = Sequence[int | None]
"""Pieces a day, oldest first, one entry a calendar day; None where nobody can know, because nothing was there to sell."""
Forecast: TypeAlias = tuple[float, ...]
"""Expected pieces of each coming day, none below 0."""
DemandClass: TypeAlias = Literal["new", "idle", "smooth", "erratic", "intermittent", "lumpy"]
"""`new`: too few days are known; `idle`: nothing was sold on any of them."""

ADI_MAX = 1.32
"""Days from one demand to the next: above, demand is intermittent or lumpy."""
CV2_MAX = 0.49
"""Squared coefficient of variation of sizes: above, demand is erratic or lumpy."""
KNOWN_DAYS_MIN = 14
"""Two weeks: with fewer, no weekday has been seen twice."""
WEEK_DAYS = 7


class Forecaster(Struct, frozen=True, kw_only=True):
    """One way to forecast: a plug-in is one of these, in a file of `forecasting/`."""

    name: str
    label: str
    """For people."""
    forecast: Callable[[Demand, int], Forecast]
    """(demand with at least one known day, days ahead) → that many days. Pure: the same demand, the same answer."""


class Pattern(Struct, frozen=True, kw_only=True):
    """What demand looks like."""

    demand_class: DemandClass
    known_days: int
    adi: float = 0.0
    """Known days for each day with demand."""
    cv2: float = 0.0
    """Of the sizes on days with demand."""


def known(demand: Demand) -> list[int]:
    """The days that are known, oldest first."""
    return [pieces for pieces in demand if pieces is not None]


def pattern(demand: Demand) -> Pattern:
    """Classes demand. Days without stock count neither as days nor as demand."""
    days = known(demand)
    sizes = [pieces for pieces in days if pieces > 0]
    if len(days) < KNOWN_DAYS_MIN:
        return Pattern(demand_class="new", known_days=len(days))
    if not sizes:
        return Pattern(demand_class="idle", known_days=len(days))
    mean = sum(sizes) / len(sizes)
    adi = len(days) / len(sizes)
    cv2 = sum((size - mean) ** 2 for size in sizes) / len(sizes) / mean**2
    names: dict[tuple[bool, bool], DemandClass] = {
        (False, False): "smooth",
        (False, True): "erratic",
        (True, False): "intermittent",
        (True, True): "lumpy",
    }
    return Pattern(
        demand_class=names[adi > ADI_MAX, cv2 > CV2_MAX], known_days=len(days), adi=adi, cv2=cv2
    )
