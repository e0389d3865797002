"""Decisions on requests that are over on their channel, by whomever: withdrawn, refused there, or refunded there.

Guarantees: what a channel says it gave back is counted once, without a call to the gateway; a payout that may have left
is never taken back, and that both may have paid is told once a refund; whichever of the request, its end, the order and
its cancelling is heard of first, the books come out the same.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Decision, Moment
from schemas.events.commands_refunds import EndRefund, WithdrawRefund
from services.refunds import telling
from services.refunds.domain import paid_there, rules, shares
from services.refunds.domain.giving_up import PayoutStands
from services.refunds.domain.model import ENDED, Account, Case, CaseState, PaidThere
from services.refunds.domain.payout import Stage
from services.refunds.store import CaseChanged, RefundFacts

Decided: TypeAlias = Decision[Account]
EMPTY: Final = Account()


def withdraw_refund(
    state: Account | None, command: WithdrawRefund, _facts: object, at: Moment
) -> Decided:
    """The buyer's request is over without money; told so before there was `EndRefund`."""
    why = (command.actor, rules.WITHDRAWN)
    return _without_money(state, command.order_id, command.refund_id, why, at)


def end_refund(
    state: Account | None, command: EndRefund, facts: RefundFacts, at: Moment
) -> Decided:
    """The request is over on its channel. The same end again changes nothing."""
    match command.outcome:
        case "withdrawn":
            why = (command.actor, rules.WITHDRAWN)
        case "refused":
            why = (command.actor, rules.REFUSED_THERE)
        case "refunded":
            return _refunded(state, command, facts, at)
        case _:
            return Decision(state=state, refusal="outcome_unknown")
    return _without_money(state, command.order_id, command.refund_id, why, at)


def _without_money(
    state: Account | None, order_id: str, refund_id: str, why: tuple[str, str], at: Moment
) -> Decided:
    """Its case ends before any money was sent, or is never opened. `why`: actor and reason."""
    account = state or EMPTY
    case = account.case(refund_id)
    if case is None:
        early = tuple(one for one in account.early if one.refund_id != refund_id)
        withdrawn = tuple(dict.fromkeys((*account.withdrawn, refund_id)))
        account = replace(account, early=early, withdrawn=withdrawn)
    elif case.state is CaseState.PAYING:
        return Decision(state=state, refusal="already_paying")
    elif case.state in ENDED and case.state is not CaseState.REFUSED:
        return Decision(state=state, refusal="already_ended")
    elif case.state is not CaseState.REFUSED:
        account, refused, changed = refused_with(account, order_id, case, why, at.now)
        return Decision(state=account, events=(refused,), effects=(changed,), result_id=refund_id)
    return Decision(state=account, result_id=refund_id)


def _refunded(state: Account | None, command: EndRefund, facts: RefundFacts, at: Moment) -> Decided:
    """The channel gave the money back. What was settled here is our own echo: the channel says what we told it."""
    account = shares.fixed(state or EMPTY)
    case = account.case(command.refund_id)
    there = paid_there.heard(command, at.now)
    if _counted(account, command.refund_id, case):
        return Decision(state=state, result_id=command.refund_id)
    if case is not None and case.state is CaseState.PAYING:
        payout = facts.payouts.get((command.order_id, command.refund_id))
        if not _unsent(payout):
            return _may_have_gone_twice(account, command.order_id, case, there)
    if paid_there.waits(account, command):
        return _kept(state or EMPTY, command)
    given = paid_there.given_back(account, command, there)
    decision = _counting(account, command.order_id, command.refund_id, given, there)
    if case is None and given.case is not None:
        requested = telling.requested(command.order_id, given.case, at.now)
        decision = replace(decision, events=(requested, *decision.events))
    return decision


def _counted(account: Account, refund_id: str, case: Case | None) -> bool:
    if refund_id in account.beyond:
        return True
    return case is not None and (case.state is CaseState.SETTLED or case.paid_there is not None)


def _unsent(payout: PayoutStands | None) -> bool:
    """Whether no sending of a payout is in doubt. `payout` is None where it was opened in this very batch."""
    return payout is None or payout.stage is Stage.DUE


def _kept(account: Account, command: EndRefund) -> Decided:
    early = tuple(one for one in account.early if one.refund_id != command.refund_id)
    others = tuple(one for one in account.ended_early if one.refund_id != command.refund_id)
    account = replace(account, early=early, ended_early=(*others, command))
    return Decision(state=account, result_id=command.refund_id)


def settled_there(account: Account, order_id: str, case: Case, there: PaidThere) -> Decided:
    """Our own payout did not go, and the channel's has."""
    given = paid_there.settled(account, case, there)
    return _counting(account, order_id, case.refund_id, given, there)


def _counting(
    account: Account,
    order_id: str,
    refund_id: str,
    given: paid_there.GivenBack,
    there: PaidThere,
) -> Decided:
    now = there.heard_at
    events: list[Struct] = []
    effects: list[object] = []
    amount_fen = given.case.amount_fen if given.case else 0
    if given.case is not None:
        account = rules.with_case(account, given.case)
        effects.append(changed_to(order_id, account, given.case, now))
        gateway = paid_there.GATEWAY
        events.append(telling.settled(account, order_id, given.case, gateway, there.refund_no, now))
    if given.beyond_fen or given.case is None:
        account = _beyond(account, refund_id, given.beyond_fen)
        why = (paid_there.BEYOND_BOOKS, given.beyond_fen)
        events.append(telling.double_suspected(order_id, (refund_id, amount_fen), there, why, now))
    return Decision(
        state=account, events=tuple(events), effects=tuple(effects), result_id=refund_id
    )


def _may_have_gone_twice(account: Account, order_id: str, case: Case, there: PaidThere) -> Decided:
    """The payout goes on being asked about; it is not sent again, and a person is told."""
    marked = replace(case, paid_there=there)
    account = rules.with_case(account, marked)
    named = (case.refund_id, case.amount_fen)
    told = telling.double_suspected(
        order_id, named, there, (paid_there.UNDER_WAY, 0), there.heard_at
    )
    changed = replace(changed_to(order_id, account, marked, there.heard_at), payout="paid_there")
    return Decision(state=account, events=(told,), effects=(changed,), result_id=case.refund_id)


def paid_too(account: Account, order_id: str, case: Case, now: datetime) -> Decided:
    """The gateway says that it moved the money of a case that the channel settled: told once, and counted beyond."""
    there = case.paid_there
    if there is None or case.refund_id in account.beyond:
        return Decision(state=account, result_id=case.refund_id)
    account = counted_twice(account, case)
    why = (paid_there.PAID_TOO, case.amount_fen)
    told = telling.double_suspected(order_id, (case.refund_id, case.amount_fen), there, why, now)
    return Decision(state=account, events=(told,), result_id=case.refund_id)


def counted_twice(account: Account, case: Case) -> Account:
    """The account of which this much went twice: nothing is paid any more that would exceed what is left."""
    return _beyond(account, case.refund_id, case.amount_fen)


def _beyond(account: Account, refund_id: str, fen: int) -> Account:
    return replace(account, beyond={**account.beyond, refund_id: fen})


def refused_with(
    account: Account, order_id: str, case: Case, why: tuple[str, str], now: datetime
) -> tuple[Account, Struct, CaseChanged]:
    """The account with a case that ends before any money went, and what is told. `why`: actor and reason."""
    actor, reason = why
    ended = replace(case, state=CaseState.REFUSED, ended_at=now, end_reason=reason)
    account = rules.with_case(account, ended)
    told = telling.refused(order_id, ended, actor, reason, now)
    return account, told, changed_to(order_id, account, ended, now)


def changed_to(order_id: str, account: Account, case: Case, now: datetime) -> CaseChanged:
    """The effect: the case is new, or stands so now."""
    trade_no = f"{account.channel}:{account.channel_order_no}"
    return CaseChanged(order_id=order_id, trade_no=trade_no, case=case, changed_at=now)
