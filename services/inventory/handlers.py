"""What inventory decides about each event. Pure: facts are asked, changes are returned as effects.

An order is held when it is placed, for good once it is paid, let go when it is cancelled or not paid in time,
deducted when its parcel leaves. Topics have no order among themselves: what comes early is kept until its
time (a cancellation before the order, a return before the parcel).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from chassis.channel_holds import SHIPPED_ELSEWHERE
from chassis.errors import Invalid
from chassis.processor import Decide, Decision, Moment
from schemas.events.commands_inventory import (
    AllocateBackorder,
    ExpireHold,
    ExtendHold,
    ReceiveStock,
    ReviewPromise,
)
from schemas.events.order_states import OrderClosed
from schemas.events.orders import (
    OrderAmended,
    OrderLine,
    OrderLinesMatched,
    OrderPaid,
    OrderPlaced,
)
from schemas.events.refunds import RefundSettled
from schemas.events.shipments import ParcelShipped
from schemas.events.stock import (
    DeductedLine,
    PartLine,
    PassedOver,
    ReservedLine,
    ReservedPart,
    ReturnedLine,
    StockDeducted,
    StockHoldExtended,
    StockReleased,
    StockReserved,
    StockReturned,
    StockShort,
)
from services.inventory.adopting import taking_over
from services.inventory.batches import put_back
from services.inventory.counter_sales import left_at_once, left_before
from services.inventory.documents import DOCUMENTS
from services.inventory.domain.batches import added
from services.inventory.domain.extending import extended
from services.inventory.domain.model import (
    Aggregate,
    Deduct,
    Goods,
    Held,
    Hold,
    Lease,
    Line,
    Places,
    Release,
    Reserve,
    Returned,
    Short,
    merged,
    taken_from,
)
from services.inventory.domain.parts import held_by, let_go, parts_of, with_part
from services.inventory.domain.stock import Outcome, Stock
from services.inventory.domain.wanted import wanted
from services.inventory.movements import telling
from services.inventory.promising import left_short, promise_ended, review
from services.inventory.receipts import received


def placed(state: Aggregate | None, event: OrderPlaced, stock: Stock, moment: Moment) -> Outcome:
    """Holds the goods of a new order; one that was cancelled before we saw it gets none.

    While a line has no SKU there is nothing to ask for; nor is there where all of it had left before we saw it.
    """
    if state is not None:
        return Decision(state=state)
    if event.hold == SHIPPED_ELSEWHERE:
        gone = Hold(state="shipped", paid=True, channel=event.channel, left_elsewhere=True)
        return Decision(state=gone)
    hold = Hold(
        state="short",
        paid=event.payment is not None,
        channel=event.channel,
        province=event.province,
        told=stock.sourcing_facts(event.channel, event.extension),
        lines=_lines(event.lines),
        buyer="" if event.payment else event.receiver_key,
        reservation_id=event.reservation_id or "",
        handed_over=bool(event.handed_over),
    )
    if any([line.unmatched is not None for line in event.lines]):  # noqa: C419 — every order passes here
        return Decision(state=replace(hold, state="unmatched", lines=()))
    return _ask(hold, event.order_id, stock, moment)


def lines_matched(
    state: Aggregate | None, event: OrderLinesMatched, stock: Stock, moment: Moment
) -> Outcome:
    """Holds the goods of an order that waited for its SKUs, unless it was cancelled meanwhile."""
    hold = _hold(state)
    if hold.state != "unmatched":
        return Decision(state=hold)
    return _ask(replace(hold, lines=_lines(event.lines)), event.order_id, stock, moment)


def _lines(lines: Sequence[OrderLine]) -> tuple[Line, ...]:
    return tuple([Line(line.line_no, line.sku, line.quantity) for line in lines])


def amended(state: Aggregate | None, event: OrderAmended, stock: Stock, _moment: Moment) -> Outcome:
    """Keeps what its channel tells now for the next time that stock is asked for; what is held stays held."""
    if not isinstance(state, Hold) or event.extension is None:
        return Decision(state=state)
    return Decision(state=replace(state, told=stock.sourcing_facts(state.channel, event.extension)))


def paid(state: Aggregate | None, event: OrderPaid, stock: Stock, moment: Moment) -> Outcome:
    """Makes the hold permanent; asks once more where there is none any more, or never was."""
    hold = replace(_hold(state), paid=True, expires_at=None, buyer="")
    if hold.state in {"short", "expired"}:
        return _ask(hold, event.order_id, stock, moment)
    return Decision(state=hold)


def closed(state: Aggregate | None, event: OrderClosed, _stock: Stock, moment: Moment) -> Outcome:
    """Lets the goods of a cancelled order go."""
    if state is None:
        return Decision(state=Hold(state="cancelled"))
    hold = _hold(state)
    if hold.state == "held":
        return _let_go(hold, event.order_id, "cancelled", moment)
    if hold.state == "shipped":
        return Decision(state=hold)
    return promise_ended(Decision(state=replace(hold, state="cancelled")))


def expire(state: Aggregate | None, command: ExpireHold, _stock: Stock, moment: Moment) -> Outcome:
    """Ends an unpaid hold. The timer asks when it is due; a payment or an extension that came first wins."""
    if not isinstance(state, Hold):
        return Decision(state=state, refusal="unknown_order")
    if state.state != "held" or state.generation != command.generation:
        return Decision(state=state, refusal="not_held")
    if state.paid:
        return Decision(state=state, refusal="paid")
    if len(state.extensions) != (command.extensions or 0):
        return Decision(state=state, refusal="extended")
    return _let_go(state, command.order_id, "expired", moment)


def extend(state: Aggregate | None, command: ExtendHold, stock: Stock, moment: Moment) -> Outcome:
    """Keeps an unpaid order's goods longer, since it is being paid; not once its time is over."""
    if not isinstance(state, Hold) or state.asked is not None:
        return Decision(state=state, refusal="unknown_order")
    if state.state != "held":
        return Decision(state=state, refusal="not_held")
    if state.paid:
        return Decision(state=state, refusal="paid")
    lease = stock.extension(state)
    key, for_s = command.extension_key, command.for_s or 0
    longer = extended(state, key, for_s, lease, moment.now)
    if not isinstance(longer, Hold):
        return Decision(state=state, refusal=longer)
    assert longer.expires_at is not None
    until = longer.expires_at.isoformat()
    if longer == state:
        return Decision(state=state, result_id=until)
    event = StockHoldExtended(
        order_id=command.order_id,
        version=0,
        occurred_at=moment.now,
        expires_at=longer.expires_at,
        extensions=len(longer.extensions),
        rule=lease.rule,
        actor=moment.actor,
        reason=command.reason,
    )
    return Decision(state=longer, events=(event,), result_id=until)


def allocate(
    state: Aggregate | None, command: AllocateBackorder, stock: Stock, moment: Moment
) -> Outcome:
    """Holds goods that came for an order that waits for them. Where they are gone again it goes on waiting, silently."""
    if not isinstance(state, Hold) or state.asked is not None:
        return Decision(state=state, refusal="unknown_order")
    if state.state != "short" or state.generation != command.generation:
        return Decision(state=state, refusal="not_short")
    if not state.paid:
        return Decision(state=state, refusal="not_paid")
    outcome = _ask(state, command.order_id, stock, moment)
    if isinstance(outcome.state, Hold) and (
        outcome.state.state == "short" and outcome.state.promises == state.promises
    ):
        return Decision(state=outcome.state, result_id="still_short")
    return outcome


def shipped(state: Aggregate | None, event: ParcelShipped, stock: Stock, moment: Moment) -> Outcome:
    """Books out what left the house. A parcel of goods nobody held is a dead letter for people to see."""
    hold = _hold(state)
    goods = merged([(line.sku, line.quantity) for line in event.lines])
    here = [part for part in parts_of(hold) if part.warehouse == event.warehouse and part.held]
    if hold.state != "held" or not here:
        raise Invalid("shipped_without_hold")
    part = here[0]
    left = taken_from(part.held, goods)
    if left is None:
        raise Invalid("shipped_more_than_held")
    portions = stock.first_expired(part.warehouse, goods)
    part = replace(
        part,
        held=left,
        shipped=merged([*part.shipped, *goods]),
        batches=added(part.batches, portions) if portions else part.batches,
    )
    hold = with_part(hold, part)
    if not hold.held:
        hold = replace(hold, state="shipped", expires_at=None)
    deducted = StockDeducted(
        order_id=event.order_id,
        version=0,
        occurred_at=moment.now,
        warehouse=part.warehouse,
        lines=tuple(DeductedLine(sku=sku, quantity=quantity) for sku, quantity in goods),
    )
    effect = Deduct(
        part.warehouse,
        goods,
        event.parcel_id,
        event.order_id,
        moment.actor,
        portions,
        hold.channel,
        hold.campaigns,
    )
    outcome: Outcome = Decision(state=hold, events=(deducted,), effects=(effect,))
    for returned in hold.early_returns:
        outcome = _take_back(outcome, event.order_id, returned, stock, moment)
    return outcome


def refund_settled(
    state: Aggregate | None, event: RefundSettled, stock: Stock, moment: Moment
) -> Outcome:
    """Books in what came back. What we have not seen leave yet waits for its parcel."""
    if not event.restock:
        return Decision(state=state)
    goods = merged((line.sku, line.quantity) for line in event.restock)
    returned = Returned(event.refund_id, goods)
    hold = _hold(state)
    if hold.left_elsewhere:
        # Which of our warehouses has it, if any, only a receipt can tell.
        return Decision(state=hold)
    if taken_from(hold.shipped, goods) is None:
        kept = replace(hold, early_returns=(*hold.early_returns, returned))
        return Decision(state=kept)
    return _take_back(Decision(state=hold), event.order_id, returned, stock, moment)


def _hold(state: Aggregate | None) -> Hold:
    if not isinstance(state, Hold):
        raise Invalid("unknown_order")
    return state


def _ask(hold: Hold, order_id: str, stock: Stock, moment: Moment) -> Outcome:
    if not hold.handed_over:
        return promise_ended(_asked(hold, order_id, stock, moment))
    if (gone := stock.gone_with(order_id)) is not None:
        return Decision(state=left_before(hold, gone))
    return left_at_once(_asked(hold, order_id, stock, moment), order_id, stock, moment)


def _asked(hold: Hold, order_id: str, stock: Stock, moment: Moment) -> Outcome:
    goods = wanted(hold.lines)
    if goods is None:
        raise Invalid("lines_make_no_sense")
    answer = stock.offer(order_id, hold, goods)
    own = stock.own(order_id) if hold.reservation_id else None
    asked = replace(
        hold,
        generation=hold.generation + 1,
        campaigns=stock.campaigns(hold.channel, _places(answer, goods)),
    )
    if isinstance(answer, Short):
        return left_short(asked, order_id, answer, goods, stock, moment)
    lease = None if hold.paid else _lease(hold, answer, goods, stock)
    if own is not None:
        held = _held(asked, order_id, answer, goods, lease, moment)
        return taking_over(held, order_id, *own, moment)
    if lease is None or lease.time:
        return _held(asked, order_id, answer, goods, lease, moment)
    # The goods are there, and stay there until it is paid.
    event = StockShort(
        order_id=order_id, version=0, occurred_at=moment.now, lines=(), withheld_by=lease.rule
    )
    withheld = replace(asked, state="short", warehouse="", held=(), parts=(), short_since=None)
    return Decision(state=withheld, events=(event,))


def _places(answer: Held | Short, goods: Goods) -> Places:
    if isinstance(answer, Short):
        return ()
    return answer.several or ((answer.warehouse, goods),)


def _lease(hold: Hold, answer: Held, goods: Goods, stock: Stock) -> Lease:
    """How long the goods are kept unpaid: of several warehouses' the shortest."""
    if not answer.several:
        return stock.lease(hold, answer.warehouse, goods)
    leases = [stock.lease(hold, warehouse, share) for warehouse, share in answer.several]
    return min(leases, key=lambda one: one.time)


def _held(  # noqa: PLR0917 — all of one answer
    asked: Hold, order_id: str, answer: Held, goods: Goods, lease: Lease | None, moment: Moment
) -> Outcome:
    expires_at = moment.now + lease.time if lease else None
    reserved = StockReserved(
        order_id=order_id,
        version=0,
        occurred_at=moment.now,
        warehouse=answer.warehouse,
        lines=tuple(
            [
                ReservedLine(line_no=line.line_no, sku=line.sku, quantity=line.quantity)
                for line in asked.lines
            ]
        ),
        expires_at=expires_at,
        generation=asked.generation,
        rule=answer.rule,
        hold_rule=lease.rule if lease else None,
        passed_over=tuple(
            [
                PassedOver(
                    warehouse=one.warehouse,
                    sku=one.sku,
                    wanted=one.wanted,
                    available=one.available,
                    why=one.why or None,
                    quota=one.quota or None,
                )
                for one in answer.passed_over
            ]
        )
        or None,
        parts=_lines_by_part(asked.lines, answer.several) if answer.several else None,
    )
    held = replace(
        asked,
        state="held",
        warehouse=answer.warehouse,
        rule=answer.rule,
        held=goods,
        parts=(),
        expires_at=expires_at,
        short_since=None,
    )
    if not answer.several:
        effect = Reserve(answer.warehouse, goods, asked.buyer, asked.channel)
        return Decision(state=held, events=(reserved,), effects=(effect,))
    (first, share), *others = answer.several
    return Decision(
        state=held_by(held, answer.several),
        events=(reserved,),
        effects=(
            # A buyer has one hold, however many parcels.
            Reserve(first, share, asked.buyer, asked.channel),
            *(Reserve(warehouse, share, "", asked.channel) for warehouse, share in others),
        ),
    )


def _lines_by_part(lines: Sequence[Line], places: Places) -> tuple[ReservedPart, ...]:
    """Which pieces of which lines come from where: earlier lines from earlier warehouses."""
    left = {line.line_no: line.quantity for line in lines}
    parts = []
    for warehouse, goods in places:
        shared = []
        to_give = dict(goods)
        for line in lines:
            given = min(to_give.get(line.sku, 0), left[line.line_no])
            if given:
                shared.append(PartLine(line_no=line.line_no, sku=line.sku, quantity=given))
                left[line.line_no] -= given
                to_give[line.sku] -= given
        parts.append(ReservedPart(warehouse=warehouse, lines=tuple(shared)))
    return tuple(parts)


def _let_go(hold: Hold, order_id: str, reason: str, moment: Moment) -> Outcome:
    released = StockReleased(order_id=order_id, version=0, occurred_at=moment.now, reason=reason)
    parts = parts_of(hold)
    partly = any(part.held != part.goods for part in parts)
    ended = let_go(replace(hold, state="expired" if reason == "expired" else "cancelled"))
    return Decision(
        state=ended,
        events=(released,),
        effects=tuple(
            Release(part.warehouse, part.held, partly, hold.channel, hold.campaigns)
            for part in parts
            if part.held
        ),
    )


def _take_back(
    outcome: Outcome, order_id: str, returned: Returned, stock: Stock, moment: Moment
) -> Outcome:
    hold = outcome.state
    assert isinstance(hold, Hold)
    if taken_from(hold.shipped, returned.goods) is None:
        return outcome
    events, effects = [*outcome.events], [*outcome.effects]
    to_come = dict(returned.goods)
    # To where it came from: of a SKU that several sent, the first has it back first.
    for part in parts_of(hold):
        goods = merged((sku, min(gone, to_come.get(sku, 0))) for sku, gone in part.shipped)
        if not goods:
            continue
        to_come.update({sku: to_come[sku] - pieces for sku, pieces in goods})
        events.append(
            StockReturned(
                order_id=order_id,
                version=0,
                occurred_at=moment.now,
                warehouse=part.warehouse,
                document_no=returned.document_no,
                lines=tuple(ReturnedLine(sku=sku, quantity=pieces) for sku, pieces in goods),
            )
        )
        came = replace(returned, goods=goods)
        booked, out = put_back(part, order_id, hold, came, stock, moment)
        effects += booked
        shipped = taken_from(part.shipped, goods) or ()
        hold = with_part(hold, replace(part, shipped=shipped, batches=out))
    waiting = tuple(one for one in hold.early_returns if one != returned)
    return Decision(
        state=replace(hold, early_returns=waiting), events=tuple(events), effects=tuple(effects)
    )


HANDLERS: Mapping[type[Struct], Decide] = {
    OrderPlaced: placed,
    OrderLinesMatched: lines_matched,
    OrderPaid: paid,
    OrderClosed: closed,
    ExpireHold: expire,
    ExtendHold: extend,
    AllocateBackorder: allocate,
    ReviewPromise: review,
    ParcelShipped: shipped,
    RefundSettled: refund_settled,
    **telling({ReceiveStock: received, **DOCUMENTS}),
}
EXTENSION_HANDLERS: Mapping[type[Struct], Decide] = {OrderAmended: amended}
"""Also listened to where the table of sourcing asks what only a channel tells."""
