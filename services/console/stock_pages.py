"""The pages of the stock: the board, one SKU, what differs, and what to do then. Thin, as pages.py."""

from __future__ import annotations

import re
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException
from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from services.console.stock_api import Narrowed
from services.console.stock_views import SECTIONS, StockFilters
from services.console.web import AtDesk, SignedIn, page_or_part

ADVICE = Path(__file__).parents[2] / "docs" / "when-the-numbers-differ.md"

router = APIRouter(prefix="/stock", include_in_schema=False)


def query_of(filters: StockFilters, **changed: str) -> str:
    """The filters as a query string, with some of them changed; "" leaves one out."""
    values = asdict(filters) | {"after": ""} | changed
    values["q"] = values.pop("query")
    return urlencode({name: value for name, value in values.items() if value})


@router.get("")
async def stock(request: Request, desk: AtDesk, session: SignedIn, narrowed: Narrowed) -> Response:
    """库存: the whole page, or the board alone for htmx."""
    shown = {
        "filters": narrowed,
        "found": await desk.stock_views.skus(narrowed, desk.settings.page_skus),
        "health": await desk.stock_whole.health(),
        "low_pieces": desk.settings.stock_low_pieces,
        "query_of": query_of,
        "session": session,
    }
    page = page_or_part(request, desk, "stock.html", "stock_board.html", shown)
    if request.headers.get("hx-source", "").startswith("form"):
        # The form sends its empty choices too; the address bar keeps what was chosen.
        page.headers["hx-push-url"] = f"/stock?{query_of(narrowed)}".rstrip("?")
    return page


@router.get("/skus/{sku:path}")
async def one_sku(request: Request, desk: AtDesk, session: SignedIn, sku: str) -> Response:
    """一个 SKU."""
    detail = await desk.stock_views.sku(sku)
    if detail is None:
        raise HTTPException(404)
    sections = [one for one in SECTIONS.values() if detail[one.name] is not None]
    shown = {"sku": detail, "sections": sections, "session": session}
    return page_or_part(request, desk, "stock_sku.html", "stock_sku_body.html", shown)


@router.get("/differences")
async def differences(request: Request, desk: AtDesk, session: SignedIn) -> Response:
    """差异."""
    shown = {"found": await desk.stock_whole.differences(), "session": session}
    return page_or_part(request, desk, "stock_differing.html", "stock_differing_body.html", shown)


@router.get("/suggestions")
async def suggestions(request: Request, desk: AtDesk, session: SignedIn) -> Response:
    """补货建议."""
    shown = {"found": await desk.stock_whole.suggestions(), "session": session}
    return page_or_part(
        request, desk, "stock_suggestions.html", "stock_suggestions_body.html", shown
    )


@router.get("/advice")
async def advice(request: Request, desk: AtDesk, session: SignedIn) -> Response:
    """数字对不上怎么办: the guide of docs/, so that there is one."""
    shown = {"guide": _guide(), "session": session}
    return desk.templates.TemplateResponse(request, "stock_advice.html", shown)


@lru_cache(1)
def _guide() -> Markup:
    # Its links lead to files beside it, which are not served here.
    text = re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]+\)", r"\1", ADVICE.read_text(encoding="utf-8"))
    rendered = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return Markup(rendered)  # noqa: S704 — our own text, rendered without raw HTML
