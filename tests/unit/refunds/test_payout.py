from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.refunds.domain.payout import (
    UNDERWAY_WAIT_MAX_S,
    Answer,
    Closed,
    Declined,
    Differs,
    Limits,
    Next,
    NotFound,
    NotNow,
    Payout,
    Settled,
    Stage,
    Unclear,
    Underway,
    after_asking,
    after_sending,
)

LIMITS = Limits(query_wait_s=10.0, sends_max=3, asks_max=4, underway_max=3)
SENDING = Payout(
    order_id="order-1",
    refund_id="refund-1",
    trade_no="taobao:T1",
    amount_fen=990,
    reason="少发",
    stage=Stage.SENDING,
    sends=1,
)
UNKNOWN = replace(SENDING, stage=Stage.UNKNOWN)


@pytest.mark.parametrize(
    ("payout", "answer", "stage", "wait_s"),
    [
        (SENDING, Settled(), Stage.SETTLED, 0.0),
        (SENDING, Declined("no"), Stage.REFUSED, 0.0),
        (replace(SENDING, sends=2), Declined("no"), Stage.UNKNOWN, 10.0),
        (SENDING, Unclear("HTTP 500"), Stage.UNKNOWN, 10.0),
        (SENDING, Differs("other"), Stage.UNKNOWN, 10.0),
        (SENDING, NotFound(), Stage.UNKNOWN, 10.0),
        (SENDING, Underway("PROCESSING"), Stage.UNKNOWN, 10.0),
        (SENDING, Closed("CLOSED"), Stage.REFUSED, 0.0),
        (replace(SENDING, sends=2), Closed("CLOSED"), Stage.REFUSED, 0.0),
        (SENDING, NotNow("40005"), Stage.DUE, 10.0),
        (replace(SENDING, sends=2), NotNow("40005"), Stage.DUE, 20.0),
        (replace(SENDING, sends=3), NotNow("40005"), Stage.NEEDS_PERSON, 0.0),
    ],
)
def test_after_sending(payout: Payout, answer: Answer, stage: Stage, wait_s: float) -> None:
    following = after_sending(payout, answer, LIMITS)
    assert (following.payout.stage, following.wait_s) == (stage, wait_s)


@pytest.mark.parametrize(
    ("payout", "answer", "stage", "wait_s"),
    [
        (UNKNOWN, Settled(), Stage.SETTLED, 0.0),
        (UNKNOWN, NotFound(), Stage.UNKNOWN, 10.0),
        (replace(UNKNOWN, not_found=1), NotFound(), Stage.DUE, 10.0),
        # Where its channel has paid it is not sent again: a gateway that books late gets its time.
        (replace(UNKNOWN, not_found=1, paid_there=True), NotFound(), Stage.UNKNOWN, 20.0),
        (replace(UNKNOWN, not_found=4, paid_there=True), NotFound(), Stage.UNKNOWN, 160.0),
        (replace(UNKNOWN, not_found=5, paid_there=True), NotFound(), Stage.REFUSED, 0.0),
        (replace(UNKNOWN, not_found=1, declined="no"), NotFound(), Stage.REFUSED, 0.0),
        (replace(UNKNOWN, not_found=1, sends=3), NotFound(), Stage.NEEDS_PERSON, 0.0),
        (UNKNOWN, Differs("other"), Stage.NEEDS_PERSON, 0.0),
        (UNKNOWN, Unclear("HTTP 500"), Stage.UNKNOWN, 10.0),
        (replace(UNKNOWN, asks=2), NotNow("40005"), Stage.UNKNOWN, 40.0),
        (replace(UNKNOWN, asks=3), Declined("no"), Stage.NEEDS_PERSON, 0.0),
        (replace(UNKNOWN, sends=2), Closed("CLOSED"), Stage.REFUSED, 0.0),
        (UNKNOWN, Underway("PROCESSING"), Stage.UNKNOWN, 10.0),
        (replace(UNKNOWN, underway=1), Underway("PROCESSING"), Stage.UNKNOWN, 20.0),
        (replace(UNKNOWN, underway=2), Underway("PROCESSING"), Stage.NEEDS_PERSON, 0.0),
    ],
)
def test_after_asking(payout: Payout, answer: Answer, stage: Stage, wait_s: float) -> None:
    following = after_asking(payout, answer, LIMITS)
    assert (following.payout.stage, following.wait_s) == (stage, wait_s)


@pytest.mark.parametrize(
    ("given_up", "why", "heard"),
    [
        (after_sending(replace(SENDING, sends=3), NotNow("40005"), LIMITS), "not_taken", "40005"),
        (after_asking(UNKNOWN, Differs("other"), LIMITS), "differs", "other"),
        (after_asking(replace(UNKNOWN, asks=3), Unclear("502"), LIMITS), "no_answer", "502"),
        (
            after_asking(replace(UNKNOWN, underway=2), Underway("PROCESSING"), LIMITS),
            "underway_too_long",
            "PROCESSING",
        ),
        (after_asking(UNKNOWN, Unclear("502"), LIMITS), None, "502"),
    ],
)
def test_who_gives_up_keeps_why_and_what_was_heard(
    given_up: Next, why: str | None, heard: str
) -> None:
    assert (given_up.payout.gave_up, given_up.payout.note) == (why, heard)


def test_money_on_its_way_tries_nobodys_patience_and_forgets_what_was_doubted() -> None:
    doubted = replace(UNKNOWN, asks=3, not_found=1, declined="no")
    known = after_asking(doubted, Underway("PROCESSING"), LIMITS).payout
    assert (known.asks, known.not_found, known.declined, known.underway) == (0, 0, "", 1)
    again = after_asking(known, Unclear("HTTP 500"), LIMITS).payout
    assert (again.stage, again.asks, again.underway) == (Stage.UNKNOWN, 1, 1)
    patient = replace(UNKNOWN, underway=398)
    waits = after_asking(patient, Underway("PROCESSING"), Limits(underway_max=400))
    assert waits.wait_s == UNDERWAY_WAIT_MAX_S


class Peer:
    """A gateway that is idempotent by number, books late, and loses or garbles answers as told."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = list(faults)
        self.moved: dict[str, int] = {}
        self.late: dict[str, int] = {}

    def _fault(self) -> str:
        return self.faults.pop(0) if self.faults else ""

    def refund(self, payout: Payout) -> Answer:
        fault, number = self._fault(), payout.payment.request_no
        if fault == "lost before":
            return Unclear("ConnectError")
        if fault == "throttled":
            return NotNow("40005")
        if fault == "declined" and number not in self.moved:
            return Declined("ACQ.TRADE_STATUS_ERROR")
        if fault == "late" and number not in self.moved:
            self.late[number] = payout.amount_fen
            return Unclear("ACQ.SYSTEM_ERROR")
        repeated = number in self.moved
        self.moved.setdefault(number, payout.amount_fen)
        self.late.pop(number, None)
        return Unclear("ReadTimeout") if fault == "lost after" or repeated else Settled()

    def query(self, payout: Payout) -> Answer:
        fault, number = self._fault(), payout.payment.request_no
        if fault == "booked":
            self.moved |= self.late
            self.late.clear()
        if fault in {"lost before", "lost after"}:
            return Unclear("ReadTimeout")
        if fault == "slow" and number in self.moved:
            return Underway("PROCESSING")
        return Settled() if number in self.moved else NotFound()


@given(
    faults=st.lists(
        st.sampled_from(
            (
                "",
                "lost before",
                "lost after",
                "throttled",
                "declined",
                "late",
                "booked",
                "slow",
                "died",
            )
        ),
        max_size=40,
    )
)
def test_whatever_happens_money_moves_once_and_no_outcome_is_made_up(faults: list[str]) -> None:
    peer = Peer(faults)
    payout = replace(SENDING, stage=Stage.DUE, sends=0)
    numbers, steps = set(), 0
    while payout.stage in (Stage.DUE, Stage.SENDING, Stage.UNKNOWN):
        steps += 1
        assert steps < 200, "a payout comes to an end"
        if payout.stage is Stage.DUE:
            payout = replace(payout, stage=Stage.SENDING, sends=payout.sends + 1)
            numbers.add((payout.payment.request_no, payout.payment.amount_fen))
            answer = peer.refund(payout)
            if peer.faults and peer.faults[0] == "died":
                peer.faults.pop(0)
                payout = replace(payout, stage=Stage.UNKNOWN)
                continue
            payout = after_sending(payout, answer, LIMITS).payout
        else:
            payout = after_asking(payout, peer.query(payout), LIMITS).payout
    assert len(numbers) == 1
    assert len(peer.moved) <= 1
    if payout.stage is Stage.SETTLED:
        assert peer.moved == {"refund-1": 990}
    if payout.stage is Stage.REFUSED:
        assert peer.moved == {}
