"""Inventory's HTTP doors: what is there, what came in, do the books agree, and the reservation API (api.py).

Bearer token at each. POST /receipts is a command to the single writer and answers with its result; the same document again is
refused (409) or, with the same `command_id`, gets the first answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from chassis.clock import Clock
from chassis.commands import CommandDesk, StillPending
from chassis.errors import Unavailable
from chassis.http import Problem, as_json, problem_response, read_body, unauthorised
from chassis.ids import request_id
from schemas.events.commands_inventory import ReceiptLine, ReceiveStock
from services.inventory.api import Api, answering, endpoints
from services.inventory.domain.stock import PIECES_MAX
from services.inventory.invariants import Books
from services.inventory.reservations import Reservations

BODY_BYTES_MAX = 1_000_000

Code = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f|]+$")]
BATCH_REFUSALS = {
    "already_expired": "已过到期日，不能入库",
    "already_recalled": "该批次已召回",
    "batch_needed": "该 SKU 分批次，要写批次号",
    "below_batch": "该批次没有这么多件",
    "expires_before_production": "到期日早于生产日期",
    "more_than_held": "待检件数没有这么多",
    "no_such_day": "日期不存在，要写成 2026-11-11",
    "other_dates": "该批次已登记的生产日期或到期日不同",
    "produced_in_future": "生产日期在今天之后",
    "unknown_batch": "没有这个批次，先按批次入库",
}
REFUSALS = {
    **BATCH_REFUSALS,
    "already_booked": "该单据已入账",
    "empty": "没有商品行",
    "unknown_cause": "事由只能是 receipt 或 adjustment",
    "negative_quantity": "入库数量不能为负",
    "below_reserved": "可用库存不足，不能调减",
    "needs_approval": "超过直接入账的件数，请开调整单（POST /adjustments）由另一人审核",
    "too_many": "数量过大",
    "unusable_code": "编码含不可用字符",
    "reserved_document_no": "单据号不能以 rsv- 开头",
}


class WrittenLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a receipt as it is sent to us; the dates are those of its batch."""

    sku: Code
    quantity: Annotated[int, Meta(ge=-PIECES_MAX, le=PIECES_MAX)]
    batch: Code | None = None
    produced_on: date | None = None
    expires_on: date | None = None

    def line(self) -> ReceiptLine:
        """As the command has it."""
        return ReceiptLine(
            sku=self.sku,
            quantity=self.quantity,
            batch=self.batch,
            produced_on=None if self.produced_on is None else self.produced_on.isoformat(),
            expires_on=None if self.expires_on is None else self.expires_on.isoformat(),
        )


class WrittenReceipt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A goods receipt or adjustment as it is sent to us."""

    document_no: Code
    warehouse: Code
    lines: Annotated[tuple[WrittenLine, ...], Meta(min_length=1, max_length=5_000)]
    cause: str = "receipt"
    actor: Annotated[str, Meta(min_length=1, max_length=64)] = "api"

    def command(self, clock: Clock) -> ReceiveStock:
        """The command, with an id that follows from what is written: corrected, it is asked anew."""
        content = msgspec.json.encode((self.warehouse, self.lines, self.cause)).decode()
        return ReceiveStock(
            document_no=self.document_no,
            command_id=request_id("receipt", self.document_no, content),
            issued_at=clock.now(),
            actor=self.actor,
            warehouse=self.warehouse,
            lines=tuple(one.line() for one in self.lines),
            cause=self.cause,
        )


def inventory_app(
    books: Books,
    desk: CommandDesk,
    clock: Clock,
    reservations: Reservations,
    *,
    token: str,
    receipt_timeout_s: float,
    also: Sequence[Route] = (),
) -> Starlette:
    """The ASGI application. `also` are the doors of documents and reconciliation."""

    async def invariants(_request: Request) -> Response:
        return as_json(await books.invariants())

    async def receipts(request: Request) -> Response:
        body = await read_body(request, BODY_BYTES_MAX)
        if body is None:
            return problem_response(Problem(status=413, code="too_large", title="内容过大"))
        try:
            receipt = msgspec.json.decode(body, type=WrittenReceipt)
        except (msgspec.MsgspecError, RecursionError) as error:
            problem = Problem(
                status=422, code="malformed", title="入库单内容有误", detail=str(error)
            )
            return problem_response(problem)
        answer = await desk.ask(receipt.command(clock), receipt_timeout_s)
        if isinstance(answer, StillPending):
            return as_json({"outcome": "pending", "command_id": answer.command_id}, 202)
        if answer.outcome != "done":
            title = REFUSALS.get(answer.reason, "未能入账")
            return problem_response(
                Problem(
                    status=409,
                    code=answer.reason,
                    title=title,
                    detail=f"{title} {answer.result_id}".strip(),
                )
            )
        return as_json({"outcome": "done", "document_no": receipt.document_no})

    return Starlette(
        routes=[
            *also,
            Route("/invariants", guarded(invariants, token)),
            Route("/receipts", guarded(receipts, token), methods=["POST"]),
            *(
                Route(path, guarded(answering(endpoint), token), methods=[method])
                for method, path, endpoint in endpoints(Api(reservations))
            ),
        ],
        exception_handlers={HTTPException: _no_such_door},
    )


def _no_such_door(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "no_such_path", 405: "method_not_allowed"}.get(error.status_code, "refused")
    problem = Problem(status=error.status_code, code=code, title=error.detail)
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return problem_response(problem, headers)


def _methods(request: Request) -> Iterator[str]:
    """Of all routes of the path: each has one, and the framework names those of the first."""
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            yield from route.methods


def guarded(
    endpoint: Callable[[Request], Awaitable[Response]], token: str
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint behind the token; where Postgres is away it answers 503."""

    async def behind(request: Request) -> Response:
        if (refused := unauthorised(request, token)) is not None:
            return refused
        try:
            return await endpoint(request)
        except Unavailable:
            return problem_response(
                Problem(status=503, code="unavailable", title="暂时不可用，请稍后再试"),
                {"retry-after": "2"},
            )

    return behind
