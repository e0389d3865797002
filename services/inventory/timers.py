"""What inventory does by the clock: end unpaid holds, settle forgotten notes, publish levels, check and tell the books.

Guarantees: timers only ask (commands with derived ids) or tell (levels, newest wins); none writes an aggregate.
Each may run in several processes: the database lets one at a time act, and acting twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from chassis.clock import Clock
from chassis.codec import Codec
from chassis.commands import CommandDesk
from chassis.errors import Unavailable
from chassis.ids import event_id_text, request_id
from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Connection, Pool
from chassis.processor import Emitted, headers
from chassis.producer import Publisher
from schemas.events.commands_inventory import (
    AllocateBackorder,
    BeginCampaign,
    CloseCampaign,
    ExpireHold,
    ReviewPromise,
)
from schemas.events.stock_levels import StockLevelChanged
from services.inventory import metrics
from services.inventory.checking import LedgerCheck
from services.inventory.counters import ValkeyCounters
from services.inventory.domain.counters import Arrival, Target
from services.inventory.domain.model import Hold, Row, merged
from services.inventory.invariants import Books
from services.inventory.rebuild import decode_kept
from services.inventory.store import SQL, EpochInForce
from services.inventory.targets import hold_target
from services.inventory.telling_books import BooksTeller

DUE_MAX = 500
NOTES_MAX = 500
ASK_AGAIN_AFTER_MS = 30_000
SEEN_LATE = timedelta(seconds=2)
"""A change becomes visible after its time, which is taken before the commit: nearly always within this."""
SEEN_LATEST = timedelta(seconds=60)
"""The whole time of a transaction that waited for every lock, and of the looks since the last one so far back."""
FAR_BACK_EVERY = 10
"""Of so many looks at levels one goes back by SEEN_LATEST: it reads again what is mostly known."""
LEVELS_CHUNK = 50
"""Levels written without giving way to who waits for an answer: some 2 ms."""
LEVELS_PAUSE_TIMES = 4
"""Levels get a fifth of the time at most: where everything sells at once, the newest of two seconds is as good."""
OFFERS_PAUSE_TIMES = 2
"""Channels' numbers a third: a number that is late is sold against."""
CHECK_EVERY_MS = 30_000
ADD_UP_EVERY_MS = 600_000
"""The sums over the whole ledger cost more each day; what is new is checked by checkpoint."""
LEAD_EXPIRY, LEAD_LEVELS, LEAD_CHECK, LEAD_ADD_UP, LEAD_BACKORDERS, LEAD_TELL = 1, 2, 3, 4, 9, 12
LEAD_SHELF_LIFE, LEAD_AVAILABILITY, LEAD_CAMPAIGNS, LEAD_PROMISES = 7, 10, 13, 14


async def repeat(
    work: Callable[[], Awaitable[object]], pause_ms: int, *, pause_times: int = 0
) -> None:
    """Does the work again and again; a server that is away is waited for. Ends when cancelled.

    The pause is at least `pause_times` as long as the work took.
    """
    loop = asyncio.get_running_loop()
    while True:
        started_s = loop.time()
        try:
            await work()
        except Unavailable as error:
            logger.warning("a timer waits", timer=work.__qualname__, why=str(error))
        took_s = loop.time() - started_s
        await asyncio.sleep(max(pause_ms / 1000, pause_times * took_s))


@asynccontextmanager
async def leading(pool: Pool, number: int) -> AsyncIterator[Connection | None]:
    """A connection while no other process does the same, else None. Raises Unavailable."""
    try:
        async with (
            pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
            connection.transaction(),
        ):
            leads = await connection.fetchval(SQL["try_lead"], number)
            yield connection if leads else None
    except AWAY as error:
        raise Unavailable(f"Postgres: {type(error).__name__}") from error


TimersCommand: TypeAlias = (
    ExpireHold | AllocateBackorder | ReviewPromise | BeginCampaign | CloseCampaign
)


class Asking:
    """Issues the commands of a timer that looks more often than answers come: each once, and again after a while."""

    def __init__(self, desk: CommandDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
        self._asked_ms: dict[str, int] = {}

    async def issue(self, commands: Sequence[TimersCommand]) -> int:
        """Issues those that were not issued lately; returns how many."""
        now_ms = self._clock.monotonic_ms()
        self._asked_ms = {
            command_id: asked_ms
            for command_id, asked_ms in self._asked_ms.items()
            if now_ms - asked_ms < ASK_AGAIN_AFTER_MS
        }
        fresh = [one for one in commands if one.command_id not in self._asked_ms]
        await self._desk.issue(fresh)
        self._asked_ms.update({one.command_id: now_ms for one in fresh})
        return len(fresh)


class Expiry:
    """Asks for the end of holds that were not paid in time."""

    def __init__(self, pool: Pool, desk: CommandDesk, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._asking = Asking(desk, clock)

    async def look(self) -> int:
        """Issues a command for each hold that is due; returns how many. Asks again after a while."""
        async with leading(self._pool, LEAD_EXPIRY) as connection:
            if connection is None:
                return 0
            now = self._clock.now()
            due = await connection.fetch(SQL["due_holds"], now, DUE_MAX)
            commands = [
                ExpireHold(
                    order_id=row["key"],
                    command_id=_expiry_id(row["key"], row["generation"], row["extensions"]),
                    issued_at=now,
                    actor="timer:hold-expiry",
                    generation=row["generation"],
                    extensions=row["extensions"] or None,
                )
                for row in due
            ]
            asked = await self._asking.issue(commands)
        metrics.EXPIRED.inc(asked)
        return asked


def _expiry_id(order_id: str, generation: int, extensions: int) -> str:
    """Of one attempt: a hold that was extended after the timer looked is asked for anew when it is due again."""
    attempt = f"{generation}.{extensions}" if extensions else str(generation)
    return request_id("expire", order_id, attempt)


class Sweeper:
    """Settles what a worker left open in Valkey when it died between the two.

    Waits while a batch older than that is under way: what it noted is not left, and nobody would note it again.
    """

    def __init__(
        self, pool: Pool, counters: ValkeyCounters, epochs: EpochInForce, after_ms: int
    ) -> None:
        self._pool = pool
        self._counters = counters
        self._epochs = epochs
        self._after_ms = after_ms

    async def look(self) -> int:
        """Makes Valkey what Postgres says for every note that is too old; returns how many."""
        epoch = self._epochs.known
        if epoch is None:
            return 0
        noted = await self._counters.noted(epoch, self._after_ms, NOTES_MAX)
        if not noted:
            return 0
        orders = {note[2:]: at for note, at in noted if note.startswith("o:")}
        documents = {note[2:]: at for note, at in noted if note.startswith("d:")}
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                # A batch is at least as old as its notes, so none of these belongs to a younger one.
                if await connection.fetchval(SQL["under_way"], self._after_ms / 1000):
                    return 0
                kept = await connection.fetch(SQL["aggregates"], list(orders))
                booked = await connection.fetch(SQL["booked_arrivals"], list(documents))
        except AWAY as error:
            raise Unavailable(f"Postgres: {type(error).__name__}") from error
        states = {row["key"]: decode_kept(row["document"]).state for row in kept}
        goods: dict[tuple[str, str], list[tuple[str, int]]] = {}
        for row in booked:
            arrived = goods.setdefault((row["document_no"], row["warehouse"]), [])
            arrived.append((row["sku"], row["quantity"]))
        arrivals = [
            Arrival(document_no, warehouse, merged(pairs), documents[document_no])
            for (document_no, warehouse), pairs in goods.items()
        ]
        nothing = documents.keys() - {arrival.document_no for arrival in arrivals}
        await self._counters.settle(
            epoch,
            [_swept(order_id, states.get(order_id), at) for order_id, at in orders.items()],
            arrivals,
            [(f"d:{document_no}", documents[document_no]) for document_no in nothing],
        )
        metrics.SWEPT.labels("order").inc(len(orders))
        metrics.SWEPT.labels("document").inc(len(arrivals))
        metrics.SWEPT.labels("nothing").inc(len(nothing))
        return len(noted)


def _swept(order_id: str, state: object, noted: float) -> Target:
    """The target of an order, past the attempt that may have died before its commit."""
    attempted = state.generation + 1 if isinstance(state, Hold) else 1
    return hold_target(order_id, state, attempted, noted)


class LevelPublisher:
    """Publishes the newest level of each stock row that changed."""

    def __init__(self, pool: Pool, publisher: Publisher, codec: Codec, producer: str) -> None:
        self._pool = pool
        self._publisher = publisher
        self._codec = codec
        self._producer = producer
        self._newest = datetime(1970, 1, 1, tzinfo=UTC) + SEEN_LATEST
        self._looks = 0
        self._sent: dict[Row, datetime] = {}
        """When those last changed that a look may meet again."""

    async def look(self) -> int:
        """Publishes what changed since the last look; returns how many levels."""
        async with leading(self._pool, LEAD_LEVELS) as connection:
            if connection is None:
                return 0
            far_back = self._looks % FAR_BACK_EVERY == 0
            since = self._newest - (SEEN_LATEST if far_back else SEEN_LATE)
            rows = await connection.fetch(SQL["changed_levels"], since)
            fresh = [row for row in rows if self._sent.get((row[0], row[1])) != row["changed_at"]]
            for start in range(0, len(fresh), LEVELS_CHUNK):
                chunk = fresh[start : start + LEVELS_CHUNK]
                await self._publisher.publish([self._level(row) for row in chunk])
        if far_back:
            self._sent.clear()
        self._sent.update({(row[0], row[1]): row["changed_at"] for row in rows})
        self._newest = max([self._newest, *(row["changed_at"] for row in rows)])
        self._looks += 1
        return len(fresh)

    def _level(self, row: Any) -> Emitted:
        changed_at: datetime = row["changed_at"]
        level = StockLevelChanged(
            level_key=f"{row['warehouse']}|{row['sku']}",
            # Rises with every change of the row, which is written under its lock.
            version=int(changed_at.timestamp() * 1_000_000),
            occurred_at=changed_at,
            warehouse=row["warehouse"],
            sku=row["sku"],
            on_hand=row["on_hand"],
            reserved=row["reserved"],
            withheld=row["withheld"],
        )
        key, topic = level.level_key, level.TOPIC
        level_id = event_id_text(topic, key, level.version, StockLevelChanged.__name__)
        return Emitted(
            topic=topic,
            key=key,
            value=self._codec.encode(level),
            headers=headers(level, level_id, key, self._producer, ""),
        )


class BookCheck:
    """Checks the books now and then, for the gauges that page and for who looks."""

    def __init__(self, pool: Pool, books: Books, teller: BooksTeller) -> None:
        self._pool = pool
        self._books = books
        self._ledger = LedgerCheck(pool)
        self._teller = teller

    async def look(self) -> None:
        """Reads on from the checkpoints and tells what came of it; `LedgerCheck` sets the gauges."""
        async with leading(self._pool, LEAD_CHECK) as connection:
            if connection is not None and (checked := await self._ledger.look()) is not None:
                await self._teller.checked(checked)

    async def tell(self) -> int:
        """Tells what reconciliations, differences and tasks have become; returns how many."""
        async with leading(self._pool, LEAD_TELL) as connection:
            return 0 if connection is None else await self._teller.changes(connection)

    async def add_up(self) -> None:
        """Reads the invariants over everything; `Books` sets the gauges."""
        async with leading(self._pool, LEAD_ADD_UP) as connection:
            if connection is not None:
                await self._books.invariants()
