"""Raw payloads for longer than their topic keeps them: copied behind the stream, sealed as they are, bounded, pruned.

Guarantees: nothing of it is in the way of an order. What was taken is copied minutes later, each content of an order once;
a window is done when all of it is copied, so that a crash repeats some and misses none, as long as the archive is not
further behind than the topic reaches. What is older than the days given, or more than the bytes given, oldest first, is
deleted; so is what an erased person's orders came from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException

from chassis.errors import Unavailable
from chassis.log import logger
from chassis.postgres import AWAY, Connection, leading, named_queries
from chassis.topics import TOPICS
from schemas.events.channel_payloads import PayloadReceived
from services.ingest import metrics
from services.ingest.domain.evidence import Evidence
from services.ingest.keeping import PAYLOADS, Keeping
from services.ingest.replaying import Taken, place_of
from services.ingest.shared import Shared

SQL = named_queries(Path(__file__).parent / "sql" / "payloads.sql")
LOCK = 5_101_347
"""Advisory lock of the one that copies. The number is arbitrary and ours."""
BEHIND = timedelta(minutes=5)
"""So long after it was taken a payload is copied: whoever took it has committed by then."""
WINDOW = timedelta(minutes=1)
LEAP = timedelta(days=1)
"""Over so much time in which nothing came it goes at once."""
EVERY_S = 30.0
ROWS_MAX = 500
"""Payloads in one insert, or in one delete."""


class Archive:
    """Copies what was taken, and deletes what is old or too much."""

    def __init__(
        self,
        shared: Shared,
        keeping: Callable[[], Keeping],
        *,
        days: int,
        bytes_max: int,
    ) -> None:
        self._shared = shared
        self._keeping = keeping
        self._age = timedelta(days=days)
        self._bytes_max = bytes_max

    async def run(self) -> None:
        """Works until cancelled; one process at a time."""
        while True:
            try:
                async with leading(self._shared.pool, LOCK) as connection:
                    while connection is not None and await self.look(connection):
                        pass
            except (*AWAY, Unavailable, KafkaException) as away:
                logger.warning("waiting", part="archive", why=f"{type(away).__name__}: {away}")
            await asyncio.sleep(EVERY_S)

    async def look(self, connection: Connection) -> bool:
        """One window copied, or one slice deleted; whether there may be more. Raises Unavailable, KafkaException."""
        if await self._forget(connection):
            return True
        now = self._shared.clock.now()
        state = await self._state(connection)
        # What the topic does not have any more nobody can copy.
        reach = now - timedelta(milliseconds=TOPICS[PAYLOADS].retention_ms)
        since = max(reach, state["copied_until"])
        metrics.ARCHIVE_BYTES.set(state["bytes"])
        metrics.ARCHIVE_LAG_SECONDS.set((now - since).total_seconds())
        ends = now - BEHIND
        if since >= ends:
            return False
        first = await connection.fetchval(SQL["first_arrival"], since, since + LEAP)
        until: datetime = min(ends, since + LEAP if first is None else first + WINDOW)
        if first is not None and first < until:
            await self._copy(connection, first, until)
        await connection.execute(SQL["copied"], until)
        # What has become old enough meanwhile is the next round's, or this one would never end.
        return until < ends

    async def _copy(self, connection: Connection, since: datetime, until: datetime) -> None:
        rows = await connection.fetch(SQL["arrivals"], since, until)
        wanted = {row["position"]: row for row in rows}
        if not wanted:
            return
        places = sorted(wanted, key=place_of)
        keeping = await asyncio.to_thread(self._keeping)
        try:
            for at in range(0, len(places), ROWS_MAX):
                slice_ = places[at : at + ROWS_MAX]
                taken = await asyncio.to_thread(keeping.payloads_among, slice_)
                if taken:
                    await keep(connection, [(one, wanted[one.position]) for one in taken])
        finally:
            await asyncio.to_thread(keeping.close)

    async def _forget(self, connection: Connection) -> int:
        before = self._shared.clock.now() - self._age
        gone: int = await connection.fetchval(SQL["forget_old"], before, ROWS_MAX)
        if not gone:
            state = await self._state(connection)
            if state["bytes"] > self._bytes_max:
                gone = await connection.fetchval(SQL["forget_oldest"], ROWS_MAX)
        return gone

    async def _state(self, connection: Connection) -> Any:
        state = await connection.fetchrow(SQL["state"])
        assert state is not None, "the row is there from the beginning"
        return state


async def keep(connection: Connection, found: Sequence[tuple[Taken, Any]]) -> None:
    """Keeps payloads, each with the row of its arrival. The same content again changes nothing."""
    rows = [
        (
            *(row["source_key"], row["sha256"], taken.position),
            *(taken.payload.channel, taken.payload.shop, taken.payload.channel_order_no),
            *(taken.payload.door, taken.payload.accepted_at, row["taken_at"], taken.payload.body),
        )
        for taken, row in found
    ]
    await connection.execute(SQL["keep"], *map(list, zip(*rows, strict=True)))


async def archived(
    connection: Connection, source_key: str, arrivals: Sequence[Evidence]
) -> tuple[Taken, ...]:
    """The payloads of these arrivals of an order that are kept here, each as it came."""
    digests = list({one.sha256 for one in arrivals})
    rows = await connection.fetch(SQL["of_order"], source_key, digests)
    kept = {row["sha256"]: row for row in rows}
    return tuple(
        Taken(
            position=one.position,
            payload=PayloadReceived(
                source_key=source_key,
                channel=row["channel"],
                shop=row["shop"],
                channel_order_no=row["channel_order_no"],
                door=one.door,
                accepted_at=one.accepted_at,
                body=row["body"],
            ),
        )
        for one in arrivals
        if (row := kept.get(one.sha256)) is not None
    )
