"""Fixtures of the whole suite: real servers, with a corner of their own for every test.

`stack` starts the embedded servers once for all workers. `database_url`, `valkey_url` and
`topic_prefix` are fresh per test. `private_stack` is for tests which kill servers, one for each
worker that has such tests.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import settings
from xdist.remote import Producer  # type: ignore[import-untyped]

from deploy.embedded.stack import Stack
from tests.support import stack as stacks
from tests.support.scheduling import SerialInOneWorker, turn

_CLONE = Path(__file__).parents[1]
MIGRATIONS = {
    folder.parents[1].name: folder
    for folder in (
        *_CLONE.glob("chassis/sql/migrations"),
        *_CLONE.glob("services/*/sql/migrations"),
    )
}

_USERS = pytest.StashKey[TextIO]()

# Hypothesis fails what takes 200 ms: nothing here is a timed test, and the machine may be busy.
settings.register_profile("untimed", parent=settings(), deadline=None)
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """In the controller only: workers come and go with it."""
    if not hasattr(config, "workerinput"):
        config.stash[_USERS] = stacks.join_users()
        stacks.end_orphans()


def pytest_unconfigure(config: pytest.Config) -> None:
    """After the last worker has ended."""
    if (users := config.stash.get(_USERS, None)) is not None:
        stacks.leave_users(users)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the order in which all workers end together."""
    items.sort(
        key=lambda item: turn(item.nodeid, serial=item.get_closest_marker("serial") is not None)
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SerialInOneWorker:
    """Who runs what."""
    return SerialInOneWorker(config, log)


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The shared servers' addresses; never stop or kill them."""
    return stacks.shared()


@pytest.fixture
def database_url(stack: Stack, request: pytest.FixtureRequest) -> Iterator[str]:
    """A Postgres database with the tables of the service whose folder the test is in, dropped after it."""
    owners = [owner for owner in MIGRATIONS if owner in request.path.parent.parts]
    folders = {owner: MIGRATIONS[owner] for owner in ("chassis", *owners)}
    with stacks.fresh_database(stack.postgres_url, folders) as url:
        yield url


@pytest.fixture
def empty_database_url(stack: Stack) -> Iterator[str]:
    """A Postgres database without any tables, dropped after the test."""
    with stacks.fresh_database(stack.postgres_url) as url:
        yield url


@pytest.fixture
def valkey_db(stack: Stack) -> Iterator[int]:
    """The number of an empty Valkey database, emptied after the test."""
    with stacks.fresh_valkey_database(stack.valkey_url) as number:
        yield number


@pytest.fixture
def valkey_url(stack: Stack, valkey_db: int) -> str:
    """The URL of this test's Valkey database."""
    return stacks.numbered(stack.valkey_url, valkey_db)


@pytest.fixture
def topic_prefix(stack: Stack) -> Iterator[str]:
    """A prefix for topic names; topics named `<prefix>.…` are deleted after the test."""
    with stacks.fresh_topics(stack.kafka_bootstrap) as prefix:
        yield prefix


@pytest.fixture(scope="session")
def worker_stack(request: pytest.FixtureRequest) -> Iterator[stacks.PrivateStack]:
    """Servers of this worker alone; what outlives a test may lie on them."""
    if hasattr(request.config, "workerinput"):
        stacks.shared()  # other workers start them just now: they have their ports before any of ours is given up
    with stacks.private() as private:
        yield private


@pytest.fixture
def private_stack(worker_stack: stacks.PrivateStack) -> Iterator[stacks.PrivateStack]:
    """Servers this test may kill, pause and restart; they are whole again for the next."""
    yield worker_stack
    worker_stack.mend()
