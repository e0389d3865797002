"""The pages: sign-in, live orders, one order, the channels' shops. Those of the stock are in stock_pages.py.

Thin: filters in the URL, queries in views.py and shop_views.py, words in words.py.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console import metrics, words
from services.console.api import Narrowed
from services.console.shop_views import ORDERINGS
from services.console.signin import Session, check_user
from services.console.views import FLAGGED_COUNTED_MAX, Filters
from services.console.web import (
    FORM_COOKIE,
    SESSION_COOKIE,
    AtDesk,
    Desk,
    SignedIn,
    page_or_part,
    safe_path,
)

HOURS_OFFERED = 24
HASHING_MAX = asyncio.Semaphore(2)
"""Password hashes at once: each takes 32 MiB and a core for 80 ms."""

router = APIRouter(include_in_schema=False)


def query_of(filters: Filters, **changed: str) -> str:
    """The filters as a query string, with some of them changed; "" leaves one out."""
    values = asdict(filters) | {"before": ""} | changed
    values["q"] = values.pop("query")
    return urlencode({name: value for name, value in values.items() if value})


def hours_until(now: datetime) -> list[tuple[str, str]]:
    """The last hours for the choice of 小时段: (value, words), newest first."""
    start = now.astimezone(words.SHANGHAI).replace(minute=0, second=0, microsecond=0)
    today = start.date()
    hours = [start - timedelta(hours=back) for back in range(HOURS_OFFERED)]
    return [
        (
            f"{hour:%Y-%m-%dT%H}",
            f"{'今天' if hour.date() == today else '昨天'} {hour:%H}:00–{hour:%H}:59",
        )
        for hour in hours
    ]


@router.get("/")
async def orders(request: Request, desk: AtDesk, session: SignedIn, narrowed: Narrowed) -> Response:
    """实时订单: the whole page, or the board alone for htmx."""
    found = await desk.views.orders(narrowed, desk.settings.page_orders)
    steps = await desk.views.funnel(narrowed)
    total = sum(step.orders for step in steps)
    now = desk.views.now()
    chosen = {
        "filters": narrowed,
        "found": found,
        "steps": steps,
        "waiting": await desk.views.waiting(),
        "total": total,
        "counted_max": FLAGGED_COUNTED_MAX if narrowed.flag else None,
        "query_of": query_of,
        "now": now,
        "session": session,
        "channels": words.CHANNELS,
        "flags": words.FLAGS,
        "hours": hours_until(now),
    }
    page = page_or_part(request, desk, "orders.html", "board.html", chosen)
    if request.headers.get("hx-source", "").startswith("form"):
        # The form sends its empty choices too; the address bar keeps what was chosen.
        page.headers["hx-push-url"] = f"/?{query_of(narrowed)}".rstrip("?")
    return page


@router.get("/shops")
async def shops(
    request: Request, desk: AtDesk, session: SignedIn, sort: str = "trouble"
) -> Response:
    """渠道."""
    ordering = sort if sort in ORDERINGS else "trouble"
    shown = {"found": await desk.shop_views.shops(ordering), "sort": ordering, "session": session}
    return page_or_part(request, desk, "shops.html", "shops_board.html", shown)


@router.get("/shops/{shop_key:path}")
async def shop(request: Request, desk: AtDesk, session: SignedIn, shop_key: str) -> Response:
    """一家店铺."""
    detail = await desk.shop_views.shop(shop_key)
    if detail is None:
        raise HTTPException(404)
    shown = {"detail": detail, "shop": detail.shop, "session": session}
    return page_or_part(request, desk, "shop.html", "shop_body.html", shown)


@router.get("/orders/{order_id:path}")
async def order(request: Request, desk: AtDesk, session: SignedIn, order_id: str) -> Response:
    """订单详情."""
    return await order_page(request, desk, session, order_id)


async def order_page(
    request: Request,
    desk: Desk,
    session: Session,
    order_id: str,
    *,
    told: str = "",
    status: int = 200,
) -> Response:
    """One order's page. `told`: what became of what was asked for on it."""
    detail = await desk.views.order(order_id)
    if detail is None:
        raise HTTPException(404)
    shown = {
        "detail": detail,
        "order": detail.order,
        "now": desk.views.now(),
        "session": session,
        "told": told,
        "press": secrets.token_urlsafe(18),
        "double_outcomes": words.DOUBLE_OUTCOMES,
    }
    page = page_or_part(request, desk, "order.html", "order_body.html", shown)
    page.status_code = status
    return page


# ---- signing in and out ----------------------------------------------------------------------------


def _login_page(
    request: Request, desk: Desk, *, to: str, problem: str = "", status: int = 200
) -> Response:
    nonce = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(18)
    page = desk.templates.TemplateResponse(
        request,
        "login.html",
        {
            "next": to,
            "problem": problem,
            "form_token": desk.sessions.form_token(nonce),
            "configured": bool(desk.settings.users),
        },
        status_code=status,
    )
    _set_cookie(page, desk, FORM_COOKIE, nonce, max_age_s=3600)
    return page


def _set_cookie(page: Response, desk: Desk, name: str, value: str, max_age_s: int) -> None:
    page.set_cookie(
        name,
        value,
        max_age=max_age_s,
        httponly=True,
        samesite="lax",
        secure=desk.settings.secure_cookies,
        path="/",
    )


@router.get("/login")
async def login_page(request: Request, desk: AtDesk, next: str = "/") -> Response:  # noqa: A002 — the URL's word
    """The sign-in page."""
    return _login_page(request, desk, to=safe_path(next))


@router.post("/login")
async def login(
    request: Request,
    desk: AtDesk,
    *,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    form_token: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002 — the form's word
) -> Response:
    """Checks the password and starts a session."""
    to = safe_path(next)
    nonce = request.cookies.get(FORM_COOKIE, "")
    expected = desk.sessions.form_token(nonce)
    if not nonce or not hmac.compare_digest(form_token.encode(), expected.encode()):
        metrics.SIGN_INS.labels("forged").inc()
        return _login_page(request, desk, to=to, problem="页面已过期，请再登录一次。", status=403)
    address = request.client.host if request.client else ""
    if wait_s := desk.guesses.wait_s(name, address):
        metrics.SIGN_INS.labels("paused").inc()
        paused = _login_page(
            request, desk, to=to, problem=f"密码错误次数太多，请 {wait_s} 秒后再试。", status=429
        )
        paused.headers["retry-after"] = str(wait_s)
        return paused
    users = {user: secret.get_secret_value() for user, secret in desk.settings.users.items()}
    async with HASHING_MAX:
        accepted = await asyncio.to_thread(check_user, users, name, password)
    if not accepted:
        desk.guesses.failed(name, address)
        metrics.SIGN_INS.labels("wrong").inc()
        return _login_page(request, desk, to=to, problem="用户名或密码不正确。", status=401)
    desk.guesses.succeeded(name, address)
    metrics.SIGN_INS.labels("accepted").inc()
    page = RedirectResponse(to, status_code=303)
    lasting_s = desk.settings.session_hours * 3600
    _set_cookie(page, desk, SESSION_COOKIE, desk.sessions.issue(name), max_age_s=lasting_s)
    page.delete_cookie(FORM_COOKIE, path="/")
    return page


@router.post("/logout")
async def logout(session: SignedIn, form_token: Annotated[str, Form()] = "") -> Response:
    """Ends the session in this browser."""
    if not hmac.compare_digest(form_token.encode(), session.form_token.encode()):
        raise HTTPException(403, "页面已过期，请刷新后再试")
    page = RedirectResponse("/login", status_code=303)
    page.delete_cookie(SESSION_COOKIE, path="/")
    return page
