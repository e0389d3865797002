"""Events that tell others about a parcel, built from its state after the decision."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from chassis.processor import Moment
from schemas.events.shipments import (
    ParcelDelivered,
    ParcelLine,
    ParcelMoved,
    ParcelPacked,
    ParcelPicked,
    ParcelPlanned,
    ParcelShipped,
    ShippedLine,
)
from services.fulfillment.domain import rules
from services.fulfillment.domain.model import Parcel, Stage, Tracking


def planned(parcel: Parcel, moment: Moment) -> ParcelPlanned:
    """Warehouse, carrier and reasons."""
    assert parcel.ship_by is not None, "a planned parcel has a deadline"
    return ParcelPlanned(
        order_id=parcel.order_id,
        version=0,
        occurred_at=moment.now,
        parcel_id=parcel.parcel_id,
        warehouse=parcel.warehouse,
        carrier=parcel.carrier,
        service=parcel.service,
        reason=parcel.reason,
        rule=parcel.rule,
        lines=tuple(
            [
                ParcelLine(line_no=line.line_no, sku=line.sku, quantity=line.quantity)
                for line in parcel.lines
            ]
        ),
        weight_g=parcel.weight_g,
        ship_by=parcel.ship_by,
    )


def picked(parcel: Parcel, _others: Sequence[Parcel], moment: Moment) -> tuple[Struct, ...]:
    """Who picked it."""
    return (
        ParcelPicked(
            order_id=parcel.order_id,
            version=0,
            occurred_at=moment.now,
            parcel_id=parcel.parcel_id,
            actor=moment.actor,
        ),
    )


def packed(parcel: Parcel, _others: Sequence[Parcel], moment: Moment) -> tuple[Struct, ...]:
    """Who packed it."""
    return (
        ParcelPacked(
            order_id=parcel.order_id,
            version=0,
            occurred_at=moment.now,
            parcel_id=parcel.parcel_id,
            actor=moment.actor,
        ),
    )


def shipped(parcel: Parcel, others: Sequence[Parcel], moment: Moment) -> tuple[Struct, ...]:
    """The hand-over, followed by news that came before it was recorded."""
    gone = {Stage.SHIPPED, Stage.DELIVERED}
    handed_over = ParcelShipped(
        order_id=parcel.order_id,
        version=0,
        occurred_at=moment.now,
        parcel_id=parcel.parcel_id,
        warehouse=parcel.warehouse,
        carrier=parcel.carrier,
        waybill_no=parcel.waybill_no,
        lines=tuple(
            ShippedLine(
                line_no=line.line_no,
                channel_line_id=line.channel_line_id,
                sku=line.sku,
                quantity=line.quantity,
            )
            for line in parcel.lines
        ),
        actor=moment.actor,
        parcels_left=sum(one.stage not in gone for one in others) if others else None,
    )
    if parcel.tracking is None:
        return (handed_over,)
    return (handed_over, moved(parcel, others, parcel.tracking))


def moved(
    parcel: Parcel, others: Sequence[Parcel], seen: Tracking
) -> ParcelMoved | ParcelDelivered:
    """News of the journey; a signature has an event of its own."""
    if seen.status == rules.DELIVERED:
        return ParcelDelivered(
            order_id=parcel.order_id,
            version=0,
            occurred_at=seen.moved_at,
            parcel_id=parcel.parcel_id,
            waybill_no=parcel.waybill_no,
            place=seen.place,
            parcels_left=(
                sum(one.stage is not Stage.DELIVERED for one in others) if others else None
            ),
        )
    return ParcelMoved(
        order_id=parcel.order_id,
        version=0,
        occurred_at=seen.moved_at,
        parcel_id=parcel.parcel_id,
        waybill_no=parcel.waybill_no,
        status=seen.status,
        place=seen.place,
        text=seen.text,
    )
