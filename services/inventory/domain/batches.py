"""Batches of a SKU in a warehouse: what they have, what of it is for sale, which leaves first.

Guarantees: pure. What a row has beyond its batches has no batch number and is called loose; it is the oldest
there is. A batch is chosen when goods leave, never when they are promised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

Standing: TypeAlias = Literal["for_sale", "off_sale", "recalled"]

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
LOOSE = ""
"""Batch of pieces that have no number."""
NEVER = date.max


class Batch(Struct, frozen=True, kw_only=True):
    """One batch of one row of stock, in pieces."""

    number: str
    produced_on: date | None = None
    expires_on: date | None = None
    """The last good day; None = it does not expire."""
    on_hand: int = 0
    held: int = 0
    """Returned pieces that wait for an inspection."""
    standing: Standing = "for_sale"
    why: str = ""
    """What put it there: `table@version#row`, or who recalled it and why."""

    @property
    def withheld(self) -> int:
        """Pieces that lie there and may not be promised."""
        return self.held if self.standing == "for_sale" else self.on_hand


Shelf: TypeAlias = dict[str, Batch]
"""The batches of a row, by number."""


class Portion(Struct, frozen=True, array_like=True):
    """Signed pieces of one batch; the dates matter where the batch is new."""

    sku: str
    batch: str
    quantity: int
    held: int = 0
    """Signed pieces that begin (+) or end (−) to wait for an inspection."""
    produced_on: date | None = None
    expires_on: date | None = None


class Stand(Struct, frozen=True):
    """Effect: a batch is for sale, or is not, from now on."""

    warehouse: str
    sku: str
    batch: str
    standing: Standing
    why: str
    document_no: str
    actor: str
    reason: str


class Unfit(Struct, frozen=True):
    """Why lines cannot be booked, and the SKU that is in the way."""

    why: str
    sku: str


class BatchLine(Protocol):
    """A line of a paper that may name a batch."""

    @property
    def sku(self) -> str:
        """Own SKU code."""
        ...

    @property
    def quantity(self) -> int:
        """Signed pieces."""
        ...

    @property
    def batch(self) -> str | None:
        """Its number; None = not said."""
        ...


def business_day(at: datetime) -> date:
    """The day it is then where the goods lie (UTC+8)."""
    return at.astimezone(SHANGHAI).date()


def withheld(shelf: Mapping[str, Batch]) -> int:
    """Pieces of all batches that may not be promised."""
    return sum(batch.withheld for batch in shelf.values())


def loose(on_hand: int, shelf: Mapping[str, Batch]) -> int:
    """Pieces of a row that no batch has."""
    return on_hand - sum(batch.on_hand for batch in shelf.values())


def expiring(batch: Batch) -> tuple[date, date, str]:
    """The order in which batches leave: by expiry, then by production, then by number."""
    return (batch.expires_on or NEVER, batch.produced_on or NEVER, batch.number)


def first_expired(
    sku: str, shelf: Mapping[str, Batch], on_hand: int, wanted: int
) -> tuple[Portion, ...]:
    """Which batches give so many pieces, as signed (negative) portions without the loose ones.

    Loose pieces leave first, then what is for sale by expiry. What is not for sale leaves last, when more was promised
    than may be sold: the recalled last of all.
    """
    left = wanted - min(wanted, loose(on_hand, shelf))
    by_expiry = sorted(shelf.values(), key=expiring)
    for_sale = [batch for batch in by_expiry if batch.standing == "for_sale"]
    steps = [(batch, batch.on_hand - batch.held) for batch in for_sale]
    steps += [(batch, batch.held) for batch in for_sale]
    for standing in ("off_sale", "recalled"):
        steps += [(batch, batch.on_hand) for batch in by_expiry if batch.standing == standing]
    taken: dict[str, int] = {}
    for batch, pieces in steps:
        if (given := min(left, pieces)) > 0:
            taken[batch.number] = taken.get(batch.number, 0) + given
            left -= given
    return tuple(Portion(sku, number, -pieces) for number, pieces in taken.items())


def moved(batch: Batch, portion: Portion) -> Batch:
    """The batch after these pieces came or went; free pieces go before those that wait for an inspection.

    Raises ValueError where it has not so many.
    """
    on_hand = batch.on_hand + portion.quantity
    held = min(batch.held + portion.held, on_hand)
    if on_hand < 0 or held < 0:
        raise ValueError(f"{portion.sku} {batch.number}: {on_hand} pieces, {held} held")
    return replace(batch, on_hand=on_hand, held=held)


def by_batch(
    lines: Iterable[BatchLine], batched: Callable[[str], bool] = lambda _sku: False
) -> tuple[tuple[tuple[str, int], ...], tuple[Portion, ...]] | Unfit:
    """(sku, pieces) of lines without a batch, and portions, once per SKU and batch.

    Nothing comes in of a `batched` SKU without naming one.
    """
    plain: list[tuple[str, int]] = []
    portions: dict[tuple[str, str], Portion] = {}
    for line in lines:
        if not line.batch:
            if line.quantity > 0 and batched(line.sku):
                return Unfit("batch_needed", line.sku)
            plain.append((line.sku, line.quantity))
            continue
        dates = dates_of(line)
        if isinstance(dates, Unfit):
            return dates
        before = portions.get((line.sku, line.batch))
        if before is not None and (before.produced_on, before.expires_on) != dates:
            return Unfit("other_dates", line.sku)
        pieces = line.quantity + (before.quantity if before is not None else 0)
        portions[line.sku, line.batch] = Portion(line.sku, line.batch, pieces, 0, *dates)
    return tuple(plain), tuple(one for _, one in sorted(portions.items()) if one.quantity)


def dates_of(line: BatchLine) -> tuple[date | None, date | None] | Unfit:
    """When a line's goods were made and until when they are good."""
    written = (getattr(line, "produced_on", None), getattr(line, "expires_on", None))
    try:
        produced_on, expires_on = (date.fromisoformat(text) if text else None for text in written)
    except ValueError:
        return Unfit("no_such_day", line.sku)
    if produced_on and expires_on and expires_on < produced_on:
        return Unfit("expires_before_production", line.sku)
    return produced_on, expires_on


def per_sku(portions: Iterable[Portion]) -> dict[str, int]:
    """Pieces of all batches of each SKU."""
    pieces: dict[str, int] = {}
    for portion in portions:
        pieces[portion.sku] = pieces.get(portion.sku, 0) + portion.quantity
    return pieces


def by_sku(portions: Iterable[Portion]) -> dict[str, list[Portion]]:
    """The portions of each SKU, in their order."""
    sorted_out: dict[str, list[Portion]] = {}
    for portion in portions:
        sorted_out.setdefault(portion.sku, []).append(portion)
    return sorted_out


def taken_back(
    sent: Iterable[Portion], goods: Iterable[tuple[str, int]]
) -> tuple[tuple[Portion, ...], tuple[Portion, ...]]:
    """(what comes back, what stays out) of the portions that were sent, both positive.

    Which piece of a parcel comes back is not known: those that expire first are taken for it.
    """
    wanted = dict(goods)
    back, out = [], []
    for portion in sent:
        pieces = min(wanted.get(portion.sku, 0), portion.quantity)
        if pieces:
            wanted[portion.sku] -= pieces
            back.append(replace(portion, quantity=pieces))
        if portion.quantity > pieces:
            out.append(replace(portion, quantity=portion.quantity - pieces))
    return tuple(back), tuple(out)


def negative(portions: Iterable[Portion]) -> tuple[Portion, ...]:
    """The same pieces on their way out."""
    return tuple(replace(portion, quantity=-portion.quantity) for portion in portions)


def added(sent: Iterable[Portion], more: Iterable[Portion]) -> tuple[Portion, ...]:
    """Both together, once per SKU and batch, in the order in which they left."""
    pieces: dict[tuple[str, str], int] = {}
    for portion in (*sent, *more):
        where = (portion.sku, portion.batch)
        pieces[where] = pieces.get(where, 0) + abs(portion.quantity)
    return tuple(Portion(*where, quantity) for where, quantity in pieces.items())
