"""What a platform's back office decides about a request ends its case here, and the books count its money once."""

from __future__ import annotations

from itertools import permutations

import pytest
from msgspec import Struct

from schemas.events.commands_refunds import (
    EndRefund,
    RefundedThere,
    RefundedThereLine,
    RefundRequestLine,
    RequestRefund,
)
from schemas.events.refunds import (
    DoubleRefundSuspected,
    RefundFailed,
    RefundRefused,
    RefundRequested,
    RefundSettled,
)
from services.refunds.domain.model import GIVEN_BACK, Account, CaseState
from services.refunds.domain.payout import Stage
from tests.unit.refunds.desk import (
    NOON,
    ORDER,
    RefundDesk,
    channel_closed,
    line,
    matched,
    paid,
    placed,
    shipped,
    unmatched,
)

BOUGHT: tuple[Struct, ...] = (
    placed(line(1, 2, 180_000), line(2, 1, 20_000), freight_fen=800),
    paid(200_800),
)
SHOP = "channel:taobao"


def ended(
    outcome: str,
    *lines: tuple[int, int],
    fen: int | None = None,
    refund_id: str = "refund-1",
    kind: str = "return_and_refund",
    doubt: str | None = None,
) -> EndRefund:
    """The channel's list says so; no lines: the whole order with its freight."""
    refunded = RefundedThere(
        amount_fen=fen,
        kind=kind,
        lines=tuple(RefundedThereLine(line_no=no, quantity=pieces) for no, pieces in lines),
        include_freight=not lines,
    )
    return EndRefund(
        order_id=ORDER,
        command_id=f"end-{refund_id}-{outcome}",
        issued_at=NOON,
        actor=SHOP,
        refund_id=refund_id,
        outcome=outcome,
        refund_no="T-900",
        refunded=refunded if outcome == "refunded" else None,
        doubt=doubt,
    )


def asking(*lines: tuple[int, int], refund_id: str = "refund-1") -> RequestRefund:
    """The request as ingest hands it over."""
    return RequestRefund(
        order_id=ORDER,
        command_id=f"ask-{refund_id}",
        issued_at=NOON,
        actor=SHOP,
        refund_id=refund_id,
        kind="return_and_refund",
        lines=tuple(RefundRequestLine(line_no=no, quantity=pieces) for no, pieces in lines),
        include_freight=not lines,
        damaged=False,
        reason="channel_request",
    )


def waiting() -> RefundDesk:
    """One piece that is back for its money, nobody has agreed yet."""
    desk = RefundDesk(*BOUGHT, shipped(ORDER, (1, 2), (2, 1)))
    desk.give(asking((1, 1)))
    assert desk.stands() is CaseState.AWAITING_APPROVAL
    return desk


def paying() -> RefundDesk:
    """A small refund that its rule approved."""
    desk = RefundDesk(placed(line(1, 2, 18_000)), paid(18_000))
    desk.request("refund-1", (1, 1), actor=SHOP)
    assert desk.stands() is CaseState.PAYING
    return desk


def books(desk: RefundDesk) -> tuple[object, ...]:
    """What is held and by which cases, whoever opened them, and what is beyond them."""
    assert desk.state is not None
    return (
        *(
            (case.refund_id, case.state, case.amount_fen, case.freight_fen, case.lines)
            for case in desk.state.cases
        ),
        desk.state.beyond,
    )


def unpaid(desk: RefundDesk) -> bool:
    """Whether no change of a case ever opened a payout."""
    return not [change for change in desk.changes if change.case.state is CaseState.PAYING]


def test_a_refusal_there_ends_the_case_once_and_is_no_answer_to_the_channel() -> None:
    desk = waiting()
    for _ in range(2):
        decision = desk.give(ended("refused"))
        assert (decision.refusal, decision.result_id) == ("", "refund-1")
    [refused] = desk.of(RefundRefused)
    assert (refused.actor, refused.reason) == (SHOP, "refused_there")
    assert desk.approve("supervisor").refusal == "already_ended"
    assert desk.give(asking((1, 2), refund_id="refund-2")).refusal == ""


def test_the_channels_echo_of_our_own_answers_changes_nothing() -> None:
    desk = waiting()
    desk.refuse(desk.case().approvals_needed[0])
    before = desk.state
    assert desk.give(ended("refused")).refusal == ""
    assert (desk.state, len(desk.of(RefundRefused))) == (before, 1)
    desk = paying()
    desk.payout()
    before = desk.state
    assert desk.give(ended("refunded", (1, 1), fen=9_000)).refusal == ""
    assert desk.state == before
    assert desk.of(DoubleRefundSuspected) == []
    assert len(desk.of(RefundSettled)) == 1


@pytest.mark.parametrize("fen", [None, 9_000, 8_000])
@pytest.mark.parametrize(
    ("doubt", "reason"), [("paid_before", "payout_settled_too"), ("answer_lost", "answer_lost")]
)
def test_a_channel_that_may_have_paid_before_it_heard_of_ours_is_no_echo(
    fen: int | None, doubt: str, reason: str
) -> None:
    desk = paying()
    desk.payout()
    doubted = ended("refunded", (1, 1), fen=fen, doubt=doubt)
    # What was first taken for an echo comes again once the channel has said that it was none; each may come twice.
    for end in (ended("refunded", (1, 1), fen=fen), doubted, doubted, ended("refunded")):
        assert desk.give(end).refusal == ""
    [told] = desk.of(DoubleRefundSuspected)
    assert (told.reason, told.amount_fen) == (reason, 9_000)
    assert (told.there_fen, told.beyond_fen) == (fen, fen or 9_000)
    assert len(desk.of(RefundSettled)) == 1
    assert desk.state is not None
    assert desk.state.beyond == {"refund-1": fen or 9_000}
    assert (desk.stands(), desk.case().amount_fen) == (CaseState.SETTLED, 9_000)
    # The second piece's money went with the first.
    assert desk.request("refund-2", (1, 1), actor="alice").refusal == "refunded_beyond"


def test_a_channel_that_pays_by_itself_is_told_of_once_while_our_payout_is_under_way() -> None:
    desk = paying()
    for doubt in (None, "paid_before"):
        desk.give(ended("refunded", (1, 1), fen=9_000, doubt=doubt))
    desk.payout()
    desk.give(ended("refunded", (1, 1), fen=9_000, doubt="answer_lost"))
    assert len(desk.of(DoubleRefundSuspected)) == 1
    assert desk.state is not None
    assert desk.state.beyond == {"refund-1": 9_000}


@pytest.mark.parametrize("approved", [False, True])
def test_money_that_went_there_settles_the_case_without_a_payout(approved: bool) -> None:
    desk = waiting()
    if approved:
        for role in desk.case().approvals_needed:
            desk.approve(role, actor=f"of-{role}")
        assert desk.stands() is CaseState.AWAITING_GOODS
    for _ in range(2):
        assert desk.give(ended("refunded", (1, 1), fen=90_000)).refusal == ""
    [settled] = desk.of(RefundSettled)
    assert (settled.amount_fen, settled.gateway) == (90_000, "channel")
    assert settled.gateway_request_no == "T-900"
    assert (desk.stands(), desk.case().end_reason) == (CaseState.SETTLED, "refunded_there")
    assert unpaid(desk)
    assert desk.approve("risk", actor="late").refusal == "already_ended"
    assert desk.give(asking((1, 2), refund_id="refund-2")).result_id == "quantity_above_left"
    assert desk.give(asking((1, 1), refund_id="refund-2")).refusal == ""


@pytest.mark.parametrize(
    ("fen", "lines", "freight_fen", "beyond_fen"),
    [
        (None, {1: (1, 90_000)}, 0, 0),
        (1, {1: (1, 1)}, 0, 0),
        (89_999, {1: (1, 89_999)}, 0, 0),
        # More than the piece: first of its line, then the freight, then lines of which no piece is taken.
        (100_000, {1: (1, 100_000)}, 0, 0),
        (180_500, {1: (1, 180_000)}, 500, 0),
        (181_000, {1: (1, 180_000), 2: (0, 200)}, 800, 0),
        (200_900, {1: (1, 180_000), 2: (0, 20_000)}, 800, 100),
    ],
)
def test_another_amount_there_is_the_one_that_counts(
    fen: int | None, lines: dict[int, tuple[int, int]], freight_fen: int, beyond_fen: int
) -> None:
    desk = waiting()
    desk.give(ended("refunded", (1, 1), fen=fen))
    case = desk.case()
    assert {one.line_no: (one.quantity, one.amount_fen) for one in case.lines} == lines
    assert case.freight_fen == freight_fen
    assert case.amount_fen == (fen or 90_000) - beyond_fen
    told = [(one.reason, one.beyond_fen) for one in desk.of(DoubleRefundSuspected)]
    assert told == ([("beyond_books", beyond_fen)] if beyond_fen else [])
    rest = desk.request("rest", freight=True)
    held = [one.amount_fen for one in (desk.state or Account()).cases]
    assert sum(held) <= 200_800
    if not rest.refusal and case.amount_fen >= 89_999:
        assert sum(held) == 200_800


def test_less_for_the_whole_order_comes_off_the_freight_first() -> None:
    desk = RefundDesk(*BOUGHT)
    desk.give(ended("refunded", fen=200_000, kind="refund_only"))
    assert (desk.case().amount_fen, desk.case().freight_fen) == (200_000, 0)
    assert desk.request("refund-2", freight=True).refusal == ""
    assert desk.case("refund-2").amount_fen == 800


def test_money_of_a_request_that_was_never_seen_open_is_counted() -> None:
    desk = RefundDesk(*BOUGHT)
    desk.give(ended("refunded", (2, 1), fen=20_000))
    assert [type(one) for one in desk.events] == [RefundRequested, RefundSettled]
    assert desk.give(asking((2, 1))).result_id == "refund-1"
    assert desk.give(asking((2, 1), refund_id="refund-2")).result_id == "quantity_above_left"
    assert len(desk.of(RefundRequested)) == 1
    assert unpaid(desk)


@pytest.mark.parametrize("state", ["refused", "failed", "withdrawn", "refused_there"])
def test_money_that_went_there_after_the_case_had_ended_is_counted_all_the_same(state: str) -> None:
    desk = paying() if state == "failed" else waiting()
    if state == "failed":
        desk.payout("failed")
    elif state == "refused":
        desk.refuse(desk.case().approvals_needed[0])
    else:
        desk.give(ended("withdrawn" if state == "withdrawn" else "refused"))
    assert desk.stands() in GIVEN_BACK
    desk.give(ended("refunded", (1, 1)))
    assert desk.stands() is CaseState.SETTLED
    assert len(desk.of(RefundSettled)) == 1
    assert desk.give(ended("withdrawn")).refusal == "already_ended"


def test_pieces_that_another_case_took_meanwhile_are_not_taken_twice() -> None:
    desk = waiting()
    desk.refuse(desk.case().approvals_needed[0])
    desk.give(asking((1, 2), refund_id="refund-2"))
    desk.give(ended("refunded", (1, 1), fen=90_000))
    assert [(one.line_no, one.quantity, one.amount_fen) for one in desk.case().lines] == [
        (1, 0, 0),
        (2, 0, 20_000),
    ]
    [told] = desk.of(DoubleRefundSuspected)
    assert (told.reason, told.beyond_fen, told.there_fen) == ("beyond_books", 69_200, 90_000)
    # The other case holds money that is gone: nobody can pay it.
    [role, *_] = desk.case("refund-2").approvals_needed
    assert desk.approve(role, refund_id="refund-2").refusal == "refunded_beyond"
    assert desk.request("refund-3", freight=True).refusal == "nothing_left"


def test_money_that_the_books_have_no_room_for_opens_no_case_and_is_told_once() -> None:
    desk = RefundDesk(*BOUGHT, shipped(ORDER, (1, 2), (2, 1)))
    desk.request("by-clerk", freight=True, kind="return_and_refund")
    for _ in range(2):
        desk.give(ended("refunded", fen=200_800))
    [told] = desk.of(DoubleRefundSuspected)
    assert (told.amount_fen, told.beyond_fen, told.reason) == (0, 200_800, "beyond_books")
    [role, *_] = desk.case("by-clerk").approvals_needed
    assert desk.approve(role, refund_id="by-clerk").refusal == "refunded_beyond"
    assert desk.give(asking()).refusal == "request_over"


def test_approved_and_waiting_for_goods_it_is_not_paid_beside_what_went_there() -> None:
    desk = RefundDesk(*BOUGHT, shipped(ORDER, (1, 2), (2, 1)))
    desk.request("by-clerk", freight=True, kind="return_and_refund")
    for role in desk.case("by-clerk").approvals_needed:
        desk.approve(role, f"of-{role}", "by-clerk")
    desk.give(ended("refunded", fen=200_800))
    desk.returned("by-clerk")
    assert desk.stands("by-clerk") is CaseState.AWAITING_GOODS
    assert unpaid(desk)


@pytest.mark.parametrize("stage", [None, Stage.DUE])
def test_a_payout_that_was_not_sent_is_closed_with_its_case(stage: Stage | None) -> None:
    desk = paying()
    if stage is not None:
        desk.journal_says(stage)
    desk.give(ended("refunded", (1, 1), fen=9_000))
    assert desk.stands() is CaseState.SETTLED
    assert desk.of(DoubleRefundSuspected) == []


@pytest.mark.parametrize("stage", [Stage.SENDING, Stage.UNKNOWN, Stage.NEEDS_PERSON, Stage.SETTLED])
@pytest.mark.parametrize("outcome", ["settled", "failed"])
def test_a_payout_that_may_have_left_is_told_once_and_repaired_by_nobody(
    stage: Stage, outcome: str
) -> None:
    desk = paying()
    desk.journal_says(stage)
    for _ in range(2):
        assert desk.give(ended("refunded", (1, 1), fen=8_000)).refusal == ""
    [told] = desk.of(DoubleRefundSuspected)
    assert (told.reason, told.amount_fen, told.there_fen) == ("payout_under_way", 9_000, 8_000)
    assert desk.stands() is CaseState.PAYING
    assert desk.changes[-1].payout == "paid_there"
    desk.payout(outcome)
    [settled] = desk.of(RefundSettled)
    assert desk.of(RefundFailed) == []
    if outcome == "settled":
        assert (settled.gateway, settled.amount_fen) == ("alipay", 9_000)
        # Both have paid: what is left of the order's money is spent.
        assert desk.request("refund-2", (1, 1)).refusal == "refunded_beyond"
    else:
        assert (settled.gateway, settled.amount_fen) == ("channel", 8_000)
        assert desk.request("refund-2", (1, 1)).refusal == ""
    assert len(desk.of(DoubleRefundSuspected)) == 1


def test_a_payout_that_is_to_be_sent_again_may_have_left() -> None:
    desk = paying()
    desk.journal_says(Stage.DUE, sent_before=True)
    desk.give(ended("refunded", (1, 1), fen=9_000))
    [told] = desk.of(DoubleRefundSuspected)
    assert (told.reason, desk.stands()) == ("payout_under_way", CaseState.PAYING)


def test_a_gateway_that_paid_a_case_which_was_settled_there_is_told() -> None:
    desk = paying()
    desk.give(ended("refunded", (1, 1), fen=9_000))
    for _ in range(2):
        desk.payout("settled")
    [told] = desk.of(DoubleRefundSuspected)
    assert (told.reason, told.beyond_fen) == ("payout_settled_too", 9_000)


def test_before_the_lines_have_skus_the_money_of_all_is_counted_and_a_part_waits() -> None:
    kit = (line(1, 6, 6_001, sku="A"), line(2, 3, 2_998, sku="B"))
    for fen, lines in ((None, ()), (5_000, ()), (2_998, ((2, 3),))):
        desk = RefundDesk(placed(unmatched(line(1, 3, 8_999))), paid(8_999))
        desk.give(ended("refunded", *lines, fen=fen))
        assert len(desk.of(RefundSettled)) == (0 if lines else 1)
        desk.give(matched(*kit))
        [settled] = desk.of(RefundSettled)
        assert settled.amount_fen == desk.case().amount_fen == (fen or 8_999)
        assert sum(one.amount_fen for one in desk.case().lines) == (fen or 8_999)
        for part, ordered in zip(desk.case().lines, kit, strict=False):
            assert part.amount_fen <= ordered.paid_fen or lines


STORY: tuple[Struct, ...] = (
    placed(line(1, 2, 180_000), line(2, 1, 20_000), freight_fen=800),
    paid(200_800),
    asking((1, 1)),
    ended("refunded", (1, 1), fen=85_000),
    ended("refused"),
)
WHOLE: tuple[Struct, ...] = (
    placed(line(1, 2, 180_000), line(2, 1, 20_000), freight_fen=800),
    paid(200_800),
    asking(),
    ended("refunded", fen=200_800),
    channel_closed(refunded=True),
)


@pytest.mark.parametrize("story", [STORY, WHOLE], ids=["a part", "with the order's cancelling"])
def test_in_any_order_and_number_of_arrivals_the_books_come_out_the_same(
    story: tuple[Struct, ...],
) -> None:
    commands = (RequestRefund, EndRefund)
    found = []
    desk = RefundDesk()
    for order in permutations(story):
        if order.index(story[0]) > order.index(story[1]):
            continue  # one topic tells both
        again = tuple(one for one in order if isinstance(one, commands))
        for arrivals in (order, (*order, *again), (*again, *order, *reversed(again))):
            desk = RefundDesk(*arrivals)
            found.append(books(desk))
            assert len(desk.of(RefundSettled)) == 1, order
            assert desk.of(DoubleRefundSuspected) == []
            assert unpaid(desk)
    assert all(one == found[0] for one in found)
    assert desk.stands() is CaseState.SETTLED


def test_an_outcome_that_nobody_knows_is_refused() -> None:
    desk = waiting()
    assert desk.give(ended("exchanged")).refusal == "outcome_unknown"
