from pathlib import Path

import msgspec
import pytest

from simulators.faults import odds_of
from simulators.settings import Mix, Settings, load


def test_what_is_given_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sim.json"
    path.write_text('{"seed": 3, "faults": "storm", "mix": {"weights": {"jd": 1}}}')
    settings = load(path, seed=5, faults=None)
    assert (settings.seed, settings.faults, settings.mix.weights) == (5, "storm", {"jd": 1})


def test_an_unknown_setting_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "sim.json"
    path.write_text('{"sede": 3}')
    with pytest.raises(msgspec.ValidationError, match="sede"):
        load(path)


def test_single_odds_override_the_level_and_unknown_ones_are_refused() -> None:
    odds = odds_of(Settings(faults="default", odds={"slow": 1.0}))
    assert odds.slow == 1.0
    assert odds.duplicate_push == 0.05
    with pytest.raises(msgspec.ValidationError, match="slowness"):
        odds_of(Settings(odds={"slowness": 1.0}))


@pytest.mark.parametrize(
    ("weights", "reason"), [({"ebay": 1}, "ebay"), ({"jd": -1}, "jd"), ({"jd": 0}, "all be 0")]
)
def test_weights_nobody_can_be_dealt_by_are_refused(weights: dict[str, int], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Mix(weights=weights)


@pytest.mark.parametrize(("quota", "reason"), [({"ebay": 1}, "ebay"), ({"jd": 0}, "jd")])
def test_a_quota_nobody_can_live_with_is_refused(quota: dict[str, int], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Settings(calls_per_minute=quota)


def test_a_run_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="run"):
        Settings(run=1_009)
