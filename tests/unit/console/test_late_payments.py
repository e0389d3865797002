"""A payment that finds its order cancelled."""

from __future__ import annotations

import pytest

from schemas.events.order_states import OrderTransitionRefused
from schemas.events.orders import OrderCancelled
from services.console.domain.model import standing_flags
from tests.browser.story import NOON, Story
from tests.unit.console.test_handlers import card_of, project


def refused(
    attempted: str = "paid", state: str = "cancelled", version: int = 1
) -> OrderTransitionRefused:
    return OrderTransitionRefused(
        order_id="DS1",
        version=version,
        occurred_at=NOON,
        state=state,
        attempted=attempted,
        reason="already_cancelled",
        actor="ingest",
        basis="",
    )


def closed(*, refunded_by_channel: bool) -> OrderCancelled:
    return OrderCancelled(
        order_id="DS1",
        version=2,
        occurred_at=NOON,
        reason="cancelled_on_channel",
        refunded_by_channel=refunded_by_channel,
    )


@pytest.mark.parametrize(
    ("event", "raised"),
    [
        (refused(version=3), True),
        (refused(state="awaiting_print", version=3), False),
        (refused("parcel_shipped", version=3), False),
    ],
)
def test_a_payment_that_comes_too_late_is_seen(event: OrderTransitionRefused, raised: bool) -> None:
    story = Story("DS1")
    events = [*story.placed(), story.state("cancelled", 60, "expired"), event]
    assert ("paid_late" in standing_flags(card_of(events, "DS1"))) is raised
    line = project(events)[1].entries[-1]
    assert (line[5], line[7]) == ("操作被拒", "ingest")


@pytest.mark.parametrize("back", [True, False])
def test_what_the_channel_gave_back_waits_for_nobody_whichever_is_heard_first(back: bool) -> None:
    placed, *states = Story("DS1").placed()
    orders = [placed, closed(refunded_by_channel=back)]
    states = [*states, refused(version=2)]
    for events in ([*orders, *states], [*states, *orders], [placed, *states, orders[1]]):
        card = card_of(events, "DS1")
        assert ("paid_late" in standing_flags(card)) is not back
