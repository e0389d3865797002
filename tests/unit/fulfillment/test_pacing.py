from __future__ import annotations

from msgspec.structs import replace

from services.fulfillment.domain.model import Parcel, Stage
from services.fulfillment.pacing import (
    BACKOFF_MS,
    BREATHER_MS,
    SETTLE_MS,
    Discard,
    Forget,
    Get,
    Pace,
    jobs_of,
)
from services.fulfillment.store import Due


def due(number: int, *, asked: bool = False, **changed: object) -> Due:
    parcel = Parcel(
        order_id=f"o{number}",
        parcel_id=f"o{number}-1",
        stage=Stage.PLANNED,
        warehouse="HZ",
        carrier="ZTO",
    )
    return Due(parcel=replace(parcel, **changed), asked=asked)


def orders(job: Get | Discard | Forget) -> list[str]:
    return [parcel.order_id for parcel in job.parcels]


def test_a_call_holds_one_sender_and_one_carrier_and_at_most_the_limit() -> None:
    dues = [due(n) for n in range(5)] + [due(5, carrier="SF"), due(6, warehouse="GZ"), due(7)]
    jobs = jobs_of(dues, frozenset(), 4)
    assert all(isinstance(job, Get) for job in jobs)
    assert [orders(job) for job in jobs] == [
        ["o0", "o1", "o2", "o3"],
        ["o4", "o7"],
        ["o5"],
        ["o6"],
    ]


def test_parcels_that_keep_failing_hold_nobody_up() -> None:
    jobs = jobs_of([due(0), due(1), due(2)], frozenset({"o1-1"}), 10)
    assert [orders(job) for job in jobs] == [["o0", "o2"], ["o1"]]


def test_cancelled_parcels_are_voided_asked_for_once_more_or_forgotten() -> None:
    stage = Stage.CANCELLED
    jobs = jobs_of(
        [
            due(0, stage=stage, waybill_no="75"),
            due(1, stage=stage),
            due(2, stage=stage, asked=True),
        ],
        frozenset(),
        10,
    )
    assert [(type(job), orders(job)) for job in jobs] == [
        (Forget, ["o1"]),
        (Get, ["o2"]),
        (Discard, ["o0"]),
    ]


def test_a_parcel_in_a_call_rests_until_it_is_settled() -> None:
    pace = Pace(8)
    pace.begin(["a", "b"])
    assert set(pace.resting(10**12)) == {"a", "b"}
    pace.settled("a", 1_000)
    assert pace.again("b", 1_000) == 1
    assert set(pace.resting(1_000)) == {"a", "b"}
    assert set(pace.resting(1_000 + BACKOFF_MS[0])) == {"a"}
    assert set(pace.resting(1_000 + SETTLE_MS)) == set()


def test_rests_grow_with_attempts_up_to_a_limit() -> None:
    pace = Pace(8)
    rests = []
    for attempt in range(1, 12):
        assert pace.again("a", 0) == attempt
        rests.append(next(ms for ms in (*BACKOFF_MS, 10**9) if not pace.resting(ms)))
        pace.begin(["a"])
        pace.again("b", 0)
    assert rests == sorted(rests)
    assert rests[-1] == BACKOFF_MS[-1]
    assert pace.alone() == {"a", "b"}
    pace.settled("a", 0)
    assert pace.alone() == {"b"}


def test_failures_in_a_row_slow_down_and_one_success_restores_the_speed() -> None:
    pace = Pace(8)
    assert pace.room(3, 0) == 5
    rooms = []
    for _ in range(3):
        pace.failed(0)
        rooms.append(pace.room(0, 0))
    assert rooms == [4, 2, 0]
    assert pace.room(0, BREATHER_MS[0]) == 1
    assert pace.room(1, BREATHER_MS[0]) == 0
    pace.failed(1_000)
    assert pace.room(0, 1_000 + BREATHER_MS[0]) == 0
    assert pace.room(0, 1_000 + BREATHER_MS[1]) == 1
    for _ in range(40):
        pace.failed(2_000)
    assert pace.room(0, 2_000 + BREATHER_MS[-1]) == 1
    pace.answered()
    assert pace.room(0, 1_000) == 8


def test_a_refused_call_is_taken_apart_at_once() -> None:
    pace = Pace(8)
    pace.begin(["a", "b"])
    pace.split("a")
    pace.split("b")
    assert pace.resting(0) == []
    assert pace.alone() == {"a", "b"}
