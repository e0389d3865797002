"""What its buyer withdrew on the channel is not paid, whichever of the two is heard of first."""

from __future__ import annotations

import pytest
from msgspec import Struct

from chassis.processor import Decision
from schemas.events.commands_refunds import WithdrawRefund
from schemas.events.refunds import RefundEndedTooLate, RefundRefused, RefundRequested
from services.refunds.domain.model import Account, CaseState
from services.refunds.domain.payout import Stage
from tests.unit.refunds.desk import ORDER, RefundDesk, cancelled, line, paid, placed, shipped
from tests.unit.refunds.test_ended_there import ended

BOUGHT: tuple[Struct, ...] = (placed(line(1, 2, 180_000)), paid(180_000))


def withdraw(desk: RefundDesk, refund_id: str = "refund-1") -> Decision[Account]:
    return desk.give(
        WithdrawRefund(
            order_id=ORDER,
            command_id=f"withdrawn-{refund_id}",
            issued_at=desk.now,
            actor="channel:taobao",
            refund_id=refund_id,
            reason="T-900",
        )
    )


def asked(desk: RefundDesk) -> Decision[Account]:
    return desk.request("refund-1", (1, 1), kind="return_and_refund", actor="channel:taobao")


def test_a_case_that_waits_ends_and_its_pieces_may_be_asked_for_again() -> None:
    desk = RefundDesk(*BOUGHT, shipped(ORDER, (1, 2)))
    asked(desk)
    assert desk.stands() is CaseState.AWAITING_APPROVAL
    for _ in range(2):
        decision = withdraw(desk)
        assert (decision.refusal, decision.result_id) == ("", "refund-1")
    [refused] = desk.of(RefundRefused)
    assert (refused.actor, refused.reason) == ("channel:taobao", "withdrawn")
    assert desk.stands() is CaseState.REFUSED
    assert desk.changes[-1].case == desk.case()
    assert desk.approve("supervisor").refusal == "already_ended"
    assert desk.request("refund-2", (1, 2), kind="return_and_refund").refusal == ""


def test_approved_goods_that_will_not_come_are_not_waited_for() -> None:
    desk = RefundDesk(*BOUGHT, shipped(ORDER, (1, 2)))
    asked(desk)
    for role in desk.case().approvals_needed:
        desk.approve(role, actor=f"of-{role}")
    assert desk.stands() is CaseState.AWAITING_GOODS
    withdraw(desk)
    assert desk.stands() is CaseState.REFUSED


@pytest.mark.parametrize("early", [False, True])
def test_a_request_that_is_heard_of_after_its_end_is_never_opened(early: bool) -> None:
    desk = RefundDesk(*(() if early else BOUGHT))
    if early:
        assert asked(desk).refusal == ""  # kept for its order
    assert withdraw(desk).refusal == ""
    assert withdraw(desk).refusal == ""
    if early:
        for event in BOUGHT:
            desk.give(event)
    assert asked(desk).refusal == "request_over"
    assert desk.of(RefundRequested) == []
    assert desk.state is not None
    assert desk.state.withdrawn == ("refund-1",)


def paying(actor: str = "channel:taobao") -> RefundDesk:
    desk = RefundDesk(placed(line(1, 2, 18_000)), paid(18_000))
    desk.request("refund-1", (1, 1), actor=actor)
    assert desk.stands() is CaseState.PAYING
    return desk


@pytest.mark.parametrize("outcome", ["withdrawn", "refused"])
@pytest.mark.parametrize("payout", ["under way", "settled before", "settled after"])
def test_money_that_is_on_its_way_or_there_stays_and_that_is_told_once(
    payout: str, outcome: str
) -> None:
    desk = paying()
    desk.journal_says(Stage.UNKNOWN)
    if payout == "settled before":
        desk.payout()
    why = "already_ended" if payout == "settled before" else "already_paying"
    for _ in range(2):
        decision = desk.give(ended(outcome))
        assert (decision.refusal, decision.result_id) == ("", why)
    if payout == "settled after":
        desk.payout()
    assert withdraw(desk).result_id == (
        "already_paying" if payout == "under way" else "already_ended"
    )
    [told] = desk.of(RefundEndedTooLate)
    assert (told.outcome, told.settled) == (outcome, payout == "settled before")
    assert (told.amount_fen, told.refund_no, told.actor) == (9_000, "T-900", "channel:taobao")
    assert desk.of(RefundRefused) == []
    kept = desk.case().heard_there
    assert kept is not None
    assert kept.outcome == outcome
    assert desk.state is not None
    assert desk.state.doubts == {}, "nobody else has paid it"


def test_what_its_gateway_refused_or_the_channel_paid_was_not_ended_too_late() -> None:
    desk = paying()
    desk.payout("failed")
    assert withdraw(desk).refusal == "already_ended"
    desk = paying()
    desk.give(ended("refunded", (1, 1), fen=9_000))
    assert withdraw(desk).refusal == "already_ended"
    assert desk.of(RefundEndedTooLate) == []


def test_what_its_order_is_being_cancelled_for_is_not_taken_back_any_more() -> None:
    desk = RefundDesk(placed(line(1, 2, 10_000)), paid(10_000))
    desk.request("refund-1", actor="channel:taobao")
    desk.approve("supervisor")
    assert desk.stands() is CaseState.AWAITING_GOODS
    # Orders has heard of the approval: nobody would send the parcel any more.
    assert withdraw(desk).result_id == "already_paying"
    assert [told.outcome for told in desk.of(RefundEndedTooLate)] == ["withdrawn"]
    assert desk.refuse().refusal == "already_stopping"
    desk.give(cancelled())
    assert desk.stands() is CaseState.PAYING


def test_what_has_left_after_all_may_be_taken_back() -> None:
    desk = RefundDesk(placed(line(1, 2, 10_000)), paid(10_000))
    desk.request("refund-1", actor="channel:taobao")
    desk.approve("supervisor")
    desk.give(shipped(ORDER, (1, 2)))
    withdraw(desk)
    assert desk.stands() is CaseState.REFUSED
