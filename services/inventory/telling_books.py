"""How the books of stock stand, told to who shows it: whole states on `stock-books`, of which the newest holds.

Guarantees: what a reconciliation kept or closed is told at least once after its commit, until Kafka has it (`told`
beside the row, marked in the transaction that waits for Kafka); each check of the books is told as it comes, and the
next one mends what was lost. One process at a time tells; telling twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from chassis.clock import Clock
from chassis.codec import Codec
from chassis.commands import envelope
from chassis.postgres import Connection
from chassis.producer import Publisher
from schemas.events.stock_books import (
    BooksChecked,
    StockDifferenceChanged,
    StockTaskChanged,
    WarehouseReconciled,
)
from services.inventory.checking import Checked
from services.inventory.reconciling import SQL

BOOKS = "books"
TOLD_AT_ONCE = 500


class BooksTeller:
    """Puts states on their topic."""

    def __init__(self, publisher: Publisher, codec: Codec, clock: Clock, producer: str) -> None:
        self._publisher = publisher
        self._codec = codec
        self._clock = clock
        self._producer = producer

    async def checked(self, checked: Checked) -> None:
        """Tells what a check of the books came to. Raises DeliveryFailed."""
        await self._publish([_books(checked, self._clock.now())])

    async def changes(self, connection: Connection) -> int:
        """Tells up to 500 untold states of each kind and marks them; returns how many.

        The caller commits: before that they count as untold. Raises DeliveryFailed.
        """
        now = self._clock.now()
        states: list[Struct] = [
            *(
                _reconciled(row, now)
                for row in await connection.fetch(SQL["tell_reconciled"], TOLD_AT_ONCE)
            ),
            *(
                _difference(row, now)
                for row in await connection.fetch(SQL["tell_differences"], TOLD_AT_ONCE)
            ),
            *(_task(row, now) for row in await connection.fetch(SQL["tell_tasks"], TOLD_AT_ONCE)),
        ]
        await self._publish(states)
        return len(states)

    async def _publish(self, states: Sequence[Struct]) -> None:
        if states:
            await self._publisher.publish(
                [envelope(self._codec, state, self._producer) for state in states]
            )


def _books(checked: Checked, now: datetime) -> BooksChecked:
    return BooksChecked(
        book_key=BOOKS,
        occurred_at=now,
        oversold_units=checked.oversold_units,
        negative_rows=checked.negative_rows,
        ledger_mismatch=checked.mismatch,
        reserved_mismatch=checked.reserved_mismatch,
        broken_rows=checked.broken_rows,
        newest_change_at=checked.newest_change_at,
    )


def _reconciled(row: Any, now: datetime) -> WarehouseReconciled:
    key = f"reconciled|{row['reconciliation']}|{row['warehouse']}"
    return WarehouseReconciled(book_key=key, occurred_at=now, **dict(row))


def _difference(row: Any, now: datetime) -> StockDifferenceChanged:
    key = f"difference|{row['reconciliation']}|{row['warehouse']}|{row['sku']}"
    return StockDifferenceChanged(book_key=key, occurred_at=now, **dict(row))


def _task(row: Any, now: datetime) -> StockTaskChanged:
    return StockTaskChanged(book_key=f"task|{row['task_id']}", occurred_at=now, **dict(row))
