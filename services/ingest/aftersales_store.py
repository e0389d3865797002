"""The after-sales requests seen on the channels, and which refund of ours each has become, in Postgres.

Raises what asyncpg raises (`chassis.postgres.AWAY`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chassis.ids import request_id
from chassis.postgres import ACQUIRE_TIMEOUT_S, Connection, Pool
from services.ingest.channels import Aftersale
from services.ingest.domain.model import LineRefundState
from services.ingest.requests_ended import keep_ended, request_row
from services.ingest.shops import Shop

OPEN = frozenset({LineRefundState.REQUESTED, LineRefundState.RETURNING})
WITHOUT_MONEY = frozenset({LineRefundState.REFUSED, LineRefundState.WITHDRAWN})
"""Ends after which a buyer may ask again; our case has ended by them, whoever decided."""
_aftersale_decoder = msgspec.json.Decoder(Aftersale)


async def keep_aftersales(pool: Pool, shop: Shop, aftersales: Sequence[Aftersale]) -> None:
    """Keeps the open requests as they were read, and which have ended; what a buyer asks again is one request more."""
    rows = [request_row(shop, a) for a in aftersales if a.state in OPEN]
    if not aftersales:
        return
    async with (
        pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
        connection.transaction(),
    ):
        await connection.executemany(
            "INSERT INTO ingest.aftersales "
            "(channel, shop, refund_no, channel_order_no, document, refund_id) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (channel, shop, refund_no) "
            "DO UPDATE SET document = excluded.document",
            rows,
        )
        await _ask_again(connection, shop, aftersales)
        await keep_ended(connection, shop, aftersales)


async def _ask_again(connection: Connection, shop: Shop, aftersales: Sequence[Aftersale]) -> None:
    """What was refused, by us or there, or withdrawn, and is open again later than it was seen closed, is a request anew.

    Its refund has an id of its own. What a slow replica still shows as open is older, and none.
    """
    closed = [a for a in aftersales if a.state not in OPEN and a.modified_at is not None]
    await connection.execute(
        "UPDATE ingest.aftersales a SET closed_at = greatest(a.closed_at, seen.at) "
        "FROM unnest($3::text[], $4::timestamptz[], $5::bool[]) AS seen (refund_no, at, without_money) "
        "WHERE a.channel = $1 AND a.shop = $2 AND a.refund_no = seen.refund_no "
        "AND (a.told_refused OR seen.without_money)",
        shop.channel,
        shop.shop,
        [a.refund_no for a in closed],
        [a.modified_at for a in closed],
        [a.state in WITHOUT_MONEY for a in closed],
    )
    opened = {a.refund_no: a.modified_at for a in aftersales if a.state in OPEN}
    rows = await connection.fetch(
        "SELECT refund_no, closed_at, round FROM ingest.aftersales WHERE channel = $1 "
        "AND shop = $2 AND refund_no = ANY($3::text[]) AND closed_at IS NOT NULL",
        shop.channel,
        shop.shop,
        list(opened),
    )
    again = [
        (shop.channel, shop.shop, row["refund_no"], row["round"] + 1)
        for row in rows
        if (at := opened[row["refund_no"]]) is not None and at > row["closed_at"]
    ]
    await connection.executemany(
        "UPDATE ingest.aftersales SET round = $4, refund_id = $5, requested = false, "
        "told_refused = false, agreed_told = false, closed_at = NULL, agreeing = false, doubt = '' "
        "WHERE channel = $1 AND shop = $2 AND refund_no = $3",
        [(*one, request_id("refund", *one[:3], str(one[3]))) for one in again],
    )


async def keep_told_refused(pool: Pool, refund_id: str) -> None:
    """Notes that the channel took our refusal of this request. A second time changes nothing."""
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        await connection.execute(
            "UPDATE ingest.aftersales SET told_refused = true WHERE refund_id = $1", refund_id
        )


async def begin_agreeing(pool: Pool, refund_id: str) -> bool:
    """Notes that the channel is about to be told that a refund was paid; False where it may have been told before."""
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        noted = await connection.execute(
            "UPDATE ingest.aftersales SET agreeing = true WHERE refund_id = $1 AND NOT agreeing",
            refund_id,
        )
    return bool(noted == "UPDATE 1")


async def keep_not_agreed(pool: Pool, refund_id: str) -> None:
    """Notes that the channel has not acted on what was begun. A second time changes nothing."""
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        await connection.execute(
            "UPDATE ingest.aftersales SET agreeing = false WHERE refund_id = $1", refund_id
        )


async def keep_doubt(pool: Pool, refund_id: str, doubt: str) -> None:
    """Notes that what the channel pays of this request may not be upon our word; its end is told again if it was told.

    `doubt` as in `EndRefund`. The first stands.
    """
    async with (
        pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
        connection.transaction(),
    ):
        row = await connection.fetchrow(
            "UPDATE ingest.aftersales SET doubt = $2 WHERE refund_id = $1 AND doubt = '' "
            "RETURNING channel, shop, refund_no",
            refund_id,
            doubt,
        )
        if row is not None:
            await connection.execute(
                "UPDATE ingest.requests_ended SET told = false WHERE channel = $1 AND shop = $2 "
                "AND refund_no = $3 AND refund_id = $4 AND state = $5",
                *row,
                refund_id,
                LineRefundState.REFUNDED,
            )


async def ended_as(
    pool: Pool, shop: Shop, refund_no: str, refund_id: str
) -> LineRefundState | None:
    """How a request of this refund ended on its channel, as far as polls have seen; None where none has."""
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        state = await connection.fetchval(
            "SELECT state FROM ingest.requests_ended WHERE channel = $1 AND shop = $2 AND refund_no = $3 "
            "AND refund_id = $4 ORDER BY ended_at DESC LIMIT 1",
            shop.channel,
            shop.shop,
            refund_no,
            refund_id,
        )
    return None if state is None else LineRefundState(state)


async def aftersale_of(pool: Pool, refund_id: str) -> Aftersale | None:
    """The channel's request behind a refund of ours; None when it was not asked for on the channel."""
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        document = await connection.fetchval(
            "SELECT document FROM ingest.aftersales WHERE refund_id = $1", refund_id
        )
    return None if document is None else _aftersale_decoder.decode(document)
