"""The plan adds up, and a shortage is shared fairly, exactly and always in the same way."""

import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.purchase import OrderedLine, Share, Shortage, roll_up, share_short
from tests.unit.ingest.group_buys.builders import AT_NOON, FIRST, opened, ordered, shanghai

LINES = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from(["s1", "s2", "s3"])), min_size=1, max_size=40
).map(
    lambda drawn: [
        ordered(number, quantity, station_id)
        for number, (quantity, station_id) in enumerate(drawn, start=1)
    ]
)


@given(lines=LINES, data=st.data())
def test_shares_add_up_and_nobody_gets_less_than_nothing_or_more_than_ordered(
    lines: list[OrderedLine], data: st.DataObject
) -> None:
    total = sum(line.quantity for line in lines)
    got = data.draw(st.integers(0, total))
    shares = share_short(lines, got, price_fen=2500)
    assert sum(share.allotted for share in shares) == got
    assert {share.order_no for share in shares} == {line.order_no for line in lines}
    assert len(shares) == len(lines)
    for share in shares:
        assert 0 <= share.allotted <= share.ordered
        assert share.refund_fen == (share.ordered - share.allotted) * 2500


@given(lines=LINES, data=st.data())
def test_every_station_and_every_order_in_it_is_within_a_piece_of_its_proportion(
    lines: list[OrderedLine], data: st.DataObject
) -> None:
    total = sum(line.quantity for line in lines)
    got = data.draw(st.integers(0, total))
    by_station: dict[str, list[Share]] = {}
    for share in share_short(lines, got, price_fen=1):
        by_station.setdefault(share.station_id, []).append(share)
    for shares in by_station.values():
        need, pieces = sum(s.ordered for s in shares), sum(s.allotted for s in shares)
        assert abs(pieces * total - got * need) < total
        for share in shares:
            assert abs(share.allotted * need - pieces * share.ordered) < need


@given(lines=LINES, data=st.data(), seed=st.integers())
def test_the_order_in_which_lines_come_changes_nothing(
    lines: list[OrderedLine], data: st.DataObject, seed: int
) -> None:
    got = data.draw(st.integers(0, sum(line.quantity for line in lines)))
    shuffled = random.Random(seed).sample(lines, len(lines))
    assert share_short(shuffled, got, price_fen=1) == share_short(lines, got, price_fen=1)
    now = shanghai("09-18 21:00")
    assert roll_up(opened(), FIRST, shuffled, {}, now=now) == roll_up(
        opened(), FIRST, lines, {}, now=now
    )


@pytest.mark.parametrize(
    ("quantities", "got", "expected"),
    [
        ([1, 1, 1], 2, [1, 1, 0]),  # equal claims: whoever came first
        ([1, 1, 1], 0, [0, 0, 0]),
        ([1, 1, 1], 3, [1, 1, 1]),
        ([10, 5, 1], 8, [5, 3, 0]),  # 5, 2.5 and 0.5: the earlier of the equal halves
        ([1, 10], 10, [1, 9]),  # 0.9 and 9.1: the larger remainder
    ],
)
def test_the_odd_piece_goes_to_the_larger_remainder_and_then_to_who_came_first(
    quantities: list[int], got: int, expected: list[int]
) -> None:
    lines = [ordered(number, pieces) for number, pieces in enumerate(quantities, start=1)]
    assert [share.allotted for share in share_short(lines, got, price_fen=1)] == expected


@pytest.mark.parametrize("got", [-1, 4])
def test_what_cannot_be_shared_is_refused(got: int) -> None:
    with pytest.raises(ValueError, match="of 3 pieces"):
        share_short([ordered(1, 3)], got, price_fen=1)


def test_a_plan_is_per_article_and_split_by_station() -> None:
    lines = [
        ordered(1, 2, "s1"),
        ordered(2, 3, "s3"),
        ordered(1, 1, "s1", "APPLE-5"),
        ordered(3, 4, "s1"),
    ]
    plan = roll_up(opened(), FIRST, lines, {}, now=AT_NOON)
    assert [(one.sku, one.ordered, one.amount_fen) for one in plan.lines] == [
        ("APPLE-5", 1, 2990),
        ("EGG-30", 9, 22500),
    ]
    assert [(s.station_id, s.ordered, s.allotted) for s in plan.lines[1].stations] == [
        ("s1", 6, 6),
        ("s3", 3, 3),
    ]
    assert (plan.orders, plan.amount_fen, plan.final) == (3, 25490, False)


def test_a_shortage_shows_in_the_plan_as_what_each_station_gets() -> None:
    lines = [ordered(1, 6, "s1"), ordered(2, 3, "s3")]
    shortage = Shortage(
        sku="EGG-30",
        ordered=9,
        got=5,
        decided_by="cli:chen",
        decided_at=AT_NOON,
        reason="供货不足",
        shares=share_short(lines, 5, price_fen=2500),
    )
    now = shanghai("09-18 20:01:00")
    plan = roll_up(opened(), FIRST, lines, {"EGG-30": shortage}, now=now)
    (line,) = plan.lines
    assert (line.ordered, line.allotted, line.amount_fen) == (9, 5, 12500)
    assert [station.allotted for station in line.stations] == [3, 2]
    assert plan.final


def test_a_round_without_orders_is_an_empty_plan() -> None:
    plan = roll_up(opened(), date(2025, 9, 19), [], {}, now=AT_NOON)
    assert (plan.lines, plan.orders, plan.amount_fen) == ((), 0, 0)
