"""What is decided about reservations of own stores and tills. Pure; every decision carries its answer.

A reservation is held when it is asked for, for good when it is confirmed, off the books when its goods are
handed over; it ends when it is released or its time is over. The same question about it again changes nothing
and gets the same answer; a confirmation or an extension that comes at or after `expires_at` is refused, whether or not
the timer has been there. Whatever moves goods is a generation further: two processes may tell Valkey of one
reservation in the wrong order, and the older news must not win.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from chassis.direct import Answered
from chassis.processor import Decide, Decision, Moment
from schemas.events.reservations import (
    HeldLine,
    LackingLine,
    ReservationConfirmed,
    ReservationEnded,
    ReservationExtended,
    ReservationMade,
    ReservationShort,
)
from services.inventory.domain.batches import Portion, added
from services.inventory.domain.extending import extended
from services.inventory.domain.model import (
    Aggregate,
    Asked,
    Deduct,
    Goods,
    Held,
    HeldPart,
    Hold,
    Lease,
    Places,
    Release,
    Reserve,
    Short,
    merged,
)
from services.inventory.domain.reservations import (
    Answer,
    ConfirmReservation,
    ExpireReservation,
    ExtendReservation,
    Refused,
    ReleaseReservation,
    ReserveGoods,
    as_it_is,
    as_made,
    state_of,
)


class Stock(Protocol):
    """The facts of a batch, as reservations ask them."""

    def offer(self, key: str, hold: Hold, goods: Goods) -> Held | Short:
        """Who could give all of these goods now."""
        ...

    def part(self, key: str, hold: Hold, goods: Goods) -> HeldPart | Short:
        """Who could give most of them."""
        ...

    def extension(self, hold: Hold) -> Lease:
        """How long a payment in progress may keep what is held."""
        ...

    def campaigns(self, channel: str, places: Places) -> tuple[str, ...]:
        """The campaigns that sell any of these goods to the channel now."""
        ...

    def first_expired(self, warehouse: str, goods: Goods) -> tuple[Portion, ...]:
        """Which batches these goods would leave from, as negative portions."""
        ...


Outcome: TypeAlias = Decision[Aggregate]


def reserve(
    state: Aggregate | None, command: ReserveGoods, stock: Stock, moment: Moment
) -> Outcome:
    """Holds the goods, or says what is missing; either answer is kept and given again."""
    key = command.reservation_id
    if isinstance(state, Hold) and state.asked is not None:
        if state.asked.digest != command.digest:
            return _left(key, state, Refused(code="key_reused"))
        return _left(key, state, as_made(key, state))
    goods = merged((line.sku, line.quantity) for line in command.lines)
    asked = Asked(reference=command.reference, digest=command.digest)
    hold = Hold(
        state="short",
        generation=1,
        channel=command.channel,
        province=command.province,
        lines=command.lines,
        asked=asked,
    )
    answer: Held | HeldPart | Short = stock.offer(key, hold, goods)
    if isinstance(answer, Short) and command.partial:
        answer = stock.part(key, hold, goods)
    if isinstance(answer, Short):
        hold = replace(hold, asked=replace(asked, missing=answer.missing))
        return Decision(
            state=hold,
            events=(_short(hold, command, answer, moment),),
            effects=(Answered(key, as_made(key, hold)),),
        )
    granted, missing = (
        (answer.goods, answer.missing) if isinstance(answer, HeldPart) else (goods, ())
    )
    expires_at = moment.now + timedelta(seconds=command.hold_s)
    hold = replace(
        hold,
        state="held",
        # Valkey may have promised the whole, in this very warehouse: that promise ends, a part is the next one's.
        generation=hold.generation + bool(missing),
        warehouse=answer.warehouse,
        rule=answer.rule,
        held=granted,
        campaigns=stock.campaigns(hold.channel, ((answer.warehouse, granted),)),
        expires_at=expires_at,
        asked=replace(asked, granted=granted, missing=missing, expires_at=expires_at),
    )
    return Decision(
        state=hold,
        events=(_made(hold, command, granted, moment),),
        effects=(
            Reserve(answer.warehouse, granted, channel=hold.channel),
            Answered(key, as_made(key, hold)),
        ),
    )


def confirm(
    state: Aggregate | None, command: ConfirmReservation, stock: Stock, moment: Moment
) -> Outcome:
    """The goods are sold. Handed over they leave the books, confirmed before or not."""
    key = command.reservation_id
    if not isinstance(state, Hold) or state.asked is None:
        return _left(key, state, Refused(code="unknown"))
    match state_of(state):
        case "short" | "released" | "expired" | "adopted" as ended:
            return _left(key, state, Refused(code=ended))
        case "held" if state.expires_at is not None and moment.now >= state.expires_at:
            return _left(key, state, Refused(code="expired"))
        case "handed_over":
            return _left(key, state, as_it_is(key, state))
        case "confirmed" if not command.handed_over:
            return _left(key, state, as_it_is(key, state))
        case _:
            return _sold(key, state, command, stock, moment)


def extend(
    state: Aggregate | None, command: ExtendReservation, stock: Stock, moment: Moment
) -> Outcome:
    """Keeps the goods longer while somebody pays. The same key again extends nothing and is told what is now."""
    key = command.reservation_id
    if not isinstance(state, Hold) or state.asked is None:
        return _left(key, state, Refused(code="unknown"))
    word = state_of(state)
    if word != "held":
        return _left(key, state, Refused(code=word))
    longer = extended(state, command.key, command.for_s, stock.extension(state), moment.now)
    if not isinstance(longer, Hold):
        return _left(key, state, Refused(code=longer))
    if longer == state:
        return _left(key, state, as_it_is(key, state))
    assert longer.expires_at is not None
    event = ReservationExtended(
        reservation_id=key,
        version=0,
        occurred_at=moment.now,
        reference=_reference(state),
        expires_at=longer.expires_at,
        extensions=len(longer.extensions),
        rule=stock.extension(state).rule,
    )
    return Decision(state=longer, events=(event,), effects=(Answered(key, as_it_is(key, longer)),))


def release(
    state: Aggregate | None, command: ReleaseReservation, _stock: Stock, moment: Moment
) -> Outcome:
    """Lets the goods go, confirmed or not. What has ended already is told as it is."""
    key = command.reservation_id
    if not isinstance(state, Hold) or state.asked is None:
        return _left(key, state, Refused(code="unknown"))
    if (word := state_of(state)) == "handed_over" or word == "adopted":
        return _left(key, state, Refused(code=word))
    if state.state != "held":
        return _left(key, state, as_it_is(key, state))
    return _ended(key, state, "released", moment)


def expire(
    state: Aggregate | None, command: ExpireReservation, _stock: Stock, moment: Moment
) -> Outcome:
    """Ends a hold whose time is over; a confirmation that came first wins."""
    key = command.reservation_id
    if not isinstance(state, Hold) or state.asked is None:
        return _left(key, state, Refused(code="unknown"))
    due = state.expires_at is not None and moment.now >= state.expires_at
    if state.state != "held" or not due:
        return _left(key, state, as_it_is(key, state))
    return _ended(key, state, "expired", moment)


def _left(key: str, state: Aggregate | None, answer: Answer) -> Outcome:
    """Nothing changes."""
    return Decision(state=state, refusal="unchanged", effects=(Answered(key, answer),))


def _sold(
    key: str, hold: Hold, command: ConfirmReservation, stock: Stock, moment: Moment
) -> Outcome:
    event = ReservationConfirmed(
        reservation_id=key,
        version=0,
        occurred_at=moment.now,
        reference=_reference(hold),
        warehouse=hold.warehouse,
        handed_over=command.handed_over,
    )
    sold = replace(hold, paid=True, expires_at=None)
    if not command.handed_over:
        return Decision(state=sold, events=(event,), effects=(Answered(key, as_it_is(key, sold)),))
    portions = stock.first_expired(hold.warehouse, hold.held)
    gone = replace(
        sold,
        state="shipped",
        generation=hold.generation + 1,
        held=(),
        shipped=hold.held,
        batches=added((), portions),
    )
    return Decision(
        state=gone,
        events=(event,),
        effects=(
            Deduct(
                *(hold.warehouse, hold.held, key, key),
                portions=portions,
                channel=hold.channel,
                campaigns=hold.campaigns,
            ),
            Answered(key, as_it_is(key, gone)),
        ),
    )


def _ended(key: str, hold: Hold, reason: str, moment: Moment) -> Outcome:
    event = ReservationEnded(
        reservation_id=key,
        version=0,
        occurred_at=moment.now,
        reference=_reference(hold),
        reason=reason,
    )
    ended = replace(
        hold,
        state="expired" if reason == "expired" else "cancelled",
        generation=hold.generation + 1,
        held=(),
        expires_at=None,
    )
    return Decision(
        state=ended,
        events=(event,),
        effects=(
            Release(hold.warehouse, hold.held, channel=hold.channel, campaigns=hold.campaigns),
            Answered(key, as_it_is(key, ended)),
        ),
    )


def _made(hold: Hold, command: ReserveGoods, granted: Goods, moment: Moment) -> ReservationMade:
    held = dict(granted)
    assert hold.expires_at is not None
    return ReservationMade(
        reservation_id=command.reservation_id,
        version=0,
        occurred_at=moment.now,
        reference=command.reference,
        warehouse=hold.warehouse,
        lines=tuple(
            HeldLine(sku=line.sku, wanted=line.quantity, held=held.get(line.sku, 0))
            for line in command.lines
        ),
        expires_at=hold.expires_at,
        rule=hold.rule,
    )


def _short(hold: Hold, command: ReserveGoods, answer: Short, moment: Moment) -> ReservationShort:
    return ReservationShort(
        reservation_id=command.reservation_id,
        version=0,
        occurred_at=moment.now,
        reference=_reference(hold),
        lines=tuple(
            LackingLine(
                sku=one.sku, wanted=one.wanted, available=one.available, quota=one.quota or None
            )
            for one in answer.missing
        ),
    )


def _reference(hold: Hold) -> str:
    return hold.asked.reference if hold.asked else ""


DIRECT_HANDLERS: Mapping[type[Struct], Decide] = {
    ReserveGoods: reserve,
    ConfirmReservation: confirm,
    ExtendReservation: extend,
    ReleaseReservation: release,
    ExpireReservation: expire,
}
