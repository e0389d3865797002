"""Comparing the book with what a warehouse system, a till or a channel says, and following up what differs.

Guarantees: both sides are as of one moment, which the ledger tells for ours. Nothing here writes stock: a difference
is closed by naming documents whose ledger entries, booked after that moment, come to exactly its pieces. The same
sheet for the same moment again gives the stored report.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from chassis.clock import Clock
from chassis.errors import Unavailable
from chassis.ids import request_id
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Connection, Pool, named_queries
from chassis.rules import Table, needed_table
from chassis.rules.values import Kind
from services.inventory import metrics
from services.inventory.domain.model import StockCount
from services.inventory.domain.reconciliation import BookRow, Compared, compare
from services.inventory.rebuild import decode_kept
from services.inventory.sheets import SheetRow
from services.inventory.store import SQL as STOCK_SQL

SQL = named_queries(Path(__file__).parent / "sql" / "reconciling.sql")
TABLE = "stock-reconciliation/default"
FACTS: Mapping[str, Kind] = {
    "source": "text",
    "warehouse": "text",
    "difference_ppm": "int",
    "previous_difference_ppm": "int",
    "oversold_today": "int",
}
NEVER = -1
TASKS_MAX = 1_000
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

Row: TypeAlias = dict[str, Any]


class Refusal(Exception):
    """What was asked for is not done; `code` is for programs, the text for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Sheet(Struct, frozen=True, kw_only=True):
    """Somebody else's numbers of one moment."""

    source: str
    """Kind of system they come from."""
    at: datetime
    rows: tuple[SheetRow, ...]
    listed_only: bool
    """Whether rows it does not list are left alone instead of counting as 0."""
    sha256: str

    @property
    def reconciliation_id(self) -> str:
        """Follows from what it says, so that it is compared once."""
        return request_id(
            "recon", self.source, self.at.isoformat(), str(self.listed_only), self.sha256
        )

    @property
    def day(self) -> date:
        """The business day it is of."""
        return self.at.astimezone(SHANGHAI).date()


class Report(Struct, frozen=True, kw_only=True):
    """A reconciliation as it stands. Pieces; rates in millionths."""

    id: str
    source: str
    at: datetime
    dry_run: bool
    warehouses: Sequence[Row]
    differences: Sequence[Row]


def sha256(content: bytes) -> str:
    """What tells one sheet from another."""
    return hashlib.sha256(content).hexdigest()


def read_thresholds(rules_dir: Path) -> Table:
    """The table that says what a difference leads to. Raises StartRefused."""
    outputs: Mapping[str, Kind] = {"tasks": "text list", "reason": "text"}
    return needed_table(rules_dir, TABLE, facts=FACTS, outputs=outputs)


class Reconciler:
    """Reconciliations, their differences and the tasks that follow."""

    def __init__(self, pool: Pool, thresholds: Table, clock: Clock) -> None:
        self._pool = pool
        self._thresholds = thresholds
        self._clock = clock

    async def reconcile(self, sheet: Sheet, actor: str, *, dry_run: bool) -> Report:
        """Compares and, unless it is a dry run, keeps the report and opens tasks. Raises Refusal, Unavailable."""
        if sheet.at > self._clock.now():
            raise Refusal("in_future", f"{sheet.at.isoformat()} is not over yet")
        async with self._transaction() as connection:
            known = await connection.fetchrow(SQL["reconciliation"], sheet.reconciliation_id)
            if known is None:
                compared = await self._compare(connection, sheet)
                if dry_run:
                    return await self._foretold(connection, sheet, compared)
                await self._keep(connection, sheet, compared, actor)
            return await _report(connection, sheet.reconciliation_id)

    async def report(self, reconciliation_id: str) -> Report:
        """A reconciliation as it stands. Raises Refusal when there is none, Unavailable."""
        async with self._transaction() as connection:
            return await _report(connection, reconciliation_id)

    async def close(self, reconciliation_id: str, documents: Sequence[str], actor: str) -> Report:
        """Closes the differences these documents made up for, all that they touch or none.

        Raises Refusal when their entries come to something else, Unavailable.
        """
        async with self._transaction() as connection:
            found = await connection.fetchrow(SQL["reconciliation"], reconciliation_id)
            if found is None:
                raise Refusal("unknown_reconciliation", f"there is no {reconciliation_id}")
            booked = {
                (row["warehouse"], row["sku"]): row
                for row in await connection.fetch(SQL["booked_since"], documents, found["at"])
            }
            wrong, closed = [], 0
            for one in await connection.fetch(SQL["lock_open_differences"], reconciliation_id):
                entry = booked.get((one["warehouse"], one["sku"]))
                if entry is None:
                    continue
                if entry["pieces"] != one["difference"]:
                    wrong.append(
                        f"{one['warehouse']} {one['sku']}: {one['difference']:+d} differ, "
                        f"{entry['pieces']:+d} were booked"
                    )
                    continue
                where = (reconciliation_id, one["warehouse"], one["sku"])
                await connection.execute(SQL["close_difference"], *where, entry["documents"], actor)
                closed += 1
            if wrong:
                raise Refusal("does_not_add_up", "; ".join(wrong))
            if not closed:
                raise Refusal(
                    "nothing_booked",
                    f"none of {', '.join(documents)} was booked after {found['at'].isoformat()} "
                    "in a row that still differs",
                )
            await connection.execute(SQL["close_finished_tasks"], reconciliation_id, actor)
            return await _report(connection, reconciliation_id)

    async def tasks(self, *, closed_too: bool) -> list[Row]:
        """Open tasks, oldest first; closed ones too when asked for. Raises Unavailable."""
        async with self._transaction() as connection:
            rows = await connection.fetch(SQL["tasks"], closed_too, TASKS_MAX)
        return [dict(row) for row in rows]

    async def close_task(self, task_id: str, *, document_no: str, reason: str, actor: str) -> None:
        """Ends a count or a limit of sales; differences end by their documents. Raises Refusal, Unavailable."""
        async with self._transaction() as connection:
            task = await connection.fetchrow(SQL["lock_task"], task_id)
            if task is None:
                raise Refusal("unknown_task", f"there is no task {task_id}")
            if task["closed_at"] is not None:
                raise Refusal("already_closed", f"{task_id} is closed")
            if task["kind"] == "difference":
                raise Refusal("close_its_differences", "name the documents that made up for it")
            if task["kind"] == "count":
                await _is_its_count(connection, dict(task), document_no)
            why = f"{document_no}: {reason}" if document_no else reason
            await connection.execute(SQL["close_task"], task_id, actor, why)

    async def _compare(self, connection: Connection, sheet: Sheet) -> tuple[Compared, ...]:
        outside = {(row.warehouse, row.sku): row.quantity + row.held for row in sheet.rows}
        warehouses = sorted({row.warehouse for row in sheet.rows})
        book = {
            (row["warehouse"], row["sku"]): BookRow(
                then=row["then"], on_hand=row["on_hand"], reserved=row["reserved"]
            )
            for row in await connection.fetch(SQL["book_at"], sheet.at, warehouses)
        }
        return compare(book, outside, listed_only=sheet.listed_only)

    async def _judged(
        self, connection: Connection, sheet: Sheet, one: Compared
    ) -> tuple[tuple[str, ...], str, str]:
        """Tasks, their reason, and the rule that says so."""
        before = await connection.fetchval(
            SQL["day_before"], sheet.source, one.warehouse, sheet.day
        )
        oversold = {gap.sku for gap in one.gaps if gap.oversold}
        for row in await connection.fetch(SQL["oversold_that_day"], one.warehouse, sheet.day):
            oversold.add(row["sku"])
        decision = self._thresholds.decide(
            {
                "source": sheet.source,
                "warehouse": one.warehouse,
                "difference_ppm": one.difference_ppm,
                "previous_difference_ppm": NEVER if before is None else before,
                "oversold_today": len(oversold),
            }
        )
        return decision.texts("tasks"), decision.text("reason"), decision.rule

    async def _keep(
        self, connection: Connection, sheet: Sheet, compared: Sequence[Compared], actor: str
    ) -> None:
        number, source = sheet.reconciliation_id, sheet.source
        kept = await connection.fetchval(
            SQL["keep_reconciliation"],
            number,
            source,
            sheet.at,
            sheet.listed_only,
            sheet.sha256,
            actor,
        )
        if kept is None:
            return  # another request with the same sheet has just done it
        for one in compared:
            tasks, reason, rule = await self._judged(connection, sheet, one)
            row = _row_of(one)
            await connection.execute(
                SQL["keep_reconciled"], number, source, one.warehouse, sheet.day, *row, rule
            )
            await connection.copy_records_to_table(
                "differences",
                schema_name="inventory",
                columns=(
                    "reconciliation",
                    "warehouse",
                    "sku",
                    "book",
                    "outside",
                    "hint",
                    "oversold",
                ),
                records=[
                    (number, gap.warehouse, gap.sku, gap.book, gap.outside, gap.hint, gap.oversold)
                    for gap in one.gaps
                ],
            )
            if not sheet.listed_only:
                await connection.execute(
                    SQL["supersede_tasks"], source, one.warehouse, number, actor
                )
                await connection.execute(
                    SQL["supersede_differences"], source, one.warehouse, number, sheet.at
                )
            for kind in tasks:
                task_id = request_id("task", kind, source, one.warehouse, sheet.day.isoformat())
                named = (task_id, kind, source, one.warehouse, sheet.day)
                await connection.execute(SQL["keep_task"], *named, number, reason)
                metrics.TASKS.labels(kind).inc()
        worst = max((one.difference_ppm for one in compared), default=0)
        metrics.DIFFERENCE_RATE.labels(source).set(worst / 1_000_000)

    async def _foretold(
        self, connection: Connection, sheet: Sheet, compared: Sequence[Compared]
    ) -> Report:
        """What would be kept."""
        names = ("rows", "book_pieces", "differing_rows", "difference_pieces", "difference_ppm")
        warehouses = []
        for one in compared:
            tasks, _, rule = await self._judged(connection, sheet, one)
            row = dict(zip(names, _row_of(one), strict=True))
            warehouses.append(
                {"warehouse": one.warehouse, **row, "rule": rule, "tasks": sorted(tasks)}
            )
        differences: list[Row] = [
            {
                "warehouse": gap.warehouse,
                "sku": gap.sku,
                "book": gap.book,
                "outside": gap.outside,
                "difference": gap.difference,
                "hint": gap.hint,
                "oversold": gap.oversold,
                "documents": [],
                "closed_by": "",
                "closed_at": None,
            }
            for one in compared
            for gap in one.gaps
        ]
        return Report(
            id=sheet.reconciliation_id,
            source=sheet.source,
            at=sheet.at,
            dry_run=True,
            warehouses=warehouses,
            differences=differences,
        )

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        try:
            async with (
                self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
                connection.transaction(),
            ):
                yield connection
        except AWAY as error:
            raise Unavailable(f"Postgres: {type(error).__name__}") from error


def _row_of(one: Compared) -> tuple[int, int, int, int, int]:
    return (
        one.rows,
        one.book_pieces,
        len(one.gaps),
        one.difference_pieces,
        one.difference_ppm,
    )


async def _report(connection: Connection, reconciliation_id: str) -> Report:
    found = await connection.fetchrow(SQL["reconciliation"], reconciliation_id)
    if found is None:
        raise Refusal("unknown_reconciliation", f"there is no {reconciliation_id}")
    return Report(
        id=reconciliation_id,
        source=found["source"],
        at=found["at"],
        dry_run=False,
        warehouses=[
            dict(row) for row in await connection.fetch(SQL["reconciled"], reconciliation_id)
        ],
        differences=[
            dict(row) for row in await connection.fetch(SQL["differences"], reconciliation_id)
        ],
    )


async def _is_its_count(connection: Connection, task: Row, document_no: str) -> None:
    document = await connection.fetchval(STOCK_SQL["document"], document_no)
    count = None if document is None else decode_kept(document).state
    if not isinstance(count, StockCount):
        raise Refusal("not_the_count", f"{document_no or 'no document'} is not a count")
    if count.state != "booked" or count.warehouse != task["warehouse"]:
        raise Refusal("not_the_count", f"{document_no} is no booked count of {task['warehouse']}")
    if count.opened_at < task["opened_at"]:
        raise Refusal("not_the_count", f"{document_no} was opened before the task")
