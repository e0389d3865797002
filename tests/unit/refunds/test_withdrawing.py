"""What its buyer withdrew on the channel is not paid, whichever of the two is heard of first."""

from __future__ import annotations

import pytest
from msgspec import Struct

from chassis.processor import Decision
from schemas.events.commands_refunds import WithdrawRefund
from schemas.events.refunds import RefundRefused, RefundRequested
from services.refunds.domain.model import Account, CaseState
from tests.unit.refunds.desk import ORDER, RefundDesk, line, paid, placed, shipped

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


def test_money_that_is_on_its_way_or_there_stays() -> None:
    desk = RefundDesk(placed(line(1, 2, 18_000)), paid(18_000))
    desk.request("refund-1", (1, 1))
    assert desk.stands() is CaseState.PAYING
    assert withdraw(desk).refusal == "already_paying"
    desk.payout()
    assert withdraw(desk).refusal == "already_ended"
    assert desk.of(RefundRefused) == []
