"""What the consumer transaction keeps only for a while: published rows of the outbox, and the results of commands.

Guarantees: nothing unpublished is forgotten; a command is remembered for longer than its topic keeps it, so that a record
that is read again is never carried out again. A few rows at a time, whichever process of a database comes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from chassis import metrics
from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Connection, Pool, leading

OUTBOX_KEPT: Final = timedelta(hours=72)
"""For whoever has to publish again what Kafka lost."""
COMMANDS_KEPT: Final = timedelta(days=30)
"""Topics of commands keep seven days (schemas/topics.toml). Whoever redrives a dead one has as long."""
LOOK_EVERY_S: Final = 60.0
TURN_EVERY_S: Final = 600.0
"""How often a service looks for what it kept long enough itself."""
ROWS_MAX: Final = 1000
STATEMENT_TIMEOUT_S: Final = 30.0

# By id, that is from the oldest on: rows that were published have no index, and none of the newer ones is looked at.
_OUTBOX = """
DELETE FROM chassis.outbox WHERE id = ANY(ARRAY(
    SELECT id FROM (
        SELECT id, published_at FROM chassis.outbox WHERE published_at IS NOT NULL ORDER BY id LIMIT $2
    ) AS oldest WHERE published_at < now() - $1::interval))
"""
_COMMANDS = """
DELETE FROM chassis.commands_settled WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM chassis.commands_settled WHERE settled_at < now() - $1::interval
    ORDER BY settled_at LIMIT $2))
"""
_KEPT: Final = (("outbox", _OUTBOX, OUTBOX_KEPT), ("commands_settled", _COMMANDS, COMMANDS_KEPT))


async def forget(connection: Connection) -> int:
    """Deletes up to ROWS_MAX rows of each table; returns how many of the table that had the most."""
    most = 0
    for table, statement, kept in _KEPT:
        answer = await connection.execute(statement, kept, ROWS_MAX, timeout=STATEMENT_TIMEOUT_S)
        gone = int(answer.rpartition(" ")[2])
        metrics.FORGOTTEN.labels(table).inc(gone)
        most = max(most, gone)
    return most


async def forget_for_ever(pool: Pool) -> None:
    """Looks each minute; runs until cancelled."""
    while True:
        try:
            async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                more = await forget(connection) == ROWS_MAX
        except AWAY as away:
            logger.warning("waiting", part="forgetting", why=type(away).__name__)
            more = False
        await asyncio.sleep(1.0 if more else LOOK_EVERY_S)


async def forget_in_turn(
    pool: Pool, lock: int, forget_slice: Callable[[Connection], Awaitable[bool]], *, part: str
) -> None:
    """Has slices forgotten while one says that there may be more, every ten minutes and by one process at a time.

    `lock` is the number of its advisory lock. Runs until cancelled; a server that is away is waited for.
    """
    while True:
        try:
            async with leading(pool, lock) as connection:
                while connection is not None and await forget_slice(connection):
                    pass
        except AWAY as away:
            logger.warning("waiting", part=part, why=type(away).__name__)
        await asyncio.sleep(TURN_EVERY_S)
