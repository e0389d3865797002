"""Which pieces of an order have left the house, and so of each refund. Pure.

Guarantees: no piece that left belongs to two refunds that stand; what has not left is nobody's to send back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from services.refunds.domain.model import GIVEN_BACK, Account, CaseLine


def left(account: Account, pieces: Iterable[tuple[int, int]], *, parcels_left: int) -> Account:
    """The account once a parcel of these (line number, pieces) has left and `parcels_left` others have not."""
    if not parcels_left:
        return replace(account, shipped=True, gone={})
    gone = dict(account.gone)
    for line_no, quantity in pieces:
        gone[line_no] = gone.get(line_no, 0) + quantity
    return replace(account, gone=gone)


def any_left(account: Account) -> bool:
    """Whether a parcel of the order has left: from then on it cannot be cancelled."""
    return account.shipped or bool(account.gone)


def gone_of(account: Account, refund_id: str, lines: Iterable[CaseLine]) -> Mapping[int, int]:
    """How many pieces of a refund's lines have left, by line number; lines of which none has are not named.

    Where only some pieces of a line have left, the refund that was opened first has those. One that is
    not opened yet comes last.
    """
    if account.shipped:
        return {line.line_no: line.quantity for line in lines}
    if not account.gone:
        return {}
    free = dict(account.gone)
    for case in account.cases:
        if case.refund_id == refund_id:
            break
        if case.state not in GIVEN_BACK:
            for line in case.lines:
                free[line.line_no] = free.get(line.line_no, 0) - line.quantity
    pieces = {line.line_no: min(line.quantity, free.get(line.line_no, 0)) for line in lines}
    return {line_no: quantity for line_no, quantity in pieces.items() if quantity > 0}


def has_gone(account: Account, refund_id: str, lines: Iterable[CaseLine]) -> bool:
    """Whether anything that a refund is about has left. Money that is of no piece is about what has left, where anything has."""
    lines = tuple(lines)
    if gone_of(account, refund_id, lines):
        return True
    return any_left(account) and (not lines or any(not line.quantity for line in lines))
