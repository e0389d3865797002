"""The arithmetic of stock over a book of true numbers: choose, reserve, release, deduct, receive.

Guarantees: pure (the book is the only thing that changes); an order is held whole, in one warehouse, or not at
all; every operation keeps 0 ≤ reserved ≤ on_hand and refuses (ValueError) what would not. The Lua scripts
follow the same `choose`; a property test plays both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from services.inventory.domain.model import (
    REPAIR,
    Deduct,
    Entry,
    Goods,
    Lacking,
    Mend,
    Missing,
    Receive,
    Row,
    Short,
)

Available = Callable[[Row], int]


class Book:
    """Numbers of the stock rows a batch works on: row → [on_hand, reserved], and what was booked."""

    __slots__ = ("changed", "entries", "rows")

    def __init__(self, rows: Mapping[Row, tuple[int, int]]) -> None:
        self.rows: dict[Row, list[int]] = {row: [*numbers] for row, numbers in rows.items()}
        self.changed: set[Row] = set()
        self.entries: list[Entry] = []

    def available(self, row: Row) -> int:
        """Pieces that may be promised; 0 for a row the book does not have."""
        numbers = self.rows.get(row)
        return numbers[0] - numbers[1] if numbers else 0

    def reserve(self, warehouse: str, goods: Goods) -> None:
        """Available → reserved."""
        for sku, quantity in goods:
            self._move((warehouse, sku), 0, quantity)

    def release(self, warehouse: str, goods: Goods) -> None:
        """Reserved → available."""
        for sku, quantity in goods:
            self._move((warehouse, sku), 0, -quantity)

    def deduct(self, effect: Deduct) -> None:
        """Reserved → out of the house, with ledger entries."""
        for sku, quantity in effect.goods:
            self._move((effect.warehouse, sku), -quantity, -quantity)
            self._enter(effect, sku, -quantity, "deduction")

    def receive(self, effect: Receive) -> None:
        """Into the house (negative: out of it), with ledger entries."""
        for sku, quantity in effect.goods:
            self._move((effect.warehouse, sku), quantity, 0)
            self._enter(effect, sku, quantity, effect.kind, effect.reason)

    def mend(self, effect: Mend) -> None:
        """Reserved becomes what is held, and the ledger comes to what is on hand, by an entry of its own."""
        row = (effect.warehouse, effect.sku)
        self._move(row, 0, effect.reserved)
        self.entries.append(
            Entry(
                *row,
                effect.entry,
                REPAIR,
                effect.document_no,
                "",
                self.rows[row][0],
                effect.actor,
                effect.reason,
            )
        )

    def _move(self, row: Row, on_hand: int, reserved: int) -> None:
        numbers = self.rows[row]
        on_hand += numbers[0]
        reserved += numbers[1]
        if not 0 <= reserved <= on_hand:
            raise ValueError(f"{row}: {reserved} reserved of {on_hand}")
        numbers[0] = on_hand
        numbers[1] = reserved
        self.changed.add(row)

    def _enter(
        self, effect: Deduct | Receive, sku: str, quantity: int, kind: str, reason: str = ""
    ) -> None:
        self.entries.append(
            Entry(
                effect.warehouse,
                sku,
                quantity,
                kind,
                effect.document_no,
                effect.order_id,
                self.rows[effect.warehouse, sku][0],
                effect.actor.replace("\0", ""),  # which Postgres cannot keep
                reason,
            )
        )


def choose(available: Available, candidates: Iterable[str], goods: Goods) -> str:
    """The first warehouse that has all of it; empty when none has."""
    for warehouse in candidates:
        for sku, quantity in goods:
            if available((warehouse, sku)) < quantity:
                break
        else:
            return warehouse
    return ""


def passed_over(
    available: Available, candidates: Iterable[str], chosen: str, goods: Goods
) -> tuple[Lacking, ...]:
    """Why none of the candidates before the chosen one was taken."""
    found: list[Lacking] = []
    for warehouse in candidates:
        if warehouse == chosen:
            break
        lacks, sku, wanted = max(
            (pieces - available((warehouse, s)), s, pieces) for s, pieces in goods
        )
        found.append(
            Lacking(
                warehouse=warehouse,
                sku=sku if lacks > 0 else "",
                wanted=wanted if lacks > 0 else 0,
                available=max(0, wanted - lacks) if lacks > 0 else 0,
            )
        )
    return tuple(found)


def shortfall(available: Available, candidates: Sequence[str], goods: Goods) -> Short:
    """What is missing in the warehouse that lacks the fewest pieces; the earlier candidate on a tie.

    Without candidates everything is missing.
    """
    best: tuple[Missing, ...] = tuple(
        Missing(sku=sku, wanted=quantity, available=0) for sku, quantity in goods
    )
    fewest: int | None = None
    for warehouse in candidates:
        missing = tuple(
            Missing(sku=sku, wanted=quantity, available=max(0, there))
            for sku, quantity in goods
            if (there := available((warehouse, sku))) < quantity
        )
        pieces = sum(one.wanted - one.available for one in missing)
        if fewest is None or pieces < fewest:
            fewest, best = pieces, missing
    return Short(missing=best)


def choose_part(
    available: Available, candidates: Sequence[str], goods: Goods
) -> tuple[str, Goods, tuple[Missing, ...]]:
    """What the warehouse that has most of it can give, and what is then missing; the earlier one on a tie.

    Empty where none has a piece.
    """
    best: tuple[str, Goods, tuple[Missing, ...]] = ("", (), ())
    most = 0
    for warehouse in candidates:
        there = [(sku, wanted, available((warehouse, sku))) for sku, wanted in goods]
        given = tuple((sku, min(wanted, has)) for sku, wanted, has in there if has > 0)
        pieces = sum(quantity for _, quantity in given)
        if pieces > most:
            missing = tuple(
                Missing(sku=sku, wanted=wanted, available=max(0, has))
                for sku, wanted, has in there
                if has < wanted
            )
            most, best = pieces, (warehouse, given, missing)
    return best
