"""HTTP doors: ask something of an order, read one, read the funnel.

Guarantees: nothing is written here; a POST is a command to the order's one writer and answers 200 with what
was done, 409 with the reason of a refusal, or 202 when the answer has not come in time (ask again with the
same `command_id`: it has one effect). 503: a server is away, and what was asked may be done all the same.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec
from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.clock import Clock
from chassis.commands import CommandDesk, StillPending
from chassis.http import (
    RETRY_SOON,
    Problem,
    as_json,
    as_problem,
    problem_response,
    read_body,
    unauthorised,
)
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Pool
from chassis.producer import DeliveryFailed
from schemas.events.commands_orders import CancelOrder, HoldOrder, LiftHold, ReviewOrder
from services.orders.store import QUERIES, funnel, read_order
from services.orders.views import view

BODY_MAX_BYTES = 16_384
TEXT_MAX_CHARS = 500
AWAY_NOW = Problem(status=503, code="away", title="暂时无法处理，请稍后重试")
_ORDER_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


class Ask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of every POST. Without a `command_id` each call is a command of its own."""

    reason: str
    actor: str
    command_id: str = ""
    passed: bool = True
    """For reviews only."""


class Answer(Struct, frozen=True, kw_only=True):
    """Body of 200 and 202. `result` is the order's state, or `interception_asked`."""

    command_id: str
    outcome: str
    result: str


Command = HoldOrder | LiftHold | ReviewOrder | CancelOrder
COMMANDS: dict[str, Callable[..., Command]] = {
    "hold": HoldOrder,
    "lift": LiftHold,
    "review": ReviewOrder,
    "cancel": CancelOrder,
}


def command_of(name: str, order_id: str, ask: Ask, now: datetime) -> Command:
    """The command a door or the CLI sends; `name` is one of COMMANDS."""
    verdict = {"passed": ask.passed} if name == "review" else {}
    return COMMANDS[name](
        order_id=order_id,
        command_id=ask.command_id or str(uuid.uuid4()),
        issued_at=now,
        actor=ask.actor,
        reason=ask.reason,
        **verdict,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The service's own doors."""

    pool: Pool
    desk: CommandDesk
    clock: Clock
    token: str
    ask_timeout_s: float

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/funnel", self._guarded(self._funnel), methods=["GET"]),
                Route("/orders/{order_id}", self._guarded(self._show), methods=["GET"]),
                Route("/orders/{order_id}/{name}", self._guarded(self._ask), methods=["POST"]),
            ]
        )

    def _guarded(
        self, answer: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def behind(request: Request) -> Response:
            if refused := unauthorised(request, self.token):
                return refused
            try:
                return await answer(request)
            except (*AWAY, DeliveryFailed):
                return problem_response(AWAY_NOW, RETRY_SOON)

        return behind

    async def _funnel(self, _request: Request) -> Response:
        return as_json(await funnel(self.pool))

    async def _show(self, request: Request) -> Response:
        order_id = request.path_params["order_id"]
        if not _ORDER_ID.fullmatch(order_id):
            return _unknown()
        async with self.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            found = await read_order(connection, order_id)
        return _unknown() if found is None else as_json(view(found))

    async def _ask(self, request: Request) -> Response:
        order_id, name = request.path_params["order_id"], request.path_params["name"]
        if name not in COMMANDS:
            return as_problem(404, "command_unknown", "没有这个操作")
        if not _ORDER_ID.fullmatch(order_id):
            return _unknown()
        ask = await _read(request)
        if isinstance(ask, Response):
            return ask
        async with self.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            known = await connection.fetchval(QUERIES["order"], order_id)
        if known is None:
            return _unknown()
        command = command_of(name, order_id, ask, self.clock.now())
        settled = await self.desk.ask(command, self.ask_timeout_s)
        if isinstance(settled, StillPending):
            pending = Answer(command_id=settled.command_id, outcome="pending", result="")
            return as_json(pending, 202)
        if settled.outcome == "refused":
            return as_problem(409, settled.result_id or "refused", settled.reason)
        return as_json(
            Answer(command_id=settled.command_id, outcome=settled.outcome, result=settled.result_id)
        )


async def _read(request: Request) -> Ask | Response:
    try:
        length = int(request.headers.get("content-length", "0"))
    except ValueError:
        return as_problem(400, "malformed", "请求内容不合规")
    if length > BODY_MAX_BYTES:
        return as_problem(413, "too_large", "请求内容过大")
    body = await read_body(request, BODY_MAX_BYTES)
    if body is None:
        return as_problem(413, "too_large", "请求内容过大")
    try:
        ask = msgspec.json.decode(body, type=Ask)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return as_problem(400, "malformed", "请求内容不合规", str(error))
    if not ask.reason.strip() or not ask.actor.strip():
        return as_problem(422, "reason_and_actor", "必须写明原因和操作人")
    if max(len(ask.reason), len(ask.actor), len(ask.command_id)) > TEXT_MAX_CHARS:
        return as_problem(422, "too_long", f"文字不能超过 {TEXT_MAX_CHARS} 个字")
    if not (ask.reason + ask.actor + ask.command_id).isprintable():
        return as_problem(422, "unprintable", "文字里有不可见字符")
    return ask


def _unknown() -> Response:
    return as_problem(404, "order_unknown", "没有这个订单")
