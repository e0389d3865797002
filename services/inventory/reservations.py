"""The reservation desk of this process: asks the direct writer, and reads what was written.

Guarantees: every question may be asked again under the same key or id, and has one effect. Raises Unavailable
when there was no answer in time or a server is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from chassis.clock import Clock
from chassis.direct import DirectSource
from chassis.postgres import Pool, fetched, named_queries
from services.inventory.domain.model import Hold
from services.inventory.domain.reservations import (
    Answer,
    ConfirmReservation,
    ExpireReservation,
    ExtendReservation,
    ReleaseReservation,
    Reservation,
    ReserveGoods,
    as_it_is,
)
from services.inventory.invariants import Level
from services.inventory.outlook import Outlook
from services.inventory.rebuild import decode_kept

SQL = named_queries(Path(__file__).parent / "sql" / "reservations.sql")
KNOWN_MAX = 200_000
"""Remembered SKUs and warehouses; forgotten together when full."""
FOUND_MAX = 50
DUE_MAX = 500


class Reservations:
    """What the doors and the timer may do with reservations."""

    def __init__(
        self,
        desk: DirectSource,
        pool: Pool,
        clock: Clock,
        outlook: Outlook,
        *,
        hold_s: int,
        timeout_s: float,
    ) -> None:
        self.hold_s = hold_s
        self._desk = desk
        self._pool = pool
        self._clock = clock
        self._outlook = outlook
        self._timeout_s = timeout_s
        self._known: set[tuple[str, str]] = set()

    async def ask(
        self,
        command: ReserveGoods
        | ConfirmReservation
        | ExtendReservation
        | ReleaseReservation
        | ExpireReservation,
    ) -> Answer:
        """The answer, after its commit. Raises TooBusy, NotInTime."""
        answer: Answer = await self._desk.ask(command.reservation_id, command, self._timeout_s)
        return answer

    async def expire_due(self) -> int:
        """Ends reservations whose time is over; returns how many were due.

        Several processes may look: the desk ends each once.
        """
        due = await self._fetch("due", self._clock.now(), DUE_MAX)
        await asyncio.gather(
            *(self.ask(ExpireReservation(reservation_id=row["key"])) for row in due)
        )
        return len(due)

    async def unknown(
        self, skus: Sequence[str], warehouses: Sequence[str]
    ) -> frozenset[tuple[str, str]]:
        """Those of which we never had a piece nor ordered one, as ("sku" or "warehouse", code).

        What is known stays known: rows of stock and lines of purchase orders are never removed.
        """
        asked = {("sku", sku) for sku in skus} | {("warehouse", one) for one in warehouses}
        if missing := asked - self._known:
            rows = await self._fetch(
                "known",
                [code for what, code in missing if what == "sku"],
                [code for what, code in missing if what == "warehouse"],
            )
            if len(self._known) > KNOWN_MAX:
                self._known.clear()
            found = {(row["what"], row["code"]) for row in rows}
            self._known |= found
            return frozenset(missing - found)
        return frozenset()

    async def levels(self, skus: Sequence[str], warehouses: Sequence[str]) -> list[Level]:
        """Levels of these SKUs in these warehouses (none: all), by SKU and warehouse, with what may be promised of each."""
        rows = await self._fetch("availability_in", list(skus), list(warehouses))
        ahead = await self._outlook.promisable(self._pool, skus, self._clock.now())
        levels = [
            Level(**dict(row), promisable=ahead.pop((row["warehouse"], row["sku"]), ()))
            for row in rows
        ]
        # What is to come to where there was never a piece.
        levels += [
            Level(
                warehouse=warehouse, sku=sku, on_hand=0, reserved=0, available=0, promisable=pieces
            )
            for (warehouse, sku), pieces in ahead.items()
            if not warehouses or warehouse in warehouses
        ]
        return sorted(levels, key=lambda one: (one.sku, one.warehouse))

    async def find(self, reservation_id: str) -> Reservation | None:
        """One reservation as it is."""
        rows = await self._fetch("by_id", reservation_id)
        return _read(rows[0]) if rows else None

    async def find_by_reference(self, reference: str) -> list[Reservation]:
        """Up to 50 reservations with the caller's name."""
        rows = await self._fetch("by_reference", reference, FOUND_MAX)
        return [_read(row) for row in rows]

    async def _fetch(self, query: str, *arguments: object) -> list[Any]:
        return await fetched(self._pool, SQL[query], *arguments)


class Found(Struct, frozen=True):
    """Reservations that were looked for."""

    reservations: tuple[Reservation, ...]


def _read(row: Any) -> Reservation:
    hold = decode_kept(row["document"]).state
    assert isinstance(hold, Hold), row["key"]
    return as_it_is(row["key"], hold)
