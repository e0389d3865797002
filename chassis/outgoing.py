"""Calls of services to foreign parties: stated deadlines, nothing repeated in secret."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

import aiohttp
from msgspec import Struct
from yarl import URL

from chassis.deadlines import CALL_TIMEOUT_S, CONNECT_TIMEOUT_S, CONNECTIONS_MAX


class Came(Struct, frozen=True, kw_only=True):
    """What a called party answered. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Exception):
    """No answer came, or not in time: whether the other side acted is unknown. The text is the error's type."""


class Outgoing:
    """Calls to foreign parties: bounded in time and connections, no redirects, cookies or environment proxies.

    A POST is never repeated by itself; a GET may be, where a kept connection turns out to be closed. The URL
    goes out byte for byte, since parties sign it. An async context; made anywhere, connects on first use.
    """

    def __init__(self, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def call(
        self, method: str, url: str, *, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> Came:
        """One call. Raises NoAnswer."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
                timeout=aiohttp.ClientTimeout(
                    total=self._timeout_s, sock_connect=CONNECT_TIMEOUT_S
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        try:
            # The client's own deadline leaves out what it does before and after; a call must end in any case.
            async with (
                asyncio.timeout(self._timeout_s + CONNECT_TIMEOUT_S),
                self._session.request(
                    method,
                    URL(url, encoded=True),
                    headers=list(headers),
                    data=body or None,
                    allow_redirects=False,
                ) as answer,
            ):
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoAnswer(type(error).__name__) from error
        return Came(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=content,
        )

    async def close_when_cancelled(self) -> None:
        """A task of the service that leaves the connections open until the service stops."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Closes the connections; a later call opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None
