from datetime import UTC, datetime, timedelta, timezone

import pytest

from chassis.clock import Clock, ManualClock, SystemClock

NOON = datetime(2026, 1, 9, 12, 0, tzinfo=UTC)


def test_system_time_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_system_monotonic_time_never_goes_backwards() -> None:
    clock = SystemClock()
    readings = [clock.monotonic_ms() for _ in range(1000)]
    assert readings == sorted(readings)


def test_manual_time_stands_still_until_it_is_advanced() -> None:
    clock: Clock = ManualClock(NOON)
    assert clock.now() == clock.now() == NOON
    assert clock.monotonic_ms() == 0


def test_advancing_moves_both_times_together() -> None:
    clock = ManualClock(NOON)
    assert clock.advance(1500) == NOON + timedelta(milliseconds=1500)
    assert clock.now() == NOON + timedelta(milliseconds=1500)
    assert clock.monotonic_ms() == 1500


def test_manual_time_is_told_in_utc_whatever_zone_it_starts_in() -> None:
    shanghai = timezone(timedelta(hours=8))
    started = ManualClock(datetime(2026, 1, 9, 20, 0, tzinfo=shanghai)).now()
    assert (started, started.utcoffset()) == (NOON, timedelta(0))


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        ManualClock(NOON.replace(tzinfo=None))


def test_time_does_not_go_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        ManualClock(NOON).advance(-1)
