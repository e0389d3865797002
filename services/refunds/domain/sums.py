"""Which pieces a request is for that names a sum of money. Pure.

A channel says how much its buyer asks for, and at best of which line; of how many pieces it never says.

Guarantees: pieces that a sum does not reach for are nobody's; what has not left the house and is asked back does not leave.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import combinations
from typing import Final

from msgspec.structs import replace

from schemas.events.commands_refunds import RequestRefund
from services.refunds.domain.leaving import gone_of
from services.refunds.domain.model import Account, CaseLine, Kind, Line
from services.refunds.domain.placing import held
from services.refunds.domain.shares import free_units, take

COMBINED_MAX: Final = 10
"""Of so many lines it is tried which of them add up to a sum."""


def pieces_for(account: Account, request: RequestRefund, fen: int) -> tuple[CaseLine, ...] | None:
    """The pieces that `fen` are asked for; of lines that are named, where any are, which are the account's.

    All of them where the sum reaches. Where it does not: so many pieces of a line as it pays for exactly; of goods that come
    back the fewest it reaches for; of goods that stay no piece at all. None where nothing says which pieces shall not leave:
    no line is named and the sum is not that of some lines and of no others, or it is for a part of what has not left.
    """
    most = {one.line_no: one.quantity for one in request.lines}
    whole = tuple(
        _free(account, line, most.get(line.line_no, line.quantity))
        for line in account.lines
        if not most or line.line_no in most
    )
    if fen >= sum(part.amount_fen for part in whole):
        return whole
    asked = whole if most else _adding_up([part for part in whole if part.quantity], fen)
    stays = request.kind == Kind.REFUND_ONLY and bool(gone_of(account, request.refund_id, whole))
    if asked is None:
        return _no_pieces(whole) if stays else None
    if fen >= sum(part.amount_fen for part in asked):
        return asked
    return _fewer(account, request, asked, fen)


def _free(account: Account, line: Line, most: int) -> CaseLine:
    """Up to so many pieces of a line that nobody asked back."""
    parts = held(account, line.line_no)
    free = min(most, free_units(line, parts))
    taken = take(line, parts, free) if free > 0 else None
    return taken or CaseLine(line.line_no, line.sku, 0, 0)


def _no_pieces(lines: Sequence[CaseLine]) -> tuple[CaseLine, ...]:
    return tuple(replace(part, quantity=0, amount_fen=0) for part in lines)


def _adding_up(free: Sequence[CaseLine], fen: int) -> tuple[CaseLine, ...] | None:
    """The lines that were paid that much together, or but for a fen of rounding each; None where others were, too."""
    if len(free) == 1:
        return tuple(free)
    if len(free) > COMBINED_MAX:
        return None
    off: list[tuple[int, tuple[CaseLine, ...]]] = []
    for size in range(1, len(free)):
        for lines in combinations(free, size):
            differs_fen = abs(sum(part.amount_fen for part in lines) - fen)
            if differs_fen <= size:
                off.append((differs_fen, lines))
    for near in ([lines for differs_fen, lines in off if not differs_fen], [one for _, one in off]):
        if near:
            return near[0] if len(near) == 1 else None
    return None


def _fewer(
    account: Account, request: RequestRefund, asked: tuple[CaseLine, ...], fen: int
) -> tuple[CaseLine, ...] | None:
    """Of pieces that are worth more than `fen`, those it is for."""
    some = asked
    if len(asked) == 1 and asked[0].quantity:
        some = (_reaching(account, asked[0], fen),)
        if some[0].amount_fen == fen:
            return some
    if sum(part.amount_fen for part in asked) - fen <= len(asked):
        return asked  # but for rounding
    if not gone_of(account, request.refund_id, asked):
        return None
    return _no_pieces(asked) if request.kind == Kind.REFUND_ONLY else some


def _reaching(account: Account, asked: CaseLine, fen: int) -> CaseLine:
    """The fewest of these pieces that are worth `fen`."""
    line = next(line for line in account.lines if line.line_no == asked.line_no)
    counts = range(1, asked.quantity + 1)
    least = bisect_left(counts, fen, key=lambda count: _free(account, line, count).amount_fen)
    return _free(account, line, counts[least])
