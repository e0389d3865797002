"""Whom to ask when more is to come: in line, and so that it does not matter who is answered first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.backorders import Waiting, promisable
from services.inventory.domain.presale import (
    Expectations,
    ExpectedLine,
    Promised,
    Terms,
    promised,
)
from services.inventory.domain.promise import ExpectedKey, Promise
from services.inventory.domain.rules import Book
from tests.unit.inventory.house import NOW

DAY = timedelta(days=1)
WAREHOUSES = ("HZ", "GZ")
TERMS = {
    "taobao": Terms(percent=90, handling_days=2, days_max=45, rule="t@1#most"),
    "douyin": Terms(percent=50, handling_days=3, days_max=20, rule="t@1#half"),
}


class Coming:
    """What lies there and is to come, of which orders are promised."""

    def __init__(self, lines: dict[ExpectedKey, ExpectedLine], shelf: dict[str, int]) -> None:
        self.expected = Expectations(lines)
        rows = {(one, sku): (0, 0) for one in WAREHOUSES for sku in "AB"}
        self.book = Book(rows | {("HZ", sku): (pieces, 0) for sku, pieces in shelf.items()})

    def promise_of(self, one: Waiting) -> Promised | None:
        terms = TERMS[one.channel]
        warehouses = WAREHOUSES if one.province == "浙江省" else WAREHOUSES[::-1]
        return promised(
            self.expected.lines, self.book.available, warehouses, one.goods, lambda _: terms, NOW
        )

    def take(self, made: Promised) -> None:
        for row, pieces in self.expected.promise(made):
            self.book.set_aside(row, pieces)

    def promise(self, one: Waiting) -> tuple[Promise, ...]:
        """As the order's own decision would."""
        made = self.promise_of(one)
        if made is None:
            return ()
        self.take(made)
        return made.promises


def waiting(order_id: str, *goods: tuple[str, int], hours: int = 0, **more: str) -> Waiting:
    told = {"channel": "taobao", "province": "浙江省"} | more
    since = NOW - timedelta(hours=hours)
    return Waiting(order_id=order_id, generation=1, goods=goods, since=since, **told)  # type: ignore[arg-type]


def line(pieces: int, days: int) -> ExpectedLine:
    return ExpectedLine(outstanding=pieces, expected_at=NOW + days * DAY)


def turns(orders: Sequence[Waiting], coming: Coming) -> list[str]:
    return [one.order_id for one in promisable(orders, coming.promise_of, coming.take)]


def test_who_waits_longest_is_asked_first_and_who_needs_a_second_receipt_when_it_is_his_turn() -> (
    None
):
    lines = {("A", "HZ", "soon"): line(10, 5), ("A", "HZ", "late"): line(10, 9)}
    orders = [waiting("new", ("A", 3), hours=1), waiting("old", ("A", 8), hours=9)]
    assert turns(orders, Coming(lines, {})) == ["old"]
    fits = [*orders, waiting("oldest", ("A", 1), hours=10)]
    coming = Coming(lines, {})
    assert turns(fits, coming) == ["oldest", "old"]
    small = [
        waiting("c", ("A", 3)),
        waiting("b", ("A", 3), hours=1),
        waiting("a", ("A", 3), hours=2),
    ]
    assert turns(small, Coming(lines, {})) == ["a", "b", "c"]


def test_who_can_be_promised_nothing_is_passed_over_and_takes_nothing() -> None:
    lines = {("A", "HZ", "p"): line(10, 5)}
    orders = [waiting("big", ("A", 10), hours=9), waiting("both", ("A", 1), ("B", 1), hours=5)]
    assert turns([*orders, waiting("small", ("A", 9))], Coming(lines, {})) == ["small"]


def test_who_stands_behind_one_of_another_percentage_or_one_that_takes_of_the_shelf_waits() -> None:
    lines = {("A", "HZ", "p"): line(10, 5), ("B", "HZ", "p"): line(10, 5)}
    half = waiting("half", ("A", 2), hours=9, channel="douyin")
    assert turns([half, waiting("most", ("A", 2))], Coming(lines, {})) == ["half"]
    assert turns([half, waiting("other", ("B", 2))], Coming(lines, {})) == ["half", "other"]
    shelf = [waiting("some lie there", ("A", 3), hours=9), waiting("behind", ("A", 2))]
    assert turns(shelf, Coming(lines, {"A": 1})) == ["some lie there"]


GOODS = st.dictionaries(st.sampled_from("AB"), st.integers(1, 6), min_size=1)
ORDERS = st.lists(
    st.tuples(
        GOODS,
        st.integers(0, 9),
        st.sampled_from(("taobao", "taobao", "douyin")),
        st.sampled_from(("浙江省", "广东省")),
    ),
    max_size=6,
)
LINES = st.dictionaries(
    st.tuples(st.sampled_from("AB"), st.sampled_from(WAREHOUSES), st.sampled_from("pq")),
    st.builds(line, st.integers(0, 30), st.integers(1, 25)),
    max_size=6,
)


@given(ORDERS, LINES, st.dictionaries(st.sampled_from("AB"), st.integers(1, 3)), st.randoms())
def test_everybody_who_is_asked_is_promised_the_same_whoever_is_answered_first(
    drawn: list[tuple[dict[str, int], int, str, str]],
    lines: dict[ExpectedKey, ExpectedLine],
    shelf: dict[str, int],
    random: object,
) -> None:
    orders = [
        waiting(f"o{at}", *sorted(goods.items()), hours=hours, channel=channel, province=province)
        for at, (goods, hours, channel, province) in enumerate(drawn)
    ]
    looked = Coming(lines, shelf)
    asked = promisable(orders, looked.promise_of, looked.take)
    in_line = Coming(lines, shelf)
    expected = {one.order_id: in_line.promise(one) for one in asked}
    assert all(expected.values())
    shuffled = asked.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    mixed = Coming(lines, shelf)
    assert {one.order_id: mixed.promise(one) for one in shuffled} == expected
    # The first that can be promised anything is among them.
    anybody = [one for one in orders if Coming(lines, shelf).promise_of(one)]
    assert [one.order_id for one in asked[:1]] == [
        one.order_id for one in sorted(anybody, key=lambda one: one.turn)[:1]
    ]
