"""Does a buyer get what was claimed, to the fen? Pure.

What a platform pays by itself is the check of the money (`demo.money`), which has both amounts. A claim that asks for less than
its lines are worth is answered for all of them (services/ingest/README.md, Not yet); buyers here ask for none. What is known to be
paid otherwise than claimed, since our requests do not carry the amount, is counted and told (`Otherwise`), and no finding.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from demo.snapshots import Finding, Inside, InsideRefund, Outside, OutsideClaim, OutsideOrder

UNPRICED = frozenset({"jd", "pdd"})
"""Platforms that never say what a line was paid: what its claims come to is compared, not each."""
NAME_NO_LINE = frozenset({"jd"})
"""Platforms whose requests name an order and a sum, and no line of it."""
OVER_WITHOUT_MONEY = frozenset({"withdrawn", "refused"})


class Otherwise(StrEnum):
    """How a claim is known to be paid otherwise than it asked (services/ingest/README.md, Not yet)."""

    FREIGHT = "freight"
    """With the order's freight, which was not claimed, or without it, which was; exactly that."""
    WHOLE_ORDER = "whole_order"
    """All the money of its order, of which it claimed a part, where the platform names no line."""


class Amounts(Struct, frozen=True, kw_only=True):
    """What the check of the amounts came to."""

    findings: tuple[Finding, ...]
    otherwise: Mapping[Otherwise, int]
    """How many were paid otherwise than claimed in a way that is known."""
    otherwise_fen: int
    """By how much, one beside the other."""


class _Pair(Struct, frozen=True, kw_only=True):
    order: OutsideOrder
    claim: OutsideClaim
    case: InsideRefund


def check_amounts(outside: Outside, inside: Inside) -> Amounts:
    """Compares what our gateway paid for a claim with what was asked for.

    Where a platform does not know that money has gone (a claim withdrawn when it was too late), its buyer may claim the
    same again there, and has only the rest back.
    """
    compared: defaultdict[str, list[_Pair]] = defaultdict(list)
    gone_unknown = set()
    for pair in _pairs(outside, inside):
        claim = pair.claim
        number = "" if claim.channel in UNPRICED else f"{claim.claim_no} of "
        compared[f"{claim.channel} {number}{claim.order_no}"].append(pair)
        if claim.status in OVER_WITHOUT_MONEY:
            gone_unknown.add((claim.channel, claim.order_no))
    back_fen: Counter[str] = Counter()
    for refund in inside.refunds:
        back_fen[refund.order_id] += refund.amount_fen if refund.state == "settled" else 0
    findings = []
    otherwise: Counter[Otherwise] = Counter(dict.fromkeys(Otherwise, 0))
    otherwise_fen = 0
    for name, pairs in compared.items():
        order = pairs[0].order
        claimed_fen = sum(pair.claim.amount_fen for pair in pairs)
        paid_fen = sum(pair.case.amount_fen for pair in pairs)
        rest_only = paid_fen < claimed_fen and (order.channel, order.order_no) in gone_unknown
        if paid_fen == claimed_fen or rest_only:
            continue
        all_back = back_fen[pairs[0].case.order_id] == order.paid_fen
        if how := _otherwise(pairs, paid_fen - claimed_fen, all_back=all_back):
            otherwise[how] += 1
            otherwise_fen += abs(paid_fen - claimed_fen)
        else:
            findings.append(
                Finding("claims", f"{name} asked for {claimed_fen} fen and got {paid_fen}")
            )
    return Amounts(findings=tuple(findings), otherwise=otherwise, otherwise_fen=otherwise_fen)


def _pairs(outside: Outside, inside: Inside) -> Iterator[_Pair]:
    """Claims over orders that do not contradict themselves, with the cases that our gateway paid for them."""
    settled = {r.refund_id: r for r in inside.refunds if r.state == "settled"}
    fine = {(o.channel, o.order_no): o for o in outside.orders if o.expected == "ok"}
    for claim in outside.claims:
        case = settled.get(inside.claims.get((claim.channel, claim.claim_no), ""))
        order = fine.get((claim.channel, claim.order_no))
        if case and order and not case.paid_elsewhere and not claim.paid_there:
            yield _Pair(order=order, claim=claim, case=case)


def _otherwise(pairs: list[_Pair], more_fen: int, *, all_back: bool) -> Otherwise | None:
    order = pairs[0].order
    if order.freight_fen and abs(more_fen) == order.freight_fen:
        return Otherwise.FREIGHT
    in_part = order.channel in NAME_NO_LINE and any(pair.claim.in_part for pair in pairs)
    return Otherwise.WHOLE_ORDER if in_part and more_fen > 0 and all_back else None
