"""Doors of the listings, bearer token at each.

GET /listings shows what each should show, what its shop was told and answered. POST /listings sets and removes, as a
whole or not at all: 200 with what changed, 422 with every fault by the listing's index. The same again changes nothing.
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
from services.ingest.listings import Key, ListedListing, Listings, ListingsChanged, WrittenListing
from services.ingest.mapping_doors import BODY_BYTES_MAX, ROWS_MAX, Refusal

LISTINGS_MAX = 10_000

Answer = Callable[[Listings, Request], Awaitable[Response]]


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /listings."""

    listings: Annotated[tuple[WrittenListing, ...], Meta(min_length=1, max_length=LISTINGS_MAX)]
    actor: Annotated[str, Meta(min_length=1, max_length=64)]


class Page(Struct, frozen=True, kw_only=True):
    """Listings. `next` is what to give as `after` for those that follow; "" = none."""

    listings: tuple[ListedListing, ...]
    next: str


def listing_routes(listings: Listings, token: str) -> list[Route]:
    """Two doors."""
    doors: tuple[tuple[str, str, Answer], ...] = (
        ("list", "GET", _list),
        ("change", "POST", _change),
    )
    return [_route(listings, token, name, method, answer) for name, method, answer in doors]


def _route(listings: Listings, token: str, name: str, method: str, answer: Answer) -> Route:
    async def guarded(request: Request) -> Response:
        response = unauthorised(request, token)
        if response is None:
            try:
                response = await answer(listings, request)
            except Unavailable:
                response = _problem(503, "unavailable", "暂时不可用，请稍后再试")
        DOOR_REQUESTS.labels(f"listings.{name}", str(response.status_code)).inc()
        return response

    return Route("/listings", guarded, methods=[method])


async def _list(listings: Listings, request: Request) -> Response:
    query = request.query_params
    limit = query.get("limit", "200")
    try:
        after = msgspec.json.decode(query.get("after") or '["","",""]', type=Key)
    except msgspec.DecodeError:
        return _problem(400, "bad_after", "参数 after 不正确")
    if not limit.isdecimal() or len(limit) > 5 or not 0 < int(limit) <= ROWS_MAX:
        return _problem(400, "bad_limit", f"参数 limit 应为 1 到 {ROWS_MAX}")
    found = await listings.listed(
        channel=query.get("channel", ""),
        shop=query.get("shop", ""),
        code=query.get("code", ""),
        outcome=query.get("outcome", ""),
        after=after,
        limit=int(limit),
    )
    more = ""
    if len(found) == int(limit):
        last = found[-1]
        more = msgspec.json.encode((last.channel, last.shop, last.channel_sku_id)).decode()
    return _json(Page(listings=found, next=more))


async def _change(listings: Listings, request: Request) -> Response:
    try:
        body = await read_body(request, BODY_BYTES_MAX)
    except ClientDisconnect:
        return _problem(400, "malformed", "请求内容不合规")
    if body is None:
        return _problem(413, "too_large", "请求内容过大")
    try:
        asked = msgspec.json.decode(body, type=Asked)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return _problem(422, "malformed", "商品链接内容有误", str(error))
    changed = await listings.change(asked.listings, actor=asked.actor)
    if isinstance(changed, ListingsChanged):
        return _json(changed)
    refusal = Refusal(
        status=422,
        code="faults",
        title=f"有 {len(changed)} 处错误，未作任何改动",
        faults=changed,
    )
    return problem_response(refusal)


def _json(value: Struct) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _problem(status: int, code: str, title: str, detail: str = "") -> Response:
    return problem_response(Problem(status=status, code=code, title=title, detail=detail))
