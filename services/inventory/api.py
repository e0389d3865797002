"""The reservation API for own stores and tills: availability, reserve, confirm, release. docs/openapi-inventory.json.

Guarantees: every answer is a value or a problem with a code; the same question again has one effect (a
reservation by its Idempotency-Key, the rest by the reservation's id); 503 says that the outcome is unknown and
the same question may be asked again. A body is refused before anything is asked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from chassis.direct import NotInTime, TooBusy
from chassis.http import Problem, as_json, problem_response, read_body
from services.inventory.domain.reservations import (
    Answer,
    ConfirmReservation,
    ExtendReservation,
    Refused,
    ReleaseReservation,
    Reservation,
    Shortage,
)
from services.inventory.reservations import Found, Reservations
from services.inventory.written import (
    CODE,
    KEY,
    RESERVATION_ID,
    SKUS_MAX,
    AskedLevels,
    Confirmation,
    Confirmations,
    Extension,
    Extensions,
    Fault,
    FaultyRequest,
    Releases,
    WantedReservation,
    WantedReservations,
    faulty,
    read_as,
)

BODY_BYTES_MAX = 1_000_000
KEY_HEADER = "idempotency-key"
AGAIN = {"retry-after": "1"}
REFUSED = {
    "key_reused": (422, "idempotency_key_reused", "该幂等键已用于另一请求"),
    "unknown": (404, "unknown_reservation", "没有这个预留"),
    "short": (409, "nothing_held", "该预留缺货，没有占用库存"),
    "released": (409, "reservation_released", "预留已释放"),
    "expired": (409, "reservation_expired", "预留已过期"),
    "confirmed": (409, "already_confirmed", "预留已确认，不会到期"),
    "extension_limit": (409, "extension_limit", "该预留不能再延长"),
    "handed_over": (409, "already_handed_over", "货品已交出"),
    "adopted": (409, "reservation_adopted", "货品已归订单，请在订单上操作"),
}
"""Refusal of the desk → status, code and title."""

IN_ONE_WAREHOUSE = (
    "a reservation is held in one warehouse, never split: ask for a part of it (`partial`), "
    "or for one reservation a warehouse"
)

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one of a batch: as it would have been answered alone."""

    status: int
    reservation: Reservation | None = None
    problem: Problem | None = None


class Results(Struct, frozen=True, kw_only=True):
    """What became of a batch, in its order."""

    results: tuple[Result, ...]


class _Stop(Exception):
    """The request ends here, with this problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def answering(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with what stopped it told as a problem."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except _Stop as stop:
            return problem_response(stop.problem)
        except TooBusy:
            return problem_response(_busy(), AGAIN)
        except NotInTime:
            return problem_response(_in_doubt(), AGAIN)

    return answered


class Api:
    """The endpoints over one desk."""

    def __init__(self, desk: Reservations) -> None:
        self._desk = desk

    async def availability(self, request: Request) -> Response:
        """GET /availability?sku=…&warehouse=…, each as often as there are."""
        skus = request.query_params.getlist("sku")
        warehouses = request.query_params.getlist("warehouse")
        if not skus:
            _stop_on([Fault(code="no_sku", detail="at least one is needed", parameter="sku")], 400)
        detail = f"{SKUS_MAX} at most"
        asked = {"sku": skus, "warehouse": warehouses}
        many = [name for name, given in asked.items() if len(given) > SKUS_MAX]
        _stop_on([Fault(code="too_many", detail=detail, parameter=name) for name in many], 400)
        pairs = [*(("sku", one) for one in skus), *(("warehouse", one) for one in warehouses)]
        _stop_on(_malformed(pairs), 400)
        return await self._levels(
            skus, warehouses, lambda what, _at: {"parameter": what}, status=404
        )

    async def availability_of_many(self, request: Request) -> Response:
        """POST /availability: the same for SKUs in a body."""
        asked = await read_wanted(request, AskedLevels)

        def field(what: str, at: int) -> dict[str, str]:
            return {"pointer": f"#/{what}s/{at}"}

        return await self._levels(asked.skus, asked.warehouses, field, status=422)

    async def reserve(self, request: Request) -> Response:
        """POST /reservations."""
        key = _key(request)
        wanted = await read_wanted(request, WantedReservation)
        _stop_on(await self._unknown(wanted))
        return _told(await self._desk.ask(wanted.command(key, self._desk.hold_s)), 201)

    async def reserve_batch(self, request: Request) -> Response:
        """POST /reservations/batch: each for itself, under its own key."""
        wanted = (await read_wanted(request, WantedReservations)).reservations
        # Asked for together: one look for all that is not known yet.
        skus = [line.sku for one in wanted for line in one.lines]
        await self._desk.unknown(skus, [one.warehouse for one in wanted if one.warehouse])

        async def one(at: int) -> Result:
            faults = await self._unknown(wanted[at], f"#/reservations/{at}")
            if (problem := faulty(faults)) is not None:
                return Result(status=problem.status, problem=problem)
            command = wanted[at].command(wanted[at].idempotency_key, self._desk.hold_s)
            return await _result(self._desk.ask(command), 201)

        return await _results(one(at) for at in range(len(wanted)))

    async def confirm(self, request: Request) -> Response:
        """POST /reservations/{reservation_id}/confirm."""
        reservation_id = _id(request)
        wanted = await read_wanted(request, Confirmation, empty=Confirmation())
        command = ConfirmReservation(reservation_id=reservation_id, handed_over=wanted.handed_over)
        return _told(await self._desk.ask(command), 200)

    async def confirm_batch(self, request: Request) -> Response:
        """POST /reservations/confirm: each for itself."""
        wanted = await read_wanted(request, Confirmations)
        commands = [
            ConfirmReservation(reservation_id=one, handed_over=wanted.handed_over)
            for one in wanted.reservation_ids
        ]
        return await _results(_result(self._desk.ask(command), 200) for command in commands)

    async def extend(self, request: Request) -> Response:
        """POST /reservations/{reservation_id}/extend: once a key."""
        reservation_id, key = _id(request), _key(request)
        wanted = await read_wanted(request, Extension, empty=Extension())
        command = ExtendReservation(reservation_id=reservation_id, key=key, for_s=wanted.for_s or 0)
        return _told(await self._desk.ask(command), 200)

    async def extend_batch(self, request: Request) -> Response:
        """POST /reservations/extend: each for itself, under its own key."""
        commands = [
            ExtendReservation(
                reservation_id=one.reservation_id, key=one.idempotency_key, for_s=one.for_s or 0
            )
            for one in (await read_wanted(request, Extensions)).extensions
        ]
        return await _results(_result(self._desk.ask(command), 200) for command in commands)

    async def release(self, request: Request) -> Response:
        """POST /reservations/{reservation_id}/release."""
        command = ReleaseReservation(reservation_id=_id(request))
        return _told(await self._desk.ask(command), 200)

    async def release_batch(self, request: Request) -> Response:
        """POST /reservations/release: each for itself."""
        wanted = await read_wanted(request, Releases)
        commands = [ReleaseReservation(reservation_id=one) for one in wanted.reservation_ids]
        return await _results(_result(self._desk.ask(command), 200) for command in commands)

    async def show(self, request: Request) -> Response:
        """GET /reservations/{reservation_id}."""
        found = await self._desk.find(_id(request))
        return _told(found or Refused(code="unknown"), 200)

    async def find(self, request: Request) -> Response:
        """GET /reservations?reference=…"""
        reference = request.query_params.get("reference", "")
        _stop_on(_malformed([("reference", reference)]), 400)
        return as_json(Found(tuple(await self._desk.find_by_reference(reference))))

    async def _levels(
        self,
        skus: Sequence[str],
        warehouses: Sequence[str],
        field: Callable[[str, int], dict[str, str]],
        *,
        status: int,
    ) -> Response:
        unknown = await self._desk.unknown(skus, warehouses)
        asked = [*enumerate(("sku", one) for one in skus)]
        asked += enumerate(("warehouse", one) for one in warehouses)
        faults = [
            Fault(code=f"unknown_{what}", detail=code, **field(what, at))
            for at, (what, code) in asked
            if (what, code) in unknown
        ]
        _stop_on(faults, status)
        return as_json(await self._desk.levels(skus, warehouses))

    async def _unknown(self, wanted: WantedReservation, under: str = "#") -> list[Fault]:
        warehouses = [wanted.warehouse] if wanted.warehouse else []
        unknown = await self._desk.unknown([line.sku for line in wanted.lines], warehouses)
        faults = [
            Fault(code="unknown_warehouse", detail=one, pointer=f"{under}/warehouse")
            for one in warehouses
            if ("warehouse", one) in unknown
        ]
        return faults + [
            Fault(code="unknown_sku", detail=line.sku, pointer=f"{under}/lines/{at}/sku")
            for at, line in enumerate(wanted.lines)
            if ("sku", line.sku) in unknown
        ]


def endpoints(api: Api) -> tuple[tuple[str, str, Endpoint], ...]:
    """Method, path and endpoint of each door."""
    return (
        ("GET", "/availability", api.availability),
        ("POST", "/availability", api.availability_of_many),
        ("POST", "/reservations", api.reserve),
        ("GET", "/reservations", api.find),
        ("POST", "/reservations/batch", api.reserve_batch),
        ("POST", "/reservations/confirm", api.confirm_batch),
        ("POST", "/reservations/extend", api.extend_batch),
        ("POST", "/reservations/release", api.release_batch),
        ("GET", "/reservations/{reservation_id}", api.show),
        ("POST", "/reservations/{reservation_id}/confirm", api.confirm),
        ("POST", "/reservations/{reservation_id}/extend", api.extend),
        ("POST", "/reservations/{reservation_id}/release", api.release),
    )


def problem_of(answer: Shortage | Refused) -> Problem:
    """A refusal as it is told."""
    if isinstance(answer, Refused):
        status, code, title = REFUSED[answer.code]
        return Problem(status=status, code=code, title=title)
    return Short(
        status=409,
        code="insufficient_stock",
        title="库存不足",
        detail=IN_ONE_WAREHOUSE,
        missing=tuple(
            Lacking(sku=one.sku, quantity=one.wanted, available=one.available, quota=one.quota)
            for one in answer.missing
        ),
    )


class Lacking(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is missing of a SKU in the warehouse that comes closest, in pieces."""

    sku: str
    quantity: int
    available: int
    quota: str = ""
    """The group of channels whose quota is used up, where more lies there and is kept for others."""


class Short(Problem, frozen=True, kw_only=True):
    """The problem `insufficient_stock`: a reservation is never split over warehouses. Nothing is held."""

    missing: tuple[Lacking, ...]


def _told(answer: Answer, status: int) -> Response:
    if isinstance(answer, Reservation):
        return as_json(answer, status)
    return problem_response(problem_of(answer))


async def _result(asked: Awaitable[Answer], status: int) -> Result:
    try:
        answer = await asked
    except TooBusy:
        return Result(status=503, problem=_busy())
    except NotInTime:
        return Result(status=503, problem=_in_doubt())
    if isinstance(answer, Reservation):
        return Result(status=status, reservation=answer)
    problem = problem_of(answer)
    return Result(status=problem.status, problem=problem)


async def _results(asked: Iterable[Awaitable[Result]]) -> Response:
    return as_json(Results(results=tuple(await asyncio.gather(*asked))))


async def read_wanted(request: Request, kind: type[T], *, empty: T | None = None) -> T:
    """The body as this type; `empty` for none. Raises what `answering` tells as a problem."""
    body = await read_body(request, BODY_BYTES_MAX)
    if body is None:
        detail = f"{BODY_BYTES_MAX} bytes at most"
        raise _Stop(Problem(status=413, code="too_large", title="内容过大", detail=detail))
    if not body and empty is not None:
        return empty
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json":
        raise _Stop(
            Problem(
                status=415,
                code="unsupported_media_type",
                title="内容类型不支持",
                detail="send application/json",
            )
        )
    value = read_as(kind, body)
    if isinstance(value, Problem):
        raise _Stop(value)
    return value


def _key(request: Request) -> str:
    """The caller's key. Raises where there is none, or none that can be kept."""
    key = request.headers.get(KEY_HEADER)
    if key is None:
        detail = f"POST {request.url.path} needs the header Idempotency-Key"
        raise _Stop(_key_problem("idempotency_key_missing", detail))
    if re.fullmatch(KEY, key) is None:
        detail = "8 to 128 visible ASCII characters"
        raise _Stop(_key_problem("idempotency_key_malformed", detail))
    return key


def _id(request: Request) -> str:
    given: str = request.path_params["reservation_id"]
    if re.fullmatch(RESERVATION_ID, given) is None:
        detail = "an id is rsv- and 20 of a-z and 2-7, as it was answered"
        _stop_on([Fault(code="malformed_id", detail=detail, parameter="reservation_id")], 400)
    return given


def _malformed(parameters: Iterable[tuple[str, str]]) -> list[Fault]:
    return [
        Fault(code="malformed_code", detail="1 to 64 printable characters", parameter=name)
        for name, value in parameters
        if re.fullmatch(CODE, value) is None
    ]


def _stop_on(faults: Iterable[Fault], status: int = 422) -> None:
    if (problem := faulty(faults, status)) is not None:
        raise _Stop(problem)


def _key_problem(code: str, detail: str) -> Problem:
    fault = Fault(code=code, detail=detail, parameter=KEY_HEADER)
    title = "缺少或错误的幂等键"
    return FaultyRequest(status=400, code=code, title=title, detail=detail, errors=(fault,))


def _busy() -> Problem:
    return Problem(
        status=503, code="busy", title="请求过多，请稍后再试", detail="nothing was begun"
    )


def _in_doubt() -> Problem:
    return Problem(
        status=503,
        code="outcome_unknown",
        title="尚无结果，请用同一幂等键再试",
        detail="it may be done all the same; the same request again tells",
    )
