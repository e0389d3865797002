"""The leader's page: a form for one neighbour's order, phone-sized, in plain HTML that needs no script and no cookie.

Guarantees: a form that was opened by a genuine link and comes back with its token is taken once, however often it is
sent; what is wrong stands beside its field and nothing has to be written again; the answer to a good form is a
redirect, so that reloading sends nothing. No address tells the link to others (no referrer) or a neighbour to anyone.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from chassis.crypto import SealBroken, mask_name, mask_phone
from chassis.http import Problem, read_body
from chassis.metrics import DOOR_REQUESTS, DOOR_SECONDS
from chassis.money import yuan_text
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY
from services.ingest.domain.campaigns import GOODS_MAX, Refusal
from services.ingest.domain.leader_order import AcceptedOrder
from services.ingest.domain.links import Link
from services.ingest.domain.submissions import Asked, AskedLine, checked
from services.ingest.group_buys.entrance import (
    AWAY_NOW,
    DOOR,
    GONE,
    TOO_LARGE,
    Entrance,
    Showing,
    status_of,
)
from services.ingest.group_buys.store import SQL, read_order
from services.ingest.group_buys.taking import Placed
from services.ingest.shanghai import SHANGHAI

FOLDER = Path(__file__).parent
STYLE = (FOLDER / "templates" / "leader.css").read_bytes()
LISTED_MAX = 200
FORM_TYPE = "application/x-www-form-urlencoded"
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' https:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
    "cross-origin-opener-policy": "same-origin",
}
NOT_A_FORM = Problem(
    status=400, code="malformed", title="提交的内容无法识别", detail="请重新打开链接。"
)
_SUBMISSION = re.compile(r"[A-Za-z0-9_-]{22}")
_QUANTITY = re.compile(r"[0-9]{1,4}")
_QUANTITY_OF = "quantity."

_decode_order = msgspec.json.Decoder(AcceptedOrder).decode
Endpoint = Callable[[Request, Link], Awaitable[Response]]


def asked_of(fields: Mapping[str, str]) -> Asked:
    """A form's fields as a submission; a quantity that is no number is one that cannot be."""
    lines = []
    for field, text in fields.items():
        if field.startswith(_QUANTITY_OF) and text.strip() not in {"", "0"}:
            written = _QUANTITY.fullmatch(text.strip())
            quantity = int(written[0]) if written and text.isascii() else -1
            lines.append(AskedLine(sku=field.removeprefix(_QUANTITY_OF), quantity=quantity))
    return Asked(
        name=fields.get("name", ""),
        phone=fields.get("phone", ""),
        station_id=fields.get("station_id", ""),
        note=fields.get("note", ""),
        paid=fields.get("paid") == "yes",
        lines=tuple(lines),
    )


class Pages:
    """The pages over one entrance."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._templates = Jinja2Templates(directory=FOLDER / "templates")
        self._templates.env.filters |= {
            "yuan": yuan_text,
            "local": lambda moment: f"{moment.astimezone(SHANGHAI):%m月%d日 %H:%M}",
            "path": lambda text: quote(text, safe=""),
        }
        self._templates.env.trim_blocks = self._templates.env.lstrip_blocks = True

    def routes(self) -> list[Route]:
        """The pages' routes."""
        return [
            Route("/leader.css", self._style),
            Route("/leader/{token}", self._entered(self._form)),
            Route("/leader/{token}", self._entered(self._submit), methods=["POST"]),
            Route("/leader/{token}/orders", self._entered(self._orders)),
            Route("/leader/{token}/orders/{order_no}", self._entered(self._order)),
            Route(
                "/leader/{token}/orders/{order_no}",
                self._entered(self._withdraw),
                methods=["POST"],
            ),
            Route("/leader/{token}/pictures/{sku:path}", self._entered(self._picture)),
        ]

    def _entered(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Only by a genuine link; what goes wrong is a page too."""

        async def enter(request: Request) -> Response:
            link = self._entrance.link_of(request)
            if isinstance(link, Problem):
                DOOR_REQUESTS.labels(DOOR, link.code).inc()
                return self._problem(request, link)
            try:
                return await endpoint(request, link)
            except ClientDisconnect:
                return self._problem(request, NOT_A_FORM)
            except AWAY:
                return self._problem(request, AWAY_NOW)

        return enter

    async def _style(self, _request: Request) -> Response:
        return Response(STYLE, media_type="text/css", headers={"cache-control": "max-age=3600"})

    async def _form(self, request: Request, link: Link) -> Response:
        showing = await self._entrance.showing(link)
        if isinstance(showing, Problem):
            return self._problem(request, showing)
        return self._form_page(request, showing, {}, ())

    async def _submit(self, request: Request, link: Link) -> Response:
        with DOOR_SECONDS.labels(DOOR).time():
            answer, outcome = await self._submitted(request, link)
        DOOR_REQUESTS.labels(DOOR, outcome).inc()
        return answer

    async def _submitted(self, request: Request, link: Link) -> tuple[Response, str]:
        fields = await self._fields(request)
        if isinstance(fields, Problem):
            return self._problem(request, fields), fields.code
        # Not before: whoever begins to send in time and ends later is late.
        received_at = self._entrance.clock.now()
        showing = await self._entrance.showing(link)
        if isinstance(showing, Problem):
            return self._problem(request, showing), showing.code
        token, submission = request.path_params["token"], fields.get("submission", "")
        if not _SUBMISSION.fullmatch(submission) or not self._genuine(token, submission, fields):
            stale = Refusal(code="form_stale", field="", title="页面已过期，请再提交一次")
            return self._form_page(request, showing, fields, (stale,), 403), "form_stale"
        wanted = checked(asked_of(fields))
        if isinstance(wanted, tuple):
            return self._form_page(request, showing, fields, wanted, 422), "invalid"
        found = await self._entrance.taking.take(
            link, f"form:{submission}", wanted, received_at=received_at
        )
        if not isinstance(found, Placed):
            page = self._form_page(request, showing, fields, found, status_of(found))
            return page, "refused"
        done = RedirectResponse(
            f"/leader/{token}/orders/{found.order_no}", status_code=303, headers=HEADERS
        )
        return done, "repeated" if found.repeated else "accepted"

    async def _fields(self, request: Request) -> dict[str, str] | Problem:
        if request.headers.get("content-type", "").partition(";")[0].strip() != FORM_TYPE:
            return NOT_A_FORM
        body = await read_body(request, self._entrance.settings.leader_form_bytes_max)
        if body is None:
            return TOO_LARGE
        try:
            pairs = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=GOODS_MAX + 10,
            )
        except ValueError:
            return NOT_A_FORM
        return dict(pairs)

    def _form_page(
        self,
        request: Request,
        showing: Showing,
        fields: Mapping[str, str],
        refusals: tuple[Refusal, ...],
        status: int = 200,
    ) -> Response:
        # What was refused may be mended and sent again as the same form; a stale or used one gets a new number.
        used = {"form_stale", "submitted_already"} & {refusal.code for refusal in refusals}
        submission = fields.get("submission", "")
        if used or not _SUBMISSION.fullmatch(submission):
            submission = secrets.token_urlsafe(16)
        token = request.path_params["token"]
        named = {good.sku for good in showing.goods}
        beside = {"name", "phone", "station_id", "note", "paid", *(f"lines.{sku}" for sku in named)}
        shown = {
            "token": token,
            "showing": showing,
            "fields": fields,
            "submission": submission,
            "form_token": self._entrance.keys.form_token(token, submission),
            "errors": {one.field: one.title for one in refusals if one.field in beside},
            "above": [one.title for one in refusals if one.field not in beside],
        }
        return self._page(request, "form.html", shown, status)

    async def _orders(self, request: Request, link: Link) -> Response:
        async with self._entrance.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            rows = await connection.fetch(
                SQL["leader_orders"], link.campaign_id, link.leader_id, LISTED_MAX
            )
        token = request.path_params["token"]
        return self._page(request, "orders.html", {"token": token, "orders": rows})

    async def _order(self, request: Request, link: Link) -> Response:
        return await self._order_page(request, link)

    async def _withdraw(self, request: Request, link: Link) -> Response:
        fields = await self._fields(request)
        if isinstance(fields, Problem):
            return self._problem(request, fields)
        at = self._entrance.clock.now()
        token, order_no = request.path_params["token"], request.path_params["order_no"]
        if not self._genuine(token, order_no, fields):
            return await self._order_page(request, link, "页面已过期，请再点一次", 403)
        found = await self._entrance.taking.withdraw(link, order_no, at=at)
        if isinstance(found, Refusal):
            return await self._order_page(request, link, found.title, 409)
        done = f"/leader/{token}/orders/{order_no}"
        return RedirectResponse(done, status_code=303, headers=HEADERS)

    async def _order_page(
        self, request: Request, link: Link, fault: str = "", status: int = 200
    ) -> Response:
        token, order_no = request.path_params["token"], request.path_params["order_no"]
        async with self._entrance.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            row = await read_order(connection, link, order_no)
        if row is None:
            return self._problem(request, GONE)
        shown = {
            "token": token,
            "row": row,
            "order": self._opened(row["payload"]),
            "fault": fault,
            "form_token": self._entrance.keys.form_token(token, order_no),
            "mask_name": mask_name,
            "mask_phone": mask_phone,
        }
        return self._page(request, "order.html", shown, status)

    def _genuine(self, token: str, subject: str, fields: Mapping[str, str]) -> bool:
        """Whether a form is one of ours, about this subject and opened by this link."""
        given, expected = (
            fields.get("form_token", ""),
            self._entrance.keys.form_token(token, subject),
        )
        return hmac.compare_digest(given.encode(), expected.encode())

    def _opened(self, payload: bytes) -> AcceptedOrder | None:
        """The order in clear, while the door still keeps it."""
        try:
            opened = self._entrance.taking.payloads.open_payload(payload) if payload else b""
        except SealBroken:
            return None
        return _decode_order(opened) if opened else None

    async def _picture(self, request: Request, link: Link) -> Response:
        async with self._entrance.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            row = await connection.fetchrow(
                SQL["picture"], link.campaign_id, request.path_params["sku"]
            )
        if row is None:
            return self._problem(request, GONE)
        headers = {**HEADERS, "cache-control": "private, max-age=600"}
        return Response(row["body"], media_type=row["media_type"], headers=headers)

    def _problem(self, request: Request, problem: Problem) -> Response:
        return self._page(request, "problem.html", {"problem": problem}, problem.status)

    def _page(
        self, request: Request, name: str, shown: dict[str, Any], status: int = 200
    ) -> Response:
        return self._templates.TemplateResponse(
            request,
            name,
            shown,
            status_code=status,
            headers={**HEADERS, "cache-control": "no-store"},
        )
