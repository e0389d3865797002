"""One session leads at a time, and whatever ends its turn lets the next one in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

import pytest

from chassis import leader
from chassis.leader import lead_for_ever
from chassis.postgres import Pool, leading, open_pool

LOCK = 9_001
# Other workers' tests lead in databases of their own on the same server.
END_WHO_LEADS = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND objid = $1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


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


class Work:
    """Who is at work, over the life of two processes."""

    def __init__(self) -> None:
        self.at_work: list[str] = []
        self.begun: list[str] = []

    async def of(self, who: str) -> None:
        """Works until cancelled."""
        self.at_work.append(who)
        self.begun.append(who)
        try:
            await asyncio.Event().wait()
        finally:
            self.at_work.remove(who)

    async def begun_by(self, count: int) -> str:
        """Who is at work when it was begun so often, and whoever had it before has stopped."""
        async with asyncio.timeout(30):
            while len(self.begun) < count or len(self.at_work) != 1:  # noqa: ASYNC110 — the database decides when
                await asyncio.sleep(0.01)
        return self.at_work[0]


async def test_long_work_is_one_process_s_until_its_session_ends_and_then_another_s(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader, "LOOK_EVERY_S", 0.05)
    work = Work()
    async with contextlib.AsyncExitStack() as held:
        pools = {who: await open_pool(database_url, 2) for who in ("first", "second")}
        for pool in pools.values():
            held.callback(pool.terminate)
        running = {
            who: asyncio.create_task(
                lead_for_ever(pool, LOCK, [partial(work.of, who)], name="work")
            )
            for who, pool in pools.items()
        }
        leads = await work.begun_by(1)
        await asyncio.sleep(0.2)
        assert work.begun == [leads], "the other one asked again and again"
        other = next(who for who in running if who != leads)
        async with pools[other].acquire() as session:
            await session.execute(END_WHO_LEADS, LOCK)
        leads = await work.begun_by(2)
        other = next(who for who in running if who != leads)
        running[leads].cancel()
        await asyncio.wait({running[leads]})
        assert await work.begun_by(3) == other
        running[other].cancel()
        await asyncio.wait({running[other]})
        assert work.at_work == []


async def test_who_loses_its_session_stops_without_looking(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader, "LOOK_EVERY_S", 0.05)
    work = Work()
    leads = asyncio.create_task(lead_for_ever(pool, LOCK, [partial(work.of, "it")], name="work"))
    await work.begun_by(1)
    # Not from the start: on a busy machine the first asking may fail, and is repeated as seldom.
    monkeypatch.setattr(leader, "LOOK_EVERY_S", 3_600)
    await asyncio.sleep(0.2)
    async with pool.acquire() as session:
        await session.execute(END_WHO_LEADS, LOCK)
    async with asyncio.timeout(30):
        while work.at_work:  # noqa: ASYNC110 — the server's word decides when
            await asyncio.sleep(0.01)
    leads.cancel()
    await asyncio.wait({leads})


async def test_who_is_stopped_while_its_session_ends_stops(pool: Pool) -> None:
    begun = asyncio.Event()

    async def part() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            leads.cancel()

    leads = asyncio.create_task(lead_for_ever(pool, LOCK, [part], name="work"))
    await begun.wait()
    async with pool.acquire() as session:
        await session.execute(END_WHO_LEADS, LOCK)
    done, _ = await asyncio.wait({leads}, timeout=30)
    assert done, "the stop was lost"
    assert leads.cancelled()


async def test_a_part_that_fails_ends_the_process(pool: Pool) -> None:
    async def failing() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await lead_for_ever(pool, LOCK, [failing, asyncio.Event().wait], name="work")  # type: ignore[list-item]
    assert await led(pool), "its lock went with it"
