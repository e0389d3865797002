"""Orders that name a reservation of an own store or a till: what a batch has to know, and what is decided. Pure.

The reservation has another writer, the desk (chassis.direct). Its lock on the key is taken before it is read here, so
that an order and the desk never change it at once; both changes are one commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from chassis.processor import Decision, Kept, Moment, Record
from schemas.events.orders import OrderPlaced
from schemas.events.reservations import ReservationEnded
from schemas.events.stock import StockReserved
from services.inventory.domain.adopting import adoptable, adopted, apart, handed_over
from services.inventory.domain.model import Hold, Release, Reserve, taken_from
from services.inventory.domain.quotas import Recount
from services.inventory.domain.stock import Outcome, a_reservations
from services.inventory.foreseen import Foreseen

ASKS_AGAIN = frozenset({"short", "expired", "unmatched"})


def named_reservations(
    records: Sequence[Record], kept: Mapping[str, Kept[Any]]
) -> dict[str, tuple[str, str]]:
    """Order → (reservation it names, its channel), of orders that may ask for goods in this batch."""
    named: dict[str, tuple[str, str]] = {}
    for record in records:
        event: Any = record.event
        if type(event) is OrderPlaced and event.reservation_id:
            named[record.key] = (event.reservation_id, event.channel)
    for key, known in kept.items():
        state = known.state
        if type(state) is Hold and state.reservation_id and state.state in ASKS_AGAIN:
            named[key] = (state.reservation_id, state.channel)
    return {key: one for key, one in named.items() if a_reservations(one[0])}


def take_over(
    foreseen: Foreseen, kept: Mapping[str, Kept[Any]], named: Mapping[str, tuple[str, str]]
) -> None:
    """Lets the plan of each such order begin with what is held for it already.

    Valkey is not asked: to it the goods are promised. It is told, as of everything that Postgres decides alone.
    """
    for order_id, (reservation_id, channel) in named.items():
        known = kept.get(reservation_id)
        gone = foreseen.plans.get(order_id)
        if gone and gone.handed_over and known and handed_over(known.state, channel):
            # Nothing is asked for: the goods left under the reservation.
            del foreseen.plans[order_id]
            foreseen.touched.discard(order_id)
            foreseen.gone[order_id] = reservation_id
        own = adoptable(known.state, channel) if known else None
        if own is None or order_id not in foreseen.plans:
            continue
        plan = foreseen.plans.pop(order_id)
        plan.locked = plan.choice.warehouses
        plan.takes_over = reservation_id
        foreseen.adoptions[order_id] = plan
        foreseen.rows.update(plan.rows)
        foreseen.rows.update((own.warehouse, sku) for sku, _ in (*own.held, *plan.goods))
        foreseen.touched |= {order_id, reservation_id}


def taking_over(
    outcome: Outcome, order_id: str, reservation_id: str, own: Hold, moment: Moment
) -> Outcome:
    """An order that is held, with the goods of the reservation among what it has.

    It keeps them at least as long as the reservation would have: for ever, if that was confirmed.
    """
    hold = outcome.state
    assert isinstance(hold, Hold)
    assert own.asked is not None
    if hold.warehouse == own.warehouse:
        gone, more = apart(own.held, hold.held)
    else:
        gone, more = own.held, hold.held
    if hold.expires_at is not None:
        until = None if own.expires_at is None else max(own.expires_at, hold.expires_at)
        hold = replace(hold, expires_at=until)
    (reserved,) = outcome.events
    assert isinstance(reserved, StockReserved)
    ended = ReservationEnded(
        reservation_id=reservation_id,
        version=0,
        occurred_at=moment.now,
        reference=own.asked.reference,
        reason="adopted",
        order_id=order_id,
    )
    let_go = Release(own.warehouse, gone, channel=own.channel, campaigns=own.campaigns)
    other = (own.channel, own.campaigns) != (hold.channel, hold.campaigns)
    kept = taken_from(own.held, gone) if other else None
    # What it asked for in addition was seen before what it keeps counts for another channel.
    recount = Recount(
        *(own.warehouse, kept or (), hold.channel, own.channel), hold.campaigns, own.campaigns
    )
    return Decision(
        state=hold,
        events=(
            replace(reserved, expires_at=hold.expires_at, reservation_id=reservation_id),
            ended,
        ),
        effects=(
            *((let_go,) if gone else ()),
            Reserve(hold.warehouse, more, hold.buyer, hold.channel),
            *((recount,) if kept else ()),
        ),
        others=((reservation_id, adopted(own, order_id)),),
    )
