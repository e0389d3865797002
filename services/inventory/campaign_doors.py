"""Inventory's doors for campaigns. Bearer token at each.

POST /campaigns sets pieces aside, POST /campaigns/{id}/adjust changes how many, POST /campaigns/{id}/close ends it before
its time: papers like those of `document_doors`, done once by their number. GET /campaigns and GET /campaigns/{id} show them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.clock import Clock
from chassis.commands import CommandDesk
from chassis.errors import Unavailable
from chassis.http import Problem, as_json, problem_response
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Connection, Pool
from services.inventory.campaign_papers import CampaignChange, CampaignEnd, WrittenCampaign
from services.inventory.campaign_views import campaign, campaigns
from services.inventory.document_doors import REFUSALS, read_paper, settled
from services.inventory.doors import guarded
from services.inventory.quotas import Quotas


def campaign_routes(
    pool: Pool,
    desk: CommandDesk,
    clock: Clock,
    quotas: Quotas,
    *,
    token: str,
    answer_timeout_s: float,
) -> list[Route]:
    """The doors."""

    async def opened(request: Request) -> Response:
        written = await read_paper(request, WrittenCampaign)
        if isinstance(written, Response):
            return written
        return await settled(desk, clock, written, answer_timeout_s)

    def about_one(kind: type[CampaignChange | CampaignEnd]) -> Any:
        async def changed(request: Request) -> Response:
            said = await read_paper(request, kind)
            if isinstance(said, Response):
                return said
            written = said.of(request.path_params["document_no"])
            return await settled(desk, clock, written, answer_timeout_s)

        return changed

    async def shown(_request: Request) -> Response:
        found = await _read(pool, lambda connection: campaigns(connection, quotas))
        return as_json({"campaigns": found})

    async def one_shown(request: Request) -> Response:
        document_no = request.path_params["document_no"].replace("\0", "")
        found = await _read(pool, lambda connection: campaign(connection, quotas, document_no))
        if found is None:
            title = REFUSALS["unknown_document"]
            return problem_response(Problem(status=404, code="unknown_document", title=title))
        return as_json(found)

    one = "/campaigns/{document_no:path}"
    return [
        Route("/campaigns", guarded(opened, token), methods=["POST"]),
        Route("/campaigns", guarded(shown, token)),
        Route(f"{one}/adjust", guarded(about_one(CampaignChange), token), methods=["POST"]),
        Route(f"{one}/close", guarded(about_one(CampaignEnd), token), methods=["POST"]),
        Route(one, guarded(one_shown, token)),
    ]


async def _read(pool: Pool, ask: Callable[[Connection], Awaitable[Any]]) -> Any:
    try:
        async with (
            pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await ask(connection)
    except AWAY as error:
        raise Unavailable(f"Postgres: {type(error).__name__}") from error
