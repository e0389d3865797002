from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.money import share_out
from services.refunds.domain import shares
from services.refunds.domain.model import Account, CaseLine, Line
from tests.unit.refunds.desk import line


def unit_keys(count: int) -> list[str]:
    return [f"{unit:06d}" for unit in range(count)]


@given(
    share_fen=st.integers(0, 100_000),
    quantity=st.integers(1, 60),
    steps=st.lists(st.integers(1, 20), max_size=12),
)
def test_a_unit_is_worth_its_largest_remainder_share_whatever_was_refunded_before(
    share_fen: int, quantity: int, steps: list[int]
) -> None:
    expected = share_out(share_fen, [1] * quantity, unit_keys(quantity))
    ordered = Line(1, "A", quantity, share_fen)
    held: list[CaseLine] = []
    next_unit = 0
    for step in steps:
        part = shares.take(ordered, held, step)
        if next_unit + step > quantity:
            assert part is None
            continue
        assert part is not None
        assert part.amount_fen == sum(expected[next_unit : next_unit + step])
        held.append(part)
        next_unit += step
    assert shares.free_units(ordered, held) == quantity - next_unit


def test_units_given_back_are_taken_again_at_their_own_price() -> None:
    ordered = Line(1, "A", 3, 100)
    first = shares.take(ordered, [], 1)
    second = shares.take(ordered, [first] if first else [], 1)
    assert first
    assert second
    assert (first.amount_fen, second.amount_fen) == (34, 33)
    again = shares.take(ordered, [second], 1)
    assert again
    assert again.amount_fen == 34


@pytest.mark.parametrize(
    ("announced_fen", "freight_fen", "paid_fen", "expected_lines_fen", "expected_freight_fen"),
    [
        pytest.param((7000, 3000), 800, 10800, (7000, 3000), 800, id="as announced"),
        pytest.param((7000, 3000), 0, 10000, (7000, 3000), 0, id="no freight"),
        pytest.param((7000, 3000), 800, 5000, (3500, 1500), 0, id="a deposit is all goods"),
        pytest.param((7000, 3000), 800, 10500, (7000, 3000), 500, id="freight is paid last"),
        pytest.param((7000, 3000), 800, 10803, (7002, 3001), 800, id="more than announced"),
        pytest.param((0, 0), 0, 101, (51, 50), 0, id="no shares at all"),
    ],
)
def test_shares_and_freight_add_up_to_the_payment(
    announced_fen: tuple[int, ...],
    freight_fen: int,
    paid_fen: int,
    expected_lines_fen: tuple[int, ...],
    expected_freight_fen: int,
) -> None:
    lines = tuple(Line(no, "A", 1, fen) for no, fen in enumerate(announced_fen, start=1))
    account = shares.fixed(Account(lines=lines, freight_fen=freight_fen, paid_fen=paid_fen))
    assert tuple(one.share_fen for one in account.lines) == expected_lines_fen
    assert account.freight_fen == expected_freight_fen
    assert sum(expected_lines_fen) + expected_freight_fen == paid_fen


def test_before_a_payment_shares_are_what_is_payable() -> None:
    unpaid = line(1, 2, 0, unit_price_fen=500)
    assert shares.announced([unpaid, line(2, 0, 0)]) == (Line(1, "SKU-1", 2, 1000),)


def test_shares_that_add_up_are_kept_to_the_fen() -> None:
    lines = (Line(1, "A", 3, 100), Line(2, "B", 1, 1))
    assert shares.fixed(Account(lines=lines, freight_fen=9, paid_fen=110)).lines is lines
