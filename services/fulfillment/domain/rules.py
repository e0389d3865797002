"""What may happen next to a parcel, as pure functions of it.

Guarantees, held by tests over every sequence of events: a parcel is handed over at most once, and never
when it was cancelled or is held; it is cancelled only before hand-over; tracking never moves backwards
and delivers once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from services.fulfillment.domain.model import (
    OPEN,
    Addressed,
    Carriage,
    FormerLabel,
    Line,
    Parcel,
    Refusal,
    Stage,
    Tracking,
)

DEFAULT_UNIT_WEIGHT_G = 500
"""Weight of one piece of a SKU whose weight nobody gave: heavy enough to rarely surprise a courier."""
WEIGHT_G_MAX = 2**31 - 1
"""What a parcel's record can say. Nobody sends 2,000 t; an order of that weight must not stop the others."""


class Step(StrEnum):
    """What people in the warehouse do, in this order."""

    PICK = "pick"
    PACK = "pack"
    SHIP = "ship"


STEPS: Mapping[tuple[Stage, Step], Stage] = MappingProxyType(
    {
        (Stage.LABELLED, Step.PICK): Stage.PICKED,
        (Stage.PICKED, Step.PACK): Stage.PACKED,
        (Stage.PACKED, Step.SHIP): Stage.SHIPPED,
    }
)
"""(stage, step) → stage. Whatever is not here is refused with a reason."""

_RANK = MappingProxyType({stage: place for place, stage in enumerate(Stage)})
_MISSING = MappingProxyType(
    {
        Stage.PLANNED: "waybill_missing",
        Stage.WAYBILL_REFUSED: "waybill_missing",
        Stage.LABELLED: "not_picked",
        Stage.PICKED: "not_packed",
    }
)
_TRACKING_RANK = MappingProxyType(
    {
        "picked_up": 1,
        "in_transit": 2,
        "problem": 3,
        "delivering": 4,
        "returning": 5,
        "delivered": 6,
    }
)
"""Tells two steps of the same second apart; the time decides otherwise."""
DELIVERED = "delivered"
_CARRIER = re.compile(r"[A-Z0-9]{2,16}")
WAYBILL_NO = re.compile(r"[A-Za-z0-9-]{6,40}")
"""What carriers number parcels with; anything else is none."""


class Weight(Struct, frozen=True):
    """Of a parcel. `estimated`: at least one SKU's weight is not known, or it is more than can be said."""

    weight_g: int
    estimated: bool


def weigh(lines: Sequence[Line], unit_weights_g: Mapping[str, int]) -> Weight:
    """Add up the pieces; an unknown SKU counts `DEFAULT_UNIT_WEIGHT_G` each. Never above `WEIGHT_G_MAX`."""
    total_g = 0
    estimated = False
    for line in lines:
        unit_g = unit_weights_g.get(line.sku)
        if unit_g is None:
            unit_g = DEFAULT_UNIT_WEIGHT_G
            estimated = True
        total_g += unit_g * line.quantity
    if total_g > WEIGHT_G_MAX:
        return Weight(WEIGHT_G_MAX, estimated=True)
    return Weight(total_g, estimated)


def scheduled(parcel: Parcel, now: datetime) -> Parcel:
    """Set or clear `dispatch_due_at`: a waybill to ask for, or one to give back."""
    due = (
        (parcel.stage is Stage.PLANNED and not parcel.holds)
        or (parcel.stage is Stage.CANCELLED and not parcel.discarded)
        or any(not former.settled for former in parcel.formers)
    )
    if due == (parcel.dispatch_due_at is not None):
        return parcel
    return replace(parcel, dispatch_due_at=now if due else None)


def known(parcel: Parcel | None, parcel_id: str) -> Parcel | Refusal:
    """Return the planned parcel an id means, of an order's parcels."""
    for one in parcels_of(parcel):
        if one.parcel_id and one.parcel_id == parcel_id:
            return one
    return Refusal("unknown_parcel")


def parcels_of(parcel: Parcel | None) -> tuple[Parcel, ...]:
    """Return all parcels of an order, the first one first."""
    return () if parcel is None else (parcel, *parcel.further)


def others_of(parcel: Parcel, parcel_id: str) -> tuple[Parcel, ...]:
    """Return an order's parcels but this one."""
    return tuple(one for one in parcels_of(parcel) if one.parcel_id != parcel_id)


def with_parcel(parcel: Parcel, changed: Parcel) -> Parcel:
    """Return an order's parcels with one of them as it is now."""
    if changed.parcel_id == parcel.parcel_id:
        return changed
    further = tuple(
        changed if one.parcel_id == changed.parcel_id else one for one in parcel.further
    )
    return replace(parcel, further=further)


def all_changed(parcel: Parcel, change: Callable[[Parcel], Parcel]) -> Parcel:
    """Return an order's parcels, each of them changed."""
    first = change(parcel)
    if not first.further:
        return first
    return replace(first, further=tuple(change(one) for one in first.further))


def step(parcel: Parcel, wanted: Step) -> Parcel | Refusal:
    """Take the next step. Any other step, and any step of a held or cancelled parcel, is refused.

    A parcel whose delivery was seen before its hand-over was recorded is delivered at once.
    """
    if parcel.stage is Stage.CANCELLED:
        return Refusal("cancelled")
    following = STEPS.get((parcel.stage, wanted))
    if following is None:
        target = next(after for (_, taken), after in STEPS.items() if taken is wanted)
        if _RANK[parcel.stage] >= _RANK[target]:
            return Refusal("already_done")
        return Refusal(_MISSING.get(parcel.stage, "unknown_parcel"))
    if parcel.holds:
        return Refusal("held")
    if following is not Stage.SHIPPED:
        return replace(parcel, stage=following)
    arrived = parcel.tracking is not None and parcel.tracking.status == DELIVERED
    return replace(parcel, stage=Stage.DELIVERED if arrived else following, personal=b"")


def cancel(parcel: Parcel, now: datetime) -> Parcel | Refusal:
    """Stop an order's parcels, unless one has left. The caller has seen to it that they are not cancelled yet."""
    assert parcel.stage is not Stage.CANCELLED, "a parcel is cancelled once"
    if any(one.stage in {Stage.SHIPPED, Stage.DELIVERED} for one in parcels_of(parcel)):
        return Refusal("already_shipped")
    if parcel.stage is Stage.UNPLANNED:
        return replace(parcel, stage=Stage.CANCELLED, discarded=True)
    return all_changed(parcel, lambda one: scheduled(replace(one, stage=Stage.CANCELLED), now))


def hold(parcel: Parcel, code: str, now: datetime) -> Parcel:
    """Keep an order's parcels back. The same code twice is one hold."""
    return all_changed(parcel, lambda one: _held(one, code, now))


def _held(parcel: Parcel, code: str, now: datetime) -> Parcel:
    if code in parcel.holds:
        return parcel
    return scheduled(replace(parcel, holds=(*parcel.holds, code)), now)


def lift(parcel: Parcel, code: str, now: datetime) -> Parcel:
    """Let go of one hold. With the last one, a refused waybill is asked for again: somebody looked."""
    return all_changed(parcel, lambda one: _lifted(one, code, now))


def _lifted(parcel: Parcel, code: str, now: datetime) -> Parcel:
    holds = tuple(held for held in parcel.holds if held != code)
    freed = replace(parcel, holds=holds)
    if not holds and parcel.stage is Stage.WAYBILL_REFUSED:
        freed = replace(freed, stage=Stage.PLANNED, waybill_refusal="")
    return scheduled(freed, now)


def readdress(parcel: Parcel, to: Addressed, carriage: Carriage, now: datetime) -> Parcel:
    """Give a parcel that has not left another receiver; the same one again changes nothing.

    A label of the former one is to be voided and another asked for, whatever was done to the parcel since. Who gave a
    number by hand knows whom it is for: that label stays. So does one the carrier has been seen to have.
    """
    before = Addressed(
        province=parcel.province,
        city=parcel.city,
        district=parcel.district,
        personal=parcel.personal,
    )
    if parcel.stage not in OPEN or parcel.tracking is not None or to == before:
        return parcel
    readdressed = replace(
        parcel,
        province=to.province,
        city=to.city,
        district=to.district,
        personal=to.personal,
    )
    if parcel.by_hand:
        return readdressed
    if parcel.waybill_no:
        formers = (*parcel.formers, _label_of(parcel))
        readdressed = replace(readdressed, waybill_no="", formers=formers)
    anew = replace(
        readdressed,
        stage=Stage.PLANNED,
        asking=parcel.asking + 1,
        waybill_refusal="",
        carrier=carriage.carrier,
        service=carriage.service,
        reason=carriage.reason,
        rule=carriage.rule,
    )
    return scheduled(anew, now)


def label(
    parcel: Parcel, waybill_no: str, now: datetime, *, asking: int = 0, carrier: str = ""
) -> Parcel | Refusal:
    """Take a waybill's number.

    The same number again changes nothing. A parcel cancelled meanwhile keeps the number so that the
    dispatcher can give it back. One that was asked for an earlier receiver (`asking`, `carrier`) is to be voided.
    """
    if asking != parcel.asking:
        if parcel.waybill_no == waybill_no or former_of(parcel, waybill_no) is not None:
            return parcel
        late = FormerLabel(carrier=carrier or parcel.carrier, waybill_no=waybill_no, asking=asking)
        return scheduled(replace(parcel, formers=(*parcel.formers, late)), now)
    if parcel.waybill_no:
        return parcel if parcel.waybill_no == waybill_no else Refusal("waybill_differs")
    if former_of(parcel, waybill_no) is not None:
        # Whoever gives out the former receiver's label once more would have this one voided.
        return Refusal("waybill_void")
    if parcel.stage is Stage.CANCELLED:
        return scheduled(replace(parcel, waybill_no=waybill_no, discarded=False), now)
    assert parcel.stage in {Stage.PLANNED, Stage.WAYBILL_REFUSED}, parcel.stage
    labelled = replace(parcel, stage=Stage.LABELLED, waybill_no=waybill_no, waybill_refusal="")
    return scheduled(labelled, now)


def replace_label(parcel: Parcel, carrier: str, waybill_no: str, now: datetime) -> Parcel | Refusal:
    """Give a labelled parcel another carrier or number, up to its delivery; held or not, as nothing moves.

    What it has already changes nothing. The journey so far was that of the former number, whose label is to be
    voided; one that stays alive may be taken up again.
    """
    if parcel.stage is Stage.CANCELLED:
        return Refusal("cancelled")
    if not parcel.waybill_no:
        return Refusal("waybill_missing")
    if not _CARRIER.fullmatch(carrier):
        return Refusal("carrier_malformed")
    if not WAYBILL_NO.fullmatch(waybill_no):
        return Refusal("waybill_malformed")
    if (parcel.carrier, parcel.waybill_no) == (carrier, waybill_no):
        return parcel
    if parcel.stage is Stage.DELIVERED:
        return Refusal("already_delivered")
    replaced = replace(parcel, carrier=carrier, waybill_no=waybill_no, tracking=None)
    if waybill_no == parcel.waybill_no:
        return replaced
    taken_up = former_of(parcel, waybill_no)
    if taken_up is not None and not (taken_up.left or taken_up.spared):
        return Refusal("waybill_void")
    spared = "by_hand" if parcel.by_hand else "scanned" if parcel.tracking is not None else ""
    former = _label_of(parcel, spared)
    others = tuple(one for one in parcel.formers if one is not taken_up)
    by_hand = taken_up is None or taken_up.spared == "by_hand"
    return scheduled(replace(replaced, by_hand=by_hand, formers=(*others, former)), now)


def former_of(parcel: Parcel, waybill_no: str) -> FormerLabel | None:
    """Return the label of this number that the parcel once had."""
    return next((one for one in parcel.formers if one.waybill_no == waybill_no), None)


def label_to_void(parcel: Parcel) -> FormerLabel | None:
    """Return the next label that is not used any more and whose end nobody knows yet."""
    for former in parcel.formers:
        if not former.settled:
            return former
    if parcel.stage is not Stage.CANCELLED or parcel.discarded or not parcel.waybill_no:
        return None
    return _label_of(parcel, "by_hand" if parcel.by_hand else "")


def _label_of(parcel: Parcel, spared: str = "") -> FormerLabel:
    """The label that it has, as it is kept when it has another."""
    return FormerLabel(
        carrier=parcel.carrier,
        waybill_no=parcel.waybill_no,
        spared=spared,
        asking=parcel.asking,
    )


def refuse_label(parcel: Parcel, reason: str, now: datetime) -> Parcel | Refusal:
    """Take note that the provider gives no waybill. Of a cancelled parcel, that settles it."""
    if parcel.waybill_no:
        return Refusal("already_labelled")
    if parcel.stage is Stage.CANCELLED:
        return scheduled(replace(parcel, discarded=True, personal=b""), now)
    refused = replace(parcel, stage=Stage.WAYBILL_REFUSED, waybill_refusal=reason)
    return scheduled(refused, now)


def discard(parcel: Parcel, waybill_no: str, refusal: str, now: datetime) -> Parcel | Refusal:
    """Take note that a label which is not used any more is void, or why it stays alive; the first word stands.

    It is one that was replaced, or a cancelled parcel's; "" where that one never had any.
    """
    former = former_of(parcel, waybill_no)
    if former is not None:
        if former.settled:
            return parcel
        ended = replace(former, settled=True, left=refusal)
        formers = tuple(ended if one is former else one for one in parcel.formers)
        return scheduled(replace(parcel, formers=formers), now)
    if parcel.stage is not Stage.CANCELLED:
        return Refusal("not_cancelled")
    if parcel.waybill_no != waybill_no:
        return Refusal("waybill_differs")
    return scheduled(replace(parcel, discarded=True, personal=b""), now)


def track(parcel: Parcel, waybill_no: str, seen: Tracking) -> Parcel | Refusal:
    """Move a parcel along its journey; the same parcel comes back when the news is old.

    A push may overtake the hand-over's own record: the newest is kept and told at hand-over.
    """
    if not waybill_no or parcel.waybill_no != waybill_no:
        return Refusal("unknown_waybill")
    if parcel.stage is Stage.CANCELLED:
        return Refusal("cancelled")
    if parcel.stage is Stage.DELIVERED or not _is_news(parcel.tracking, seen):
        return parcel
    if parcel.stage is Stage.SHIPPED and seen.status == DELIVERED:
        return replace(parcel, stage=Stage.DELIVERED, tracking=seen)
    return replace(parcel, tracking=seen)


def _is_news(last: Tracking | None, seen: Tracking) -> bool:
    """Whether `seen` is later than `last`. A signature is never old news, unless it was seen."""
    if last is None:
        return True
    if (seen.status == DELIVERED) != (last.status == DELIVERED):
        return seen.status == DELIVERED
    later = (seen.moved_at, _TRACKING_RANK.get(seen.status, 0))
    return later > (last.moved_at, _TRACKING_RANK.get(last.status, 0))
