"""Requests that are over on the channel, by whomever: a parcel that it refused meanwhile is told again, once for each end.
What its buyer withdrew is not decided any more: the case of it ends.

Every end that a poll sees is kept, once. Where its order has a parcel that the channel has not taken, it is handed to
the write-backs as a `RecordRequestEnded` whose id derives from the request and the time of its end, so that handing it
over again changes nothing. Of a parcel that is told later no end need be known: it finds the request closed. A request
that such a parcel waits for is asked for by its number where the channel can be, once lists show it no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chassis.failpoints import failpoint
from chassis.ids import request_id
from chassis.postgres import ACQUIRE_TIMEOUT_S, Connection, named_queries
from schemas.events.commands_ingest import RecordRequestEnded
from schemas.events.commands_refunds import WithdrawRefund
from services.ingest.channels import Aftersale
from services.ingest.domain.model import LineRefundState
from services.ingest.shared import Shared
from services.ingest.shops import Shop

ENDS = frozenset({LineRefundState.WITHDRAWN, LineRefundState.REFUSED, LineRefundState.REFUNDED})
UNDATED = datetime.fromtimestamp(0, UTC)
ROWS_MAX = 200
AWAITED_MAX = 100
AWAITED_FOR = timedelta(days=30)
"""A request that was first seen so long ago is not asked for by its number any more."""
SQL = named_queries(Path(__file__).parent / "sql" / "requests_ended.sql")


async def keep_ended(connection: Connection, shop: Shop, aftersales: Sequence[Aftersale]) -> None:
    """Keeps those which have ended. The same end a second time changes nothing."""
    await connection.executemany(
        SQL["keep"],
        [
            (shop.channel, shop.shop, a.refund_no, a.modified_at or UNDATED, a.order_no, a.state)
            for a in aftersales
            if a.state in ENDS
        ],
    )


async def tell_ended(shared: Shared) -> int:
    """Hands over what was kept and not looked at; returns how many. Raises what Postgres and Kafka being away raise."""
    async with shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        rows = await connection.fetch(SQL["untold"], ROWS_MAX)
    commands = [command for row in rows for command in _commands(row, shared.clock.now())]
    if commands:
        await shared.desk.issue(commands)
        failpoint("request_ended.handed_over")
    async with shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        await connection.executemany(SQL["told"], [_key(row) for row in rows])
    return len(rows)


async def awaited(shared: Shared, shop: Shop, before: datetime) -> list[str]:
    """Numbers of the shop's requests, first seen before then, whose end a parcel waits for."""
    async with shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        rows = await connection.fetch(
            SQL["awaited"],
            shop.channel,
            shop.shop,
            shared.channels[shop.channel].abbreviation,
            before - AWAITED_FOR,
            before,
            AWAITED_MAX,
        )
    return [row["refund_no"] for row in rows]


def _key(row: Any) -> tuple[str, str, str, datetime]:
    return row["channel"], row["shop"], row["refund_no"], row["ended_at"]


def _commands(row: Any, now: datetime) -> Iterator[RecordRequestEnded | WithdrawRefund]:
    if row["awaited"]:
        yield _ended(row, now)
    if row["state"] == LineRefundState.WITHDRAWN and row["refund_id"] is not None:
        yield WithdrawRefund(
            order_id=row["order_id"],
            command_id=request_id("withdrawn", row["channel"], row["shop"], row["refund_no"]),
            issued_at=now,
            actor=f"channel:{row['channel']}",
            refund_id=row["refund_id"],
            reason=row["refund_no"],
        )


def _ended(row: Any, now: datetime) -> RecordRequestEnded:
    *names, ended_at = _key(row)
    return RecordRequestEnded(
        order_id=row["order_id"],
        command_id=request_id("ended", *names, ended_at.isoformat()),
        issued_at=now,
        actor=f"channel:{row['channel']}",
        refund_no=row["refund_no"],
        state=row["state"],
        ended_at=None if ended_at == UNDATED else ended_at,
    )
