"""The embedded stack for tests: one shared by all workers and runs, private ones for fault tests.

Guarantees: the shared stack starts once, on first use, and is stopped by the last run that uses
it; what a killed run left is ended by the next; tests see databases, Valkey numbers and topic
prefixes of their own.
"""

import asyncio
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec
import valkey
from confluent_kafka.admin import AdminClient

from chassis.postgres import migrate, migration_files
from deploy.embedded import stack
from deploy.embedded import state as states
from deploy.embedded.processes import is_alive
from deploy.embedded.stack import SERVERS, Stack
from deploy.embedded.valkey import DATABASES

_CLONE = Path(__file__).resolve().parents[2]
SHARED_HOME = _CLONE / ".danshu" / "test"
PRIVATE_HOMES = _CLONE / ".danshu" / "private"
_USERS = _CLONE / ".danshu" / "test.users"

_T = TypeVar("_T")


def shared() -> Stack:
    """The stack DANSHU_TEST_STACK names (a stack.json), else the clone's own, started if need be."""
    if named := os.environ.get("DANSHU_TEST_STACK"):
        document = msgspec.json.decode(Path(named).read_bytes())
        return msgspec.convert(document["addresses"], Stack)
    return stack.up(SHARED_HOME, keep=False)


def join_users() -> TextIO:
    """Tell other runs in this clone that this one may use the shared stack."""
    _USERS.parent.mkdir(exist_ok=True)
    users = _USERS.open("w")
    fcntl.flock(users, fcntl.LOCK_SH)
    return users


def leave_users(users: TextIO) -> None:
    """Stop the shared stack unless another run still uses it."""
    with users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if states.read(SHARED_HOME) is not None:
            stack.down(SHARED_HOME, wipe=True)


def end_orphans() -> None:
    """End private stacks whose test run was killed."""
    for home in PRIVATE_HOMES.glob("*"):
        with (home / "owner.lock").open("w") as owner:
            try:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            stack.down(home, wipe=True)
            shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateStack:
    """A stack whose servers a test may kill; every server is up again for the next test."""

    home: Path
    addresses: Stack

    def kill(self, server: str) -> None:
        """SIGKILL a server with all its processes."""
        stack.kill(self.home, server)

    def start(self, server: str) -> None:
        """Start it again on its port and data, and wait for its answer."""
        stack.start(self.home, server)

    def restart(self, server: str) -> None:
        """Stop it in order and start it again."""
        stack.restart(self.home, server)

    def pause(self, server: str) -> None:
        """SIGSTOP a server's main process."""
        os.kill(self._pid(server), signal.SIGSTOP)

    def resume(self, server: str) -> None:
        """SIGCONT it."""
        os.kill(self._pid(server), signal.SIGCONT)

    def mend(self) -> None:
        """Bring every server back to life."""
        for server in SERVERS:
            if is_alive(states.read_started(self.home).server(server).identity):
                self.resume(server)
            else:
                self.start(server)

    def _pid(self, server: str) -> int:
        return states.read_started(self.home).server(server).identity.pid


@contextmanager
def private() -> Iterator[PrivateStack]:
    """A stack of its own, ended and removed with the block."""
    home = PRIVATE_HOMES / secrets.token_hex(4)
    home.mkdir(parents=True)
    with (home / "owner.lock").open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        try:
            yield PrivateStack(home=home, addresses=stack.up(home, keep=False))
        finally:
            stack.down(home, wipe=True)
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def fresh_database(postgres_url: str, folders: Mapping[str, Path] | None = None) -> Iterator[str]:
    """The URL of a database beside the given one, dropped with the block.

    It is empty, or as `migrate` with these folders leaves it: migrating takes half of a short test, copying a tenth.
    """
    name = f"t_{secrets.token_hex(6)}"
    template = _complete(_migrated(postgres_url, folders)) if folders else "template0"
    _complete(_execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield _beside(postgres_url, name)
    finally:
        _complete(_execute(postgres_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@contextmanager
def fresh_valkey_database(valkey_url: str) -> Iterator[int]:
    """The number of an empty Valkey database, emptied again with the block.

    Numbers are dealt by the server, so that neither workers nor runs collide.
    """
    with valkey.Valkey.from_url(valkey_url) as counter:
        number = int(counter.incr("test-database")) % (DATABASES - 1) + 1
    with valkey.Valkey.from_url(numbered(valkey_url, number)) as own:
        own.flushdb()
        yield number
        own.flushdb()


def numbered(valkey_url: str, number: int) -> str:
    """The same server's URL with another database number."""
    return urlunsplit(urlsplit(valkey_url)._replace(path=f"/{number}"))


@contextmanager
def fresh_topics(kafka_bootstrap: str) -> Iterator[str]:
    """A prefix for topic names no other test has; its topics are deleted with the block."""
    prefix = f"t{secrets.token_hex(4)}"
    yield prefix
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap, "log_level": 0})
    topics = admin.list_topics(timeout=10).topics
    own = [name for name in topics if name.startswith(f"{prefix}.")]
    if own:
        for deleted in admin.delete_topics(own, operation_timeout=0).values():
            deleted.result(timeout=10)


async def _migrated(postgres_url: str, folders: Mapping[str, Path]) -> str:
    """The name of a database that is only ever copied; made by whoever comes first."""
    digest = hashlib.sha256()
    for part in migration_files(folders):
        digest.update("\0".join(part).encode())
    name = f"m_{digest.hexdigest()[:16]}"
    connection = await asyncpg.connect(postgres_url, timeout=10)
    try:
        await connection.execute("SELECT pg_advisory_lock(hashtext($1))", name, timeout=60)
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name) is None:
            await connection.execute(f"DROP DATABASE IF EXISTS {name}_new WITH (FORCE)")
            await connection.execute(f"CREATE DATABASE {name}_new TEMPLATE template0")
            await migrate(_beside(postgres_url, f"{name}_new"), folders)
            await connection.execute(f"ALTER DATABASE {name}_new RENAME TO {name}")
    finally:
        await connection.close(timeout=10)
    return name


def _beside(postgres_url: str, database: str) -> str:
    return urlunsplit(urlsplit(postgres_url)._replace(path=f"/{database}"))


async def _execute(postgres_url: str, statement: str) -> None:
    connection = await asyncpg.connect(postgres_url, timeout=10)
    try:
        await connection.execute(statement, timeout=30)
    finally:
        await connection.close(timeout=10)


def _complete(work: Coroutine[Any, Any, _T]) -> _T:
    # In a thread: the fixture may be called where a test's event loop is current.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
