"""Did the money move that our books say has gone back: by the gateway, by the platform, or by both? Pure, exact to the fen.

What a gateway moved is its own ledger's word, what a platform paid by itself the marketplaces'. What tills paid is the
tills' own word to us.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from msgspec import Struct

from demo.snapshots import Finding, Inside, InsideRefund, Outside, OutsideRefund


class Money(Struct, frozen=True, kw_only=True):
    """What the check of the money came to."""

    looked_at: int
    difference_fen: int
    """What moved and the books do not have, and what they have and did not move, one beside the other."""
    paid_by_both_fen: int
    """What went twice, and a person is told of."""
    findings: tuple[Finding, ...]


class _Went(Struct, frozen=True, kw_only=True):
    """One refund: what moved outside, and what the books say."""

    refund_id: str
    gateway_fen: int
    platform_fen: int
    books_fen: int

    @property
    def twice_fen(self) -> int:
        """What both paid."""
        return min(self.gateway_fen, self.platform_fen)

    @property
    def difference_fen(self) -> int:
        """What the books have too much, or too little below 0."""
        return self.books_fen - self.gateway_fen - self.platform_fen


def check_money(outside: Outside, inside: Inside, paid_there_fen: Mapping[str, int]) -> Money:
    """Compares each refund. `paid_there_fen`: by refund id what platforms paid by themselves."""
    every = [refund for refund in inside.refunds if refund.state == "settled"]
    went = list(_went(outside, inside, paid_there_fen))
    named = {
        one.refund_id
        for one in went
        if one.twice_fen and not one.difference_fen and one.refund_id in inside.doubted
    }
    findings = [*_moves(outside, inside, named), *_sums(inside, every)]
    findings += [
        Finding(
            "money",
            f"{one.refund_id} had {one.gateway_fen} fen by the gateway and {one.platform_fen} by its platform, "
            f"the books say {one.books_fen}",
        )
        for one in went
        if one.difference_fen and one.platform_fen
    ]
    moved_fen = sum(one.gateway_fen + one.platform_fen for one in went)
    books_fen = sum(one.books_fen for one in went)
    difference_fen = sum(abs(one.difference_fen) for one in went)
    if difference_fen:
        findings.append(Finding("money", f"moved {moved_fen} fen, settled {books_fen} fen"))
    return Money(
        looked_at=len(every),
        difference_fen=difference_fen,
        paid_by_both_fen=sum(one.twice_fen for one in went if one.refund_id in named),
        findings=tuple(findings),
    )


def _went(outside: Outside, inside: Inside, paid_there_fen: Mapping[str, int]) -> Iterator[_Went]:
    gateway_fen: Counter[str] = Counter()
    for moved in outside.refunds:
        gateway_fen[moved.request_no] += moved.amount_fen * moved.moved
    books_fen = Counter(dict(inside.beyond))
    asked = {*paid_there_fen} | {
        inside.claims.get((claim.channel, claim.claim_no)) for claim in outside.claims if claim.asks
    }
    at_counter = Counter[str]()
    for refund in inside.refunds:
        if refund.state != "settled":
            continue
        books_fen[refund.refund_id] += refund.amount_fen
        # Nobody else keeps a book of what was paid over a counter, or by a shop that answers claims by itself.
        if refund.paid_elsewhere and refund.refund_id not in asked:
            at_counter[refund.refund_id] += refund.amount_fen
    for refund_id in {*gateway_fen, *books_fen, *paid_there_fen}:
        yield _Went(
            refund_id=refund_id,
            gateway_fen=gateway_fen[refund_id],
            platform_fen=paid_there_fen.get(refund_id, 0) + at_counter[refund_id],
            books_fen=books_fen[refund_id],
        )


def _moves(outside: Outside, inside: Inside, named: set[str]) -> Iterator[Finding]:
    """The gateway moved exactly what was settled, once each; `named` are known to have gone twice."""
    cases = {refund.refund_id: refund for refund in inside.refunds}
    for refund in outside.refunds:
        if refund.moved > 1:
            yield Finding("money", f"{refund.request_no} moved money {refund.moved} times")
    for refund in outside.refunds:
        told = _told(cases, refund)
        if (
            refund.moved
            and told != f"settled {refund.amount_fen}"
            and refund.request_no not in named
        ):
            yield Finding(
                "money", f"{refund.request_no} moved {refund.amount_fen} fen, we hold {told}"
            )
    moved = {refund.request_no for refund in outside.refunds if refund.moved}
    for case in inside.refunds:
        if case.state == "settled" and not case.paid_elsewhere and case.refund_id not in moved:
            yield Finding("money", f"{case.refund_id} is settled and no money moved")


def _sums(inside: Inside, every: list[InsideRefund]) -> Iterator[Finding]:
    """No order got back more than was paid for it, but for what the books name as beyond that."""
    paid = {order.order_id: order.paid_fen for order in inside.orders if order.order_id}
    back: Counter[str] = Counter()
    for refund in every:
        back[refund.order_id] += refund.amount_fen
    for order_id, fen in back.items():
        if fen > paid.get(order_id, 0):
            yield Finding("money", f"{order_id} got {fen} fen back of {paid.get(order_id, 0)}")


def _told(cases: Mapping[str, InsideRefund], moved: OutsideRefund) -> str:
    case = cases.get(moved.request_no)
    elsewhere = " elsewhere" if case and case.paid_elsewhere else ""
    return f"{case.state} {case.amount_fen}{elsewhere}" if case else "nothing"
