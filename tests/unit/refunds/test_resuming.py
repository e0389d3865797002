"""Who may have the gateway asked again about a payout that was given up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.events.refunds import PayoutResumed
from services.refunds.domain.model import CaseState
from services.refunds.domain.payout import Stage
from services.refunds.domain.resuming import RESUMPTIONS_KEPT
from services.refunds.domain.rules import REASONS
from tests.unit.refunds.desk import NOON, ORDER, RefundDesk, delivered, line, paid, placed, shipped


def paying() -> RefundDesk:
    """A small refund that passed by rule and is being paid."""
    desk = RefundDesk(placed(line(1, 1, 2_000)), paid(2_000), shipped(), delivered())
    desk.request()
    assert desk.stands() is CaseState.PAYING
    return desk


def given_up() -> RefundDesk:
    """Its payout waits for a person, and that was told."""
    desk = paying()
    desk.journal_says(Stage.NEEDS_PERSON)
    desk.give_up()
    return desk


def test_a_payout_that_was_given_up_goes_on_and_who_when_and_why_are_kept() -> None:
    desk = given_up()
    decision = desk.resume()
    assert (decision.refusal, decision.result_id) == ("", "refund-1")
    assert desk.of(PayoutResumed) == [
        PayoutResumed(
            order_id=ORDER,
            version=0,
            occurred_at=NOON,
            refund_id="refund-1",
            amount_fen=2_000,
            currency="CNY",
            actor="fin-1",
            reason="支付渠道已恢复",
            last_heard="HTTP 502",
        )
    ]
    [kept] = desk.case().resumptions
    assert (kept.actor, kept.reason, kept.resumed_at) == ("fin-1", "支付渠道已恢复", NOON)
    assert kept.given_up_at == NOON + timedelta(hours=1)
    assert desk.changes[-1].payout == "resumed"
    assert desk.stands() is CaseState.PAYING
    desk.payout()
    assert desk.stands() is CaseState.SETTLED
    assert desk.case().resumptions == (kept,)


def test_the_same_command_again_does_nothing_also_where_the_payout_was_given_up_again() -> None:
    desk = given_up()
    desk.resume("look-1")
    desk.journal_says(Stage.NEEDS_PERSON)
    again = desk.resume("look-1")
    assert (again.refusal, again.result_id) == ("", "refund-1")
    assert (again.events, again.effects) == ((), ())
    desk.give_up("stop-2")
    another = desk.resume("look-2")
    assert len(another.events) == 1
    assert [one.command_id for one in desk.case().resumptions] == ["look-1", "look-2"]


def test_a_second_person_in_the_same_batch_is_told_that_it_is_being_looked_at() -> None:
    desk = given_up()
    desk.resume("look-1", actor="fin-1")
    second = desk.resume("look-2", actor="fin-2")
    assert second.refusal == "payout_not_given_up"
    assert len(desk.of(PayoutResumed)) == 1


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        (None, "payout_not_given_up"),
        (Stage.DUE, "payout_not_given_up"),
        (Stage.SENDING, "payout_not_given_up"),
        (Stage.UNKNOWN, "payout_not_given_up"),
        (Stage.SETTLED, "payout_answered"),
        (Stage.REFUSED, "payout_answered"),
    ],
)
def test_where_nobody_has_given_up_there_is_nothing_to_resume(
    stage: Stage | None, reason: str
) -> None:
    desk = paying()
    if stage:
        desk.journal_says(stage)
    decision = desk.resume()
    assert (decision.refusal, decision.events, decision.effects) == (reason, (), ())
    assert desk.case().resumptions == ()
    assert REASONS[reason]


@pytest.mark.parametrize("outcome", ["settled", "failed"])
def test_a_refund_that_ended_is_not_looked_at_again(outcome: str) -> None:
    desk = given_up()
    desk.payout(outcome)
    assert desk.resume().refusal == "already_ended"


def test_a_refund_that_waits_for_consent_has_no_payout_yet() -> None:
    desk = RefundDesk(placed(line(1, 1, 60_000)), paid(60_000), shipped(), delivered())
    desk.request()
    assert desk.resume().refusal == "not_paying"
    assert desk.resume(refund_id="refund-9").refusal == "refund_unknown"
    assert RefundDesk().resume().refusal == "refund_unknown"


@pytest.mark.parametrize(("actor", "reason"), [("", "已恢复"), ("  ", "已恢复"), ("fin-1", " ")])
def test_nobody_in_particular_or_for_no_reason_is_refused(actor: str, reason: str) -> None:
    desk = given_up()
    assert desk.resume(actor=actor, reason=reason).refusal == "resumed_without_reason"
    assert desk.of(PayoutResumed) == []


def test_an_account_keeps_the_newest_of_many() -> None:
    desk = given_up()
    for number in range(RESUMPTIONS_KEPT + 3):
        desk.journal_says(Stage.NEEDS_PERSON)
        desk.give_up(f"stop-{number}")
        desk.resume(f"look-{number}")
    kept = [one.command_id for one in desk.case().resumptions]
    assert kept == [f"look-{number}" for number in range(3, RESUMPTIONS_KEPT + 3)]
    assert len(desk.of(PayoutResumed)) == RESUMPTIONS_KEPT + 3
