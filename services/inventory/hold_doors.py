"""Inventory's door for holds of orders: somebody who sees a payment in progress keeps the goods longer. Bearer token.

POST /holds/{order_id}/extend is a command to the single writer and answers with its result. Under one
`idempotency_key` a hold is extended once: the same again gets the first answer, another body is refused. How long
and how often says `rules/hold`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.clock import Clock
from chassis.commands import CommandDesk, StillPending
from chassis.http import Problem, as_json, problem_response
from chassis.ids import request_id
from schemas.events.commands_inventory import ExtendHold
from services.inventory.api import answering, read_wanted
from services.inventory.doors import guarded
from services.inventory.papers import Actor, Reason
from services.inventory.written import HOLD_S_MAX, Key

METHOD, PATH = "POST", "/holds/{order_id}/extend"
REFUSALS = {
    "unknown_order": (404, "没有这个订单"),
    "not_held": (409, "该订单没有占着货"),
    "paid": (409, "已付款，不会到期"),
    "expired": (409, "预占已到期"),
    "extension_limit": (409, "该订单不能再延长"),
    "key_reused": (422, "该幂等键已用于另一请求"),
}


class WrittenExtension(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /holds/{order_id}/extend: who sees the payment, and why it is believed."""

    idempotency_key: Key
    actor: Actor
    reason: Reason
    for_s: Annotated[int, Meta(ge=1, le=HOLD_S_MAX)] | None = None


class Extended(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of it."""

    order_id: str
    expires_at: str = ""
    """When the hold ends unless it is paid."""
    pending: bool = False
    """No answer yet: ask again under the same key."""


def hold_routes(
    desk: CommandDesk, clock: Clock, *, token: str, answer_timeout_s: float
) -> list[Route]:
    """The door."""

    async def extend(request: Request) -> Response:
        order_id = request.path_params["order_id"]
        wanted = await read_wanted(request, WrittenExtension)
        content = msgspec.json.encode(wanted).decode()
        answer = await desk.ask(
            ExtendHold(
                order_id=order_id,
                command_id=request_id("extend", order_id, content),
                issued_at=clock.now(),
                actor=wanted.actor,
                extension_key=wanted.idempotency_key,
                for_s=wanted.for_s,
                reason=wanted.reason,
            ),
            answer_timeout_s,
        )
        if isinstance(answer, StillPending):
            return as_json(Extended(order_id=order_id, pending=True), 202)
        if answer.outcome != "done":
            status, title = REFUSALS[answer.reason]
            code = "idempotency_key_reused" if answer.reason == "key_reused" else answer.reason
            return problem_response(Problem(status=status, code=code, title=title))
        return as_json(Extended(order_id=order_id, expires_at=answer.result_id))

    return [Route(PATH, guarded(answering(extend), token), methods=[METHOD])]
