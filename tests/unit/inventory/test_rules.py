"""The arithmetic of stock: rows, and properties over any sequence of movements."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.choosing import choose, passed_over, shortfall
from services.inventory.domain.counters import (
    Arrival,
    Ask,
    Counters,
    Target,
    arrive,
    reserve,
    settle,
)
from services.inventory.domain.model import (
    Deduct,
    Entry,
    Goods,
    Line,
    Missing,
    Receive,
    merged,
    taken_from,
)
from services.inventory.domain.rules import Book
from services.inventory.domain.wanted import wanted

LEVELS = {
    ("HZ", "A"): 2,
    ("HZ", "B"): 0,
    ("GZ", "A"): 1,
    ("GZ", "B"): 5,
    ("HF", "A"): 9,
    ("HF", "B"): 9,
}


def available(row: tuple[str, str]) -> int:
    return LEVELS.get(row, 0)


@pytest.mark.parametrize(
    ("candidates", "goods", "expected"),
    [
        (("HZ", "GZ", "HF"), (("A", 1),), "HZ"),
        (("GZ", "HZ", "HF"), (("A", 1),), "GZ"),
        (("HZ", "GZ", "HF"), (("A", 1), ("B", 1)), "GZ"),
        (("HZ", "GZ", "HF"), (("A", 2), ("B", 1)), "HF"),
        (("HZ", "GZ"), (("A", 2), ("B", 1)), ""),
        (("HZ",), (("C", 1),), ""),
        ((), (("A", 1),), ""),
        (("HZ",), (), "HZ"),
    ],
)
def test_the_first_warehouse_with_all_lines_is_chosen(
    candidates: tuple[str, ...], goods: Goods, expected: str
) -> None:
    assert choose(available, candidates, goods) == expected


@pytest.mark.parametrize(
    ("candidates", "goods", "expected"),
    [
        (("HZ", "GZ"), (("A", 3), ("B", 1)), (("A", 3, 2), ("B", 1, 0))),
        (("HZ", "GZ"), (("A", 3), ("B", 2)), (("A", 3, 1),)),
        ((), (("A", 3),), (("A", 3, 0),)),
        (("XX",), (("A", 3),), (("A", 3, 0),)),
    ],
)
def test_a_shortage_is_told_of_the_warehouse_that_comes_closest(
    candidates: tuple[str, ...], goods: Goods, expected: tuple[tuple[str, int, int], ...]
) -> None:
    missing = tuple(Missing(sku=sku, wanted=w, available=a) for sku, w, a in expected)
    assert shortfall(available, candidates, goods).missing == missing


@pytest.mark.parametrize(
    ("chosen", "goods", "expected"),
    [
        ("HZ", (("A", 1),), []),
        ("GZ", (("A", 4), ("B", 1)), [("HZ", "A", 4, 2)]),
        ("HF", (("A", 2), ("B", 4)), [("HZ", "B", 4, 0), ("GZ", "A", 2, 1)]),
        ("HF", (("A", 1),), [("HZ", "", 0, 0), ("GZ", "", 0, 0)]),
    ],
)
def test_a_warehouse_that_is_passed_over_is_named_with_what_it_lacks_most(
    chosen: str, goods: Goods, expected: list[tuple[str, str, int, int]]
) -> None:
    found = passed_over(available, ("HZ", "GZ", "HF"), chosen, goods)
    assert [(one.warehouse, one.sku, one.wanted, one.available) for one in found] == expected


@pytest.mark.parametrize(
    ("goods", "taken", "left"),
    [
        ((("A", 2), ("B", 1)), (("A", 1),), (("A", 1), ("B", 1))),
        ((("A", 2),), (("A", 2),), ()),
        ((("A", 2),), (("A", 3),), None),
        ((("A", 2),), (("B", 1),), None),
    ],
)
def test_what_is_taken_must_be_there(goods: Goods, taken: Goods, left: Goods | None) -> None:
    assert taken_from(goods, taken) == left


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 9))))
def test_lines_of_the_same_sku_are_one_wish(pairs: list[tuple[str, int]]) -> None:
    lines = [Line(number, *pair) for number, pair in enumerate(pairs, start=1)]
    goods = wanted(lines)
    assert goods == merged(pairs)
    assert sum(pieces for _, pieces in goods or ()) == sum(pieces for _, pieces in pairs)


def test_every_movement_stands_in_the_book_and_goods_in_the_ledger() -> None:
    book = Book({("HZ", "A"): (5, 0), ("HZ", "B"): (1, 0)})
    book.reserve("HZ", (("A", 3),))
    book.release("HZ", (("A", 1),))
    book.deduct(Deduct("HZ", (("A", 2),), "P1", "o1", "picker"))
    book.receive(Receive("HZ", (("A", 1),), "return", "F1", "o1", "refunds", "unworn"))
    assert book.rows == {("HZ", "A"): [4, 0], ("HZ", "B"): [1, 0]}
    assert book.changed == {("HZ", "A")}
    assert book.entries == [
        Entry("HZ", "A", -2, "deduction", "P1", "o1", 3, "picker"),
        Entry("HZ", "A", 1, "return", "F1", "o1", 4, "refunds", "unworn"),
    ]


def test_a_book_never_promises_what_is_not_there() -> None:
    book = Book({("HZ", "A"): (2, 1)})
    movements: tuple[Callable[[], None], ...] = (
        lambda: book.reserve("HZ", (("A", 2),)),
        lambda: book.release("HZ", (("A", 2),)),
        lambda: book.deduct(Deduct("HZ", (("A", 2),), "P", "o")),
        lambda: book.receive(Receive("HZ", (("A", -2),), "adjustment", "r")),
    )
    for movement in movements:
        with pytest.raises(ValueError, match="reserved of"):
            movement()
    assert book.rows == {("HZ", "A"): [2, 1]}


ORDERS = st.sampled_from(("o1", "o2", "o3"))
GOODS = st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 3)), min_size=1).map(merged)


@given(st.lists(st.tuples(ORDERS, GOODS), max_size=20))
def test_admission_never_promises_more_than_there_is_and_repeats_itself(
    wishes: list[tuple[str, Goods]],
) -> None:
    counters = Counters(available={("HZ", "A"): 4, ("HZ", "B"): 3}, records={}, documents=set())
    for order_id, goods in wishes:
        ask = Ask(order_id, 1, ("HZ",), goods)
        first = reserve(counters, ask)
        before = dict(counters.available)
        assert reserve(counters, ask) == first
        assert counters.available == before
    assert all(pieces >= 0 for pieces in counters.available.values())
    held = [pair for record in counters.records.values() for pair in record.goods]
    assert dict(merged([*held, *(((sku, n)) for (_, sku), n in counters.available.items())])) == {
        "A": 4,
        "B": 3,
    }


@given(
    st.lists(
        st.tuples(ORDERS, st.integers(1, 2), st.sampled_from(("held", "freed", "spent")), GOODS),
        max_size=15,
    )
)
def test_settling_twice_is_settling_once(
    decided: list[tuple[str, int, str, Goods]],
) -> None:
    once = Counters(available={}, records={}, documents=set())
    twice = Counters(available={}, records={}, documents=set())
    for order_id, generation, ending, goods in decided:
        target = Target(order_id, generation, ending, "HZ", goods)  # type: ignore[arg-type]
        settle(once, target)
        settle(twice, target)
        settle(twice, target)
    assert once == twice


def test_goods_of_a_document_are_counted_once() -> None:
    counters = Counters(available={}, records={}, documents=set())
    arrive(counters, Arrival("r1", "HZ", (("A", 3),)))
    arrive(counters, Arrival("r1", "HZ", (("A", 3),)))
    assert counters.available == {("HZ", "A"): 3}
