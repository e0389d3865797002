"""An order that had left without us when we first saw it asks for no stock, and nothing of it leaves the books."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chassis.processor import Record
from schemas.events.orders import OrderPlaced, Payment
from services.inventory.domain.model import Hold
from services.inventory.foreseen import foresee
from tests.unit.inventory.events import NOW, cancelled, matched, paid, placed, refunded, unmatched
from tests.unit.inventory.house import SOURCING, House

PAYMENT = Payment(paid_at=NOW, paid_fen=2_000)


def gone(order: OrderPlaced | None = None) -> OrderPlaced:
    order = order or placed("o1", [("A", 2)])
    return replace(order, hold="shipped_elsewhere", payment=PAYMENT)


def store(pieces: int) -> House:
    """A warehouse HZ with so many of A, booked in."""
    house = House()
    house.book.rows |= {(warehouse, "A"): [0, 0] for warehouse in ("HF", "GZ")}
    house.receive(None, pieces)
    return house


@pytest.mark.parametrize("order", [placed("o1", [("A", 2)]), unmatched("o1")])
@pytest.mark.parametrize("pieces", [0, 5])
def test_nothing_is_held_or_asked_for_whatever_comes_after_it(
    order: OrderPlaced, pieces: int
) -> None:
    house = store(pieces) if pieces else House()
    books = {row: list(counts) for row, counts in house.book.rows.items()}
    later: list[Any] = [
        gone(order),
        paid("o1"),
        matched("o1", [("A", 2)]),
        refunded("o1", [("A", 1)]),
        cancelled("o1"),
    ]
    for event in later:
        decision = house.take(event, "o1")
        assert (decision.events, decision.effects) == ((), ())
    state = house.states["o1"]
    assert isinstance(state, Hold)
    assert (state.state, state.left_elsewhere, state.held, state.shipped) == (
        "shipped",
        True,
        (),
        (),
    )
    assert {row: list(counts) for row, counts in house.book.rows.items()} == books
    house.check()


def test_a_part_that_left_elsewhere_is_held_with_the_rest_until_a_person_decides() -> None:
    house = store(5)
    house.take(replace(gone(), hold="partly_shipped_elsewhere"), "o1")
    assert house.book.rows["HZ", "A"] == [5, 2]


def test_it_makes_no_plan() -> None:
    def planned(event: OrderPlaced) -> set[str]:
        record = Record("orders", 0, 0, "o1", 1, event, raw=b"")
        return set(foresee([record], {}, SOURCING).plans)

    assert planned(gone()) == set()
    assert planned(replace(gone(), hold="")) == {"o1"}
