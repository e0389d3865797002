"""What a channel gave back by itself, as its list of requests says: which case has it, and what no case has room for. Pure.

Guarantees: what cases hold never exceeds what was paid, whatever the channel says it gave back; all of that which the
books have room for is counted, once a request; the rest is named, and no case is paid against it (`rules.affordable`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from schemas.events.commands_refunds import (
    EndRefund,
    RefundedThere,
    RefundRequestLine,
    RequestRefund,
)
from services.refunds.domain import rules
from services.refunds.domain.leaving import any_left
from services.refunds.domain.model import (
    GIVEN_BACK,
    Account,
    Case,
    CaseLine,
    CaseState,
    Kind,
    PaidThere,
)
from services.refunds.domain.placing import held, holding, placed
from services.refunds.domain.rules import REFUNDED_THERE, Refused
from services.refunds.domain.shares import take

GATEWAY: Final = "channel"
"""Who paid, where no gateway of ours did."""
TIER: Final = "channel"
"""Nobody is asked: the money is gone."""
UNDER_WAY, BEYOND_BOOKS, PAID_TOO = "payout_under_way", "beyond_books", "payout_settled_too"
ANSWER_LOST = "answer_lost"
"""Why money may have gone twice."""


class GivenBack(Struct, frozen=True, kw_only=True):
    """What the books make of it. `case` is None where they have no room at all; `beyond_fen` is what they have none for."""

    case: Case | None
    beyond_fen: int


def waits(account: Account, command: EndRefund) -> bool:
    """Whether what it is of is still on its way to us: the order, its payment or its SKUs."""
    if not account.channel or account.paid_fen <= 0 or not account.lines:
        return True
    if not account.unmatched:
        return False
    if any(one.refund_id != command.refund_id for one in holding(account)):
        return True
    asked = command.refunded
    return account.case(command.refund_id) is None and bool(asked and asked.lines)


def given_back(account: Account, command: EndRefund, there: PaidThere) -> GivenBack:
    """The case, settled, of what the channel gave back. `account` has its shares fixed, and does not wait."""
    known = account.case(command.refund_id)
    if known is None:
        known = _opened(account, command, there.heard_at)
    return settled(account, known, there)


def settled(account: Account, case: Case, there: PaidThere) -> GivenBack:
    """A case of the account, or a new one, settled for the channel's amount, or for its own where none is told."""
    others = replace(
        account, cases=tuple(one for one in account.cases if one.refund_id != case.refund_id)
    )
    wanted = case.lines if case.state not in GIVEN_BACK else _still_free(others, case.lines)
    to_place_fen = there.fen or case.amount_fen
    lines, freight_fen, beyond_fen = placed(others, wanted, case.freight_fen, to_place_fen)
    amount_fen = freight_fen + sum(line.amount_fen for line in lines)
    if amount_fen <= 0:
        return GivenBack(case=None, beyond_fen=beyond_fen)
    known_fen = case.paid_there.ours_fen if case.paid_there else 0
    ours_fen = case.amount_fen if case.state is CaseState.PAYING else known_fen
    ended = replace(
        case,
        lines=lines,
        freight_fen=freight_fen,
        amount_fen=amount_fen,
        state=CaseState.SETTLED,
        ended_at=there.heard_at,
        end_reason=REFUNDED_THERE,
        given_up=None,
        paid_there=replace(there, ours_fen=ours_fen),
        told_fen=amount_fen,
    )
    return GivenBack(case=ended, beyond_fen=beyond_fen)


def heard(command: EndRefund, now: datetime) -> PaidThere:
    """What is kept of it."""
    fen = command.refunded.amount_fen if command.refunded else None
    return PaidThere(
        fen=fen or None, refund_no=command.refund_no, actor=command.actor, heard_at=now
    )


def _opened(account: Account, command: EndRefund, now: datetime) -> Case:
    """A case of what was asked for there; of nothing where others have that already."""
    asked = command.refunded or RefundedThere(
        kind=str(Kind.REFUND_ONLY), lines=(), include_freight=True
    )
    request = RequestRefund(
        order_id=command.order_id,
        command_id=command.command_id,
        issued_at=command.issued_at,
        actor=command.actor,
        refund_id=command.refund_id,
        kind=asked.kind,
        lines=tuple(
            RefundRequestLine(line_no=one.line_no, quantity=one.quantity) for one in asked.lines
        ),
        include_freight=asked.include_freight,
        damaged=False,
        reason="channel_request",
        # Of lines that are named all pieces are taken; without any, less than all the money is no word about all the goods.
        amount_fen=None if asked.lines else asked.amount_fen or None,
    )
    # Whoever else it refunded: this very money is what the books are to count.
    claimed = rules.claim(replace(account, refunded_by_channel=False, beyond={}), request)
    if isinstance(claimed, Refused):
        lines = tuple(
            CaseLine(line.line_no, line.sku, 0, 0)
            for line in account.lines
            if any(one.line_no == line.line_no for one in asked.lines)
        )
        claimed = rules.Claim(lines=lines, freight_fen=0, amount_fen=0, whole=False)
    return Case(
        refund_id=command.refund_id,
        kind=Kind(asked.kind) if asked.kind in rules.KINDS else Kind.REFUND_ONLY,
        lines=claimed.lines,
        freight_fen=claimed.freight_fen,
        amount_fen=claimed.amount_fen,
        currency=account.currency,
        reason=request.reason,
        damaged=False,
        tier=TIER,
        approvals_needed=(),
        rule=command.actor,
        requested_by=command.actor,
        requested_at=now,
        whole_unshipped=claimed.whole and not any_left(account),
    )


def _still_free(others: Account, lines: tuple[CaseLine, ...]) -> tuple[CaseLine, ...]:
    """The lines of a case that held nothing any more; pieces that others have since are none of it."""
    by_no = {line.line_no: line for line in others.lines}
    found = []
    for part in lines:
        line = by_no.get(part.line_no)
        taken = take(line, held(others, part.line_no), part.quantity) if line else None
        if taken is not None:
            found.append(taken)
        elif line is not None:
            found.append(CaseLine(line.line_no, line.sku, 0, 0))
    return tuple(found)
