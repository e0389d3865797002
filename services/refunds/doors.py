"""HTTP doors of the refunds service: ask, approve, refuse, confirm a return, resume a payout or say that it went by hand,
settle a double refund, look.

Every door here needs the bearer token (gateways come by `notices.py`). A change is a command to the order's single writer; its result decides the
status: 201 or 200 done, 409 refused (problem with the reason), 202 durable but not decided yet: ask again
with the same `request_key`, which never makes a second refund. 503: a server is away, and what was asked may
be done all the same; that is asked again, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis import metrics
from chassis.clock import Clock
from chassis.commands import CommandDesk, StillPending
from chassis.errors import Unavailable
from chassis.http import (
    RETRY_SOON,
    Problem,
    as_json,
    as_problem,
    problem_response,
    read_body,
    unauthorised,
)
from chassis.ids import request_id
from chassis.producer import DeliveryFailed
from chassis.texts import NAME, WORDS, is_name
from schemas.events.commands_refunds import (
    ApproveRefund,
    ConfirmReturn,
    EndRefund,
    RefundRequestLine,
    RefuseRefund,
    RequestRefund,
    ResolveDoubleRefund,
    ResumePayout,
)
from services.refunds.domain.payout import GaveUp
from services.refunds.domain.rules import REASONS
from services.refunds.listing import Desk

BODY_BYTES_MAX: Final = 64 * 1024
LINES_MAX: Final = 200
REASON_CHARS_MAX: Final = 500
NAME_CHARS_MAX: Final = 128
COUNT_MAX: Final = 2**31 - 1
"""What the command's record can say."""
AWAY_NOW: Final = Problem(status=503, code="unavailable", title="暂时不可用，请稍后再试")

_Name: TypeAlias = Annotated[str, Meta(max_length=NAME_CHARS_MAX, pattern=NAME)]
_Count: TypeAlias = Annotated[int, Meta(ge=1, le=COUNT_MAX)]
_Words: TypeAlias = Annotated[str, Meta(pattern=WORDS)]

T = TypeVar("T", bound=Struct)


class AskedLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces of one line."""

    line_no: _Count
    quantity: _Count


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /refunds. No lines: everything left."""

    order_id: _Name
    request_key: _Name
    actor: _Name
    kind: Literal["refund_only", "return_and_refund"] = "refund_only"
    lines: tuple[AskedLine, ...] = ()
    include_freight: bool = False
    damaged: bool = False
    reason: _Words = ""


class Judged(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of approve and refuse."""

    actor: _Name
    role: _Name
    reason: _Words = ""


class Returned(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of returned: what the warehouse found. `reason` is what it rests on, such as an inspection slip."""

    actor: _Name
    good: bool
    reason: _Words = ""


class LookAgain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of look-again. The same `request_key` again is the same press; without one every press is its own."""

    actor: _Name
    reason: _Words
    request_key: _Name = ""


class PaidByHand(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of paid-by-hand: who gave the money back at the shop, and the shop's own number of that."""

    actor: _Name
    refund_no: _Name


class Resolve(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of resolve-double-refund: what became of money that may have gone twice. `request_key` as of look-again."""

    actor: _Name
    reason: _Words
    outcome: Literal["only_ours", "only_channel", "recovered", "written_off"]
    request_key: _Name = ""


class _Unread(Exception):
    """The body is not what the door asks for; holds the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def refund_id_of(order_id: str, request_key: str) -> str:
    """The id of the refund that this request asks for; the same request always names the same refund."""
    return request_id("refund", order_id, request_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Everything the doors work with."""

    token: str
    commands: CommandDesk
    desk: Desk
    clock: Clock
    answer_timeout_s: float

    def routes(self) -> list[Route]:
        """The doors."""
        case = "/refunds/{order_id}/{refund_id}"
        return [
            self._route("/refunds", "request", self.request, "POST"),
            self._route("/refunds", "list", self.list_cases, "GET"),
            self._route(f"{case}/approve", "approve", self.approve, "POST"),
            self._route(f"{case}/refuse", "refuse", self.refuse, "POST"),
            self._route(f"{case}/returned", "returned", self.returned, "POST"),
            self._route(f"{case}/look-again", "look_again", self.look_again, "POST"),
            self._route(f"{case}/paid-by-hand", "paid_by_hand", self.paid_by_hand, "POST"),
            self._route(f"{case}/resolve-double-refund", "resolve", self.resolve, "POST"),
            self._route("/double-refunds", "double_refunds", self.list_doubts, "GET"),
            self._route("/totals", "totals", self.totals, "GET"),
        ]

    def _route(
        self, path: str, name: str, answer: Callable[[Request], Awaitable[Response]], method: str
    ) -> Route:
        async def guarded(request: Request) -> Response:
            if (refusal := unauthorised(request, self.token)) is not None:
                metrics.DOOR_REQUESTS.labels(f"refunds.{name}", "unauthorised").inc()
                return refusal
            try:
                response = await answer(request)
            except _Unread as unread:
                response = unread.response
            except (Unavailable, DeliveryFailed):
                response = problem_response(AWAY_NOW, RETRY_SOON)
            metrics.DOOR_REQUESTS.labels(f"refunds.{name}", str(response.status_code)).inc()
            return response

        return Route(path, guarded, methods=[method])

    async def request(self, request: Request) -> Response:
        """POST /refunds."""
        asked = await _body(request, Asked)
        named = asked.order_id and asked.request_key and asked.actor
        if len(asked.lines) > LINES_MAX or not named:
            return as_problem(422, "bad_request", "请求内容不完整")
        _require_short(asked.reason, "理由")
        refund_id = refund_id_of(asked.order_id, asked.request_key)
        now = self.clock.now()
        command = RequestRefund(
            order_id=asked.order_id,
            # The refund id is what makes a repeat harmless. A command id of its own lets a request that
            # was refused because the payment had not arrived be made again later.
            command_id=request_id("ask", refund_id, now.isoformat()),
            issued_at=now,
            actor=asked.actor,
            refund_id=refund_id,
            kind=asked.kind,
            lines=tuple(
                RefundRequestLine(line_no=line.line_no, quantity=line.quantity)
                for line in asked.lines
            ),
            include_freight=asked.include_freight,
            damaged=asked.damaged,
            reason=asked.reason,
        )
        return await self._ask(command, 201)

    async def approve(self, request: Request) -> Response:
        """POST /refunds/{order_id}/{refund_id}/approve."""
        return await self._judge(request, "approve", ApproveRefund)

    async def refuse(self, request: Request) -> Response:
        """POST /refunds/{order_id}/{refund_id}/refuse."""
        return await self._judge(request, "refuse", RefuseRefund)

    async def _judge(
        self, request: Request, verb: str, kind: type[ApproveRefund | RefuseRefund]
    ) -> Response:
        judged = await _body(request, Judged)
        _require_said(judged.actor, "请写明操作人")
        if kind is RefuseRefund:
            _require_said(judged.reason, "请写明拒绝的理由")
        _require_short(judged.reason, "理由")
        order_id, refund_id = _names(request)
        now = self.clock.now()
        command = kind(
            order_id=order_id,
            command_id=request_id(
                verb, order_id, refund_id, judged.actor, judged.role, now.isoformat()
            ),
            issued_at=now,
            actor=judged.actor,
            refund_id=refund_id,
            role=judged.role,
            reason=judged.reason,
        )
        return await self._ask(command, 200)

    async def returned(self, request: Request) -> Response:
        """POST /refunds/{order_id}/{refund_id}/returned."""
        found = await _body(request, Returned)
        _require_said(found.actor, "请写明操作人")
        _require_short(found.reason, "依据")
        order_id, refund_id = _names(request)
        now = self.clock.now()
        command = ConfirmReturn(
            order_id=order_id,
            command_id=request_id("returned", order_id, refund_id, now.isoformat()),
            issued_at=now,
            actor=found.actor,
            refund_id=refund_id,
            good=found.good,
            reason=found.reason or None,
        )
        return await self._ask(command, 200)

    async def look_again(self, request: Request) -> Response:
        """POST /refunds/{order_id}/{refund_id}/look-again: a person has the gateway asked once more."""
        wanted = await _body(request, LookAgain)
        _require_said(wanted.actor, REASONS["resumed_without_reason"])
        _require_said(wanted.reason, REASONS["resumed_without_reason"])
        _require_short(wanted.reason, "理由")
        order_id, refund_id = _names(request)
        now = self.clock.now()
        key = wanted.request_key or now.isoformat()
        command = ResumePayout(
            order_id=order_id,
            command_id=request_id("resume", order_id, refund_id, wanted.actor, key),
            issued_at=now,
            actor=wanted.actor,
            refund_id=refund_id,
            reason=wanted.reason,
        )
        return await self._ask(command, 200)

    async def paid_by_hand(self, request: Request) -> Response:
        """POST /refunds/{order_id}/{refund_id}/paid-by-hand: a person gave back what no gateway takes the currency of."""
        said = await _body(request, PaidByHand)
        _require_said(said.actor, "请写明操作人")
        _require_said(said.refund_no, "请写明店铺后台的退款单号")
        order_id, refund_id = _names(request)
        found = await self.desk.cases(order_id=order_id, refund_id=refund_id, limit=1)
        if not found:
            return _refused("refund_unknown", refund_id)
        # Of any other payout money may have left: that is for the gateway, or for who settles a double refund, to say.
        if found[0].payout_gave_up != GaveUp.CURRENCY_NOT_TAKEN:
            title = "只有支付渠道不收币种、没有发出的退款，才能记为人工退款"
            return as_problem(409, "payout_not_for_hand", title, f"refund {refund_id}")
        command = EndRefund(
            order_id=order_id,
            command_id=request_id("byhand", order_id, refund_id),
            issued_at=self.clock.now(),
            actor=said.actor,
            refund_id=refund_id,
            outcome="refunded",
            refund_no=said.refund_no,
        )
        return await self._ask(command, 200)

    async def resolve(self, request: Request) -> Response:
        """POST /refunds/{order_id}/{refund_id}/resolve-double-refund: a person settles whether it went twice."""
        wanted = await _body(request, Resolve)
        _require_said(wanted.actor, REASONS["resolved_without_reason"])
        _require_said(wanted.reason, REASONS["resolved_without_reason"])
        _require_short(wanted.reason, "理由")
        order_id, refund_id = _names(request)
        now = self.clock.now()
        key = wanted.request_key or now.isoformat()
        command = ResolveDoubleRefund(
            order_id=order_id,
            command_id=request_id("resolve", order_id, refund_id, wanted.actor, key),
            issued_at=now,
            actor=wanted.actor,
            refund_id=refund_id,
            outcome=wanted.outcome,
            reason=wanted.reason,
        )
        result = await self.commands.ask(command, self.answer_timeout_s)
        if isinstance(result, StillPending):
            return _pending(order_id, refund_id)
        if result.outcome == "refused":
            return _refused(result.reason, refund_id)
        [doubt] = await self.desk.doubts(order_id=order_id, refund_id=refund_id, limit=1)
        return as_json(doubt)

    async def list_doubts(self, request: Request) -> Response:
        """GET /double-refunds?order_id=&open=&limit=; `open=1` leaves out what is settled."""
        limit = _limit(request)
        found = await self.desk.doubts(
            order_id=_asked_for(request, "order_id"),
            standing=request.query_params.get("open", "") == "1",
            limit=limit,
        )
        return as_json({"double_refunds": found})

    async def list_cases(self, request: Request) -> Response:
        """GET /refunds?state=&order_id=&limit=."""
        limit = _limit(request)
        found = await self.desk.cases(
            state=_asked_for(request, "state"),
            order_id=_asked_for(request, "order_id"),
            limit=limit,
        )
        return as_json({"refunds": found})

    async def totals(self, _request: Request) -> Response:
        """GET /totals."""
        return as_json(await self.desk.totals())

    async def _ask(self, command: Any, done_status: int) -> Response:
        result = await self.commands.ask(command, self.answer_timeout_s)
        if isinstance(result, StillPending):
            return _pending(command.order_id, command.refund_id)
        if result.outcome == "refused":
            return _refused(result.reason, command.refund_id)
        return await self._case(command.order_id, command.refund_id, done_status)

    async def _case(self, order_id: str, refund_id: str, status: int) -> Response:
        found = await self.desk.cases(order_id=order_id, refund_id=refund_id, limit=1)
        # A channel's request that overtook its order is kept, and is no case yet.
        return as_json(found[0], status) if found else _pending(order_id, refund_id)


def _refused(reason: str, refund_id: str) -> Response:
    return as_problem(409, reason, REASONS.get(reason, "不能这样做"), f"refund {refund_id}")


def _limit(request: Request) -> int:
    """Raises _Unread for what is no number."""
    limit = request.query_params.get("limit", "100")
    if not limit.isdecimal() or len(limit) > 6:
        raise _Unread(as_problem(422, "bad_request", "limit 必须是数字"))
    return int(limit)


def _require_said(text: str, title: str) -> None:
    """Raises _Unread for a text that says nothing."""
    if not text.strip():
        raise _Unread(as_problem(422, "bad_request", title))


def _require_short(text: str, what: str) -> None:
    """Raises _Unread for a text that is longer than anybody reads."""
    if len(text) > REASON_CHARS_MAX:
        raise _Unread(as_problem(422, "bad_request", f"{what}不能超过 {REASON_CHARS_MAX} 字"))


def _require_named(*names: str) -> None:
    """Raises _Unread for what cannot be the number of an order or a refund."""
    if not all(is_name(name, NAME_CHARS_MAX) for name in names):
        raise _Unread(as_problem(422, "bad_request", "编号为空、过长或含不可用字符"))


def _asked_for(request: Request, name: str) -> str:
    """What a list is narrowed to, or "". Raises _Unread."""
    given = request.query_params.get(name, "")
    if given:
        _require_named(given)
    return given


def _names(request: Request) -> tuple[str, str]:
    """Order and refund of the path. Raises _Unread."""
    order_id, refund_id = request.path_params["order_id"], request.path_params["refund_id"]
    _require_named(order_id, refund_id)
    return order_id, refund_id


async def _body(request: Request, kind: type[T]) -> T:
    body = await read_body(request, BODY_BYTES_MAX)
    if body is None:
        raise _Unread(as_problem(413, "too_large", "请求内容过大"))
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _Unread(
            as_problem(422, "bad_request", "请求内容无法读取", str(error)[:200])
        ) from error


def _pending(order_id: str, refund_id: str) -> Response:
    return as_json({"order_id": order_id, "refund_id": refund_id, "pending": True}, 202)
