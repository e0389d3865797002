"""The timer that looks for orders which wait without a date and could be promised what is to come by now.

Guarantees: it only asks (a command with a derived id an order and attempt); several processes may look, and what nobody
looked at while the service was down is found at the next look. The order's own decision, under the locks of its rows and
lines, promises or leaves it waiting. Who waits first is promised first, but for a new order that comes before the look.
"""

from __future__ import annotations

from datetime import datetime

from chassis.clock import Clock
from chassis.commands import CommandDesk
from chassis.ids import request_id
from chassis.postgres import Pool
from schemas.events.commands_inventory import ReviewPromise
from services.inventory import expectations, shares
from services.inventory.backorders import FIRST, LOOK_MAX, Line, choice_of, short_in
from services.inventory.domain.backorders import Waiting, promisable
from services.inventory.domain.presale import Expectations, Promised, promised
from services.inventory.domain.rules import Book
from services.inventory.presale import Presale
from services.inventory.quotas import Quotas
from services.inventory.sourcing import Sourcing
from services.inventory.timers import Asking, leading

LEAD_NEW_PROMISES = 16
"""Beside those of `timers`."""
ACTOR = "timer:new-promises"


class NewPromises:
    """Looks for paid orders that can be promised what was ordered since they came."""

    def __init__(
        self,
        pool: Pool,
        desk: CommandDesk,
        clock: Clock,
        *,
        sourcing: Sourcing,
        line: Line,
        quotas: Quotas,
        presale: Presale,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._asking = Asking(desk, clock)
        self._sourcing = sourcing
        self._line = line
        self._quotas = quotas
        self._presale = presale
        self._after = FIRST

    async def look(self) -> int:
        """Asks for each order whose turn it is; returns how many. Raises Unavailable."""
        if not self._presale.sells:
            return 0
        now = self._clock.now()
        async with leading(self._pool, LEAD_NEW_PROMISES) as connection:
            if connection is None:
                return 0
            free = [row["sku"] for row in await connection.fetch(expectations.SQL["free"], now)]
            coming = [sku for sku in free if self._presale.concerns(sku)]
            if not coming:
                return 0
            rows = await connection.fetch(
                expectations.SQL["promisable"], coming, now, *self._after, LOOK_MAX
            )
            holds = [(row["key"], short_in(row["document"])) for row in rows]
            waiting = [
                self._line.waiting(order_id, hold, now)
                for order_id, hold in holds
                if not hold.handed_over
            ]
            skus = sorted({sku for one in waiting for sku, _ in one.goods})
            turns = self._turns(
                waiting,
                await shares.unlocked(connection, skus, self._quotas),
                await expectations.unlocked(connection, skus),
                now,
            )
            # As many as we look at can be promised nothing: whoever waits behind them has a look, too.
            stuck = len(rows) == LOOK_MAX and not turns
            self._after = (rows[-1]["since"], rows[-1]["key"]) if stuck else FIRST
            return await self._asking.issue(
                [
                    ReviewPromise(
                        order_id=one.order_id,
                        command_id=request_id("promise", one.order_id, str(one.promise_no)),
                        issued_at=now,
                        actor=ACTOR,
                        promise_no=one.promise_no,
                    )
                    for one in turns
                ]
            )

    def _turns(
        self, waiting: list[Waiting], book: Book, expected: Expectations, now: datetime
    ) -> list[Waiting]:
        def promise_of(one: Waiting) -> Promised | None:
            warehouses = choice_of(self._sourcing, one).warehouses
            return promised(
                expected.lines,
                book.available,
                self._quotas.open_to_all(book, warehouses, one.goods),
                one.goods,
                lambda sku: self._presale.terms(one.channel, sku),
                now,
            )

        def take(made: Promised) -> None:
            for row, pieces in expected.promise(made):
                book.set_aside(row, pieces)

        return promisable(waiting, promise_of, take)
