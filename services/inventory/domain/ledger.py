"""The ledger read as it was written: balances are folds of its entries, and each entry says what it left behind.

Guarantees: pure; reading on from where an earlier reading ended gives what one reading of everything gives. Of
a row the first entry that does not follow from the one before is named, until a `repair` entry makes up for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from services.inventory.domain.model import REPAIR, Row


class Booked(Struct, frozen=True, array_like=True):
    """A ledger entry as it is read back."""

    entry_id: int
    warehouse: str
    sku: str
    quantity: int
    kind: str
    document_no: str
    balance_after: int
    batch: str = ""
    withheld: int = 0


class Broken(Struct, frozen=True, kw_only=True):
    """An entry that does not follow from the one before: changed, removed before it, or added in between."""

    entry_id: int
    warehouse: str
    sku: str
    document_no: str
    expected: int
    """Pieces that should lie there after it."""
    stated: int
    """Pieces it says lie there."""


class Balance(Struct):
    """What the entries of one row come to, in pieces."""

    entry_id: int = 0
    """Newest entry."""
    pieces: int = 0
    """Sum of the entries."""
    stated: int = 0
    """What the newest entry says it left; equal to the sum while the books are sound."""
    broken: Broken | None = None


BatchRow: TypeAlias = tuple[str, str, str]
"""(warehouse, sku, batch)."""


class BatchBalance(Struct):
    """What the entries of one batch come to, in pieces."""

    pieces: int = 0
    withheld: int = 0


class Ledger:
    """The fold. Entries of a row come in the order of their ids; rows may come in any order."""

    __slots__ = ("balances", "batches")

    def __init__(self, balances: Mapping[Row, Balance] | None = None) -> None:
        self.balances: dict[Row, Balance] = dict(balances or {})
        self.batches: dict[BatchRow, BatchBalance] = {}

    def take(self, entry: Booked) -> None:
        """Adds one entry. A repair counts from the sum of all entries, whatever they stated."""
        row = (entry.warehouse, entry.sku)
        balance = self.balances.get(row)
        if balance is None:
            balance = self.balances[row] = Balance()
        mends = entry.kind == REPAIR
        expected = (balance.pieces if mends else balance.stated) + entry.quantity
        if entry.balance_after == expected:
            balance.broken = None if mends else balance.broken
        elif balance.broken is None:
            balance.broken = Broken(
                entry_id=entry.entry_id,
                warehouse=entry.warehouse,
                sku=entry.sku,
                document_no=entry.document_no,
                expected=expected,
                stated=entry.balance_after,
            )
        if entry.batch:
            of_batch = self.batches.setdefault((*row, entry.batch), BatchBalance())
            of_batch.pieces += entry.quantity
            of_batch.withheld += entry.withheld
        balance.entry_id = entry.entry_id
        balance.pieces += entry.quantity
        balance.stated = entry.balance_after

    def broken(self) -> tuple[Broken, ...]:
        """Of each row its first entry that does not follow, oldest first."""
        found = [one.broken for one in self.balances.values() if one.broken is not None]
        return tuple(sorted(found, key=lambda one: one.entry_id))


class Difference(Struct, frozen=True, kw_only=True):
    """A row whose books differ, in pieces."""

    warehouse: str
    sku: str
    on_hand: int
    booked: int
    """Sum of its ledger entries."""
    reserved: int
    held: int
    """Sum of its live holds."""
    entry_id: int
    """Newest entry; 0 = none."""


def differences(
    balances: Mapping[Row, Balance],
    stock: Mapping[Row, tuple[int, int]],
    held: Mapping[Row, int],
) -> tuple[Difference, ...]:
    """Rows whose stock (on hand, reserved) is not what ledger and holds come to, by warehouse and SKU."""
    found = []
    for row in sorted(balances.keys() | stock.keys() | held.keys()):
        on_hand, reserved = stock.get(row, (0, 0))
        balance = balances.get(row, Balance())
        if balance.pieces != on_hand or held.get(row, 0) != reserved:
            found.append(
                Difference(
                    warehouse=row[0],
                    sku=row[1],
                    on_hand=on_hand,
                    booked=balance.pieces,
                    reserved=reserved,
                    held=held.get(row, 0),
                    entry_id=balance.entry_id,
                )
            )
    return tuple(found)


class BatchDifference(Struct, frozen=True, kw_only=True):
    """A batch whose books differ, in pieces; with an empty `batch` a row that differs from its batches."""

    warehouse: str
    sku: str
    batch: str
    on_hand: int
    booked: int
    """Sum of its ledger entries; of a row: pieces of all its batches, which may not be more."""
    withheld: int
    booked_withheld: int
    """Sum of its ledger entries; of a row: what its batches withhold."""


def batch_differences(
    booked: Mapping[BatchRow, BatchBalance],
    batches: Mapping[BatchRow, tuple[int, int]],
    stock: Mapping[Row, tuple[int, int]],
) -> tuple[BatchDifference, ...]:
    """Batches (on hand, withheld) that are not what the ledger comes to, and rows that are not what their batches are.

    `stock` are the rows (on hand, withheld) that have batches.
    """
    found = []
    sums = dict.fromkeys(stock, (0, 0))
    for place in sorted(booked.keys() | batches.keys()):
        on_hand, withheld = batches.get(place, (0, 0))
        of_batch = booked.get(place, BatchBalance())
        if (of_batch.pieces, of_batch.withheld) != (on_hand, withheld):
            found.append(
                BatchDifference(
                    warehouse=place[0],
                    sku=place[1],
                    batch=place[2],
                    on_hand=on_hand,
                    booked=of_batch.pieces,
                    withheld=withheld,
                    booked_withheld=of_batch.withheld,
                )
            )
        row = place[:2]
        before = sums.get(row, (0, 0))
        sums[row] = (before[0] + on_hand, before[1] + withheld)
    for row, (pieces, held_back) in sorted(sums.items()):
        on_hand, withheld = stock.get(row, (0, 0))
        if pieces > on_hand or held_back != withheld:
            found.append(
                BatchDifference(
                    warehouse=row[0],
                    sku=row[1],
                    batch="",
                    on_hand=on_hand,
                    booked=pieces,
                    withheld=withheld,
                    booked_withheld=held_back,
                )
            )
    return tuple(found)
