"""Inventory's doors for documents: each POST is a command to the single writer and answers with its result.

Bearer token at each. The same document with the same content again gets its first answer; its number with another
content is refused (409). `actor` is the caller's word: whoever holds the token vouches for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.clock import Clock
from chassis.commands import CommandDesk, StillPending
from chassis.http import Problem, problem_response, read_body
from chassis.ids import request_id
from schemas.events.commands_inventory import RepairStock
from services.inventory.doors import BODY_BYTES_MAX, Code, guarded, json_answer

Actor = Annotated[str, Meta(min_length=1, max_length=64)]
Reason = Annotated[
    str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x08\x0e-\x1f\x7f]*\S")
]

REFUSALS = {
    "already_booked": "单据号已用过，内容不同",
    "no_reason": "没有写原因",
    "nothing_to_repair": "账本一致，无需修账",
    "oversold": "预占超过实物，先释放订单再修账",
    "unusable_code": "编码含不可用字符",
}


class Written(Protocol):
    """A document as it is sent to us."""

    @property
    def document_no(self) -> str:
        """Number of the document."""
        ...

    def command(self, clock: Clock) -> Any:
        """The command, with an id that follows from the content."""
        ...


def named(kind: str, written: Struct, clock: Clock) -> dict[str, Any]:
    """What every command of a document carries."""
    return {
        "command_id": request_id(kind, msgspec.json.encode(written).decode()),
        "issued_at": clock.now(),
    }


class WrittenRepair(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The books of one row are to agree."""

    document_no: Code
    warehouse: Code
    sku: Code
    reason: Reason
    actor: Actor

    def command(self, clock: Clock) -> RepairStock:
        """The command, with an id that follows from the content."""
        return RepairStock(**msgspec.structs.asdict(self), **named("repair", self, clock))


DOORS: Mapping[str, type[Written]] = {
    "/repairs": WrittenRepair,
}


def document_routes(
    desk: CommandDesk, clock: Clock, *, token: str, answer_timeout_s: float
) -> list[Route]:
    """The doors, one a kind of paper."""

    def door(kind: type[Written]) -> Any:
        async def post(request: Request) -> Response:
            body = await read_body(request, BODY_BYTES_MAX)
            if body is None:
                return problem_response(Problem(status=413, code="too_large", title="内容过大"))
            try:
                written = msgspec.json.decode(body, type=kind)
            except (msgspec.MsgspecError, RecursionError) as error:
                return problem_response(
                    Problem(status=422, code="malformed", title="单据内容有误", detail=str(error))
                )
            answer = await desk.ask(written.command(clock), answer_timeout_s)
            if isinstance(answer, StillPending):
                return json_answer({"outcome": "pending", "command_id": answer.command_id}, 202)
            if answer.outcome != "done":
                title = REFUSALS.get(answer.reason, "未能入账")
                return problem_response(
                    Problem(status=409, code=answer.reason, title=title, detail=answer.result_id)
                )
            return json_answer({"outcome": "done", "document_no": written.document_no})

        return guarded(post, token)

    return [Route(path, door(kind), methods=["POST"]) for path, kind in DOORS.items()]
