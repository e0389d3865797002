"""Timers of the orders service: closing what nobody pays, counting what nobody ships.

Guarantees: the timer writes nothing itself; it issues CloseUnpaid with an id that derives from the order, so
that two services looking at once, or one looking twice, have one effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from chassis.clock import Clock
from chassis.commands import CommandDesk
from chassis.errors import Unavailable
from chassis.ids import request_id
from chassis.log import logger
from chassis.postgres import AWAY, Pool
from schemas.events.commands_orders import CloseUnpaid
from services.orders import metrics
from services.orders.settings import OrdersSettings
from services.orders.store import QUERIES, funnel

CLOSE_MAX = 500
"""Orders closed in one look; the rest follow at the next."""
ACTOR = "timer:unpaid"


def closing(order_ids: Sequence[str], now: datetime) -> tuple[CloseUnpaid, ...]:
    """One command an order; the same order gives the same command id for ever."""
    return tuple(
        CloseUnpaid(
            order_id=order_id,
            command_id=request_id("closeunpaid", order_id),
            issued_at=now,
            actor=ACTOR,
        )
        for order_id in order_ids
    )


async def look(pool: Pool, desk: CommandDesk, clock: Clock, settings: OrdersSettings) -> None:
    """Looks once. Raises Unavailable when Postgres does not answer."""
    now = clock.now()
    try:
        async with pool.acquire() as connection:
            rows = await connection.fetch(
                QUERIES["unpaid"], now - timedelta(seconds=settings.unpaid_close_s), CLOSE_MAX
            )
            overdue = await connection.fetchval(
                QUERIES["overdue"], now - timedelta(seconds=settings.unshipped_warn_s)
            )
        counts = await funnel(pool)
    except AWAY as error:
        raise Unavailable(f"Postgres: {type(error).__name__}") from error
    metrics.UNSHIPPED_OVERDUE.set(overdue)
    for state, orders in counts.items():
        metrics.IN_STATE.labels(state).set(orders)
    if commands := closing([row["key"] for row in rows], now):
        await desk.issue(commands)
        metrics.UNPAID_CLOSED.inc(len(commands))


async def watch(pool: Pool, desk: CommandDesk, clock: Clock, settings: OrdersSettings) -> None:
    """Looks again and again, until cancelled; a server that is away is waited for."""
    while True:
        try:
            await look(pool, desk, clock, settings)
        except Unavailable as error:
            logger.warning("waiting", task="watchdogs", why=str(error))
        await asyncio.sleep(settings.watch_every_s)
