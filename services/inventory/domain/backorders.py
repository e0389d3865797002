"""Whose turn it is when goods come: paid orders that were short, in line. Pure.

Guarantees: who is named can be served by the goods given, all of them together; an order is passed over only where
its own goods are not all in one of its warehouses, nor in as many as may send it together, or its quota is used up.
The line is by priority, then by how long they wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec import Struct

from chassis.extension_facts import Told
from services.inventory.domain.model import Goods
from services.inventory.domain.rules import Book
from services.inventory.domain.splitting import places_for


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


def served(
    waiting: Iterable[Waiting],
    book: Book,
    sources: Callable[[Waiting], tuple[tuple[str, ...], int]],
) -> list[Waiting]:
    """Those whose turn it is, in line, each held from the book. `sources` are an order's warehouses and how many of them
    may send it together.
    """
    turns = []
    for one in sorted(waiting, key=lambda w: (-w.priority, w.since, w.order_id)):
        warehouses, parcels_max = sources(one)
        places = places_for(book.available_to(one.channel), warehouses, one.goods, parcels_max)
        if not places:
            continue
        turns.append(one)
        for warehouse, goods in places:
            book.reserve(warehouse, goods, one.channel)
    return turns
