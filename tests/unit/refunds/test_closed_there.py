"""A channel that closes an order and gives all of its money back, while a payout of ours is under way."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from schemas.events.refunds import DoubleRefundSuspected, RefundRefused
from services.refunds.domain.doubt import OUTCOMES
from services.refunds.domain.model import CaseState
from services.refunds.domain.payout import Stage
from services.refunds.domain.rules import gone_fen
from tests.unit.refunds.desk import RefundDesk, channel_closed
from tests.unit.refunds.test_double_refunds import account, assert_told_as_kept, paying, standing
from tests.unit.refunds.test_ended_there import ended


def closed_beside(desk: RefundDesk, order: tuple[str, ...], fen: int) -> None:
    for what in order:
        if what == "closing":
            desk.give(channel_closed(refunded=True))
        else:
            desk.give(ended("refunded", (1, 1), fen=fen))


ORDERS = [
    ("closing", "end"),
    ("end", "closing"),
    ("closing", "end", "closing", "end"),
    ("end", "closing", "end"),
]


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
@pytest.mark.parametrize("stage", [Stage.SENDING, Stage.UNKNOWN, Stage.NEEDS_PERSON])
@pytest.mark.parametrize("outcome", ["settled", "failed"])
def test_a_closing_and_the_requests_own_end_are_one_doubt_whichever_comes_first(
    order: tuple[str, ...], stage: Stage, outcome: str
) -> None:
    desk = paying(stage)
    closed_beside(desk, order, 8_000)
    [told] = desk.of(DoubleRefundSuspected)
    assert (told.reason, told.amount_fen) == ("payout_under_way", 9_000)
    assert account(desk).doubts["refund-1"].there.fen == 8_000
    assert desk.stands() is CaseState.PAYING
    desk.payout(outcome)
    if outcome == "settled":
        assert account(desk).beyond == {"refund-1": 8_000}
        assert standing(desk) == {"refund-1"}
    else:
        assert (desk.stands(), desk.case().amount_fen) == (CaseState.SETTLED, 8_000)
        assert (account(desk).beyond, standing(desk)) == ({}, set())
    assert_told_as_kept(desk)


@pytest.mark.parametrize("by", ["closing", "end"])
def test_a_payout_that_was_given_up_unsent_is_no_doubt(by: str) -> None:
    desk = paying(Stage.NEEDS_PERSON)
    known = desk.payouts["order-1", "refund-1"]
    unsent = replace(known.given_up, reason="currency_not_taken", sends=0)
    desk.payouts["order-1", "refund-1"] = replace(known, given_up=unsent)
    closed_beside(desk, (by,), 9_000)
    assert desk.stands() is (CaseState.REFUSED if by == "closing" else CaseState.SETTLED)
    assert not desk.of(DoubleRefundSuspected)


@pytest.mark.parametrize("end", ["before the payout's", "after", "never"])
@pytest.mark.parametrize("outcome", ["settled", "failed"])
def test_a_payout_in_doubt_beside_a_closed_order_is_told_also_without_the_requests_own_end(
    end: str, outcome: str
) -> None:
    desk = paying()
    desk.give(channel_closed(refunded=True))
    assert standing(desk) == {"refund-1"}
    assert desk.changes[-1].payout == "paid_there", "it is not sent again"
    if end == "before the payout's":
        desk.give(ended("refunded", (1, 1), fen=9_000))
    desk.payout(outcome)
    if end == "after":
        desk.give(ended("refunded", (1, 1), fen=9_000))
    assert standing(desk) == ({"refund-1"} if outcome == "settled" else set())
    if outcome == "failed":
        refused = [one.reason for one in desk.of(RefundRefused)]
        assert refused == ([] if end == "before the payout's" else ["refunded_by_channel"])
        assert desk.stands() is (CaseState.REFUSED if end == "never" else CaseState.SETTLED)
    assert_told_as_kept(desk)


@pytest.mark.parametrize("stage", [None, Stage.DUE])
@pytest.mark.parametrize("late", [False, True])
def test_a_payout_that_was_not_sent_when_the_order_was_closed_is_over(
    stage: Stage | None, late: bool
) -> None:
    desk = paying(stage or Stage.DUE)
    if stage is None:
        desk.payouts.clear()
    desk.give(channel_closed(refunded=True))
    assert (desk.stands(), standing(desk)) == (CaseState.REFUSED, set())
    assert desk.changes[-1].payout == ""
    if late:
        desk.payout()
        assert desk.of(DoubleRefundSuspected)[-1].reason == "payout_settled_too"
        desk.resolve("only_ours")
        assert (desk.stands(), gone_fen(account(desk))) == (CaseState.SETTLED, 9_000)
    assert_told_as_kept(desk)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_person_settles_a_closed_order_whose_payout_was_given_up(outcome: str) -> None:
    desk = paying(Stage.NEEDS_PERSON)
    desk.give(channel_closed(refunded=True))
    desk.resolve(outcome)
    ended_as = CaseState.REFUSED if outcome == "only_channel" else CaseState.SETTLED
    assert (desk.stands(), standing(desk)) == (ended_as, set())
    assert_told_as_kept(desk)
