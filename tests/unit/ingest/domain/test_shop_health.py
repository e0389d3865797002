"""The state machine of a polled shop, its pauses, and that its windows leave nothing out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.channels import ChannelError, ErrorKind
from services.ingest.channels.pdd import CHANNEL as PDD
from services.ingest.channels.wechat_channels import CHANNEL
from services.ingest.domain.shop_health import (
    ShopHealth,
    ShopState,
    answered,
    failed,
    moved,
    next_window,
    overlap_of,
    pause_s,
    settled_after_max_s,
)

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
FIRST = timedelta(hours=1)
S, E = ShopState, ErrorKind


def error(kind: ErrorKind, code: str = "c") -> ChannelError:
    return ChannelError(kind=kind, code=code, detail="")


@pytest.mark.parametrize(
    ("state", "failures", "kind", "expected"),
    [
        (S.NORMAL, 0, E.THROTTLED, S.NORMAL),
        (S.NORMAL, 1, E.RETRY, S.NORMAL),
        (S.NORMAL, 2, E.THROTTLED, S.THROTTLED),
        (S.NORMAL, 2, E.RETRY, S.UNREACHABLE),
        (S.NORMAL, 2, E.REFUSED, S.REFUSED),
        (S.NORMAL, 0, E.TOKEN, S.TOKEN_EXPIRED),
        (S.THROTTLED, 5, E.TOKEN, S.TOKEN_EXPIRED),
        (S.TOKEN_EXPIRED, 5, E.RETRY, S.UNREACHABLE),
        (S.CATCHING_UP, 0, E.THROTTLED, S.THROTTLED),
        (S.CATCHING_UP, 4, E.RETRY, S.UNREACHABLE),
    ],
)
def test_after_a_failure(
    state: ShopState, failures: int, kind: ErrorKind, expected: ShopState
) -> None:
    before = ShopHealth(state=state, since=NOW, failures=failures, errors={kind: 4})
    after = failed(before, error(kind, "isv.x"), LATER)
    assert (after.state, after.failures) == (expected, failures + 1)
    assert after.since == (NOW if expected is state else LATER)
    assert (after.error, after.failed_at, after.errors) == ("isv.x", LATER, {kind: 5})


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (S.NORMAL, S.NORMAL),
        (S.CATCHING_UP, S.CATCHING_UP),
        *((cause, S.CATCHING_UP) for cause in (S.THROTTLED, S.TOKEN_EXPIRED, S.UNREACHABLE)),
    ],
)
def test_an_answer_ends_the_outage_and_not_the_delay(state: ShopState, expected: ShopState) -> None:
    after = answered(ShopHealth(state=state, since=NOW, failures=7), LATER)
    assert (after.state, after.failures) == (expected, 7)


@pytest.mark.parametrize("state", list(S))
def test_a_whole_window_moves_the_watermark_and_only_the_last_makes_it_normal(
    state: ShopState,
) -> None:
    before = ShopHealth(state=state, since=NOW, failures=7, error="e")
    on_the_way = moved(before, NOW, LATER)
    assert (on_the_way.state, on_the_way.polled_until) == (S.CATCHING_UP, NOW)
    there = moved(on_the_way, LATER, LATER)
    assert (there.state, there.polled_until, there.failures) == (S.NORMAL, LATER, 0)
    assert (there.succeeded_at, there.error) == (LATER, "e")


def test_pauses_grow_to_a_bound_differ_and_obey_the_channel() -> None:
    health = ShopHealth(since=NOW, failures=2)
    assert pause_s(health, 15.0, 0, 0.9) == 15.0
    degraded = [
        ShopHealth(state=S.UNREACHABLE, since=NOW, failures=n) for n in (3, 4, 5, 9, 10_000)
    ]
    assert [pause_s(one, 15.0, 0, 0.5) for one in degraded] == [30.0, 60.0, 60.0, 60.0, 60.0]
    assert [round(pause_s(degraded[0], 15.0, 0, chance)) for chance in (0.0, 1.0)] == [24, 36]
    assert pause_s(degraded[0], 15.0, 90_000, 0.5) == 90.0
    token = ShopHealth(state=S.TOKEN_EXPIRED, since=NOW, failures=1)
    assert pause_s(token, 15.0, 0, 0.5) == 30.0


@given(
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.lists(st.booleans(), max_size=30),
    st.sampled_from([timedelta(minutes=30), timedelta(days=1)]),
)
def test_windows_cover_everything_up_to_now_whatever_fails(
    behind: timedelta, fails: list[bool], window_max: timedelta
) -> None:
    channel = replace(CHANNEL, window_max=window_max)
    health = ShopHealth(since=NOW, polled_until=NOW - behind)
    reached = NOW - behind
    outcomes = iter(fails)
    for _ in range(3 * 24 * 60 + len(fails)):
        window = next_window(health, channel, NOW, FIRST)
        assert window.until - window.since <= window_max
        assert window.since <= reached
        assert window.until <= NOW
        if next(outcomes, False):
            health = failed(health, error(E.THROTTLED), NOW)
            continue
        assert window.until > reached or reached == NOW
        health = moved(health, window.until, NOW)
        reached = window.until
        if health.state is S.NORMAL:
            break
    assert (health.state, health.polled_until) == (S.NORMAL, NOW)


@pytest.mark.parametrize(
    ("settled_after_s", "minutes"),
    [(None, 5.0), (0.0, 5.0), (180.0, 5.0), (300.0, 7.0), (600.0, 12.0), (1620.0, 29.0)],
)
def test_a_window_reaches_back_over_what_the_platform_has_not_listed_and_still_moves_on(
    settled_after_s: float | None, minutes: float
) -> None:
    assert overlap_of(PDD, settled_after_s) == timedelta(minutes=minutes)
    assert (settled_after_s or 0.0) <= settled_after_max_s(PDD)
    behind = ShopHealth(since=NOW, polled_until=NOW - timedelta(hours=9))
    window = next_window(behind, PDD, NOW, FIRST, settled_after_s)
    assert window.since == NOW - timedelta(hours=9, minutes=minutes)
    assert window.until - window.since == PDD.window_max
    assert window.until >= NOW - timedelta(hours=9) + timedelta(minutes=1)


def test_failing_windows_shrink_and_a_clock_set_back_stops_nothing() -> None:
    health = ShopHealth(since=NOW, polled_until=NOW - timedelta(hours=9))
    lengths = []
    for _ in range(10):
        window = next_window(health, CHANNEL, NOW, FIRST)
        lengths.append((window.until - window.since - CHANNEL.window_overlap).total_seconds() / 60)
        health = failed(health, error(E.REFUSED, "window_too_wide"), NOW)
    assert lengths[:4] == [60, 30, 15, 7.5]
    assert lengths[-1] == 1
    ahead = ShopHealth(since=NOW, polled_until=NOW + timedelta(days=1))
    window = next_window(ahead, CHANNEL, NOW, FIRST)
    assert (window.since, window.until) == (NOW - CHANNEL.window_overlap, NOW)


def test_a_shop_that_is_shut_out_for_long_is_shown_at_once_and_asked_again_before_it_ends() -> None:
    banned = ChannelError(kind=E.THROTTLED, code="7", detail="", retry_after_ms=36_000_000)
    after = failed(ShopHealth(since=NOW), banned, LATER)
    assert after.state is S.THROTTLED
    assert pause_s(after, 2.0, banned.retry_after_ms, 0.5) == 300
    short = ChannelError(kind=E.THROTTLED, code="7", detail="", retry_after_ms=1_000)
    assert failed(ShopHealth(since=NOW), short, LATER).state is S.NORMAL
