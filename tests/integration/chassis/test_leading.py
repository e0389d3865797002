"""One session leads at a time, and whatever ends its turn lets the next one in."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chassis.postgres import Pool, leading, open_pool

LOCK = 9_001


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, 3)
    yield pool
    pool.terminate()


async def led(pool: Pool) -> bool:
    async with leading(pool, LOCK) as session:
        return session is not None


async def test_only_one_leads(pool: Pool) -> None:
    async with leading(pool, LOCK) as session:
        assert session is not None
        assert await session.fetchval("SELECT 1") == 1
        assert not await led(pool)


@pytest.mark.parametrize("end", [TimeoutError("Postgres was slow"), asyncio.CancelledError(), None])
async def test_after_a_turn_that_ended_in_any_way_another_session_can_lead(
    pool: Pool, end: BaseException | None
) -> None:
    async def turn() -> None:
        async with leading(pool, LOCK) as session:
            assert session is not None
            if end is not None:
                raise end

    await asyncio.gather(turn(), return_exceptions=True)
    # Whoever takes the session that led away from the pool must not take the lock with it.
    async with pool.acquire():
        for _ in range(200):
            if await led(pool):
                return
            await asyncio.sleep(0.01)
        pytest.fail("nobody can lead any more")


async def test_who_leads_turn_after_turn_does_so_in_one_session(pool: Pool) -> None:
    """A new session costs Postgres and us some milliseconds; timers lead each second."""
    sessions = set()
    for _ in range(5):
        async with leading(pool, LOCK) as session:
            assert session is not None
            sessions.add(await session.fetchval("SELECT pg_backend_pid()"))
    assert len(sessions) == 1
