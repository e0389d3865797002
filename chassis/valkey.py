"""Valkey with deadlines and without hidden repetition.

A repeated command is ours to decide: clients of this family may silently send a timed-out command again, so
retries are off and every script is idempotent by itself. Scripts are `.lua` files run by digest; a server
that forgot them (restart, failover) gets the text again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import valkey.asyncio as aio
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.exceptions import NoScriptError, ValkeyError

from chassis.errors import Unavailable

SOCKET_TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 1.0

AWAY = (ValkeyError, OSError, TimeoutError)


def connect(url: str, connections_max: int = 8) -> Any:
    """A client; connects on first use. Values are bytes."""
    return aio.Valkey.from_url(
        url,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        retry_on_timeout=False,
        max_connections=connections_max,
    )


class Script:
    """One `.lua` file on one client."""

    def __init__(self, client: Any, path: Path) -> None:
        self._client = client
        self._text = path.read_text(encoding="utf-8")
        self._sha = ""

    async def __call__(self, keys: list[str], arguments: list[Any]) -> Any:
        """Runs the script. Raises Unavailable; the outcome is then unknown and the call may be repeated."""
        try:
            if not self._sha:
                self._sha = await self._client.script_load(self._text)
            try:
                return await self._client.evalsha(self._sha, len(keys), *keys, *arguments)
            except NoScriptError:
                return await self._client.eval(self._text, len(keys), *keys, *arguments)
        except AWAY as error:
            raise Unavailable(f"Valkey: {type(error).__name__}") from error
