"""Postgres with deadlines: pools, migrations, named queries.

asyncpg has no deadline of its own: every connection here gets command, lock, statement and idle limits, so
that a half-open socket or a forgotten transaction ends as an error and not as silence.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg

from chassis.errors import StartRefused, Unavailable
from chassis.log import logger

Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 30.0
ACQUIRE_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
MIGRATING = 7266873
"""First half of the advisory locks of migrations, arbitrary and ours; the second half is the owner's."""
MIGRATION_LOCK_TIMEOUT = "2s"
"""What waits behind a long query for a table lock has everybody else queue behind it. A file that must be more patient sets its own."""
OUTSIDE = "-- outside a transaction\n"
"""First line of a migration that is one `CREATE INDEX CONCURRENTLY IF NOT EXISTS`: nobody waits for it, so it may take its time."""
_CONCURRENTLY = re.compile(
    r"^CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS (\w+) ON (\w+)\.\w+ [^;]+;\s*\Z",
    re.MULTILINE,
)
SERVER_SETTINGS = {
    "lock_timeout": "5s",
    "statement_timeout": "25s",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_user_timeout": "15s",
    # A machine that is gone leaves its locks after half a minute, not after the system's two hours.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
    "synchronous_commit": "on",
    "timezone": "UTC",
}

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
"""What means "not now": the server is away, restarting, overloaded, or asks to run the transaction again.
A lost connection at COMMIT is among them: the decision is taken again from the offsets, never the statement."""


async def _keep_session(_connection: Connection) -> None:
    """Nobody here gives back a session with state in it, so the round trip of a reset after every use is saved."""


async def open_pool(url: str, size: int, name: str = "danshu") -> Pool:
    """A pool of at most `size` connections, by `name` in pg_stat_activity. Raises Unavailable."""
    try:
        return await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            max_inactive_connection_lifetime=300.0,
            server_settings={**SERVER_SETTINGS, "application_name": name},
            reset=_keep_session,
        )
    except AWAY as error:
        raise Unavailable(f"Postgres does not answer: {type(error).__name__}") from error


async def close_pool(pool: Pool) -> None:
    """Takes leave of the server; who does not answer within CLOSE_TIMEOUT_S is left without. A second call does nothing.

    By itself asyncpg waits as long as for a statement, longer than a service has for its whole end.
    """
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await pool.close()
    except AWAY as away:
        logger.warning(
            "left without leave", server="postgres", why=f"{type(away).__name__}: {away}"
        )


@asynccontextmanager
async def transaction(connection: Connection, opening: str = "") -> AsyncIterator[None]:
    """A transaction that begins with the statements of `opening` (they take no parameters) in one round trip.

    Commits at the end of the block, rolls back on any exception. Raises AWAY.
    """
    try:
        await connection.execute(f"BEGIN; {opening}")
        yield
        ended = await connection.execute("COMMIT")
    except BaseException:
        # The pool keeps sessions as they are: one in the middle of a transaction must not go back.
        try:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
        except AWAY:
            connection.terminate()
        raise
    assert ended == "COMMIT", "a statement had failed and nobody was told"


@asynccontextmanager
async def leading(pool: Pool, lock: int) -> AsyncIterator[Connection | None]:
    """The session that holds the advisory lock, or None while another session has it; raises AWAY.

    Whatever ends the block or this process gives the lock back at once.
    """
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as session:
        if not await session.fetchval("SELECT pg_try_advisory_lock($1)", lock):
            yield None
            return
        # The pool keeps sessions as they are: one that goes back must not hold the lock any more. A session whose
        # block ended by an exception, as by being cancelled, may be in the middle of anything: it ends.
        given_back = False
        try:
            yield session
            with suppress(*AWAY):  # then the server gave it back
                await session.fetchval("SELECT pg_advisory_unlock($1)", lock)
                given_back = True
        finally:
            if not given_back:
                # The pool has taken back a session that was lost, and says so: no word to put in the place of a stop.
                with suppress(*AWAY):
                    session.terminate()


async def fetched(pool: Pool, statement: str, *arguments: object) -> list[Any]:
    """The rows of one statement outside any transaction of ours. Raises Unavailable."""
    try:
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            rows: list[Any] = await connection.fetch(statement, *arguments)
            return rows
    except AWAY as error:
        raise Unavailable(f"Postgres: {type(error).__name__}") from error


def named_queries(path: Path) -> Mapping[str, str]:
    """Queries of a `.sql` file: each starts with a line `-- name: what_it_does`."""
    parts = re.split(r"^-- name: (\w+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def migration_files(folders: Mapping[str, Path]) -> Iterator[tuple[str, str, str]]:
    """(owner, file name, text) of every migration, in order."""
    for owner, folder in folders.items():
        for path in sorted(folder.glob("[0-9]*.sql")):
            yield owner, path.name, path.read_text(encoding="utf-8")


async def migrate(url: str, folders: Mapping[str, Path]) -> list[str]:
    """Applies what is missing, one owner after the other, each file in its own transaction; one process at a time for each owner.

    Returns the files applied; a second call returns none. Raises StartRefused when an applied file was edited
    afterwards, Unavailable when Postgres does not answer, another process migrates an owner that has something
    missing, or a table is not to be had: what was applied till then stays, and the next call goes on.
    """
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
        try:
            return await _migrate(connection, folders)
        finally:
            await connection.close()
    except AWAY as error:
        raise Unavailable(f"Postgres does not answer: {type(error).__name__}") from error


async def _migrate(connection: Connection, folders: Mapping[str, Path]) -> list[str]:
    if await connection.fetchval("SELECT to_regclass('chassis.migrations')") is None:
        async with _alone(connection, "chassis"):
            await connection.execute(
                "CREATE SCHEMA IF NOT EXISTS chassis; CREATE TABLE IF NOT EXISTS chassis.migrations ("
                "owner text, name text, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), "
                "PRIMARY KEY (owner, name))"
            )
    missing = await _missing(connection, folders)
    applied = []
    for waiting in dict.fromkeys(owner for owner, _, _ in missing):
        async with _alone(connection, waiting):
            # Looked for again: whoever had the lock before may have applied some.
            for owner, name, text in await _missing(connection, {waiting: folders[waiting]}):
                logger.info("migrating", owner=owner, migration=name)
                await _apply(connection, owner, name, text)
                applied.append(f"{owner}/{name}")
    return applied


@asynccontextmanager
async def _alone(connection: Connection, owner: str) -> AsyncIterator[None]:
    """No other process migrates this owner meanwhile; raises Unavailable where one does.

    Nobody waits in the lock: it could not say so, and an index that is built concurrently would wait for it in turn.
    After an exception the connection's end gives the lock back.
    """
    lock = (MIGRATING, owner)
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1, hashtext($2))", *lock):
        raise Unavailable(f"another process migrates {owner}")
    yield
    await connection.execute("SELECT pg_advisory_unlock($1, hashtext($2))", *lock)


async def _missing(
    connection: Connection, folders: Mapping[str, Path]
) -> list[tuple[str, str, str]]:
    """Those of `migration_files` that are not applied. Raises StartRefused."""
    rows = await connection.fetch("SELECT owner, name, sha256 FROM chassis.migrations")
    done = {(row["owner"], row["name"]): row["sha256"] for row in rows}
    missing = []
    for owner, name, text in migration_files(folders):
        if (applied := done.get((owner, name))) is None:
            missing.append((owner, name, text))
        elif applied != _sha256(text):
            raise StartRefused(
                f"migration {owner}/{name} was edited after it was applied: restore the file and "
                "put the change into a new one."
            )
    return missing


async def _apply(connection: Connection, owner: str, name: str, text: str) -> None:
    """One file, and the note that it is applied."""
    note = "INSERT INTO chassis.migrations (owner, name, sha256) VALUES ($1, $2, $3)"
    if text.startswith(OUTSIDE):
        await _index(connection, text)
        await connection.execute(note, owner, name, _sha256(text))
        return
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{MIGRATION_LOCK_TIMEOUT}'")
            await connection.execute(text)
            await connection.execute(note, owner, name, _sha256(text))
    except asyncpg.LockNotAvailableError as error:
        raise Unavailable(
            f"{owner}/{name} does not get its tables while others use them"
        ) from error


async def _index(connection: Connection, text: str) -> None:
    """Builds an index while others write; one that a killed run left unfinished is dropped first."""
    found = _CONCURRENTLY.search(text)
    assert found, "outside a transaction stands nothing but one index"
    index = f"{found[2]}.{found[1]}"
    if await connection.fetchval(
        "SELECT true FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid", index
    ):
        await connection.execute(f"DROP INDEX CONCURRENTLY {index}")
    await connection.execute(text)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
