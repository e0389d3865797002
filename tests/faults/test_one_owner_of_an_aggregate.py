"""Two workers never have one aggregate in hand, also when it takes events from two sources."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from chassis.codec import codec
from chassis.errors import Unavailable
from chassis.postgres import Pool, migrate, open_pool
from chassis.processor import Kept
from chassis.source import owned_together
from chassis.storage import PostgresStorage
from tests.support.rigs import CHASSIS_MIGRATIONS
from tests.support.toy import MIGRATION, TOY, ToyOrder

START = {("orders", 0): 0, ("commands-orders", 0): 0}
EVENT = owned_together(START, {("orders", 0): 1}, START)
COMMAND = owned_together(START, {("commands-orders", 0): 1}, START)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the toy's tables and its offsets at the start."""
    await migrate(database_url, {"chassis": CHASSIS_MIGRATIONS})
    pool = await open_pool(database_url, 4)
    await pool.execute(MIGRATION)
    await PostgresStorage(pool, TOY, codec()).offsets(START)
    yield pool
    await pool.close()


async def test_who_was_taken_over_between_reading_and_writing_keeps_its_heir_waiting(
    pool: Pool,
) -> None:
    zombie, heir = (PostgresStorage(pool, TOY, codec()) for _ in range(2))
    async with zombie.transaction() as work:
        assert await work.begin(EVENT, ["T1"]) == {}
        with pytest.raises(Unavailable):
            await _advance_at_once(heir)
        await work.finish({"T1": Kept(state=ToyOrder(placed=1))}, (), ())

    async with heir.transaction() as work:
        lost = await work.begin(COMMAND, ["T1"])
        assert lost is None, "it must read again, and publish what was left"
        kept = await work.load(["T1"])
        assert kept["T1"].state == ToyOrder(placed=1)


async def test_who_reads_another_source_of_a_partition_that_moved_has_lost_it(pool: Pool) -> None:
    zombie, heir = (PostgresStorage(pool, TOY, codec()) for _ in range(2))
    async with heir.transaction() as work:
        assert await work.begin(COMMAND, []) == {}

    async with zombie.transaction() as work:
        assert await work.begin(EVENT, ["T1"]) is None


async def test_who_waited_in_vain_for_the_owner_loads_what_there_was_before(pool: Pool) -> None:
    """The owner gave up: its heir goes on from the same offsets, and nothing was written meanwhile."""
    owner, heir = (PostgresStorage(pool, TOY, codec()) for _ in range(2))

    async def inherit() -> dict[str, Kept[ToyOrder]] | None:
        async with heir.transaction() as work:
            return await work.begin(COMMAND, ["T1"])

    owning = owner.transaction()
    work = await owning.__aenter__()
    await work.begin(EVENT, ["T1"])
    await work.finish({"T1": Kept(state=ToyOrder(placed=1))}, (), ())
    inheriting = asyncio.create_task(inherit())
    await _until_it_waits(pool)
    died = ConnectionResetError()
    with pytest.raises(Unavailable):
        await owning.__aexit__(ConnectionResetError, died, None)
    assert await inheriting == {}


async def _until_it_waits(pool: Pool) -> None:
    async with asyncio.timeout(30):
        while not await pool.fetchval(  # noqa: ASYNC110 — another session waits
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.01)


async def _advance_at_once(storage: PostgresStorage) -> None:
    async with storage.transaction() as work:
        connection: asyncpg.Connection[asyncpg.Record] = work.connection  # type: ignore[assignment]
        await connection.execute("SET LOCAL lock_timeout = '50ms'")
        await work.begin(COMMAND, ["T1"])
