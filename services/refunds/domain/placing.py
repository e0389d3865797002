"""Which pieces, lines and freight a sum of money is of. Pure.

Guarantees: what is placed adds up to the sum as far as the order has money left, and never exceeds what a line or the freight
has left.
"""

from __future__ import annotations

from msgspec.structs import replace

from services.refunds.domain.model import GIVEN_BACK, Account, Case, CaseLine
from services.refunds.domain.shares import left_fen


def holding(account: Account) -> list[Case]:
    """The cases that hold money."""
    return [case for case in account.cases if case.state not in GIVEN_BACK]


def held(account: Account, line_no: int) -> list[CaseLine]:
    """What they hold of a line."""
    return [part for case in holding(account) for part in case.lines if part.line_no == line_no]


def held_fen(account: Account) -> int:
    """How much they hold together."""
    return sum([case.amount_fen for case in holding(account)])


def free_freight_fen(account: Account) -> int:
    """How much of the freight none of them holds."""
    return account.freight_fen - sum(case.freight_fen for case in holding(account))


def placed(
    others: Account, lines: tuple[CaseLine, ...], freight_fen: int, fen: int
) -> tuple[tuple[CaseLine, ...], int, int]:
    """Exactly `fen` on these pieces: the lines, the freight, and what the books have no room for.

    Less than they are worth comes off the freight first, then off the last lines. More goes onto them as far as their
    lines have money left, then onto the freight, then onto other lines, of which no piece is taken: what is left of
    those is worth less.
    """
    free_fen = free_freight_fen(others)
    freight_fen = min(freight_fen, free_fen)
    differs_fen = fen - freight_fen - sum(part.amount_fen for part in lines)
    if differs_fen < 0:
        cut_fen = min(freight_fen, -differs_fen)
        freight_fen -= cut_fen
        return _cut(lines, -differs_fen - cut_fen), freight_fen, 0
    named = {part.line_no for part in lines}
    rest = [
        CaseLine(one.line_no, one.sku, 0, 0) for one in others.lines if one.line_no not in named
    ]
    filled, differs_fen = _filled(others, lines, differs_fen)
    more_fen = min(differs_fen, free_fen - freight_fen)
    freight_fen += more_fen
    elsewhere, differs_fen = _filled(others, tuple(rest), differs_fen - more_fen)
    lines = (*filled, *(part for part in elsewhere if part.amount_fen))
    return lines, freight_fen, differs_fen


def _cut(lines: tuple[CaseLine, ...], fen: int) -> tuple[CaseLine, ...]:
    left = []
    for part in reversed(lines):
        off_fen = min(part.amount_fen, fen)
        fen -= off_fen
        left.append(replace(part, amount_fen=part.amount_fen - off_fen))
    return tuple(reversed(left))


def _filled(
    others: Account, lines: tuple[CaseLine, ...], fen: int
) -> tuple[tuple[CaseLine, ...], int]:
    by_no = {line.line_no: line for line in others.lines}
    filled = []
    for part in lines:
        room_fen = left_fen(by_no[part.line_no], held(others, part.line_no)) - part.amount_fen
        more_fen = min(fen, max(0, room_fen))
        fen -= more_fen
        filled.append(replace(part, amount_fen=part.amount_fen + more_fen))
    return tuple(filled), fen
