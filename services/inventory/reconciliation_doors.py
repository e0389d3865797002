"""Inventory's doors for comparing the book with others' numbers. Bearer token at each.

POST /reconciliations?source=&at=[&partial=1][&dry_run=1][&warehouse=][&actor=] takes a CSV sheet as its body. The same
sheet for the same moment again gives the stored report. GET /reconciliations/{id}, POST …/{id}/close, GET /tasks,
POST /tasks/{id}/close.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.http import Problem, as_json, problem_response, read_body
from services.inventory.doors import BODY_BYTES_MAX, Code, guarded
from services.inventory.papers import Actor, Reason
from services.inventory.reconciling import Reconciler, Refusal, Sheet, sha256
from services.inventory.sheets import SheetBroken, read_sheet

SHEET_BYTES_MAX = 16_000_000
UNKNOWN = frozenset({"unknown_reconciliation", "unknown_task"})


class WrittenClosing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Documents that made up for differences."""

    documents: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...],
        Meta(min_length=1, max_length=500),
    ]
    actor: Actor


class WrittenTaskEnd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was done about a task."""

    reason: Reason
    actor: Actor
    document_no: Code | None = None


def reconciliation_routes(
    reconciler: Reconciler, sources: tuple[str, ...], *, token: str
) -> list[Route]:
    """The doors. `sources` are the kinds of system that send sheets."""

    async def reconcile(request: Request) -> Response:
        sheet = await _sheet(request, sources)
        if isinstance(sheet, Response):
            return sheet
        actor = request.query_params.get("actor", "api")
        if not actor.strip() or len(actor) > 64:
            return _malformed("actor has 1 to 64 characters")
        dry_run = request.query_params.get("dry_run", "") == "1"
        return as_json(await reconciler.reconcile(sheet, actor, dry_run=dry_run))

    async def show(request: Request) -> Response:
        return as_json(await reconciler.report(request.path_params["number"]))

    async def close(request: Request) -> Response:
        written = await _written(request, WrittenClosing)
        if isinstance(written, Response):
            return written
        number = request.path_params["number"]
        return as_json(await reconciler.close(number, written.documents, written.actor))

    async def tasks(request: Request) -> Response:
        closed_too = request.query_params.get("all", "") == "1"
        return as_json(await reconciler.tasks(closed_too=closed_too))

    async def close_task(request: Request) -> Response:
        written = await _written(request, WrittenTaskEnd)
        if isinstance(written, Response):
            return written
        await reconciler.close_task(
            request.path_params["task"],
            document_no=written.document_no or "",
            reason=written.reason,
            actor=written.actor,
        )
        return as_json({"outcome": "done"})

    def door(path: str, endpoint: Callable[[Request], Awaitable[Response]], method: str) -> Route:
        return Route(path, guarded(_answering(endpoint), token), methods=[method])

    return [
        door("/reconciliations", reconcile, "POST"),
        door("/reconciliations/{number}", show, "GET"),
        door("/reconciliations/{number}/close", close, "POST"),
        door("/tasks", tasks, "GET"),
        door("/tasks/{task}/close", close_task, "POST"),
    ]


def _answering(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refusal as refusal:
            status = 404 if refusal.code in UNKNOWN else 409
            return problem_response(
                Problem(status=status, code=refusal.code, title="未完成", detail=str(refusal))
            )

    return answer


async def _sheet(request: Request, sources: tuple[str, ...]) -> Sheet | Response:
    query = request.query_params
    content = await read_body(request, SHEET_BYTES_MAX)
    if content is None:
        return problem_response(Problem(status=413, code="too_large", title="文件过大"))
    source, at = query.get("source", ""), _moment(query.get("at", ""))
    if source not in sources:
        return _malformed(f"source is one of {', '.join(sources)}")
    if at is None:
        return _malformed("at is a time with its zone, such as 2026-11-11T22:00:00+08:00")
    try:
        rows = await asyncio.to_thread(read_sheet, content, query.get("warehouse", ""))
    except SheetBroken as broken:
        return _malformed("; ".join(broken.problems))
    return Sheet(
        source=source,
        at=at,
        rows=rows,
        listed_only=query.get("partial", "") == "1",
        sha256=sha256(content),
    )


async def _written(request: Request, kind: type[Any]) -> Any:
    body = await read_body(request, BODY_BYTES_MAX)
    if body is None:
        return problem_response(Problem(status=413, code="too_large", title="内容过大"))
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        return _malformed(str(error))


def _malformed(detail: str) -> Response:
    return problem_response(Problem(status=422, code="malformed", title="内容有误", detail=detail))


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
