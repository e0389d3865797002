"""Doors: one ASGI server per port, bodies of bounded size, problem answers. Calls out are `chassis.outgoing`."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import uvicorn
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.errors import StartRefused


class Problem(Struct, frozen=True, kw_only=True):
    """RFC 9457 problem. `title` is for people, `code` for programs."""

    status: int
    code: str
    title: str
    detail: str = ""


RETRY_SOON = {"retry-after": "2"}
"""With every 503 of a door whose server is away: the answer to when."""
STARTING = Problem(
    status=503, code="starting", title="服务正在启动,请稍后再试", detail="it waits for its servers"
)


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """The answer as `application/problem+json`."""
    return Response(
        msgspec.json.encode(problem),
        status_code=problem.status,
        media_type="application/problem+json",
        headers=headers,
    )


def as_problem(status: int, code: str, title: str, detail: str = "") -> Response:
    """Why not, as `application/problem+json`."""
    return problem_response(Problem(status=status, code=code, title=title, detail=detail))


def as_json(value: object, status: int = 200) -> Response:
    """The answer as JSON."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def unauthorised(request: Request, token: str) -> Response | None:
    """None when the request carries our bearer token, or one of several that commas separate; otherwise the 401 to answer with."""
    given = request.headers.get("authorization", "").encode()
    known = [f"Bearer {one.strip()}".encode() for one in token.split(",") if one.strip()]
    # All are compared: how long it takes says nothing about which.
    if sum([hmac.compare_digest(given, one) for one in known]):
        return None
    return as_problem(401, "unauthorised", "缺少或错误的访问令牌")


async def read_body(request: Request, bytes_max: int) -> bytes | None:
    """Return the body, or None as soon as it is larger than `bytes_max`. Raises ClientDisconnect."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > bytes_max:
            return None
        parts.append(part)
    return b"".join(parts)


class Later:
    """An ASGI application that is known only after its door has opened; until then it answers 503."""

    def __init__(self) -> None:
        self._app: Any = None

    def open(self, app: Any) -> None:
        """From now on `app` answers."""
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        app = self._app or problem_response(STARTING)
        await app(scope, receive, send)


class _Server(uvicorn.Server):
    """Signals belong to chassis.service, not to a door."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Door:
    """An ASGI application on a port of its own."""

    def __init__(self, app: Any, host: str, port: int) -> None:
        self._address = (host, port)
        self._server = _Server(
            uvicorn.Config(
                app,
                log_level="warning",
                lifespan="off",
                access_log=False,
                # Nobody's forwarding headers are believed, so nobody needs to read them.
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=5,
                backlog=1024,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> int:
        """Starts to listen; returns the port. Raises StartRefused when nobody can listen there, as where it is taken."""
        listening = _bound(*self._address)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the server ended while it started")
            await asyncio.sleep(0.01)
        port: int = listening.getsockname()[1]
        return port

    async def close(self) -> None:
        """Finishes requests in hand (5 s at most) and stops."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


def _bound(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise StartRefused(
            f"cannot listen on {host}:{port}: {error.strerror}; end whoever does, or set another port or host"
        ) from None
    return bound


class Standing(Struct, frozen=True, kw_only=True):
    """How a process is doing. `reasons` keep it from its work; with what is `degraded` it works all the same."""

    reasons: tuple[str, ...]
    degraded: tuple[str, ...] = ()


def admin_app(standing: Callable[[], Standing]) -> Starlette:
    """/healthz (the loop turns), /readyz (503 with every reason why not, and what is degraded), /metrics."""

    async def healthz(_request: Request) -> Response:
        return Response(b"ok\n", media_type="text/plain")

    async def readyz(_request: Request) -> Response:
        now = standing()
        told = {"ready": not now.reasons, "reasons": now.reasons, "degraded": now.degraded}
        return as_json(told, 503 if now.reasons else 200)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ]
    )
