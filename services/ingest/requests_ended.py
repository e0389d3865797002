"""Requests that are over on the channel, by whomever: a parcel that it refused meanwhile is told again, once for each end.

Every end that a poll sees is kept, once. Where its order has a parcel that the channel has not taken, it is handed to
the write-backs as a `RecordRequestEnded` whose id derives from the request and the time of its end, so that handing it
over again changes nothing. Of a parcel that is told later no end need be known: it finds the request closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from chassis.failpoints import failpoint
from chassis.ids import request_id
from chassis.postgres import ACQUIRE_TIMEOUT_S, Connection
from chassis.processor import Kept
from schemas.events.commands_ingest import RecordRequestEnded
from services.ingest.channels import Aftersale
from services.ingest.domain.model import LineRefundState
from services.ingest.domain.write_backs import WriteBacks
from services.ingest.shared import Shared
from services.ingest.shops import Shop

ENDS = frozenset({LineRefundState.WITHDRAWN, LineRefundState.REFUSED, LineRefundState.REFUNDED})
UNDATED = datetime.fromtimestamp(0, UTC)
ROWS_MAX = 200

_write_backs: msgspec.json.Decoder[Kept[WriteBacks]] = msgspec.json.Decoder(Kept[WriteBacks])


async def keep_ended(connection: Connection, shop: Shop, aftersales: Sequence[Aftersale]) -> None:
    """Keeps those which have ended. The same end a second time changes nothing."""
    await connection.executemany(
        "INSERT INTO ingest.requests_ended "
        "(channel, shop, refund_no, ended_at, channel_order_no, state) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        [
            (shop.channel, shop.shop, a.refund_no, a.modified_at or UNDATED, a.order_no, a.state)
            for a in aftersales
            if a.state in ENDS
        ],
    )


async def tell_ended(shared: Shared) -> int:
    """Hands over what was kept and not looked at; returns how many. Raises what Postgres and Kafka being away raise."""
    async with shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        rows = await connection.fetch(
            "SELECT e.*, o.order_id, w.document FROM ingest.requests_ended e "
            "JOIN ingest.orders o ON o.key = e.channel || '|' || e.shop || '|' || e.channel_order_no "
            "LEFT JOIN ingest.write_backs w ON w.key = o.order_id "
            "WHERE NOT e.told AND o.order_id IS NOT NULL ORDER BY e.seen_at LIMIT $1",
            ROWS_MAX,
        )
    commands = [_command(row, shared.clock.now()) for row in rows if _waits(row["document"])]
    if commands:
        await shared.desk.issue(commands)
        failpoint("request_ended.handed_over")
    async with shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        await connection.executemany(
            "UPDATE ingest.requests_ended SET told = true "
            "WHERE channel = $1 AND shop = $2 AND refund_no = $3 AND ended_at = $4",
            [_key(row) for row in rows],
        )
    return len(rows)


def _waits(document: str | None) -> bool:
    state = None if document is None else _write_backs.decode(document).state
    return state is not None and state.parcels_untaken


def _key(row: Any) -> tuple[str, str, str, datetime]:
    return row["channel"], row["shop"], row["refund_no"], row["ended_at"]


def _command(row: Any, now: datetime) -> RecordRequestEnded:
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
