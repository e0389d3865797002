"""Batches of goods in Postgres, for rows of stock that the caller has locked.

Guarantees: rows without batches are never asked for; what is written is all that changed of the rows of a book.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from chassis.postgres import Connection, named_queries
from services.inventory.domain.batches import LOOSE, Batch, Shelf, loose, withheld
from services.inventory.domain.ledger import BatchBalance, BatchRow, Ledger
from services.inventory.domain.model import BatchOff, Row
from services.inventory.domain.rules import Book

SQL = named_queries(Path(__file__).parent / "sql" / "batches.sql")

Moment: TypeAlias = tuple[str, str, datetime]


async def read(connection: Connection, rows: Sequence[Row]) -> dict[Row, Shelf]:
    """The batches of these rows; those without get an empty shelf."""
    shelves: dict[Row, Shelf] = {row: {} for row in rows}
    for row in await connection.fetch(SQL["read"], *_columns(rows)):
        shelves[row["warehouse"], row["sku"]][row["batch"]] = batch_of(row)
    return shelves


async def save(connection: Connection, book: Book) -> None:
    """Writes the batches that changed, and what of their rows is withheld. Some rows must be `reshelved`."""
    changed = [(row, book.shelves[row][number]) for row, number in sorted(book.changed_batches)]
    if changed:
        written = [
            (
                *(*row, one.number, one.produced_on, one.expires_on),
                *(one.on_hand, one.held, one.standing, one.why),
            )
            for row, one in changed
        ]
        await connection.execute(SQL["save"], *_columns(written))
    sums = [(*row, withheld(book.shelves.get(row, {}))) for row in sorted(book.reshelved)]
    await connection.execute(SQL["save_withheld"], *_columns(sums))


async def recalled(
    connection: Connection, asked: Iterable[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Those of (sku, batch) that are recalled in any warehouse."""
    rows = await connection.fetch(SQL["recalled"], *_columns(list(asked)))
    return {(row["sku"], row["batch"]) for row in rows}


async def batches_at(
    connection: Connection, moments: Iterable[Moment], book: Book
) -> dict[Moment, dict[str, int]]:
    """Pieces by batch ("" = of none) of rows that have any, as the book was then."""
    asked = [one for one in moments if one[:2] in book.shelves]
    if not asked:
        return {}
    there: dict[Moment, dict[str, int]] = {}
    for one in asked:
        shelf = book.shelves[one[:2]]
        there[one] = {number: batch.on_hand for number, batch in shelf.items()}
        there[one][LOOSE] = loose(book.rows[one[:2]][0], shelf)
    for row in await connection.fetch(SQL["moved_since"], *_columns(asked)):
        of_batch = there[row["warehouse"], row["sku"], row["at"]]
        of_batch[row["batch"]] = of_batch.get(row["batch"], 0) - row["pieces"]
    return there


async def off(
    connection: Connection, row: Row, book: Book, ledger: Ledger
) -> tuple[tuple[BatchOff, ...], int]:
    """What is missing from the ledger by batch, and from what the row says is withheld."""
    shelf = book.shelves.get(row, {})
    booked = {place[2]: balance for place, balance in ledger.batches.items() if place[:2] == row}
    found = []
    for number in sorted(shelf.keys() | booked.keys()):
        there, said = shelf.get(number, Batch(number=number)), booked.get(number, BatchBalance())
        one = BatchOff(number, there.on_hand - said.pieces, there.withheld - said.withheld)
        if one.quantity or one.withheld:
            found.append(one)
    said_withheld = int(await connection.fetchval(SQL["withheld_of_row"], *row))
    return tuple(found), withheld(shelf) - said_withheld


async def mismatch_of(connection: Connection, batches: Collection[BatchRow]) -> int:
    """Pieces by which these batches differ from all their ledger entries."""
    if not batches:
        return 0
    return int(await connection.fetchval(SQL["mismatch_of"], *_columns(list(batches))))


def batch_of(row: Any) -> Batch:
    """A row of `inventory.batches`."""
    return Batch(
        number=row["batch"],
        produced_on=row["produced_on"],
        expires_on=row["expires_on"],
        on_hand=row["on_hand"],
        held=row["held"],
        standing=row["standing"],
        why=row["why"],
    )


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
