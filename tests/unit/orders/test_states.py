"""Every state meets every trigger, by rows; and what the table promises as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.orders.domain.diagram import EFFECT_TITLES, render
from services.orders.domain.guards import GUARD_TITLES, GUARDS
from services.orders.domain.states import (
    REFUSAL_TITLES,
    RULES,
    STATE_TITLES,
    TABLE,
    TRIGGER_TITLES,
    State,
    Trigger,
    why_refused,
)
from services.orders.domain.step import EFFECTS
from tests.unit.orders import life
from tests.unit.orders.life import Life

# N new, P 待支付, R 已支付待审核, T 待打单, G 已打单待发货, S 已发货, C 已完成, X 已取消.
# A letter: there it stands afterwards. x: refused and recorded, where it was.
EXPECTED = """
                        N P R T G S C X
placed                  P x x x x x x x
paid                    x R R T G S C x
amended                 x P R T G S C X
address_changed         x P R T G x x x
lines_matched           x P R T G S C X
channel_cancelled       x X X T G x x X
stock_reserved          N P T T G S C X
stock_short             N P R T G S C X
stock_released          N P R T G S C X
stock_expired           N X R T G S C X
waybill_issued          N P R G G S C x
parcel_shipped          N S S S S S C x
parcel_partly_shipped   N P R T G S C x
parcel_delivered        N C C C C C C x
parcel_partly_delivered N P R T G S C x
parcel_cancelled        N X X X X x x X
parcel_cancel_refused   N P R T G S C X
refund_requested        N P R T G S C X
whole_refund_requested  N P R T G S C X
refund_approved         N P R T G S C X
whole_refund_approved   N X X T G S C X
refund_closed           N P R T G S C X
hold                    x P R T G x x x
lift                    x P R T G x x x
review_passed           x P R x x x x x
review_failed           x X X x x x x x
cancel                  x X X T G x x x
close_unpaid            x X x x x x x x
"""
LETTERS = dict(zip("NPRTGSCX", State, strict=True))

EVENTS: dict[str, Callable[[], Any]] = {
    "placed": life.placed,
    "paid": life.paid,
    "amended": lambda: life.amended("personal"),
    "address_changed": life.moved,
    "lines_matched": life.lines_matched,
    "channel_cancelled": life.cancelled_by_channel,
    "stock_reserved": life.reserved,
    "stock_short": life.short,
    "stock_released": lambda: life.released("cancelled"),
    "stock_expired": lambda: life.released("expired"),
    "waybill_issued": life.waybill,
    "parcel_shipped": life.shipped,
    "parcel_partly_shipped": lambda: life.shipped(parcels_left=1),
    "parcel_delivered": life.delivered,
    "parcel_partly_delivered": lambda: life.delivered(parcels_left=1),
    "parcel_cancelled": life.parcel_cancelled,
    "parcel_cancel_refused": life.parcel_cancel_refused,
    "refund_requested": life.part_refund,
    "whole_refund_requested": life.whole_refund,
    "refund_approved": life.refund_approved,
    "whole_refund_approved": life.refund_approved,
    "refund_closed": life.refund_settled,
    "hold": life.hold,
    "lift": life.lift,
    "review_passed": lambda: life.review(passed=True),
    "review_failed": lambda: life.review(passed=False),
    "cancel": life.cancel,
    "close_unpaid": life.close_unpaid,
}


def pairs() -> Iterator[tuple[str, str, str]]:
    header, *rows = EXPECTED.strip("\n").splitlines()
    for row in rows:
        trigger, *cells = row.split()
        for letter, expected in zip(header.split(), cells, strict=True):
            yield letter, trigger, expected


def standing_in(letter: str, trigger: str) -> Life:
    """An order in that state, with what the trigger's guards ask for where they can be met."""
    reviewed = trigger.startswith("review") and letter in "PR"
    closable = trigger in {"stock_expired", "close_unpaid"}
    placed = life.placed(address_vague=reviewed, closable=closable)
    handed_over = [placed, life.reserved(), life.paid()]
    # Completed without a payment: the parcel's facts overtook it.
    unpaid = [placed, life.delivered()] if trigger == "paid" else []
    steps: dict[str, list[Any]] = {
        "N": [],
        "P": [placed],
        "R": [placed, life.paid()],
        "T": handed_over,
        "G": [*handed_over, life.waybill()],
        "S": [*handed_over, life.shipped()],
        "C": unpaid or [*handed_over, life.delivered()],
        "X": [placed, life.cancelled_by_channel()],
    }
    order = Life(*steps[letter])
    if trigger == "lift" and letter in "PRTG":
        order.take(life.hold())
    if trigger == "whole_refund_approved":
        order.take(life.whole_refund())
    assert order.state is LETTERS[letter]
    return order


@pytest.mark.parametrize(("letter", "trigger", "expected"), list(pairs()))
def test_every_pair_of_state_and_trigger_has_its_answer(
    letter: str, trigger: str, expected: str
) -> None:
    order = standing_in(letter, trigger)
    before = len(order.refused())
    event = EVENTS[trigger]()

    order.take(event)

    if expected != "x":
        assert (order.state, order.refused()[before:]) == (LETTERS[expected], [])
        return
    assert order.state is LETTERS[letter]
    if letter == "N" and hasattr(event, "command_id"):
        assert order.settled[event.command_id].result_id == "order_unknown"
        return
    if letter == "N" and trigger == "address_changed":
        trigger = "amended"  # nobody knows yet whose address it was
    reason = why_refused(LETTERS[letter], Trigger(trigger))
    assert order.refused()[before:] == [(trigger, reason)]
    assert order.entries[-1].action == "refused"
    assert reason in REFUSAL_TITLES


def test_the_rows_leave_out_no_trigger_but_the_automatic_one() -> None:
    rows = {trigger for _, trigger, _ in pairs()}
    assert rows == {trigger.value for trigger in Trigger} - {"ready"}
    assert [state for state, trigger in TABLE if trigger is Trigger.READY] == [
        State.AWAITING_REVIEW
    ]


def test_every_name_in_the_table_means_something() -> None:
    assert {name for rule in RULES for name in rule.guards} <= set(GUARDS)
    assert {name for rule in RULES for name in rule.effects} == set(EFFECTS)
    assert set(GUARDS) == set(GUARD_TITLES)
    assert set(EFFECTS) == set(EFFECT_TITLES)
    assert set(State) == set(STATE_TITLES)
    assert set(Trigger) == set(TRIGGER_TITLES)


def test_every_state_is_reached_and_every_unfinished_one_can_end() -> None:
    arrows = {(state, rule.to) for (state, _), rule in TABLE.items() if rule.to is not None}
    final = {State.COMPLETED, State.CANCELLED}
    assert {to for _, to in arrows} == set(State) - {State.NEW}
    assert not {state for state, _ in arrows} & final
    ending = set(final)
    while more := {state for state, to in arrows if to in ending} - ending:
        ending |= more
    assert ending == set(State)


def test_the_document_of_states_is_current() -> None:
    document = Path(__file__).parents[3] / "docs" / "order-states.md"
    assert document.read_text(encoding="utf-8") == render()
