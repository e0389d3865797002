"""Inventory's doors for replenishment. Bearer token at each.

GET /suggestions[?warehouse=][&sku=][&supplier=][&all=1], GET /purchases[?warehouse=][&sku=], GET /supply[?sku=…],
POST /supply, POST /replenishment-plans; GET, POST and DELETE /sales-history[?warehouse=][&sku=…]. Purchase orders are opened, received and cancelled by the doors of documents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, TypeVar

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.clock import Clock
from chassis.http import Problem, as_json, problem_response, read_body
from services.inventory.doors import BODY_BYTES_MAX, Code, guarded
from services.inventory.papers import Actor
from services.inventory.reconciling import SHANGHAI
from services.inventory.replenishing import Replenishment, SoldOfSku, SupplyRow
from services.inventory.written import SKUS_MAX, Fault, FaultyRequest, faulty, read_as

ROWS_MAX = 5_000

T = TypeVar("T")


class WrittenSupply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Terms on which SKUs are bought."""

    rows: Annotated[tuple[SupplyRow, ...], Meta(min_length=1, max_length=ROWS_MAX)]
    actor: Actor

    def faults(self) -> list[Fault]:
        """A SKU has one row a warehouse."""
        seen: set[tuple[str, str]] = set()
        found = []
        for at, row in enumerate(self.rows):
            if (row.sku, row.warehouse) in seen:
                detail = f"{row.sku} {row.warehouse} stands in an earlier row".replace("  ", " ")
                found.append(Fault(pointer=f"#/rows/{at}", code="duplicate_sku", detail=detail))
            seen.add((row.sku, row.warehouse))
        return found


class WrittenHistory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was sold in a warehouse before this hub sold it."""

    warehouse: Code
    sold: Annotated[tuple[SoldOfSku, ...], Meta(min_length=1, max_length=SKUS_MAX)]
    actor: Actor

    def faults(self) -> list[Fault]:
        """A SKU stands once."""
        seen: set[str] = set()
        found = []
        for at, one in enumerate(self.sold):
            if one.sku in seen:
                detail = f"{one.sku} stands in an earlier one"
                found.append(Fault(pointer=f"#/sold/{at}", code="duplicate_sku", detail=detail))
            seen.add(one.sku)
        return found

    def not_over(self, today: date) -> FaultyRequest | None:
        """A day that is not over has not sold what it will."""
        return faulty(
            Fault(
                pointer=f"#/sold/{at}/pieces",
                code="day_not_over",
                detail=f"{one.sku} ends on {one.last_day}, the last day can be the one before {today}",
            )
            for at, one in enumerate(self.sold)
            if one.last_day >= today
        )


class Forgotten(Struct, frozen=True, kw_only=True):
    """Of how many SKUs history was forgotten."""

    forgotten: int


class PlanAgain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """These SKUs, or none for all, are to be planned anew."""

    skus: Annotated[tuple[Code, ...], Meta(max_length=ROWS_MAX)] = ()


class Kept(Struct, frozen=True, kw_only=True):
    """Done."""

    outcome: str = "done"


def replenishment_routes(replenishment: Replenishment, clock: Clock, *, token: str) -> list[Route]:
    """The doors."""

    async def suggestions(request: Request) -> Response:
        asked = {
            name: request.query_params.get(name, "") for name in ("warehouse", "sku", "supplier")
        }
        everything = request.query_params.get("all", "") == "1"
        return _readable(asked) or as_json(
            await replenishment.suggestions(**asked, everything=everything)
        )

    async def purchases(request: Request) -> Response:
        asked = {name: request.query_params.get(name, "") for name in ("warehouse", "sku")}
        return _readable(asked) or as_json(await replenishment.purchases(**asked))

    async def supply(request: Request) -> Response:
        skus = request.query_params.getlist("sku")
        return _readable(dict.fromkeys(("sku",), "".join(skus))) or as_json(
            await replenishment.supply(skus)
        )

    async def keep_supply(request: Request) -> Response:
        written = await _written(request, WrittenSupply)
        if isinstance(written, Response):
            return written
        await replenishment.keep_supply(written.rows, written.actor)
        return as_json(Kept())

    async def plan_again(request: Request) -> Response:
        written = await _written(request, PlanAgain)
        if isinstance(written, Response):
            return written
        await replenishment.plan_again(written.skus)
        return as_json(Kept(outcome="accepted"), 202)

    def door(path: str, endpoint: Callable[[Request], Awaitable[Response]], method: str) -> Route:
        return Route(path, guarded(endpoint, token), methods=[method])

    return [
        door("/suggestions", suggestions, "GET"),
        door("/purchases", purchases, "GET"),
        door("/supply", supply, "GET"),
        door("/supply", keep_supply, "POST"),
        door("/replenishment-plans", plan_again, "POST"),
        *_history_routes(replenishment, clock, token),
    ]


def _history_routes(replenishment: Replenishment, clock: Clock, token: str) -> list[Route]:
    def asked(request: Request) -> tuple[str, list[str]]:
        return request.query_params.get("warehouse", ""), request.query_params.getlist("sku")

    async def show(request: Request) -> Response:
        warehouse, skus = asked(request)
        return _readable({"warehouse": warehouse, "sku": "".join(skus)}) or as_json(
            await replenishment.histories(warehouse, skus)
        )

    async def keep(request: Request) -> Response:
        written = await _written(request, WrittenHistory)
        if isinstance(written, Response):
            return written
        problem = written.not_over(clock.now().astimezone(SHANGHAI).date())
        if problem is not None:
            return problem_response(problem)
        kept = await replenishment.keep_history(written.warehouse, written.sold, written.actor)
        if kept is not None:
            return as_json(kept)
        fault = Fault(pointer="#/warehouse", code="unknown_warehouse", detail=written.warehouse)
        return problem_response(_only(fault))

    async def forget(request: Request) -> Response:
        warehouse, skus = asked(request)
        for name, given in (("warehouse", warehouse), ("sku", skus)):
            if not given:
                fault = Fault(
                    parameter=name,
                    code=f"no_{name}",
                    detail="name it: nothing is forgotten by default",
                )
                return problem_response(_only(fault, 400))
        return _readable({"warehouse": warehouse, "sku": "".join(skus)}) or as_json(
            Forgotten(forgotten=await replenishment.forget_history(warehouse, skus))
        )

    return [
        Route("/sales-history", guarded(show, token), methods=["GET"]),
        Route("/sales-history", guarded(keep, token), methods=["POST"]),
        Route("/sales-history", guarded(forget, token), methods=["DELETE"]),
    ]


def _only(fault: Fault, status: int = 422) -> FaultyRequest:
    problem = faulty([fault], status)
    assert problem is not None
    return problem


def _readable(asked: dict[str, str]) -> Response | None:
    """A refusal of what Postgres could not compare with (NUL)."""
    problem = faulty(
        [
            Fault(parameter=name, code="malformed_code", detail="holds a NUL")
            for name, value in asked.items()
            if "\0" in value
        ],
        400,
    )
    return None if problem is None else problem_response(problem)


async def _written(request: Request, kind: type[T]) -> T | Response:
    body = await read_body(request, BODY_BYTES_MAX)
    if body is None:
        return problem_response(Problem(status=413, code="too_large", title="内容过大"))
    value = read_as(kind, body)
    return problem_response(value) if isinstance(value, Problem) else value
