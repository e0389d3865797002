"""What the console keeps of one order: the small state its list row is made of. Frozen values, nothing else.

The state is an array in its document: nobody edits it, the same values stand in columns beside it, and it is
read and written for every event. New fields go to the end, with a default.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from chassis.currency import CNY


class Card(Struct, frozen=True, kw_only=True, array_like=True):
    """One order, or one quarantined payload, as the list shows it. Times are aware UTC, money is in the minor unit of `currency`.

    `state` is "" while only other services' facts about the order are known; it is then not shown.
    """

    state: str = ""
    channel: str = ""
    shop: str = ""
    channel_order_no: str = ""
    placed_at: datetime | None = None
    accepted_at: datetime | None = None
    held_at: datetime | None = None
    """When stock was held for the first time."""
    routed_at: datetime | None = None
    """When warehouse and carrier were chosen for the first time."""
    updated_at: datetime | None = None
    """When this console last learnt something about it."""
    ship_by: datetime | None = None
    payable_fen: int = 0
    paid_fen: int = 0
    refund_fen: int = 0
    """Paid back so far."""
    province: str = ""
    city: str = ""
    warehouse: str = ""
    carrier: str = ""
    waybill_no: str = ""
    line_summary: str = ""
    flags: tuple[str, ...] = ()
    """Codes of FLAGS in words.py, in the order they came; those that are shown are `standing_flags`."""
    open_refunds: tuple[str, ...] = ()
    write_backs: tuple[tuple[datetime, bool], ...] = ()
    """The channel's answers to write-backs: minute, and whether it took it."""
    promised_for: datetime | None = None
    """When goods that are to come can be sent, by inventory's word; None where nothing is promised."""
    payouts_given_up: tuple[str, ...] = ()
    """Refunds whose payout waits for a person."""
    double_refunds: tuple[str, ...] = ()
    """Refunds whose money may have gone twice."""
    currency: str = CNY
    """What the order's money is in."""
    refused_write_backs: tuple[str, ...] = ()
    """Write-backs which the channel would not have, as kind and document, and which need a person."""
    other_waybills: tuple[str, ...] = ()
    """Numbers of the order's other parcels, and those that were replaced."""
    payouts_by_hand: tuple[str, ...] = ()
    """Those of `payouts_given_up` that no gateway pays: a person gives the money back at the shop."""
    paid_back_there: bool = False
    """The channel closed it and gave all of the money back."""


EMPTY = Card()

FINISHED = frozenset({"completed", "cancelled"})
PAID_LATE = "paid_late"
"""The flag of an order that was cancelled when its payment came."""
LASTING = frozenset(
    {"after_sale", "payout", "double_refund", "refunded", "write_back_refused", PAID_LATE}
)
"""Flags that mean something of an order that is over, too: where its money is, and what its channel was not told."""


def standing_flags(card: Card) -> tuple[str, ...]:
    """The flags that people are shown. What held an order back, or its parcel, is over when the order is, whichever is heard first."""
    flags = card.flags
    if PAID_LATE in flags and (card.paid_back_there or "refunded" in flags):
        flags = without_flag(flags, PAID_LATE)
    if flags and card.state in FINISHED:
        return tuple([flag for flag in flags if flag in LASTING])
    return flags


Bucket = tuple[datetime, str, str]
"""Hour of ordering (UTC), channel, state: what the counters count by."""


HOURS_COUNTED = timedelta(hours=25)
"""So long each hour of ordering has counters of its own: the 24 that are offered, and the one that has begun."""


def bucket_of(card: Card) -> Bucket | None:
    """Where an order is counted; None while it is not shown."""
    if card.placed_at is None:
        return None
    hour = card.placed_at.replace(minute=0, second=0, microsecond=0)
    return hour, card.channel, card.state


def with_waybill(card: Card, carrier: str, waybill_no: str) -> Card:
    """The card with its newest waybill; the one it had stays among the others."""
    others = card.other_waybills
    if card.waybill_no:
        others = with_flag(others, card.waybill_no)
    return replace(
        card,
        carrier=carrier,
        waybill_no=waybill_no,
        other_waybills=without_flag(others, waybill_no),
    )


def with_flag(flags: tuple[str, ...], code: str) -> tuple[str, ...]:
    """The flags with `code` raised."""
    return flags if code in flags else (*flags, code)


def without_flag(flags: tuple[str, ...], code: str) -> tuple[str, ...]:
    """The flags with `code` lowered."""
    return tuple([flag for flag in flags if flag != code]) if code in flags else flags
