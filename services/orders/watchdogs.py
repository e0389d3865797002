"""Timers of the orders service: closing what nobody pays, counting what nobody ships.

Guarantees: the timer writes nothing itself; it issues CloseUnpaid with an id that derives from the order, so
that two services looking at once, or one looking twice, have one effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta

from chassis.clock import Clock
from chassis.commands import CommandDesk
from chassis.ids import request_id
from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Pool
from schemas.events.commands_orders import CloseUnpaid
from services.orders import metrics
from services.orders.settings import OrdersSettings
from services.orders.store import QUERIES, unshipped

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
    """Looks once. A part that Postgres does not answer (in time) is left for the next look, and keeps back no other.

    Closing comes first: counting may take longer than a statement is given.
    """
    now = clock.now()
    await _patiently(
        "unpaid", _close(pool, desk, now, now - timedelta(seconds=settings.unpaid_close_s))
    )
    await _patiently(
        "unshipped", _count_overdue(pool, now - timedelta(seconds=settings.unshipped_warn_s))
    )
    await _patiently("states", _count_states(pool))


async def watch(pool: Pool, desk: CommandDesk, clock: Clock, settings: OrdersSettings) -> None:
    """Looks again and again, until cancelled; a server that is away is waited for."""
    while True:
        await look(pool, desk, clock, settings)
        await asyncio.sleep(settings.watch_every_s)


async def _patiently(part: str, looking: Awaitable[None]) -> None:
    try:
        await looking
    except AWAY as error:
        logger.warning("waiting", task="watchdogs", part=part, why=type(error).__name__)


async def _close(pool: Pool, desk: CommandDesk, now: datetime, placed_before: datetime) -> None:
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        rows = await connection.fetch(QUERIES["unpaid"], placed_before, CLOSE_MAX)
    if commands := closing([row["key"] for row in rows], now):
        await desk.issue(commands)
        metrics.UNPAID_CLOSED.inc(len(commands))


async def _count_overdue(pool: Pool, paid_before: datetime) -> None:
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        overdue = await connection.fetchval(QUERIES["overdue"], paid_before)
    metrics.UNSHIPPED_OVERDUE.set(overdue)


async def _count_states(pool: Pool) -> None:
    for state, orders in (await unshipped(pool)).items():
        metrics.IN_STATE.labels(state).set(orders)
