"""Every record orders listens to, and what is decided about it. Pure; `HANDLERS` at the end is the whole list.

Each decision first keeps the fact, then lets the table (domain/states.py) answer. Facts may come in any
order between topics; within one topic they come in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from msgspec.structs import replace

from chassis.channel_holds import SHIPPED_ELSEWHERE
from chassis.extension_facts import promised_ship_at
from chassis.processor import Decision, Handlers, Moment
from schemas.events.commands_orders import (
    CancelOrder,
    CloseUnpaid,
    HoldOrder,
    LiftHold,
    ReviewOrder,
)
from schemas.events.order_states import FulfilLine, FulfilPart, FulfilPartLine
from schemas.events.orders import (
    OrderAmended,
    OrderCancelled,
    OrderLine,
    OrderLinesMatched,
    OrderPaid,
    OrderPlaced,
)
from schemas.events.refunds import (
    RefundApproved,
    RefundFailed,
    RefundRefused,
    RefundRequested,
    RefundSettled,
)
from schemas.events.shipments import (
    ParcelCancelled,
    ParcelCancelRefused,
    ParcelDelivered,
    ParcelShipped,
    WaybillIssued,
)
from schemas.events.stock import StockReleased, StockReserved, StockShort
from services.orders.domain.model import (
    Content,
    Order,
    ParcelStage,
    Stock,
    gaps_of,
)
from services.orders.domain.risk import Judge
from services.orders.domain.states import REFUSAL_TITLES, State, Trigger
from services.orders.domain.step import Step
from services.orders.payment_handlers import order_paid, promised, with_payment
from services.orders.refund_handlers import (
    refund_approved,
    refund_ended,
    refund_requested,
    refund_settled,
)

EMPTY = Order()
UNMATCHED_TOLD_MAX = 5
Decided = Decision[Order]
Command = CancelOrder | CloseUnpaid | HoldOrder | LiftHold | ReviewOrder


# ---- orders ----------------------------------------------------------------------------------------


def order_placed(known: Order | None, event: OrderPlaced, judge: Judge, moment: Moment) -> Decided:
    """The order itself; what was told of it before is caught up."""
    order = known or EMPTY
    payment = event.payment
    fresh = order.state is State.NEW
    elsewhere = event.hold == SHIPPED_ELSEWHERE
    has_left = elsewhere or bool(event.handed_over)
    if fresh:
        content = _content(event)
        due_fen = (payment.paid_fen if payment else 0) or event.payable_fen
        asked_at = payment.paid_at if payment else event.occurred_at
        verdict = judge.verdict(event.order_id, content, due_fen, asked_at)
        if has_left:
            # Nothing can hold it back any more, nor would anything let it go again.
            verdict = replace(verdict, outcome="passed")
            content = replace(content, unmatched="", hold="" if elsewhere else content.hold)
            order = replace(order, stock=Stock.UNKNOWN)
        order = replace(
            order,
            content=content,
            placed_at=event.occurred_at,
            unpaid_since=event.accepted_at,
            verdict=verdict,
        )
        if payment is not None:
            order = with_payment(order, content, payment, judge)
    step = Step(order, moment)
    step.take(Trigger.PLACED)
    if fresh and has_left:
        # Before the payment: a paid order whose goods are held is ready for a warehouse at once.
        if elsewhere:
            step.take(Trigger.PARCEL_SHIPPED, "已在别处发货")
        else:
            step.take(Trigger.PARCEL_DELIVERED, "柜台交付")
    if fresh and payment is not None:
        step.take(Trigger.PAID)
    return step.decision()


def _lines(lines: Sequence[OrderLine]) -> tuple[FulfilLine, ...]:
    return tuple(
        [
            FulfilLine(
                line_no=line.line_no,
                channel_line_id=line.channel_line_id,
                sku=line.sku,
                title=line.title,
                quantity=line.quantity,
            )
            for line in lines
        ]
    )


def _why_unmatched(lines: Sequence[OrderLine]) -> str:
    """Each line that has no SKU with what the channel calls it, as people read it."""
    told = []
    for line in lines:
        if line.unmatched is not None:
            code = line.unmatched.merchant_code
            why = f"商家编码 {code} 不是已知SKU" if code else "没有商家编码"
            told.append(f"第{line.line_no}行 {line.title}(平台SKU {line.channel_sku_id}): {why}")
    more = f"；等共 {len(told)} 行" if len(told) > UNMATCHED_TOLD_MAX else ""
    return "；".join(told[:UNMATCHED_TOLD_MAX]) + more


def _content(event: OrderPlaced) -> Content:
    lines = _lines(event.lines)
    return Content(
        channel=event.channel,
        shop=event.shop,
        channel_order_no=event.channel_order_no,
        lines=lines,
        payable_fen=event.payable_fen,
        currency=event.currency,
        province=event.province,
        city=event.city,
        district=event.district,
        personal=event.personal,
        personal_kind=event.personal_kind,
        receiver_key=event.receiver_key,
        receiver_digest=event.receiver_digest or "",
        address_vague=event.address_vague,
        hold=event.hold,
        problem_count=len(event.problems),
        ship_by=event.ship_by,
        gaps=gaps_of(lines, event.province, event.personal_kind),
        unmatched=_why_unmatched(event.lines),
        extension=event.extension,
        balance_open=bool(event.balance_open),
        closable=bool(event.closable),
    )


def lines_matched(
    known: Order | None, event: OrderLinesMatched, judge: Judge, moment: Moment
) -> Decided:
    """Takes our SKUs in place of the lines that had none; the table judges the goods anew."""
    order = known or EMPTY
    content, verdict = order.content, order.verdict
    early = order.state in {State.AWAITING_PAYMENT, State.AWAITING_REVIEW}
    # What was handed over or has ended stays as it was.
    if content is not None and verdict is not None and early:
        lines = _lines(event.lines)
        gaps = gaps_of(lines, content.province, content.personal_kind)
        content = replace(content, lines=lines, gaps=gaps, unmatched="")
        if not verdict.reviewed_by:
            due_fen = order.paid_fen or content.payable_fen
            verdict = judge.verdict(event.order_id, content, due_fen, event.occurred_at)
        order = replace(order, content=content, verdict=verdict)
    step = Step(order, moment)
    step.take(Trigger.LINES_MATCHED)
    return step.decision()


def order_amended(
    known: Order | None, event: OrderAmended, judge: Judge, moment: Moment
) -> Decided:
    """Takes the channel's newer content; a new receiver is judged anew, or holds what is under way."""
    order = known or EMPTY
    content = order.content
    if content is None:
        step = Step(order, moment)
        step.take(Trigger.AMENDED)
        return step.decision()
    moved = "region" in event.changed or _another_receiver(content, event)
    gone = order.state in {State.SHIPPED, State.COMPLETED, State.CANCELLED}
    # A parcel that left keeps the receiver it left for.
    told = replace(content, hold=event.hold, balance_open=bool(event.balance_open))
    newer = told if moved and gone else _amended(told, event)
    verdict = order.verdict
    early = order.state in {State.AWAITING_PAYMENT, State.AWAITING_REVIEW}
    told_more = newer.extension != content.extension
    reviewed = verdict is not None and bool(verdict.reviewed_by)
    # A person's word was for the receiver it was given about.
    another = moved or newer.personal_kind != content.personal_kind
    if early and (another or (told_more and not reviewed)):
        due_fen = order.paid_fen or content.payable_fen
        verdict = judge.verdict(event.order_id, newer, due_fen, event.occurred_at)
    order = replace(order, content=newer, verdict=verdict)
    if early and told_more and order.paid_at is not None:
        order = promised(order, newer, order.paid_at, judge)
    step = Step(order, moment)
    if moved:
        step.take(Trigger.ADDRESS_CHANGED, "、".join(event.changed))
    step.take(Trigger.AMENDED)
    return step.decision()


def _another_receiver(content: Content, event: OrderAmended) -> bool:
    """Memos are in the personal block too, and a channel that starts to mask moves nobody."""
    if event.personal_kind != content.personal_kind:
        return False
    if event.receiver_digest and content.receiver_digest:
        return event.receiver_digest != content.receiver_digest
    return event.receiver_key != content.receiver_key


def _amended(content: Content, event: OrderAmended) -> Content:
    newer = replace(
        content,
        province=event.province,
        city=event.city,
        district=event.district,
    )
    # One that was told before extensions were has none.
    if event.extension is not None:
        ship_by = promised_ship_at(content.channel, event.extension) or content.ship_by
        newer = replace(newer, extension=event.extension, ship_by=ship_by)
    if event.personal_kind != "absent":
        same = (event.personal_kind, event.receiver_key) == (
            content.personal_kind,
            content.receiver_key,
        )
        newer = replace(
            newer,
            personal=event.personal,
            personal_kind=event.personal_kind,
            receiver_key=event.receiver_key,
            receiver_digest=event.receiver_digest or (content.receiver_digest if same else ""),
            address_vague=event.address_vague,
        )
    return replace(newer, gaps=gaps_of(newer.lines, newer.province, newer.personal_kind))


def order_cancelled(
    known: Order | None, event: OrderCancelled, _judge: Judge, moment: Moment
) -> Decided:
    """The channel closed the order."""
    step = Step(known or EMPTY, moment)
    step.take(Trigger.CHANNEL_CANCELLED, event.reason)
    return step.decision()


# ---- stock -----------------------------------------------------------------------------------------


def stock_reserved(
    known: Order | None, event: StockReserved, _judge: Judge, moment: Moment
) -> Decided:
    """Every line is held, in one warehouse or in several."""
    parts = tuple(
        [
            FulfilPart(
                warehouse=part.warehouse,
                lines=tuple(
                    FulfilPartLine(line_no=line.line_no, quantity=line.quantity)
                    for line in part.lines
                ),
            )
            for part in event.parts or ()
        ]
    )
    order = replace(known or EMPTY, stock=Stock.RESERVED, warehouse=event.warehouse, parts=parts)
    step = Step(order, moment)
    step.take(Trigger.STOCK_RESERVED)
    return step.decision()


def stock_short(known: Order | None, _event: StockShort, _judge: Judge, moment: Moment) -> Decided:
    """Nothing is held."""
    step = Step(replace(known or EMPTY, stock=Stock.SHORT), moment)
    step.take(Trigger.STOCK_SHORT)
    return step.decision()


def stock_released(
    known: Order | None, event: StockReleased, _judge: Judge, moment: Moment
) -> Decided:
    """The hold is gone: an unpaid order that is ours to close ends with its time, any other asks for stock once it is paid."""
    step = Step(replace(known or EMPTY, stock=Stock.RELEASED), moment)
    expired = event.reason == "expired"
    step.take(Trigger.STOCK_EXPIRED if expired else Trigger.STOCK_RELEASED, event.reason)
    return step.decision()


# ---- shipments -------------------------------------------------------------------------------------


def _parcel(
    known: Order | None, stage: ParcelStage, trigger: Trigger, reason: str, moment: Moment
) -> Decided:
    step = Step(replace(known or EMPTY, parcel=stage), moment)
    step.take(trigger, reason)
    return step.decision()


def _one_of_several(known: Order | None, trigger: Trigger, reason: str, moment: Moment) -> Decided:
    step = Step(known or EMPTY, moment)
    step.take(trigger, reason)
    return step.decision()


def waybill_issued(
    known: Order | None, event: WaybillIssued, _judge: Judge, moment: Moment
) -> Decided:
    """The label can be printed."""
    order = known or EMPTY
    stage = order.parcel or ParcelStage.WAYBILL
    return _parcel(order, stage, Trigger.WAYBILL_ISSUED, event.carrier, moment)


def parcel_shipped(
    known: Order | None, event: ParcelShipped, _judge: Judge, moment: Moment
) -> Decided:
    """The carrier has the parcel: a cancel that was asked for comes too late. With the last one the order has left."""
    if event.parcels_left:
        return _one_of_several(known, Trigger.PARCEL_PARTLY_SHIPPED, event.carrier, moment)
    return _parcel(known, ParcelStage.SHIPPED, Trigger.PARCEL_SHIPPED, event.carrier, moment)


def parcel_delivered(
    known: Order | None, event: ParcelDelivered, _judge: Judge, moment: Moment
) -> Decided:
    """The receiver has the parcel, or the last one of several."""
    if event.parcels_left:
        return _one_of_several(known, Trigger.PARCEL_PARTLY_DELIVERED, "签收", moment)
    return _parcel(known, ParcelStage.DELIVERED, Trigger.PARCEL_DELIVERED, "签收", moment)


def parcel_cancelled(
    known: Order | None, event: ParcelCancelled, _judge: Judge, moment: Moment
) -> Decided:
    """The parcel was stopped: the cancel that was asked for takes effect."""
    asked = known.cancel.reason if known is not None and known.cancel is not None else event.reason
    return _parcel(known, ParcelStage.CANCELLED, Trigger.PARCEL_CANCELLED, asked, moment)


def parcel_cancel_refused(
    known: Order | None, event: ParcelCancelRefused, _judge: Judge, moment: Moment
) -> Decided:
    """The parcel could not be stopped: the order goes on, the refusal is recorded."""
    step = Step(known or EMPTY, moment)
    step.take(Trigger.PARCEL_CANCEL_REFUSED, event.reason)
    return step.decision()


# ---- commands --------------------------------------------------------------------------------------


def _commanded(known: Order | None, trigger: Trigger, reason: str, moment: Moment) -> Decided:
    if known is None or known.state is State.NEW:
        return Decision(
            state=known, refusal=REFUSAL_TITLES["order_unknown"], result_id="order_unknown"
        )
    step = Step(known, moment)
    return step.answer(step.take(trigger, reason))


def hold_order(known: Order | None, command: HoldOrder, _judge: Judge, moment: Moment) -> Decided:
    """A person holds the order."""
    return _commanded(known, Trigger.HOLD, command.reason, moment)


def lift_hold(known: Order | None, command: LiftHold, _judge: Judge, moment: Moment) -> Decided:
    """A person lifts what persons may lift."""
    return _commanded(known, Trigger.LIFT, command.reason, moment)


def cancel_order(
    known: Order | None, command: CancelOrder, _judge: Judge, moment: Moment
) -> Decided:
    """Cancelled at once, intercepted, or too late: the answer says which."""
    return _commanded(known, Trigger.CANCEL, command.reason, moment)


def close_unpaid(
    known: Order | None, _command: CloseUnpaid, _judge: Judge, moment: Moment
) -> Decided:
    """Closes the order unless it was paid in the meantime, or is not ours to close."""
    return _commanded(known, Trigger.CLOSE_UNPAID, "超时未付", moment)


def review_order(
    known: Order | None, command: ReviewOrder, _judge: Judge, moment: Moment
) -> Decided:
    """The person's word replaces the table's verdict, which stays in the audit."""
    trigger = Trigger.REVIEW_PASSED if command.passed else Trigger.REVIEW_FAILED
    return _commanded(known, trigger, command.reason, moment)


HANDLERS: Handlers = MappingProxyType(
    {
        OrderPlaced: order_placed,
        OrderLinesMatched: lines_matched,
        OrderPaid: order_paid,
        OrderAmended: order_amended,
        OrderCancelled: order_cancelled,
        StockReserved: stock_reserved,
        StockShort: stock_short,
        StockReleased: stock_released,
        WaybillIssued: waybill_issued,
        ParcelShipped: parcel_shipped,
        ParcelDelivered: parcel_delivered,
        ParcelCancelled: parcel_cancelled,
        ParcelCancelRefused: parcel_cancel_refused,
        RefundRequested: refund_requested,
        RefundApproved: refund_approved,
        RefundSettled: refund_settled,
        RefundRefused: refund_ended,
        RefundFailed: refund_ended,
        CancelOrder: cancel_order,
        CloseUnpaid: close_unpaid,
        HoldOrder: hold_order,
        LiftHold: lift_hold,
        ReviewOrder: review_order,
    }
)
