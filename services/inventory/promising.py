"""What inventory decides about promises against expected receipts. Pure, like `handlers`.

A paid order that is short is promised what is to come, at once or when it is ordered later, all of it or nothing; it waits
whole, and its promise ends when it is held or closed, once. What a purchase order carries no more moves to the next one or is withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from chassis.processor import Decision, Moment
from schemas.events.commands_inventory import ReviewPromise
from schemas.events.stock import PromisedLine, ShortLine, StockPromiseChanged, StockShort
from services.inventory.domain.model import Aggregate, Goods, Hold, Short
from services.inventory.domain.parts import parts_of
from services.inventory.domain.presale import EndPromise, MakePromise, Promised, due
from services.inventory.domain.promise import Promise
from services.inventory.domain.stock import Outcome, Stock
from services.inventory.domain.wanted import wanted


def left_short(  # noqa: PLR0917 — all of one answer
    asked: Hold, order_id: str, answer: Short, goods: Goods, stock: Stock, moment: Moment
) -> Outcome:
    """An order nothing is held for; where the table lets it, it is promised what is to come. What it was promised stays."""
    short = replace(asked, state="short", warehouse="", held=(), parts=())
    short = replace(short, short_since=asked.short_since or moment.now)
    event = _short(asked, order_id, answer, moment)
    if short.promises:
        return Decision(state=short, events=(_telling(event, short, ""),))
    promised = stock.promise(asked, goods, moment.now) if asked.paid else None
    if promised is None:
        return Decision(state=short, events=(event,))
    short = _promised(short, promised, moment)
    return Decision(
        state=short,
        events=(_telling(event, short, promised.rule),),
        effects=(MakePromise(promised),),
    )


def promise_ended(outcome: Outcome) -> Outcome:
    """The outcome of an order that was promised goods, without the promise where it does not wait for them any more.

    What was set aside for it is free before it is held.
    """
    hold = outcome.state
    if not isinstance(hold, Hold) or not hold.promises or hold.state == "short":
        return outcome
    where = {part.warehouse for part in parts_of(hold)} if hold.state == "held" else set()
    drawn = any(one.warehouse in where for one in hold.promises)
    return Decision(
        state=_unpromised(hold),
        events=outcome.events,
        effects=(EndPromise(hold.promises, drawn), *outcome.effects),
        result_id=outcome.result_id,
        others=outcome.others,
    )


def review(
    state: Aggregate | None, command: ReviewPromise, stock: Stock, moment: Moment
) -> Outcome:
    """Moves a promise to the dates that hold now, or to other receipts where that is sooner or its own do not carry it;
    withdraws it where nothing does. A paid order that waits without one is promised what is to come by now.
    """
    if not isinstance(state, Hold) or not (
        state.promises or (state.state == "short" and state.paid)
    ):
        return Decision(state=state, refusal="not_promised")
    if state.promise_no != command.promise_no:
        return Decision(state=state, refusal="promised_anew")
    if not state.promises:
        return _promised_late(state, command, stock, moment)
    carried = stock.promise_carried(state)
    redated = stock.redated(state)
    if carried and redated == state.promises:
        return Decision(state=state, result_id="unchanged")
    date = due(redated) if carried else None
    anew = stock.promise(state, wanted(state.lines) or (), moment.now)
    if date is not None and (anew is None or anew.promised_for >= date):
        moved = replace(state, promises=redated, promised_for=date, promise_no=state.promise_no + 1)
        event = _changed(state, moved, command.order_id, "redated", "", moment)
        return Decision(state=moved, events=(event,), result_id="redated")
    why = "redated" if carried else "not_coming"
    ended = EndPromise(state.promises)
    if anew is None:
        without = replace(_unpromised(state), promise_no=state.promise_no + 1)
        event = _changed(state, without, command.order_id, why, "", moment)
        return Decision(state=without, events=(event,), effects=(ended,), result_id="withdrawn")
    moved = replace(_promised(state, anew, moment), promised_at=state.promised_at)
    event = _changed(state, moved, command.order_id, why, anew.rule, moment)
    effects = (ended, MakePromise(anew))
    return Decision(state=moved, events=(event,), effects=effects, result_id="moved")


def _promised_late(state: Hold, command: ReviewPromise, stock: Stock, moment: Moment) -> Outcome:
    """As of when it was asked for, so that of those who were asked for together who waited longest comes first."""
    promised = stock.promise(state, wanted(state.lines) or (), moment.now)
    if promised is None:  # gone again: the next time is another command
        looked_for = replace(state, promise_no=state.promise_no + 1)
        return Decision(state=looked_for, result_id="still_short")
    promised_at = min(command.issued_at, moment.now)
    after = replace(_promised(state, promised, moment), promised_at=promised_at)
    event = _changed(state, after, command.order_id, "expected", promised.rule, moment)
    return Decision(
        state=after, events=(event,), effects=(MakePromise(promised),), result_id="promised"
    )


def _promised(hold: Hold, promised: Promised, moment: Moment) -> Hold:
    return replace(
        hold,
        promises=promised.promises,
        promised_for=promised.promised_for,
        promised_at=moment.now,
        promise_no=hold.promise_no + 1,
    )


def _unpromised(hold: Hold) -> Hold:
    return replace(hold, promises=(), promised_for=None, promised_at=None)


def _lines(promises: Iterable[Promise]) -> tuple[PromisedLine, ...]:
    return tuple(
        PromisedLine(
            warehouse=one.warehouse,
            sku=one.sku,
            quantity=one.quantity,
            purchase_no=one.purchase_no or None,
            expected_at=one.expected_at,
        )
        for one in promises
    )


def _telling(event: StockShort, hold: Hold, rule: str) -> StockShort:
    return replace(
        event,
        promised_for=hold.promised_for,
        promised=_lines(hold.promises),
        promise_rule=rule or None,
    )


def _changed(  # noqa: PLR0917 — all of one event
    before: Hold, after: Hold, order_id: str, why: str, rule: str, moment: Moment
) -> StockPromiseChanged:
    return StockPromiseChanged(
        order_id=order_id,
        version=0,
        occurred_at=moment.now,
        was_promised_for=before.promised_for,
        promised_for=after.promised_for,
        promised=_lines(after.promises) or None,
        why=why,
        rule=rule or None,
    )


def _short(hold: Hold, order_id: str, answer: Short, moment: Moment) -> StockShort:
    missing = {one.sku: one for one in answer.missing}
    return StockShort(
        order_id=order_id,
        version=0,
        occurred_at=moment.now,
        lines=tuple(
            ShortLine(
                line_no=line.line_no,
                sku=line.sku,
                wanted=line.quantity,
                available=missing[line.sku].available,
                quota=missing[line.sku].quota or None,
            )
            for line in hold.lines
            if line.sku in missing
        ),
    )
