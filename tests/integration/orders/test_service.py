"""The orders service as a process: what it promises over duplicates, stops and starts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from deploy.embedded.stack import Stack
from schemas.events.order_states import (
    OrderReadyToFulfil,
    OrderStateChanged,
    OrderTransitionRefused,
)
from tests.integration.orders.rig import Rig, fresh, of, rig_on
from tests.unit.orders import life

HANDED_OVER = "SELECT count(*) FROM orders.orders WHERE state = 'awaiting_print'"


@pytest.fixture
def rig(stack: Stack, topic_prefix: str, database_url: str) -> Iterator[Rig]:
    with rig_on(stack, topic_prefix, database_url) as prepared:
        yield prepared


async def test_orders_are_handed_over_once_whatever_comes_twice_and_whenever_it_stops(
    rig: Rig,
) -> None:
    ids = [f"TB{n}" for n in range(60)]
    placed = [fresh(life.placed(), order_id) for order_id in ids]
    async with rig.service(DANSHU_BATCH_RECORDS="7"):
        await rig.publish([of(life.reserved(), order_id) for order_id in ids[:30]])
        await rig.publish(placed)
        await rig.publish([of(life.paid(), order_id) for order_id in ids])
        # In the middle of it, SIGTERM.
        await rig.until("SELECT count(*) FROM orders.orders", bool)
    await rig.publish_again([replace(event, version=1) for event in placed])
    await rig.publish([of(life.reserved(), order_id) for order_id in ids[30:59]])
    async with rig.service():
        await rig.until(HANDED_OVER, lambda count: count == 59)

    # The process ended in order: what it applied is also published, once.
    events = [
        event
        for topic in ("order-states", "fulfillment-requests")
        for event in await rig.emitted(topic)
    ]
    ready = [event.order_id for event in events if isinstance(event, OrderReadyToFulfil)]
    assert sorted(ready) == sorted(ids[:59])
    moves = [event.to_state for event in events if isinstance(event, OrderStateChanged)]
    assert moves.count("awaiting_payment") == 60
    assert moves.count("awaiting_print") == 59
    assert not [event for event in events if isinstance(event, OrderTransitionRefused)]
    waiting = await rig.rows("SELECT waiting_for FROM orders.orders WHERE key = 'TB59'")
    assert waiting[0]["waiting_for"] == "stock"
    unmarked = "SELECT count(*) FROM chassis.outbox WHERE published_at IS NULL"
    assert (await rig.rows(unmarked))[0][0] == 0
