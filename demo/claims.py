"""What became of each refund a buyer asked for: exactly one outcome, or a finding. Pure.

Whether we were told that a claim is open is the platforms' own record, not ours: what its buyer withdrew before any answer
to us showed it open cannot have been lost here, and what was shown can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from demo.snapshots import Finding, Inside, InsideRefund, Outside, OutsideClaim, Withdrawal

WITHDRAWN = "withdrawn"
"""The platforms' status, and why a case of ours ended."""
PAID_THERE = "refunded_by_channel"
"""Why a case of ours ended that the channel paid itself."""
GONE = frozenset({"settled", "paying"})
TOO_LATE = frozenset({"already_paying", "already_ended"})
"""What `refunds` says where the money had been let go before it heard that the claim is withdrawn."""


class Outcome(StrEnum):
    """What became of a claim. Every claim has one."""

    SETTLED = "settled"
    REFUSED = "refused"
    """By us, with a reason."""
    FAILED = "failed"
    """The gateway refused to pay what its order contradicts itself about."""
    WITHDRAWN_UNSEEN = "withdrawn_unseen"
    """Before any answer to us showed it open."""
    REFUSED_UNSEEN = "refused_unseen"
    """The same, in the platform's back office."""
    WITHDRAWN = "withdrawn"
    """After that; its case ended unpaid, or was never opened."""
    WITHDRAWN_PAID_BEFORE = "withdrawn_paid_before"
    """After that; its money had been let go before `refunds` was told."""
    NOT_OPENED = "not_opened"
    """Its money had gone back before, so our books could not take it: for a person, who was told why."""
    ANSWERED_BY_SHOP = "answered_by_shop"
    """The shop's own people answered. Nobody here was asked, or the case ended unpaid."""
    PAID_THERE_TOO = "paid_there_too"
    """They paid it, and so did we: neither had heard of the other."""
    SET_ASIDE = "set_aside"
    """It waits with its order, or with that order's payment, in quarantine."""
    UNDER_WAY = "under_way"
    """Its case has not ended, which the checker tells as unfinished."""
    WRONG = "wrong"
    """A finding says why."""


class ClaimsEnded(Struct, frozen=True, kw_only=True):
    """How many claims had each outcome, how many of them `refunds` had to know, and what is wrong with some."""

    outcomes: Mapping[Outcome, int]
    looked_at: int
    withdrawal_heard_max_ms: int
    """The longest from the first answer that showed a claim as withdrawn to `refunds` having heard of it; 0: none was."""
    findings: tuple[Finding, ...]


def claims_ended(outside: Outside, inside: Inside) -> ClaimsEnded:
    """Accounts for every claim outside."""
    cases = {refund.refund_id: refund for refund in inside.refunds}
    moved = {refund.request_no for refund in outside.refunds if refund.moved}
    outcomes: Counter[Outcome] = Counter(dict.fromkeys(Outcome, 0))
    findings = []
    fine = {(order.channel, order.order_no) for order in outside.orders if order.expected == "ok"}
    unasked = {**_not_opened(outside, inside), **_unasked(outside, inside)}
    for claim in outside.claims:
        key = (claim.channel, claim.claim_no)
        case = cases.get(inside.claims.get(key, ""))
        outcome = unasked.get(key) if case is None else None
        if outcome is None:
            ended = _ended(claim, case, inside.withdrawals.get(key), moved)
            outcome = ended if isinstance(ended, Outcome) else Outcome.WRONG
            if outcome is Outcome.FAILED and (claim.channel, claim.order_no) in fine:
                outcome, ended = Outcome.WRONG, "failed at the gateway"
            if outcome is Outcome.WRONG:
                what = f"{claim.channel} {claim.claim_no} of {claim.order_no} {ended}"
                findings.append(Finding("claims", what))
        outcomes[outcome] += 1
    heard = [
        inside.withdrawals[key].heard_at_ms - claim.shown_withdrawn_at_ms
        for claim in outside.claims
        if claim.shown_withdrawn_at_ms
        and (key := (claim.channel, claim.claim_no)) in inside.withdrawals
    ]
    nobody_asked = outcomes[Outcome.ANSWERED_BY_SHOP] + outcomes[Outcome.SET_ASIDE]
    return ClaimsEnded(
        outcomes=outcomes,
        looked_at=outcomes.total() - nobody_asked,
        withdrawal_heard_max_ms=max(heard, default=0),
        findings=tuple(findings),
    )


def _unasked(outside: Outside, inside: Inside) -> dict[tuple[str, str], Outcome]:
    """Claims, by channel and number, of which `refunds` need not know, and why."""
    return {(claim.channel, claim.claim_no): why for claim, why in _whys(outside, inside)}


def _whys(outside: Outside, inside: Inside) -> Iterator[tuple[OutsideClaim, Outcome]]:
    accepted = {
        (o.channel, o.order_no) for o in inside.orders if o.order_id and not o.news_set_aside
    }
    # What a store took back is told by its own receipt, of a sale whose goods we know.
    ours = {
        (o.channel, o.order_no)
        for o in inside.orders
        if o.order_id and inside.reservations.get(o.order_id) != "unmatched"
    }
    fine = {(o.channel, o.order_no) for o in outside.orders if o.expected == "ok"}
    paid_back = {
        (o.channel, o.order_no) for o in inside.orders if o.order_id and o.paid_back_before
    }
    for claim in outside.claims:
        order = (claim.channel, claim.order_no)
        if order in paid_back:
            yield claim, Outcome.ANSWERED_BY_SHOP
        elif claim.asks and order not in accepted:
            yield claim, Outcome.SET_ASIDE
        elif not claim.asks and (
            (claim.channel, claim.claim_no) not in inside.claims or order not in ours & fine
        ):
            yield claim, Outcome.ANSWERED_BY_SHOP


def _not_opened(outside: Outside, inside: Inside) -> dict[tuple[str, str], Outcome]:
    """Claims, by channel and number, whose order has given money back and that were left to a person."""
    ids = {(o.channel, o.order_no): o.order_id for o in inside.orders if o.order_id}
    paid = {refund.order_id for refund in inside.refunds if refund.state in GONE}
    return {
        key: Outcome.NOT_OPENED
        for claim in outside.claims
        if inside.claims.get(key := (claim.channel, claim.claim_no)) in inside.not_opened
        and ids.get((claim.channel, claim.order_no)) in paid
    }


def _ended(
    claim: OutsideClaim,
    case: InsideRefund | None,
    withdrawal: Withdrawal | None,
    moved: set[str],
) -> Outcome | str:
    """The outcome, or what is wrong."""
    if claim.status == WITHDRAWN:
        return _ended_withdrawn(claim, case, withdrawal, moved)
    if case is None:
        unseen = claim.status == "refused" and not claim.shown_open_at_ms
        return Outcome.REFUSED_UNSEEN if unseen else "is no refund"
    if claim.status == "agreed" and case.state == "refused" and case.end_reason == PAID_THERE:
        return Outcome.ANSWERED_BY_SHOP
    if not claim.asks and claim.status == "agreed" and case.state == "settled":
        return Outcome.SETTLED if case.paid_elsewhere else Outcome.PAID_THERE_TOO
    if case.state == "settled":
        return "is refused there and paid" if claim.status == "refused" else Outcome.SETTLED
    if case.state == "failed":
        return Outcome.FAILED
    if case.state != "refused":
        return Outcome.UNDER_WAY
    if claim.status == "agreed":
        return "is agreed to there and refused here"
    if case.end_reason == WITHDRAWN:
        return f"ended as withdrawn and is {claim.status}"
    return Outcome.REFUSED if case.end_reason else "is refused without a reason"


def _ended_withdrawn(
    claim: OutsideClaim,
    case: InsideRefund | None,
    withdrawal: Withdrawal | None,
    moved: set[str],
) -> Outcome | str:
    if not claim.shown_open_at_ms:
        return Outcome.WITHDRAWN_UNSEEN if case is None else "is a refund and was never shown open"
    if withdrawal is None:
        return "was withdrawn and refunds was not told"
    if case is None:
        return Outcome.WITHDRAWN
    # One worker owns the order: what it answered tells which came first. That it had indeed agreed by then is seen apart.
    let_go = withdrawal.refusal in TOO_LATE and case.decided_at_ms <= withdrawal.heard_at_ms
    if case.state == "refused":
        return "ended unpaid and money moved" if case.refund_id in moved else Outcome.WITHDRAWN
    if not let_go:
        paid = "was paid" if case.state == "settled" else f"is {case.state}"
        return f"{paid} after refunds had been told that it was withdrawn"
    if case.state == "failed":
        return Outcome.FAILED
    return Outcome.WITHDRAWN_PAID_BEFORE if case.state == "settled" else Outcome.UNDER_WAY
