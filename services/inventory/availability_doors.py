"""Inventory's doors for what channels may offer. Bearer token at each.

GET /channel-availability?sku=… shows what each channel was told; GET /safety-stocks?sku=… and POST /safety-stocks show
and set the pieces that no channel is offered: all of a body or, with every fault named, none. The same again changes
nothing. Numbers follow within a second or two.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.http import Problem, as_json, problem_response, read_body
from chassis.postgres import Pool, fetched
from services.inventory.availability import SQL
from services.inventory.domain.stock import PIECES_MAX
from services.inventory.doors import BODY_BYTES_MAX, Code, guarded
from services.inventory.papers import Actor
from services.inventory.written import SKUS_MAX, Fault, FaultyRequest, faulty

ROWS_MAX = 5_000


class SafetyStock(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces of a SKU that stay in a warehouse whatever is sold; 0 = all may go."""

    warehouse: Code
    sku: Code
    pieces: Annotated[int, Meta(ge=0, le=PIECES_MAX)]


class WrittenSafetyStocks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /safety-stocks."""

    stocks: Annotated[tuple[SafetyStock, ...], Meta(min_length=1, max_length=ROWS_MAX)]
    actor: Actor


class SafetyStockSet(Struct, frozen=True, kw_only=True):
    """What a body came to, in rows."""

    set: int
    unchanged: int


class KeptSafetyStock(Struct, frozen=True, kw_only=True):
    """A safety stock in force, and who set it when."""

    warehouse: str
    sku: str
    pieces: int
    actor: str
    changed_at: datetime


def availability_routes(pool: Pool, *, token: str) -> list[Route]:
    """The doors."""

    async def offers(request: Request) -> Response:
        skus = asked_skus(request)
        if isinstance(skus, Response):
            return skus
        rows = await fetched(pool, SQL["offers"], skus)
        told = [dict(row) | {"offers": msgspec.Raw(row["offers"].encode())} for row in rows]
        return as_json({"told": told})

    async def safety(request: Request) -> Response:
        skus = asked_skus(request)
        if isinstance(skus, Response):
            return skus
        rows = await fetched(pool, SQL["safety_of"], skus)
        return as_json({"stocks": [KeptSafetyStock(**dict(row)) for row in rows]})

    async def set_safety(request: Request) -> Response:
        body = await read_body(request, BODY_BYTES_MAX)
        if body is None:
            return problem_response(Problem(status=413, code="too_large", title="内容过大"))
        try:
            written = msgspec.json.decode(body, type=WrittenSafetyStocks)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return problem_response(
                Problem(status=422, code="malformed", title="安全库存内容有误", detail=str(error))
            )
        rows = [(one.warehouse, one.sku) for one in written.stocks]
        columns = [row[0] for row in rows], [row[1] for row in rows]
        unknown = {
            (r["warehouse"], r["sku"]) for r in await fetched(pool, SQL["unknown_rows"], *columns)
        }
        if (problem := _faults(rows, unknown)) is not None:
            return problem_response(problem)
        pieces = [one.pieces for one in written.stocks]
        changed = await fetched(pool, SQL["set_safety"], *columns, pieces, written.actor)
        return as_json(SafetyStockSet(set=len(changed), unchanged=len(rows) - len(changed)))

    return [
        Route("/channel-availability", guarded(offers, token)),
        Route("/safety-stocks", guarded(safety, token), methods=["GET"]),
        Route("/safety-stocks", guarded(set_safety, token), methods=["POST"]),
    ]


def asked_skus(request: Request) -> list[str] | Response:
    """The SKUs of a question, or what is wrong with it."""
    skus = request.query_params.getlist("sku")
    if 0 < len(skus) <= SKUS_MAX and all(skus) and not any("\0" in sku for sku in skus):
        return skus
    detail = f"name 1 to {SKUS_MAX} SKUs: ?sku=…&sku=…"
    return problem_response(
        Problem(status=422, code="no_sku", title="参数 sku 不正确", detail=detail)
    )


def _faults(rows: Sequence[tuple[str, str]], unknown: set[tuple[str, str]]) -> FaultyRequest | None:
    faults = []
    seen: set[tuple[str, str]] = set()
    for at, row in enumerate(rows):
        pointer = f"#/stocks/{at}"
        if row in unknown:
            detail = f"{row[1]} has never been in {row[0]}"
            faults.append(Fault(pointer=pointer, code="unknown_row", detail=detail))
        if row in seen:
            detail = f"{row[1]} in {row[0]} stands in an earlier row"
            faults.append(Fault(pointer=pointer, code="repeated_row", detail=detail))
        seen.add(row)
    return faulty(faults)
