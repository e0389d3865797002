"""A payout that is given up is told once, and only while it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.events.refunds import PayoutGivenUp, PayoutResumed
from services.refunds.domain.model import CaseState
from services.refunds.domain.payout import Stage
from tests.unit.refunds.desk import NOON, ORDER, RefundDesk
from tests.unit.refunds.test_resuming import given_up, paying


def test_it_is_told_why_how_often_it_was_tried_and_since_when() -> None:
    desk = paying()
    desk.journal_says(Stage.NEEDS_PERSON)
    desk.pass_days(1)
    decision = desk.give_up()
    assert (decision.refusal, decision.result_id) == ("", "refund-1")
    assert decision.events == (
        PayoutGivenUp(
            order_id=ORDER,
            version=0,
            occurred_at=NOON + timedelta(days=1),
            refund_id="refund-1",
            amount_fen=2_000,
            currency="CNY",
            actor="payout",
            reason="no_answer",
            last_heard="HTTP 502",
            given_up_at=NOON + timedelta(hours=1),
            sends=1,
            asks=20,
            underway=0,
        ),
    )
    assert desk.changes[-1].payout == "given_up"
    assert desk.stands() is CaseState.PAYING
    kept = desk.case().given_up
    assert kept
    assert (kept.reason, kept.given_up_at) == ("no_answer", NOON + timedelta(hours=1))


def test_told_again_it_is_told_once() -> None:
    desk = given_up()
    again = desk.give_up("stop-of-a-second-dispatcher")
    assert (again.refusal, again.events, again.effects) == ("", (), ())
    assert len(desk.of(PayoutGivenUp)) == 1


def test_given_up_again_after_a_resumption_is_told_again() -> None:
    desk = given_up()
    desk.resume()
    assert desk.case().given_up is None
    late = desk.give_up("stop-late")
    assert (late.refusal, late.events) == ("payout_not_given_up", ())
    desk.journal_says(Stage.NEEDS_PERSON)
    assert len(desk.give_up("stop-2").events) == 1
    assert [type(event) for event in desk.events[-3:]] == [
        PayoutGivenUp,
        PayoutResumed,
        PayoutGivenUp,
    ]


def test_a_person_who_is_faster_than_the_telling_has_both_told_in_order() -> None:
    desk = paying()
    desk.journal_says(Stage.NEEDS_PERSON)
    decision = desk.resume()
    assert [type(event) for event in decision.events] == [PayoutGivenUp, PayoutResumed]
    assert desk.case().given_up is None
    assert desk.give_up().refusal == "payout_not_given_up"
    assert len(desk.of(PayoutGivenUp)) == 1


@pytest.mark.parametrize("stage", [None, Stage.DUE, Stage.UNKNOWN, Stage.SETTLED, Stage.REFUSED])
def test_what_the_journal_has_not_given_up_is_not_told(stage: Stage | None) -> None:
    desk = paying()
    if stage:
        desk.journal_says(stage)
    decision = desk.give_up()
    assert (decision.refusal, decision.events) == ("payout_not_given_up", ())


@pytest.mark.parametrize("outcome", ["settled", "failed"])
def test_a_late_answer_ends_the_waiting(outcome: str) -> None:
    desk = given_up()
    desk.payout(outcome)
    assert desk.case().given_up is None
    assert desk.give_up("stop-2").refusal == "already_ended"
    assert RefundDesk().give_up().refusal == "refund_unknown"
