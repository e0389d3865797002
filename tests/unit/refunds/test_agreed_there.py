"""A channel that has approved a request and pays by itself, later: told once, and the case goes on as it would."""

from __future__ import annotations

from itertools import permutations

import pytest
from msgspec import Struct

from schemas.events.commands_refunds import RecordRequestAgreed
from schemas.events.refunds import RefundAgreedThere, RefundEndedTooLate, RefundSettled
from services.refunds.domain.model import CaseState
from tests.unit.refunds.desk import NOON, ORDER, RefundDesk
from tests.unit.refunds.test_ended_there import BOUGHT, asking, ended, paying, waiting


def agreed() -> RecordRequestAgreed:
    return RecordRequestAgreed(
        order_id=ORDER,
        command_id="agreed-refund-1",
        issued_at=NOON,
        actor="channel:jd",
        refund_id="refund-1",
        refund_no="T-900",
    )


def test_it_is_told_once_and_the_case_stays_open_until_the_channel_has_paid() -> None:
    desk = waiting()
    for _ in range(2):
        decision = desk.give(agreed())
        assert (decision.refusal, decision.result_id) == ("", "refund-1")
    [told] = desk.of(RefundAgreedThere)
    assert (told.amount_fen, told.refund_no, told.actor) == (90_000, "T-900", "channel:jd")
    assert desk.stands() is CaseState.AWAITING_APPROVAL
    assert desk.changes[-1].payout == "untouched"
    kept = desk.changes[-1].case.heard_there
    assert kept is not None
    assert kept.outcome == "agreed"
    desk.give(ended("refunded", (1, 1), fen=90_000))
    assert desk.stands() is CaseState.SETTLED


ARRIVALS = [
    arrivals
    for arrivals in permutations((*BOUGHT, asking((1, 1)), agreed()))
    if arrivals.index(BOUGHT[0]) < arrivals.index(BOUGHT[1])  # one topic tells both
]


@pytest.mark.parametrize("arrivals", ARRIVALS)
def test_whichever_comes_first_it_is_told_once_the_case_is_there(
    arrivals: tuple[Struct, ...],
) -> None:
    desk = RefundDesk(*arrivals, agreed(), asking((1, 1)))
    assert len(desk.of(RefundAgreedThere)) == 1
    assert desk.case().heard_there is not None
    assert desk.state is not None
    assert desk.state.agreed_early == {}


def test_the_echo_of_what_we_have_paid_is_no_news() -> None:
    desk = paying()
    desk.payout()
    before = desk.state
    assert desk.give(agreed()).refusal == ""
    assert (desk.state, desk.of(RefundAgreedThere)) == (before, [])


def test_withdrawn_after_that_while_we_pay_is_news_again() -> None:
    desk = paying()
    desk.give(agreed())
    desk.give(ended("withdrawn"))
    assert len(desk.of(RefundAgreedThere)) == len(desk.of(RefundEndedTooLate)) == 1
    desk.payout()
    assert len(desk.of(RefundSettled)) == 1
