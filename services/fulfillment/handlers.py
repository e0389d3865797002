"""Decisions of fulfillment: what each event and command does to a parcel and what the world is told.

The table near the end is the list of everything this service listens to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from chassis.errors import Invalid
from chassis.processor import Decision, Handlers, Moment, Processor
from chassis.rules import Table
from schemas.events.commands_fulfillment import (
    PackParcel,
    PickParcel,
    RecordTracking,
    RecordWaybill,
    RecordWaybillDiscarded,
    RecordWaybillRefused,
    ReplaceWaybill,
    ShipParcel,
)
from schemas.events.order_states import (
    FulfilPart,
    OrderCancelRequested,
    OrderClosed,
    OrderHeld,
    OrderHoldLifted,
    OrderReadyToFulfil,
)
from schemas.events.shipments import (
    ParcelCancelled,
    ParcelCancelRefused,
)
from services.fulfillment import announcements
from services.fulfillment.changes import Outcome, ParcelFacts, changed_one, refused
from services.fulfillment.domain import rules
from services.fulfillment.domain.model import (
    Addressed,
    Line,
    Parcel,
    Refusal,
    Stage,
    Tracking,
    parcel_id_of,
)
from services.fulfillment.domain.rules import Step
from services.fulfillment.labels import (
    decide_waybill,
    decide_waybill_discarded,
    decide_waybill_refused,
    decide_waybill_replaced,
)
from services.fulfillment.store import COLUMNS, BatchFactsSource

ADDRESS = "address"
"""The hold of an order whose receiver changed after it was handed over; orders tells the newest one before it lifts it."""
ESTIMATED = "；重量按默认值估算"


def decide_ready(
    parcel: Parcel | None, order: OrderReadyToFulfil, facts: ParcelFacts, moment: Moment
) -> Outcome:
    """Plan a parcel for each warehouse that holds a part, each with its own carrier.

    The second time tells parcels that are held for their address the newest one, and else nothing.
    """
    if parcel is not None and parcel.stage is not Stage.UNPLANNED:
        return _readdressed(parcel, order, facts, moment)
    lines = tuple(
        [
            Line(
                line_no=line.line_no,
                channel_line_id=line.channel_line_id,
                sku=line.sku,
                title=line.title,
                quantity=line.quantity,
            )
            for line in order.lines
        ]
    )
    holds = parcel.holds if parcel is not None else ()
    if order.parts:
        first, *further = [
            _planned(order, part.warehouse, number, _share(lines, part), holds, facts, moment)
            for number, part in enumerate(order.parts, start=1)
        ]
        first = replace(first, further=tuple(further))
    else:
        first = _planned(order, order.warehouse, 1, lines, holds, facts, moment)
    told = tuple([announcements.planned(one, moment) for one in rules.parcels_of(first)])
    return Decision(state=first, events=told)


def _readdressed(
    parcel: Parcel, order: OrderReadyToFulfil, facts: ParcelFacts, moment: Moment
) -> Outcome:
    if ADDRESS not in parcel.holds:
        return Decision(state=parcel)
    to = Addressed(
        province=order.province,
        city=order.city,
        district=order.district,
        personal=order.personal,
    )

    def change(one: Parcel) -> Parcel:
        carriage = facts.carriage(order, one.warehouse, one.weight_g)
        estimated = ESTIMATED if one.weight_estimated else ""
        return rules.readdress(
            one, to, replace(carriage, reason=carriage.reason + estimated), moment.now
        )

    after = rules.all_changed(parcel, change)
    asked_before = {one.parcel_id: one.asking for one in rules.parcels_of(parcel)}
    anew = [one for one in rules.parcels_of(after) if one.asking != asked_before[one.parcel_id]]
    return Decision(state=after, events=tuple([announcements.planned(one, moment) for one in anew]))


def _share(lines: tuple[Line, ...], part: FulfilPart) -> tuple[Line, ...]:
    """What a part has of the order's lines. Raises Invalid where it names a line the order does not have."""
    known = {line.line_no: line for line in lines}
    if not all(one.line_no in known for one in part.lines):
        raise Invalid("part_of_unknown_line")
    return tuple(replace(known[one.line_no], quantity=one.quantity) for one in part.lines)


def _planned(  # noqa: PLR0917 — all that a plan is made of
    order: OrderReadyToFulfil,
    warehouse: str,
    number: int,
    lines: tuple[Line, ...],
    holds: tuple[str, ...],
    facts: ParcelFacts,
    moment: Moment,
) -> Parcel:
    weight = rules.weigh(lines, facts.unit_weights_g)
    carriage = facts.carriage(order, warehouse, weight.weight_g)
    return Parcel(
        order_id=order.order_id,
        stage=Stage.PLANNED,
        parcel_id=parcel_id_of(order.order_id, number),
        holds=holds,
        channel=order.channel,
        shop=order.shop,
        channel_order_no=order.channel_order_no,
        province=order.province,
        city=order.city,
        district=order.district,
        personal=order.personal,
        warehouse=warehouse,
        carrier=carriage.carrier,
        service=carriage.service,
        reason=carriage.reason + (ESTIMATED if weight.estimated else ""),
        rule=carriage.rule,
        lines=lines,
        weight_g=weight.weight_g,
        weight_estimated=weight.estimated,
        ship_by=order.ship_by,
        dispatch_due_at=None if holds else moment.now,
        collect_fen=order.collect_fen or 0,
    )


def decide_cancel_requested(
    parcel: Parcel | None, event: OrderCancelRequested, _facts: ParcelFacts, moment: Moment
) -> Outcome:
    """Stop the parcel, or say that it has left. A parcel already stopped was answered before."""
    return _cancelled(parcel, event.order_id, event.reason, moment, answer=True)


def decide_closed(
    parcel: Parcel | None, event: OrderClosed, _facts: ParcelFacts, moment: Moment
) -> Outcome:
    """An order cancelled before it was ready needs no answer, but must never get a parcel."""
    return _cancelled(parcel, event.order_id, event.reason, moment, answer=False)


def decide_held(
    parcel: Parcel | None, event: OrderHeld, _facts: ParcelFacts, moment: Moment
) -> Outcome:
    """Keep the parcel back, also one that is still to come."""
    return Decision(
        state=rules.hold(parcel or Parcel(order_id=event.order_id), event.code, moment.now)
    )


def decide_hold_lifted(
    parcel: Parcel | None, event: OrderHoldLifted, _facts: ParcelFacts, moment: Moment
) -> Outcome:
    """Let go of one hold."""
    return Decision(state=parcel and rules.lift(parcel, event.code, moment.now))


def _step_decision(
    wanted: Step, told: Callable[[Parcel, Sequence[Parcel], Moment], tuple[Struct, ...]]
) -> Callable[[Parcel | None, PickParcel | PackParcel | ShipParcel, ParcelFacts, Moment], Outcome]:
    def decide(
        parcel: Parcel | None,
        command: PickParcel | PackParcel | ShipParcel,
        _facts: ParcelFacts,
        moment: Moment,
    ) -> Outcome:
        changed = changed_one(parcel, command.parcel_id, lambda one: rules.step(one, wanted))
        if isinstance(changed, Refusal):
            return refused(parcel, changed)
        others = rules.others_of(changed.state, command.parcel_id)
        return Decision(
            state=changed.state,
            events=told(changed.after, others, moment),
            result_id=command.parcel_id,
        )

    return decide


def decide_tracking(
    parcel: Parcel | None, command: RecordTracking, _facts: ParcelFacts, _moment: Moment
) -> Outcome:
    """Tell news of the journey. Old news is done without an event."""
    if parcel is None:
        return refused(parcel, Refusal("unknown_waybill"))
    seen = Tracking(
        status=command.status, moved_at=command.moved_at, place=command.place, text=command.text
    )
    named = [one for one in rules.parcels_of(parcel) if one.waybill_no == command.waybill_no]
    before = named[0] if named else parcel
    after = rules.track(before, command.waybill_no, seen)
    if isinstance(after, Refusal):
        return refused(parcel, after)
    is_told = after is not before and after.stage in {Stage.SHIPPED, Stage.DELIVERED}
    others = rules.others_of(parcel, after.parcel_id)
    return Decision(
        state=rules.with_parcel(parcel, after),
        events=(announcements.moved(after, others, seen),) if is_told else (),
    )


def _cancelled(
    parcel: Parcel | None, order_id: str, reason: str, moment: Moment, *, answer: bool
) -> Outcome:
    """`answer`: somebody waits for it, so a parcel that has left, or never was, is spoken of too."""
    before = parcel or Parcel(order_id=order_id)
    if before.stage is Stage.CANCELLED:
        return Decision(state=before)
    after = rules.cancel(before, moment.now)
    if isinstance(after, Refusal):
        refused = ParcelCancelRefused(
            order_id=order_id, version=0, occurred_at=moment.now, reason=after.code
        )
        return Decision(state=before, events=(refused,) if answer else ())
    stopped = tuple(
        ParcelCancelled(
            order_id=order_id,
            version=0,
            occurred_at=moment.now,
            parcel_id=one.parcel_id or parcel_id_of(order_id),
            reason=reason,
        )
        for one in rules.parcels_of(after)
    )
    return Decision(state=after, events=stopped if answer or before.parcel_id else ())


decide_pick = _step_decision(Step.PICK, announcements.picked)
decide_pack = _step_decision(Step.PACK, announcements.packed)
decide_ship = _step_decision(Step.SHIP, announcements.shipped)

HANDLERS: Handlers = {
    OrderReadyToFulfil: decide_ready,
    OrderCancelRequested: decide_cancel_requested,
    OrderClosed: decide_closed,
    OrderHeld: decide_held,
    OrderHoldLifted: decide_hold_lifted,
    RecordWaybill: decide_waybill,
    RecordWaybillRefused: decide_waybill_refused,
    RecordWaybillDiscarded: decide_waybill_discarded,
    ReplaceWaybill: decide_waybill_replaced,
    PickParcel: decide_pick,
    PackParcel: decide_pack,
    ShipParcel: decide_ship,
    RecordTracking: decide_tracking,
}


def processor(table: Table) -> Processor[Parcel]:
    """The processor over parcels."""
    return Processor(
        name="fulfillment",
        table="fulfillment.parcels",
        state=Parcel,
        handlers=HANDLERS,
        columns=COLUMNS,
        facts=BatchFactsSource(table),
        gather_ms=100,
        sources=("fulfillment-requests", "order-closings", "commands-fulfillment"),
    )
