"""Requests that were approved on a channel which pays by itself, later: refunds is told, so that a person sees what their
cases wait for.

The command's id derives from the refund, so that telling it again changes nothing. That the money has gone is told by
`requests_ended`, like any other end.
"""

from __future__ import annotations

from pathlib import Path

from chassis.failpoints import failpoint
from chassis.ids import request_id
from chassis.postgres import ACQUIRE_TIMEOUT_S, named_queries
from schemas.events.commands_refunds import RecordRequestAgreed
from services.ingest.shared import Shared

ROWS_MAX = 200
SQL = named_queries(Path(__file__).parent / "sql" / "requests_agreed.sql")


async def tell_agreed(shared: Shared) -> int:
    """Hands over what was not told yet; returns how many. Raises what Postgres and Kafka being away raise."""
    paying = [
        name
        for name, channel in shared.channels.items()
        if channel.aftersales is not None and channel.aftersales.pays_after_agreeing
    ]
    async with shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        rows = await connection.fetch(SQL["untold"], paying, ROWS_MAX)
    if not rows:
        return 0
    now = shared.clock.now()
    await shared.desk.issue(
        [
            RecordRequestAgreed(
                order_id=row["order_id"],
                command_id=request_id("agreed", row["refund_id"]),
                issued_at=now,
                actor=f"channel:{row['channel']}",
                refund_id=row["refund_id"],
                refund_no=row["refund_no"],
            )
            for row in rows
        ]
    )
    failpoint("request_agreed.handed_over")
    async with shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        await connection.executemany(
            SQL["told"],
            [(row["channel"], row["shop"], row["refund_no"], row["refund_id"]) for row in rows],
        )
    return len(rows)
