"""Up to when the data go: silence is no fault, and waiting records are one."""

from __future__ import annotations

from datetime import timedelta

from services.console.domain.progress import LATE, Progress, behind
from tests.browser.story import NOON

ORDERS, SHOPS = ("console", "orders", 0), ("console-shops", "shop-states", 0)
START = Progress(started_at=NOON)


def at(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


def test_a_quiet_night_goes_on() -> None:
    progress = START
    for seconds in range(0, 3600, 2):
        progress = progress.looked(NOON + at(seconds), {ORDERS: 7}, {ORDERS: 7})
    assert (progress.until, progress.waiting) == (NOON + at(3598), 0)


def test_where_all_moves_on_data_go_up_to_the_look_before() -> None:
    progress = START
    for look in range(1, 6):
        progress = progress.looked(
            NOON + at(2 * look), {ORDERS: 100 * look}, {ORDERS: 100 * look - 1}
        )
    assert (progress.until, progress.waiting) == (NOON + at(8), 1)


def test_data_stand_still_while_one_processor_does() -> None:
    progress = START.looked(NOON, {ORDERS: 5, SHOPS: 5}, {ORDERS: 5, SHOPS: 5})
    for look in range(1, 20):
        ends = {ORDERS: 5 + look, SHOPS: 5 + look}
        progress = progress.looked(NOON + at(2 * look), ends, ends | {SHOPS: 5})
    assert (progress.until, progress.waiting) == (NOON, 19)
    assert progress.age(NOON + at(38)) > LATE
    ends = {ORDERS: 24, SHOPS: 24}
    healed = progress.looked(NOON + at(40), ends, ends)
    assert (healed.until, healed.waiting) == (NOON + at(40), 0)


def test_what_nobody_can_say_is_not_said() -> None:
    progress = START.looked(NOON, {ORDERS: 5}, {ORDERS: 5}).unanswered()
    assert (progress.until, progress.waiting) == (NOON, None)


def test_until_all_of_the_start_is_read_there_is_no_time() -> None:
    progress = START.looked(NOON, {ORDERS: 90_000}, {})
    progress = progress.looked(NOON + at(2), {ORDERS: 90_010}, {ORDERS: 50_000})
    assert (progress.until, progress.waiting) == (None, 40_010)
    assert progress.age(NOON + at(2)) == at(2)
    progress = progress.looked(NOON + at(4), {ORDERS: 90_020}, {ORDERS: 90_001})
    assert progress.until == NOON


def test_each_processor_waits_by_itself_and_what_was_let_go_counts_for_nothing() -> None:
    ends = {ORDERS: 5, ("console", "orders", 1): 3, SHOPS: 2}
    assert behind(ends, {ORDERS: 1, SHOPS: 9}) == {"console": 7, "console-shops": 0}
