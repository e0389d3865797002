"""What the console keeps only for a while: the minutes of the last day, the stock's movements of the last month.

Guarantees: nothing that a page asks for is forgotten; a slice at a time, and of several processes one, so that no batch waits.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from chassis.clock import Clock
from chassis.forgetting import forget_in_turn
from chassis.postgres import Connection, Pool

LOCK = 5_101_357
"""Advisory lock of the one that forgets. The number is arbitrary and ours."""
ROWS_MAX = 5000
"""A delete of this many takes a fraction of a second."""
MINUTES_KEPT = timedelta(hours=25)
"""Today lasts 24 hours at most; the rest is room."""
MOVEMENTS_KEPT = timedelta(days=30)

# Oldest first by the index on the time, so that a look costs what there is to forget, not what is kept.
FORGET_MINUTES = """
DELETE FROM console.shop_minutes WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM console.shop_minutes WHERE minute < $1 ORDER BY minute LIMIT $2))
"""
FORGET_MOVEMENTS = """
DELETE FROM console.stock_movements WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM console.stock_movements WHERE at < $1 ORDER BY at LIMIT $2))
"""
_KEPT = ((FORGET_MINUTES, MINUTES_KEPT), (FORGET_MOVEMENTS, MOVEMENTS_KEPT))


async def forget(connection: Connection, now: datetime) -> bool:
    """Deletes up to ROWS_MAX rows of each table; whether there may be more."""
    more = False
    for statement, kept in _KEPT:
        answer = await connection.execute(statement, now - kept, ROWS_MAX)
        more = more or answer == f"DELETE {ROWS_MAX}"
    return more


async def forget_now_and_then(pool: Pool, clock: Clock) -> None:
    """Looks every ten minutes; runs until cancelled. A server that is away is waited for."""
    await forget_in_turn(pool, LOCK, lambda at: forget(at, clock.now()), part="forgetting")
