"""A parcel as people and programs may see it: everything but the receiver."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from services.fulfillment.domain.model import (
    TITLES,
    FormerLabel,
    Line,
    Parcel,
    Stage,
    Tracking,
)


class FormerView(Struct, frozen=True, kw_only=True):
    """A label that was replaced: `due` to be voided, `void`, or `left` alive, and why."""

    carrier: str
    waybill_no: str
    state: str
    why: str


class ParcelView(Struct, frozen=True, kw_only=True):
    """`state` is the stage's code, `title` its Chinese; `reason` speaks of the carrier's choice.

    `further`: of an order's first parcel, the others.
    """

    order_id: str
    parcel_id: str
    state: Stage
    title: str
    held: bool
    holds: tuple[str, ...]
    channel: str
    shop: str
    channel_order_no: str
    province: str
    warehouse: str
    carrier: str
    service: str
    reason: str
    rule: str
    waybill_no: str
    waybill_refusal: str
    formers: tuple[FormerView, ...]
    weight_g: int
    weight_estimated: bool
    pieces: int
    ship_by: datetime | None
    overdue: bool
    lines: tuple[Line, ...]
    tracking: Tracking | None
    further: tuple[ParcelView, ...]


def view(parcel: Parcel, now: datetime) -> ParcelView:
    """Return what may be shown. `now` decides what is overdue."""
    waits = parcel.stage not in {Stage.SHIPPED, Stage.DELIVERED, Stage.CANCELLED}
    return ParcelView(
        order_id=parcel.order_id,
        parcel_id=parcel.parcel_id,
        state=parcel.stage,
        title=TITLES[parcel.stage],
        held=bool(parcel.holds),
        holds=parcel.holds,
        channel=parcel.channel,
        shop=parcel.shop,
        channel_order_no=parcel.channel_order_no,
        province=parcel.province,
        warehouse=parcel.warehouse,
        carrier=parcel.carrier,
        service=parcel.service,
        reason=parcel.reason,
        rule=parcel.rule,
        waybill_no=parcel.waybill_no,
        waybill_refusal=parcel.waybill_refusal,
        formers=tuple(_former_view(one) for one in parcel.formers),
        weight_g=parcel.weight_g,
        weight_estimated=parcel.weight_estimated,
        pieces=sum(line.quantity for line in parcel.lines),
        ship_by=parcel.ship_by,
        overdue=waits and parcel.ship_by is not None and parcel.ship_by < now,
        lines=parcel.lines,
        tracking=parcel.tracking,
        further=tuple(view(one, now) for one in parcel.further),
    )


def _former_view(label: FormerLabel) -> FormerView:
    ended = "left" if label.left else "void"
    return FormerView(
        carrier=label.carrier,
        waybill_no=label.waybill_no,
        state=ended if label.settled else "due",
        why=label.left,
    )
