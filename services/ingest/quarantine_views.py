"""What people see of an entry: masked, unless somebody asked for the names and said why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from chassis.crypto import mask_name, mask_phone
from services.ingest.correcting import corrected
from services.ingest.domain.correction import RECEIVER, Correction, holding
from services.ingest.domain.model import CanonicalOrder, PiiKind, Problem, Receiver
from services.ingest.domain.quarantine import Deed, Entry, EntryState
from services.ingest.facts import Arrival
from services.ingest.setting_aside import blocked, said


class Summary(Struct, frozen=True, kw_only=True):
    """A row of the list. `reasons` are codes, each with its detail."""

    key: str
    channel: str
    shop: str
    channel_order_no: str
    order_id: str
    state: EntryState
    reasons: tuple[str, ...]
    evidence: str
    first_seen_at: datetime
    last_seen_at: datetime
    arrivals: int


class Line(Struct, frozen=True, kw_only=True):
    """One line as a patch names its fields."""

    sku: str
    quantity: int
    unit_price_fen: int
    payable_fen: int
    title: str


class Content(Struct, frozen=True, kw_only=True):
    """The order as it stands with its corrections, in the shape of a patch."""

    receiver: dict[str, str]
    receiver_kind: str
    lines: dict[str, Line]
    amounts: dict[str, int]


class View(Struct, frozen=True, kw_only=True):
    """One entry. `content` is None where nothing waits any more, or not even an order can be read.

    `corrections` are places; those in `lapsed` do not hold, because the channel says something else there now.
    """

    summary: Summary
    sha256: str
    door: str
    accepted_at: datetime
    modified_at: datetime | None
    content: Content | None
    currency: str
    """Of the amounts in `content`; "" where there is none."""
    corrections: tuple[str, ...]
    lapsed: tuple[str, ...]
    still_blocks: tuple[str, ...]
    audit: tuple[Deed, ...]


def summary(entry: Entry) -> Summary:
    """The row of an entry."""
    return Summary(
        key=entry.key,
        channel=entry.channel,
        shop=entry.shop,
        channel_order_no=entry.channel_order_no,
        order_id=entry.order_id,
        state=entry.state,
        reasons=tuple(said(problem) for problem in entry.problems),
        evidence=entry.evidence,
        first_seen_at=entry.first_seen_at,
        last_seen_at=entry.last_seen_at,
        arrivals=entry.arrivals,
    )


def view(
    entry: Entry,
    deeds: tuple[Deed, ...],
    arrival: Arrival | None,
    corrections: Sequence[Correction],
    *,
    in_clear: bool,
) -> View:
    """The entry with its content as it reads today. `arrival` is None where nothing waits."""
    content: Content | None = None
    currency = ""
    left: tuple[Problem, ...] = ()
    held: frozenset[Correction] = frozenset()
    if arrival is not None:
        mended = corrected(arrival.normalised, corrections)
        left = blocked(entry, msgspec.structs.replace(arrival, normalised=mended))
        if arrival.normalised.order is not None and mended.order is not None:
            held = frozenset(holding(arrival.normalised.order, corrections))
            content = _content(mended.order, in_clear=in_clear)
            currency = mended.order.currency
    return View(
        summary=summary(entry),
        sha256=entry.sha256.hex(),
        door=entry.door,
        accepted_at=entry.accepted_at,
        modified_at=entry.modified_at,
        content=content,
        currency=currency,
        corrections=tuple(".".join(c.path) for c in corrections),
        lapsed=tuple(".".join(c.path) for c in corrections if content and c not in held),
        still_blocks=tuple(said(problem) for problem in left),
        audit=deeds,
    )


def _content(order: CanonicalOrder, *, in_clear: bool) -> Content:
    return Content(
        receiver=_receiver(order.receiver, in_clear=in_clear),
        receiver_kind=order.receiver.pii,
        lines={
            item.line_id: Line(
                sku=item.merchant_sku,
                quantity=item.qty,
                unit_price_fen=item.unit_price_fen,
                payable_fen=item.payable_fen,
                title=item.title,
            )
            for item in order.items
        },
        amounts={
            "payable_fen": order.payable_fen,
            "paid_fen": order.paid_fen,
            "freight_fen": order.freight_fen,
        },
    )


def _receiver(receiver: Receiver, *, in_clear: bool) -> dict[str, str]:
    shown: dict[str, Any] = {name: getattr(receiver, name) for name in RECEIVER}
    if receiver.pii is PiiKind.PLAIN and not in_clear:
        shown["name"] = mask_name(receiver.name)
        shown["phone"] = mask_phone(receiver.phone)
        shown["address"] = "*" if receiver.address else ""
        shown["town"] = "*" if receiver.town else ""
    return shown
