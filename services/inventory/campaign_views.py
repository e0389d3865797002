"""Campaigns as a person looks at them: what is set aside, held, sent and left, line by line.

Guarantees: numbers of open campaigns are of one state of each row; those of one that has ended are what its document says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from chassis.postgres import Connection
from services.inventory.domain.campaigns import Campaign, CampaignAdjustment
from services.inventory.domain.model import Row
from services.inventory.domain.quotas import Share
from services.inventory.domain.rules import Book
from services.inventory.quotas import Quotas
from services.inventory.rebuild import decode_kept
from services.inventory.shares import CAMPAIGNS, unlocked

SHOWN_MAX = 200


class LineNow(Struct, frozen=True, kw_only=True):
    """A line of a campaign now, in pieces."""

    warehouse: str
    sku: str
    wanted: int
    pieces: int
    """Set aside in all."""
    kept: int
    """Of these, what nobody has had yet and nobody else can have: less than is left where goods were lost."""
    held: int
    """By orders and reservations of its channels, pieces beyond its own included."""
    sent: int
    left: int
    """Set aside and not sold; 0 once it has ended."""
    given_back: int
    """Free again since it ended."""


class CampaignNow(Struct, frozen=True, kw_only=True):
    """A campaign now. Times are UTC."""

    document_no: str
    name: str
    state: str
    """set_aside, running, ended."""
    channels: tuple[str, ...]
    begins_at: datetime
    ends_at: datetime
    exclusive: bool
    lines: tuple[LineNow, ...]
    left_out: tuple[tuple[str, str, int], ...]
    """(warehouse, sku, pieces) of lines of which nothing was free."""
    adjustments: tuple[CampaignAdjustment, ...]
    opened_by: str
    opened_at: datetime
    reason: str
    ended_by: str
    ended_at: datetime | None
    end_reason: str


async def campaigns(connection: Connection, quotas: Quotas) -> tuple[CampaignNow, ...]:
    """Up to 200, those that are open first, then those that ended last."""
    rows = await connection.fetch(CAMPAIGNS["documents"], SHOWN_MAX)
    return await _shown(connection, quotas, rows)


async def campaign(connection: Connection, quotas: Quotas, document_no: str) -> CampaignNow | None:
    """One of them, or None."""
    rows = await connection.fetch(CAMPAIGNS["document"], document_no)
    return next(iter(await _shown(connection, quotas, rows)), None)


async def _shown(
    connection: Connection, quotas: Quotas, rows: Sequence[Any]
) -> tuple[CampaignNow, ...]:
    found = [(row["key"], decode_kept(row["document"]).state) for row in rows]
    named = [(key, state) for key, state in found if isinstance(state, Campaign)]
    skus = {line.sku for _, state in named if state.state != "ended" for line in state.lines}
    book = await unlocked(connection, sorted(skus), quotas) if skus else Book({})
    shares: dict[Row, Mapping[str, Share]] = {
        row: {share.quota: share for share in book.by_quota(row)} for row in book.shares
    }
    return tuple(_campaign(key, state, shares) for key, state in named)


def _campaign(
    document_no: str, state: Campaign, shares: Mapping[Row, Mapping[str, Share]]
) -> CampaignNow:
    lines = []
    for line in state.lines:
        quota = state.allotment(document_no, line.pieces).quota
        share = shares.get((line.warehouse, line.sku), {}).get(quota)
        held, sent = (share.held, share.sent) if share else (0, line.sold or 0)
        lines.append(
            LineNow(
                warehouse=line.warehouse,
                sku=line.sku,
                wanted=line.wanted,
                pieces=line.pieces,
                kept=share.kept if share else 0,
                held=held,
                sent=sent,
                left=max(0, line.pieces - held - sent) if share else 0,
                given_back=line.given_back or 0,
            )
        )
    return CampaignNow(
        document_no=document_no,
        name=state.name,
        state=state.state,
        channels=state.channels,
        begins_at=state.begins_at,
        ends_at=state.ends_at,
        exclusive=state.exclusive,
        lines=tuple(lines),
        left_out=state.left_out,
        adjustments=state.adjustments,
        opened_by=state.opened_by,
        opened_at=state.opened_at,
        reason=state.reason,
        ended_by=state.ended_by,
        ended_at=state.ended_at,
        end_reason=state.end_reason,
    )
