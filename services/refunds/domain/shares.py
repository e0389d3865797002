"""Which fen belong to which unit.

Guarantees: the shares of an order's lines and its freight add up to what was paid; unit k of a line of n
has `share_out(share_fen, [1] * n)[k]`, whatever was refunded before; so any sequence of partial refunds
adds up to what was paid and never more.

Units of a line are alike but for one fen: `share_fen % n` of them carry the odd fen. Taking the lowest free
units first therefore means taking those with the odd fen first, and how many of these a case holds follows
from its amount. No list of units is kept, and a line of 10,000 costs what a line of one costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from chassis.money import share_out
from schemas.events.orders import OrderLine
from services.refunds.domain.model import GIVEN_BACK, Account, Case, CaseLine, Line


def announced(lines: Iterable[OrderLine]) -> tuple[Line, ...]:
    """Lines as the channel announced them: their shares of what was paid or, before that, is payable.

    A line of no pieces is left out: nobody could give any of it back.
    """
    pieces = [line for line in lines if line.quantity > 0]
    shares = [Line(line.line_no, line.sku, line.quantity, line.paid_fen) for line in pieces]
    if not any([line.paid_fen for line in pieces]):  # noqa: C419 — every order passes here
        shares = [
            Line(
                line.line_no,
                line.sku,
                line.quantity,
                max(0, line.unit_price_fen * line.quantity - line.discount_fen),
            )
            for line in pieces
        ]
    return tuple(shares)


def fixed(account: Account) -> Account:
    """The account with shares that add up to its payment; from its first case on it stays like this.

    Goods are paid first (a deposit is all goods), then freight; what a channel reports above both is
    shared among the goods. Shares that add up already are kept to the fen.
    """
    if account.cases:
        return account
    if not account.lines:
        # Nothing of an order without pieces can be asked back piece by piece.
        return replace(account, freight_fen=account.paid_fen) if account.channel else account
    lines, paid_fen = account.lines, account.paid_fen
    shares_fen = sum(line.share_fen for line in lines)
    freight_fen = min(account.freight_fen, paid_fen - min(paid_fen, shares_fen))
    goods_fen = paid_fen - freight_fen
    if goods_fen != shares_fen:
        shared = share_out(
            goods_fen,
            [line.share_fen for line in lines],
            [f"{line.line_no:06d}" for line in lines],
        )
        lines = tuple(replace(line, share_fen=fen) for line, fen in zip(lines, shared, strict=True))
    return replace(account, lines=lines, freight_fen=freight_fen)


def matched(account: Account, lines: Iterable[OrderLine]) -> Account:
    """The account with the lines of our SKUs in place of those that had none.

    A case that stands took all the units (nothing else can be asked for before): it takes all of the new lines, for its
    own money, which is less than all where its channel gave back less.
    """
    ours = announced(lines)
    if not account.cases:
        return replace(account, lines=ours, unmatched=False)
    shared = share_out(
        sum(line.share_fen for line in account.lines),
        [line.share_fen for line in ours],
        [f"{line.line_no:06d}" for line in ours],
    )
    ours = tuple(replace(line, share_fen=fen) for line, fen in zip(ours, shared, strict=True))
    cases = tuple(
        case if case.state in GIVEN_BACK else replace(case, lines=_all_of(ours, case))
        for case in account.cases
    )
    return replace(account, lines=ours, cases=cases, unmatched=False)


def _all_of(lines: Sequence[Line], case: Case) -> tuple[CaseLine, ...]:
    shared = share_out(
        case.amount_fen - case.freight_fen,
        [line.share_fen for line in lines],
        [f"{line.line_no:06d}" for line in lines],
    )
    return tuple(
        CaseLine(line.line_no, line.sku, line.quantity, fen)
        for line, fen in zip(lines, shared, strict=True)
    )


def take(line: Line, held: Sequence[CaseLine], quantity: int) -> CaseLine | None:
    """`quantity` more units of a line of which `held` are taken; None when fewer are free."""
    each_fen, odd_units = divmod(line.share_fen, line.quantity)
    free = line.quantity
    for part in held:
        free -= part.quantity
        odd_units -= part.amount_fen - part.quantity * each_fen
    if quantity > free:
        return None
    # Where more than a unit's share was paid back already, the units that are left have less.
    amount_fen = max(0, quantity * each_fen + min(quantity, odd_units))
    return CaseLine(line.line_no, line.sku, quantity, amount_fen)


def left_fen(line: Line, held: Sequence[CaseLine]) -> int:
    """How much of what a line paid nobody has back."""
    return line.share_fen - sum([part.amount_fen for part in held])


def free_units(line: Line, held: Sequence[CaseLine]) -> int:
    """How many units of a line nobody asked back."""
    return line.quantity - sum([part.quantity for part in held])
