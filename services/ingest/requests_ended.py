"""Requests that are over on the channel, by whomever: refunds is told how, once for each of its refunds, and a parcel that
the channel refused meanwhile is told again, once for each end.

Every end that a poll sees is kept, once, with the refund that it is of; money that was given back for a request never
seen open opens one. Ends are handed over by ids that derive from the request and its end, so that handing one over again
changes nothing: to refunds as an `EndRefund`, and where the order has a parcel that the channel has not taken to the
write-backs as a `RecordRequestEnded`. Of a parcel that is told later no end need be known: it finds the request closed. A
request that such a parcel waits for is asked for by its number where the channel can be, once lists show it no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from chassis.failpoints import failpoint
from chassis.ids import request_id
from chassis.postgres import ACQUIRE_TIMEOUT_S, Connection, named_queries
from chassis.processor import Kept
from schemas.events.commands_ingest import RecordRequestEnded
from schemas.events.commands_refunds import EndRefund
from services.ingest.channels import Aftersale
from services.ingest.domain.model import LineRefundState
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.refund_requests import refunded_there
from services.ingest.shared import Shared
from services.ingest.shops import Shop

ENDS = frozenset({LineRefundState.WITHDRAWN, LineRefundState.REFUSED, LineRefundState.REFUNDED})
UNDATED = datetime.fromtimestamp(0, UTC)
ROWS_MAX = 200
AWAITED_MAX = 1_000
AWAITED_FOR = timedelta(days=30)
"""A request that was first seen so long ago is not asked for by its number any more."""
SQL = named_queries(Path(__file__).parent / "sql" / "requests_ended.sql")

Command = RecordRequestEnded | EndRefund

_known_decoder: msgspec.json.Decoder[Kept[KnownOrder]] = msgspec.json.Decoder(Kept[KnownOrder])
_aftersale_decoder = msgspec.json.Decoder(Aftersale)


def request_row(shop: Shop, asked: Aftersale) -> tuple[str, str, str, str, str, str]:
    """A request as `ingest.aftersales` keeps it first: its key, its order, itself, and the id of its first refund."""
    refund_id = request_id("refund", shop.channel, shop.shop, asked.refund_no)
    return shop.channel, shop.shop, asked.refund_no, asked.order_no, _document(asked), refund_id


def _document(asked: Aftersale) -> str:
    """Without the buyer's own words: nobody reads them here, and they could not be erased with the order's key."""
    return msgspec.json.encode(replace(asked, reason="")).decode()


async def keep_ended(connection: Connection, shop: Shop, aftersales: Sequence[Aftersale]) -> None:
    """Keeps those which have ended. The same end a second time changes nothing."""
    ended = [one for one in aftersales if one.state in ENDS]
    await connection.executemany(
        SQL["keep_refunded"],
        [request_row(shop, one) for one in ended if one.state is LineRefundState.REFUNDED],
    )
    await connection.executemany(
        SQL["keep"],
        [
            (
                shop.channel,
                shop.shop,
                one.refund_no,
                one.modified_at or UNDATED,
                one.order_no,
                one.state,
                _document(one),
            )
            for one in ended
        ],
    )


async def tell_ended(shared: Shared) -> int:
    """Hands over what was kept and not looked at; returns how many. Raises what Postgres and Kafka being away raise.

    What cannot be told yet, since its line is not known or has no SKU, waits behind the others.
    """
    async with shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        rows = await connection.fetch(SQL["untold"], ROWS_MAX)
    told: list[Any] = []
    commands: list[Command] = []
    for row in rows:
        found = _commands(row, shared.clock.now())
        if found is not None:
            commands += found
            told.append(row)
    if commands:
        await shared.desk.issue(commands)
        failpoint("request_ended.handed_over")
    async with shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        await connection.executemany(SQL["told"], [_key(row) for row in told])
        later = [_key(row) for row in rows if row not in told]
        await connection.executemany(SQL["put_off"], later)
    return len(told)


async def awaited(
    shared: Shared, shop: Shop, before: datetime, *, open_too: bool = False
) -> list[str]:
    """Numbers of the shop's requests, first seen before then, whose end a parcel waits for, or whatever is not over."""
    seen = (before - AWAITED_FOR, before, AWAITED_MAX)
    async with shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        if open_too:
            rows = await connection.fetch(SQL["not_over"], shop.channel, shop.shop, *seen)
        else:
            abbreviation = shared.channels[shop.channel].abbreviation
            rows = await connection.fetch(
                SQL["awaited"], shop.channel, shop.shop, abbreviation, *seen
            )
    return [row["refund_no"] for row in rows]


def _key(row: Any) -> tuple[str, str, str, datetime]:
    return row["channel"], row["shop"], row["refund_no"], row["ended_at"]


def _commands(row: Any, now: datetime) -> list[Command] | None:
    """What is told of an end; None as long as it cannot be."""
    commands: list[Command] = [_ended(row, now)] if row["awaited"] else []
    if row["refund_id"] is None:
        return commands
    refunded = None
    if row["state"] == LineRefundState.REFUNDED:
        known = _known_decoder.decode(row["known"]).state
        aftersale = _aftersale_decoder.decode(row["document"])
        refunded = refunded_there(aftersale, known, now) if known else None
        if refunded is None:
            return None
    doubt = row["doubt"] if refunded is not None else ""
    return [
        *commands,
        EndRefund(
            order_id=row["order_id"],
            command_id=end_id(row["refund_id"], row["state"], doubted=bool(doubt)),
            issued_at=now,
            actor=f"channel:{row['channel']}",
            refund_id=row["refund_id"],
            outcome=row["state"],
            refund_no=row["refund_no"],
            refunded=refunded,
            doubt=doubt or None,
        ),
    ]


def end_id(refund_id: str, state: str, *, doubted: bool) -> str:
    """Of what refunds is told of an end: once, and once more where it may not be upon our word after all."""
    return request_id("ended", refund_id, state, *(("doubt",) if doubted else ()))


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
