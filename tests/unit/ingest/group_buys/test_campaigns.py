"""Which round an order belongs to, and what the door takes."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.ingest.domain.campaigns import (
    SETTLE_GRACE,
    Admitted,
    Campaign,
    LatePolicy,
    Line,
    Refusal,
    Taken,
    admit,
    faults,
    round_of,
)
from tests.unit.ingest.group_buys.builders import APPLES, CAMPAIGN, opened, shanghai, station

REJECT, NEXT_DAY = LatePolicy.REJECT, LatePolicy.NEXT_DAY
AT = shanghai("09-18 10:00")


def outcome(late: LatePolicy, accepted_at: datetime, closed_at: datetime | None = None) -> str:
    found = round_of(opened(closed_at, late=late), accepted_at)
    return found.code if isinstance(found, Refusal) else f"{found:%m-%d}"


@pytest.mark.parametrize(
    ("accepted", "rejecting", "next_day"),
    [
        ("09-18 07:59:59.999", "not_open", "not_open"),
        ("09-18 08:00", "09-18", "09-18"),
        ("09-18 19:59:59.999", "09-18", "09-18"),
        ("09-18 20:00:00", "cut_off", "09-19"),  # the very moment is late
        ("09-18 20:00:00.001", "cut_off", "09-19"),
        ("09-18 23:59:59.999", "cut_off", "09-19"),
        ("09-19 00:00:00", "09-19", "09-19"),
        ("09-19 19:59:59.999", "09-19", "09-19"),
        ("09-20 19:59:59.999", "09-20", "09-20"),
        ("09-20 20:00:00", "ended", "ended"),
        ("09-21 00:00:00", "ended", "ended"),
    ],
)
def test_the_round_follows_from_the_moment_of_acceptance(
    accepted: str, rejecting: str, next_day: str
) -> None:
    assert outcome(REJECT, shanghai(accepted)) == rejecting
    assert outcome(NEXT_DAY, shanghai(accepted)) == next_day


def test_the_same_moment_in_another_zone_is_in_the_same_round() -> None:
    moment = shanghai("09-18 19:59:59.999")
    for hours in (-11, 0, 9, 14):
        there = moment.astimezone(timezone(timedelta(hours=hours)))
        assert outcome(REJECT, there) == "09-18"
        assert outcome(REJECT, there + timedelta(milliseconds=1)) == "cut_off"


@pytest.mark.parametrize("day", [date(2026, 1, 5), date(2026, 7, 5)])
def test_shanghai_keeps_one_offset_all_year(day: date) -> None:
    at = CAMPAIGN.cut_off_at(day).astimezone(UTC)
    assert (at.hour, at.minute) == (12, 0)


def test_a_closed_campaign_takes_nothing_from_that_moment_on_whatever_its_policy() -> None:
    closed_at = shanghai("09-18 15:00")
    before = closed_at - timedelta(milliseconds=1)
    assert outcome(NEXT_DAY, before, closed_at) == "09-18"
    assert outcome(NEXT_DAY, closed_at, closed_at) == "closed"
    assert outcome(REJECT, shanghai("09-19 10:00"), closed_at) == "closed"


def test_a_round_is_settled_when_no_clock_can_bring_an_order_into_it_any_more() -> None:
    whole = opened()
    assert whole.settles_at(CAMPAIGN.ends_on) == shanghai("09-20 20:00") + SETTLE_GRACE
    closed = opened(shanghai("09-20 12:00"))
    assert closed.settles_at(CAMPAIGN.ends_on) == shanghai("09-20 12:00") + SETTLE_GRACE
    assert closed.settles_at(date(2025, 9, 18)) == shanghai("09-18 20:00") + SETTLE_GRACE


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("09-18 09:00", "09-18"),
        ("09-18 19:59", "09-18"),
        ("09-18 20:00", "09-18"),
        ("09-19 19:59", "09-18"),
        ("09-19 20:00", "09-19"),
        ("09-30 00:00", "09-20"),
    ],
)
def test_the_latest_round_is_the_last_one_that_is_over(now: str, day: str) -> None:
    assert f"{opened().latest_round(shanghai(now)):%m-%d}" == day


@given(
    minutes=st.integers(min_value=0, max_value=6 * 24 * 60),
    late=st.sampled_from(LatePolicy),
    skew_ms=st.integers(min_value=-59_999, max_value=59_999),
)
def test_an_order_of_a_door_with_a_skewed_clock_is_in_before_its_round_is_settled(
    minutes: int, late: LatePolicy, skew_ms: int
) -> None:
    true_time = shanghai("09-17 12:00") + timedelta(minutes=minutes)
    day = round_of(opened(late=late), true_time + timedelta(milliseconds=skew_ms))
    if isinstance(day, date):
        assert true_time < opened().settles_at(day)


def taken_of(**changed: int) -> dict[str, Taken]:
    return {APPLES.sku: Taken(**changed)}


@pytest.mark.parametrize(
    ("leader", "station_id", "lines", "taken", "expected"),
    [
        ("lin", "s1", [("APPLE-5", 3)], {}, []),
        ("lin", "s2", [("APPLE-5", 1), ("EGG-30", 900)], {}, []),
        ("wu", "s1", [("EGG-30", 1)], {}, ["station_id: unknown_station"]),
        ("nobody", "s1", [("EGG-30", 1)], {}, ["station_id: unknown_station"]),
        ("lin", "s9", [], {}, ["station_id: unknown_station", "lines: nothing"]),
        ("lin", "s1", [("PEAR", 1)], {}, ["lines.PEAR: unknown_sku"]),
        ("lin", "s1", [("EGG-30", 1), ("EGG-30", 1)], {}, ["lines.EGG-30: sku_twice"]),
        ("lin", "s1", [("APPLE-5", 4)], {}, ["lines.APPLE-5: over_limit"]),
        ("lin", "s1", [("APPLE-5", 2)], {"buyer_pieces": 1}, []),
        ("lin", "s1", [("APPLE-5", 3)], {"buyer_pieces": 1}, ["lines.APPLE-5: over_limit"]),
        ("lin", "s1", [("APPLE-5", 2)], {"all_pieces": 18}, []),
        ("lin", "s1", [("APPLE-5", 3)], {"all_pieces": 18}, ["lines.APPLE-5: sold_out"]),
    ],
)
def test_an_order_is_taken_whole_or_every_reason_is_told(
    leader: str,
    station_id: str,
    lines: list[tuple[str, int]],
    taken: dict[str, int],
    expected: list[str],
) -> None:
    wanted = tuple(Line(sku=sku, quantity=quantity) for sku, quantity in lines)
    found = admit(opened(), leader, station_id, wanted, taken_of(**taken), accepted_at=AT)
    if isinstance(found, Admitted):
        assert expected == []
        assert (found.day, found.station.station_id) == (date(2025, 9, 18), station_id)
    else:
        assert [f"{one.field}: {one.code}" for one in found] == expected


def test_a_late_order_tells_its_other_faults_too() -> None:
    found = admit(opened(), "lin", "s9", (), {}, accepted_at=shanghai("09-18 21:00"))
    assert isinstance(found, tuple)
    assert [one.code for one in found] == ["cut_off", "unknown_station", "nothing"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"goods": (APPLES, APPLES)}, "sku APPLE-5 重复"),
        ({"stations": (station("s1", "lin", "a"), station("s1", "wu", "b"))}, "station_id s1 重复"),
        ({"campaign_id": "x-13800000000"}, "手机号"),
        ({"stations": (station("s1", "13800000000", "a"),)}, "手机号"),
        ({"cut_off": "00:00"}, "00:00"),
        ({"opens_at": shanghai("09-20 20:00")}, "还没有开团"),
        (
            {"stations": (
                station("s1", "lin", "a"),
                replace(station("s2", "lin", "b"), leader_name="别人"),
            )},
            "两个名字",
        ),
    ],
)  # fmt: skip
def test_a_campaign_that_cannot_work_is_not_opened(changed: dict[str, Any], words: str) -> None:
    (fault,) = faults(opened(**changed).campaign)
    assert words in fault


def test_the_campaign_of_these_tests_is_faultless_and_reads_back_from_json() -> None:
    assert faults(CAMPAIGN) == ()
    assert msgspec.json.decode(msgspec.json.encode(CAMPAIGN), type=Campaign) == CAMPAIGN
