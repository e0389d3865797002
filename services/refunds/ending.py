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
from services.refunds.domain import doubt, paid_back, paid_there, rules, shares
from services.refunds.domain.giving_up import PayoutStands
from services.refunds.domain.model import (
    AGREED,
    ENDED,
    Account,
    Case,
    CaseState,
    HeardThere,
    PaidThere,
)
from services.refunds.domain.payout import Stage
from services.refunds.store import CaseChanged, DoubtChanged, RefundFacts

Decided: TypeAlias = Decision[Account]
EMPTY: Final = Account()
CLOSED: Final = ("orders", rules.PAID_BY_CHANNEL)
"""Who ends a case, and why, where the channel closed the order and gave all of its money back."""


def withdraw_refund(
    state: Account | None, command: WithdrawRefund, _facts: object, at: Moment
) -> Decided:
    """The buyer's request is over without money; told so before there was `EndRefund`."""
    return _without_money(state, command, (command.actor, rules.WITHDRAWN), at)


def end_refund(
    state: Account | None, command: EndRefund, facts: RefundFacts, at: Moment
) -> Decided:
    """The request is over on its channel. The same end again changes nothing, unless it is known by now that it is no echo."""
    match command.outcome:
        case "withdrawn":
            why = (command.actor, rules.WITHDRAWN)
        case "refused":
            why = (command.actor, rules.REFUSED_THERE)
        case "refunded":
            return _refunded(state, command, facts, at)
        case _:
            return Decision(state=state, refusal="outcome_unknown")
    return _without_money(state, command, why, at)


def _without_money(
    state: Account | None, command: EndRefund | WithdrawRefund, why: tuple[str, str], at: Moment
) -> Decided:
    """Its case ends before any money was sent, or is never opened. `why`: actor and reason."""
    account, refund_id = state or EMPTY, command.refund_id
    case = account.case(refund_id)
    if case is None:
        early = tuple(one for one in account.early if one.refund_id != refund_id)
        withdrawn = tuple(dict.fromkeys((*account.withdrawn, refund_id)))
        account = replace(account, early=early, withdrawn=withdrawn)
    elif case.state is CaseState.PAYING or _paid_by_us(case) or rules.is_stopping(account, case):
        return _too_late(account, command, case, why[1], at.now)
    elif case.state in ENDED and case.state is not CaseState.REFUSED:
        return Decision(state=state, refusal="already_ended")
    elif case.state is not CaseState.REFUSED:
        account, refused, changed = refused_with(account, command.order_id, case, why, at.now)
        return Decision(state=account, events=(refused,), effects=(changed,), result_id=refund_id)
    return Decision(state=account, result_id=refund_id)


def _paid_by_us(case: Case) -> bool:
    """Whether our gateway has paid it, and nobody else as far as is known."""
    elsewhere = case.tier == paid_back.TIER or case.paid_there is not None
    return case.state is CaseState.SETTLED and not elsewhere


def _too_late(
    account: Account, command: EndRefund | WithdrawRefund, case: Case, outcome: str, now: datetime
) -> Decided:
    """Nobody asks for the money any more, and it is under way or gone: told once, and repaired by nobody."""
    settled = case.state is CaseState.SETTLED
    why = "already_ended" if settled else "already_paying"
    if case.heard_there is not None and case.heard_there.outcome != AGREED:
        return Decision(state=account, result_id=why)
    heard = HeardThere(
        outcome="refused" if outcome == rules.REFUSED_THERE else outcome,
        refund_no=command.refund_no if isinstance(command, EndRefund) else "",
        actor=command.actor,
        heard_at=now,
    )
    kept = replace(case, heard_there=heard)
    account = rules.with_case(account, kept)
    told = telling.ended_too_late(command.order_id, kept, heard, now)
    changed = replace(changed_to(command.order_id, account, kept, now), payout="untouched")
    return Decision(state=account, events=(told,), effects=(changed,), result_id=why)


def _refunded(state: Account | None, command: EndRefund, facts: RefundFacts, at: Moment) -> Decided:
    """The channel gave the money back. What was settled here is our own echo, the channel says what we told it, unless it
    had paid before.
    """
    account = shares.fixed(state or EMPTY)
    case = account.case(command.refund_id)
    there = paid_there.heard(command, at.now)
    if case is not None and case.state is CaseState.PAYING and case.paid_there is not None:
        return _heard_more(account, command, case, case.paid_there, there)
    if _counted(account, command.refund_id, case):
        if command.doubt and case is not None and _settled_here(account, case):
            return _refunded_too(account, command, case, there)
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
    if case is not None and case.state is CaseState.REFUSED:
        return False
    return refund_id in account.doubts or (case is not None and case.state is CaseState.SETTLED)


def _heard_more(
    account: Account, command: EndRefund, case: Case, known: PaidThere, there: PaidThere
) -> Decided:
    """It was known already; what only the closing of its order had told is told by the request itself now."""
    if not known.by_closing:
        return Decision(state=account, result_id=case.refund_id)
    marked = replace(case, paid_there=there)
    account = rules.with_case(account, marked)
    account = _doubted(account, case.refund_id, paid_there.UNDER_WAY, there, case.amount_fen)
    changed = replace(
        changed_to(command.order_id, account, marked, there.heard_at), payout="paid_there"
    )
    changes = doubt_changed(command.order_id, account, case.refund_id, there.heard_at)
    return Decision(state=account, effects=(changed, *changes), result_id=case.refund_id)


def _settled_here(account: Account, case: Case) -> bool:
    """Whether our own money went, and nobody has said yet that the channel's went, too."""
    known = case.refund_id in account.beyond or case.refund_id in account.doubts
    return _paid_by_us(case) and not known


def _unsent(payout: PayoutStands | None) -> bool:
    """Whether no sending of a payout is in doubt. `payout` is None where it was opened in this very batch.

    One that is to be sent again is not: a gateway that did not know it may book it late. One that was given up may never
    have been sent: nobody takes its currency.
    """
    at_rest = payout is None or payout.stage in {Stage.DUE, Stage.NEEDS_PERSON}
    return at_rest and not (payout and payout.given_up.sends)


def _kept(account: Account, command: EndRefund) -> Decided:
    early = tuple(one for one in account.early if one.refund_id != command.refund_id)
    others = tuple(one for one in account.ended_early if one.refund_id != command.refund_id)
    account = replace(account, early=early, ended_early=(*others, command))
    return Decision(state=account, result_id=command.refund_id)


def closed_there(account: Account, order_id: str, facts: RefundFacts, at: Moment) -> Decided:
    """The channel closed the order and gave all of its money back: no case is to be paid beside that.

    One whose payout may have left is told, as by the end of its own request, and waits for what becomes of it.
    """
    there = PaidThere(fen=None, refund_no="", actor="orders", heard_at=at.now, by_closing=True)
    events: list[Struct] = []
    effects: list[object] = []
    for case in account.cases:
        if case.state in ENDED or (case.state is CaseState.PAYING and case.paid_there is not None):
            continue
        payout = facts.payouts.get((order_id, case.refund_id))
        if case.state is CaseState.PAYING and not _unsent(payout):
            decision = _may_have_gone_twice(account, order_id, case, there)
            account = decision.state or account
            events += decision.events
            effects += decision.effects
            continue
        if case.state is CaseState.PAYING:
            account, refused, changed = _closed_unpaid(account, order_id, case, there)
        else:
            account, refused, changed = refused_with(account, order_id, case, CLOSED, at.now)
        events.append(refused)
        effects.append(changed)
    return Decision(state=account, events=tuple(events), effects=tuple(effects))


def _closed_unpaid(
    account: Account, order_id: str, case: Case, there: PaidThere
) -> tuple[Account, Struct, CaseChanged]:
    """Refused, with what its payout was of: should the gateway say one day that it has paid, that is known to be too much."""
    case = replace(case, paid_there=replace(there, ours_fen=case.amount_fen))
    return refused_with(account, order_id, case, CLOSED, there.heard_at)


def not_gone(account: Account, order_id: str, case: Case, at: Moment) -> Decided:
    """Our own payout did not go, and the channel's has: nobody has to look any more, unless the books have no room."""
    assert case.paid_there is not None
    there = replace(case.paid_there, heard_at=at.now)
    if there.by_closing:
        account, refused, changed = _closed_unpaid(account, order_id, case, there)
        decision = Decision(
            state=account, events=(refused,), effects=(changed,), result_id=case.refund_id
        )
    else:
        given = paid_there.settled(account, case, there)
        decision = _counting(account, order_id, case.refund_id, given, there)
    account = decision.state or account
    if case.refund_id not in account.beyond:
        account = doubt.fallen(account, case.refund_id, at.basis, at.now)
        changes = doubt_changed(order_id, account, case.refund_id, at.now)
        decision = replace(decision, state=account, effects=(*decision.effects, *changes))
    return and_then(decision, order_id, at)


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
        account = _doubted(account, refund_id, paid_there.BEYOND_BOOKS, there, 0)
        why = (paid_there.BEYOND_BOOKS, given.beyond_fen)
        of = (refund_id, amount_fen, account.currency)
        events.append(telling.double_suspected(order_id, of, there, why, now))
        effects += doubt_changed(order_id, account, refund_id, now)
    return Decision(
        state=account, events=tuple(events), effects=tuple(effects), result_id=refund_id
    )


def _may_have_gone_twice(account: Account, order_id: str, case: Case, there: PaidThere) -> Decided:
    """The payout goes on being asked about; it is not sent again, and a person is told."""
    marked = replace(case, paid_there=there)
    account = rules.with_case(account, marked)
    account = _doubted(account, case.refund_id, paid_there.UNDER_WAY, there, case.amount_fen)
    of = (case.refund_id, case.amount_fen, case.currency)
    told = telling.double_suspected(order_id, of, there, (paid_there.UNDER_WAY, 0), there.heard_at)
    changed = replace(changed_to(order_id, account, marked, there.heard_at), payout="paid_there")
    changes = doubt_changed(order_id, account, case.refund_id, there.heard_at)
    return Decision(
        state=account, events=(told,), effects=(changed, *changes), result_id=case.refund_id
    )


def ended_by_channel(case: Case) -> bool:
    """Whether a case had a payout and ended because its channel has paid."""
    return (
        case.state in ENDED and case.paid_there is not None and case.end_reason in rules.PAID_THERE
    )


def paid_too(account: Account, order_id: str, case: Case, now: datetime) -> Decided:
    """The gateway says that it moved the money of a case that ended by the channel's: told once, and counted beyond."""
    there = case.paid_there
    known = account.doubts.get(case.refund_id)
    if there is None or (known is not None and known.reason == paid_there.PAID_TOO):
        return Decision(state=account, result_id=case.refund_id)
    ours_fen = there.ours_fen or case.amount_fen
    account = _beyond(account, case.refund_id, account.beyond.get(case.refund_id, 0) + ours_fen)
    newest = replace(there, heard_at=now)
    account = _doubted(account, case.refund_id, paid_there.PAID_TOO, newest, ours_fen)
    why = (paid_there.PAID_TOO, ours_fen)
    of = (case.refund_id, case.amount_fen, case.currency)
    told = telling.double_suspected(order_id, of, there, why, now)
    changes = doubt_changed(order_id, account, case.refund_id, now)
    return Decision(state=account, events=(told,), effects=changes, result_id=case.refund_id)


def _refunded_too(account: Account, command: EndRefund, case: Case, there: PaidThere) -> Decided:
    """The channel had paid before it heard that we have, or may have: told once, and counted beyond what was settled here."""
    lost = command.doubt == paid_there.ANSWER_LOST
    reason = paid_there.ANSWER_LOST if lost else paid_there.PAID_TOO
    marked = replace(case, paid_there=there)
    account = counted_twice(rules.with_case(account, marked), marked)
    account = _doubted(account, case.refund_id, reason, there, case.amount_fen)
    why = (reason, account.beyond[case.refund_id])
    of = (case.refund_id, case.amount_fen, case.currency)
    told = telling.double_suspected(command.order_id, of, there, why, there.heard_at)
    changes = doubt_changed(command.order_id, account, case.refund_id, there.heard_at)
    return Decision(state=account, events=(told,), effects=changes, result_id=case.refund_id)


def counted_twice(account: Account, case: Case) -> Account:
    """The account of which the channel's money went beside ours: nothing is paid that would exceed what is left."""
    assert case.paid_there is not None
    return _beyond(account, case.refund_id, case.paid_there.fen or case.amount_fen)


def _beyond(account: Account, refund_id: str, fen: int) -> Account:
    return replace(account, beyond={**account.beyond, refund_id: fen})


def _doubted(
    account: Account, refund_id: str, reason: str, there: PaidThere, ours_fen: int
) -> Account:
    return doubt.raised(account, refund_id, reason, there, ours_fen, there.heard_at)


def doubt_changed(
    order_id: str, account: Account, refund_id: str, now: datetime
) -> tuple[DoubtChanged, ...]:
    """The effect: what may have gone twice is new, or stands so now; none where nothing was ever suspected."""
    known = account.doubts.get(refund_id)
    if known is None:
        return ()
    case = account.case(refund_id)
    return (
        DoubtChanged(
            order_id=order_id,
            refund_id=refund_id,
            doubt=known,
            amount_fen=case.amount_fen if case else 0,
            currency=account.currency,
            beyond_fen=account.beyond.get(refund_id, 0),
            changed_at=now,
        ),
    )


def and_then(decision: Decided, order_id: str, at: Moment) -> Decided:
    """The decision, and what other cases of the account may do by it: money that may have gone has not, or goods are back."""
    account = decision.state or EMPTY
    effects: list[object] = []
    for case in account.cases:
        moved = rules.moved_on(account, case)
        if moved is not case:
            account = rules.with_case(account, moved)
            effects.append(changed_to(order_id, account, moved, at.now))
    return replace(decision, state=account, effects=(*decision.effects, *effects))


def refused_with(
    account: Account, order_id: str, case: Case, why: tuple[str, str], now: datetime
) -> tuple[Account, Struct, CaseChanged]:
    """The account with a case that ends before any money went, and what is told. `why`: actor and reason."""
    actor, reason = why
    ended = replace(case, state=CaseState.REFUSED, ended_at=now, end_reason=reason, given_up=None)
    account = rules.with_case(account, ended)
    told = telling.refused(order_id, ended, actor, reason, now)
    return account, told, changed_to(order_id, account, ended, now)


def changed_to(order_id: str, account: Account, case: Case, now: datetime) -> CaseChanged:
    """The effect: the case is new, or stands so now."""
    trade_no = f"{account.channel}:{account.channel_order_no}"
    return CaseChanged(order_id=order_id, trade_no=trade_no, case=case, changed_at=now)
