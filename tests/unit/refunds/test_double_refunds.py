"""A person says what became of money that may have gone twice, and the books count what has gone, to the fen."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.processor import Decision
from schemas.events.refunds import (
    DoubleRefundResolved,
    DoubleRefundSuspected,
    RefundRefused,
    RefundSettled,
)
from services.refunds.domain import doubt
from services.refunds.domain.doubt import OUTCOMES, RESOLUTIONS_KEPT
from services.refunds.domain.model import Account, CaseState
from services.refunds.domain.payout import Stage
from services.refunds.domain.rules import REASONS, gone_fen
from services.refunds.store import CaseChanged
from tests.unit.refunds.desk import (
    NOON,
    ORDER,
    RefundDesk,
    cancelled,
    channel_closed,
    line,
    paid,
    placed,
    shipped,
)
from tests.unit.refunds.test_ended_there import BOUGHT, asking, ended

OURS_FEN, PAID_FEN = 9_000, 18_000
THERE_FEN = (8_000, 9_000, 9_500)


def account(desk: RefundDesk) -> Account:
    assert desk.state is not None
    return desk.state


def paying(stage: Stage = Stage.UNKNOWN, lines: int = 1) -> RefundDesk:
    """One of two pieces, approved by its rule; its payout stands there."""
    desk = RefundDesk(placed(line(1, 2, PAID_FEN)), paid(PAID_FEN))
    desk.request("refund-1", (1, lines), actor="channel:taobao")
    assert desk.stands() is CaseState.PAYING
    desk.journal_says(stage)
    return desk


def given_up(fen: int | None) -> RefundDesk:
    """The channel has paid, and nobody knows about ours."""
    desk = paying(Stage.NEEDS_PERSON)
    desk.give(ended("refunded", (1, 1), fen=fen))
    desk.give_up()
    return desk


def both_told(fen: int | None) -> RefundDesk:
    """The channel has paid while ours was under way, and the gateway says that ours went."""
    desk = paying()
    desk.give(ended("refunded", (1, 1), fen=fen))
    desk.payout()
    return desk


def paid_too(fen: int | None) -> RefundDesk:
    """Settled there before ours was sent, as it seemed; and the gateway says that ours went."""
    desk = paying(Stage.DUE)
    desk.give(ended("refunded", (1, 1), fen=fen))
    desk.payout()
    return desk


DOUBTS: dict[str, Callable[[int | None], RefundDesk]] = {
    "given up": given_up,
    "both told": both_told,
    "paid too": paid_too,
}


def net_fen(doubted: str, outcome: str, there_fen: int) -> int:
    """What has gone by that word."""
    match outcome:
        case "only_ours":
            return OURS_FEN
        case "only_channel":
            return there_fen
        case "recovered":
            return there_fen if doubted == "paid too" else OURS_FEN
        case _:
            return OURS_FEN + there_fen


POSSIBLE = [
    (doubted, outcome)
    for doubted, outcome in product(DOUBTS, OUTCOMES)
    if doubted == "given up" or outcome != "only_channel"
]


def told_fen(desk: RefundDesk, refund_id: str = "refund-1") -> int:
    """What a reader of the events makes of it."""
    settled: list[int] = [
        one.amount_fen for one in desk.of(RefundSettled) if one.refund_id == refund_id
    ]
    found: list[DoubleRefundResolved] = [
        one for one in desk.of(DoubleRefundResolved) if one.refund_id == refund_id
    ]
    return sum(settled) + sum(one.difference_fen for one in found)


def flags(desk: RefundDesk) -> set[str]:
    """Refunds that a reader of the events takes for suspected, as the console does."""
    open_ids: set[str] = set()
    for event in desk.events:
        match event:
            case DoubleRefundSuspected(refund_id=refund_id):
                open_ids.add(refund_id)
            case DoubleRefundResolved(refund_id=refund_id):
                open_ids.discard(refund_id)
            case RefundSettled(refund_id=refund_id, gateway="channel"):
                open_ids.discard(refund_id)
            case RefundRefused(refund_id=refund_id, reason="refunded_by_channel"):
                open_ids.discard(refund_id)
    return open_ids


def standing(desk: RefundDesk) -> set[str]:
    return {one for one, known in account(desk).doubts.items() if known.standing}


def assert_told_as_kept(desk: RefundDesk) -> None:
    """Flags, sums and rows say what the account says."""
    assert flags(desk) == standing(desk)
    for refund_id, known in account(desk).doubts.items():
        row = desk.doubts[ORDER, refund_id]
        assert row.doubt == known
        if not known.standing:
            assert told_fen(desk, refund_id) == doubt.given_back_fen(account(desk), refund_id)
            assert row.beyond_fen == account(desk).beyond.get(refund_id, 0)


def rest_fen(desk: RefundDesk) -> int:
    """What a later refund of everything that is left pays, approved by whoever must."""
    before = len(desk.of(RefundSettled))
    if desk.request("rest", freight=True).refusal:
        return 0
    for role in desk.case("rest").approvals_needed:
        desk.approve(role, f"of-{role}", "rest")
    desk.payout("settled", "rest")
    return sum(one.amount_fen for one in desk.of(RefundSettled)[before:])


@pytest.mark.parametrize("there_fen", THERE_FEN)
@pytest.mark.parametrize(("doubted", "outcome"), POSSIBLE)
def test_the_books_count_what_has_gone_and_nothing_of_it_is_paid_again(
    doubted: str, outcome: str, there_fen: int
) -> None:
    desk = DOUBTS[doubted](there_fen)
    assert standing(desk) == {"refund-1"}
    for number in range(3):
        decision = desk.resolve(outcome, f"look-{number}", actor=f"fin-{number}")
        assert (decision.refusal, decision.result_id) == ("", "refund-1")
    [told] = desk.of(DoubleRefundResolved)
    net = net_fen(doubted, outcome, there_fen)
    assert (told.outcome, told.amount_fen) == (outcome, net)
    assert (told.actor, told.reason) == ("fin-0", "已查支付渠道账单")
    assert gone_fen(account(desk)) == net == told_fen(desk)
    assert told.order_fully_refunded == (net >= PAID_FEN)
    assert_told_as_kept(desk)
    [kept] = account(desk).doubts["refund-1"].resolutions
    assert (kept.actor, kept.outcome, kept.given_back_fen) == ("fin-0", outcome, net)
    for other in OUTCOMES:
        if other != outcome:
            assert desk.resolve(other).refusal == "already_resolved"
    # What comes late, or twice, finds it settled.
    desk.give(ended("refunded", (1, 1), fen=there_fen))
    if doubted != "given up" or outcome == "only_ours":
        desk.payout()
    desk.give(asking((1, 1)))
    assert gone_fen(account(desk)) == net
    assert rest_fen(desk) <= max(0, PAID_FEN - net)
    assert gone_fen(account(desk)) <= max(PAID_FEN, net)
    assert_told_as_kept(desk)


@pytest.mark.parametrize("doubted", ["both told", "paid too"])
def test_what_the_gateway_has_confirmed_is_not_talked_away(doubted: str) -> None:
    desk = DOUBTS[doubted](8_000)
    before = desk.state
    assert desk.resolve("only_channel").refusal == "payout_confirmed"
    assert (desk.state, desk.of(DoubleRefundResolved)) == (before, [])


@pytest.mark.parametrize(
    ("stage", "refusal"),
    [
        (Stage.SENDING, "payout_in_doubt"),
        (Stage.UNKNOWN, "payout_in_doubt"),
        (Stage.SETTLED, "payout_answered"),
        (Stage.REFUSED, "payout_answered"),
    ],
)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_while_the_gateway_is_being_asked_nobody_guesses(
    stage: Stage, refusal: str, outcome: str
) -> None:
    desk = paying(stage)
    desk.give(ended("refunded", (1, 1), fen=8_000))
    assert desk.resolve(outcome).refusal == refusal
    assert standing(desk) == {"refund-1"}
    assert REASONS[refusal]


def test_where_nothing_is_suspected_or_said_there_is_nothing_to_settle() -> None:
    assert RefundDesk().resolve("only_ours").refusal == "not_suspected"
    desk = paying()
    assert desk.resolve("only_ours").refusal == "not_suspected"
    assert desk.resolve("only_ours", refund_id="refund-9").refusal == "not_suspected"
    desk = both_told(8_000)
    for actor, reason in (("", "已查"), (" ", "已查"), ("fin-1", " ")):
        refused = desk.resolve("recovered", actor=actor, reason=reason)
        assert refused.refusal == "resolved_without_reason"
    assert desk.resolve("neither").refusal == "outcome_unknown"
    assert standing(desk) == {"refund-1"}


def test_a_payout_that_did_not_go_settles_it_without_a_person() -> None:
    desk = paying()
    desk.give(ended("refunded", (1, 1), fen=8_000))
    desk.payout("failed")
    assert (standing(desk), desk.of(DoubleRefundResolved)) == (set(), [])
    [kept] = account(desk).doubts["refund-1"].resolutions
    assert (kept.outcome, kept.actor, kept.given_back_fen) == ("only_channel", "payout", 8_000)
    assert desk.resolve("only_channel").refusal == ""
    assert desk.resolve("only_ours").refusal == "already_resolved"
    assert_told_as_kept(desk)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_a_person_said_is_open_again_once_the_gateway_says_otherwise(outcome: str) -> None:
    desk = given_up(8_000)
    desk.resolve(outcome, "look-1")
    before = gone_fen(account(desk))
    desk.payout()
    if outcome != "only_channel":
        assert (standing(desk), gone_fen(account(desk))) == (set(), before)
        return
    assert (standing(desk), gone_fen(account(desk))) == ({"refund-1"}, 17_000)
    assert desk.of(DoubleRefundSuspected)[-1].reason == "payout_settled_too"
    assert desk.resolve("only_channel", "look-1").refusal == "", "the same press is settled"
    assert standing(desk) == {"refund-1"}
    desk.resolve("written_off")
    assert told_fen(desk) == 17_000
    assert [one.outcome for one in account(desk).doubts["refund-1"].resolutions] == [
        "only_channel",
        "written_off",
    ]
    assert_told_as_kept(desk)


@pytest.mark.parametrize(
    ("outcome", "gateway", "amount_fen"),
    [
        ("only_ours", "manual", 9_000),
        ("only_channel", "channel", 8_000),
        ("recovered", "manual", 9_000),
        ("written_off", "manual", 9_000),
    ],
)
def test_a_case_whose_payout_was_given_up_ends_by_a_persons_word(
    outcome: str, gateway: str, amount_fen: int
) -> None:
    desk = given_up(8_000)
    desk.resolve(outcome)
    [settled] = desk.of(RefundSettled)
    assert (settled.gateway, settled.amount_fen) == (gateway, amount_fen)
    assert desk.stands() is CaseState.SETTLED
    assert desk.case().given_up is None
    assert desk.changes[-1].payout == "", "its payout is closed with it"
    assert desk.resume().refusal == "already_ended"


# ---- beyond the books ------------------------------------------------------------------------------


def crowded(*, settled: bool) -> RefundDesk:
    """A clerk's refund holds the order's money, and the channel gave back half of the same by itself."""
    if not settled:
        desk = RefundDesk(*BOUGHT, shipped(ORDER, (1, 2), (2, 1)))
        desk.request("by-clerk", freight=True, kind="return_and_refund")
    else:
        desk = RefundDesk(placed(line(1, 2, PAID_FEN)), paid(PAID_FEN), shipped())
        desk.request("by-clerk", (1, 2))
        for role in desk.case("by-clerk").approvals_needed:
            desk.approve(role, f"of-{role}", "by-clerk")
        desk.payout("settled", "by-clerk")
        assert desk.stands("by-clerk") is CaseState.SETTLED
    desk.give(ended("refunded", (1, 1), fen=9_000))
    return desk


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_money_beyond_the_books_is_counted_as_a_person_says(outcome: str, settled: bool) -> None:
    desk = crowded(settled=settled)
    assert standing(desk) == {"refund-1"}
    assert account(desk).beyond == {"refund-1": 9_000}
    decision = desk.resolve(outcome)
    if settled and outcome == "only_channel":
        assert decision.refusal == "payout_confirmed"
        return
    gone = 9_000 if outcome in {"only_channel", "written_off"} else 0
    [told] = desk.of(DoubleRefundResolved)
    assert (told.amount_fen, told.difference_fen) == (gone, gone)
    assert account(desk).beyond == ({"refund-1": gone} if gone else {})
    assert desk.give(ended("refunded", (1, 1), fen=9_000)).events == ()
    assert desk.give(asking((1, 1))).refusal == "request_over"
    assert_told_as_kept(desk)
    if not settled:
        [role, *_] = desk.case("by-clerk").approvals_needed
        agreed = desk.approve(role, refund_id="by-clerk")
        assert agreed.refusal == ("refunded_beyond" if gone else "")


def test_a_case_that_the_channel_never_paid_gives_its_money_free() -> None:
    """More than was paid, the channel said; there was nothing at all."""
    desk = RefundDesk(*BOUGHT, shipped(ORDER, (1, 2), (2, 1)))
    desk.give(ended("refunded", fen=200_900))
    assert (desk.case().amount_fen, account(desk).beyond) == (200_800, {"refund-1": 100})
    desk.resolve("only_ours")
    assert (desk.stands(), desk.case().end_reason) == (CaseState.FAILED, "not_refunded_there")
    [told] = desk.of(DoubleRefundResolved)
    assert (told.amount_fen, told.difference_fen) == (0, -200_800)
    assert desk.give(ended("refunded", fen=200_900)).events == ()
    assert desk.request("rest", freight=True).refusal == ""
    assert_told_as_kept(desk)


def test_what_waited_for_money_that_may_have_gone_is_paid_once_it_has_not() -> None:
    for outcome in ("recovered", "written_off"):
        desk = RefundDesk(*BOUGHT, shipped(ORDER, (1, 2), (2, 1)))
        desk.request("by-clerk", freight=True, kind="return_and_refund")
        for role in desk.case("by-clerk").approvals_needed:
            desk.approve(role, f"of-{role}", "by-clerk")
        desk.give(ended("refunded", fen=200_800))
        desk.returned("by-clerk")
        assert desk.stands("by-clerk") is CaseState.AWAITING_GOODS
        desk.resolve(outcome)
        paid_now = desk.stands("by-clerk") is CaseState.PAYING
        assert paid_now == (outcome == "recovered")


@pytest.mark.parametrize("outcome", ["settled", "failed"])
def test_while_it_is_in_doubt_the_channels_money_counts_as_gone(outcome: str) -> None:
    desk = paying()
    desk.give(ended("refunded", (1, 1), fen=9_000))
    desk.request("refund-2", (1, 1))
    desk.give(
        cancelled()
    )  # the two are all there was: the order ends, and only money is waited for
    assert desk.stands("refund-2") is CaseState.AWAITING_GOODS
    desk.payout(outcome)
    paid_now = desk.stands("refund-2") is CaseState.PAYING
    assert paid_now == (outcome == "failed")


def test_what_waited_for_money_alone_goes_on_when_another_payout_has_failed() -> None:
    desk = RefundDesk(
        placed(line(1, 1, 6_000), line(2, 1, 4_000)), paid(10_000), shipped(ORDER, (1, 1), (2, 1))
    )
    for refund_id, line_no, kind in (
        ("refund-1", 1, "refund_only"),
        ("by-clerk", 2, "return_and_refund"),
    ):
        desk.request(refund_id, (line_no, 1), kind=kind)
        for role in desk.case(refund_id).approvals_needed:
            desk.approve(role, f"of-{role}", refund_id)
    assert desk.stands() is CaseState.PAYING
    desk.give(ended("refunded", (2, 1), fen=3_000, refund_id="there"))
    desk.resolve("written_off", refund_id="there")
    assert account(desk).beyond == {"there": 3_000}
    desk.returned("by-clerk")
    assert (desk.stands("by-clerk"), desk.case("by-clerk").goods) == (
        CaseState.AWAITING_GOODS,
        "good",
    )
    decision = desk.payout("failed")
    assert desk.stands() is CaseState.FAILED
    assert desk.stands("by-clerk") is CaseState.PAYING
    assert decision.result_id == "refund-1"
    changed = [one for one in decision.effects if isinstance(one, CaseChanged)]
    assert [one.case.refund_id for one in changed] == ["refund-1", "by-clerk"]


# ---- whatever comes, in whatever order -------------------------------------------------------------

Step = Callable[[RefundDesk], Decision[Account]]
NEWS: dict[str, Step] = {
    "end": lambda desk: desk.give(ended("refunded", (1, 1), fen=8_000)),
    "withdrawn": lambda desk: desk.give(ended("withdrawn")),
    "closing": lambda desk: desk.give(channel_closed(refunded=True)),
    "settled": lambda desk: desk.payout(),
    "failed": lambda desk: desk.payout("failed"),
    "more": lambda desk: desk.request("refund-2", (1, 1), actor="channel:taobao"),
    "more there": lambda desk: desk.give(
        ended("refunded", (1, 1), fen=9_900, refund_id="refund-2")
    ),
    **{one: lambda desk, one=one: desk.resolve(one) for one in OUTCOMES},  # type: ignore[misc]
}


@settings(max_examples=500, deadline=None)
@given(
    stage=st.sampled_from((Stage.DUE, Stage.UNKNOWN, Stage.NEEDS_PERSON)),
    names=st.lists(st.sampled_from(sorted(NEWS)), max_size=10),
)
def test_in_any_order_and_number_of_arrivals_what_is_told_is_what_is_kept(
    stage: Stage, names: list[str]
) -> None:
    desk = paying(stage)
    for name in names:
        NEWS[name](desk)
        assert_told_as_kept(desk)
        held = [one.amount_fen for one in account(desk).cases if one.state is CaseState.SETTLED]
        assert sum(held) <= PAID_FEN
    before = gone_fen(account(desk))
    assert before + rest_fen(desk) <= max(PAID_FEN, before)


def test_an_account_keeps_the_newest_of_many() -> None:
    state = account(both_told(8_000))
    known = state.doubts["refund-1"]
    for number in range(RESOLUTIONS_KEPT + 3):
        state = doubt.raised(state, "refund-1", known.reason, known.there, 9_000, NOON)
        state = doubt.fallen(state, "refund-1", f"c{number}", NOON)
    kept = [one.command_id for one in state.doubts["refund-1"].resolutions]
    assert kept == [f"c{number}" for number in range(3, RESOLUTIONS_KEPT + 3)]
