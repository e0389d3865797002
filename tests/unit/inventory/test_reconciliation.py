"""Our book against somebody else's numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.reconciliation import BookRow, compare

ROWS = st.dictionaries(
    st.tuples(st.sampled_from(("HZ", "GZ")), st.sampled_from("ABCD")), st.integers(0, 50)
)


def book(rows: dict[tuple[str, str], int]) -> dict[tuple[str, str], BookRow]:
    return {row: BookRow(then=n, on_hand=n, reserved=0) for row, n in rows.items()}


@given(ROWS, ROWS)
def test_adding_the_differences_to_the_book_gives_the_other_side(
    ours: dict[tuple[str, str], int], theirs: dict[tuple[str, str], int]
) -> None:
    compared = compare(book(ours), theirs)
    mended = dict(ours)
    for gap in (gap for one in compared for gap in one.gaps):
        mended[gap.warehouse, gap.sku] = mended.get((gap.warehouse, gap.sku), 0) + gap.difference
    spoken_of = {row[0] for row in theirs}
    for row in ours.keys() | theirs.keys():
        if row[0] in spoken_of:
            assert mended.get(row, 0) == theirs.get(row, 0)
    assert compare(book(mended), theirs) == compare(book(mended), theirs)
    assert all(not one.gaps for one in compare(book(mended), theirs))


@pytest.mark.parametrize(
    ("ours", "theirs", "hints"),
    [
        ({"A": 5}, {"A": 5}, {}),
        ({"A": 5}, {"A": 8}, {"A": "unbooked_in"}),
        ({"A": 5}, {"A": 3}, {"A": "unbooked_out"}),
        ({"A": 5}, {"A": 120}, {"A": "unit_x24"}),
        ({"A": 144}, {"A": 12}, {"A": "unit_x12"}),
        ({"A": 5}, {"A": 25}, {"A": "unbooked_in"}),
        ({"A": 5, "B": 5}, {"A": 7, "B": 3}, {"A": "swapped_with B", "B": "swapped_with A"}),
        (
            {"A": 5, "B": 5, "C": 5},
            {"A": 7, "B": 3, "C": 3},
            {"A": "unbooked_in", "B": "unbooked_out", "C": "unbooked_out"},
        ),
        ({"A": 5}, {"A": 5, "Z": 2}, {"Z": "not_in_book"}),
        ({"A": 5, "B": 3}, {"A": 5}, {"B": "not_in_sheet"}),
    ],
)
def test_a_gap_says_what_it_looks_like(
    ours: dict[str, int], theirs: dict[str, int], hints: dict[str, str]
) -> None:
    (one,) = compare(
        book({("HZ", sku): n for sku, n in ours.items()}),
        {("HZ", sku): n for sku, n in theirs.items()},
    )
    assert {gap.sku: gap.hint for gap in one.gaps} == hints


def test_a_sheet_that_lists_only_some_leaves_the_others_alone() -> None:
    ours = book({("HZ", "A"): 5, ("HZ", "B"): 3, ("GZ", "A"): 1})
    (one,) = compare(ours, {("HZ", "A"): 4}, listed_only=True)
    assert [gap.sku for gap in one.gaps] == ["A"]
    assert (one.rows, one.book_pieces) == (1, 5)


@pytest.mark.parametrize(
    ("ours", "theirs", "ppm"),
    [
        (10_000, 9_950, 5_000),
        (9_999, 9_949, 5_001),
        (0, 3, 1_000_000),
        (0, 0, 0),
        (10, 40, 3_000_000),
    ],
)
def test_rates_are_rounded_up_so_that_no_threshold_is_missed(
    ours: int, theirs: int, ppm: int
) -> None:
    (one,) = compare(book({("HZ", "A"): ours}), {("HZ", "A"): theirs})
    assert one.difference_ppm == ppm


@pytest.mark.parametrize(
    ("then", "now", "reserved", "outside", "oversold"),
    [(10, 10, 8, 8, False), (10, 10, 8, 7, True), (10, 14, 8, 4, False), (10, 6, 3, 6, True)],
)
def test_more_promised_than_can_lie_there_now_is_oversold(
    then: int,
    now: int,
    reserved: int,
    outside: int,
    oversold: bool,
) -> None:
    ours = {("HZ", "A"): BookRow(then=then, on_hand=now, reserved=reserved)}
    (one,) = compare(ours, {("HZ", "A"): outside})
    assert one.gaps[0].oversold is oversold
