"""An order that is paid at the door leaves with what is to be collected there."""

import pytest

from schemas.events.order_states import OrderReadyToFulfil
from schemas.events.orders import Payment
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
    assert (ready(order).paid_fen, ready(order).collect_fen) == (0, COLLECT_FEN)


def test_of_a_paid_order_nothing_is_collected() -> None:
    assert ready(life.awaiting_print()).collect_fen is None
