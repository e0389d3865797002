"""What decisions about parcels are made of: one of an order's parcels as it becomes, or why it does not.

The facts beside a parcel are declared here, because every decision takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

from chassis.processor import Decision
from schemas.events.order_states import OrderReadyToFulfil
from services.fulfillment.domain import rules
from services.fulfillment.domain.model import Carriage, Parcel, Refusal

Outcome: TypeAlias = Decision[Parcel]


class ParcelFacts(Protocol):
    """What decisions need beside the parcel."""

    @property
    def unit_weights_g(self) -> Mapping[str, int]:
        """SKU → grams of one piece, where known."""
        ...

    def carriage(self, order: OrderReadyToFulfil, warehouse: str, weight_g: int) -> Carriage:
        """Who carries it, by the carrier table."""
        ...

    def holder(self, waybill_no: str) -> str:
        """The order a waybill number belongs to already, or ""."""
        ...

    def apply(self, effect: object) -> None:
        """Take one decision's effect into account for the decisions after it."""
        ...


class Changed(NamedTuple):
    """One parcel before and after, and the order's parcels with it. `after` is `before` where nothing changed."""

    before: Parcel
    after: Parcel
    state: Parcel


def changed_one(
    parcel: Parcel | None, parcel_id: str, change: Callable[[Parcel], Parcel | Refusal]
) -> Changed | Refusal:
    """Change the parcel an id means, of an order's parcels."""
    before = rules.known(parcel, parcel_id)
    if parcel is None or isinstance(before, Refusal):
        return Refusal("unknown_parcel")
    after = change(before)
    if isinstance(after, Refusal):
        return after
    return Changed(before, after, rules.with_parcel(parcel, after))


def refused(parcel: Parcel | None, refusal: Refusal) -> Outcome:
    """Leave everything as it is, and say why."""
    return Decision(state=parcel, refusal=refusal.code)
