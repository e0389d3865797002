"""Inventory's doors for hard quotas. Bearer token at each.

GET /quotas?sku=… shows how each counted row is shared out; POST /quotas/restart begins the count of a SKU anew, so that
its shares are of what lies there now. Again, before any order was decided about, it changes nothing; while pieces of the SKU
are set aside for a campaign it is refused.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.errors import Unavailable
from chassis.http import Problem, as_json, problem_response, read_body
from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Pool
from services.inventory.availability_doors import asked_skus
from services.inventory.domain.quotas import Share
from services.inventory.doors import BODY_BYTES_MAX, Code, guarded
from services.inventory.papers import Actor
from services.inventory.quotas import Quotas
from services.inventory.shares import CampaignOpen, allotted, restart, unlocked


class SharedRow(Struct, frozen=True, kw_only=True):
    """A row of stock and its quotas."""

    warehouse: str
    sku: str
    shares: tuple[Share, ...]


class WrittenRestart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /quotas/restart."""

    sku: Code
    actor: Actor


def quota_routes(pool: Pool, quotas: Quotas, *, token: str) -> list[Route]:
    """The doors."""

    async def shown(request: Request) -> Response:
        skus = asked_skus(request)
        if isinstance(skus, Response):
            return skus
        try:
            async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                book = await unlocked(connection, skus, quotas)
        except AWAY as error:
            raise Unavailable(f"Postgres: {type(error).__name__}") from error
        rows = [
            SharedRow(warehouse=row[0], sku=row[1], shares=book.by_quota(row))
            for row in sorted(book.shares)
            if quotas.limits(row[1]) or allotted(book, row)
        ]
        return as_json({"rows": rows})

    async def begun_anew(request: Request) -> Response:
        body = await read_body(request, BODY_BYTES_MAX)
        if body is None:
            return problem_response(Problem(status=413, code="too_large", title="内容过大"))
        try:
            written = msgspec.json.decode(body, type=WrittenRestart)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return problem_response(
                Problem(status=422, code="malformed", title="内容有误", detail=str(error))
            )
        try:
            async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                warehouses = await restart(connection, written.sku)
        except CampaignOpen as campaigns:
            title = "还有活动留着这个 SKU 的货，活动结束后再重新起算"
            return problem_response(
                Problem(status=409, code="campaign_open", title=title, detail=str(campaigns))
            )
        except AWAY as error:
            raise Unavailable(f"Postgres: {type(error).__name__}") from error
        if warehouses:
            logger.info("a quota is counted anew", sku=written.sku, actor=written.actor)
        return as_json({"warehouses": warehouses})

    return [
        Route("/quotas", guarded(shown, token)),
        Route("/quotas/restart", guarded(begun_anew, token), methods=["POST"]),
    ]
