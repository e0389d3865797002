"""A transaction begins with what it is told to, and nothing of one that failed stays in its session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from chassis.codec import codec
from chassis.direct import DirectWork, lock_keys
from chassis.errors import Unavailable
from chassis.postgres import Connection, Pool, open_pool, transaction
from chassis.processor import Kept, Rewritten
from chassis.storage import PostgresStorage
from tests.support.toy import MIGRATION, TOY, ToyOrder

LOCK = 9_002
ROWS = "CREATE TABLE numbers (place text, name text, number bigint, changed_at timestamptz)"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the toy's tables, and one of numbers."""
    pool = await open_pool(database_url, 3)
    await pool.execute(f"{MIGRATION}; {ROWS}")
    yield pool
    pool.terminate()


async def can_lock(pool: Pool) -> bool:
    async with pool.acquire() as connection, connection.transaction():
        return bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK))


async def test_what_it_begins_with_holds_until_it_ends(pool: Pool) -> None:
    async with pool.acquire() as connection:
        async with transaction(connection, f"SELECT pg_advisory_xact_lock({LOCK})"):
            assert not await can_lock(pool)
        assert await can_lock(pool)
        assert not connection.is_in_transaction()


@pytest.mark.parametrize("end", [ValueError("a bug"), asyncio.CancelledError(), None])
async def test_a_session_comes_out_of_whatever_failed(
    pool: Pool, end: BaseException | None
) -> None:
    async def turn(connection: Connection) -> None:
        async with transaction(connection):
            await connection.execute("INSERT INTO numbers VALUES ('a', 'b', 1)")
            if end is not None:
                raise end
            await connection.execute("SELECT 1 / 0")

    async with pool.acquire() as connection:
        ended = await asyncio.gather(turn(connection), return_exceptions=True)
        assert type(ended[0]) is (type(end) if end is not None else asyncpg.DivisionByZeroError)
        assert not connection.is_in_transaction()
        assert await connection.fetchval("SELECT count(*) FROM numbers") == 0


async def test_a_failure_that_nobody_told_of_is_not_taken_for_a_commit(pool: Pool) -> None:
    async def turn(connection: Connection) -> None:
        async with transaction(connection):
            await connection.execute("INSERT INTO numbers VALUES ('a', 'b', 1)")
            with pytest.raises(asyncpg.DivisionByZeroError):
                await connection.execute("SELECT 1 / 0")

    async with pool.acquire() as connection:
        with pytest.raises(AssertionError, match="nobody was told"):
            await turn(connection)
        assert await connection.fetchval("SELECT count(*) FROM numbers") == 0


async def test_a_session_that_was_lost_is_not_used_again(pool: Pool) -> None:
    storage = PostgresStorage(pool, TOY, codec())
    lost = 0

    async def turn() -> None:
        nonlocal lost
        async with storage.transaction() as work:
            lost = await work.connection.fetchval("SELECT pg_backend_pid()")
            await pool.execute("SELECT pg_terminate_backend($1)", lost)
            await work.connection.execute("SELECT 1")

    with pytest.raises(Unavailable):
        await turn()
    async with storage.transaction() as work:
        assert await work.connection.fetchval("SELECT pg_backend_pid()") != lost


async def test_who_asks_directly_has_its_keys_from_the_beginning(pool: Pool) -> None:
    """Also against who takes the same lock later in a transaction of another kind."""
    desk = PostgresStorage(pool, TOY, codec(), DirectWork)
    async with desk.transaction(["T1", "T2"]), pool.acquire() as connection:
        async with transaction(connection):
            await lock_keys(connection, ["T3"])
        with pytest.raises(asyncpg.LockNotAvailableError):
            async with transaction(connection, "SET LOCAL lock_timeout = '50ms'"):
                await lock_keys(connection, ["T2"])


async def test_rows_are_rewritten_with_the_last_statement_or_not_at_all(pool: Pool) -> None:
    storage = PostgresStorage(pool, TOY, codec())
    await pool.execute("INSERT INTO numbers VALUES ('a', 'x', 1), ('a', 'y', 2), ('b', 'x', 3)")

    def rewritten(*rows: tuple[object, ...]) -> Rewritten:
        columns = (("place", "text"), ("name", "text"), ("number", "bigint"))
        also = "changed_at = clock_timestamp()"
        return Rewritten(table="numbers", columns=columns, keys=2, rows=rows, also=also)

    async def numbers() -> list[tuple[object, ...]]:
        asked = "SELECT number, changed_at IS NULL FROM numbers ORDER BY place, name"
        return [tuple(row) for row in await pool.fetch(asked)]

    kept = {"T1": Kept(state=ToyOrder(placed=1))}
    async with storage.transaction() as work:
        both = (rewritten(("a", "y", 20), ("b", "x", 30)), rewritten(("a", "x", 10)))
        assert await work.finish({}, (), (), (), both) == 0
    assert await numbers() == [(10, False), (20, False), (30, False)]

    with pytest.raises(AssertionError, match="gone"):
        async with storage.transaction() as work:
            await work.finish(kept, (), (), (), (rewritten(("a", "x", 11), ("c", "x", 1)),))
    assert await numbers() == [(10, False), (20, False), (30, False)]
    async with storage.transaction() as work:
        assert await work.load(["T1"]) == {}
