"""Which pieces a request is for that names a sum of money. Pure.

A channel says how much its buyer asks for, and at best of which line; of how many pieces it never says.

Guarantees: where the sum may be for these pieces or for those, and it matters which, nobody guesses.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from schemas.events.commands_refunds import RequestRefund
from services.refunds.domain.leaving import gone_of
from services.refunds.domain.model import Account, CaseLine, Kind, Line
from services.refunds.domain.placing import free_freight_fen, held
from services.refunds.domain.shares import free_units, take

COMBINED_MAX: Final = 10
"""Of so many lines it is tried which of them add up to a sum."""


class Wanted(Struct, frozen=True):
    """The pieces, and how much of the freight they are asked for with; the sum may be more or less than both."""

    lines: tuple[CaseLine, ...]
    freight_fen: int = 0


def wanted_for(account: Account, request: RequestRefund, fen: int) -> Wanted | None:
    """What `fen` are asked for; of lines that are named, where any are, which are the account's.

    All of the pieces where the sum reaches. Where it does not: so many of a line as it pays for exactly; of goods that come
    back the fewest it reaches for; and of goods that the buyer keeps no piece at all. Where no line is named: all that is
    left, if the sum is that, else the lines or pieces of which it is the money, with or without the freight. None where it is
    the money of others as well, or a part of what has not left, or of several lines that come back.
    """
    most = {one.line_no: one.quantity for one in request.lines}
    whole = tuple(
        _free(account, line, most.get(line.line_no, line.quantity))
        for line in account.lines
        if not most or line.line_no in most
    )
    if most:
        return _of_named(account, request, whole, fen)
    freight_fen, goods_fen = free_freight_fen(account), _worth(whole)
    if fen >= goods_fen + freight_fen - len(whole) or goods_fen - len(whole) <= fen <= goods_fen:
        return Wanted(whole)
    priced = [part for part in whole if part.quantity and part.amount_fen]
    if len(priced) == 1:
        return _of_named(account, request, tuple(priced), fen)
    if found := _adding_up(account, priced, fen, freight_fen):
        return found
    kept = request.kind == Kind.REFUND_ONLY and _all_gone(account, request, whole)
    return Wanted(_no_pieces(whole)) if kept else None


def _of_named(
    account: Account, request: RequestRefund, asked: tuple[CaseLine, ...], fen: int
) -> Wanted | None:
    missing_fen = _worth(asked) - fen
    if missing_fen <= 0:
        return Wanted(asked)
    some = asked
    if len(asked) == 1:
        some = (_reaching(account, asked[0], fen),)
        if some[0].amount_fen == fen:
            return Wanted(some)
    if missing_fen <= len(asked):
        return Wanted(asked)  # but for rounding
    if not _all_gone(account, request, asked):
        return None
    if request.kind == Kind.REFUND_ONLY:
        return Wanted(_no_pieces(asked))
    return Wanted(some) if len(asked) == 1 else None


def _adding_up(
    account: Account, priced: Sequence[CaseLine], fen: int, freight_fen: int
) -> Wanted | None:
    """What was paid that much, with the freight or without, or but for a fen of rounding a line; None where others were, too."""
    if len(priced) > COMBINED_MAX:
        return None
    exact: list[Wanted] = []
    near: list[Wanted] = []
    for with_fen in {0, freight_fen}:
        for lines in _combined(priced):
            differs_fen = abs(_worth(lines) + with_fen - fen)
            if differs_fen <= len(lines):
                (near if differs_fen else exact).append(Wanted(lines, with_fen))
        for part in priced:
            if 0 < fen - with_fen < part.amount_fen:
                some = _reaching(account, part, fen - with_fen)
                if some.amount_fen == fen - with_fen:
                    exact.append(Wanted((some,), with_fen))
    found = exact or near
    return found[0] if len(found) == 1 else None


def _combined(priced: Sequence[CaseLine]) -> Iterator[tuple[CaseLine, ...]]:
    for size in range(1, len(priced) + 1):
        yield from combinations(priced, size)


def _all_gone(account: Account, request: RequestRefund, parts: Sequence[CaseLine]) -> bool:
    """Whether no piece of them can still leave."""
    gone = gone_of(account, request.refund_id, parts)
    return bool(gone) and all(
        gone.get(part.line_no, 0) == part.quantity for part in parts if part.quantity
    )


def _worth(parts: Sequence[CaseLine]) -> int:
    return sum([part.amount_fen for part in parts])


def _no_pieces(lines: Sequence[CaseLine]) -> tuple[CaseLine, ...]:
    return tuple(replace(part, quantity=0, amount_fen=0) for part in lines)


def _free(account: Account, line: Line, most: int) -> CaseLine:
    """Up to so many pieces of a line that nobody asked back."""
    parts = held(account, line.line_no)
    free = min(most, free_units(line, parts))
    taken = take(line, parts, free) if free > 0 else None
    return taken or CaseLine(line.line_no, line.sku, 0, 0)


def _reaching(account: Account, asked: CaseLine, fen: int) -> CaseLine:
    """The fewest of these pieces that are worth `fen`, which is less than all of them are."""
    line = next(line for line in account.lines if line.line_no == asked.line_no)
    counts = range(1, asked.quantity + 1)
    least = bisect_left(counts, fen, key=lambda count: _free(account, line, count).amount_fen)
    return _free(account, line, counts[least])
