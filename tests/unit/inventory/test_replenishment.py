"""Reorder points and quantities: formulas by hand, laws by property, service levels by what came."""

from pathlib import Path
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chassis.errors import StartRefused
from services.inventory.demand_sheets import read_demand
from services.inventory.domain.forecasting import Pattern, pattern
from services.inventory.domain.replenishment import (
    Plan,
    Position,
    Terms,
    error_variance,
    ordered,
    plan,
    quantile,
)
from services.inventory.parameters import Supply, read_parameters
from simulators.demand import COMMITTED

RULES = Path(__file__).parents[3] / "rules"
PARAMETERS = read_parameters(RULES)
TERMS = Terms(lead_time_days=7, lead_time_sd_days=2, review_days=7, service_level_permille=950)
NAIVE = PARAMETERS.forecasters["naive"]


@given(
    st.floats(0.01, 5000),
    st.floats(0.0, 100_000),
    st.integers(500, 999),
)
def test_a_quantile_grows_with_its_level_and_lies_above_the_median(
    mean: float, variance: float, level: int
) -> None:
    found = quantile(mean, variance, level)
    assert found >= quantile(mean, variance, 500) >= 0
    assert found <= quantile(mean, variance, 999)


@pytest.mark.parametrize(
    ("mean", "variance", "level", "expected"),
    [
        (0.0, 0.0, 950, 0),
        # Poisson of mean 2: P(≤4) = 0.947, P(≤5) = 0.983.
        (2.0, 2.0, 940, 4),
        (2.0, 2.0, 950, 5),
        (2.0, 0.5, 950, 5),
        # Negative binomial of mean 2, variance 4 (r = 2, p = ½): P(≤5) = 0.9375, P(≤6) = 0.9648.
        (2.0, 4.0, 930, 5),
        (2.0, 4.0, 950, 6),
        (1000.0, 10_000.0, 950, 1165),
        (1000.0, 0.0, 950, 1000),
    ],
)
def test_quantiles_by_hand(mean: float, variance: float, level: int, expected: int) -> None:
    assert quantile(mean, variance, level) == expected


def test_a_reorder_point_by_hand() -> None:
    # 100 a day without any error: only the lead time spreads. P = 14, σ = 100 · 2, z(95 %) = 1.645.
    found = plan([100] * 60, pattern([100] * 60), NAIVE, TERMS)
    safety = NormalDist().inv_cdf(0.95) * 200
    assert found.daily_demand_milli == 100_000
    assert found.safety_stock == pytest.approx(safety, abs=1)
    assert found.reorder_point == pytest.approx(1400 + safety, abs=1)
    assert found.order_up_to == found.reorder_point + 700


def test_the_error_of_a_total_by_hand() -> None:
    # 0 and 10 in turn, the last day foretold for seven: four of them are off by 10, to the same side.
    assert error_variance([0, 10] * 20, NAIVE, 7) == 40**2
    # Once off by 10 in each total: a total's error is a day's.
    assert error_variance([0, 0, 0, 10, 0, 0, 0] * 6, NAIVE, 7) == pytest.approx(100)
    assert error_variance([0, 10, 0, 10], NAIVE, 7) == 7 * 25


def test_nobody_forecasts_what_is_new_or_idle() -> None:
    for days in ([5] * 10, [0] * 40):
        seen = pattern(days)
        terms = PARAMETERS.terms("HZ", seen.demand_class)
        found = plan(days, seen, PARAMETERS.forecaster(seen.demand_class), terms)
        assert (found.forecaster, found.reorder_point) == ("", 0)
        assert ordered(found, Position(on_hand=0, reserved=0)) == 0


PLAN = Plan(
    pattern=Pattern(demand_class="smooth", known_days=60),
    forecaster="naive",
    terms=TERMS,
    reorder_point=100,
    order_up_to=150,
)


@pytest.mark.parametrize(
    ("position", "pieces_min", "pack", "expected"),
    [
        (Position(on_hand=101, reserved=0), 1, 1, 0),
        (Position(on_hand=100, reserved=0), 1, 1, 50),
        (Position(on_hand=120, reserved=30), 1, 1, 60),
        (Position(on_hand=0, reserved=0, on_order=100, in_transit=1), 1, 1, 0),
        (Position(on_hand=0, reserved=0, on_order=60, in_transit=40), 1, 1, 50),
        (Position(on_hand=100, reserved=0), 80, 1, 80),
        (Position(on_hand=100, reserved=0), 1, 24, 72),
        (Position(on_hand=100, reserved=0), 80, 24, 96),
    ],
)
def test_what_to_order(position: Position, pieces_min: int, pack: int, expected: int) -> None:
    terms = replace(TERMS, order_pieces_min=pieces_min, pack_pieces=pack)
    assert ordered(replace(PLAN, terms=terms), position) == expected


@given(
    st.integers(0, 500),
    st.integers(0, 500),
    st.integers(1, 300),
    st.integers(1, 50),
)
def test_an_order_reaches_the_level_in_whole_packs_and_is_not_asked_for_twice(
    on_hand: int, on_order: int, pieces_min: int, pack: int
) -> None:
    found = replace(PLAN, terms=replace(TERMS, order_pieces_min=pieces_min, pack_pieces=pack))
    position = Position(on_hand=on_hand, reserved=0, on_order=on_order)
    pieces = ordered(found, position)
    if position.pieces > 100:
        assert pieces == 0
        return
    assert pieces % pack == 0
    assert pieces >= pieces_min
    assert position.pieces + pieces >= 150
    assert position.pieces + pieces < max(150, position.pieces + pieces_min) + pack
    assert ordered(found, replace(position, on_order=on_order + pieces)) == 0


def test_cycles_end_without_a_stock_out_nearly_as_often_as_promised() -> None:
    """Of 14-day windows of the shipped set, each foretold from the days before it, at 95 %."""
    terms = replace(TERMS, lead_time_sd_days=0)
    windows, enough = 0, 0
    for days in read_demand(COMMITTED.read_bytes()).series.values():
        for origin in range(112, len(days) - 14, 28):
            came = days[origin : origin + 14]
            past, sold = days[:origin], [pieces for pieces in came if pieces is not None]
            if len(sold) < 14:
                continue
            seen = pattern(past)
            found = plan(past, seen, PARAMETERS.forecaster(seen.demand_class), terms)
            windows += 1
            enough += sum(sold) <= found.reorder_point
    assert windows > 80
    assert 0.9 <= enough / windows <= 0.99


def kept_shop(days: list[int], *, until_day: int = 112) -> tuple[int, int, float]:
    """A shop that orders each week what is suggested, after 16 weeks with a full shelf: cycles, those without a
    stock-out, and the mean stock in days of demand. Goods come 5, 7 or 9 days later.
    """
    seen: list[int | None] = list(days[:until_day])
    on_hand, coming, held = 0, {until_day: 0}, 0
    cycles, good, dry = 0, 0, False
    for day in range(until_day, len(days)):
        if day in coming and day > until_day:
            cycles, good, dry = cycles + 1, good + (not dry), False
        on_hand += coming.pop(day, 0)
        if (day - until_day) % 7 == 0:
            now = pattern(seen)
            found = plan(seen, now, PARAMETERS.forecaster(now.demand_class), TERMS)
            if day == until_day:
                on_hand = found.order_up_to
            position = Position(on_hand=on_hand, reserved=0, on_order=sum(coming.values()))
            if pieces := ordered(found, position):
                later = day + (5, 7, 9)[day % 3]
                coming[later] = coming.get(later, 0) + pieces
        dry = dry or days[day] > on_hand
        sold = min(days[day], on_hand)
        seen.append(sold if on_hand > sold else None)
        on_hand -= sold
        held += on_hand
    mean = sum(days[until_day:]) / len(days[until_day:])
    return cycles, good, held / len(days[until_day:]) / mean


def test_a_shop_that_orders_what_is_suggested_seldom_runs_dry_and_does_not_drown() -> None:
    cycles, good, covers = 0, 0, []
    for days in read_demand(COMMITTED.read_bytes()).series.values():
        found = kept_shop([pieces or 0 for pieces in days])
        cycles, good = cycles + found[0], good + found[1]
        covers.append(found[2])
    assert cycles > 250
    assert good / cycles > 0.92
    assert max(covers) < 60


def test_a_skus_own_terms_go_before_the_tables() -> None:
    supply = Supply(supplier="S1", lead_time_days=20, pack_pieces=12, order_pieces_min=36)
    found = PARAMETERS.terms("HZ", "smooth", supply)
    assert (found.supplier, found.lead_time_days, found.pack_pieces) == ("S1", 20, 12)
    assert (found.review_days, found.service_level_permille) == (7, 980)
    assert found.rule.startswith("replenishment/default@1.")
    assert found.rule.endswith("#smooth")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("forecaster: tsb,", "forecaster: prophet,", "'prophet'"),
        ("service_level_permille: 980", "service_level_permille: 1000", "1000 is not from 500"),
        ("review_days: 7", "review_days: 0", "review_days 0 is not from 1 to 90"),
    ],
)
def test_a_table_that_makes_no_sense_stops_the_start(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    folder = tmp_path / "replenishment"
    folder.mkdir()
    written = (RULES / "replenishment" / "default.yaml").read_text(encoding="utf-8")
    changed = written.replace(old, new).replace("one_of: [none,", "one_of: [none, prophet,")
    (folder / "default.yaml").write_text(changed, encoding="utf-8")
    with pytest.raises(StartRefused, match=problem):
        read_parameters(tmp_path)
