"""Doors of the listings, bearer token at each.

GET /listings shows what each should show, what its shop was told and answered. POST /listings sets and removes, as a
whole or not at all: 200 with what changed, 422 with every fault by the listing's index. The same again changes nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.http import as_json
from services.ingest.list_doors import after_of, body_of, guarded, limit_of, refused
from services.ingest.listings import Key, ListedListing, Listings, ListingsChanged, WrittenListing

LISTINGS_MAX = 10_000


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /listings."""

    listings: Annotated[tuple[WrittenListing, ...], Meta(min_length=1, max_length=LISTINGS_MAX)]
    actor: Annotated[str, Meta(min_length=1, max_length=64)]


class Page(Struct, frozen=True, kw_only=True):
    """Listings. `next` is what to give as `after` for those that follow; "" = none."""

    listings: tuple[ListedListing, ...]
    next: str


def listing_routes(listings: Listings, token: str) -> list[Route]:
    """Two doors."""
    return [
        guarded("/listings", "listings.list", partial(_list, listings), "GET", token),
        guarded("/listings", "listings.change", partial(_change, listings), "POST", token),
    ]


async def _list(listings: Listings, request: Request) -> Response:
    query = request.query_params
    after = after_of(request, Key, ("", "", ""))
    if isinstance(after, Response):
        return after
    limit = limit_of(request)
    if isinstance(limit, Response):
        return limit
    found = await listings.listed(
        channel=query.get("channel", ""),
        shop=query.get("shop", ""),
        code=query.get("code", ""),
        outcome=query.get("outcome", ""),
        after=after,
        limit=limit,
    )
    more = ""
    if len(found) == limit:
        last = found[-1]
        more = msgspec.json.encode((last.channel, last.shop, last.channel_sku_id)).decode()
    return as_json(Page(listings=found, next=more))


async def _change(listings: Listings, request: Request) -> Response:
    asked = await body_of(request, Asked, "商品链接内容有误")
    if isinstance(asked, Response):
        return asked
    changed = await listings.change(asked.listings, actor=asked.actor)
    return as_json(changed) if isinstance(changed, ListingsChanged) else refused(changed)
