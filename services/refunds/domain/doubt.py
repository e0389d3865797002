"""Whether the money of a refund went twice: from the suspicion to a person's word, and what the books make of it. Pure.

Guarantees: a doubt is settled once, by one outcome; from then on its case and what is kept `beyond` the books hold together
what has gone back for it, so that no later refund can take that money again; what the gateway has confirmed is not talked
away.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from schemas.events.commands_refunds import ResolveDoubleRefund
from services.refunds.domain import paid_there, rules
from services.refunds.domain.giving_up import ACTOR, PayoutStands
from services.refunds.domain.model import (
    Account,
    Case,
    CaseState,
    Doubt,
    PaidThere,
    Resolution,
)
from services.refunds.domain.payout import Stage
from services.refunds.domain.rules import NOT_REFUNDED_THERE, REFUNDED_THERE, Refused

ONLY_OURS, ONLY_CHANNEL = "only_ours", "only_channel"
RECOVERED, WRITTEN_OFF = "recovered", "written_off"
OUTCOMES: Final = (ONLY_OURS, ONLY_CHANNEL, RECOVERED, WRITTEN_OFF)
"""One payment went, whose; or both, and what went beyond the books was got back, or stays gone."""
RESOLUTIONS_KEPT: Final = 20
"""Newest last; the stream has them all."""


class Resolved(Struct, frozen=True, kw_only=True):
    """The account after it. `account` is the very one that was given where the same had been said before."""

    account: Account
    difference_fen: int = 0
    """By how much more has gone back for the refund than was told of it."""


def raised(  # noqa: PLR0917 — all that is kept of it
    account: Account, refund_id: str, reason: str, there: PaidThere, ours_fen: int, now: datetime
) -> Account:
    """The account with a refund that may have gone twice. One that was settled before is open again."""
    known = account.doubts.get(refund_id)
    doubt = Doubt(
        reason=reason,
        there=there,
        ours_fen=ours_fen,
        suspected_at=now,
        resolutions=known.resolutions if known else (),
    )
    return replace(account, doubts={**account.doubts, refund_id: doubt})


def fallen(account: Account, refund_id: str, command_id: str, now: datetime) -> Account:
    """The account once our payout turned out not to have gone: nobody has to look any more."""
    doubt = account.doubts.get(refund_id)
    if doubt is None or not doubt.standing:
        return account
    given = Resolution(
        command_id=command_id,
        outcome=ONLY_CHANNEL,
        actor=ACTOR,
        reason="",
        resolved_at=now,
        given_back_fen=given_back_fen(account, refund_id),
        difference_fen=0,
    )
    return _with_resolution(account, refund_id, doubt, given)


def given_back_fen(account: Account, refund_id: str) -> int:
    """What the books count as gone for a refund: its case once it is settled, and what is kept beyond."""
    case = account.case(refund_id)
    settled_fen = case.amount_fen if case and case.state is CaseState.SETTLED else 0
    return settled_fen + account.beyond.get(refund_id, 0)


def without_beyond(account: Account, refund_id: str) -> Account:
    """The account that keeps nothing of a refund beside its cases."""
    beyond = {one: fen for one, fen in account.beyond.items() if one != refund_id}
    return replace(account, beyond=beyond)


def resolved(
    account: Account, command: ResolveDoubleRefund, payout: PayoutStands | None, now: datetime
) -> Resolved | Refused:
    """What a person says became of it. The same outcome again changes nothing, another one is refused.

    `payout` is None where the journal has none.
    """
    doubt = account.doubts.get(command.refund_id)
    if doubt is None:
        return Refused("not_suspected")
    if any(one.command_id == command.command_id for one in doubt.resolutions):
        return Resolved(account=account)
    if not command.actor.strip() or not command.reason.strip():
        return Refused("resolved_without_reason")
    if command.outcome not in OUTCOMES:
        return Refused("outcome_unknown")
    if not doubt.standing:
        same = doubt.resolutions[-1].outcome == command.outcome
        return Resolved(account=account) if same else Refused("already_resolved")
    books = _books(account, command, doubt, payout, now)
    if isinstance(books, Refused):
        return books
    back_fen = given_back_fen(books, command.refund_id)
    given = Resolution(
        command_id=command.command_id,
        outcome=command.outcome,
        actor=command.actor,
        reason=command.reason,
        resolved_at=now,
        given_back_fen=back_fen,
        difference_fen=back_fen - _told_fen(books, command.refund_id, doubt),
    )
    return Resolved(
        account=_with_resolution(books, command.refund_id, doubt, given),
        difference_fen=given.difference_fen,
    )


def _told_fen(account: Account, refund_id: str, doubt: Doubt) -> int:
    """What has been told as gone back, by `RefundSettled` and by resolutions. Of a case that ends now, with its end."""
    case = account.case(refund_id)
    differences_fen = sum(one.difference_fen for one in doubt.resolutions)
    return (case.told_fen if case else 0) + differences_fen


def _with_resolution(account: Account, refund_id: str, doubt: Doubt, given: Resolution) -> Account:
    kept = replace(
        doubt, standing=False, resolutions=(*doubt.resolutions, given)[-RESOLUTIONS_KEPT:]
    )
    return replace(account, doubts={**account.doubts, refund_id: kept})


def _books(
    account: Account,
    command: ResolveDoubleRefund,
    doubt: Doubt,
    payout: PayoutStands | None,
    now: datetime,
) -> Account | Refused:
    case = account.case(command.refund_id)
    if case is not None and case.state is CaseState.PAYING:
        if payout is None or payout.stage is not Stage.NEEDS_PERSON:
            answered = payout is not None and payout.stage in {Stage.SETTLED, Stage.REFUSED}
            return Refused("payout_answered" if answered else "payout_in_doubt")
        return _of_given_up(account, case, doubt, command.outcome, now)
    match command.outcome:
        case "only_ours":
            return _only_ours(account, case, command.refund_id, doubt, now)
        case "recovered":
            return without_beyond(account, command.refund_id)
        case "only_channel" if _confirmed(account, command.refund_id, doubt):
            return Refused("payout_confirmed")
        case _:
            return account


def _of_given_up(
    account: Account, case: Case, doubt: Doubt, outcome: str, now: datetime
) -> Account:
    """Nobody but the person knows what became of our payout: its case ends as the person says."""
    there = case.paid_there or doubt.there
    if outcome == ONLY_CHANNEL:
        return settled_there(account, case, replace(there, heard_at=now))
    ended = replace(
        case,
        state=CaseState.SETTLED,
        ended_at=now,
        end_reason="",
        given_up=None,
        told_fen=case.amount_fen,
    )
    account = rules.with_case(account, ended)
    if outcome == WRITTEN_OFF:
        gone_fen = there.fen or case.amount_fen
        account = replace(account, beyond={**account.beyond, case.refund_id: gone_fen})
    return account


def settled_there(account: Account, case: Case, there: PaidThere) -> Account:
    """Only the channel has paid: the case is settled for its amount, or refused where it closed the whole order."""
    if there.by_closing:
        ended = replace(
            case,
            state=CaseState.REFUSED,
            ended_at=there.heard_at,
            end_reason=rules.PAID_BY_CHANNEL,
            given_up=None,
            paid_there=replace(there, ours_fen=case.amount_fen),
        )
        return rules.with_case(account, ended)
    given = paid_there.settled(account, case, there)
    if given.case is not None:
        account = rules.with_case(account, given.case)
    if given.beyond_fen or given.case is None:
        account = replace(account, beyond={**account.beyond, case.refund_id: given.beyond_fen})
    return account


def _only_ours(
    account: Account, case: Case | None, refund_id: str, doubt: Doubt, now: datetime
) -> Account:
    """The channel has paid nothing of it: what the books count for it is what we paid, if anything."""
    account = without_beyond(account, refund_id)
    if case is None or (case.state is CaseState.SETTLED and case.end_reason != REFUNDED_THERE):
        return account
    if not doubt.ours_fen:
        return rules.with_case(
            account,
            replace(case, state=CaseState.FAILED, ended_at=now, end_reason=NOT_REFUNDED_THERE),
        )
    given = paid_there.settled(
        account, case, replace(doubt.there, fen=doubt.ours_fen, heard_at=now)
    )
    if given.case is not None:
        ours = replace(
            given.case, end_reason="", paid_there=case.paid_there, told_fen=case.told_fen
        )
        account = rules.with_case(account, ours)
    if given.beyond_fen:
        account = replace(account, beyond={**account.beyond, refund_id: given.beyond_fen})
    return account


def _confirmed(account: Account, refund_id: str, doubt: Doubt) -> bool:
    """Whether the gateway, or a store, has moved money of ours that the channel's would come on top of."""
    if doubt.ours_fen:
        return True
    ours_fen = sum(
        case.amount_fen
        for case in account.cases
        if case.state is CaseState.SETTLED
        and case.end_reason != REFUNDED_THERE
        and case.refund_id != refund_id
    )
    return bool(ours_fen) and ours_fen + given_back_fen(account, refund_id) > account.paid_fen
