"""The quarantine's doors: list, show, correct, release, discard; every one needs the bearer token.

A POST is a command to the order's one writer: 200 with what was done, 409 with the reason of a refusal, 202 when
the answer has not come in time (ask again with the same `command_id`: it has one effect). Names, phones and
addresses are masked; `reveal` shows them and writes down who asked, and why.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.clock import Clock
from chassis.commands import CommandDesk, StillPending
from chassis.http import Problem, as_json, as_problem, problem_response, read_body, unauthorised
from chassis.postgres import ACQUIRE_TIMEOUT_S, Connection, Pool
from schemas.events.commands_ingest_payloads import (
    CorrectQuarantined,
    DiscardQuarantined,
    ReleaseQuarantined,
)
from services.ingest.domain.correction import Correction, PatchRefused, read_patch
from services.ingest.domain.quarantine import WAITING, Deed, Entry, EntryState
from services.ingest.facts import Command, Reader, opened_corrections
from services.ingest.quarantine import ENTRY_UNKNOWN
from services.ingest.quarantine_views import View, summary, view
from services.ingest.setting_aside import payload_of
from services.ingest.store import LIST_MAX, Found, find_entries, list_entries, write_deed

BODY_BYTES_MAX = 64 * 1024
TEXT_CHARS_MAX = 500
_COMMAND_ID = re.compile(r"[\w.:-]{0,100}")
UNKNOWN = Problem(status=404, code=ENTRY_UNKNOWN, title="隔离区没有这个编号")


class Ask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of every POST. Without a `command_id` each call is a command of its own. `patch`: correct only."""

    entry_key: str
    actor: str
    reason: str
    command_id: str = ""
    patch: Raw | UnsetType = UNSET


class Answer(Struct, frozen=True, kw_only=True):
    """Body of 200 and 202. `result`: the entry's state and what still blocks it, or the order id."""

    command_id: str
    outcome: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineDoors:
    """The doors over one pool and one desk."""

    pool: Pool
    desk: CommandDesk
    clock: Clock
    reader: Reader
    token: str
    ask_timeout_s: float

    def app(self) -> Starlette:
        """The ASGI application, to be mounted at /quarantine."""
        return Starlette(
            routes=[
                Route("/", self._list, methods=["GET"]),
                Route("/entries", self._show, methods=["GET"]),
                Route("/{act}", self._ask, methods=["POST"]),
            ]
        )

    async def _list(self, request: Request) -> Response:
        if refused := unauthorised(request, self.token):
            return refused
        asked = request.query_params
        try:
            states = [EntryState(state) for state in asked.getlist("state")] or sorted(WAITING)
            limit = int(asked.get("limit", "100"))
        except ValueError as error:
            return as_problem(400, "malformed", "请求内容不合规", str(error))
        if not 0 < limit <= LIST_MAX:
            return as_problem(400, "malformed", "请求内容不合规", f"limit is 1 to {LIST_MAX}")
        async with self.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            entries = await list_entries(
                connection, states=states, channel=asked.get("channel", ""), limit=limit
            )
        return as_json([summary(entry) for entry in entries])

    async def _show(self, request: Request) -> Response:
        if refused := unauthorised(request, self.token):
            return refused
        async with self.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            found = await find_entries(connection, request.query_params.get("name", ""))
            views = [await self._view(connection, one, in_clear=False) for one in found]
        return as_json(views) if views else problem_response(UNKNOWN)

    async def _ask(self, request: Request) -> Response:
        if refused := unauthorised(request, self.token):
            return refused
        act = request.path_params["act"]
        if act not in COMMANDS and act != "reveal":
            return as_problem(404, "act_unknown", "没有这个操作")
        ask = await _read(request)
        if isinstance(ask, Response):
            return ask
        if (ask.patch is not UNSET) is not (act == "correct"):
            return as_problem(422, "patch", "更正必须带 patch，其他操作不能带")
        async with self.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            found = [f for f in await find_entries(connection, ask.entry_key) if _is(f, ask)]
            if not found:
                return problem_response(UNKNOWN)
            if act == "reveal":
                return await self._reveal(connection, found[0], ask)
        return await self._command(act, found[0].entry, ask)

    async def _command(self, act: str, entry: Entry, ask: Ask) -> Response:
        patch = b"" if ask.patch is UNSET else bytes(ask.patch)
        if patch and isinstance(read := read_patch(patch), PatchRefused):
            return as_problem(422, "patch_malformed", "更正内容不合规", read.why)
        command = COMMANDS[act](
            source_key=payload_of(entry).source_key,
            command_id=ask.command_id or str(uuid.uuid4()),
            issued_at=self.clock.now(),
            actor=ask.actor,
            reason=ask.reason,
            entry_key=entry.key,
            **({"patch": self.reader.payloads.seal_payload(patch)} if patch else {}),
        )
        settled = await self.desk.ask(command, self.ask_timeout_s)
        if isinstance(settled, StillPending):
            pending = Answer(command_id=settled.command_id, outcome="pending", result="")
            return as_json(pending, 202)
        if settled.outcome == "refused":
            return as_problem(409, settled.result_id or "refused", "未执行", settled.reason)
        return as_json(
            Answer(command_id=settled.command_id, outcome=settled.outcome, result=settled.result_id)
        )

    async def _reveal(self, connection: Connection, found: Found, ask: Ask) -> Response:
        revealed = Deed(
            key=found.entry.key,
            at=self.clock.now(),
            act="reveal",
            actor=ask.actor,
            reason=ask.reason,
            basis=ask.command_id,
        )
        await write_deed(connection, revealed)
        return as_json([await self._view(connection, found, in_clear=True)])

    async def _view(self, connection: Connection, found: Found, *, in_clear: bool) -> View:
        entry = found.entry
        corrections = await self._corrections(connection, entry)
        arrival = self.reader.arrival(payload_of(entry)) if entry.waits else None
        return view(entry, found.deeds, arrival, corrections, in_clear=in_clear)

    async def _corrections(self, connection: Connection, entry: Entry) -> tuple[Correction, ...]:
        wrapped = await connection.fetchval(
            "SELECT wrapped_key FROM chassis.personal_keys WHERE order_id = $1", entry.order_id
        )
        return opened_corrections(self.reader, entry.correction, entry.order_id, wrapped)


COMMANDS: dict[str, Callable[..., Command]] = {
    "correct": CorrectQuarantined,
    "release": ReleaseQuarantined,
    "discard": DiscardQuarantined,
}


def _is(found: Found, ask: Ask) -> bool:
    return found.entry.key == ask.entry_key


async def _read(request: Request) -> Ask | Response:
    try:
        body = await read_body(request, BODY_BYTES_MAX)
        if body is None:
            return as_problem(413, "too_large", "请求内容过大")
        ask = msgspec.json.decode(body, type=Ask)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ClientDisconnect) as error:
        return as_problem(400, "malformed", "请求内容不合规", str(error))
    if not ask.reason.strip() or not ask.actor.strip():
        return as_problem(422, "reason_and_actor", "必须写明原因和操作人")
    if max(len(ask.reason), len(ask.actor)) > TEXT_CHARS_MAX:
        return as_problem(422, "too_long", f"文字不能超过 {TEXT_CHARS_MAX} 个字")
    if not (ask.reason + ask.actor).isprintable() or not _COMMAND_ID.fullmatch(ask.command_id):
        return as_problem(422, "unprintable", "文字里有不可见字符，或命令号不合规")
    return ask
