"""Forecasters: what each guarantees, what each is for, and numbers worked out by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import plugins
from services.inventory.domain.forecasting import Demand, Forecaster, pattern

FORECASTERS = plugins.load("services.inventory.forecasting", "FORECASTER", Forecaster)
WEEK = (10, 20, 30, 40, 50, 60, 70)

demands = st.lists(st.none() | st.integers(0, 10_000), min_size=1, max_size=150).filter(
    lambda days: any(day is not None for day in days)
)


@pytest.mark.parametrize("name", list(FORECASTERS))
@settings(max_examples=40)
@given(demand=demands, days=st.integers(1, 60))
def test_every_forecast_is_as_long_as_asked_and_never_below_zero(
    name: str, demand: Demand, days: int
) -> None:
    ahead = FORECASTERS[name].forecast(demand, days)
    assert len(ahead) == days
    assert all(0 <= one < 1e9 for one in ahead)
    assert ahead == FORECASTERS[name].forecast(demand, days)


@pytest.mark.parametrize("name", list(FORECASTERS))
@settings(max_examples=40)
@given(pieces=st.integers(1, 1000), days=st.integers(1, 100))
def test_what_never_changes_goes_on_save_for_the_bias_croston_takes_away(
    name: str, pieces: int, days: int
) -> None:
    factor = 0.95 if name == "croston-sba" else 1.0
    ahead = FORECASTERS[name].forecast([pieces] * days, 9)
    assert ahead == pytest.approx([pieces * factor] * 9)


@pytest.mark.parametrize("name", ["seasonal-naive", "seasonal-drift"])
@pytest.mark.parametrize("cut", range(8))
def test_a_week_that_repeats_is_foretold_from_any_weekday(name: str, cut: int) -> None:
    past = (WEEK * 12)[: 84 - cut]
    ahead = FORECASTERS[name].forecast(past, 14)
    assert ahead == pytest.approx((WEEK * 14)[84 - cut : 98 - cut], rel=0.02)


def test_days_without_stock_are_no_days_without_demand() -> None:
    full = list(WEEK * 12)
    gaps: list[int | None] = [None if at in range(50, 62) else day for at, day in enumerate(full)]
    empty = [day or 0 for day in gaps]
    drift = FORECASTERS["seasonal-drift"].forecast
    assert drift(gaps, 7) == pytest.approx(WEEK, rel=0.02)
    assert sum(drift(empty, 7)) < sum(WEEK)
    rate = [1, None, 0, 0, 0] * 20
    assert FORECASTERS["tsb"].forecast(rate, 1)[0] == pytest.approx(0.25, rel=0.1)


def test_growth_goes_on_but_fades() -> None:
    growing = [pieces + 7 * week for week in range(12) for pieces in (100,) * 7]
    ahead = FORECASTERS["seasonal-drift"].forecast(growing, 70)
    assert growing[-1] < ahead[0] < ahead[7] < ahead[69] < growing[-1] + 7 * 2


def test_one_week_of_promotion_does_not_tilt_what_follows() -> None:
    past = [100] * 70 + [300] * 7 + [100] * 7
    ahead = FORECASTERS["seasonal-drift"].forecast(past, 7)
    assert ahead == pytest.approx([ahead[0]] * 7)
    assert 100 <= ahead[0] < 130


def test_croston_by_hand() -> None:
    # Sizes 4 and 8 on days 3 and 6 of 8: they start from their means, 6 pieces and 4 days.
    size = 6 + 0.1 * (4 - 6)
    size += 0.1 * (8 - size)
    interval = 4 + 0.1 * (3 - 4)
    interval += 0.1 * (3 - interval)
    ahead = FORECASTERS["croston-sba"].forecast([0, 0, 4, 0, 0, 8, 0, 0], 2)
    assert ahead == pytest.approx([0.95 * size / interval] * 2)


def test_what_nobody_buys_any_more_fades_with_tsb_and_stays_with_croston() -> None:
    alive = [0, 0, 5] * 30
    dying = [*alive, *([0] * 60)]
    tsb, croston = FORECASTERS["tsb"].forecast, FORECASTERS["croston-sba"].forecast
    assert tsb(dying, 1)[0] < tsb(alive, 1)[0] / 2
    assert croston(dying, 1)[0] > croston(alive, 1)[0] / 2


@pytest.mark.parametrize(
    ("demand", "expected"),
    [
        ([5] * 13, "new"),
        ([5, None] * 13, "new"),
        ([0] * 14, "idle"),
        ([5, 6] * 7, "smooth"),
        ([0, 5, 6, 5] * 7, "intermittent"),
        ([5, None, None] * 14, "smooth"),
        ([1, 1, 1, 20] * 7, "erratic"),
        ([0, 0, 1, 0, 1, 0, 1, 0, 20] * 3, "lumpy"),
    ],
)
def test_demand_is_classed_by_how_often_and_how_evenly_it_comes(
    demand: Demand, expected: str
) -> None:
    assert pattern(demand).demand_class == expected


def test_the_two_numbers_of_the_classes_by_hand() -> None:
    found = pattern([0, 2, 0, 4] * 5)
    assert (found.known_days, found.adi) == (20, 2.0)
    assert found.cv2 == pytest.approx(1 / 9)
