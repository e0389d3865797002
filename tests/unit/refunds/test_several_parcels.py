"""Refunds of an order that several warehouses send, of which some parcels have left."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.refunds import RefundApproved, RefundSettled, RestockLine
from services.refunds.domain.model import CaseState
from tests.unit.refunds.desk import (
    ORDER,
    RefundDesk,
    cancelled,
    delivered,
    line,
    paid,
    placed,
    shipped,
)


def partly_shipped(quantity: int = 1, gone: int = 1) -> RefundDesk:
    """Lines of 149.00 and 20.00; of line 1, `gone` of `quantity` pieces have left and arrived, of line 2 none."""
    desk = RefundDesk(placed(line(1, quantity, 14_900), line(2, 2, 2_000)), paid(16_900))
    desk.give(shipped(ORDER, (1, gone), parcels_left=1))
    desk.give(delivered())
    return desk


def of_the_rule(desk: RefundDesk) -> list[str]:
    """Why its refunds passed without a person."""
    return [event.actor.partition("#")[2] for event in desk.of(RefundApproved)]


@pytest.mark.parametrize(
    ("kind", "no_return"),
    [("refund_only", "no_return_expected"), ("return_and_refund", "not_shipped")],
)
def test_a_line_that_has_not_left_is_refunded_as_unshipped(kind: str, no_return: str) -> None:
    desk = partly_shipped()
    desk.request("refund-1", (2, 1), kind=kind)
    assert of_the_rule(desk) == ["unshipped-small"]
    assert desk.stands() is CaseState.PAYING
    assert desk.returned().refusal == no_return
    desk.payout()
    (settled,) = desk.of(RefundSettled)
    assert (settled.shipped, settled.restock) == (False, ())


def test_a_line_that_has_left_has_to_come_back() -> None:
    desk = partly_shipped()
    desk.request("refund-1", (1, 1), kind="return_and_refund")
    assert of_the_rule(desk) == ["signed-small"]
    assert desk.stands() is CaseState.AWAITING_GOODS
    desk.returned()
    desk.payout()
    (settled,) = desk.of(RefundSettled)
    assert (settled.shipped, settled.restock) == (True, (RestockLine(sku="SKU-1", quantity=1),))


def test_of_both_only_what_has_left_is_waited_for_and_restocked() -> None:
    desk = partly_shipped()
    desk.request(kind="return_and_refund")
    desk.approve("supervisor")
    assert desk.stands() is CaseState.AWAITING_GOODS
    desk.returned()
    assert desk.stands() is CaseState.PAYING
    desk.give(shipped(ORDER, (2, 2), parcels_left=0))
    desk.payout()
    (settled,) = desk.of(RefundSettled)
    assert settled.restock == (RestockLine(sku="SKU-1", quantity=1),)
    assert settled.order_fully_refunded


def test_of_a_line_that_left_in_part_the_first_refund_has_the_pieces_that_left() -> None:
    desk = partly_shipped(quantity=4, gone=2)
    desk.request("refund-1", (1, 1), kind="return_and_refund")
    desk.request("refund-2", (1, 2), kind="return_and_refund")
    desk.request("refund-3", (1, 1), kind="return_and_refund")
    states = [desk.stands(f"refund-{number}") for number in (1, 2, 3)]
    assert states == [CaseState.AWAITING_GOODS, CaseState.AWAITING_GOODS, CaseState.PAYING]
    desk.returned("refund-2")
    desk.payout(refund_id="refund-2")
    assert desk.of(RefundSettled)[0].restock == (RestockLine(sku="SKU-1", quantity=1),)


def test_a_refund_that_was_refused_gives_its_pieces_to_the_next() -> None:
    desk = partly_shipped()
    desk.request("refund-1", (1, 1), kind="return_and_refund")
    desk.refuse()
    desk.request("refund-2", (1, 1), kind="return_and_refund")
    assert desk.stands("refund-2") is CaseState.AWAITING_GOODS


def test_a_whole_order_of_which_a_part_left_meanwhile_waits_for_that_part() -> None:
    desk = RefundDesk(placed(line(1, 1, 8_000), line(2, 1, 2_000)), paid(10_000))
    desk.request()
    assert desk.stands() is CaseState.AWAITING_GOODS
    desk.give(shipped(ORDER, (1, 1), parcels_left=1))
    assert desk.stands() is CaseState.AWAITING_GOODS
    desk.returned()
    desk.payout()
    assert desk.of(RefundSettled)[0].restock == (RestockLine(sku="SKU-1", quantity=1),)


def test_a_whole_order_of_which_a_part_has_left_waits_for_no_cancelling() -> None:
    desk = partly_shipped()
    desk.request()
    assert desk.stands() is CaseState.AWAITING_APPROVAL
    desk.approve("supervisor")
    assert desk.stands() is CaseState.PAYING


@pytest.mark.parametrize("is_first", [True, False])
def test_it_is_the_same_whether_the_parcel_or_the_request_comes_first(is_first: bool) -> None:
    desk = RefundDesk(placed(line(1, 1, 8_000), line(2, 1, 2_000)), paid(10_000))
    parcel = shipped(ORDER, (1, 1), parcels_left=1)
    if is_first:
        desk.give(parcel)
    desk.request("refund-1", (2, 1), kind="return_and_refund")
    desk.request("refund-2", (1, 1), kind="return_and_refund")
    if not is_first:
        assert desk.stands() is CaseState.AWAITING_GOODS
        desk.give(parcel)
    desk.approve("supervisor", refund_id="refund-2")
    assert desk.stands("refund-1") is CaseState.PAYING
    assert desk.stands("refund-2") is CaseState.AWAITING_GOODS


def test_with_the_last_parcel_everything_has_left() -> None:
    desk = partly_shipped()
    desk.give(shipped(ORDER, (2, 2), parcels_left=0))
    desk.request("refund-1", (2, 1), kind="return_and_refund")
    assert desk.stands() is CaseState.AWAITING_GOODS
    desk.give(cancelled())
    assert desk.stands() is CaseState.AWAITING_GOODS
    desk.returned()
    desk.payout()
    assert desk.of(RefundSettled)[0].restock == (RestockLine(sku="SKU-2", quantity=1),)


RETURN, LEAVE, COME_BACK = "return", "leave", "come_back"
STEPS = st.lists(st.tuples(st.sampled_from((RETURN, LEAVE, COME_BACK)), st.integers(1, 3)))


@given(steps=STEPS)
def test_nothing_comes_back_that_has_not_left(steps: list[tuple[str, int]]) -> None:
    """However refunds and parcels share a line."""
    desk = RefundDesk(placed(line(1, 6, 600), line(2, 1, 100)), paid(700))
    kept, back = 6, Counter[str]()
    for number, (step, count) in enumerate(steps):
        if step == RETURN:
            desk.request(f"refund-{number}", (1, count), kind="return_and_refund")
        elif step == LEAVE and kept > 0:
            pieces = min(count, kept)
            kept -= pieces
            desk.give(shipped(ORDER, (1, pieces), parcels_left=1))
        elif step == COME_BACK and desk.state is not None:
            waiting = [one for one in desk.state.cases if one.state is CaseState.AWAITING_GOODS]
            for case in waiting[:count]:
                desk.returned(case.refund_id)
    assert desk.state is not None
    for case in desk.state.cases:
        desk.approve("supervisor", refund_id=case.refund_id)
        desk.returned(case.refund_id)
        desk.payout(refund_id=case.refund_id)
    for settled in desk.of(RefundSettled):
        back.update({one.sku: one.quantity for one in settled.restock})
    assert back["SKU-1"] <= 6 - kept


def unshipped() -> RefundDesk:
    """Lines of 60.00 and 40.00, of which nothing has left."""
    return RefundDesk(placed(line(1, 1, 6_000), line(2, 2, 4_000)), paid(10_000))


def test_the_last_part_of_an_order_that_has_not_left_waits_until_it_will_not_leave() -> None:
    desk = unshipped()
    desk.request("refund-1", (1, 1))
    assert desk.stands("refund-1") is CaseState.PAYING
    desk.payout(refund_id="refund-1")
    desk.request("refund-2")
    assert desk.stands("refund-2") is CaseState.AWAITING_GOODS
    desk.give(cancelled())
    assert desk.stands("refund-2") is CaseState.PAYING
    desk.payout(refund_id="refund-2")
    assert [one.order_fully_refunded for one in desk.of(RefundSettled)] == [False, True]


def test_the_last_part_of_an_order_that_leaves_after_all_waits_for_its_goods() -> None:
    desk = unshipped()
    desk.request("refund-1", (1, 1))
    desk.request("refund-2", (2, 2))
    desk.give(shipped(ORDER, (1, 1), (2, 2), parcels_left=0))
    assert desk.stands("refund-2") is CaseState.AWAITING_GOODS
    desk.returned(refund_id="refund-2")
    assert desk.stands("refund-2") is CaseState.PAYING


def test_a_part_beside_one_that_nobody_has_agreed_to_is_only_a_part() -> None:
    desk = RefundDesk(placed(line(1, 1, 60_000), line(2, 1, 4_000)), paid(64_000))
    desk.request("refund-1", (1, 1))
    assert desk.stands("refund-1") is CaseState.AWAITING_APPROVAL
    desk.request("refund-2", (2, 1))
    assert desk.stands("refund-2") is CaseState.PAYING
    desk.approve("supervisor", refund_id="refund-1")
    desk.approve("finance", refund_id="refund-1")
    assert desk.stands("refund-1") is CaseState.AWAITING_GOODS
    desk.give(cancelled())
    assert desk.stands("refund-1") is CaseState.PAYING
