"""What a snapshot of a channel order means, given what is known of the order: the pure heart of ingest.

Guarantees: a snapshot older than the newest known one changes nothing; the same snapshot any number of
times is one order; payment and cancellation are told once; what may change later (receiver, hold) is told
as an amendment with the names of what changed; a receiver that the channel takes away again, as some do once
a parcel has left, stays as it was told; a payload that cannot be worked with is quarantined with
every reason and does not touch what is known. What is told has all of the order to ship: an order of which a
part is refunded or has left is held.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from services.ingest.domain.model import (
    SHIPPABLE,
    CanonicalOrder,
    LineRefundState,
    OrderSnapshotState,
    PiiKind,
    Problem,
)

PAID = frozenset(
    {
        OrderSnapshotState.AWAITING_SHIPMENT,
        OrderSnapshotState.PARTLY_SHIPPED,
        OrderSnapshotState.SHIPPED,
        OrderSnapshotState.COMPLETED,
        OrderSnapshotState.PAID_ON_HOLD,
    }
)
OVER = frozenset({OrderSnapshotState.CANCELLED, OrderSnapshotState.CLOSED_REFUNDED})
LEFT = frozenset({OrderSnapshotState.SHIPPED, OrderSnapshotState.COMPLETED})

SHIPPED_ELSEWHERE = "shipped_elsewhere"
PARTLY_SHIPPED_ELSEWHERE = "partly_shipped_elsewhere"
PARTLY_REFUNDED = "partly_refunded"

# How much of the receiver a form tells: a cipher opens with the platform's help, a mask never.
_TOLD = {PiiKind.ABSENT: 0, PiiKind.MASKED: 1, PiiKind.ENCRYPTED: 2, PiiKind.PLAIN: 2}


class KnownOrder(Struct, frozen=True, kw_only=True):
    """What ingest keeps of a channel order. `order_id` is empty while only quarantined payloads came."""

    order_id: str = ""
    channel: str
    shop: str
    channel_order_no: str
    modified_at: datetime | None = None
    paid: bool = False
    cancelled: bool = False
    state: str = ""
    raw_state: str = ""
    province: str = ""
    city: str = ""
    district: str = ""
    personal_digest: str = ""
    personal_kind: str = ""
    hold: str = ""
    lines: tuple[tuple[str, int], ...] = ()
    """(channel's line id, pieces), in the order of our line numbers."""
    quarantine: tuple[Problem, ...] = ()


class Stale(Struct, frozen=True):
    """The snapshot brings nothing new: a repeat, or older than what is known."""


class Quarantine(Struct, frozen=True):
    """The payload cannot be worked with, for all these reasons."""

    problems: tuple[Problem, ...]


class Change(Struct, frozen=True, kw_only=True):
    """What a good snapshot brings. `placed`: the order is new to us."""

    placed: bool
    paid: bool
    amended: tuple[str, ...]
    cancelled: bool
    known: KnownOrder


Reading = Stale | Quarantine | Change


def hold_of(order: CanonicalOrder) -> str:
    """Why a snapshot forbids shipping all of the order now; empty when it does not."""
    if order.hold:
        return order.hold
    if order.state is OrderSnapshotState.UNKNOWN:
        return "state_unknown"
    if order.state is OrderSnapshotState.PAID_ON_HOLD:
        return "paid_on_hold"
    if order.state in LEFT:
        # What has left must not leave again, whoever sent it.
        return SHIPPED_ELSEWHERE
    if order.state not in SHIPPABLE:
        return ""
    # We ship an order as a whole. What is left of one is for a person to decide.
    if order.state is OrderSnapshotState.PARTLY_SHIPPED or any(i.shipped_qty for i in order.items):
        return PARTLY_SHIPPED_ELSEWHERE
    if any(
        item.refunded_qty or item.refund_state is LineRefundState.REFUNDED for item in order.items
    ):
        return PARTLY_REFUNDED
    return ""


def read_snapshot(
    known: KnownOrder | None,
    order: CanonicalOrder,
    problems: tuple[Problem, ...],
    *,
    personal_digest: str,
    order_id: str,
) -> Reading:
    """Compares a snapshot with what is known. `order_id` is used when the order is new to us."""
    if any(problem.blocks for problem in problems):
        return Quarantine(problems)
    fresh = known is None or not known.order_id
    personal_kind: str = order.receiver.pii
    region = (order.receiver.province, order.receiver.city, order.receiver.district)
    if not fresh and known is not None and tells_less(order.receiver.pii, known.personal_kind):
        personal_digest, personal_kind = known.personal_digest, known.personal_kind
        region = region if any(region) else (known.province, known.city, known.district)
    modified = order.times.modified
    if not fresh and known is not None and _older(modified, known.modified_at):
        return Stale()
    now_known = KnownOrder(
        order_id=order_id if known is None or not known.order_id else known.order_id,
        channel=order.channel,
        shop=order.shop,
        channel_order_no=order.order_no,
        modified_at=modified or (known.modified_at if known else None),
        paid=order.state in PAID or bool(known and known.paid),
        cancelled=order.state in OVER or bool(known and known.cancelled),
        state=order.state,
        raw_state=order.raw_state,
        province=region[0],
        city=region[1],
        district=region[2],
        personal_digest=personal_digest,
        personal_kind=personal_kind,
        hold=hold_of(order),
        # Line numbers are given once: a later snapshot that drops a line must not shift the others.
        lines=known.lines
        if known and known.lines
        else tuple((item.line_id, item.qty) for item in order.items),
    )
    if fresh or known is None:
        return Change(
            placed=True,
            paid=now_known.paid,
            amended=(),
            cancelled=now_known.cancelled,
            known=now_known,
        )
    change = Change(
        placed=False,
        paid=now_known.paid and not known.paid,
        amended=() if now_known.cancelled else _amended(known, now_known),
        cancelled=now_known.cancelled and not known.cancelled,
        known=now_known,
    )
    if change.paid or change.amended or change.cancelled or now_known != known:
        return change
    return Stale()


def tells_less(told: PiiKind, known: str) -> bool:
    """Whether a snapshot's receiver is told in a lesser form than one that is known ("" is none)."""
    return known != "" and _TOLD[told] < _TOLD[PiiKind(known)]


def _older(modified: datetime | None, newest: datetime | None) -> bool:
    if newest is None:
        return False
    return modified is None or modified < newest


def _amended(known: KnownOrder, newer: KnownOrder) -> tuple[str, ...]:
    changed = []
    if newer.personal_digest != known.personal_digest:
        changed.append("personal")
    if (newer.province, newer.city, newer.district) != (known.province, known.city, known.district):
        changed.append("region")
    if newer.hold != known.hold and not _our_own_shipping(known, newer):
        changed.append("hold")
    return tuple(changed)


def _our_own_shipping(known: KnownOrder, newer: KnownOrder) -> bool:
    """Whether the channel only says back what we told it: the order was free for us to ship."""
    return newer.hold == SHIPPED_ELSEWHERE and known.paid and not known.hold
