"""A service ends within its time, whether Postgres takes leave of it or not."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from chassis.postgres import CLOSE_TIMEOUT_S, close_pool, open_pool

TOO_LONG_S = 4 * CLOSE_TIMEOUT_S


class Wire:
    """A wire to Postgres that may go dead: nothing comes through it any more, not even that it was cut."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._ends: list[asyncio.StreamWriter] = []
        self._alive = asyncio.Event()
        self._alive.set()

    async def joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways, while the wire lives."""
        there, to_there = await asyncio.open_connection(*self._to)
        self._ends += [writer, to_there]
        await asyncio.gather(self._carry(reader, to_there), self._carry(there, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self._alive.wait()
            writer.write(data)
        await self._alive.wait()
        writer.close()

    def die(self) -> None:
        """From now on."""
        self._alive.clear()

    def cut(self) -> None:
        """Ends both ends."""
        self._alive.set()
        for end in self._ends:
            end.close()


@pytest.fixture
async def wire(database_url: str) -> AsyncIterator[tuple[Wire, str]]:
    """A wire, and the URL of Postgres at its other end."""
    url = urlsplit(database_url)
    wire = Wire(url.hostname or "", url.port or 0)
    server = await asyncio.start_server(wire.joined, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield wire, url._replace(netloc=f"{url.username}@127.0.0.1:{port}").geturl()
    server.close()
    wire.cut()


async def test_leave_is_taken(wire: tuple[Wire, str]) -> None:
    pool = await open_pool(wire[1], 2)
    assert await pool.fetchval("SELECT 1") == 1
    await close_pool(pool)
    await close_pool(pool)
    assert pool.get_size() == 0


@pytest.mark.parametrize("in_use", [False, True])
async def test_who_does_not_answer_is_left_without(wire: tuple[Wire, str], in_use: bool) -> None:
    pool = await open_pool(wire[1], 2)
    if in_use:
        await pool.acquire()
    wire[0].die()
    async with asyncio.timeout(TOO_LONG_S):
        await close_pool(pool)
    assert pool.get_size() == 0
