"""Facts from Valkey and Postgres for a whole batch, and their way back.

Guarantees: Postgres decides. Valkey is asked once a batch, before the rows are locked, so that orders which
cannot be served never touch a row; rows are locked in one order (warehouse, sku), so that workers do not wait in a
ring. Without a Valkey in force the batch is decided from Postgres alone, and the epoch is void from that very
commit. Reserving excludes a rebuild and is excluded by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import astuple

from chassis.direct import lock_keys
from chassis.errors import Unavailable
from chassis.failpoints import failpoint
from chassis.log import logger
from chassis.postgres import Connection, named_queries
from chassis.processor import (
    Appended,
    Column,
    FactsSource,
    Kept,
    Record,
    Rewritten,
    typed,
)
from services.inventory import expectations, metrics, shares, shelves
from services.inventory.adopting import named_reservations, take_over
from services.inventory.approvals import Approvals
from services.inventory.counters import Answer, Epoch, ValkeyCounters
from services.inventory.domain.choosing import Available, choose, spare_of
from services.inventory.domain.ledger import Balance, Booked, Ledger
from services.inventory.domain.model import Entry, Hold, Off, Row
from services.inventory.domain.rules import Book
from services.inventory.domain.splitting import by_rank, split
from services.inventory.facts import StockFacts
from services.inventory.foreseen import Moment, Plan, foresee
from services.inventory.leases import Leases
from services.inventory.presale import NO_PRESALE, Presale
from services.inventory.quotas import Quotas
from services.inventory.shares import OpenCampaigns
from services.inventory.shelf_life import ShelfLife
from services.inventory.sourcing import Sourcing

TABLE = "inventory.reservations"
MIGRATIONS = Path(__file__).parent / "sql" / "migrations"
SQL = named_queries(Path(__file__).parent / "sql" / "queries.sql")


def _reference(state: object) -> str | None:
    """Of a reservation; None marks an order or a receipt."""
    return state.asked.reference if isinstance(state, Hold) and state.asked else None


def _buyer(state: object) -> str | None:
    """Who has goods unpaid."""
    return (state.buyer or None) if isinstance(state, Hold) and state.state == "held" else None


COLUMNS = (
    Column("state", "text", lambda state: getattr(state, "state", "booked")),
    Column("warehouse", "text", lambda state: getattr(state, "warehouse", "")),
    Column("generation", "int", lambda state: getattr(state, "generation", 0)),
    Column("expires_at", "timestamptz", lambda state: getattr(state, "expires_at", None)),
    Column("reference", "text", _reference),
    Column("buyer", "text", _buyer),
    Column("promised_for", "timestamptz", lambda state: getattr(state, "promised_for", None)),
)


STOCK_COLUMNS = (
    ("warehouse", "text"),
    ("sku", "text"),
    ("on_hand", "bigint"),
    ("reserved", "bigint"),
)
LEDGER_COLUMNS = typed(
    Entry.__struct_fields__, quantity="bigint", balance_after="bigint", withheld="bigint"
)


class EpochInForce:
    """What this process believes about Valkey; Postgres is asked again whenever it proves wrong."""

    def __init__(self) -> None:
        self.known: Epoch | None = None
        self.rebuild_wanted = asyncio.Event()

    async def read(self, connection: Connection) -> Epoch | None:
        """The epoch in force by Postgres, or None while it is being rebuilt."""
        row = await connection.fetchrow(SQL["read_epoch"])
        live = row is not None and row["state"] == "LIVE"
        self.known = Epoch(row["epoch"], row["run_id"]) if row and live else None
        return self.known

    async def void(self, connection: Connection) -> None:
        """From this commit on Valkey's numbers are not Postgres' any more, also those of a newer epoch than we know."""
        await connection.execute(SQL["void_epoch"])
        self.known = None
        self.rebuild_wanted.set()


class StockSource(FactsSource[StockFacts]):
    """The facts source of inventory's processor."""

    opening = SQL["lock_counting"]

    def __init__(  # noqa: PLR0913 — wired once
        self,
        counters: ValkeyCounters,
        epochs: EpochInForce,
        sourcing: Sourcing,
        leases: Leases,
        approvals: Approvals,
        *,
        shelf_life: ShelfLife,
        quotas: Quotas,
        presale: Presale = NO_PRESALE,
        campaigns: OpenCampaigns,
        answer: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._answer = answer
        self._counters = counters
        self._epochs = epochs
        self._sourcing = sourcing
        self._leases = leases
        self._approvals = approvals
        self._shelf_life = shelf_life
        self._quotas = quotas
        self._presale = presale
        self._campaigns = campaigns
        self._also: set[Row] = set()
        self._telling: asyncio.Task[None] | None = None

    @property
    def asks_extensions(self) -> bool:
        """Whether the table of sourcing asks what only a channel tells."""
        return bool(self._sourcing.asked)

    async def fetch(
        self, work: Any, records: Sequence[Record], kept: dict[str, Kept[Any]]
    ) -> StockFacts:
        """Asks Valkey, locks the rows the batch needs, and gives their true numbers."""
        if named := named_reservations(records, kept):
            reservations = sorted({reservation_id for reservation_id, _ in named.values()})
            await lock_keys(work.connection, reservations)
            kept.update(await work.load(reservations))
        foreseen = foresee(records, kept, self._sourcing)
        take_over(foreseen, kept, named)
        campaigning = self._campaigns.skus
        if foreseen.allotted:
            campaigning |= {sku for _, sku in foreseen.allotted}
        if self._quotas.hard or campaigning:
            foreseen.set_apart(lambda sku: sku in campaigning or self._quotas.limits(sku))
        if self._presale.sells:
            foreseen.set_apart(self._presale.concerns)
            foreseen.wish(self._presale.concerns)
        foreseen.rows |= self._also
        facts = StockFacts(
            foreseen,
            kept,
            self._sourcing,
            self._leases,
            self._also.update,
            approvals=self._approvals,
            shelf_life=self._shelf_life,
            quotas=self._quotas,
            presale=self._presale,
        )
        connection: Connection = work.connection
        if foreseen.glances:
            facts.seen = await _look(connection, foreseen.glances)
        if foreseen.plans or foreseen.rows or foreseen.new_rows:
            await self._lock(connection, facts)
        also = self._also | foreseen.repairs
        if foreseen.promises or foreseen.purchases or foreseen.wished or also:
            facts.expected = await expectations.lock(
                connection,
                keys=foreseen.promises,
                purchases=foreseen.purchases,
                coming=foreseen.wished,
                whole={sku for _, sku in also},
            )
        if foreseen.repairs:
            facts.differing = await expectations.off(connection, facts.differing)
        if foreseen.buyers:
            counted = await connection.fetch(SQL["unpaid_holds"], list(foreseen.buyers))
            facts.buyer_holds = {row["buyer"]: row["holds"] for row in counted}
        return facts

    async def _lock(self, connection: Connection, facts: StockFacts) -> None:
        """The rows that may change, after Valkey was asked, and what else is to be known of them."""
        foreseen = facts.foreseen
        await self.told()
        answers = await self._admit(connection, facts)
        failpoint("stock.admitted")
        metrics.ADMISSIONS.labels("postgres" if answers is None else "valkey").inc()
        if foreseen.new_rows:
            await connection.execute(SQL["add_rows"], *_columns(sorted(foreseen.new_rows)))
            foreseen.rows |= foreseen.new_rows
        if answers is None:
            await self._lock_all(connection, facts)
        else:
            await self._lock_admitted(connection, facts, answers)
        if foreseen.moments:
            facts.books_at = await self._books_at(connection, foreseen.moments, facts.book)
            facts.batches_at = await shelves.batches_at(connection, foreseen.moments, facts.book)
        if foreseen.batches:
            facts.recalled = await shelves.recalled(connection, foreseen.batches)
        for row in foreseen.repairs:
            facts.differing[row] = await self._off(connection, row, facts.book)

    def appended(self, facts: StockFacts, kept: Mapping[str, Kept[Any]]) -> Sequence[Appended]:
        """The ledger's new entries."""
        del kept
        rows = [astuple(entry) for entry in facts.book.entries]
        return [Appended(table="inventory.ledger", columns=LEDGER_COLUMNS, rows=rows)]

    def rewritten(self, facts: StockFacts, kept: Mapping[str, Kept[Any]]) -> Sequence[Rewritten]:
        """Rows of stock of which nothing but pieces on hand and reserved changes."""
        del kept
        rows = [(*row, *facts.book.rows[row]) for row in facts.book.changed_alone()]
        return [
            Rewritten(
                table="inventory.stock",
                columns=STOCK_COLUMNS,
                keys=2,
                rows=rows,
                also="changed_at = clock_timestamp()",
            )
        ]

    async def save(self, work: Any, facts: StockFacts, kept: Mapping[str, Kept[Any]]) -> None:
        """Writes what else changes of stock, and works out what Valkey must be told."""
        del kept  # the facts hold all aggregates of the batch, also those that did not change
        connection: Connection = work.connection
        book = facts.book
        await expectations.save(connection, facts.expected)
        if book.changed:
            await expectations.save_aside(connection, book, more=False)
            counted = book.changed & book.shares.keys()
            if rest := book.changed - counted - book.changed_alone():
                rows = [(*row, *book.rows[row]) for row in rest]
                written = await connection.execute(SQL["write_rows"], *_columns(rows))
                assert written == f"UPDATE {len(rows)}", written
            if counted:
                await shares.save(connection, book, sorted(counted))
            await expectations.save_aside(connection, book, more=True)
            if book.reshelved:
                await shelves.save(connection, book)
        facts.conclude()
        if facts.mended and facts.epoch is not None:
            # Whoever wrote past us did not tell Valkey either.
            await self._epochs.void(connection)
            facts.epoch = None

    async def committed(self, facts: StockFacts) -> None:
        """Tells who asked, then Valkey, while the next batch is read. Lost news are settled by the sweeper."""
        if self._answer is not None:
            self._answer(facts.answers)
        self._also.clear()
        for result, count in facts.results.items():
            if count:
                metrics.RESERVATIONS.labels(result).inc(count)
        news = facts.confirmed or facts.targets or facts.arrivals or facts.forgotten
        if facts.epoch is not None and news:
            await self.told()
            self._telling = asyncio.create_task(self._tell(facts, facts.epoch))

    async def told(self) -> None:
        """Returns when Valkey has heard of every batch committed so far, or could not."""
        while (telling := self._telling) is not None:
            await telling
            if self._telling is telling:  # else others waited too, and there is more to tell by now
                self._telling = None

    async def _tell(self, facts: StockFacts, epoch: Epoch) -> None:
        failpoint("stock.before_telling")
        try:
            await self._counters.settle(
                epoch,
                facts.targets,
                facts.arrivals,
                facts.forgotten,
                confirmed=facts.confirmed,
                noted_at=facts.noted_at,
            )
        except Unavailable as error:
            logger.warning("valkey was not told; the sweeper settles it", why=str(error))
        failpoint("stock.after_telling")

    async def _admit(self, connection: Connection, facts: StockFacts) -> tuple[Answer, ...] | None:
        epoch = self._epochs.known or await self._epochs.read(connection)
        if epoch is None:
            self._epochs.rebuild_wanted.set()
            return None
        asks, notes = facts.foreseen.asks(), facts.foreseen.notes()
        try:
            admitted = await self._counters.reserve(epoch, asks, notes)
            if admitted is None:
                newer = await self._epochs.read(connection)
                if newer is not None and newer != epoch:
                    epoch = newer
                    admitted = await self._counters.reserve(epoch, asks, notes)
        except Unavailable as error:
            logger.warning("deciding from Postgres alone", why=str(error))
            admitted = None
        if admitted is None:
            await self._epochs.void(connection)
            return None
        facts.epoch, facts.noted_at = epoch, admitted.noted_at
        return admitted.answers

    async def _lock_admitted(
        self, connection: Connection, facts: StockFacts, answers: Sequence[Answer]
    ) -> None:
        """Locks what Valkey promised; all candidates when the two do not agree."""
        promised: dict[Row, int] = {}
        rows = set(facts.foreseen.rows)
        refused: list[Plan] = []
        looked_at: set[Row] = set()
        for plan, answer in zip(facts.foreseen.plans.values(), answers, strict=True):
            if not isinstance(answer, str) or not answer:
                refused.append(plan)
                looked_at.update(plan.rows)
                continue
            plan.locked = (answer,)
            plan.promised = answer
            if answer != plan.choice.warehouses[0]:
                looked_at.update(plan.rows)  # to say why
            for sku, quantity in plan.goods:
                row = (answer, sku)
                promised[row] = promised.get(row, 0) + quantity
        rows.update(promised)
        # Read without a lock: most of a sold-out rush ends here, and blocks nobody.
        if looked_at:
            facts.seen |= await _look(connection, looked_at)
        spare = spare_of(lambda row: facts.seen.get(row, 0), promised)
        if facts.foreseen.limited or facts.foreseen.wished:
            facts.promised = promised
        if any(_could_serve(spare, plan) for plan in refused):
            # Another worker's promise that is not committed yet, or news Valkey never had.
            await self._lock_all(connection, facts)
            return
        for plan in refused:
            if _could_be_split(spare, plan):
                plan.locked = plan.choice.warehouses
                rows.update(plan.rows)
                facts.promised = promised
        facts.book = await self._locked(connection, rows, facts.foreseen.allotted)
        if any(pieces > facts.book.available(row) for row, pieces in promised.items()):
            metrics.DISAGREEMENTS.inc()
            await self._lock_all(connection, facts)
        elif facts.book.shares and any(shares.allotted(facts.book, row) for row in promised):
            # A campaign of which we have not heard yet: another warehouse may have what this one keeps.
            await self._lock_all(connection, facts)

    async def _lock_all(self, connection: Connection, facts: StockFacts) -> None:
        rows = set(facts.foreseen.rows)
        facts.promised = {}
        for plan in facts.foreseen.plans.values():
            plan.locked = plan.choice.warehouses
            rows.update(plan.rows)
        begun = facts.book.changed
        facts.book = await self._locked(connection, rows, facts.foreseen.allotted)
        facts.book.changed |= begun

    async def _books_at(
        self, connection: Connection, moments: Iterable[Moment], book: Book
    ) -> dict[Moment, int]:
        """What lay in locked rows then: what lies there now without what was booked since."""
        asked = list(moments)
        since = await connection.fetch(SQL["moved_since"], *_columns(asked))
        moved = {(row[0], row[1], row[2]): row[3] for row in since}
        return {one: book.rows[one[:2]][0] - moved.get(one, 0) for one in asked}

    async def _off(self, connection: Connection, row: Row, book: Book) -> Off:
        """How the books of a locked row stand: nobody else can be writing any of them."""
        ledger = Ledger({row: Balance()})
        for entry in await connection.fetch(SQL["entries_of_row"], *row):
            ledger.take(Booked(*entry))
        balance = ledger.balances[row]
        on_hand, reserved = book.rows[row]
        held = int(await connection.fetchval(SQL["held_of_row"], *row))
        batches, withheld = await shelves.off(connection, row, book, ledger)
        if row in book.shares:
            await shares.recounted(connection, row, book.shares[row])
            book.changed.add(row)
        return Off(
            entry=on_hand - balance.pieces,
            reserved=held - reserved,
            broken_entry=balance.broken.entry_id if balance.broken is not None else 0,
            batches=batches,
            withheld=withheld,
        )

    async def _locked(
        self, connection: Connection, rows: Iterable[Row], allotted: Collection[Row]
    ) -> Book:
        wanted = list(rows)
        if not wanted:
            return Book({})
        found = await connection.fetch(SQL["lock_rows"], *_columns(wanted))
        # A row that does not exist has nothing to give; it cannot be changed either.
        numbers = dict.fromkeys(wanted, (0, 0))
        numbers.update({(row[0], row[1]): (row[2], row[3]) for row in found})
        batched = [(row[0], row[1]) for row in found if row[4]]
        on_shelves = await shelves.read(connection, batched) if batched else None
        aside = {(row[0], row[1]): row[6] for row in found if row[6]}
        counted = [(row[0], row[1]) for row in found if row[5]]
        uncounted = [
            (row[0], row[1])
            for row in (found if self._quotas.hard or allotted else ())
            if not row[5] and (self._quotas.limits(row[1]) or (row[0], row[1]) in allotted)
        ]
        if not counted and not uncounted:
            return Book(numbers, on_shelves, None, aside)
        shared = await shares.read(connection, counted, uncounted, self._quotas)
        book = Book(numbers, on_shelves, shared, aside)
        book.changed.update(uncounted)  # so that what is kept is written
        return book


async def _look(connection: Connection, rows: Iterable[Row]) -> dict[Row, int]:
    """Available pieces of rows that exist, without a lock."""
    found = await connection.fetch(SQL["look_at_rows"], *_columns(list(rows)))
    return {(row[0], row[1]): row[2] for row in found}


def _could_serve(spare: Available, plan: Plan) -> bool:
    if plan.partial:
        return any(spare(row) > 0 for row in plan.rows)
    return bool(choose(spare, plan.choice.warehouses, plan.goods))


def _could_be_split(spare: Available, plan: Plan) -> bool:
    choice = plan.choice
    if choice.parcels_max < 2:
        return False
    return split(spare, by_rank(choice.warehouses), plan.goods, choice.parcels_max) is not None


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
