"""活动库存: what is set aside of a SKU, for which campaign, and what came of those that ended last.

Guarantees: the whole state that inventory told last of each campaign, and what its orders hold of it and have been sent, as
it was told last for the SKU.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import msgspec
from pydantic import Field

from chassis import topics
from chassis.postgres import Pool
from chassis.processor import Column, Decision, Handlers, Kept, Moment, Processor
from schemas.events.stock_campaigns import CampaignChanged
from schemas.events.stock_outlook import CampaignUse
from services.console import words
from services.console.domain.stock import SEPARATOR
from services.console.outlooks import outlook_of
from services.console.sections import Section
from services.console.views import Shown

SHOWN_MAX = 20
OF_SKU = """
SELECT document FROM console.stock_campaigns WHERE string_to_array(skus, E'\\x1f') @> ARRAY[$1::text]
ORDER BY open DESC, ends_at DESC, key LIMIT $2
"""
STATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "set_aside": ("已留货，未开始", "calm"),
        "running": ("进行中", "good"),
        "ended": ("已结束", "calm"),
    }
)
"""Title and tone."""

_decoder = msgspec.json.Decoder(Kept[CampaignChanged])


# ---- what is kept ----------------------------------------------------------------------------------


def changed(
    _known: CampaignChanged | None, event: CampaignChanged, _facts: Any, _moment: Moment
) -> Decision[CampaignChanged]:
    """The newest state."""
    return Decision(state=event)


HANDLERS: Handlers = {CampaignChanged: changed}

CAMPAIGNS: Processor[CampaignChanged] = Processor(
    name="console-campaigns",
    table="console.stock_campaigns",
    state=CampaignChanged,
    handlers=HANDLERS,
    columns=(
        Column("open", "boolean", lambda one: one.state != "ended"),
        Column(
            "skus", "text", lambda one: SEPARATOR.join(sorted({line.sku for line in one.lines}))
        ),
        Column("ends_at", "timestamptz", attrgetter("ends_at")),
    ),
    sources=topics.consumed_by("console-campaigns"),
    gather_ms=500,
    compacted=True,
    durable=False,
)


# ---- what is shown ---------------------------------------------------------------------------------


class CampaignItem(Shown):
    """A line of a campaign, in pieces. Times are UTC."""

    campaign: str = Field(description="活动号")
    name: str
    state: str = Field(description="set_aside 已留货未开始，running 进行中，ended 已结束")
    state_title: str
    tone: str
    channels: tuple[str, ...]
    channels_title: str
    exclusive: bool = Field(description="限量：活动渠道只能卖留出的件数")
    begins_at: datetime
    ends_at: datetime
    warehouse: str
    warehouse_title: str
    pieces: int = Field(description="留出件数；进行中的含已售出的")
    held: int | None = Field(description="已占：活动订单和预留占着的；已结束或还没上报为空")
    sent: int | None = Field(description="已发；已结束或还没上报为空")
    sold: int | None = Field(description="结束时已售出；还没结束为空")
    given_back: int | None = Field(description="结束时退回公共库存；还没结束为空")


class Campaigns(Shown):
    """Those that are open first, then those that ended last."""

    items: tuple[CampaignItem, ...]


async def read(pool: Pool, sku: str, _now: datetime) -> Campaigns | None:
    """What is set aside of a SKU, and was lately."""
    rows = await pool.fetch(OF_SKU, sku, SHOWN_MAX)
    states = [_decoder.decode(row["document"]).state for row in rows]
    outlook = await outlook_of(pool, sku)
    uses = {(one.document_no, one.warehouse): one for one in outlook.campaigns} if outlook else {}
    items = [item for one in states if one is not None for item in _items(one, sku, uses)]
    return Campaigns(items=tuple(items)) if items else None


def _items(
    one: CampaignChanged, sku: str, uses: Mapping[tuple[str, str], CampaignUse]
) -> list[CampaignItem]:
    title, tone = STATES.get(one.state) or (words.say(one.state), "calm")
    # What is told of a campaign that has ended meanwhile is older than its end.
    drawn = {} if one.state == "ended" else uses
    return [
        CampaignItem(
            campaign=one.document_no,
            name=one.name,
            state=one.state,
            state_title=title,
            tone=tone,
            channels=one.channels,
            channels_title="、".join(words.channel(channel) for channel in one.channels),
            exclusive=one.exclusive,
            begins_at=one.begins_at,
            ends_at=one.ends_at,
            warehouse=line.warehouse,
            warehouse_title=words.warehouse(line.warehouse),
            pieces=line.pieces,
            held=use.held if use else None,
            sent=use.sent if use else None,
            sold=line.sold,
            given_back=line.given_back,
        )
        for line in one.lines
        if line.sku == sku
        for use in (drawn.get((one.document_no, line.warehouse)),)
    ]


SECTION = Section(
    name="campaigns", title="活动库存", place=8, kind=Campaigns, read=read, processors=(CAMPAIGNS,)
)
