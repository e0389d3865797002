"""An order that had left without us when we first saw it is shipped at once: nobody is asked, and nothing is sent."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.events.order_states import OrderHeld, OrderReadyToFulfil, OrderStateChanged
from schemas.events.orders import NoMatch, Payment
from services.orders.domain.guards import waiting_for
from tests.unit.orders import life
from tests.unit.orders.life import NOON, Life

PAYMENT = Payment(paid_at=NOON, paid_fen=9_900_000)


def gone(**changes: Any) -> Any:
    """What no table would let pass unseen, without anything that a parcel needs."""
    (line,) = life.placed().lines
    bulk = replace(line, quantity=500, unit_price_fen=19_800, paid_fen=9_900_000)
    given = {
        "hold": "shipped_elsewhere",
        "channel_state": "TRADE_FINISHED",
        "lines": (bulk,),
        "payable_fen": 9_900_000,
        "province": "",
        "personal_kind": "absent",
        "payment": PAYMENT,
    }
    return life.placed(**given | changes)


@pytest.mark.parametrize("before", [(), (life.reserved(),), (life.short(),)])
@pytest.mark.parametrize("after", [(), (life.reserved(),), (life.short(),)])
def test_it_is_shipped_and_waits_for_no_person(
    before: tuple[Any, ...], after: tuple[Any, ...]
) -> None:
    order = Life(*before, gone(), *after)
    assert (order.state, order.order.holds) == ("shipped", ())
    assert waiting_for(order.order) == ("delivery",)
    assert order.order.paid_fen == PAYMENT.paid_fen
    (moved,) = [event for event in order.events if isinstance(event, OrderStateChanged)]
    assert (moved.from_state, moved.to_state, moved.reason) == ("", "shipped", "已在别处发货")
    assert not [e for e in order.events if isinstance(e, OrderReadyToFulfil | OrderHeld)]
    assert not order.refused()


def test_goods_without_a_sku_hold_nothing_back_either() -> None:
    (line,) = gone().lines
    nameless = replace(line, sku="", unmatched=NoMatch(reason="no_merchant_code", merchant_code=""))
    assert Life(gone(lines=(nameless,))).order.holds == ()


@pytest.mark.parametrize("hold", ["shipped_elsewhere", ""])
def test_whatever_its_channel_says_later_nothing_is_sent(hold: str) -> None:
    order = Life(gone(), life.amended("hold", hold=hold), life.reserved())
    assert (order.state, order.order.holds) == ("shipped", ())
    assert not [e for e in order.events if isinstance(e, OrderReadyToFulfil)]


def test_one_that_leaves_elsewhere_after_we_took_it_in_waits_for_a_person() -> None:
    order = Life(life.placed(), life.reserved(), life.amended("hold", hold="shipped_elsewhere"))
    order.take(life.paid())
    assert (order.state, [hold.code for hold in order.order.holds]) == (
        "awaiting_review", ["channel"],
    )  # fmt: skip


def test_a_part_that_left_elsewhere_waits_for_a_person() -> None:
    order = Life(gone(hold="partly_shipped_elsewhere"), life.reserved())
    assert order.state == "awaiting_review"
    assert "channel" in {hold.code for hold in order.order.holds}
