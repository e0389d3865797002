"""Which warehouses send an order that none has whole: rows, and brute force as the oracle."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.model import Goods, Places, merged
from services.inventory.domain.splitting import SETS_MAX, Split, by_rank, places_for, split

WAREHOUSES = ("HZ", "HF", "GZ", "WH")
SKUS = ("A", "B", "C")
Levels = dict[tuple[str, str], int]

levels = st.dictionaries(
    st.tuples(st.sampled_from(WAREHOUSES), st.sampled_from(SKUS)), st.integers(-2, 4)
)
goods_wanted = st.lists(
    st.tuples(st.sampled_from(SKUS), st.integers(1, 4)), min_size=1, max_size=3
).map(merged)
costs_of = st.fixed_dictionaries({one: st.integers(0, 3) for one in WAREHOUSES})


def searched(
    there: Levels, goods: Goods, parcels_max: int, costs: dict[str, int] | None = None
) -> Split | None:
    costs = costs or dict(by_rank(WAREHOUSES))
    return split(lambda row: there.get(row, 0), costs, goods, parcels_max)


HALVES: Levels = {("HZ", "A"): 2, ("HF", "B"): 2, ("GZ", "B"): 2}


@pytest.mark.parametrize(
    ("there", "goods", "parcels_max", "expected"),
    [
        (HALVES, (("A", 1), ("B", 1)), 2, (("HZ", (("A", 1),)), ("HF", (("B", 1),)))),
        (HALVES, (("A", 1), ("B", 1)), 1, None),
        (HALVES, (("A", 1), ("B", 3)), 2, None),
        (
            HALVES,
            (("A", 1), ("B", 3)),
            3,
            (("HZ", (("A", 1),)), ("HF", (("B", 2),)), ("GZ", (("B", 1),))),
        ),
        (HALVES, (("A", 3),), 4, None),
        ({("HZ", "A"): 1, ("GZ", "A"): 2}, (("A", 2),), 2, (("GZ", (("A", 2),)),)),
        # Two far ones serve it, three near ones would.
        (
            {("HZ", "A"): 1, ("HF", "B"): 1, ("GZ", "C"): 1, ("WH", "A"): 1, ("WH", "C"): 1},
            (("A", 1), ("B", 1), ("C", 1)),
            3,
            (("HF", (("B", 1),)), ("WH", (("A", 1), ("C", 1)))),
        ),
        # A SKU is not torn apart where one of them has it all.
        (
            {("HZ", "A"): 3, ("HZ", "B"): 1, ("HF", "B"): 3},
            (("A", 2), ("B", 3)),
            2,
            (("HZ", (("A", 2),)), ("HF", (("B", 3),))),
        ),
    ],
)
def test_fewest_parcels_come_first_then_the_order_of_the_table(
    there: Levels, goods: Goods, parcels_max: int, expected: Places | None
) -> None:
    found = searched(there, goods, parcels_max)
    assert (found and found.places) == expected


def test_who_is_not_taken_is_named_with_what_it_lacks_and_why() -> None:
    there: Levels = {("HZ", "A"): 2, ("HF", "B"): 1, ("GZ", "B"): 1, ("GZ", "C"): 5, ("WH", "A"): 9}
    found = searched(there, (("A", 2), ("B", 1)), 3, {"HZ": 3, "HF": 1, "GZ": 1, "WH": 2, "XX": 0})
    assert found is not None
    assert (found.places, found.cost, found.exact) == (
        (("HF", (("B", 1),)), ("WH", (("A", 2),))),
        3,
        True,
    )
    told = [(one.warehouse, one.sku, one.wanted, one.available, one.why) for one in found.not_taken]
    assert told == [
        ("HZ", "B", 1, 0, "no_cheaper"),
        ("GZ", "A", 2, 0, "no_cheaper"),
        ("XX", "A", 2, 0, "has_none"),
    ]


def test_a_warehouse_that_only_helps_in_more_parcels_is_told_so() -> None:
    there: Levels = {("HZ", "A"): 2, ("HF", "B"): 2, ("GZ", "B"): 1}
    found = searched(there, (("A", 2), ("B", 2)), 3)
    assert found is not None
    assert [(one.warehouse, one.why) for one in found.not_taken] == [
        ("GZ", "more_parcels"),
        ("WH", "has_none"),
    ]


@given(there=levels, goods=goods_wanted, parcels_max=st.integers(1, 4), costs=costs_of)
def test_it_is_as_good_as_looking_at_every_set(
    there: Levels, goods: Goods, parcels_max: int, costs: dict[str, int]
) -> None:
    serving = [
        (len(chosen), sum(costs[one] for one in chosen))
        for size in range(1, parcels_max + 1)
        for chosen in combinations(WAREHOUSES, size)
        if all(
            sum(max(0, there.get((one, sku), 0)) for one in chosen) >= wanted
            for sku, wanted in goods
        )
    ]
    found = searched(there, goods, parcels_max, costs)
    if found is None:
        assert not serving
        return
    assert (len(found.places), found.cost) == min(serving)
    assert found.exact
    holds_together(found, there, goods)


def holds_together(found: Split, there: Levels, goods: Goods) -> None:
    """The goods, no more than anybody has, and nobody for nothing."""
    assert merged(good for _, share in found.places for good in share) == goods
    for warehouse, share in found.places:
        assert share
        assert all(0 < pieces <= there.get((warehouse, sku), 0) for sku, pieces in share)
    named = [warehouse for warehouse, _ in found.places]
    assert len({*named, *(one.warehouse for one in found.not_taken)}) == len(named) + len(
        found.not_taken
    )


@given(seed=st.randoms(use_true_random=False), parcels_max=st.integers(1, 8))
def test_among_very_many_sets_it_is_greedy_and_says_so(seed: Random, parcels_max: int) -> None:
    many = [f"W{number:02}" for number in range(40)]
    there: Levels = {(one, sku): seed.randint(0, 2) for one in many for sku in SKUS}
    goods: Goods = (("A", 7), ("B", 5), ("C", 6))
    found = split(lambda row: there.get(row, 0), by_rank(many), goods, parcels_max)
    if found is not None:
        assert not found.exact
        assert len(found.places) <= parcels_max
        holds_together(found, there, goods)


def test_greedy_begins_where_there_are_more_sets_than_are_looked_at() -> None:
    many = [f"W{number:03}" for number in range(SETS_MAX + 1)]
    found = split(lambda _row: 1, by_rank(many), (("A", 2),), 2)
    assert found is not None
    assert (found.exact, [one for one, _ in found.places]) == (False, ["W000", "W001"])


@pytest.mark.parametrize(
    ("there", "parcels_max", "expected"),
    [
        ({("HF", "A"): 1, ("HF", "B"): 1, **HALVES}, 2, (("HF", (("A", 1), ("B", 1))),)),
        (HALVES, 1, ()),
        (HALVES, 2, (("HZ", (("A", 1),)), ("HF", (("B", 1),)))),
        ({}, 2, ()),
    ],
)
def test_one_warehouse_that_has_it_all_sends_it_all(
    there: Levels, parcels_max: int, expected: Places
) -> None:
    places = places_for(
        lambda row: there.get(row, 0), WAREHOUSES, (("A", 1), ("B", 1)), parcels_max
    )
    assert places == expected
