"""What refunds tells orders, and what is decided about it. Pure.

Guarantees: an order that has not left and of which all is asked back stands still until that is decided, and ends only
when it is: a request that is withdrawn or refused leaves the order as if it had never been asked.
"""

from __future__ import annotations

from msgspec.structs import replace

from chassis.processor import Decision, Moment
from schemas.events.refunds import (
    RefundApproved,
    RefundFailed,
    RefundRefused,
    RefundRequested,
    RefundSettled,
)
from services.orders.domain.model import Order, RefundAsk, RefundStage, cover_whole
from services.orders.domain.states import Trigger
from services.orders.domain.step import Step

Decided = Decision[Order]


def refund_requested(
    known: Order | None, event: RefundRequested, _judge: object, moment: Moment
) -> Decided:
    """售后中; an order that has not left and of which all is asked back stands still until that is decided."""
    order = known or Order()
    quantities: dict[int, int] = {}
    for line in event.lines:
        quantities[line.line_no] = quantities.get(line.line_no, 0) + line.quantity
    ask = RefundAsk(refund_id=event.refund_id, amount_fen=event.amount_fen, quantities=quantities)
    others = tuple([open_ask for open_ask in order.refunds if open_ask.refund_id != ask.refund_id])
    order = replace(order, refunds=(*others, ask))
    whole = cover_whole(order.refunds, order)
    step = Step(order, moment)
    step.take(Trigger.WHOLE_REFUND_REQUESTED if whole else Trigger.REFUND_REQUESTED, event.reason)
    return step.decision()


def refund_approved(
    known: Order | None, event: RefundApproved, _judge: object, moment: Moment
) -> Decided:
    """The last approval: where all of the order is given back, and it has not left, it is cancelled."""
    order = known or Order()
    if event.complete:
        order = _at_stage(order, event.refund_id, RefundStage.APPROVED)
    step = Step(order, moment)
    whole = event.complete and cover_whole(order.granted, order)
    step.take(Trigger.WHOLE_REFUND_APPROVED if whole else Trigger.REFUND_APPROVED, event.reason)
    return step.decision()


def _at_stage(order: Order, refund_id: str, stage: RefundStage) -> Order:
    asks = [
        replace(ask, stage=stage) if ask.refund_id == refund_id else ask for ask in order.refunds
    ]
    return replace(order, refunds=tuple(asks))


def refund_settled(
    known: Order | None, event: RefundSettled, _judge: object, moment: Moment
) -> Decided:
    """The money has gone. Where nothing of it is left and nothing has left the house, nothing will."""
    order = known or Order()
    if all(ask.refund_id != event.refund_id for ask in order.refunds):
        # The channel paid, and nobody was asked.
        ask = RefundAsk(refund_id=event.refund_id, amount_fen=event.amount_fen, quantities={})
        order = replace(order, refunds=(*order.refunds, ask))
    order = _at_stage(order, event.refund_id, RefundStage.SETTLED)
    step = Step(order, moment)
    if event.order_fully_refunded or cover_whole(order.granted, order):
        step.take(Trigger.WHOLE_REFUND_APPROVED, "款已全部退回")
    step.take(Trigger.REFUND_CLOSED)
    return step.decision()


def refund_ended(
    known: Order | None, event: RefundRefused | RefundFailed, _judge: object, moment: Moment
) -> Decided:
    """Refused or failed: the order goes on as if this had not been asked."""
    order = known or Order()
    left = tuple([ask for ask in order.refunds if ask.refund_id != event.refund_id])
    step = Step(replace(order, refunds=left), moment)
    step.take(Trigger.REFUND_CLOSED)
    return step.decision()
