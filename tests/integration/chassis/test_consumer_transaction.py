"""What the consumer transaction promises, on real servers and on the doubles alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import asdict, replace

from chassis.codec import Codec, codec
from chassis.errors import Unavailable
from schemas.events.command_results import CommandSettled
from schemas.events.commands_orders import LiftHold
from schemas.events.order_states import OrderStateChanged
from schemas.events.orders import OrderCancelled, OrderPlaced
from schemas.lock import newest, read_lock
from tests.support.examples import example
from tests.support.rigs import MemoryRig, Rig, server_rig
from tests.support.toy import ToyOrder, hold, paid, placed


@pytest.fixture(params=["memory", "servers"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """The same suite on both."""
    if request.param == "memory":
        yield MemoryRig()
        return
    stack = request.getfixturevalue("stack")
    prefix = request.getfixturevalue("topic_prefix")
    url = request.getfixturevalue("database_url")
    async with server_rig(stack, prefix, url) as real:
        yield real


async def test_each_event_is_applied_once_and_answered_in_order(rig: Rig) -> None:
    """Two events, three answers with versions 1 to 3."""
    await rig.publish([placed("TB1"), paid("TB1")])

    await rig.drain()

    assert await rig.order("TB1") == ToyOrder(placed=1, paid=1)
    answers = [e for e in await rig.emitted("order-states") if isinstance(e, OrderStateChanged)]
    assert [(a.version, a.to_state) for a in answers] == [(1, "placed"), (2, "paid"), (3, "done")]


async def test_duplicates_collapse_by_version(rig: Rig) -> None:
    """A producer that repeats itself changes nothing."""
    await rig.publish([placed("TB1"), placed("TB1"), paid("TB1"), placed("TB1"), paid("TB1")])

    await rig.drain()

    assert await rig.order("TB1") == ToyOrder(placed=1, paid=1)
    assert len(await rig.emitted("order-states")) == 3


async def test_an_event_that_comes_too_early_waits_for_its_predecessor(rig: Rig) -> None:
    """Version 2 before version 1, over two runs."""
    await rig.publish([paid("TB1", version=2)])
    await rig.drain()
    assert await rig.order("TB1") is None

    await rig.publish([placed("TB1", version=1)])
    await rig.drain()

    assert await rig.order("TB1") == ToyOrder(placed=1, paid=1)
    assert [
        e.to_state for e in await rig.emitted("order-states") if isinstance(e, OrderStateChanged)
    ] == [
        "placed",
        "paid",
        "done",
    ]


async def test_poison_becomes_a_dead_letter_and_the_stream_goes_on(rig: Rig) -> None:
    """Original bytes, position and reason are kept; the next order is worked on."""
    poison = codec().encode(placed("TB1", shop="poison"))
    await rig.publish_raw("orders", "TB0", b"\x00\x7f\xff\xff\xffnonsense")
    await rig.publish_raw("orders", "TB1", poison)
    await rig.publish([placed("TB2")])

    await rig.drain()

    dead = await rig.dead()
    assert {(value, code) for _, value, code in dead} == {
        (b"\x00\x7f\xff\xff\xffnonsense", "schema_unknown"),
        (poison, "poison_shop"),
    }
    assert all(position.startswith("orders/") for position, _, _ in dead)
    assert await rig.order("TB2") == ToyOrder(placed=1)


async def test_a_command_with_a_nul_dies_alone(rig: Rig) -> None:
    """Postgres would refuse the statement of the whole batch, now and after every restart."""
    await rig.publish([placed("TB1"), placed("TB2")])
    await rig.drain()
    spoilt = [hold("TB\0", "c-1"), hold("TB1", "c\0"), replace(hold("TB1", "c-3"), reason="a\0")]
    for command in spoilt:
        await rig.publish_raw("commands-orders", "TB1", codec().encode(command))
    await rig.publish([hold("TB2", "c-4")])

    await rig.drain()

    dead = await rig.dead()
    assert {(value, code) for _, value, code in dead} == {
        (codec().encode(command), "nul_in_text") for command in spoilt
    }
    results = [e for e in await rig.emitted("command-results") if isinstance(e, CommandSettled)]
    assert [(result.command_id, result.outcome) for result in results] == [("c-4", "done")]


async def test_what_follows_a_dead_letter_waits_until_it_is_redriven(rig: Rig) -> None:
    """The order is blocked, not corrupted: version 2 is applied after the mended version 1."""
    await rig.publish([placed("TB1", shop="poison"), paid("TB1")])
    await rig.drain()
    assert await rig.order("TB1") is None

    await rig.publish([placed("TB1")])
    await rig.drain()

    assert await rig.order("TB1") == ToyOrder(placed=1, paid=1)


async def test_a_command_is_done_once_and_answered_each_time(rig: Rig) -> None:
    """The same id again gets the first answer; a refusal is an answer too."""
    await rig.publish([placed("TB1")])
    await rig.drain()
    await rig.publish([hold("TB1", "c-1"), hold("TB1", "c-1"), hold("TB9", "c-2")])
    await rig.drain()
    await rig.publish([hold("TB1", "c-1")])
    await rig.drain()

    results = [e for e in await rig.emitted("command-results") if isinstance(e, CommandSettled)]
    assert sorted((r.command_id, r.outcome, r.reason) for r in results) == [
        ("c-1", "done", ""),
        ("c-1", "done", ""),
        ("c-1", "done", ""),
        ("c-2", "refused", "unknown_order"),
    ]
    assert len(await rig.emitted("fulfillment-requests")) == 1


LIFT = LiftHold(**asdict(hold("TB1", "c-2")))


def earlier_release(failures: int = 0) -> Codec:
    """It knows no cancellations, no lifting of holds and not the newest OrderPlaced; the registry fails so often first."""
    left = [failures]
    held = {entry.schema_id: entry.schema() for entry in read_lock()}
    newer = newest(read_lock())
    later = {newer[OrderPlaced.FULL_NAME]}
    unheard = {OrderCancelled.FULL_NAME, LiftHold.FULL_NAME}

    def schema_of(schema_id: int) -> dict[str, Any] | None:
        if left[0]:
            left[0] -= 1
            raise Unavailable("the registry does not answer")
        return held.get(schema_id)

    return Codec(
        tuple(e for e in read_lock() if e not in later and e.full_name not in unheard), schema_of
    )


async def test_what_a_newer_release_writes_stops_no_aggregate(rig: Rig) -> None:
    """A newer version is read, an event of a new type is passed over, also one that waited; a new command dies alone."""
    rig.codec = earlier_release()
    cancelled = replace(example(OrderCancelled), order_id="TB1", version=2)
    await rig.publish([placed("TB1"), cancelled, paid("TB1", version=3)])
    await rig.publish([placed("TB2"), paid("TB2", version=3)])
    await rig.drain()
    assert await rig.order("TB2") == ToyOrder(placed=1)
    await rig.publish([replace(cancelled, order_id="TB3", version=2), placed("TB3")])
    await rig.publish([replace(cancelled, order_id="TB2", version=2)])
    await rig.drain()
    await rig.publish([paid("TB3", version=3), LIFT, hold("TB1", "c-3")])
    await rig.drain()

    for order in ("TB1", "TB2", "TB3"):
        assert await rig.order(order) == ToyOrder(placed=1, paid=1)
    assert [(value, code) for _, value, code in await rig.dead()] == [
        (codec().encode(LIFT), "type_unknown")
    ]
    results = [e for e in await rig.emitted("command-results") if isinstance(e, CommandSettled)]
    assert [(result.command_id, result.outcome) for result in results] == [("c-3", "done")]


async def test_while_the_registry_is_away_what_is_new_waits_and_nothing_dies(rig: Rig) -> None:
    rig.codec = earlier_release(failures=2)
    await rig.publish([placed("TB1"), paid("TB1")])

    await rig.drain()

    assert await rig.order("TB1") == ToyOrder(placed=1, paid=1)
    assert await rig.dead() == []
