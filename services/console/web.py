"""What all doors of the console share: the signed-in user, strict headers, and errors in business words.

Guarantees: nothing but the sign-in page, its assets and its POST answers without a session; every answer
carries the security headers; an unexpected error shows a number that is in the log, never its text.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.templating import Jinja2Templates
from msgspec import Struct
from starlette.datastructures import URL, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.commands import StillPending
from chassis.currency import amount_text
from chassis.errors import Unavailable
from chassis.http import Problem, problem_response
from chassis.log import logger
from chassis.postgres import AWAY
from schemas.events.command_results import CommandSettled
from services.console import words
from services.console.live import Broadcast, Reading
from services.console.settings import ConsoleSettings
from services.console.shop_views import ShopViews
from services.console.signin import Guesses, Session, Sessions
from services.console.stock_health import StockWhole
from services.console.stock_views import StockViews
from services.console.views import Views

SESSION_COOKIE = "danshu_session"
FORM_COOKIE = "danshu_form"
FOLDER = Path(__file__).parent

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


Ask = Callable[[Struct, float], Awaitable[CommandSettled | StillPending]]
"""Gives a command to its service and waits so many seconds for what became of it. Raises DeliveryFailed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the doors work with. `app.state.desk` of the console's ASGI application."""

    settings: ConsoleSettings
    views: Views
    shop_views: ShopViews
    stock_views: StockViews
    stock_whole: StockWhole
    broadcast: Broadcast
    reading: Callable[[], Reading]
    ask: Ask
    sessions: Sessions
    guesses: Guesses
    templates: Jinja2Templates


class NotSignedIn(Exception):
    """There is no session, or it has ended."""


def desk_of(request: Request) -> Desk:
    """The desk behind this request."""
    desk: Desk = request.app.state.desk
    return desk


def signed_in(request: Request) -> Session:
    """The session of this request. Raises NotSignedIn."""
    session = desk_of(request).sessions.read(request.cookies.get(SESSION_COOKIE, ""))
    if session is None or session.user not in desk_of(request).settings.users:
        raise NotSignedIn
    return session


SignedIn = Annotated[Session, Depends(signed_in)]
AtDesk = Annotated[Desk, Depends(desk_of)]


def templates() -> Jinja2Templates:
    """The pages, with the words' filters."""
    pages = Jinja2Templates(directory=FOLDER / "templates")
    pages.env.filters |= {
        "money": amount_text,
        "local": words.local,
        "brief": words.brief,
        "minute": words.minute,
        "utc": words.utc,
        "say": words.say,
        "rule": words.rule,
        "path": lambda text: quote(text, safe=""),
    }
    pages.env.trim_blocks = pages.env.lstrip_blocks = True
    return pages


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of a page, which it does not when it restores its history."""
    return (
        request.headers.get("hx-request") == "true"
        and request.headers.get("hx-history-restore-request") != "true"
    )


def page_or_part(
    request: Request, desk: Desk, page: str, part: str, shown: dict[str, Any]
) -> Response:
    """The whole page, or for htmx the part of it that changes."""
    answer = desk.templates.TemplateResponse(request, part if is_fragment(request) else page, shown)
    answer.headers["vary"] = "HX-Request"
    return answer


def safe_path(text: str) -> str:
    """Where to go after signing in: a path of our own, else the start page."""
    plain = text.startswith("/") and not text.startswith(("//", "/\\", "/login"))
    return text if plain and text.isprintable() else "/"


class SecurityHeaders:
    """Adds HEADERS to every answer, and keeps answers out of caches unless they say otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/") or request.url.path == "/openapi.json"


def _error(request: Request, status: int, title: str, detail: str, code: str) -> Response:
    if _wants_json(request):
        return problem_response(Problem(status=status, code=code, title=title, detail=detail))
    desk = desk_of(request)
    return desk.templates.TemplateResponse(
        request, "error.html", {"title": title, "detail": detail}, status_code=status
    )


def _not_signed_in(request: Request, _cause: Exception) -> Response:
    if _wants_json(request):
        return problem_response(Problem(status=401, code="not_signed_in", title="请先登录"))
    if is_fragment(request):
        # console.js leads to the sign-in, unless something has been typed that would be lost.
        return Response(status_code=401)
    here = request.url if request.method in {"GET", "HEAD"} else _page_before(request)
    path = here.path + (f"?{here.query}" if here.query else "")
    to = "/login" if path in {"", "/"} else f"/login?next={quote(path, safe='')}"
    return RedirectResponse(to, status_code=303)


def _page_before(request: Request) -> URL:
    """The page of ours that a form was sent from, by the browser's word: a form's own address cannot be opened. "" for others."""
    page = URL(request.headers.get("referer", ""))
    try:
        ours = page.netloc == request.headers.get("host") and page.path != request.url.path
    except ValueError:  # no address at all, "http://["
        ours = False
    return page if ours else URL("")


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return _error(
            request,
            404,
            "没有找到",
            "这个地址、订单、店铺或 SKU 不存在，请检查后再试。",
            "not_found",
        )
    if status == 405:
        return _error(
            request,
            405,
            "这个地址不能直接打开",
            "它只接收页面上填好的表单，这次没有提交任何内容。请回到实时订单，打开那个订单再操作。",
            "method_not_allowed",
        )
    detail = error.detail if isinstance(error, HTTPException) else ""
    return _error(request, status, "请求没有成功", str(detail), "refused")


def _malformed(request: Request, _cause: Exception) -> Response:
    return _error(request, 422, "请求内容不正确", "请检查填写的内容。", "malformed")


def _unexpected(request: Request, error: Exception) -> Response:
    number = secrets.token_hex(4)
    logger.error("page failed", number=number, path=request.url.path, error=type(error).__name__)
    detail = f"稍后再试；如果一直这样，请把事件编号 {number} 告诉技术人员。"
    answer = _error(request, 500, "出了点问题", detail, "unexpected")
    # This one is answered outside of `SecurityHeaders`.
    for name, value in (*HEADERS.items(), ("cache-control", "no-store")):
        answer.headers.setdefault(name, value)
    return answer


def _away(request: Request, _cause: Exception) -> Response:
    answer = _error(request, 503, "暂时不可用", "数据库没有应答，请稍后再试。", "unavailable")
    answer.headers["retry-after"] = "5"
    return answer


def install_errors(app: FastAPI) -> None:
    """Error pages and problem answers."""
    handlers: dict[Any, Any] = {
        NotSignedIn: _not_signed_in,
        HTTPException: _http_error,
        RequestValidationError: _malformed,
        Unavailable: _away,
        **dict.fromkeys(AWAY, _away),
        Exception: _unexpected,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
