"""The periodic check of the books, by checkpoint: what it costs follows from what was booked since the last look.

Guarantees: every entry is folded once onto what its row came to before, then stock and holds are compared in that
very snapshot; a row that seems off is read again from its first entry before it is reported. Entries that were
changed after they had been read are found by `verify`, which reads everything.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from chassis.errors import Unavailable
from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Connection, Pool
from services.inventory import metrics, shelves
from services.inventory.domain.ledger import Balance, BatchRow, Booked, Broken, Ledger
from services.inventory.domain.model import Row
from services.inventory.store import SQL

ENTRIES_A_CHUNK = 5_000
"""So that folding never keeps the event loop from its work for long."""
CHUNKS_A_LOOK = 200
SETTLED_AFTER = timedelta(minutes=2)
"""An entry is visible this long after its time: a transaction with a ledger entry ends within its time limits,
which are shorter (`chassis.postgres`). Younger ones may still be overtaken by ids above theirs."""
SUSPECTS_MAX = 100


class Checked(Struct, frozen=True, kw_only=True):
    """What a look came to. All but `entries` and `newest_change_at` must be 0."""

    entries: int
    """Entries read."""
    mismatch: int
    """Pieces between stock and ledger."""
    reserved_mismatch: int
    """Pieces between `reserved` and the live holds."""
    broken_rows: int
    """Rows with an entry that does not follow from the one before."""
    oversold_units: int = 0
    """Pieces held beyond what the ledger has."""
    negative_rows: int = 0
    """Rows of stock outside 0 ≤ reserved ≤ on_hand."""
    newest_change_at: datetime | None = None
    """When a row of stock last changed."""
    batch_mismatch: int = 0
    """Pieces between the batches that were booked of since the last look and the ledger."""


class LedgerCheck:
    """Reads on from the checkpoints."""

    def __init__(self, pool: Pool, entries_a_chunk: int = ENTRIES_A_CHUNK) -> None:
        self._pool = pool
        self._entries_a_chunk = entries_a_chunk

    async def look(self) -> Checked | None:
        """Reads what was booked since the last look and compares; sets the gauges.

        None while there is more than one look can read; the next one reads on. Raises Unavailable.
        """
        read = 0
        batches: set[BatchRow] = set()
        for _ in range(CHUNKS_A_LOOK):
            try:
                async with (
                    self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
                    connection.transaction(isolation="repeatable_read"),
                ):
                    entries = await self._read_on(connection, batches)
                    read += entries
                    if entries < self._entries_a_chunk:
                        return await self._compare(connection, read, batches)
            except AWAY as error:
                raise Unavailable(f"Postgres: {type(error).__name__}") from error
        logger.warning("the ledger grows faster than it is checked", entries=read)
        return None

    async def _read_on(self, connection: Connection, batches: set[BatchRow]) -> int:
        rows = await connection.fetch(SQL["unread_entries"], self._entries_a_chunk, SETTLED_AFTER)
        ledger = Ledger()
        settled = 0
        for row in rows:
            entry = Booked(*row[:9])
            where = (entry.warehouse, entry.sku)
            if where not in ledger.balances and row["pieces"] is not None:
                broken = row["broken"] and msgspec.json.decode(row["broken"], type=Broken)
                ledger.balances[where] = Balance(
                    row["entry_id"], row["pieces"], row["stated"], broken
                )
            ledger.take(entry)
            if row["settled"]:
                settled = entry.entry_id
        await _keep(connection, ledger)
        batches.update(ledger.batches)
        await connection.execute(SQL["keep_read_to"], settled)
        return len(rows)

    async def _compare(
        self, connection: Connection, read: int, batches: Collection[BatchRow]
    ) -> Checked:
        suspects = await connection.fetch(SQL["suspect_rows"], SUSPECTS_MAX)
        if suspects:
            await self._read_again(connection, [(row[0], row[1]) for row in suspects])
        sums = await connection.fetchrow(SQL["checkpoint_sums"])
        assert sums is not None, "an aggregate without GROUP BY always gives a row"
        checked = Checked(
            entries=read,
            **dict(sums),
            batch_mismatch=await shelves.mismatch_of(connection, batches),
        )
        metrics.OVERSOLD_UNITS.set(checked.oversold_units)
        metrics.MISMATCH_UNITS.labels("checkpoint").set(checked.mismatch)
        metrics.MISMATCH_UNITS.labels("reserved").set(checked.reserved_mismatch)
        if batches:
            metrics.MISMATCH_UNITS.labels("batches").set(checked.batch_mismatch)
        metrics.BROKEN_ROWS.set(checked.broken_rows)
        metrics.BOOKS_ADDED_UP.labels("checkpoint").set_to_current_time()
        return checked

    async def _read_again(self, connection: Connection, suspects: Sequence[Row]) -> None:
        ledger = Ledger()
        for row in suspects:
            ledger.balances[row] = Balance()
            for entry in await connection.fetch(SQL["entries_of_row"], *row):
                ledger.take(Booked(*entry))
        await _keep(connection, ledger)


async def _keep(connection: Connection, ledger: Ledger) -> None:
    kept: list[tuple[Any, ...]] = [
        (
            *row,
            balance.entry_id,
            balance.pieces,
            balance.stated,
            None if balance.broken is None else msgspec.json.encode(balance.broken).decode(),
        )
        for row, balance in ledger.balances.items()
    ]
    if kept:
        columns = [list(column) for column in zip(*kept, strict=True)]
        await connection.execute(SQL["keep_checkpoints"], *columns)
