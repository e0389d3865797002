"""Did a parcel leave once, for an order that wants it, and do carrier and channel know the same of it? Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from msgspec import Struct

from demo.snapshots import Finding, Inside, InsideParcel, Outside

SHIPPED = frozenset({"shipped", "completed"})
"""States of an order that has left."""
LEFT_US = frozenset({"shipped", "delivered", "moving"})
"""Stages of a parcel that has left."""


RETOLD_MAX = 44
"""What one shop may be told again because something died: the calls in hand (4), and what it was told, at 20 a second, in
the two seconds in which an answer is recorded (services/ingest/pacing.py)."""


class Parcels(Struct, frozen=True, kw_only=True):
    """What the check of the parcels came to."""

    looked_at: int
    findings: tuple[Finding, ...]


def check_parcels(outside: Outside, inside: Inside) -> Parcels:
    """Compares our parcels with their orders, with the carrier's book and with what the channels were told."""
    left = [parcel for parcel in inside.parcels if parcel.stage in LEFT_US]
    found = (
        *_left(outside, inside, left),
        *_told(outside, inside, left),
        *_told_again(outside, inside),
        *_waybills(outside, inside),
        *_not_left(inside, left),
    )
    details = [Finding("parcels", detail) for detail in found]
    return Parcels(looked_at=len(left), findings=tuple(details))


def _left(outside: Outside, inside: Inside, left: list[InsideParcel]) -> Iterator[str]:
    """Each left for an order that was to leave, and the carrier has it."""
    state = {o.order_id: o.state for o in inside.orders if o.order_id}
    given_out = {waybill.waybill_no for waybill in outside.waybills}
    for parcel in left:
        if state.get(parcel.order_id) not in SHIPPED:
            yield f"{parcel.order_id} left while {state.get(parcel.order_id)}"
        if parcel.waybill_no not in given_out:
            yield f"{parcel.waybill_no} is unknown to the carrier"
        elif parcel.waybill_no not in outside.carried:
            yield f"{parcel.waybill_no} left and the carrier never had it"


def _told(outside: Outside, inside: Inside, left: list[InsideParcel]) -> Iterator[str]:
    """A channel hears of each parcel that left, and of no other."""
    numbers = {o.order_id: (o.channel, o.order_no) for o in inside.orders if o.order_id}
    ids = {number: order_id for order_id, number in numbers.items()}
    of_order: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for parcel in left:
        of_order[numbers.get(parcel.order_id, ("", ""))].append(parcel.waybill_no)
    stuck = _stuck_there(outside, inside)
    for order in outside.orders:
        number = (order.channel, order.order_no)
        told, ours = order.shipped_waybills, of_order.get(number, [])
        name = ids.get(number, f"{order.channel} {order.order_no}")
        waits = order.state == "paid" and order.takes_parcels and number not in stuck
        if ours and not told and waits:
            yield f"{name} left and the channel waits"
        if told and len(set(told)) > max(1, len(ours)):
            yield f"{name} was told to ship twice"
        if told and not set(ours) <= set(told):
            yield f"{name} was told another waybill"
        for waybill_no in sorted(set(told) - set(ours)):
            yield f"{name} was told of {waybill_no}, which has not left"


def _told_again(outside: Outside, inside: Inside) -> Iterator[str]:
    """A platform hears of a parcel once, but where its answer may have been lost.

    Of an order with several parcels some platforms are told all of them each time.
    """
    again: Counter[str] = Counter()
    for order in outside.orders:
        if len(set(order.shipped_waybills)) == 1:
            again[order.channel] += order.told_again
    for channel, count in again.items():
        most = outside.lost_answers.get(channel, 0) + inside.disturbances * RETOLD_MAX
        if count > most:
            yield f"{channel} was told {count} times what it had been told, and {most} answers may be lost"


def _waybills(outside: Outside, inside: Inside) -> Iterator[str]:
    """A parcel has one waybill for ever, and an order as many that are not void as it has parcels."""
    per_parcel = Counter(waybill.parcel_id for waybill in outside.waybills)
    for parcel_id, count in per_parcel.items():
        if count > 1:
            yield f"{parcel_id} has {count} waybills"
    numbers = {o.order_id: o.order_no for o in inside.orders if o.order_id}
    parcels = Counter(numbers.get(parcel.order_id, "") for parcel in inside.parcels)
    live = Counter(
        order_no
        for waybill in outside.waybills
        if not waybill.discarded
        for order_no in waybill.order_nos
    )
    for order_no, count in live.items():
        if count > max(1, parcels[order_no]):
            yield f"{count} waybills stand for {order_no}, which has {parcels[order_no]} parcels"


def _not_left(inside: Inside, left: list[InsideParcel]) -> Iterator[str]:
    without = {o.order_id for o in inside.orders if o.handed_over or o.left_elsewhere}
    has_left = without | {parcel.order_id for parcel in left}
    for order in inside.orders:
        if order.order_id and order.state in SHIPPED and order.order_id not in has_left:
            yield f"{order.order_id} is {order.state} without a parcel that left"


def _stuck_there(outside: Outside, inside: Inside) -> set[tuple[str, str]]:
    """Orders of which the platform takes neither the parcel nor our refusal of the buyer's request, which stands open there.

    Taobao refuses no request before the goods are sent, and no goods while there is a request: a person answers it in
    the back office.
    """
    refused = {r.refund_id for r in inside.refunds if r.state == "refused"}
    return {
        (claim.channel, claim.order_no)
        for claim in outside.claims
        if claim.status == "open" and inside.claims.get((claim.channel, claim.claim_no)) in refused
    }
