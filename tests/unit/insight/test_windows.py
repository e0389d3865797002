"""Windows by rows and by shuffling."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.insight.domain.windows import WINDOW, Accepted, Closed, Outcome, Windows

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
GRACE = timedelta(seconds=10)
DONE = NOON + timedelta(hours=2)


def windows(windows_max: int = 1000, remembered: int = 1000, horizon: datetime = NOON) -> Windows:
    return Windows(
        grace=GRACE, windows_max=windows_max, orders_remembered=remembered, horizon=horizon
    )


def order(number: int, after_s: float = 0.0, delay_s: float = 1.0, channel: str = "甲") -> Accepted:
    at = NOON + timedelta(seconds=after_s)
    return Accepted(
        order_id=f"o{number}",
        channel=channel,
        occurred_at=at - timedelta(seconds=delay_s),
        accepted_at=at,
    )


def counts(closed: tuple[Closed, ...]) -> dict[tuple[str, datetime], int]:
    return {(one.channel, one.start): one.totals.orders for one in closed}


def test_orders_of_one_minute_are_one_window() -> None:
    kept = windows()
    for number, after_s in enumerate((0, 30, 59.999)):
        kept.add(order(number, after_s, delay_s=number), NOON + timedelta(minutes=1))
    (closed,) = kept.close(DONE)
    assert (closed.start, closed.end) == (NOON, NOON + WINDOW)
    assert closed.totals.orders == 3
    assert closed.totals.sync_delay_sum_ms == 3000
    assert closed.totals.sync_delay_max_ms == 2000
    assert closed.totals.consumer_delay_max_ms == 60_000


def test_the_next_minute_and_another_channel_are_other_windows() -> None:
    kept = windows()
    for one in (order(1), order(2, 60), order(3, channel="乙")):
        kept.add(one, NOON)
    assert counts(kept.close(DONE)) == {("甲", NOON): 1, ("乙", NOON): 1, ("甲", NOON + WINDOW): 1}


def test_the_same_order_counts_once() -> None:
    kept = windows()
    assert kept.add(order(1), NOON) is Outcome.COUNTED
    assert kept.add(order(1), NOON) is Outcome.DUPLICATE
    assert counts(kept.close(DONE)) == {("甲", NOON): 1}


@pytest.mark.parametrize(
    ("touched_s", "now_s", "closes"),
    [
        (5, 65, False),  # over, but late orders may come
        (5, 70, True),
        (300, 305, False),  # a backlog is being read into it
        (300, 310, True),
    ],
)
def test_a_window_closes_when_it_is_over_and_quiet(
    touched_s: int, now_s: int, closes: bool
) -> None:
    kept = windows()
    kept.add(order(1), NOON + timedelta(seconds=touched_s))
    assert bool(kept.close(NOON + timedelta(seconds=now_s))) is closes


def test_a_closing_is_announced_once() -> None:
    kept = windows()
    kept.add(order(1), NOON)
    assert kept.close(DONE)
    assert kept.close(DONE) == ()


def test_a_closing_that_was_not_taken_is_announced_again() -> None:
    kept = windows()
    kept.add(order(1), NOON)
    closed = kept.close(DONE)
    kept.reopen(closed)
    assert kept.close(DONE) == closed


def test_an_order_after_the_closing_corrects_it() -> None:
    kept = windows()
    kept.add(order(1), NOON)
    kept.close(DONE)
    assert kept.add(order(2), DONE) is Outcome.COUNTED
    assert kept.close(DONE) == ()
    assert counts(kept.close(DONE + GRACE)) == {("甲", NOON): 2}


def test_an_order_before_the_horizon_is_late() -> None:
    kept = windows(horizon=NOON + WINDOW)
    assert kept.add(order(1), DONE) is Outcome.LATE
    assert kept.close(DONE + GRACE) == ()


def test_a_channels_clock_ahead_of_ours_makes_no_negative_delay() -> None:
    kept = windows()
    kept.add(order(1, delay_s=-30), NOON - timedelta(seconds=3))
    (closed,) = kept.close(DONE)
    assert closed.totals.sync_delay_sum_ms == 0
    assert closed.totals.consumer_delay_sum_ms == 0


def test_memory_is_bounded_and_what_was_forgotten_stays_as_announced() -> None:
    kept = windows(windows_max=5, remembered=3)
    for minute in range(20):
        kept.add(order(minute, 60 * minute), NOON + minute * WINDOW)
        kept.close(NOON + (minute + 2) * WINDOW)
        kept.forget()
    assert len(kept) == 5
    assert kept.add(order(99), DONE) is Outcome.LATE


def test_more_open_windows_than_allowed_close_the_oldest_early() -> None:
    kept = windows(windows_max=2)
    for minute in range(3):
        kept.add(order(minute, 60 * minute), DONE)
    assert counts(kept.close(DONE)) == {("甲", NOON): 1}
    kept.forget()
    assert len(kept) == 2


def test_what_was_closed_early_and_not_taken_is_announced_again() -> None:
    kept = windows(windows_max=2)
    for minute in range(4):
        kept.add(order(minute, 60 * minute), DONE)
    closed = kept.close(DONE)
    assert counts(closed) == {("甲", NOON): 1, ("甲", NOON + WINDOW): 1}
    kept.reopen(closed)
    kept.forget()
    assert kept.add(order(9, 61), DONE) is Outcome.COUNTED
    assert counts(kept.close(DONE)) == {("甲", NOON): 1, ("甲", NOON + WINDOW): 2}
    kept.forget()
    assert len(kept) == 2


def silent(kept: Windows, now_s: float) -> dict[str, datetime]:
    found = kept.silent(NOON + timedelta(seconds=now_s))
    return {one.channel: one.start for one in found}


def test_a_channel_that_falls_silent_is_named_for_each_minute_that_is_over() -> None:
    kept = windows()
    kept.add(order(1), NOON)
    kept.add(order(2, 61, channel="乙"), NOON + timedelta(seconds=61))
    assert silent(kept, 129) == {"乙": NOON}, "late orders of 12:01 may come"
    assert silent(kept, 130) == {"甲": NOON + WINDOW}
    assert silent(kept, 310) == dict.fromkeys("乙甲", NOON + 4 * WINDOW)


def test_a_channel_known_before_is_silent_from_the_start_and_no_other_is() -> None:
    kept = Windows(grace=GRACE, windows_max=9, orders_remembered=9, horizon=NOON, channels=("丙",))
    assert silent(kept, 70) == {"丙": NOON}


def test_nothing_is_said_of_a_minute_that_is_not_read_whole() -> None:
    kept = windows(horizon=NOON + WINDOW)
    kept.add(order(1, 61), NOON + timedelta(seconds=61))
    assert silent(kept, 70) == {}


@pytest.mark.parametrize(
    ("written_s", "read_s", "now_s", "named"),
    [
        (0, 69, 130, True),  # as soon as may be
        (0, 70, 79, False),  # its minute was due already: there is more of this kind
        (0, 300, 309, False),
        (0, 300, 310, True),
        (290, 300, 301, True),
    ],
)
def test_nobody_is_called_silent_while_a_backlog_is_read(
    written_s: int, read_s: int, now_s: int, named: bool
) -> None:
    kept = windows()
    kept.add(order(1), NOON)
    kept.read(NOON + timedelta(seconds=written_s), NOON + timedelta(seconds=read_s))
    assert bool(silent(kept, now_s)) is named


def test_an_old_order_shows_that_a_backlog_is_read() -> None:
    kept = windows()
    kept.add(order(1), NOON + timedelta(seconds=300))
    assert silent(kept, 309) == {}
    assert silent(kept, 310) == {"甲": NOON + 4 * WINDOW}


@given(
    numbers=st.lists(st.integers(0, 60), max_size=80),
    closings=st.sets(st.integers(0, 80)),
)
def test_the_newest_closing_equals_recounting_in_any_order(
    numbers: list[int], closings: set[int]
) -> None:
    kept = windows()
    announced: dict[tuple[str, datetime], int] = {}
    for step, number in enumerate(numbers):
        # The order's minute depends on its number only; the same number again is a duplicate.
        kept.add(order(number, 17 * number, channel="甲乙"[number % 2]), DONE)
        if step in closings:
            announced |= counts(kept.close(DONE + GRACE))
    announced |= counts(kept.close(DONE + GRACE))
    recounted: dict[tuple[str, datetime], int] = {}
    for number in set(numbers):
        start = (NOON + timedelta(seconds=17 * number)).replace(second=0)
        key = ("甲乙"[number % 2], start)
        recounted[key] = recounted.get(key, 0) + 1
    assert announced == recounted
