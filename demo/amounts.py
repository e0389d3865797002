"""Does a buyer get what was claimed, to the fen? Pure.

What a platform pays by itself is the check of the money (`demo.money`), which has both amounts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from demo.snapshots import Finding, Inside, Outside

UNPRICED = frozenset({"jd", "pdd"})
"""Platforms that never say what a line was paid: what its claims come to is compared, not each."""
OVER_WITHOUT_MONEY = frozenset({"withdrawn", "refused"})


def check_amounts(outside: Outside, inside: Inside) -> Iterator[Finding]:
    """Compares what our gateway paid for a claim with what was asked for.

    Where a platform does not know that money has gone (a claim withdrawn when it was too late), its buyer may claim the
    same again there, and has only the rest back.
    """
    settled = {r.refund_id: r for r in inside.refunds if r.state == "settled"}
    fine = {(order.channel, order.order_no) for order in outside.orders if order.expected == "ok"}
    claimed_fen: Counter[tuple[str, str, str]] = Counter()
    paid_fen: Counter[tuple[str, str, str]] = Counter()
    gone_unknown = set()
    for claim in outside.claims:
        case = settled.get(inside.claims.get((claim.channel, claim.claim_no), ""))
        order = (claim.channel, claim.order_no)
        if case is None or case.paid_elsewhere or claim.paid_there or order not in fine:
            continue
        if claim.status in OVER_WITHOUT_MONEY:
            gone_unknown.add(order)
        key = (*order, "" if claim.channel in UNPRICED else claim.claim_no)
        claimed_fen[key] += claim.amount_fen
        paid_fen[key] += case.amount_fen
    for key, fen in claimed_fen.items():
        less = paid_fen[key] < fen and key[:2] in gone_unknown
        if paid_fen[key] != fen and not less:
            channel, order_no, claim_no = key
            what = f"{channel} {claim_no} of {order_no}" if claim_no else f"{channel} {order_no}"
            yield Finding("claims", f"{what} asked for {fen} fen and got {paid_fen[key]}")
