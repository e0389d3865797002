"""What the doors of lists that people keep (SKU mappings, listings) have in common: the bearer token, pages, and
changes that are taken as a whole or refused with every fault.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.errors import Unavailable
from chassis.http import Problem, as_problem, problem_response, read_body, unauthorised
from chassis.metrics import DOOR_REQUESTS
from services.ingest.domain.mapping_rules import Fault

BODY_BYTES_MAX = 8_000_000
ROWS_MAX = 1_000

T = TypeVar("T")


class Refusal(Problem, frozen=True, kw_only=True):
    """A problem with every fault there is."""

    faults: tuple[Fault, ...] = ()


def guarded(
    path: str, name: str, answer: Callable[[Request], Awaitable[Response]], method: str, token: str
) -> Route:
    """A door for who has the token, counted under `name`; 503 while Postgres is away."""

    async def answered(request: Request) -> Response:
        response = unauthorised(request, token)
        if response is None:
            try:
                response = await answer(request)
            except Unavailable:
                response = as_problem(503, "unavailable", "暂时不可用，请稍后再试")
        DOOR_REQUESTS.labels(name, str(response.status_code)).inc()
        return response

    return Route(path, answered, methods=[method])


def limit_of(request: Request) -> int | Response:
    """How many rows are asked for, 200 unless said; or the answer that this is no such number."""
    text = request.query_params.get("limit", "200")
    if text.isdecimal() and len(text) < 6 and 0 < int(text) <= ROWS_MAX:
        return int(text)
    return as_problem(400, "bad_limit", f"参数 limit 应为 1 到 {ROWS_MAX}")


def after_of(request: Request, kind: Any, first: T) -> T | Response:
    """The key of the last row that was seen, a `kind` as `first` is; or the answer that this is none."""
    text = request.query_params.get("after")
    if not text:
        return first
    try:
        after: T = msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError:
        return as_problem(400, "bad_after", "参数 after 不正确")
    return after


async def body_of(request: Request, kind: type[T], wrong: str) -> T | Response:
    """The body as it was meant; or the answer why it cannot be, titled `wrong` where its content is at fault."""
    try:
        body = await read_body(request, BODY_BYTES_MAX)
    except ClientDisconnect:
        return as_problem(400, "malformed", "请求内容不合规")
    if body is None:
        return as_problem(413, "too_large", "请求内容过大")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return as_problem(422, "malformed", wrong, str(error))


def refused(faults: tuple[Fault, ...]) -> Response:
    """Nothing was changed, for all of these."""
    title = f"有 {len(faults)} 处错误，未作任何改动"
    return problem_response(Refusal(status=422, code="faults", title=title, faults=faults))
