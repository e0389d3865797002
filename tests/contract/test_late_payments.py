"""Orders and stock between them, where a buyer pays when the time to pay is over."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.events.commands_inventory import ExpireHold
from schemas.events.order_states import OrderClosed
from services.inventory.domain.model import Hold
from services.inventory.handlers import HANDLERS as STOCK
from services.orders.handlers import HANDLERS as ORDERS
from tests.unit.inventory.house import House
from tests.unit.orders import life
from tests.unit.orders.life import NOON, ORDER_ID, Life

DEPOSIT = {"balance_open": True, "hold": "presale_balance_open"}
OWN_SHOP = {"closable": True, "channel": "shopify"}
CLOCK = life.close_unpaid()
BALANCE = (life.amended("hold"), life.paid())


class Both:
    """One order in both services: what the one tells, the other hears."""

    def __init__(self, **placed: Any) -> None:
        self.house, self.order = House(), Life()
        self.house.book.rows["HF", "A"] = [0, 0]
        self.house.receive(None, 5)
        (line,) = life.placed().lines
        self.hear(replace(life.placed(**placed), lines=(replace(line, sku="A"),)))

    def hear(self, *events: Any) -> None:
        """What the channel says, or a clock, and all that follows."""
        coming = deque(events)
        while coming:
            event = coming.popleft()
            if type(event) in ORDERS:
                coming += self.order.take(event)
            if type(event) in STOCK:
                coming += self.house.take(event, ORDER_ID).events

    @property
    def held(self) -> int:
        """Pieces that are kept for the order."""
        hold = self.house.states[ORDER_ID]
        assert isinstance(hold, Hold)
        return sum(pieces for _, pieces in hold.held)


EXPIRY = ExpireHold(
    order_id=ORDER_ID, command_id="expire", issued_at=NOON, actor="timer", generation=1
)


@pytest.mark.parametrize(
    ("placed", "then", "state", "held"),
    [
        ({}, (), "awaiting_payment", 2),
        ({}, (EXPIRY, CLOCK), "awaiting_payment", 0),
        ({}, (EXPIRY, CLOCK, life.paid()), "awaiting_print", 2),
        ({}, (EXPIRY, CLOCK, life.cancelled_by_channel()), "cancelled", 0),
        (DEPOSIT, (EXPIRY, CLOCK, *BALANCE), "awaiting_print", 2),
        (OWN_SHOP | DEPOSIT, (EXPIRY, CLOCK, *BALANCE), "awaiting_print", 2),
        (OWN_SHOP | DEPOSIT, (EXPIRY, CLOCK), "awaiting_payment", 0),
        (OWN_SHOP, (EXPIRY,), "cancelled", 0),
        (OWN_SHOP, (CLOCK,), "cancelled", 0),
        (OWN_SHOP, (CLOCK, life.paid()), "cancelled", 0),
    ],
)
def test_a_payment_that_comes_late_gets_the_goods_unless_the_order_was_ours_to_close(
    placed: dict[str, Any], then: tuple[Any, ...], state: str, held: int
) -> None:
    both = Both(**placed)
    both.hear(*then)
    assert (both.order.state, both.held) == (state, held)
    closings = [told for told in both.order.events if isinstance(told, OrderClosed)]
    assert len(closings) == (state == "cancelled")
