"""Services that start beside each other wait for no stranger's migrations, and say whose they wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from chassis.errors import Unavailable
from chassis.postgres import migrate

SOON_S = 10.0
"""For what takes no time where it waits for nobody, and no end where it does."""


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Two owners with one table each."""
    for owner in ("slow", "quick"):
        add(tmp_path / owner, "0001_first.sql", f"CREATE TABLE {owner} (number int);")
    return {owner: tmp_path / owner for owner in ("slow", "quick")}


def add(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


@asynccontextmanager
async def session(url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def migrating_for_long(url: str, folder: Path) -> AsyncIterator[None]:
    """The owner `slow` in the middle of a migration, which goes to its end with the block."""
    # Its stay in the transaction is bounded by a lock of ours, and its patience with that must not be.
    add(folder, "0002_long.sql", "SET LOCAL lock_timeout = 0;\nSELECT pg_advisory_xact_lock(1);")
    async with session(url) as holder:
        await holder.execute("SELECT pg_advisory_lock(1)")
        running = asyncio.ensure_future(migrate(url, {"slow": folder}))
        waiting = (
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
        )
        async with asyncio.timeout(10):
            while not await holder.fetchval(waiting):
                assert not running.done()
        yield
        await holder.execute("SELECT pg_advisory_unlock(1)")
        assert await running == ["slow/0002_long.sql"]


async def test_an_owner_does_not_wait_for_another_owners_migrations(
    empty_database_url: str, folders: dict[str, Path]
) -> None:
    slow, quick = folders["slow"], folders["quick"]
    await migrate(empty_database_url, {"slow": slow})
    async with migrating_for_long(empty_database_url, slow), asyncio.timeout(SOON_S):
        assert await migrate(empty_database_url, {"quick": quick}) == ["quick/0001_first.sql"]
        assert await migrate(empty_database_url, {"quick": quick}) == []


async def test_who_has_to_wait_is_told_for_whom_and_goes_on_afterwards(
    empty_database_url: str, folders: dict[str, Path]
) -> None:
    await migrate(empty_database_url, folders)
    async with migrating_for_long(empty_database_url, folders["slow"]):
        async with asyncio.timeout(SOON_S):
            with pytest.raises(Unavailable, match="another process migrates slow"):
                await migrate(empty_database_url, folders)
    assert await migrate(empty_database_url, folders) == []


async def test_where_nothing_is_missing_no_lock_is_needed(
    empty_database_url: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    await migrate(empty_database_url, folders)
    newer = tmp_path / "newer"
    add(newer, "0001_first.sql", (folders["slow"] / "0001_first.sql").read_text(encoding="utf-8"))
    async with migrating_for_long(empty_database_url, newer), asyncio.timeout(SOON_S):
        assert await migrate(empty_database_url, folders) == []


async def test_services_that_start_together_on_an_empty_database_apply_each_file_once(
    empty_database_url: str, folders: dict[str, Path]
) -> None:
    async def patient() -> None:
        while True:
            try:
                await migrate(empty_database_url, folders)
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                return

    async with asyncio.timeout(SOON_S):
        await asyncio.gather(*(patient() for _ in range(4)))
    assert await migrate(empty_database_url, folders) == []


async def test_a_migration_behind_a_long_query_lets_the_others_pass_and_comes_again(
    empty_database_url: str, folders: dict[str, Path]
) -> None:
    await migrate(empty_database_url, folders)
    add(folders["slow"], "0002_column.sql", "ALTER TABLE slow ADD COLUMN name text;")
    async with session(empty_database_url) as reader, session(empty_database_url) as other:
        await reader.execute("BEGIN; SELECT FROM slow")
        async with asyncio.timeout(SOON_S):
            with pytest.raises(Unavailable, match=r"slow/0002_column\.sql does not get its tables"):
                await migrate(empty_database_url, folders)
            await other.execute("SELECT FROM slow")
        await reader.execute("COMMIT")
    assert await migrate(empty_database_url, folders) == ["slow/0002_column.sql"]


async def test_an_index_is_built_beside_writers_and_again_where_a_killed_run_left_it_unfinished(
    empty_database_url: str, folders: dict[str, Path]
) -> None:
    await migrate(empty_database_url, folders)
    add(
        folders["slow"],
        "0002_index.sql",
        "-- outside a transaction\n-- Why.\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS slow_by_number ON public.slow (number);\n",
    )
    async with session(empty_database_url) as writer:
        writing = writer.transaction()
        await writing.start()
        await writer.execute("INSERT INTO slow VALUES (1)")
        killed = asyncio.ensure_future(migrate(empty_database_url, folders))
        async with session(empty_database_url) as killer:
            begun = (
                "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('slow_by_number')"
            )
            async with asyncio.timeout(10):
                while await killer.fetchval(begun) is None:
                    assert not killed.done()
            await killer.execute("INSERT INTO slow VALUES (2)", timeout=SOON_S)
            await killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%CREATE INDEX CONC%' "
                "AND pid <> pg_backend_pid() AND datname = current_database()"
            )
            with pytest.raises(Unavailable):
                await killed
            assert await killer.fetchval(begun) is False
            await writing.commit()
            assert await migrate(empty_database_url, folders) == ["slow/0002_index.sql"]
            assert await killer.fetchval(begun) is True
