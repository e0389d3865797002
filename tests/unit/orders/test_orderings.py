"""Topics run at their own pace: whatever the interleaving, the order ends the same, once, with a whole chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.events.order_states import OrderClosed, OrderReadyToFulfil
from services.orders.domain.audit import verify_chain
from services.orders.domain.model import Order
from services.orders.domain.states import State
from tests.unit.orders import life
from tests.unit.orders.life import Life, awaiting_print

Event = Callable[[], Any]

PLAIN: tuple[tuple[Event, ...], ...] = (
    (life.placed, life.paid, lambda: life.amended("personal", personal=b"memo")),
    (life.reserved,),
    (life.waybill, life.shipped, life.delivered),
    (life.part_refund, life.refund_approved, life.refund_settled),
)
SHORT_FIRST: tuple[tuple[Event, ...], ...] = (
    (life.placed, life.paid),
    (life.short, life.reserved),
)
EVERYTHING: tuple[Event, ...] = (
    lambda: life.placed(closable=True),
    lambda: life.amended("balance_open", balance_open=True),
    life.paid,
    life.moved,
    lambda: life.amended("hold", hold="paid_on_hold"),
    lambda: life.amended("hold"),
    life.cancelled_by_channel,
    life.reserved,
    life.short,
    lambda: life.released("expired"),
    lambda: life.released("cancelled"),
    life.waybill,
    life.shipped,
    life.delivered,
    life.parcel_cancelled,
    life.parcel_cancel_refused,
    life.whole_refund,
    life.part_refund,
    life.refund_approved,
    life.refund_refused,
    life.refund_settled,
)
COMMANDS: tuple[Event, ...] = (
    life.hold,
    life.lift,
    life.cancel,
    life.close_unpaid,
    lambda: life.review(passed=True),
    lambda: life.review(passed=False),
)


def interleavings(streams: Sequence[Sequence[Event]]) -> st.SearchStrategy[list[Event]]:
    """Every merge that keeps each stream's own order."""
    picks = [number for number, stream in enumerate(streams) for _ in stream]

    def merge(order: list[int]) -> list[Event]:
        queues = [list(stream) for stream in streams]
        return [queues[number].pop(0) for number in order]

    return st.permutations(picks).map(merge)


def facts(order: Order) -> tuple[Any, ...]:
    """What must not depend on the order of arrival."""
    assert order.content is not None
    return (
        order.state,
        order.content.personal,
        order.paid_fen,
        order.ship_by,
        order.stock,
        order.warehouse,
        order.parcel,
        order.after_sale,
        order.holds,
        order.cancel,
    )


@given(interleavings(PLAIN))
def test_a_plain_order_ends_the_same_whatever_overtakes_what(events: list[Event]) -> None:
    straight = Life(*[event() for stream in PLAIN for event in stream])
    order = Life(*[event() for event in events])
    assert order.state is State.COMPLETED
    assert facts(order.order) == facts(straight.order)
    assert order.refused() == []
    assert verify_chain(order.entries, order.order.audit) is None


@given(interleavings(SHORT_FIRST))
def test_an_order_that_got_its_stock_late_is_handed_over_once(events: list[Event]) -> None:
    order = Life(*[event() for event in events])
    assert order.state is State.AWAITING_PRINT
    assert [type(event) for event in order.events].count(OrderReadyToFulfil) == 1


@given(
    interleavings(
        (
            (life.cancel, lambda: life.cancel("c-2")),
            (life.waybill, life.shipped, life.parcel_cancel_refused),
        )
    )
)
def test_a_cancel_that_loses_the_race_leaves_a_shipped_order(events: list[Event]) -> None:
    order = awaiting_print(*[event() for event in events])
    assert order.state is State.SHIPPED
    assert order.order.cancel is None
    assert ("", State.CANCELLED) not in [("", to) for _, to in order.path()]
    asked = [entry for entry in order.entries if entry.action == "interception_asked"]
    # Each interception that was asked for, and each cancel that came too late, is refused exactly once.
    late = [entry for entry in order.entries if entry.action == "refused"]
    assert len(late) >= len(asked)


@given(interleavings(((life.cancel,), (life.waybill, life.parcel_cancelled))))
def test_a_cancel_that_wins_the_race_leaves_a_cancelled_order(events: list[Event]) -> None:
    order = awaiting_print(*[event() for event in events])
    assert order.state is State.CANCELLED
    order.take(life.shipped())
    assert order.state is State.CANCELLED
    assert order.refused()[-1] == ("parcel_shipped", "already_cancelled")


@given(st.lists(st.sampled_from(EVERYTHING + COMMANDS), max_size=25))
def test_no_sequence_breaks_the_chain_or_leaves_an_end(events: list[Event]) -> None:
    order = Life()
    for make in events:
        before = order.state
        event = make()
        order.settled.clear()  # so that the same command counts again
        order.take(event)
        assert verify_chain(order.entries, order.order.audit) is None
        if before in {State.COMPLETED, State.CANCELLED}:
            assert order.state is before
        if before is State.SHIPPED:
            assert order.state in {State.SHIPPED, State.COMPLETED}
    path = order.path()
    assert all(to == came_from for (_, to), (came_from, _) in pairwise(path))
    if path:
        assert path[-1][1] == order.state
    closings = [event for event in order.events if isinstance(event, OrderClosed)]
    assert len(closings) == (order.state is State.CANCELLED)


@given(st.lists(st.sampled_from(EVERYTHING), min_size=1, max_size=12), st.data())
def test_records_that_come_again_change_nothing(events: list[Event], data: st.DataObject) -> None:
    order = Life(*[event() for event in events])
    before, emitted, entries = order.order, len(order.events), len(order.entries)
    again = data.draw(st.lists(st.sampled_from(list(order.records)), max_size=10))
    for record in again:
        order.replay(record)
    assert order.order == before
    assert (len(order.events), len(order.entries)) == (emitted, entries)
