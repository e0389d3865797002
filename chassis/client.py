"""The HTTP client of tools: commands, the demo and tests. Services call out with `chassis.outgoing`."""

from __future__ import annotations

from typing import Any

import httpx2

from chassis.deadlines import CALL_TIMEOUT_S, CONNECT_TIMEOUT_S, CONNECTIONS_MAX


def client(**options: Any) -> httpx2.AsyncClient:
    """A client: bounded in time and connections, no redirects, no environment proxies, no retries."""
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(CALL_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        limits=httpx2.Limits(
            max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX
        ),
        follow_redirects=False,
        trust_env=False,
        **options,
    )
