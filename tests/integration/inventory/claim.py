"""One order or reservation of the pure model, and what an emitted event says of one. See claims.py."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from schemas.events.reservations import ReservationMade
from schemas.events.stock import StockReserved
from services.inventory.domain.model import Goods, HoldState, Places, merged


class Claim(Struct):
    """One order or reservation."""

    wants: Goods
    candidates: tuple[str, ...]
    parcels_max: int = 1
    state: HoldState = "short"
    places: Places = ()
    """Where it is held now, and what."""
    gone: Places = ()
    """What left from where and has not come back."""
    paid: bool = False
    due: datetime | None = None
    """When its time is over, unless somebody pays; of an order its timer has to say so, too."""
    extended: dict[str, int] = {}
    """Key of each extension → for how many seconds it was asked."""
    asked: int = 0
    """How often goods were asked for."""
    partial: bool = False
    names: str = ""
    """The reservation whose goods an order is to take over."""
    channel: str = ""
    campaigns: tuple[str, ...] = ()
    """On whose pieces it drew when it was held."""

    @property
    def held(self) -> Goods:
        """What is held for it."""
        return merged(good for _, goods in self.places for good in goods)

    @property
    def shipped(self) -> Goods:
        """What it has."""
        return merged(good for _, goods in self.gone for good in goods)

    @property
    def word(self) -> str:
        """As the reservation desk calls it."""
        match self.state:
            case "held":
                return "confirmed" if self.paid else "held"
            case "cancelled":
                return "released"
            case "shipped":
                return "handed_over"
            case state:
                return state


def places_of(event: StockReserved | ReservationMade) -> Places:
    """Where the goods of an answer are held."""
    if isinstance(event, ReservationMade):
        return ((event.warehouse, merged((line.sku, line.held) for line in event.lines)),)
    whole = merged((line.sku, line.quantity) for line in event.lines)
    if not event.parts:
        return ((event.warehouse, whole),)
    assert event.warehouse == event.parts[0].warehouse
    places = tuple(
        (part.warehouse, merged((line.sku, line.quantity) for line in part.lines))
        for part in event.parts
    )
    assert merged(good for _, goods in places for good in goods) == whole
    return places


def key_of(event: Any) -> str:
    """The aggregate that it is about."""
    key: str = getattr(event, event.__struct_fields__[0])
    return key
