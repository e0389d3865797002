"""Decisions on what may go, or has gone, twice: a channel that has agreed to pay by itself, and a person's word on what it was.

Guarantees: whether a refund went twice is settled once, by a person with a reason, and told with what has gone back for it.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Decision, Moment
from schemas.events.commands_refunds import RecordRequestAgreed, ResolveDoubleRefund
from services.refunds import ending, telling
from services.refunds.domain import doubt, paid_there, rules
from services.refunds.domain.model import AGREED, ENDED, Account, Case, CaseState, HeardThere
from services.refunds.domain.rules import Refused
from services.refunds.ending import EMPTY, Decided, changed_to
from services.refunds.store import RefundFacts

BY_HAND: Final = "manual"
"""The gateway of what is settled by a person's word alone."""


def record_request_agreed(
    state: Account | None, command: RecordRequestAgreed, _facts: object, at: Moment
) -> Decided:
    """The channel will pay by itself: told once, while the case is open or as it opens. The case goes on as it would."""
    account = state or EMPTY
    case = account.case(command.refund_id)
    heard = HeardThere(
        outcome=AGREED, refund_no=command.refund_no, actor=command.actor, heard_at=at.now
    )
    if case is None:
        known = {command.refund_id: heard, **account.agreed_early}
        return Decision(state=replace(account, agreed_early=known), result_id=command.refund_id)
    if case.state in ENDED or case.heard_there is not None or case.paid_there is not None:
        # Of what we have settled it is the channel's echo.
        return Decision(state=state, result_id=command.refund_id)
    kept = replace(case, heard_there=heard)
    account = rules.with_case(account, kept)
    told = telling.agreed_there(command.order_id, kept, heard, at.now)
    changed = replace(changed_to(command.order_id, account, kept, at.now), payout="untouched")
    return Decision(state=account, events=(told,), effects=(changed,), result_id=case.refund_id)


def agreed_before(account: Account, case: Case) -> tuple[Account, Case]:
    """A case that opens now, with what its channel had agreed to before."""
    heard = account.agreed_early.get(case.refund_id)
    if heard is None:
        return account, case
    left = {one: news for one, news in account.agreed_early.items() if one != case.refund_id}
    return replace(account, agreed_early=left), replace(case, heard_there=heard)


def resolve_double_refund(
    state: Account | None, command: ResolveDoubleRefund, facts: RefundFacts, at: Moment
) -> Decided:
    """A person settles whether a refund went twice. The same outcome again changes nothing."""
    refund_id = command.refund_id
    if state is None:
        return Decision(state=state, refusal="not_suspected")
    before = state.case(refund_id)
    payout = facts.payouts.get((command.order_id, refund_id))
    resolved = doubt.resolved(state, command, payout, at.now)
    if isinstance(resolved, Refused):
        return Decision(state=state, refusal=resolved.reason)
    account = resolved.account
    if account is state:
        return Decision(state=state, result_id=refund_id)
    events: list[Struct] = []
    effects: list[object] = []
    after = account.case(refund_id)
    if before is not None and after is not None and after is not before:
        changed = changed_to(command.order_id, account, after, at.now)
        if before.state is CaseState.PAYING:
            events.append(_end_told(account, command.order_id, after, at))
        else:
            changed = replace(changed, payout="untouched")
        effects.append(changed)
    events.append(telling.double_resolved(account, command, resolved.difference_fen, at.now))
    effects += ending.doubt_changed(command.order_id, account, refund_id, at.now)
    decision: Decided = Decision(
        state=account, events=tuple(events), effects=tuple(effects), result_id=refund_id
    )
    return ending.and_then(decision, command.order_id, at)


def _end_told(account: Account, order_id: str, case: Case, at: Moment) -> Struct:
    """What is told of a case that was being paid until a person said what became of it."""
    if case.state is CaseState.REFUSED:
        return telling.refused(order_id, case, ending.CLOSED[0], case.end_reason, at.now)
    gateway, request_no = BY_HAND, case.refund_id
    if case.end_reason == rules.REFUNDED_THERE and case.paid_there is not None:
        gateway, request_no = paid_there.GATEWAY, case.paid_there.refund_no
    return telling.settled(account, order_id, case, gateway, request_no, at.now)
