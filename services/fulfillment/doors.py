"""Doors for the warehouse: its queue, its steps, and what SKUs weigh. All want our bearer token.

Nothing here writes a parcel: a step is a command, answered once its single writer has decided.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.clock import Clock
from chassis.commands import CommandDesk, StillPending
from chassis.http import (
    RETRY_SOON,
    Problem,
    as_json,
    as_problem,
    problem_response,
    read_body,
    unauthorised,
)
from chassis.postgres import AWAY
from chassis.producer import DeliveryFailed
from chassis.texts import NAME, SAID, WORDS, is_name
from services.fulfillment.domain.model import OPEN, REFUSALS, Stage
from services.fulfillment.domain.rules import Step
from services.fulfillment.steps import AskedOfParcel, replace_command, step_command
from services.fulfillment.store import ParcelReader
from services.fulfillment.views import view
from services.fulfillment.weights import SkuWeights

ASK_TIMEOUT_S = 5.0
BATCH_MAX = 500
QUEUE_MAX = 1_000
QUEUE_DEFAULT = 100
WEIGHTS_MAX = 10_000
REPLACE = "replace-waybill"
BODY_BYTES_MAX = 1024 * 1024
AWAY_NOW = Problem(status=503, code="away", title="暂时无法处理，请稍后重试")

NAME_CHARS_MAX = 80

_Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX, pattern=NAME)]
_CommandId: TypeAlias = Annotated[str, Meta(max_length=80, pattern=NAME)]
_ParcelId: TypeAlias = Annotated[str, Meta(max_length=90, pattern=NAME)]
_Reason: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200, pattern=WORDS)]
_Said: TypeAlias = Annotated[str, Meta(max_length=200, pattern=SAID)]


class StepWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of one parcel; the same `command_id` twice has one effect.

    `parcel_id` names one of an order that has several; empty = the first.
    """

    actor: _Name
    command_id: _CommandId = ""
    parcel_id: _ParcelId = ""


class BatchStepWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step among many."""

    order_id: _Name
    action: Step
    actor: _Name
    command_id: _CommandId = ""
    parcel_id: _ParcelId = ""


class ReplacementWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another carrier or number for a parcel that has one, and why."""

    actor: _Name
    carrier: _Name
    waybill_no: _Name
    reason: _Reason
    command_id: _CommandId = ""
    parcel_id: _ParcelId = ""


class UnitWeight(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one piece weighs."""

    sku: _Name
    weight_g: Annotated[int, Meta(ge=1, le=1_000_000)]


class WeightsWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weights, who says so and why."""

    actor: _Said
    reason: _Said
    weights: Annotated[list[UnitWeight], Meta(max_length=WEIGHTS_MAX)]


class StepResult(Struct, frozen=True, kw_only=True):
    """`outcome` is done, refused (`reason` says why) or pending (ask again with the same id)."""

    order_id: str
    action: str
    command_id: str
    parcel_id: str
    outcome: str
    reason: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseDoors:
    """The warehouse's side of fulfillment."""

    reader: ParcelReader
    sku_weights: SkuWeights
    desk: CommandDesk
    clock: Clock
    token: str

    def routes(self) -> list[Route]:
        """The doors."""
        return [
            Route("/parcels", self.queue, methods=["GET"]),
            Route("/parcels/commands", self.steps, methods=["POST"]),
            Route("/parcels/{order_id}", self.show, methods=["GET"]),
            Route(f"/parcels/{{order_id}}/{REPLACE}", self.replace, methods=["POST"]),
            Route("/parcels/{order_id}/{step}", self.step, methods=["POST"]),
            Route("/sku-weights", self.weight, methods=["GET"]),
            Route("/sku-weights", self.weigh, methods=["POST"]),
        ]

    async def queue(self, request: Request) -> Response:
        """GET ?state=labelled&limit=100: open parcels of one stage, the most urgent first."""
        if refused := unauthorised(request, self.token):
            return refused
        state = request.query_params.get("state", Stage.LABELLED.value)
        limit = request.query_params.get("limit", str(QUEUE_DEFAULT))
        if state not in OPEN:
            return _bad("state_unknown", f"state: {', '.join(OPEN)}")
        if not limit.isdecimal() or len(limit) > 6 or not 1 <= int(limit) <= QUEUE_MAX:
            return _bad("limit_out_of_range", f"limit: 1-{QUEUE_MAX}")
        try:
            parcels = await self.reader.queue(Stage(state), int(limit))
        except AWAY:
            return _away()
        now = self.clock.now()
        return as_json({"parcels": [view(parcel, now) for parcel in parcels]})

    async def show(self, request: Request) -> Response:
        """GET: one order's parcel, with its `further` ones; 404 when there is none."""
        if refused := unauthorised(request, self.token):
            return refused
        order_id = request.path_params["order_id"]
        if not is_name(order_id, NAME_CHARS_MAX):
            return _unknown()
        try:
            parcel = await self.reader.parcel(order_id)
        except AWAY:
            return _away()
        if parcel is None:
            return _unknown()
        return as_json(view(parcel, self.clock.now()))

    async def step(self, request: Request) -> Response:
        """POST {actor, command_id?}: 200 when done, 409 when refused, 202 when not known yet."""
        if refused := unauthorised(request, self.token):
            return refused
        order_id, name = request.path_params["order_id"], request.path_params["step"]
        if name not in set(Step):
            return as_problem(404, "step_unknown", "没有这一步")
        if not is_name(order_id, NAME_CHARS_MAX):
            return _unknown()
        wanted = await _body(request, StepWanted)
        if isinstance(wanted, Response):
            return wanted
        return await self._asked_one(
            name,
            step_command(
                order_id,
                Step(name),
                actor=wanted.actor,
                command_id=wanted.command_id,
                issued_at=self.clock.now(),
                parcel_id=wanted.parcel_id,
            ),
        )

    async def replace(self, request: Request) -> Response:
        """POST {actor, carrier, waybill_no, reason, command_id?}: 200, 409 or 202 like a step."""
        if refused := unauthorised(request, self.token):
            return refused
        order_id = request.path_params["order_id"]
        if not is_name(order_id, NAME_CHARS_MAX):
            return _unknown()
        wanted = await _body(request, ReplacementWanted)
        if isinstance(wanted, Response):
            return wanted
        return await self._asked_one(
            REPLACE,
            replace_command(
                order_id,
                carrier=wanted.carrier,
                waybill_no=wanted.waybill_no,
                reason=wanted.reason,
                actor=wanted.actor,
                command_id=wanted.command_id,
                issued_at=self.clock.now(),
                parcel_id=wanted.parcel_id,
            ),
        )

    async def steps(self, request: Request) -> Response:
        """POST [{order_id, action, actor, command_id?}]: up to 500, each with its own result.

        Steps of one parcel are decided in the order of the list.
        """
        if refused := unauthorised(request, self.token):
            return refused
        wanted = await _body(request, Annotated[list[BatchStepWanted], Meta(max_length=BATCH_MAX)])
        if isinstance(wanted, Response):
            return wanted
        try:
            results = await asyncio.gather(*(self._step(one) for one in wanted))
        except DeliveryFailed:
            return _away()
        return as_json({"results": results})

    async def weight(self, request: Request) -> Response:
        """GET ?sku=: what one piece weighs and who changed it when and why; 404 when nobody has said."""
        if refused := unauthorised(request, self.token):
            return refused
        sku = request.query_params.get("sku", "")
        if not is_name(sku, NAME_CHARS_MAX):
            return _bad("sku_missing", "sku: which one")
        try:
            found = await self.sku_weights.read(sku)
        except AWAY:
            return _away()
        if found is None:
            return as_problem(404, "weight_unknown", "没有登记重量", sku)
        return as_json(found)

    async def weigh(self, request: Request) -> Response:
        """POST {actor, reason, weights: [{sku, weight_g}]}: up to 10,000; known SKUs get the new weight."""
        if refused := unauthorised(request, self.token):
            return refused
        wanted = await _body(request, WeightsWanted)
        if isinstance(wanted, Response):
            return wanted
        try:
            changed = await self.sku_weights.keep(
                {one.sku: one.weight_g for one in wanted.weights},
                actor=wanted.actor.strip(),
                reason=wanted.reason.strip(),
                at=self.clock.now(),
            )
        except AWAY:
            return _away()
        return as_json({"kept": len(wanted.weights), "changed": changed})

    async def _asked_one(self, action: str, command: AskedOfParcel) -> Response:
        try:
            result = await self._ask(action, command)
        except DeliveryFailed:
            return _away()
        if result.outcome == "refused":
            return as_problem(409, result.reason, result.title, result.order_id)
        return as_json(result, 202 if result.outcome == "pending" else 200)

    async def _step(self, wanted: BatchStepWanted) -> StepResult:
        command = step_command(
            wanted.order_id,
            wanted.action,
            actor=wanted.actor,
            command_id=wanted.command_id,
            issued_at=self.clock.now(),
            parcel_id=wanted.parcel_id,
        )
        return await self._ask(wanted.action, command)

    async def _ask(self, action: str, command: AskedOfParcel) -> StepResult:
        answer = await self.desk.ask(command, ASK_TIMEOUT_S)
        pending = isinstance(answer, StillPending)
        reason = "" if isinstance(answer, StillPending) else answer.reason
        return StepResult(
            order_id=command.order_id,
            action=action,
            command_id=command.command_id,
            parcel_id=command.parcel_id,
            outcome="pending" if isinstance(answer, StillPending) else answer.outcome,
            reason=reason,
            title="还没有结果，请稍后再查" if pending else REFUSALS.get(reason, reason),
        )


async def _body(request: Request, kind: Any) -> Any:
    """The decoded body, or the answer that refuses it."""
    raw = await read_body(request, BODY_BYTES_MAX)
    if raw is None:
        return as_problem(413, "too_large", "请求过大")
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _bad("bad_body", str(error)[:200])


def _unknown() -> Response:
    return as_problem(404, "unknown_parcel", REFUSALS["unknown_parcel"])


def _bad(code: str, detail: str) -> Response:
    return as_problem(400, code, "请求有误", detail)


def _away() -> Response:
    return problem_response(AWAY_NOW, RETRY_SOON)
