"""Whose turn it is when goods come: paid orders that were short, in line. Pure.

Guarantees: who is named can be served by the goods given, all of them together; an order is passed over only where
its own goods are not all in one of its warehouses, nor in as many as may send it together, or its quota is used up.
The line is by priority; among equals who was promised goods comes before who was not, in the order of the promises, and
then who waits longest. What came for promises only they may have.

The same line is promised what is to come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from chassis.extension_facts import Told
from services.inventory.domain.model import Goods
from services.inventory.domain.presale import Promised
from services.inventory.domain.promise import ExpectedKey, Promise
from services.inventory.domain.rules import Book
from services.inventory.domain.splitting import places_for

Draws: TypeAlias = frozenset[tuple[ExpectedKey, int]]
"""The lines that a SKU of an order is promised out of, and by which percentage of each."""
FOR_ANOTHER_LOOK: Draws = frozenset()


class Waiting(Struct, frozen=True, kw_only=True):
    """A paid order nothing is held for."""

    order_id: str
    generation: int
    channel: str
    province: str
    goods: Goods
    since: datetime
    told: Told = ()
    """What its channel alone tells and the table of sourcing asks for."""
    priority: int = 0
    """Higher is served first."""
    promises: tuple[Promise, ...] = ()
    promised_at: datetime | None = None
    promise_no: int = 0

    @property
    def turn(self) -> tuple[int, bool, datetime, datetime, str]:
        """Where it stands in line, the least first."""
        unpromised = self.promised_at is None
        first = self.promised_at or self.since
        return (-self.priority, unpromised, first, self.since, self.order_id)


def served(
    waiting: Iterable[Waiting],
    book: Book,
    sources: Callable[[Waiting], tuple[tuple[str, ...], int]],
    came: Mapping[ExpectedKey, int] | None = None,
) -> list[Waiting]:
    """Those whose turn it is, in line, each held from the book. `sources` are an order's warehouses and how many of them
    may send it together, `came` is what is set aside for their promises.
    """
    turns = []
    left = dict(came or {})
    for one in sorted(waiting, key=lambda w: w.turn):
        warehouses, parcels_max = sources(one)
        own = [
            (promise.key, min(promise.quantity, left.get(promise.key, 0)))
            for promise in one.promises
        ]
        _set_aside(book, left, own, -1)
        places = places_for(book.available_to(one.channel), warehouses, one.goods, parcels_max)
        if not places:
            _set_aside(book, left, own, 1)
            continue
        turns.append(one)
        for warehouse, goods in places:
            book.reserve(warehouse, goods, one.channel)
    return turns


def promisable(
    waiting: Iterable[Waiting],
    promise_of: Callable[[Waiting], Promised | None],
    take: Callable[[Promised], None],
) -> list[Waiting]:
    """Those that can be promised what is to come now, in line: each is promised the same, whichever of them is asked first.

    So all that draw on a SKU draw on one line of it and by one percentage, or the first has it for itself; who stands
    behind them waits for another look. `promise_of` is what an order could be promised of what is left, `take` takes it.
    """
    turns = []
    drawn_on: dict[str, Draws] = {}
    for one in sorted(waiting, key=lambda w: w.turn):
        promised = promise_of(one)
        if promised is None:
            continue
        take(promised)
        draws = _draws(promised)
        if all(drawn_on.get(sku, lines) == lines for sku, lines in draws.items()):
            turns.append(one)
            drawn_on |= draws
        else:
            drawn_on |= dict.fromkeys(draws, FOR_ANOTHER_LOOK)
    return turns


def _draws(promised: Promised) -> dict[str, Draws]:
    percents = dict(promised.percents)
    draws: dict[str, Draws] = {}
    for one in promised.promises:
        drawn = (one.key, percents.get(one.key, 0))
        draws[one.sku] = draws.get(one.sku, frozenset()) | {drawn}
    return draws


def _set_aside(
    book: Book, left: dict[ExpectedKey, int], own: Iterable[tuple[ExpectedKey, int]], sign: int
) -> None:
    for key, pieces in own:
        if pieces:
            sku, warehouse, _ = key
            book.set_aside((warehouse, sku), sign * pieces)
            left[key] += sign * pieces
