"""What is told of a case, as events of its order. Pure."""

from __future__ import annotations

from datetime import datetime

from schemas.events.commands_refunds import ResolveDoubleRefund
from schemas.events.refunds import (
    DoubleRefundResolved,
    DoubleRefundSuspected,
    PayoutGivenUp,
    PayoutResumed,
    RefundAgreedThere,
    RefundApproved,
    RefundEndedTooLate,
    RefundLine,
    RefundRefused,
    RefundRequested,
    RefundSettled,
    RestockLine,
    ReturnConfirmed,
    ReturnedLine,
)
from services.refunds.domain import doubt, giving_up, leaving, rules
from services.refunds.domain.model import (
    Account,
    Case,
    CaseState,
    GivenUp,
    GoodsCheck,
    HeardThere,
    PaidThere,
)


def approved(
    order_id: str, case: Case, now: datetime, *, who: tuple[str, str], reason: str
) -> RefundApproved:
    """Somebody has agreed, or a rule. `who`: actor and role."""
    actor, role = who
    return RefundApproved(
        order_id=order_id,
        version=0,
        occurred_at=now,
        refund_id=case.refund_id,
        actor=actor,
        role=role,
        complete=case.approved,
        reason=reason,
    )


def requested(order_id: str, case: Case, now: datetime) -> RefundRequested:
    """A request has become a case."""
    return RefundRequested(
        order_id=order_id,
        version=0,
        occurred_at=now,
        refund_id=case.refund_id,
        kind=str(case.kind),
        amount_fen=case.amount_fen,
        currency=case.currency,
        freight_fen=case.freight_fen,
        lines=tuple(
            RefundLine(
                line_no=line.line_no,
                sku=line.sku,
                quantity=line.quantity,
                amount_fen=line.amount_fen,
            )
            for line in case.lines
        ),
        reason=case.reason,
        tier=case.tier,
        approvals_needed=case.approvals_needed,
        rule=case.rule,
        actor=case.requested_by,
    )


def settled(  # noqa: PLR0917 — all that is told
    account: Account, order_id: str, case: Case, gateway: str, request_no: str, now: datetime
) -> RefundSettled:
    """The money of a case is back with the buyer."""
    return RefundSettled(
        order_id=order_id,
        version=0,
        occurred_at=now,
        refund_id=case.refund_id,
        amount_fen=case.amount_fen,
        currency=case.currency,
        gateway=gateway,
        gateway_request_no=request_no,
        restock=_restock(case),
        order_fully_refunded=rules.fully_refunded(account),
        shipped=leaving.has_gone(account, case.refund_id, case.lines),
    )


def double_suspected(
    order_id: str, of: tuple[str, int, str], there: PaidThere, why: tuple[str, int], now: datetime
) -> DoubleRefundSuspected:
    """Money may have gone twice. `of`: refund id, our case's fen, their currency; `why`: reason and fen beyond the books."""
    refund_id, amount_fen, currency = of
    reason, beyond_fen = why
    return DoubleRefundSuspected(
        order_id=order_id,
        version=0,
        occurred_at=now,
        refund_id=refund_id,
        amount_fen=amount_fen,
        currency=currency,
        there_fen=there.fen,
        beyond_fen=beyond_fen,
        reason=reason,
        refund_no=there.refund_no,
        actor=there.actor,
    )


def double_resolved(
    account: Account, command: ResolveDoubleRefund, difference_fen: int, now: datetime
) -> DoubleRefundResolved:
    """A person has settled it; `account` is what came of that."""
    return DoubleRefundResolved(
        order_id=command.order_id,
        version=0,
        occurred_at=now,
        refund_id=command.refund_id,
        outcome=command.outcome,
        amount_fen=doubt.given_back_fen(account, command.refund_id),
        currency=account.currency,
        difference_fen=difference_fen,
        order_fully_refunded=rules.gone_fen(account) >= account.paid_fen,
        actor=command.actor,
        reason=command.reason,
    )


def ended_too_late(
    order_id: str, case: Case, heard: HeardThere, now: datetime
) -> RefundEndedTooLate:
    """Nobody asks any more for the money of a case that is under way or gone."""
    return RefundEndedTooLate(
        order_id=order_id,
        version=0,
        occurred_at=now,
        refund_id=case.refund_id,
        amount_fen=case.amount_fen,
        currency=case.currency,
        outcome=heard.outcome,
        settled=case.state is CaseState.SETTLED,
        refund_no=heard.refund_no,
        actor=heard.actor,
    )


def agreed_there(order_id: str, case: Case, heard: HeardThere, now: datetime) -> RefundAgreedThere:
    """The channel pays a case by itself, later."""
    return RefundAgreedThere(
        order_id=order_id,
        version=0,
        occurred_at=now,
        refund_id=case.refund_id,
        amount_fen=case.amount_fen,
        currency=case.currency,
        refund_no=heard.refund_no,
        actor=heard.actor,
    )


def given_up(order_id: str, case: Case, known: GivenUp, now: datetime) -> PayoutGivenUp:
    """The payout of a case waits for a person."""
    return PayoutGivenUp(
        order_id=order_id,
        version=0,
        occurred_at=now,
        refund_id=case.refund_id,
        amount_fen=case.amount_fen,
        currency=case.currency,
        actor=giving_up.ACTOR,
        reason=known.reason,
        last_heard=known.last_heard,
        given_up_at=known.given_up_at,
        sends=known.sends,
        asks=known.asks,
        underway=known.underway,
    )


def resumed(order_id: str, case: Case, now: datetime) -> PayoutResumed:
    """The newest resumption of a case."""
    newest = case.resumptions[-1]
    return PayoutResumed(
        order_id=order_id,
        version=0,
        occurred_at=now,
        refund_id=case.refund_id,
        amount_fen=case.amount_fen,
        currency=case.currency,
        actor=newest.actor,
        reason=newest.reason,
        last_heard=newest.last_heard,
    )


def return_confirmed(
    order_id: str, case: Case, check: GoodsCheck, now: datetime
) -> ReturnConfirmed:
    """Somebody saw what came back of a case."""
    return ReturnConfirmed(
        order_id=order_id,
        version=0,
        occurred_at=now,
        refund_id=case.refund_id,
        lines=tuple(
            ReturnedLine(line_no=line.line_no, sku=line.sku, quantity=case.returned[line.line_no])
            for line in case.lines
            if line.line_no in case.returned
        ),
        good=case.goods == "good",
        actor=check.actor,
        reason=check.reason,
    )


def refused(order_id: str, case: Case, actor: str, reason: str, now: datetime) -> RefundRefused:
    """A case has ended without money."""
    return _refusal(order_id, case.refund_id, actor, reason, now)


def not_opened(order_id: str, refund_id: str, reason: str, now: datetime) -> RefundRefused:
    """A channel's request that our books cannot take never became a case."""
    return _refusal(order_id, refund_id, "refunds", reason, now)


def _refusal(
    order_id: str, refund_id: str, actor: str, reason: str, now: datetime
) -> RefundRefused:
    return RefundRefused(
        order_id=order_id,
        version=0,
        occurred_at=now,
        refund_id=refund_id,
        actor=actor,
        reason=reason,
    )


def _restock(case: Case) -> tuple[RestockLine, ...]:
    """Goods that came back good. What was never shipped is released by the cancelling instead."""
    if case.goods != "good":
        return ()
    returned = case.returned or {line.line_no: line.quantity for line in case.lines}
    return tuple(
        RestockLine(sku=line.sku, quantity=returned[line.line_no])
        for line in case.lines
        if line.line_no in returned
    )
