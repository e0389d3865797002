"""Doors of the SKU mappings, bearer token at each.

GET /sku-mappings, GET /sku-mappings/unmatched; POST /sku-mappings sets and removes, as a whole or not at all:
200 with what changed (or, with `preview`, would), 422 with every fault by the mapping's index. The same again
changes nothing and says so.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.http import as_json
from services.ingest.domain.mapping_rules import WrittenMapping
from services.ingest.list_doors import after_of, body_of, guarded, limit_of, refused
from services.ingest.mappings import Changed, Listed, Mappings, UnmatchedSku

MAPPINGS_MAX = 10_000


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /sku-mappings."""

    mappings: Annotated[tuple[WrittenMapping, ...], Meta(min_length=1, max_length=MAPPINGS_MAX)]
    actor: Annotated[str, Meta(min_length=1, max_length=64)]
    preview: bool = False
    allow_unknown: bool = False
    """Takes SKUs that inventory has not told of yet."""


class Page(Struct, frozen=True, kw_only=True):
    """Mappings in force. `next` is what to give as `after` for those that follow; "" = none."""

    mappings: tuple[Listed, ...]
    next: str


class Waiting(Struct, frozen=True, kw_only=True):
    """What orders wait for."""

    unmatched: tuple[UnmatchedSku, ...]


class MappingDoors:
    """Routes beside the push doors."""

    def __init__(self, mappings: Mappings, token: str) -> None:
        self._mappings = mappings
        self._token = token

    def routes(self) -> list[Route]:
        """Three doors."""
        path, token = "/sku-mappings", self._token
        return [
            guarded(path, "mappings.list", self._list, "GET", token),
            guarded(path, "mappings.change", self._change, "POST", token),
            guarded(f"{path}/unmatched", "mappings.unmatched", self._unmatched, "GET", token),
        ]

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        after = after_of(request, _Key, ("", "", "", ""))
        if isinstance(after, Response):
            return after
        limit = limit_of(request)
        if isinstance(limit, Response):
            return limit
        found = await self._mappings.listed(
            channel=query.get("channel", ""),
            shop=query.get("shop", ""),
            code=query.get("code", ""),
            after=after,
            limit=limit,
        )
        more = ""
        if len(found) == limit:
            last = found[-1]
            key = (last.channel, last.shop, last.channel_sku_id, last.merchant_code)
            more = msgspec.json.encode(key).decode()
        return as_json(Page(mappings=found, next=more))

    async def _unmatched(self, request: Request) -> Response:
        query = request.query_params
        limit = limit_of(request)
        if isinstance(limit, Response):
            return limit
        found = await self._mappings.unmatched(
            channel=query.get("channel", ""), shop=query.get("shop", ""), limit=limit
        )
        return as_json(Waiting(unmatched=found))

    async def _change(self, request: Request) -> Response:
        asked = await body_of(request, Asked, "映射内容有误")
        if isinstance(asked, Response):
            return asked
        changed = await self._mappings.change(
            asked.mappings,
            actor=asked.actor,
            preview=asked.preview,
            allow_unknown=asked.allow_unknown,
        )
        return as_json(changed) if isinstance(changed, Changed) else refused(changed)


_Key = tuple[str, str, str, str]
