"""Goods that came go to the paid orders that wait for them, in line: the table `backorder/default` says whose turn it is.

Guarantees: a look only asks (one command an order and attempt); the order's own decision, against locked rows, holds
the goods or leaves it waiting. A new order may take what came before the next look: a look is a second away.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from chassis.clock import Clock
from chassis.commands import CommandDesk
from chassis.ids import request_id
from chassis.postgres import Pool
from chassis.rules import Table, needed_table
from chassis.rules.values import Kind
from schemas.events.commands_inventory import AllocateBackorder
from services.inventory import expectations, metrics
from services.inventory.domain.backorders import Waiting, served
from services.inventory.domain.model import Hold, pieces_of
from services.inventory.domain.wanted import wanted
from services.inventory.quotas import Quotas
from services.inventory.rebuild import decode_kept
from services.inventory.shares import unlocked
from services.inventory.sourcing import Choice, Sourcing
from services.inventory.store import SQL
from services.inventory.timers import LEAD_BACKORDERS, Asking, leading

TABLE = "backorder/default"
FACTS: Mapping[str, Kind] = {"channel": "text", "total_quantity": "int", "waited_hours": "int"}
LOOK_MAX = 2_000
"""Orders looked at in one look, those that wait longest; the next look sees who is left."""
FIRST = ("", "")
"""Before everybody that waits: (since when, order)."""
HOUR_S = 3600


class Line:
    """The table: who is served before whom."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def waiting(self, order_id: str, hold: Hold, now: datetime) -> Waiting:
        """A short order as it stands in line."""
        since = hold.short_since or now
        goods = wanted(hold.lines) or ()
        waited_s = (now - since).total_seconds()
        return Waiting(
            order_id=order_id,
            generation=hold.generation,
            channel=hold.channel,
            province=hold.province,
            told=hold.told,
            goods=goods,
            since=since,
            priority=self.priority(hold.channel, pieces_of(goods), waited_s),
            promises=hold.promises,
            promised_at=hold.promised_at,
            promise_no=hold.promise_no,
        )

    def priority(self, channel: str, pieces: int, waited_s: float) -> int:
        """Higher is served first."""
        facts = {
            "channel": channel,
            "total_quantity": pieces,
            "waited_hours": int(waited_s // HOUR_S),
        }
        return self._table.decide(facts).integer("priority")


def read_line(rules_dir: Path) -> Line:
    """The table of a folder of rules. Raises StartRefused."""
    table = needed_table(rules_dir, TABLE, facts=FACTS, outputs={"priority": "int"})
    return Line(table)


def short_in(document: str) -> Hold:
    """The order of a row that is kept as short."""
    state = decode_kept(document).state
    assert isinstance(state, Hold)
    return state


def choice_of(sourcing: Sourcing, one: Waiting) -> Choice:
    """Who may send it."""
    return sourcing.choice(one.channel, one.province, pieces_of(one.goods), one.told)


class Backorders:
    """Looks for paid orders that can be served now."""

    def __init__(  # noqa: PLR0917 — wired once
        self,
        pool: Pool,
        desk: CommandDesk,
        clock: Clock,
        sourcing: Sourcing,
        line: Line,
        quotas: Quotas,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._asking = Asking(desk, clock)
        self._sourcing = sourcing
        self._line = line
        self._quotas = quotas
        self._after = FIRST

    async def look(self) -> int:
        """Asks for each order whose turn it is; returns how many. Raises Unavailable."""
        now = self._clock.now()
        async with leading(self._pool, LEAD_BACKORDERS) as connection:
            if connection is None:
                return 0
            metrics.BACKORDERS.set(await connection.fetchval(SQL["count_backorders"]))
            splits = self._sourcing.splits
            rows = await connection.fetch(
                SQL["servable_backorders"], LOOK_MAX, splits, *self._after
            )
            if not rows:
                self._after = FIRST
                return 0
            waiting = [
                self._line.waiting(row["key"], short_in(row["document"]), now) for row in rows
            ]
            skus = {sku for one in waiting for sku, _ in one.goods}
            book = await unlocked(connection, sorted(skus), self._quotas)
            promised = {promise.sku for one in waiting for promise in one.promises}
            came = await expectations.came_for(connection, sorted(promised), book)
            turns = served(waiting, book, self._sources, came)
            # As many as we look at have goods that are kept for others: whoever waits behind them has a look, too.
            stuck = len(rows) == LOOK_MAX and not turns
            self._after = (rows[-1]["since"], rows[-1]["key"]) if stuck else FIRST
            commands = [
                AllocateBackorder(
                    order_id=one.order_id,
                    command_id=request_id("backorder", one.order_id, str(one.generation)),
                    issued_at=now,
                    actor="timer:backorders",
                    generation=one.generation,
                )
                for one in turns
            ]
            return await self._asking.issue(commands)

    def _sources(self, one: Waiting) -> tuple[tuple[str, ...], int]:
        choice = choice_of(self._sourcing, one)
        return choice.warehouses, choice.parcels_max
