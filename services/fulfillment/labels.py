"""Decisions about a parcel's label: the provider's answers, another number by hand, the end of one that is not used any more."""

from __future__ import annotations

from msgspec.structs import asdict

from chassis.processor import Decision, Moment
from schemas.events.commands_fulfillment import (
    RecordWaybill,
    RecordWaybillDiscarded,
    RecordWaybillRefused,
    ReplaceWaybill,
)
from schemas.events.shipments import (
    WaybillIssued,
    WaybillNotVoided,
    WaybillRefused,
    WaybillReplaced,
    WaybillVoided,
)
from services.fulfillment.changes import Outcome, ParcelFacts, changed_one, refused
from services.fulfillment.domain import rules
from services.fulfillment.domain.model import Parcel, Refusal, Stage, TakeWaybill


def decide_waybill(
    parcel: Parcel | None, command: RecordWaybill, facts: ParcelFacts, moment: Moment
) -> Outcome:
    """Take the number. A number that belongs to another parcel is refused: one label, one parcel."""
    changed = changed_one(
        parcel,
        command.parcel_id,
        lambda one: (
            _taken(command.waybill_no, one, parcel, facts)
            or rules.label(
                one,
                command.waybill_no,
                moment.now,
                asking=command.asking or 0,
                carrier=command.carrier or "",
            )
        ),
    )
    if isinstance(changed, Refusal):
        return refused(parcel, changed)
    before, after, state = changed
    issued = WaybillIssued(
        order_id=after.order_id,
        version=0,
        occurred_at=moment.now,
        parcel_id=after.parcel_id,
        carrier=after.carrier,
        waybill_no=after.waybill_no,
    )
    return Decision(
        state=state,
        events=(issued,) if after.stage is not before.stage else (),
        effects=(TakeWaybill(after.waybill_no, after.order_id),),
        result_id=after.waybill_no,
    )


def decide_waybill_replaced(
    parcel: Parcel | None, command: ReplaceWaybill, facts: ParcelFacts, moment: Moment
) -> Outcome:
    """Take another carrier or number, by a person who says why. The same again is done without an event."""

    def replaced(one: Parcel) -> Parcel | Refusal:
        if not command.reason.strip():
            return Refusal("reason_missing")
        taken = _taken(command.waybill_no, one, parcel, facts)
        return taken or rules.replace_label(one, command.carrier, command.waybill_no, moment.now)

    changed = changed_one(parcel, command.parcel_id, replaced)
    if isinstance(changed, Refusal):
        return refused(parcel, changed)
    before, after, state = changed
    if after is before:
        return Decision(state=state, result_id=before.waybill_no)
    told = WaybillReplaced(
        order_id=after.order_id,
        version=0,
        occurred_at=moment.now,
        parcel_id=after.parcel_id,
        carrier=after.carrier,
        waybill_no=after.waybill_no,
        former_carrier=before.carrier,
        former_waybill_no=before.waybill_no,
        actor=command.actor,
        reason=command.reason,
    )
    return Decision(
        state=state,
        events=(told,),
        effects=(TakeWaybill(after.waybill_no, after.order_id),),
        result_id=after.waybill_no,
    )


def decide_waybill_refused(
    parcel: Parcel | None, command: RecordWaybillRefused, _facts: ParcelFacts, moment: Moment
) -> Outcome:
    """Say why there is no waybill."""
    changed = changed_one(
        parcel,
        command.parcel_id,
        lambda one: rules.refuse_label(one, command.reason, moment.now),
    )
    if isinstance(changed, Refusal):
        return refused(parcel, changed)
    after = changed.after
    if after.stage is not Stage.WAYBILL_REFUSED:
        return Decision(state=changed.state)
    told = WaybillRefused(
        order_id=after.order_id,
        version=0,
        occurred_at=moment.now,
        parcel_id=after.parcel_id,
        carrier=after.carrier,
        reason=command.reason,
    )
    return Decision(state=changed.state, events=(told,))


def decide_waybill_discarded(
    parcel: Parcel | None, command: RecordWaybillDiscarded, _facts: ParcelFacts, moment: Moment
) -> Outcome:
    """Tell what became of a label that is not used any more, once. That there never was one is not told."""
    changed = changed_one(
        parcel,
        command.parcel_id,
        lambda one: rules.discard(one, command.waybill_no, command.refusal or "", moment.now),
    )
    if isinstance(changed, Refusal):
        return refused(parcel, changed)
    before, after, state = changed
    if after == before or not command.waybill_no:
        return Decision(state=state)
    label = rules.former_of(before, command.waybill_no) or before
    told: WaybillVoided | WaybillNotVoided = WaybillVoided(
        order_id=after.order_id,
        version=0,
        occurred_at=moment.now,
        parcel_id=after.parcel_id,
        carrier=label.carrier,
        waybill_no=command.waybill_no,
    )
    if command.refusal:
        told = WaybillNotVoided(**asdict(told), reason=command.refusal)
    return Decision(state=state, events=(told,))


def _taken(
    waybill_no: str, parcel: Parcel, order: Parcel | None, facts: ParcelFacts
) -> Refusal | None:
    """Whether a number belongs to another parcel, of another order or of its own."""
    others = [one for one in rules.parcels_of(order) if one.parcel_id != parcel.parcel_id]
    taken = any(
        one.waybill_no == waybill_no or rules.former_of(one, waybill_no) for one in others
    ) or (facts.holder(waybill_no) not in {"", parcel.order_id})
    return Refusal("waybill_taken") if taken else None
