"""How a command finds the servers: the settings given, else those of the embedded stack that runs here.

Guarantees: a server that is away is said in one line with its remedy, exit status 1, and never a traceback.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
import typer
from confluent_kafka import KafkaException

from chassis.errors import StartRefused, Unavailable
from chassis.postgres import AWAY, COMMAND_TIMEOUT_S, CONNECT_TIMEOUT_S, SERVER_SETTINGS
from chassis.producer import DeliveryFailed
from chassis.settings import Settings, read
from deploy.embedded import stack

T = TypeVar("T")
S = TypeVar("S", bound=Settings)


class NotReached(Exception):
    """A server does not answer, or has never been set up. `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}\n→ {remedy}")
        self.remedy = remedy


def settings() -> Settings:
    """The shared settings of this shell. Raises NotReached when they are not usable."""
    return settings_of(Settings)


def settings_of(kind: type[S]) -> S:
    """A service's settings in this shell. Raises NotReached when they are not usable."""
    running = stack.running(stack.default_home())
    addresses = running.environment() if running is not None else {}
    try:
        return read(kind, {**addresses, **os.environ})
    except StartRefused as refusal:
        raise NotReached(str(refusal), "`danshu settings` lists every setting.") from None


@asynccontextmanager
async def database(url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """One connection with deadlines."""
    connection = await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings=SERVER_SETTINGS,
    )
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT_S)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs to the end; ends the command where a server is away."""
    try:
        return asyncio.run(work)
    except (asyncpg.InvalidCatalogNameError, asyncpg.UndefinedTableError):
        _end("no service has ever run on this database", "start one, or `danshu demo`")
    except AWAY as error:
        _end(f"Postgres does not answer: {type(error).__name__}", "`danshu up` starts it")
    except (DeliveryFailed, KafkaException, Unavailable) as error:
        _end(f"not reached: {error}", "`danshu up` starts the servers")
    except StartRefused as refusal:
        _end(str(refusal), "see above")
    raise AssertionError


def _end(message: str, remedy: str) -> None:
    typer.echo(f"danshu: {message}\n→ {remedy}", err=True)
    raise typer.Exit(1)
