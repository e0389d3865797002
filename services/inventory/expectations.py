"""What is expected and promised, in Postgres.

Guarantees: lines are locked after the rows of stock, in one order (sku, warehouse, purchase order), so that workers do not
wait in a ring. They are written by differences, so that the CHECKs hold against what is there, whoever forgot a lock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chassis.postgres import Connection, named_queries
from services.inventory.domain.model import Off, Row
from services.inventory.domain.presale import NOTHING, Expectations, ExpectedLine
from services.inventory.domain.promise import ExpectedKey, PromiseOff
from services.inventory.domain.rules import Book

SQL = named_queries(Path(__file__).parent / "sql" / "presale.sql")


class PromiseDifference(Struct, frozen=True, kw_only=True):
    """A line of what is expected, or a row of stock (without a purchase order), whose books differ, in pieces."""

    sku: str
    warehouse: str
    purchase_no: str
    promised: int
    live: int
    """Sum of the live promises."""
    outstanding: int
    ordered: int
    """What the purchase order says is still to come."""
    set_aside: int
    came: int
    """What lines say came in for their promises."""
    expected_at: datetime | None = None
    """When the purchase order says."""
    order_id: str = ""
    """The first order, by when it was promised, that the line does not count; empty = it counts all, or too many."""

    @property
    def pieces(self) -> int:
        """By how many it is off."""
        return (
            abs(self.promised - self.live)
            + abs(self.outstanding - self.ordered)
            + abs(self.set_aside - self.came)
        )


async def lock(
    connection: Connection,
    *,
    keys: Collection[ExpectedKey],
    purchases: Collection[str],
    coming: Collection[str],
    whole: Collection[str],
) -> Expectations:
    """These lines, those of these purchase orders, those still to come of SKUs, and all of others."""
    sorted_keys = sorted(keys)
    rows = await connection.fetch(
        SQL["lock"],
        *([key[at] for key in sorted_keys] for at in range(3)),
        sorted(purchases),
        sorted(coming),
        sorted(whole),
    )
    return Expectations(_lines(rows))


async def unlocked(connection: Connection, skus: Sequence[str]) -> Expectations:
    """What is to come of these SKUs, to be looked at: nothing is locked, and may be other by then."""
    return Expectations(_lines(await connection.fetch(SQL["expected_of"], skus)))


async def came_for(
    connection: Connection, skus: Sequence[str], book: Book
) -> dict[ExpectedKey, int]:
    """What came for promises of these SKUs, and is set aside in a book that is looked at: never more than the book says."""
    if not skus:
        return {}
    left = dict(book.aside)
    came: dict[ExpectedKey, int] = {}
    for row in await connection.fetch(SQL["came"], skus):
        where = (row["warehouse"], row["sku"])
        pieces = min(row["came"], left.get(where, 0))
        left[where] = left.get(where, 0) - pieces
        came[row["sku"], row["warehouse"], row["purchase_no"]] = pieces
    return came


async def save(connection: Connection, expected: Expectations) -> None:
    """Writes the lines that changed."""
    changed = expected.changed()
    if not changed:
        return
    if new := sorted(changed.keys() - expected.loaded.keys()):
        await connection.execute(SQL["add"], *_columns(new))
    rows = []
    for key, line in sorted(changed.items()):
        was = expected.loaded.get(key, NOTHING)
        rows.append(
            (
                *key,
                line.outstanding - was.outstanding,
                line.promised - was.promised,
                line.came - was.came,
                line.uncarried - was.uncarried,
                line.percent,
                line.expected_at,
            )
        )
    written = await connection.execute(SQL["change"], *_columns(rows))
    assert written == f"UPDATE {len(rows)}", written


async def save_aside(connection: Connection, book: Book, *, more: bool) -> None:
    """Writes what is set aside of rows where it is less than it was, before they are written; after that, where it is more."""
    rows = [
        (*row, pieces)
        for row, pieces in sorted(book.aside.items())
        if (pieces > book.aside_before.get(row, 0)) is more
        and pieces != book.aside_before.get(row, 0)
    ]
    if rows:
        written = await connection.execute(SQL["set_aside"], *_columns(rows))
        assert written == f"UPDATE {len(rows)}", written


def line_of(row: Any) -> ExpectedLine:
    """A line as it was read."""
    return ExpectedLine(
        outstanding=row["outstanding"],
        promised=row["promised"],
        came=row["came"],
        uncarried=row["uncarried"],
        percent=row["percent"],
        expected_at=row["expected_at"],
    )


async def differences(
    connection: Connection, skus: Sequence[str] | None = None
) -> tuple[PromiseDifference, ...]:
    """Lines and rows of these SKUs (None: of all) whose books do not agree."""
    found = []
    for row in await connection.fetch(SQL["mismatch"], skus):
        one = PromiseDifference(**dict(row))
        if one.live > one.promised:
            key = (one.sku, one.warehouse, one.purchase_no)
            order_id = await connection.fetchval(SQL["first_beyond"], *key, one.promised)
            one = replace(one, order_id=order_id)
        found.append(one)
    return tuple(found)


async def off(connection: Connection, differing: Mapping[Row, Off]) -> dict[Row, Off]:
    """The same, with what is missing from the books of promises of these rows, whose lines are locked."""
    mended = dict(differing)
    for one in await differences(connection, sorted({sku for _, sku in differing})):
        row = (one.warehouse, one.sku)
        if row not in mended:
            continue
        before = mended[row]
        if one.promised != one.live or one.outstanding != one.ordered:
            missing = (one.live - one.promised, one.ordered - one.outstanding)
            line = PromiseOff(one.purchase_no, *missing, one.expected_at)
            mended[row] = replace(before, promises=(*before.promises, line))
        else:
            mended[row] = replace(before, aside=one.came - one.set_aside)
    return mended


def _lines(rows: Iterable[Any]) -> dict[ExpectedKey, ExpectedLine]:
    return {(row["sku"], row["warehouse"], row["purchase_no"]): line_of(row) for row in rows}


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
