"""Whose turn it is when goods come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import chassis
from services.inventory.backorders import read_line
from services.inventory.domain.backorders import Waiting, served
from services.inventory.domain.rules import Book

RULES = Path(chassis.__path__[0]).parent / "rules"
NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
WAREHOUSES = ("HZ", "HF")
SKUS = ("A", "B")


def waiting(order_id: str, *goods: tuple[str, int], priority: int = 0, hours: int = 0) -> Waiting:
    return Waiting(
        order_id=order_id,
        generation=1,
        channel="taobao",
        province="浙江省",
        goods=goods,
        since=NOW - timedelta(hours=hours),
        priority=priority,
    )


def turns(orders: list[Waiting], available: dict[tuple[str, str], int]) -> list[str]:
    book = Book({row: (pieces, 0) for row, pieces in available.items()})
    return [one.order_id for one in served(orders, book, lambda _: (WAREHOUSES, 1))]


def test_priority_comes_before_waiting_and_waiting_before_the_number() -> None:
    line = [
        waiting("new", ("A", 1)),
        waiting("b", ("A", 1), hours=3),
        waiting("a", ("A", 1), hours=3),
        waiting("urgent", ("A", 1), priority=5),
    ]
    assert turns(line, {("HZ", "A"): 3}) == ["urgent", "a", "b"]


def test_one_that_cannot_be_served_whole_is_passed_over_and_takes_nothing() -> None:
    line = [waiting("big", ("A", 3), hours=9), waiting("two", ("A", 1), ("B", 1), hours=5)]
    line += [waiting("small", ("A", 2))]
    assert turns(line, {("HZ", "A"): 2, ("HF", "B"): 1}) == ["small"]


def test_the_shipped_table_serves_strict_channels_first_and_nobody_waits_for_ever() -> None:
    line = read_line(RULES)
    day_s = 24 * 3600
    assert line.priority("douyin", 1, 0) > line.priority("taobao", 1, 0)
    assert line.priority("taobao", 1, 0) > line.priority("groupbuy", 50, 0)
    assert line.priority("groupbuy", 50, 2 * day_s) > line.priority("douyin", 1, 0)


ORDERS = st.lists(
    st.builds(
        lambda number, goods, priority, hours: waiting(
            f"o{number}", *goods.items(), priority=priority, hours=hours
        ),
        st.integers(0, 10**6),
        st.dictionaries(st.sampled_from(SKUS), st.integers(1, 4), min_size=1),
        st.integers(0, 2),
        st.integers(0, 50),
    ),
    max_size=12,
    unique_by=lambda one: one.order_id,
)
LEVELS = st.fixed_dictionaries(
    {(warehouse, sku): st.integers(0, 6) for warehouse in WAREHOUSES for sku in SKUS}
)


@given(ORDERS, LEVELS)
def test_never_more_than_there_is_and_nobody_is_left_who_could_have_been_served(
    orders: list[Waiting], levels: dict[tuple[str, str], int]
) -> None:
    book = Book({row: (pieces, 0) for row, pieces in levels.items()})
    named = served(orders, book, lambda _: (WAREHOUSES, 1))
    for sku in SKUS:
        given_away = sum(dict(one.goods).get(sku, 0) for one in named)
        assert given_away <= sum(levels[warehouse, sku] for warehouse in WAREHOUSES)
    alone = [one for one in orders if one not in named]
    first = min(orders, key=lambda one: (-one.priority, one.since, one.order_id), default=None)
    if first in alone and first is not None:
        assert not any(
            all(levels[warehouse, sku] >= pieces for sku, pieces in first.goods)
            for warehouse in WAREHOUSES
        )
