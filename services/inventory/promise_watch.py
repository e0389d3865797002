"""The timer that looks for promises which are not carried any more, or come at another time.

Guarantees: it only asks (commands with derived ids) and sets gauges; several processes may look. Each order is asked about
once for each thing that happened to its receipts.
"""

from __future__ import annotations

from chassis.clock import Clock
from chassis.commands import CommandDesk
from chassis.ids import request_id
from chassis.postgres import Pool
from schemas.events.commands_inventory import ReviewPromise
from services.inventory import metrics
from services.inventory.expectations import SQL
from services.inventory.timers import LEAD_PROMISES, Asking, leading

ACTOR = "timer:promises"
REVIEWS_MAX = 500
"""Asked for in one look, the oldest promises first; the next look sees who is left."""


class PromiseWatch:
    """Asks that promises be reviewed."""

    def __init__(self, pool: Pool, desk: CommandDesk, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._asking = Asking(desk, clock)

    async def look(self) -> int:
        """Issues a command for each promise that is to be reviewed; returns how many. Raises Unavailable."""
        now = self._clock.now()
        async with leading(self._pool, LEAD_PROMISES) as connection:
            if connection is None:
                return 0
            counted = await connection.fetchrow(SQL["count_promises"], now)
            assert counted is not None, "an aggregate without GROUP BY always gives a row"
            metrics.PROMISED_ORDERS.set(counted["promised"])
            metrics.PROMISES_LATE.set(counted["late"])
            if not counted["promised"]:
                return 0
            rows = await connection.fetch(SQL["to_review"], REVIEWS_MAX)
        return await self._asking.issue(
            [
                ReviewPromise(
                    order_id=row["key"],
                    command_id=request_id(
                        "promise", row["key"], str(row["promise_no"]), row["basis"]
                    ),
                    issued_at=now,
                    actor=ACTOR,
                    promise_no=row["promise_no"],
                )
                for row in rows
            ]
        )
