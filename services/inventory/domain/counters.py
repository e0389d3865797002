"""What the Lua scripts do, in Python: the oracle they are held against, and the words they are called with.

Guarantees: `reserve` is all lines or none and idempotent by (order, generation); `settle` makes the record of
an order what Postgres decided, whatever came before, at most once; a receipt is counted once. Stock comes
back only when a live hold ends as `freed`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from services.inventory.domain.choosing import choose
from services.inventory.domain.model import Goods, Row


class Ask(Struct, frozen=True, array_like=True):
    """May this order have these goods, in the first of these warehouses that has them all?"""

    order_id: str
    generation: int
    candidates: tuple[str, ...]
    goods: Goods


class Target(Struct, frozen=True, array_like=True):
    """What Postgres decided about an order's hold."""

    order_id: str
    generation: int
    ending: Literal["held", "freed", "spent"]
    """held: live with these goods · freed: gone, goods available again · spent: gone with the goods."""
    warehouse: str
    """Empty where several hold it: `goods` and `gone` then name their rows (domain/parts.py)."""
    goods: Goods
    noted: float = 0
    """When not 0: only if the order's note still bears this time, i.e. nobody else has been at it since."""
    gone: Goods = ()
    """What left of a hold that still lives: missing from what is available, should we never have heard of the hold."""


class Arrival(Struct, frozen=True, array_like=True):
    """Goods that Postgres booked in under a document."""

    document_no: str
    warehouse: str
    goods: Goods
    noted: float = 0


class Record(Struct, frozen=True, array_like=True):
    """The hold record of one order: live → freed or spent. While Postgres has not decided, it is noted, too."""

    generation: int
    state: Literal["live", "freed", "spent"]
    warehouse: str
    """Empty where several hold it, as in `Target`."""
    goods: Goods

    @property
    def live(self) -> bool:
        """Whether its goods are taken out of what is available."""
        return self.state == "live"


class Counters(Struct):
    """The numbers of one epoch."""

    available: dict[Row, int]
    records: dict[str, Record] = {}
    documents: set[str] = set()


def reserve(counters: Counters, ask: Ask) -> str | tuple[int, ...]:
    """The warehouse, or what is available: pieces by candidate, then by SKU. Short writes nothing.

    The same (order, generation) again gets the stored warehouse; a lower generation than the record's is
    out of date and gets the empty text, as does what Postgres let several hold.
    """
    record = counters.records.get(ask.order_id)
    if record is not None:
        if record.generation > ask.generation:
            return ""
        if record.live and record.generation == ask.generation:
            return record.warehouse
        if record.live:
            _add(counters, record.warehouse, record.goods, 1)
            ended = Record(record.generation, "freed", record.warehouse, record.goods)
            counters.records[ask.order_id] = ended
    warehouse = choose(lambda row: counters.available.get(row, 0), ask.candidates, ask.goods)
    if not warehouse:
        return tuple(
            counters.available.get((one, sku), 0) for one in ask.candidates for sku, _ in ask.goods
        )
    _add(counters, warehouse, ask.goods, -1)
    counters.records[ask.order_id] = Record(ask.generation, "live", warehouse, ask.goods)
    return warehouse


def settle(counters: Counters, target: Target) -> None:
    """Makes the order's record what Postgres decided. Out-of-date generations change nothing."""
    record = counters.records.get(target.order_id)
    if record is not None and record.generation > target.generation:
        return
    live = record is not None and record.live
    same = record is not None and record.generation == target.generation
    already_spent = record is not None and same and record.state == "spent"
    if already_spent and target.ending == "held":
        return  # older news
    if record is not None and live:
        stays = same and target.ending != "freed" and record.warehouse == target.warehouse
        if not stays:
            _add(counters, record.warehouse, record.goods, 1)
            live = False
    if target.ending == "freed":
        # Kept without a record, too: older news of this order may still be on their way.
        counters.records[target.order_id] = Record(
            target.generation, "freed", target.warehouse, target.goods
        )
        return
    if not live and not already_spent:
        _add(counters, target.warehouse, target.goods, -1)
        _add(counters, target.warehouse, target.gone, -1)
    counters.records[target.order_id] = Record(
        target.generation,
        "live" if target.ending == "held" else "spent",
        target.warehouse,
        target.goods,
    )


def arrive(counters: Counters, *arrivals: Arrival) -> None:
    """Counts a document's goods once. What it brought to several warehouses is told together."""
    for arrival in arrivals:
        if arrival.document_no not in counters.documents:
            _add(counters, arrival.warehouse, arrival.goods, 1)
    counters.documents.update(arrival.document_no for arrival in arrivals)


def _add(counters: Counters, warehouse: str, goods: Goods, sign: int) -> None:
    for sku, quantity in goods:
        row = (warehouse, sku)
        if not warehouse:
            row = (sku.partition("|")[0], sku.partition("|")[2])
        counters.available[row] = counters.available.get(row, 0) + sign * quantity
