"""The HTTP client of tools: commands, the demo and tests. Services call out with `chassis.outgoing`."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import httpx2

from chassis.deadlines import CALL_TIMEOUT_S, CONNECT_TIMEOUT_S, CONNECTIONS_MAX


@cache
def trusted() -> ssl.SSLContext:
    """Whom the system trusts. Read once a process: reading takes longer than most calls."""
    return httpx2.create_ssl_context(trust_env=False)


def client(*, timeout_s: float = CALL_TIMEOUT_S, **options: Any) -> httpx2.AsyncClient:
    """A client: bounded in time and connections, no redirects, no environment proxies, no retries."""
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S),
        limits=httpx2.Limits(
            max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX
        ),
        follow_redirects=False,
        trust_env=False,
        verify=trusted(),
        **options,
    )
