"""What is paid for an order, and what follows from it. Pure.

Guarantees: the amount is kept in every state and never falls; the time of payment, and what was promised by it, are those
of the first.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from chassis.processor import Decision, Moment
from schemas.events.orders import OrderPaid, Payment
from services.orders.domain.model import Content, Order
from services.orders.domain.risk import Judge
from services.orders.domain.states import State, Trigger
from services.orders.domain.step import Step

Decided = Decision[Order]


def order_paid(known: Order | None, event: OrderPaid, judge: Judge, moment: Moment) -> Decided:
    """The payment is kept in every state: money that was taken is a fact, also for a cancelled order.

    A later one counts where it says more, as what is paid at the door does; the time stays that of the first.
    """
    order = known or Order()
    if order.content is not None and order.paid_at is None:
        paid_at = event.occurred_at
        verdict = order.verdict
        assert verdict is not None, "an order is assessed when it is placed"
        if not verdict.reviewed_by:
            due_fen = event.paid_fen or order.content.payable_fen
            verdict = judge.verdict_again(event.order_id, order.content, due_fen, paid_at, verdict)
        payment = Payment(paid_at=paid_at, paid_fen=event.paid_fen, collect_fen=event.collect_fen)
        order = with_payment(order, order.content, payment, judge)
        order = replace(order, verdict=verdict)
    elif event.paid_fen > order.paid_fen:
        order = _with_more(order, event, judge)
    step = Step(order, moment)
    if order.state is State.CANCELLED and known is not None and known.paid_at is not None:
        # It was paid for in time: a person had it shipped elsewhere, say, and it was paid at the door.
        step.record_payment("")
    else:
        step.take(Trigger.PAID)
    return step.decision()


def _with_more(order: Order, event: OrderPaid, judge: Judge) -> Order:
    content, verdict = order.content, order.verdict
    if content is None or verdict is None:
        return order
    if order.state is State.AWAITING_REVIEW and not verdict.reviewed_by:
        verdict = judge.verdict_again(
            event.order_id, content, event.paid_fen, event.occurred_at, verdict
        )
    return replace(
        order, paid_fen=event.paid_fen, collect_fen=event.collect_fen or 0, verdict=verdict
    )


def with_payment(order: Order, content: Content, payment: Payment, judge: Judge) -> Order:
    """The order, paid, with the time it must ship by."""
    paid = replace(
        order,
        paid_fen=payment.paid_fen,
        paid_at=payment.paid_at,
        collect_fen=payment.collect_fen or 0,
    )
    return promised(paid, content, payment.paid_at, judge)


def promised(order: Order, content: Content, paid_at: datetime, judge: Judge) -> Order:
    """The order with the time it must ship by, by this content."""
    made = judge.promise(content, paid_at)
    return replace(order, ship_by=made.ship_by, ship_by_rule=made.rule)
