"""What became of each refund a buyer asked for: exactly one outcome, or a finding. Pure.

Whether we were told that a claim is open is the platforms' own record, not ours: what its buyer withdrew before any answer
to us showed it open cannot have been lost here, and what was shown can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from demo.amounts import check_amounts
from demo.asked import check_asked
from demo.snapshots import (
    End,
    Finding,
    Inside,
    InsideRefund,
    Outside,
    OutsideClaim,
    OutsideRefund,
)

WITHDRAWN = "withdrawn"
"""The platforms' status, and why a case of ours ended."""
PAID_THERE = "refunded_by_channel"
"""Why a case of ours ended that the channel paid itself."""
GONE = frozenset({"settled", "paying"})
WAITING = frozenset({"awaiting_approval", "awaiting_goods"})
TOO_LATE = frozenset({"already_paying", "already_ended"})
"""What `refunds` says where the money had been let go before it heard that the claim is over without money."""
ON_ITS_WAY_MS = 2_000
"""So much later at most the gateway has what had left when `refunds` heard of the channel's decision."""


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
    REFUSED_THERE = "refused_there"
    """In the platform's back office, after it was shown open; its case ended unpaid, or was never opened."""
    REFUSED_THERE_PAID_BEFORE = "refused_there_paid_before"
    """The same; its money had been let go before `refunds` was told."""
    REFUNDED_THERE = "refunded_there"
    """In the back office, by the platform's money, which the books count to the fen; our gateway paid nothing."""
    PAID_BY_BOTH = "paid_by_both"
    """The same, and our payout had left before `refunds` was told: a person is told, and the books count both."""
    DOUBTED_IN_VAIN = "doubted_in_vain"
    """Paid by us alone, and the platform's answer to our word of it was lost: a person is told that it may have paid, too."""
    HELD_BY_DOUBT = "held_by_doubt"
    """Its order may have had money twice: nothing more is paid until a person has looked."""
    NOT_OPENED = "not_opened"
    """Its money had gone back before, so our books could not take it: for a person, who was told why."""
    ANSWERED_BY_SHOP = "answered_by_shop"
    """The shop's own people answered. Nobody here was asked, or the case ended unpaid."""
    PAID_THERE_TOO = "paid_there_too"
    """They paid it, and so did we: neither had heard of the other."""
    SET_ASIDE = "set_aside"
    """It waits with its order, or with that order's payment, in quarantine: the platform contradicts itself about that."""
    UNDER_WAY = "under_way"
    """Its case has not ended, which the checker tells as unfinished."""
    WRONG = "wrong"
    """A finding says why."""


ONLY_CONTRADICTED: Mapping[Outcome, str] = {
    Outcome.SET_ASIDE: "is set aside without a cause",
    Outcome.FAILED: "failed at the gateway",
}
"""What may become only of a claim whose order contradicts itself on its platform, and what is wrong with any other."""
NOBODY_ASKED = frozenset({Outcome.ANSWERED_BY_SHOP, Outcome.SET_ASIDE})
"""Of what `refunds` need not know."""


class ClaimsEnded(Struct, frozen=True, kw_only=True):
    """How many claims had each outcome, how many of them `refunds` had to know, and what is wrong with some."""

    outcomes: Mapping[Outcome, int]
    looked_at: int
    withdrawal_heard_max_ms: int
    """The longest from the first answer that showed a claim as withdrawn to `refunds` having heard of it; 0: none was."""
    back_office_heard_max_ms: int
    """The same of those that the shop's own people decided."""
    paid_there_fen: Mapping[str, int]
    """By refund id what platforms paid by themselves of claims that our books have to know."""
    doubted_in_vain: frozenset[str]
    """Refund ids of which the books count, until a person has looked, what no platform paid."""
    findings: tuple[Finding, ...]


class _Held(Struct, frozen=True, kw_only=True):
    """A claim, and everything that both sides know of it."""

    claim: OutsideClaim
    refund_id: str
    case: InsideRefund | None
    end: End | None
    payout: OutsideRefund | None
    """Where the gateway moved money."""
    beyond_fen: int
    doubted: bool
    held_by_doubt: bool


def claims_ended(outside: Outside, inside: Inside) -> ClaimsEnded:
    """Accounts for every claim outside, and asks of every refund that was paid which claim it is of, and of how much."""
    outcomes: Counter[Outcome] = Counter(dict.fromkeys(Outcome, 0))
    findings = [*check_asked(outside, inside), *check_amounts(outside, inside)]
    paid_there_fen: Counter[str] = Counter()
    in_vain = set()
    fine = {(order.channel, order.order_no) for order in outside.orders if order.expected == "ok"}
    unasked = {**_not_opened(outside, inside), **_unasked(outside, inside)}
    for held in _held(outside, inside):
        claim = held.claim
        why = unasked.get((claim.channel, claim.claim_no)) if held.case is None else None
        ended = why or _ended(held)
        if isinstance(ended, Outcome) and (claim.channel, claim.order_no) in fine:
            ended = ONLY_CONTRADICTED.get(ended, ended)
        outcome = ended if isinstance(ended, Outcome) else Outcome.WRONG
        if outcome is Outcome.WRONG:
            what = f"{claim.channel} {claim.claim_no} of {claim.order_no} {ended}"
            findings.append(Finding("claims", what))
        outcomes[outcome] += 1
        if outcome is Outcome.DOUBTED_IN_VAIN:
            in_vain.add(held.refund_id)
        if _is_to_be_booked(held, outcome):
            paid_there_fen[held.refund_id] += claim.amount_fen
    nobody_asked = sum(outcomes[outcome] for outcome in NOBODY_ASKED)
    return ClaimsEnded(
        outcomes=outcomes,
        looked_at=outcomes.total() - nobody_asked,
        withdrawal_heard_max_ms=_heard_max_ms(outside, inside, "buyer"),
        back_office_heard_max_ms=_heard_max_ms(outside, inside, "shop"),
        paid_there_fen=paid_there_fen,
        doubted_in_vain=frozenset(in_vain),
        findings=tuple(findings),
    )


def _heard_max_ms(outside: Outside, inside: Inside, answered_by: str) -> int:
    heard = [
        inside.ends[key].heard_at_ms - claim.shown_ended_at_ms
        for claim in outside.claims
        if claim.answered_by == answered_by
        and claim.shown_ended_at_ms
        and (key := (claim.channel, claim.claim_no)) in inside.ends
    ]
    return max(heard, default=0)


def _held(outside: Outside, inside: Inside) -> Iterator[_Held]:
    cases = {refund.refund_id: refund for refund in inside.refunds}
    moved = {refund.request_no: refund for refund in outside.refunds if refund.moved}
    waiting = {refund.refund_id for refund in held_by_doubt(inside)}
    for claim in outside.claims:
        key = (claim.channel, claim.claim_no)
        refund_id = inside.claims.get(key, "")
        yield _Held(
            claim=claim,
            refund_id=refund_id,
            case=cases.get(refund_id),
            end=inside.ends.get(key),
            payout=moved.get(refund_id),
            beyond_fen=inside.beyond.get(refund_id, 0),
            doubted=refund_id in inside.doubted,
            held_by_doubt=refund_id in waiting,
        )


def held_by_doubt(inside: Inside) -> tuple[InsideRefund, ...]:
    """Cases that wait since their order has had back more than its cases say: with theirs it would be more than was paid."""
    paid_fen = {order.order_id: order.paid_fen for order in inside.orders if order.order_id}
    gone_fen: Counter[str] = Counter()
    doubted = set()
    for refund in inside.refunds:
        gone_fen[refund.order_id] += refund.amount_fen if refund.state in GONE else 0
        gone_fen[refund.order_id] += inside.beyond.get(refund.refund_id, 0)
        if refund.refund_id in inside.beyond and refund.refund_id in inside.doubted:
            doubted.add(refund.order_id)
    return tuple(
        refund
        for refund in inside.refunds
        if refund.order_id in doubted
        and refund.state in WAITING
        and gone_fen[refund.order_id] + refund.amount_fen > paid_fen.get(refund.order_id, 0)
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
        if not claim.paid_there
        and inside.claims.get(key := (claim.channel, claim.claim_no)) in inside.not_opened
        and ids.get((claim.channel, claim.order_no)) in paid
    }


def _ended(held: _Held) -> Outcome | str:
    """The outcome, or what is wrong."""
    claim, case = held.claim, held.case
    if claim.status == WITHDRAWN or (claim.status == "refused" and claim.answered_by == "shop"):
        return _ended_without_money(held)
    if claim.paid_there:
        return _ended_paid_there(held)
    if case is None:
        return "is no refund"
    if not claim.asks and (answered := _ended_by_shop(held, case)):
        return answered
    if case.state == "settled":
        if held.doubted:
            lost = claim.agreements_heard > 1
            return (
                Outcome.DOUBTED_IN_VAIN if lost else "was paid once and a person is told of twice"
            )
        return "is refused there and paid" if claim.status == "refused" else Outcome.SETTLED
    if case.state == "failed":
        return Outcome.FAILED
    if case.state != "refused":
        return Outcome.HELD_BY_DOUBT if held.held_by_doubt else Outcome.UNDER_WAY
    if claim.status == "agreed":
        return "is agreed to there and refused here"
    if case.end_reason == WITHDRAWN:
        return f"ended as withdrawn and is {claim.status}"
    return Outcome.REFUSED if case.end_reason else "is refused without a reason"


def _ended_by_shop(held: _Held, case: InsideRefund) -> Outcome | None:
    """Where the shop's own people answer every claim, and we read it meanwhile."""
    if held.claim.status != "agreed":
        return None
    if case.state == "refused" and case.end_reason == PAID_THERE:
        return Outcome.ANSWERED_BY_SHOP
    if case.state == "settled" and case.paid_elsewhere and held.payout is None:
        return Outcome.SETTLED
    if case.state == "settled":
        return Outcome.PAID_BY_BOTH if held.doubted else Outcome.PAID_THERE_TOO
    return None


def _is_to_be_booked(held: _Held, outcome: Outcome) -> bool:
    """Whether our books have to have what the platform, or the shop's own people, paid by themselves."""
    claim, case = held.claim, held.case
    if claim.asks:
        return claim.paid_there and outcome not in NOBODY_ASKED
    counted = case is not None and case.state == "settled" and case.paid_elsewhere
    return claim.status == "agreed" and (counted or held.beyond_fen > 0)


BY_BUYER = (Outcome.WITHDRAWN_UNSEEN, Outcome.WITHDRAWN, Outcome.WITHDRAWN_PAID_BEFORE)
BY_SHOP = (Outcome.REFUSED_UNSEEN, Outcome.REFUSED_THERE, Outcome.REFUSED_THERE_PAID_BEFORE)


def _ended_without_money(held: _Held) -> Outcome | str:
    claim, case, end = held.claim, held.case, held.end
    withdrawn = claim.status == WITHDRAWN
    unseen, unpaid, paid_before = BY_BUYER if withdrawn else BY_SHOP
    what = "withdrawn" if withdrawn else "refused there"
    if not claim.shown_open_at_ms:
        return unseen if case is None else "is a refund and was never shown open"
    if end is None:
        return f"was {what} and refunds was not told"
    if case is None:
        return unpaid
    # One worker owns the order: what it answered tells which came first. That it had indeed agreed by then is seen apart.
    let_go = end.refusal in TOO_LATE and case.decided_at_ms <= end.heard_at_ms
    if case.state == "refused":
        return "ended unpaid and money moved" if held.payout else unpaid
    if not let_go:
        paid = "was paid" if case.state == "settled" else f"is {case.state}"
        return f"{paid} after refunds had been told that it was {what}"
    if case.state == "failed":
        return Outcome.FAILED
    return paid_before if case.state == "settled" else Outcome.UNDER_WAY


def _ended_paid_there(held: _Held) -> Outcome | str:
    """How much each side paid, and that the books say so, is the check of the money; here is who knew of it, and when."""
    claim, case, end, payout = held.claim, held.case, held.end, held.payout
    if end is None:
        return "was refunded there and refunds was not told"
    if end.refusal:
        return f"was refunded there and refunds answered {end.refusal}"
    if held.beyond_fen and not held.doubted:
        return f"has {held.beyond_fen} fen that the books have no room for, and nobody is told"
    if case is None or case.state not in GONE:
        if case is not None and case.state in WAITING:
            return f"is {case.state} after refunds had been told that it was refunded there"
        # Another case of the order had all of its money before.
        whole = held.beyond_fen == claim.amount_fen
        return Outcome.PAID_BY_BOTH if whole else "is refunded there and not in the books"
    if case.state == "paying":
        return Outcome.UNDER_WAY if held.doubted else "is paid though refunds has been told"
    if payout is None:
        elsewhere = case.paid_elsewhere
        return Outcome.REFUNDED_THERE if elsewhere else "is refunded there and held to be paid here"
    if payout.asked_at_ms > end.heard_at_ms + ON_ITS_WAY_MS:
        return "was paid after refunds had been told that it was refunded there"
    return Outcome.PAID_BY_BOTH if held.doubted else "was paid by both and nobody is told"
