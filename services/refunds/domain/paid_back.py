"""What a store took back and paid back by itself: a case that is settled as it opens. Pure; a refusal is a `Refused`.

Guarantees: the case is of the very money that the store says it paid, for units that nobody has back, and never for more
than their lines have left. Where a unit's share differs from it by the odd fen, the units that are left have the difference.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from schemas.events.commands_refunds import PaidBack, PaidBackGoods, RequestRefund
from services.refunds.domain.model import (
    Account,
    Case,
    CaseLine,
    CaseState,
    Kind,
)
from services.refunds.domain.placing import held
from services.refunds.domain.rules import PAID_BY_CHANNEL, Claim, Refused
from services.refunds.domain.shares import free_units, left_fen, take

TIER: Final = "counter"
"""Nobody is asked: the money is gone."""


def claim_paid_back(account: Account, back: PaidBack) -> Claim | Refused:
    """The lines that the goods are of. `account` has its shares fixed."""
    if not account.channel:
        return Refused("order_unknown")
    if account.paid_fen <= 0:
        return Refused("not_paid")
    if account.refunded_by_channel:
        return Refused(PAID_BY_CHANNEL)
    if account.unmatched:
        return Refused("lines_unmatched")
    taken: list[CaseLine] = []
    for goods in back.goods:
        lines = _lines_of(account, goods)
        if isinstance(lines, Refused):
            return lines
        taken += lines
    amount_fen = sum(line.amount_fen for line in taken)
    if amount_fen <= 0:
        return Refused("nothing_left")
    quantities = {line.line_no: line.quantity for line in taken}
    whole = all(quantities.get(line.line_no) == line.quantity for line in account.lines)
    return Claim(lines=tuple(taken), freight_fen=0, amount_fen=amount_fen, whole=whole)


def settled_at_once(
    account: Account, request: RequestRefund, claimed: Claim, now: datetime
) -> Case:
    """The case. Goods that had left the house are back; what had not is let go by the cancelling, if at all."""
    return Case(
        refund_id=request.refund_id,
        kind=Kind.RETURN_AND_REFUND,
        lines=claimed.lines,
        freight_fen=0,
        amount_fen=claimed.amount_fen,
        currency=account.currency,
        reason=request.reason,
        damaged=False,
        tier=TIER,
        approvals_needed=(),
        rule=request.actor,
        requested_by=request.actor,
        requested_at=now,
        state=CaseState.SETTLED,
        goods="good" if account.shipped else "",
        ended_at=now,
    )


def _lines_of(account: Account, goods: PaidBackGoods) -> list[CaseLine] | Refused:
    """So many units of a SKU, of the first lines that have them, with so much money."""
    lines = [line for line in account.lines if line.sku == goods.sku]
    if not lines:
        return Refused("line_unknown")
    if goods.quantity <= 0:
        return Refused("quantity_not_positive")
    taken: list[CaseLine] = []
    room_fen: list[int] = []
    to_come = goods.quantity
    for line in lines:
        parts = held(account, line.line_no)
        part = take(line, parts, min(to_come, free_units(line, parts)))
        if part is None or not part.quantity:
            continue
        to_come -= part.quantity
        taken.append(part)
        room_fen.append(left_fen(line, parts))
    if to_come:
        return Refused("quantity_above_left")
    return _with_amount(taken, room_fen, goods.amount_fen)


def _with_amount(
    taken: list[CaseLine], room_fen: list[int], amount_fen: int
) -> list[CaseLine] | Refused:
    """The same units with this money altogether; the first ones differ from their shares, if any must."""
    if amount_fen < 0:
        return Refused("nothing_left")
    differs_fen = amount_fen - sum(part.amount_fen for part in taken)
    exact = []
    for part, most_fen in zip(taken, room_fen, strict=True):
        fen = min(most_fen, max(0, part.amount_fen + differs_fen))
        differs_fen -= fen - part.amount_fen
        exact.append(replace(part, amount_fen=fen))
    return Refused("paid_back_above_left") if differs_fen else exact
