"""Decisions of the refunds service, by record type. Pure: the chassis loads, saves and publishes.

Facts of an order may come before the order itself (they travel on topics of their own), so every handler
takes an account that does not exist yet.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from chassis.channel_holds import SHIPPED_ELSEWHERE
from chassis.processor import Decision, Handlers, Moment
from schemas.events.commands_refunds import (
    ApproveRefund,
    ConfirmReturn,
    EndRefund,
    GiveUpPayout,
    PaidBack,
    RecordPayout,
    RecordRequestAgreed,
    RefuseRefund,
    RequestRefund,
    ResolveDoubleRefund,
    ResumePayout,
    WithdrawRefund,
)
from schemas.events.order_states import OrderClosed
from schemas.events.orders import (
    OrderAmended,
    OrderCancelled,
    OrderLinesMatched,
    OrderPaid,
    OrderPlaced,
)
from schemas.events.refunds import RefundFailed
from schemas.events.shipments import ParcelDelivered, ParcelShipped
from services.refunds import doubts, ending, telling
from services.refunds.domain import giving_up, leaving, paid_back, resuming, rules, shares
from services.refunds.domain.model import Account, Case, CaseState, GoodsCheck
from services.refunds.domain.rules import Refused
from services.refunds.ending import EMPTY, changed_to, end_refund, refused_with, withdraw_refund
from services.refunds.store import RefundFacts

Decided = Decision[Account]


def place_order(
    state: Account | None, event: OrderPlaced, facts: RefundFacts, at: Moment
) -> Decided:
    """Keeps what the shares are made of, and what was paid already."""
    account = replace(
        state or EMPTY,
        channel=event.channel,
        channel_order_no=event.channel_order_no,
        lines=shares.announced(event.lines),
        currency=event.currency,
        freight_fen=event.freight_fen,
        told=facts.told(event.channel, event.extension),
        unmatched=any([line.unmatched is not None for line in event.lines]),  # noqa: C419 — every order
    )
    if event.handed_over:
        account = replace(account, shipped=True, delivered_at=event.occurred_at)
    elif event.hold == SHIPPED_ELSEWHERE:
        # When it arrived, nobody tells us.
        account = replace(account, shipped=True)
    if event.payment is None:
        return Decision(state=account)
    return _pay(account, event.order_id, event.payment.paid_fen, facts, at)


def amend_order(
    state: Account | None, event: OrderAmended, facts: RefundFacts, _at: Moment
) -> Decided:
    """Keeps what its channel tells now; cases that are open keep the tier they have."""
    account = state or EMPTY
    if event.extension is None:
        return Decision(state=account)
    return Decision(state=replace(account, told=facts.told(account.channel, event.extension)))


def match_lines(
    state: Account | None, event: OrderLinesMatched, facts: RefundFacts, at: Moment
) -> Decided:
    """Takes the lines of our SKUs; requests of the channel that waited for them are decided now."""
    account = shares.matched(state or EMPTY, event.lines)
    return _open_early(account, event.order_id, facts, at)


def pay_order(state: Account | None, event: OrderPaid, facts: RefundFacts, at: Moment) -> Decided:
    """Keeps what was paid. A later, different payment counts only while no case stands on the first.

    Requests of the channel that came before the payment are decided now.
    """
    return _pay(state or EMPTY, event.order_id, event.paid_fen, facts, at)


def _pay(account: Account, order_id: str, paid_fen: int, facts: RefundFacts, at: Moment) -> Decided:
    if account.cases:
        return Decision(state=account)
    return _open_early(replace(account, paid_fen=paid_fen), order_id, facts, at)


def _open_early(account: Account, order_id: str, facts: RefundFacts, at: Moment) -> Decided:
    if not account.early and not account.ended_early:
        return Decision(state=account)
    waiting, ended = account.early, account.ended_early
    account = replace(account, early=(), ended_early=())
    events: list[Struct] = []
    effects: list[object] = []
    # Money that went comes before money that is asked for.
    for end in ended:
        decision = end_refund(account, end, facts, at)
        account = decision.state or account
        events += decision.events
        effects += decision.effects
    for request in waiting:
        decision = request_refund(account, request, facts, at)
        account = decision.state or account
        events += decision.events
        effects += decision.effects
        if decision.refusal:
            events.append(telling.not_opened(order_id, request.refund_id, decision.refusal, at.now))
    return Decision(state=account, events=tuple(events), effects=tuple(effects))


def channel_cancelled(
    state: Account | None, event: OrderCancelled, facts: RefundFacts, at: Moment
) -> Decided:
    """Where the channel gave the money back itself, cases that have not paid yet end; a payout in doubt is told."""
    account = state or EMPTY
    if not event.refunded_by_channel:
        return Decision(state=account)
    account = replace(account, refunded_by_channel=True)
    return ending.closed_there(account, event.order_id, facts, at)


def order_closed(state: Account | None, event: OrderClosed, _facts: object, at: Moment) -> Decided:
    """A cancelled order's goods stay with us: what waited for that is paid."""
    closed: Decided = Decision(state=replace(state or EMPTY, cancelled=True))
    return ending.and_then(closed, event.order_id, at)


def parcel_shipped(
    state: Account | None, event: ParcelShipped, facts: RefundFacts, at: Moment
) -> Decided:
    """From now on its goods have to come back before money that waits for them goes.

    What other parcels of the order still keep has nothing to come back, and no cancelling to wait for. A buyer's
    cancellation that could not stop the parcel is answered: the platform would give the money back by itself.
    """
    pieces = [(line.line_no, line.quantity) for line in event.lines]
    account = leaving.left(state or EMPTY, pieces, parcels_left=event.parcels_left or 0)
    events: list[Struct] = []
    effects: list[object] = []
    for case in account.cases if facts.refuses_late else ():
        if rules.comes_too_late(case):
            why = ("parcel", rules.TOO_LATE)
            account, refused, changed = refused_with(account, event.order_id, case, why, at.now)
            events.append(refused)
            effects.append(changed)
    left: Decided = Decision(state=account, events=tuple(events), effects=tuple(effects))
    return ending.and_then(left, event.order_id, at)


def parcel_delivered(
    state: Account | None, event: ParcelDelivered, _facts: object, _at: Moment
) -> Decided:
    """Starts the days in which small refunds need nobody's consent; the first delivery counts."""
    account = state or EMPTY
    if account.delivered_at is not None:
        return Decision(state=account)
    return Decision(state=replace(account, delivered_at=event.occurred_at))


def take_request(
    state: Account | None, command: RequestRefund, facts: RefundFacts, at: Moment
) -> Decided:
    """As `request_refund`. What a channel asks for and our books cannot take is told: nobody waits for the answer."""
    decision = request_refund(state, command, facts, at)
    if decision.refusal in {"", *rules.OVER_THERE} or not command.actor.startswith("channel:"):
        return decision
    told = telling.not_opened(command.order_id, command.refund_id, decision.refusal, at.now)
    return Decision(state=state, events=(told,), result_id=decision.refusal)


def request_refund(
    state: Account | None, command: RequestRefund, facts: RefundFacts, at: Moment
) -> Decided:
    """Opens a case. The same refund id again gives the same case, whatever else it says."""
    if state is not None and state.case(command.refund_id) is not None:
        return Decision(state=state, result_id=command.refund_id)
    known = state or EMPTY
    state = shares.fixed(known)
    if any(end.refund_id == command.refund_id for end in known.ended_early):
        return Decision(state=known, result_id=command.refund_id)
    if any(command.refund_id in over for over in (state.withdrawn, state.beyond, state.doubts)):
        return Decision(state=state, refusal="request_over")
    if command.taken_back is not None:
        return _paid_back(known, command, command.taken_back, at)
    claimed = rules.claim(state, command)
    if isinstance(claimed, Refused):
        if rules.paid_meanwhile(command, claimed):
            return _opened_and_ended(state, command, facts, at)
        if not rules.overtook(command, claimed):
            return Decision(state=state, refusal=claimed.reason)
        return _early(known, command)
    tier = facts.tier(rules.tier_facts(state, command, claimed, at.now))
    case = rules.opened(state, command, claimed, tier, at.now)
    state, case = doubts.agreed_before(state, rules.moved_on(state, case))
    account = rules.with_case(state, case)
    events: list[Struct] = [telling.requested(command.order_id, case, at.now)]
    if case.heard_there is not None:
        events.append(telling.agreed_there(command.order_id, case, case.heard_there, at.now))
    if case.approved:
        events.append(
            telling.approved(
                command.order_id, case, at.now, who=(case.rule, case.tier), reason="rule"
            )
        )
    return Decision(
        state=account,
        events=tuple(events),
        effects=(changed_to(command.order_id, account, case, at.now),),
        result_id=case.refund_id,
    )


def _opened_and_ended(
    state: Account, command: RequestRefund, facts: RefundFacts, at: Moment
) -> Decided:
    """What a channel's own refund overtook, topics having no order among themselves: it ends as it would have open."""
    claimed = rules.claim(replace(state, refunded_by_channel=False), command)
    if isinstance(claimed, Refused):
        return Decision(state=state, refusal=rules.PAID_BY_CHANNEL)
    tier = facts.tier(rules.tier_facts(state, command, claimed, at.now))
    case = rules.opened(state, command, claimed, tier, at.now)
    requested = telling.requested(command.order_id, case, at.now)
    account, refused, changed = refused_with(
        state, command.order_id, case, ("orders", rules.PAID_BY_CHANNEL), at.now
    )
    return Decision(
        state=account, events=(requested, refused), effects=(changed,), result_id=case.refund_id
    )


def _early(state: Account, command: RequestRefund) -> Decided:
    """Kept beside shares as they were announced: they are fixed by what was paid, and that may still come."""
    others = tuple(one for one in state.early if one.refund_id != command.refund_id)
    return Decision(state=replace(state, early=(*others, command)), result_id=command.refund_id)


def _paid_back(state: Account, command: RequestRefund, back: PaidBack, at: Moment) -> Decided:
    """A case that is settled as it opens. What our books cannot take is told: the money is gone all the same."""
    known, state = state, shares.fixed(state)
    claimed = paid_back.claim_paid_back(state, back)
    if isinstance(claimed, Refused):
        if rules.overtook(command, claimed):
            return _early(known, command)
        refused = telling.not_opened(command.order_id, command.refund_id, claimed.reason, at.now)
        return Decision(state=state, events=(refused,), result_id=claimed.reason)
    case = paid_back.settled_at_once(state, command, claimed, at.now)
    account = rules.with_case(state, case)
    who = (command.actor, case.tier)
    approved = telling.approved(command.order_id, case, at.now, who=who, reason="paid_back")
    settled = telling.settled(
        account, command.order_id, case, back.gateway, back.request_no, at.now
    )
    return Decision(
        state=account,
        events=(telling.requested(command.order_id, case, at.now), approved, settled),
        effects=(changed_to(command.order_id, account, case, at.now),),
        result_id=case.refund_id,
    )


def approve_refund(
    state: Account | None, command: ApproveRefund, _facts: object, at: Moment
) -> Decided:
    """One role agrees; the last one needed lets the money go, once the goods are secured."""
    case = state.case(command.refund_id) if state else None
    if state is None or case is None:
        return Decision(state=state, refusal="refund_unknown")
    agreed = rules.consent(case, command.role, command.actor, command.reason, at.now)
    if isinstance(agreed, Refused):
        return Decision(state=state, refusal=agreed.reason)
    if agreed is case:
        return Decision(state=state, result_id=case.refund_id)
    if not rules.affordable(state, case):
        return Decision(state=state, refusal=rules.BEYOND)
    who = (command.actor, command.role)
    approved = telling.approved(command.order_id, agreed, at.now, who=who, reason=command.reason)
    return _moved(state, command.order_id, agreed, (approved,), at.now)


def refuse_refund(
    state: Account | None, command: RefuseRefund, _facts: object, at: Moment
) -> Decided:
    """Ends a case before its money was sent; what it held may be asked for again."""
    case = state.case(command.refund_id) if state else None
    if state is None or case is None:
        return Decision(state=state, refusal="refund_unknown")
    if rules.is_stopping(state, case):
        return Decision(state=state, refusal=rules.STOPPING)
    ended = rules.dissent(case, command.role, command.actor, command.reason, at.now)
    if isinstance(ended, Refused):
        return Decision(state=state, refusal=ended.reason)
    if ended is case:
        return Decision(state=state, result_id=case.refund_id)
    refused = telling.refused(command.order_id, ended, command.actor, command.reason, at.now)
    return _moved(state, command.order_id, ended, (refused,), at.now)


def confirm_return(
    state: Account | None, command: ConfirmReturn, _facts: object, at: Moment
) -> Decided:
    """Goods came back, good or not: told with who saw them, and what waited for them may be paid."""
    case = state.case(command.refund_id) if state else None
    if state is None or case is None:
        return Decision(state=state, refusal="refund_unknown")
    check = GoodsCheck(actor=command.actor, reason=command.reason or "", checked_at=at.now)
    checked = rules.goods_back(state, case, check, good=command.good)
    if isinstance(checked, Refused):
        return Decision(state=state, refusal=checked.reason)
    if checked is case:
        return Decision(state=state, result_id=case.refund_id)
    told = telling.return_confirmed(command.order_id, checked, check, at.now)
    return _moved(state, command.order_id, checked, (told,), at.now)


def record_payout(
    state: Account | None, command: RecordPayout, _facts: object, at: Moment
) -> Decided:
    """The gateway's word on a case that is being paid. The same word again changes nothing."""
    case = state.case(command.refund_id) if state else None
    if state is None or case is None:
        return Decision(state=state, refusal="refund_unknown")
    outcome = CaseState.SETTLED if command.outcome == "settled" else CaseState.FAILED
    if outcome is CaseState.SETTLED and ending.ended_by_channel(case):
        return ending.paid_too(state, command.order_id, case, at.now)
    if case.state is outcome:
        return Decision(state=state, result_id=case.refund_id)
    if case.state is not CaseState.PAYING:
        return Decision(state=state, refusal="not_paying")
    ended = replace(case, state=outcome, ended_at=at.now, end_reason=command.reason, given_up=None)
    if outcome is CaseState.SETTLED and case.paid_there is not None:
        ended = replace(ended, told_fen=case.amount_fen)
    if case.paid_there is not None and outcome is CaseState.FAILED:
        return ending.not_gone(state, command.order_id, case, at)
    if case.paid_there is not None:
        state = ending.counted_twice(state, case)
    if outcome is CaseState.FAILED:
        failed = RefundFailed(
            order_id=command.order_id,
            version=0,
            occurred_at=at.now,
            refund_id=case.refund_id,
            reason=command.reason,
        )
        decision = _moved(state, command.order_id, ended, (failed,), at.now)
        # The money that did not go may be what another case of the order waits for.
        return ending.and_then(decision, command.order_id, at)
    account = rules.with_case(state, ended)
    settled = telling.settled(
        account, command.order_id, case, command.gateway, command.gateway_request_no, at.now
    )
    decision = _moved(state, command.order_id, ended, (settled,), at.now)
    changes = ending.doubt_changed(
        command.order_id, decision.state or state, case.refund_id, at.now
    )
    return replace(decision, effects=(*decision.effects, *changes))


def give_up_payout(
    state: Account | None, command: GiveUpPayout, facts: RefundFacts, at: Moment
) -> Decided:
    """The dispatcher has given a payout up: told once, until it is resumed."""
    case = state.case(command.refund_id) if state else None
    if state is None or case is None:
        return Decision(state=state, refusal="refund_unknown")
    payout = facts.payouts.get((command.order_id, command.refund_id))
    waits = giving_up.given_up(case, payout)
    if isinstance(waits, Refused):
        return Decision(state=state, refusal=waits.reason)
    if waits is case or waits.given_up is None:
        return Decision(state=state, result_id=case.refund_id)
    told = telling.given_up(command.order_id, waits, waits.given_up, at.now)
    account = rules.with_case(state, waits)
    changed = replace(changed_to(command.order_id, account, waits, at.now), payout="given_up")
    return Decision(state=account, events=(told,), effects=(changed,), result_id=case.refund_id)


def resume_payout(
    state: Account | None, command: ResumePayout, facts: RefundFacts, at: Moment
) -> Decided:
    """A person has the gateway asked again about a payout that was given up.

    Who is faster than the dispatcher's own word tells that with it.
    """
    case = state.case(command.refund_id) if state else None
    if state is None or case is None:
        return Decision(state=state, refusal="refund_unknown")
    payout = facts.payouts.get((command.order_id, command.refund_id))
    resumed = resuming.resumed(case, command, payout, at.now)
    if isinstance(resumed, Refused):
        return Decision(state=state, refusal=resumed.reason)
    if resumed is case:
        return Decision(state=state, result_id=case.refund_id)
    told: tuple[Struct, ...] = (telling.resumed(command.order_id, resumed, at.now),)
    if payout and case.given_up is None:
        told = (telling.given_up(command.order_id, case, payout.given_up, at.now), *told)
    account = rules.with_case(state, resumed)
    changed = replace(changed_to(command.order_id, account, resumed, at.now), payout="resumed")
    return Decision(state=account, events=told, effects=(changed,), result_id=case.refund_id)


def _moved(
    account: Account, order_id: str, case: Case, events: tuple[Struct, ...], now: datetime
) -> Decided:
    case = rules.moved_on(account, case)
    account = rules.with_case(account, case)
    return Decision(
        state=account,
        events=events,
        effects=(changed_to(order_id, account, case, now),),
        result_id=case.refund_id,
    )


HANDLERS: Handlers = {
    OrderPlaced: place_order,
    OrderLinesMatched: match_lines,
    OrderPaid: pay_order,
    OrderCancelled: channel_cancelled,
    OrderClosed: order_closed,
    ParcelShipped: parcel_shipped,
    ParcelDelivered: parcel_delivered,
    RequestRefund: take_request,
    ApproveRefund: approve_refund,
    RefuseRefund: refuse_refund,
    EndRefund: end_refund,
    WithdrawRefund: withdraw_refund,
    ConfirmReturn: confirm_return,
    RecordPayout: record_payout,
    GiveUpPayout: give_up_payout,
    ResumePayout: resume_payout,
    RecordRequestAgreed: doubts.record_request_agreed,
    ResolveDoubleRefund: doubts.resolve_double_refund,
}
EXTENSION_HANDLERS: Handlers = {OrderAmended: amend_order}
"""Also listened to where the table of tiers asks what only a channel tells."""
