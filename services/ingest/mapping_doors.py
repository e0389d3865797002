"""Doors of the SKU mappings, bearer token at each.

GET /sku-mappings, GET /sku-mappings/unmatched; POST /sku-mappings sets and removes, as a whole or not at all:
200 with what changed (or, with `preview`, would), 422 with every fault by the mapping's index. The same again
changes nothing and says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.errors import Unavailable
from chassis.http import Problem, problem_response, read_body, unauthorised
from chassis.metrics import DOOR_REQUESTS
from services.ingest.domain.mapping_rules import Fault, WrittenMapping
from services.ingest.mappings import Changed, Listed, Mappings, UnmatchedSku

BODY_BYTES_MAX = 8_000_000
MAPPINGS_MAX = 10_000
ROWS_MAX = 1_000


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /sku-mappings."""

    mappings: Annotated[tuple[WrittenMapping, ...], Meta(min_length=1, max_length=MAPPINGS_MAX)]
    actor: Annotated[str, Meta(min_length=1, max_length=64)]
    preview: bool = False
    allow_unknown: bool = False
    """Takes SKUs that inventory has not told of yet."""


class Refusal(Problem, frozen=True, kw_only=True):
    """A problem with every fault there is."""

    faults: tuple[Fault, ...] = ()


class Page(Struct, frozen=True, kw_only=True):
    """Mappings in force. `next` is what to give as `after` for those that follow; "" = none."""

    mappings: tuple[Listed, ...]
    next: str


class Waiting(Struct, frozen=True, kw_only=True):
    """What orders wait for."""

    unmatched: tuple[UnmatchedSku, ...]


class MappingDoors:
    """Routes beside the push doors."""

    def __init__(self, mappings: Mappings, token: str) -> None:
        self._mappings = mappings
        self._token = token

    def routes(self) -> list[Route]:
        """Three doors."""
        return [
            self._route("/sku-mappings", "list", self._list, "GET"),
            self._route("/sku-mappings", "change", self._change, "POST"),
            self._route("/sku-mappings/unmatched", "unmatched", self._unmatched, "GET"),
        ]

    def _route(
        self, path: str, name: str, answer: Callable[[Request], Awaitable[Response]], method: str
    ) -> Route:
        async def guarded(request: Request) -> Response:
            response = unauthorised(request, self._token)
            if response is None:
                try:
                    response = await answer(request)
                except Unavailable:
                    response = problem_response(
                        Problem(status=503, code="unavailable", title="暂时不可用，请稍后再试")
                    )
            DOOR_REQUESTS.labels(f"mappings.{name}", str(response.status_code)).inc()
            return response

        return Route(path, guarded, methods=[method])

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        limit = _limit(query.get("limit", "200"))
        try:
            after = msgspec.json.decode(query.get("after") or '["","","",""]', type=_Key)
        except msgspec.DecodeError:
            return _problem(400, "bad_after", "参数 after 不正确")
        if limit is None:
            return _problem(400, "bad_limit", f"参数 limit 应为 1 到 {ROWS_MAX}")
        found = await self._mappings.listed(
            channel=query.get("channel", ""),
            shop=query.get("shop", ""),
            code=query.get("code", ""),
            after=after,
            limit=limit,
        )
        more = ""
        if len(found) == limit:
            last = found[-1]
            key = (last.channel, last.shop, last.channel_sku_id, last.merchant_code)
            more = msgspec.json.encode(key).decode()
        return _json(Page(mappings=found, next=more))

    async def _unmatched(self, request: Request) -> Response:
        query = request.query_params
        limit = _limit(query.get("limit", "200"))
        if limit is None:
            return _problem(400, "bad_limit", f"参数 limit 应为 1 到 {ROWS_MAX}")
        found = await self._mappings.unmatched(
            channel=query.get("channel", ""), shop=query.get("shop", ""), limit=limit
        )
        return _json(Waiting(unmatched=found))

    async def _change(self, request: Request) -> Response:
        try:
            body = await read_body(request, BODY_BYTES_MAX)
        except ClientDisconnect:
            return _problem(400, "malformed", "请求内容不合规")
        if body is None:
            return _problem(413, "too_large", "请求内容过大")
        try:
            asked = msgspec.json.decode(body, type=Asked)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            return _problem(422, "malformed", "映射内容有误", str(error))
        changed = await self._mappings.change(
            asked.mappings,
            actor=asked.actor,
            preview=asked.preview,
            allow_unknown=asked.allow_unknown,
        )
        if isinstance(changed, Changed):
            return _json(changed)
        refusal = Refusal(
            status=422,
            code="faults",
            title=f"有 {len(changed)} 处错误，未作任何改动",
            faults=changed,
        )
        return problem_response(refusal)


_Key = tuple[str, str, str, str]


def _limit(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 6 and 0 < int(text) <= ROWS_MAX else None


def _json(value: Struct) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _problem(status: int, code: str, title: str, detail: str = "") -> Response:
    return problem_response(Problem(status=status, code=code, title=title, detail=detail))
