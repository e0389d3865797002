"""Reservations of own stores and tills: what is asked, what is answered.

Guarantees: values only. A reservation is a hold with an `asked`; nobody but the desk of reservations
(chassis.direct) writes it, so that the stream of orders and the desk never meet in one aggregate.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from services.inventory.domain.model import Hold, Line, Missing

State: TypeAlias = Literal[
    "held", "short", "confirmed", "handed_over", "released", "expired", "adopted"
]


class ReserveGoods(Struct, frozen=True, kw_only=True):
    """Hold these goods for `hold_s`: all, or with `partial` what there is."""

    reservation_id: str
    digest: str
    """Of what was asked: the same id with another digest is another question under a used key."""
    reference: str
    warehouse: str
    """The only warehouse that may give them; empty = the rules of sourcing choose."""
    channel: str
    province: str
    lines: tuple[Line, ...]
    partial: bool
    hold_s: int


class ConfirmReservation(Struct, frozen=True, kw_only=True):
    """The goods are sold; with `handed_over` they are also gone."""

    reservation_id: str
    handed_over: bool


class ExtendReservation(Struct, frozen=True, kw_only=True):
    """A payment is in progress: keep the goods for `for_s` from now (0 = what the rule allows), once a key."""

    reservation_id: str
    key: str
    for_s: int


class ReleaseReservation(Struct, frozen=True, kw_only=True):
    """The goods are not wanted any more."""

    reservation_id: str


class ExpireReservation(Struct, frozen=True, kw_only=True):
    """The time of an unconfirmed reservation may be over."""

    reservation_id: str


class ReservedPart(Struct, frozen=True, kw_only=True):
    """One line of a reservation, in pieces."""

    sku: str
    quantity: int
    """Asked for."""
    held: int
    """Set aside when it was made."""


class Reservation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reservation as it is told to its caller."""

    reservation_id: str
    reference: str
    state: State
    warehouse: str
    """Where the goods lie; empty where nothing was held."""
    rule: str
    """Why there: `table@version#row`, or `asked`."""
    lines: tuple[ReservedPart, ...]
    expires_at: datetime | None
    """When the hold ends unless it is confirmed; null when time ends it no more."""
    order_id: str = ""
    """Where it is adopted: the order that has its goods now."""


class Shortage(Struct, frozen=True, kw_only=True):
    """The answer "no": nothing is held, this is missing."""

    missing: tuple[Missing, ...]


class Refused(Struct, frozen=True, kw_only=True):
    """The answer "not like this". Nothing has changed."""

    code: Literal[
        "key_reused",
        "unknown",
        "short",
        "released",
        "expired",
        "confirmed",
        "handed_over",
        "adopted",
        "extension_limit",
    ]


Answer: TypeAlias = Reservation | Shortage | Refused


def as_made(reservation_id: str, hold: Hold) -> Reservation | Shortage:
    """The first answer, which the same question gets for ever."""
    asked = hold.asked
    assert asked is not None, reservation_id
    if not asked.granted:
        return Shortage(missing=asked.missing)
    return _told(reservation_id, hold, "held", asked.expires_at)


def as_it_is(reservation_id: str, hold: Hold) -> Reservation:
    """The reservation now."""
    told = _told(reservation_id, hold, state_of(hold), hold.expires_at)
    by = hold.asked.adopted_by if hold.asked else ""
    return replace(told, order_id=by) if by else told


def state_of(hold: Hold) -> State:
    """The word for a hold's state at the reservation desk."""
    match hold.state:
        case "held":
            return "confirmed" if hold.paid else "held"
        case "cancelled":
            return "released"
        case "shipped":
            return "handed_over"
        case "unmatched":
            raise AssertionError("only an order waits for its SKUs")
        case state:
            return state


def _told(
    reservation_id: str, hold: Hold, state: State, expires_at: datetime | None
) -> Reservation:
    asked = hold.asked
    assert asked is not None, reservation_id
    granted = dict(asked.granted)
    return Reservation(
        reservation_id=reservation_id,
        reference=asked.reference,
        state=state,
        warehouse=hold.warehouse,
        rule=hold.rule,
        lines=tuple(
            ReservedPart(sku=line.sku, quantity=line.quantity, held=granted.get(line.sku, 0))
            for line in hold.lines
        ),
        expires_at=expires_at,
    )
