"""Which claim asked for each refund that was paid: exactly one, or a person of ours. Pure.

A gateway pays every id that it is given once. Who pays under a second id, or for what nobody asked, pays twice all the same:
nothing else here would see it, as gateway and books agree.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from demo.snapshots import Finding, Inside, Outside

Key = tuple[str, str]
"""Channel, and number of a claim there."""


def check_asked(outside: Outside, inside: Inside) -> Iterator[Finding]:
    """What is paid for no claim, for one twice, or for two at once."""
    orders = {(claim.channel, claim.claim_no): claim.order_no for claim in outside.claims}
    for channel, claim_no in inside.claims:
        if (channel, claim_no) not in orders:
            yield Finding("claims", f"{channel} {claim_no} was made on no platform")
    for refund_id, count in Counter(inside.claims.values()).items():
        if count > 1:
            yield Finding("claims", f"{refund_id} is the refund of {count} claims")
    claims = _claims(inside)
    paid: defaultdict[Key, list[str]] = defaultdict(list)
    for refund in inside.refunds:
        if refund.state != "settled":
            continue
        if refund.refund_id in claims:
            paid[claims[refund.refund_id]].append(refund.refund_id)
        elif not refund.opened_by_staff:
            what = f"{refund.refund_id} of {refund.order_id} is settled and nobody asked for it"
            yield Finding("claims", what)
    for (channel, claim_no), refund_ids in paid.items():
        if len(refund_ids) > 1:
            which = f"{channel} {claim_no} of {orders.get((channel, claim_no), '')}"
            yield Finding("claims", f"{which} is paid under {', '.join(sorted(refund_ids))}")


def _claims(inside: Inside) -> dict[str, Key]:
    """Refund id → the claim that it is of, as it is asked for now or was before it was refused."""
    before = {
        refund_id: key for key, refund_ids in inside.earlier.items() for refund_id in refund_ids
    }
    return before | {refund_id: key for key, refund_id in inside.claims.items()}
