"""What decisions may ask of the stock of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol, TypeAlias

from chassis.extension_facts import Told
from chassis.processor import Decision
from schemas.events.orders import ChannelExtension
from services.inventory.domain.batches import Batch, Portion, Standing, Unfit
from services.inventory.domain.campaigns import Allotment
from services.inventory.domain.model import (
    RESERVATION,
    Aggregate,
    Goods,
    Held,
    Hold,
    Lease,
    Off,
    Places,
    Short,
)
from services.inventory.domain.presale import Promised
from services.inventory.domain.promise import Promise
from services.inventory.domain.quotas import Use

Outcome: TypeAlias = Decision[Aggregate]

PIECES_MAX = 1_000_000_000
"""Of one SKU in one document: more is a slip of the finger, and keeps sums far from 64 bits."""


class Batches(Protocol):
    """What decisions may ask of the batches of locked rows."""

    def shelf(self, warehouse: str, sku: str) -> Mapping[str, Batch]:
        """Its batches by number, empty for a SKU without."""
        ...

    def first_expired(self, warehouse: str, goods: Goods) -> tuple[Portion, ...]:
        """Which batches these goods would leave from, as negative portions."""
        ...

    def objection(
        self, warehouse: str, goods: Goods, portions: Sequence[Portion], *, new: bool = False
    ) -> Unfit | None:
        """Why these signed pieces cannot be booked."""
        ...

    def standing(self, warehouse: str, sku: str, batch: Batch, on: date) -> tuple[Standing, str]:
        """Whether a batch is for sale on a day, and what says so."""
        ...

    def returning(self, warehouse: str, batch: Batch, on: date) -> str:
        """What becomes of pieces of it that come back on a day: restock, hold or write_off."""
        ...


class Stock(Batches, Protocol):
    """The facts of a batch, as decisions ask them."""

    def sourcing_facts(self, channel: str, extension: ChannelExtension | None) -> Told:
        """What the table of sourcing asks of an order's extension."""
        ...

    def offer(self, order_id: str, hold: Hold, goods: Goods) -> Held | Short:
        """Who could send these goods now."""
        ...

    def unknown_channels(self, channels: Sequence[str]) -> str:
        """Those of these channels that no table knows, and which are known; empty = all of them are."""
        ...

    def campaigns(self, channel: str, places: Places) -> tuple[str, ...]:
        """The campaigns that sell any of these goods to the channel now."""
        ...

    def room(self, warehouse: str, sku: str, allotment: Allotment) -> int | Unfit:
        """Pieces that may be set aside on these terms, besides those that are; or why none may."""
        ...

    def drawn_on(self, warehouse: str, sku: str, campaign: str) -> Use:
        """What the channels of an open campaign hold of a row and have sent."""
        ...

    def own(self, order_id: str) -> tuple[str, Hold] | None:
        """The reservation that is the order's to take over, by its id."""
        ...

    def gone_with(self, order_id: str) -> Hold | None:
        """The reservation that the order names and whose goods were handed over under it."""
        ...

    def promise(self, hold: Hold, goods: Goods, now: datetime) -> Promised | None:
        """What is to come that makes a short order whole, its own promise taken back."""
        ...

    def promise_carried(self, hold: Hold) -> bool:
        """Whether all that it was promised is still to come, or lies there."""
        ...

    def redated(self, hold: Hold) -> tuple[Promise, ...]:
        """What it was promised, with the dates that hold now."""
        ...

    def lease(self, hold: Hold, warehouse: str, goods: Goods) -> Lease:
        """How long they are kept there for somebody who has not paid."""
        ...

    def extension(self, hold: Hold) -> Lease:
        """How long a payment in progress may keep what is held."""
        ...

    def spare(self, warehouse: str, sku: str) -> int:
        """Pieces that lie there and are promised to nobody."""
        ...

    def on_hand(self, warehouse: str, sku: str) -> int:
        """Pieces that lie there, promised or not."""
        ...

    def book_at(self, warehouse: str, sku: str, at: datetime, batch: str | None = None) -> int:
        """Pieces on hand by the book at an earlier moment; of one batch ("" = of none) when it is given."""
        ...

    def needs_second_person(self, warehouse: str, goods: Goods) -> bool:
        """Whether an adjustment by these signed pieces waits for somebody else's word."""
        ...

    def off(self, warehouse: str, sku: str) -> Off:
        """By how much the books of this row differ."""
        ...


def refused(state: Aggregate | None, why: str, sku: str = "") -> Outcome:
    """The answer "no", with the SKU that is in the way."""
    return Decision(state=state, refusal=why, result_id=sku)


def again(state: Aggregate, result: str, *, same: bool) -> Outcome:
    """The answer to a number that was used: done, when it says what it said then; nothing is done twice."""
    if not same:
        return refused(state, "already_booked")
    return Decision(state=state, result_id=result)


def unwritable(*texts: str) -> bool:
    """Whether Postgres could not keep one of them (NUL)."""
    return any("\0" in text for text in texts)


def nowhere(*warehouses: str) -> bool:
    """Whether one of these cannot be a warehouse: it has no name, or one that ends where a SKU begins in the key of a level."""
    return any(not one or "|" in one for one in warehouses)


def a_reservations(document_no: str) -> bool:
    """Whether the number could be a reservation's, which has another writer."""
    return document_no.startswith(RESERVATION)


def arrival_document(document_no: str, arrival_no: str) -> str:
    """Under which the ledger books an arrival: what a document brings may come in parts."""
    return f"{document_no}/{arrival_no}"
