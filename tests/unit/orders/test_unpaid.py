"""An order that nobody pays in time: who ends it, and what a payment does that comes late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from schemas.events.order_states import OrderClosed
from services.orders.domain.guards import waiting_for
from services.orders.store import COLUMNS
from tests.unit.orders import life
from tests.unit.orders.life import NOON, Life

EXPIRED = life.released("expired")
CLOCK = life.close_unpaid()
DEPOSIT = {"balance_open": True, "hold": "presale_balance_open"}
BALANCE = (life.amended("hold"), life.paid())
"""As ingest tells it: what held the order is over, then the payment."""
OWN_SHOP = {"closable": True, "channel": "shopify"}


def due_by_clock(order: Life) -> bool:
    """Whether the clock finds the order."""
    [column] = [one for one in COLUMNS if one.name == "unpaid_since"]
    return column.value(order.order) == NOON


@pytest.mark.parametrize(
    ("placed", "then", "state"),
    [
        # A marketplace ends its orders itself.
        ({}, (life.reserved(), EXPIRED), "awaiting_payment"),
        ({}, (life.reserved(), CLOCK), "awaiting_payment"),
        ({}, (life.reserved(), EXPIRED, CLOCK, life.cancelled_by_channel()), "cancelled"),
        ({}, (life.reserved(), EXPIRED, life.paid()), "awaiting_review"),
        ({}, (life.reserved(), EXPIRED, CLOCK, life.paid(), life.reserved()), "awaiting_print"),
        # An own shop's are ended here.
        (OWN_SHOP, (life.reserved(), EXPIRED), "cancelled"),
        (OWN_SHOP, (life.reserved(), CLOCK), "cancelled"),
        (OWN_SHOP, (life.reserved(), life.paid(), CLOCK), "awaiting_print"),
        (OWN_SHOP, (life.short(), CLOCK), "cancelled"),
        # A deposit is money: the order waits for its balance, anywhere.
        (DEPOSIT, (life.reserved(), EXPIRED, CLOCK), "awaiting_payment"),
        (OWN_SHOP | DEPOSIT, (life.reserved(), EXPIRED, CLOCK), "awaiting_payment"),
        (
            OWN_SHOP | DEPOSIT,
            (life.reserved(), EXPIRED, CLOCK, *BALANCE, life.reserved()),
            "awaiting_print",
        ),
        (
            OWN_SHOP | DEPOSIT,
            (life.reserved(), EXPIRED, life.cancelled_by_channel()),
            "cancelled",
        ),
    ],
)
def test_an_order_that_is_not_paid_in_time_is_ended_by_whoever_can(
    placed: dict[str, Any], then: Sequence[Any], state: str
) -> None:
    order = Life(life.placed(**placed), *then)
    assert order.state == state
    assert [type(event) for event in order.events].count(OrderClosed) == (state == "cancelled")


def test_an_own_shops_order_is_due_until_a_deposit_is_paid_and_again_when_it_is_taken_back() -> (
    None
):
    order = Life(life.placed(**OWN_SHOP))
    assert due_by_clock(order)
    order.take(life.amended("balance_open", "hold", **DEPOSIT))
    assert not due_by_clock(order)
    assert order.answer(CLOCK) == ("refused", "balance_open")
    order.take(life.amended("balance_open", "hold"))
    assert due_by_clock(order)
    assert not due_by_clock(Life(life.placed(**OWN_SHOP), life.paid()))


def test_the_clock_closes_nothing_that_its_channel_closes() -> None:
    order = Life(life.placed())
    assert not due_by_clock(order)
    assert order.answer(CLOCK) == ("refused", "channel_closes")


def test_goods_that_were_let_go_are_waited_for_once_the_payment_is_there() -> None:
    order = Life(life.placed(), life.reserved(), EXPIRED)
    assert waiting_for(order.order) == ("payment", "stock")
    order.take(life.paid())
    assert waiting_for(order.order) == ("stock",)
    order.take(life.short())
    assert waiting_for(order.order) == ("stock_short",)


@pytest.mark.parametrize(("event", "reason"), [(EXPIRED, "expired"), (CLOCK, "超时未付")])
def test_the_closing_of_an_own_shops_order_is_told_with_its_reason(event: Any, reason: str) -> None:
    order = Life(life.placed(**OWN_SHOP), life.reserved(), event)
    [closed] = [told for told in order.events if isinstance(told, OrderClosed)]
    assert closed.reason == reason
    assert order.entries[-1].action == "close_unpaid"
