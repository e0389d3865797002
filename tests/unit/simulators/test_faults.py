import pytest

from simulators.clock import ManualClock
from simulators.faults import THROTTLED_CALLS, THROTTLED_MS, FaultPlan, Odds, odds_of
from simulators.settings import FaultLevel, Settings

CLOCK = ManualClock(1_800_000_000_000)


def calls(plan: FaultPlan, door: str, count: int) -> list[str | None]:
    return [plan.before(door) for _ in range(count)]


def test_the_same_seed_draws_the_same_misbehaviour() -> None:
    odds = odds_of(Settings(faults="storm"))
    first, second, other = (FaultPlan(seed, odds, CLOCK) for seed in (7, 7, 8))
    assert calls(first, "jd", 500) == calls(second, "jd", 500)
    assert first.counts == second.counts
    assert calls(other, "jd", 500) != calls(FaultPlan(7, odds, CLOCK), "jd", 500)


def test_what_one_door_draws_does_not_depend_on_the_others() -> None:
    odds = odds_of(Settings(faults="storm"))
    alone, among = FaultPlan(7, odds, CLOCK), FaultPlan(7, odds, CLOCK)
    expected = calls(alone, "jd", 200)
    found = []
    for _ in range(200):
        found += calls(among, "jd", 1)
        calls(among, "taobao", 3)
    assert found == expected


def test_throttling_comes_in_runs_and_ends() -> None:
    plan = FaultPlan(7, Odds(throttle_window=0.05), CLOCK)
    drawn = calls(plan, "jd", 2_000)
    runs = "".join("x" if one == "throttled" else " " for one in drawn).split()
    assert len(runs) > 10
    assert min(len(run) for run in runs[:-1]) >= THROTTLED_CALLS[0]
    assert None in drawn


def test_throttling_ends_by_itself_for_callers_who_wait() -> None:
    clock = ManualClock(1_800_000_000_000)
    plan = FaultPlan(7, Odds(throttle_window=1.0), clock)
    assert plan.before("jd") == "throttled"
    plan._odds = Odds()
    assert plan.before("jd") == "throttled"
    clock.advance(THROTTLED_MS[1])
    assert plan.before("jd") is None


@pytest.mark.parametrize("level", ["none", "default", "storm"])
def test_odds_are_probabilities_and_none_means_none(level: FaultLevel) -> None:
    odds = odds_of(Settings(faults=level))
    values = [getattr(odds, name) for name in odds.__struct_fields__]
    assert all(0 <= value <= 1 for value in values)
    assert any(values) is (level != "none")
