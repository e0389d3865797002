"""Adding all books up again, from the first ledger entry: for an operator, in one state of the database.

Guarantees: reads only; entries, stock and holds are one snapshot, so that work under way makes no difference;
memory grows with the rows of stock, not with the ledger.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from chassis.postgres import Connection
from services.inventory import expectations, shares, shelves
from services.inventory.domain.ledger import (
    BatchDifference,
    Booked,
    Broken,
    Difference,
    Ledger,
    batch_differences,
    differences,
)
from services.inventory.domain.model import Row
from services.inventory.expectations import PromiseDifference
from services.inventory.shares import AllotmentDifference, UseDifference
from services.inventory.store import SQL

ENTRIES_A_LOOK = 50_000

Progress = Callable[[int, int], None]
"""Told (entries read, entries there are) after each look."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What the books come to."""

    entries: int
    rows: int
    broken: tuple[Broken, ...]
    """Entries that do not follow from the one before: the first of each row, oldest first."""
    differences: tuple[Difference, ...]
    batches: tuple[BatchDifference, ...] = ()
    uses: tuple[UseDifference, ...] = ()
    """Channels that are counted to hold or to have sent other than holds and ledger say."""
    allotted: tuple[AllotmentDifference, ...] = ()
    """Rows that do not keep what is set aside of them for campaigns."""
    promises: tuple[PromiseDifference, ...] = ()
    """Lines of what is expected, and rows of stock, whose promises do not come to what they say."""

    @property
    def closes(self) -> bool:
        """Whether all books agree and no entry is out of line."""
        found = (self.broken, self.differences, self.batches, self.uses)
        return not any((*found, self.allotted, self.promises))

    @property
    def rows_to_repair(self) -> tuple[Row, ...]:
        """Rows that need a repair entry."""
        broken = {(one.warehouse, one.sku) for one in self.broken}
        differing = {(one.warehouse, one.sku) for one in self.differences}
        batches = {(one.warehouse, one.sku) for one in self.batches}
        promises = {(one.warehouse, one.sku) for one in self.promises}
        return tuple(sorted(broken | differing | batches | promises))


async def verify(
    connection: Connection, progress: Progress, entries_a_look: int = ENTRIES_A_LOOK
) -> Verdict:
    """Folds the whole ledger and compares. Raises what asyncpg raises when Postgres goes away."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        total = int(await connection.fetchval(SQL["count_entries"]))
        ledger, read, newest = Ledger(), 0, 0
        while entries := await connection.fetch(SQL["entries_after"], newest, entries_a_look):
            for entry in entries:
                ledger.take(Booked(*entry))
            newest = entries[-1]["id"]
            read += len(entries)
            progress(read, total)
        stock = {(row[0], row[1]): (row[2], row[3]) for row in await connection.fetch(SQL["stock"])}
        batches = {
            (row[0], row[1], row[2]): (row[3], row[4])
            for row in await connection.fetch(shelves.SQL["all"])
        }
        batched = {
            (row[0], row[1]): (row[2], row[3])
            for row in await connection.fetch(shelves.SQL["stock"])
        }
        uses = await shares.differences(connection)
        promises = await expectations.differences(connection)
        allotted = await shares.allotted_wrong(connection)
        held = {(row[0], row[1]): row[2] for row in await connection.fetch(SQL["held"])}
    return Verdict(
        entries=read,
        rows=len(stock),
        broken=ledger.broken(),
        differences=differences(ledger.balances, stock, held),
        batches=batch_differences(ledger.batches, batches, batched),
        uses=uses,
        promises=promises,
        allotted=allotted,
    )
