from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec import Struct

from chassis.money import share_out
from schemas.events.refunds import RefundSettled
from services.refunds.domain.doubt import OUTCOMES
from services.refunds.domain.model import GIVEN_BACK, Account, CaseState
from services.refunds.domain.payout import Stage
from services.refunds.store import COLUMNS
from tests.unit.refunds.desk import (
    ORDER,
    RefundDesk,
    cancelled,
    channel_closed,
    line,
    paid,
    placed,
    shipped,
)
from tests.unit.refunds.test_double_refunds import assert_told_as_kept, told_fen
from tests.unit.refunds.test_ended_there import ended

ROLES = ("supervisor", "finance", "risk")
FIRST_PARCEL = shipped(ORDER, (1, 1), parcels_left=1)
CASES = st.integers(0, 7).map(lambda number: f"refund-{number}")


class AnySequence(RuleBasedStateMachine):
    """Requests, approvals, refusals, returns and payouts in any order, for one order."""

    @initialize(
        lines=st.lists(
            st.tuples(st.integers(1, 7), st.integers(0, 200_000)), min_size=1, max_size=4
        ),
        freight_fen=st.sampled_from((0, 1, 800)),
        more_fen=st.sampled_from((0, 0, 0, -7, 13)),
    )
    def an_order(self, lines: list[tuple[int, int]], freight_fen: int, more_fen: int) -> None:
        """An order that paid what was announced, or a little more or less."""
        ordered = [line(no, pieces, fen) for no, (pieces, fen) in enumerate(lines, start=1)]
        announced_fen = sum(fen for _, fen in lines) + freight_fen
        self.paid_fen = max(1, announced_fen + more_fen)
        self.desk = RefundDesk(placed(*ordered, freight_fen=freight_fen), paid(self.paid_fen))
        self.units: list[tuple[int, ...]] = []

    def account(self) -> Account:
        """The account, which exists from the start."""
        assert self.desk.state is not None
        return self.desk.state

    def unit_shares(self) -> list[tuple[int, ...]]:
        """What each unit of each line is worth."""
        return [
            share_out(one.share_fen, [1] * one.quantity, [f"{u:06d}" for u in range(one.quantity)])
            for one in self.account().lines
        ]

    @rule(
        refund_id=CASES,
        lines=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 8)), max_size=3),
        freight=st.booleans(),
        kind=st.sampled_from(("refund_only", "return_and_refund")),
        damaged=st.booleans(),
    )
    def request(
        self,
        refund_id: str,
        lines: list[tuple[int, int]],
        freight: bool,
        kind: str,
        damaged: bool,
    ) -> None:
        """Somebody asks."""
        self.desk.request(refund_id, *lines, freight=freight, kind=kind, damaged=damaged)

    @rule(refund_id=CASES, role=st.sampled_from(ROLES), actor=st.sampled_from(("a", "b", "c")))
    def approve(self, refund_id: str, role: str, actor: str) -> None:
        """Somebody agrees."""
        self.desk.approve(role, actor, refund_id)

    @rule(refund_id=CASES, role=st.sampled_from(ROLES))
    def refuse(self, refund_id: str, role: str) -> None:
        """Somebody refuses."""
        self.desk.refuse(role, "d", refund_id)

    @rule(refund_id=CASES, good=st.booleans())
    def returned(self, refund_id: str, good: bool) -> None:
        """Goods come back."""
        self.desk.returned(refund_id, good=good)

    @rule(refund_id=CASES, outcome=st.sampled_from(("settled", "settled", "failed")))
    def payout(self, refund_id: str, outcome: str) -> None:
        """The gateway's word, also about cases it was never asked for."""
        self.desk.payout(outcome, refund_id)

    @rule(
        event=st.sampled_from(
            (FIRST_PARCEL, shipped(), cancelled(), channel_closed(refunded=False))
        )
    )
    def news(self, event: Struct) -> None:
        """Other services' facts."""
        self.desk.give(event)

    @rule(paid_fen=st.integers(1, 300_000))
    def paid_anew(self, paid_fen: int) -> None:
        """The channel reports another payment: it counts while no case stands on the first."""
        if not self.account().cases:
            self.paid_fen = paid_fen
        self.desk.give(paid(paid_fen))

    @invariant()
    def never_more_than_paid_at_any_level(self) -> None:
        """Order, freight, line and unit."""
        account = self.account()
        holding = [case for case in account.cases if case.state not in GIVEN_BACK]
        assert sum(case.amount_fen for case in holding) <= self.paid_fen
        for ordered in account.lines:
            parts = [p for case in holding for p in case.lines if p.line_no == ordered.line_no]
            assert sum(part.quantity for part in parts) <= ordered.quantity
            assert sum(part.amount_fen for part in parts) <= ordered.share_fen
        if account.cases:
            assert sum(case.freight_fen for case in holding) <= account.freight_fen
        columns = {column.name: column.value(account) for column in COLUMNS}
        assert columns == {
            "paid_fen": self.paid_fen,
            "held_fen": sum(case.amount_fen for case in holding),
        }

    @invariant()
    def unit_shares_never_change(self) -> None:
        """Once a case stands on them."""
        if self.account().cases:
            self.units = self.units or self.unit_shares()
            assert self.unit_shares() == self.units

    @invariant()
    def each_settled_case_was_announced_once(self) -> None:
        """With the amount it was requested with."""
        self.announced_as_settled()

    def announced_as_settled(self) -> None:
        """What `RefundSettled` told is what the cases say."""
        told = {event.refund_id: event.amount_fen for event in self.desk.of(RefundSettled)}
        assert len(told) == len(self.desk.of(RefundSettled))
        settled = [c for c in self.account().cases if c.state is CaseState.SETTLED]
        assert told == {case.refund_id: case.amount_fen for case in settled}

    def teardown(self) -> None:
        """Whatever happened: what is held and what is left make up what was paid."""
        if not hasattr(self, "desk"):
            return
        account = self.account()
        held_fen = sum(c.amount_fen for c in account.cases if c.state not in GIVEN_BACK)
        decision = self.desk.request("refund-rest", freight=True)
        if decision.refusal:
            assert held_fen == self.paid_fen
        else:
            assert held_fen + self.desk.case("refund-rest").amount_fen == self.paid_fen


AnySequence.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestAnySequence = AnySequence.TestCase


class WithEndsThere(AnySequence):
    """The same beside a channel's back office, which gives back what it likes, for cases and for what never was one."""

    @rule(
        refund_id=CASES,
        outcome=st.sampled_from(("refunded", "refunded", "refused", "withdrawn")),
        lines=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 8)), max_size=3),
        fen=st.none() | st.integers(1, 300_000),
        stage=st.sampled_from((None, Stage.DUE, Stage.SENDING, Stage.UNKNOWN, Stage.NEEDS_PERSON)),
    )
    def over_there(
        self,
        refund_id: str,
        outcome: str,
        lines: list[tuple[int, int]],
        fen: int | None,
        stage: Stage | None,
    ) -> None:
        """The channel's list says so, twice."""
        if stage is not None:
            self.desk.journal_says(stage, refund_id)
        for _ in range(2):
            self.desk.give(ended(outcome, *lines, fen=fen, refund_id=refund_id))

    @rule(refund_id=CASES, outcome=st.sampled_from(OUTCOMES))
    def a_persons_word(self, refund_id: str, outcome: str) -> None:
        """Somebody says whether it went twice, also where nobody has asked."""
        self.desk.resolve(outcome, refund_id=refund_id)

    @rule()
    def closed_over_there(self) -> None:
        """The channel gives the whole order's money back."""
        self.desk.give(channel_closed(refunded=True))

    def announced_as_settled(self) -> None:
        """With what people said of it; each was settled once at most, and readers know which wait for them."""
        told = [event.refund_id for event in self.desk.of(RefundSettled)]
        assert len(told) == len(set(told))
        assert_told_as_kept(self.desk)
        for case in self.account().cases:
            if case.refund_id not in self.account().doubts:
                settled_fen = case.amount_fen if case.state is CaseState.SETTLED else 0
                assert told_fen(self.desk, case.refund_id) == settled_fen

    @invariant()
    def nothing_is_sent_beyond_what_is_left(self) -> None:
        """A payout is opened only where it has room beside all that has gone by then."""
        account, looked_at = self.account(), getattr(self, "looked_at", 0)
        for change in self.desk.changes[looked_at:]:
            if change.case.state is CaseState.PAYING and not change.payout:
                gone = [
                    one.amount_fen
                    for one in account.cases
                    if one.state in {CaseState.PAYING, CaseState.SETTLED}
                ]
                assert sum(gone) + sum(account.beyond.values()) <= self.paid_fen
        self.looked_at = len(self.desk.changes)

    def teardown(self) -> None:
        """What is held and what is left never exceed what was paid."""
        if not hasattr(self, "desk"):
            return
        self.desk.request("refund-rest", freight=True)
        self.never_more_than_paid_at_any_level()


WithEndsThere.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestWithEndsThere = WithEndsThere.TestCase


class WithSums(AnySequence):
    """The same beside a channel whose requests name a sum, and at best a line."""

    def left_fen(self) -> int:
        """What nobody holds."""
        account = self.account()
        return self.paid_fen - sum(c.amount_fen for c in account.cases if c.state not in GIVEN_BACK)

    @rule(
        refund_id=CASES,
        line_no=st.none() | st.integers(1, 5),
        fen=st.integers(0, 300_000) | st.sampled_from((1, 10_000_000)),
        kind=st.sampled_from(("refund_only", "return_and_refund")),
    )
    def ask_for_a_sum(self, refund_id: str, line_no: int | None, fen: int, kind: str) -> None:
        """A new case is of exactly that sum, or of all that is left."""
        known = self.account().case(refund_id)
        left_fen = self.left_fen()
        lines = [
            (one.line_no, one.quantity) for one in self.account().lines if one.line_no == line_no
        ]
        if line_no is not None and not lines:
            return
        decision = self.desk.request(refund_id, *lines, kind=kind, fen=fen, actor="channel:taobao")
        if known is None and not decision.refusal and decision.result_id == refund_id:
            assert self.desk.case(refund_id).amount_fen == min(fen, left_fen)

    def teardown(self) -> None:
        """A sum that is large enough takes all that is left, also what is left of lines without pieces."""
        if not hasattr(self, "desk"):
            return
        left_fen = self.left_fen()
        decision = self.desk.request("refund-rest", fen=10_000_000)
        if decision.refusal:
            assert not left_fen
        else:
            assert self.desk.case("refund-rest").amount_fen == left_fen


WithSums.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestWithSums = WithSums.TestCase
