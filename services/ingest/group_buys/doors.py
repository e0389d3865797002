"""The API of group-buys: for staff with the bearer token, for leaders with their signed link.

Guarantees: a leader's order needs an `Idempotency-Key`, and the same key with the same order gets the first answer,
also after the cut-off; the rules are those of the form. Errors are problem documents; `errors` names every field.
Staff's acts say who and why, and are done once.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.http import Problem, as_json, problem_response, read_body, unauthorised
from chassis.metrics import DOOR_REQUESTS, DOOR_SECONDS
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY
from services.ingest.domain.campaigns import Campaign, Refusal, Sku
from services.ingest.domain.submissions import Asked, checked
from services.ingest.group_buys import pictures, staff
from services.ingest.group_buys.entrance import (
    AWAY_NOW,
    DOOR,
    GONE,
    TOO_LARGE,
    Entrance,
    status_of,
)
from services.ingest.group_buys.invitations import LinkWanted, invitation
from services.ingest.group_buys.staff import Act
from services.ingest.group_buys.store import SQL, read_campaign
from services.ingest.group_buys.tables import plan_csv
from services.ingest.group_buys.taking import NO_ORDER

STAFF_BYTES_MAX = 256 * 1024
_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
T = TypeVar("T")

Who = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^\S.*\Z")]
Why = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^\S.*\Z")]


class OpenWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign to open."""

    campaign: Campaign
    actor: Who


class ActWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Close a campaign, or release a round of it (`day`; without one the last that is over)."""

    actor: Who
    reason: Why
    day: date | None = None


class ShortWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of an article only `got` pieces came."""

    sku: Sku
    got: Annotated[int, Meta(ge=0)]
    actor: Who
    reason: Why
    day: date | None = None


class OrderProblem(Problem, frozen=True, kw_only=True):
    """Why an order is not taken, field by field."""

    errors: tuple[Refusal, ...]


class Refused(Exception):
    """An answer that ends the request."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def routes(entrance: Entrance) -> list[Route]:
    """The API's routes."""
    campaign = "/api/group-buys/{campaign_id}"
    staffs: list[tuple[str, str, Endpoint]] = [
        ("GET", "/api/group-buys", _list),
        ("POST", "/api/group-buys", _open),
        ("POST", f"{campaign}/close", _close),
        ("POST", f"{campaign}/links", _link),
        ("GET", f"{campaign}/plan", _plan),
        ("POST", f"{campaign}/shortages", _short),
        ("POST", f"{campaign}/release", _release),
        ("PUT", f"{campaign}/pictures/{{sku:path}}", _picture),
    ]
    leaders: list[tuple[str, str, Endpoint]] = [
        ("GET", "/api/leader/{token}", _show),
        ("POST", "/api/leader/{token}/orders", _take),
        ("DELETE", "/api/leader/{token}/orders/{order_no}", _withdraw),
    ]
    return [
        Route(
            path, _answering(entrance, endpoint, staff_only=endpoints is staffs), methods=[method]
        )
        for endpoints in (staffs, leaders)
        for method, path, endpoint in endpoints
    ]


Endpoint = Callable[[Entrance, Request], Awaitable[Response]]


def _answering(
    entrance: Entrance, endpoint: Endpoint, *, staff_only: bool
) -> Callable[[Request], Awaitable[Response]]:
    token = entrance.settings.api_token.get_secret_value()

    async def answer(request: Request) -> Response:
        if staff_only and (refused := unauthorised(request, token)) is not None:
            return refused
        try:
            return await endpoint(entrance, request)
        except Refused as refused_now:
            return problem_response(refused_now.problem)
        except ClientDisconnect:
            return problem_response(Problem(status=400, code="cut_off", title="请求没有发完"))
        except AWAY:
            return problem_response(AWAY_NOW, {"retry-after": "3"})

    return answer


async def _read(request: Request, kind: type[T], bytes_max: int) -> T:
    body = await read_body(request, bytes_max)
    if body is None:
        raise Refused(TOO_LARGE)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        # The message names paths and types, never values.
        raise Refused(
            Problem(status=400, code="malformed", title="内容不合规", detail=str(error))
        ) from None


def _answered(value: Any, status: int = 200) -> Response:
    if not isinstance(value, Refusal):
        return as_json(value, status)
    code = 404 if value in {staff.UNKNOWN, NO_ORDER} else 409
    return problem_response(Problem(status=code, code=value.code, title=value.title))


def _day(request: Request) -> date | None:
    text = request.query_params.get("day", "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Refused(Problem(status=400, code="bad_day", title="day 须为 YYYY-MM-DD")) from None


# ---- staff ------------------------------------------------------------------------------------------


async def _list(entrance: Entrance, _request: Request) -> Response:
    async with entrance.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        return as_json(await staff.list_campaigns(connection))


async def _open(entrance: Entrance, request: Request) -> Response:
    wanted = await _read(request, OpenWanted, STAFF_BYTES_MAX)
    act = Act(actor=wanted.actor, at=entrance.clock.now())
    async with entrance.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        return _answered(await staff.open_campaign(connection, wanted.campaign, act))


async def _close(entrance: Entrance, request: Request) -> Response:
    wanted = await _read(request, ActWanted, STAFF_BYTES_MAX)
    act = Act(actor=wanted.actor, at=entrance.clock.now(), reason=wanted.reason)
    async with entrance.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        return _answered(
            await staff.close_campaign(connection, request.path_params["campaign_id"], act)
        )


async def _link(entrance: Entrance, request: Request) -> Response:
    wanted = await _read(request, LinkWanted, STAFF_BYTES_MAX)
    if not entrance.keys:
        raise Refused(
            Problem(
                status=409,
                code="no_link_keys",
                title="没有配置链接密钥",
                detail="DANSHU_INGEST_LEADER_LINK_KEYS",
            )
        )
    async with entrance.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        known = await read_campaign(connection, request.path_params["campaign_id"])
    if known is None:
        return _answered(staff.UNKNOWN)
    base_url = entrance.settings.leader_base_url
    return _answered(invitation(known, wanted, keys=entrance.keys, base_url=base_url))


async def _plan(entrance: Entrance, request: Request) -> Response:
    day = _day(request)
    async with entrance.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        found = await staff.plan(
            connection, request.path_params["campaign_id"], day, entrance.clock.now()
        )
    if not isinstance(found, Refusal) and request.query_params.get("format") == "csv":
        return Response(plan_csv(found), media_type="text/csv; charset=utf-8")
    return _answered(found)


async def _short(entrance: Entrance, request: Request) -> Response:
    wanted = await _read(request, ShortWanted, STAFF_BYTES_MAX)
    act = Act(actor=wanted.actor, at=entrance.clock.now(), reason=wanted.reason)
    async with entrance.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        found = await staff.decide_shortage(
            connection,
            request.path_params["campaign_id"],
            wanted.sku,
            wanted.got,
            day=wanted.day,
            act=act,
        )
    return _answered(found)


async def _release(entrance: Entrance, request: Request) -> Response:
    wanted = await _read(request, ActWanted, STAFF_BYTES_MAX)
    act = Act(actor=wanted.actor, at=entrance.clock.now(), reason=wanted.reason)
    async with entrance.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        found = await staff.release(
            connection, request.path_params["campaign_id"], day=wanted.day, act=act
        )
    entrance.relay.wake.set()
    return _answered(found)


async def _picture(entrance: Entrance, request: Request) -> Response:
    body = await read_body(request, entrance.settings.leader_picture_bytes_max)
    if body is None:
        raise Refused(TOO_LARGE)
    media_type = pictures.media_type_of(body)
    if media_type is None:
        raise Refused(Problem(status=415, code="no_picture", title="图片须为 JPEG、PNG 或 WebP"))
    names = request.path_params
    async with entrance.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        known = await read_campaign(connection, names["campaign_id"])
        if known is None or names["sku"] not in {good.sku for good in known.campaign.goods}:
            raise Refused(GONE)
        await connection.execute(
            SQL["keep_picture"], names["campaign_id"], names["sku"], media_type, body
        )
    return Response(status_code=204)


# ---- leaders ----------------------------------------------------------------------------------------


async def _show(entrance: Entrance, request: Request) -> Response:
    link = entrance.link_of(request)
    if isinstance(link, Problem):
        raise Refused(link)
    showing = await entrance.showing(link)
    if isinstance(showing, Problem):
        raise Refused(showing)
    return as_json(showing)


async def _take(entrance: Entrance, request: Request) -> Response:
    with DOOR_SECONDS.labels(DOOR).time():
        try:
            answer, outcome = await _taken(entrance, request)
        except Refused as refused:
            DOOR_REQUESTS.labels(DOOR, refused.problem.code).inc()
            raise
    DOOR_REQUESTS.labels(DOOR, outcome).inc()
    return answer


async def _taken(entrance: Entrance, request: Request) -> tuple[Response, str]:
    link = entrance.link_of(request)
    if isinstance(link, Problem):
        raise Refused(link)
    key = request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        title = "缺少 Idempotency-Key：8 到 64 个字母、数字、-、_，重试时不变"
        raise Refused(Problem(status=400, code="no_idempotency_key", title=title))
    asked = await _read(request, Asked, entrance.settings.leader_form_bytes_max)
    # Not before: whoever begins to send in time and ends later is late.
    received_at = entrance.clock.now()
    wanted = checked(asked)
    if isinstance(wanted, tuple):
        return _not_taken(wanted), "invalid"
    found = await entrance.taking.take(link, f"api:{key}", wanted, received_at=received_at)
    if isinstance(found, tuple):
        return _not_taken(found), "refused"
    return as_json(found, status_of(found)), "repeated" if found.repeated else "accepted"


def _not_taken(errors: tuple[Refusal, ...]) -> Response:
    problem = OrderProblem(
        status=status_of(errors), code=errors[0].code, title=errors[0].title, errors=errors
    )
    return problem_response(problem)


async def _withdraw(entrance: Entrance, request: Request) -> Response:
    at = entrance.clock.now()
    link = entrance.link_of(request)
    if isinstance(link, Problem):
        raise Refused(link)
    return _answered(await entrance.taking.withdraw(link, request.path_params["order_no"], at=at))
