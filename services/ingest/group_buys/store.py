"""Rows of group-buys ↔ values. Whoever changes a campaign or takes an order for it holds its row."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import asyncpg
import msgspec
from msgspec import Struct

from chassis.postgres import Connection, named_queries
from services.ingest.domain.campaigns import Campaign, Opened, Taken
from services.ingest.domain.links import Link
from services.ingest.domain.purchase import OrderedLine, Shortage

SQL = named_queries(Path(__file__).parents[1] / "sql" / "group_buys.sql")

_campaign = msgspec.json.Decoder(Campaign)
_shortage = msgspec.json.Decoder(Shortage)


class Released(Struct, frozen=True, kw_only=True):
    """A round whose orders may go out."""

    released_by: str
    released_at: datetime
    reason: str


def opened_of(row: asyncpg.Record) -> Opened:
    """A campaign with what became of it."""
    return Opened(campaign=_campaign.decode(row["document"]), closed_at=row["closed_at"])


async def read_campaign(
    connection: Connection, campaign_id: str, *, lock: bool = False
) -> Opened | None:
    """The campaign; with `lock` nobody else changes it until the transaction ends."""
    row = await connection.fetchrow(SQL["campaign_locked" if lock else "campaign"], campaign_id)
    return None if row is None else opened_of(row)


async def read_order(connection: Connection, link: Link, order_no: str) -> asyncpg.Record | None:
    """An order that was placed by this very link's leader; None for anybody else's."""
    row = await connection.fetchrow(SQL["order"], order_no)
    whose = (link.campaign_id, link.leader_id)
    return row if row is not None and (row["campaign_id"], row["leader_id"]) == whose else None


async def read_taken(
    connection: Connection, campaign_id: str, buyer_key: str, skus: list[str]
) -> dict[str, Taken]:
    """Pieces taken so far, by SKU."""
    rows = await connection.fetch(SQL["taken"], campaign_id, buyer_key, skus)
    return {
        row["sku"]: Taken(all_pieces=row["all_pieces"], buyer_pieces=row["buyer_pieces"])
        for row in rows
    }


async def read_round_lines(
    connection: Connection, campaign_id: str, day: date
) -> list[OrderedLine]:
    """Every line that belongs to a round."""
    rows = await connection.fetch(SQL["round_lines"], campaign_id, day)
    return [OrderedLine(**dict(row)) for row in rows]


async def read_shortages(
    connection: Connection, campaign_id: str, day: date
) -> dict[str, Shortage]:
    """Shortages decided for a round, by SKU."""
    rows = await connection.fetch(SQL["shortages"], campaign_id, day)
    found = [_shortage.decode(row["document"]) for row in rows]
    return {shortage.sku: shortage for shortage in found}


async def read_released(connection: Connection, campaign_id: str, day: date) -> Released | None:
    """Whether and by whom a round was released."""
    row = await connection.fetchrow(SQL["round"], campaign_id, day)
    return None if row is None else Released(**dict(row))
