"""A sale over the counter is completed when it is told: nothing of it is held back, waited for or shipped."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.events.order_states import OrderHeld, OrderReadyToFulfil, OrderStateChanged
from schemas.events.orders import NoMatch, OrderLine, Payment
from tests.unit.orders import life
from tests.unit.orders.life import NOON, Life

PAYMENT = Payment(paid_at=NOON, paid_fen=9_900_000)
BULK = OrderLine(
    line_no=1, channel_line_id="1", channel_sku_id="69", sku="SKU-1", title="马克杯", quantity=500,
    unit_price_fen=19_800, discount_fen=0, paid_fen=9_900_000, is_gift=False,
)  # fmt: skip


def sold(**changes: Any) -> Any:
    """What no table would let pass unseen."""
    given = {
        "channel": "pos",
        "lines": (BULK,),
        "payable_fen": 9_900_000,
        "province": "",
        "personal_kind": "absent",
        "handed_over": True,
        "payment": PAYMENT,
    }
    return life.placed(**given | changes)


@pytest.mark.parametrize("before", [(), (life.reserved(),), (life.short(),)])
@pytest.mark.parametrize("after", [(), (life.reserved(),), (life.short(),)])
def test_it_is_completed_whatever_stock_says_and_when(
    before: tuple[Any, ...], after: tuple[Any, ...]
) -> None:
    order = Life(*before, sold(), *after)
    assert (order.state, order.order.holds) == ("completed", ())
    assert order.order.paid_fen == PAYMENT.paid_fen
    (moved,) = [event for event in order.events if isinstance(event, OrderStateChanged)]
    assert (moved.from_state, moved.to_state) == ("", "completed")
    assert not [e for e in order.events if isinstance(e, OrderReadyToFulfil | OrderHeld)]
    assert not order.refused()


def test_goods_without_a_sku_hold_nothing_back_either() -> None:
    nameless = replace(BULK, sku="", unmatched=NoMatch(reason="no_merchant_code", merchant_code=""))
    assert Life(sold(lines=(nameless,))).order.holds == ()
    assert Life(sold(lines=(nameless,), handed_over=None)).order.holds != ()


def test_what_the_table_says_of_it_stays_readable() -> None:
    verdict = Life(sold()).order.verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.score > 0) == ("passed", True)
    held = Life(sold(handed_over=None)).order
    assert [hold.code for hold in held.holds] == ["risk"]
