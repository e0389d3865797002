"""An order that is paid at the door leaves with what is to be collected there."""

from datetime import timedelta

import pytest
from msgspec import Struct

from schemas.events.order_states import OrderReadyToFulfil
from schemas.events.orders import Payment
from services.orders.domain.states import State
from tests.unit.orders import life
from tests.unit.orders.life import NOON, Life

COLLECT_FEN = 12900
AT_THE_DOOR = Payment(paid_at=NOON, paid_fen=0, collect_fen=COLLECT_FEN)


def ready(order: Life) -> OrderReadyToFulfil:
    (told,) = [event for event in order.events if isinstance(event, OrderReadyToFulfil)]
    return told


@pytest.mark.parametrize(
    "order",
    [
        Life(life.placed(payment=AT_THE_DOOR), life.reserved()),
        Life(life.placed(), life.paid(paid_fen=0, collect_fen=COLLECT_FEN), life.reserved()),
    ],
)
def test_fulfillment_is_told_what_to_collect(order: Life) -> None:
    told = ready(order)
    assert (told.paid_fen, told.collect_fen, told.payable_fen) == (0, COLLECT_FEN, 12900)


def test_of_a_paid_order_nothing_is_collected() -> None:
    assert ready(life.awaiting_print()).collect_fen is None


PAID_THERE = life.paid(occurred_at=NOON + timedelta(days=2))


@pytest.mark.parametrize(
    ("before", "state"),
    [
        ((), State.AWAITING_REVIEW),
        ((life.reserved(),), State.AWAITING_PRINT),
        ((life.reserved(), life.waybill()), State.PREPARING),
        ((life.reserved(), life.shipped()), State.SHIPPED),
        ((life.reserved(), life.delivered()), State.COMPLETED),
        ((life.cancelled_by_channel(),), State.CANCELLED),
    ],
)
def test_what_is_paid_later_is_kept_and_moves_nothing(
    before: tuple[Struct, ...], state: State
) -> None:
    order = Life(life.placed(payment=AT_THE_DOOR), *before)
    ship_by = order.order.ship_by
    order.take(PAID_THERE)
    assert (order.state, order.order.paid_at, order.order.ship_by) == (state, NOON, ship_by)
    assert (order.order.paid_fen, order.order.collect_fen) == (12900, 0)
    assert order.refused() == [], "it did not come too late"
    order.take(life.paid(paid_fen=100))
    assert order.order.paid_fen == 12900, "never less"


def test_what_is_paid_later_is_in_the_audit() -> None:
    order = Life(life.placed(payment=AT_THE_DOOR), life.reserved(), life.delivered(), PAID_THERE)
    entry = order.entries[-1]
    assert (entry.action, entry.from_state, entry.detail) == (
        "payment_noted",
        "completed",
        "¥129.00",
    )


def test_more_that_is_paid_before_an_order_is_ready_is_judged() -> None:
    order = Life(life.placed(payment=Payment(paid_at=NOON, paid_fen=12900)))
    order.take(life.paid(paid_fen=600_000))
    assert [hold.code for hold in order.order.holds] == ["risk"]
    assert order.state is State.AWAITING_REVIEW


def test_a_persons_word_stands_when_more_is_paid() -> None:
    order = Life(
        life.placed(address_vague=True, payment=AT_THE_DOOR), life.review(passed=True), PAID_THERE
    )
    assert (order.order.holds, order.order.paid_fen) == ((), 12900)
