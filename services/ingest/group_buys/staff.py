"""What the merchant's staff does with group-buys: open, close, plan, decide shortages, release.

Guarantees: each act is one transaction that holds the campaign's row and keeps who, when and why; the same act twice
has one effect and one answer; what cannot be done is a `Refusal`. Nothing here needs a key, so that the doors and
the command line do exactly the same.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec
from msgspec import Struct

from chassis.postgres import Connection
from services.ingest.domain.campaigns import Campaign, Opened, Refusal, faults
from services.ingest.domain.purchase import PurchasePlan, Shortage, roll_up, share_short
from services.ingest.group_buys.store import (
    SQL,
    Released,
    opened_of,
    read_campaign,
    read_released,
    read_round_lines,
    read_shortages,
)
from services.ingest.shanghai import SHANGHAI

CAMPAIGNS_MAX = 200
UNKNOWN = Refusal(code="campaign_unknown", field="", title="没有这个团")


class Act(Struct, frozen=True, kw_only=True):
    """Who acts, when and why."""

    actor: str
    at: datetime
    reason: str = ""


class Listed(Struct, frozen=True, kw_only=True):
    """One row of the list. `orders` and `total_fen` are over all rounds."""

    campaign_id: str
    title: str
    opens_at: datetime
    ends_on: date
    cut_off: str
    closed_at: datetime | None
    orders: int
    total_fen: int


class Release(Struct, frozen=True, kw_only=True):
    """A round let go on; `orders` of it."""

    campaign_id: str
    day: date
    orders: int
    released_by: str
    released_at: datetime
    reason: str


async def open_campaign(connection: Connection, campaign: Campaign, act: Act) -> Opened | Refusal:
    """Open a campaign. Opening the same again changes nothing; another under its id is refused."""
    if found := faults(campaign):
        return Refusal(code="campaign_faulty", field="", title="；".join(found))
    document = msgspec.json.encode(campaign).decode()
    await connection.fetchval(
        SQL["open_campaign"], campaign.campaign_id, document, act.actor, act.at
    )
    known = await read_campaign(connection, campaign.campaign_id)
    assert known is not None, "it was inserted, or was there"
    if known.campaign != campaign:
        return Refusal(code="campaign_differs", field="", title="这个编号已经开了另一个团")
    return known


async def close_campaign(connection: Connection, campaign_id: str, act: Act) -> Opened | Refusal:
    """Take no more orders from now on, whatever the late policy. The first closing stands."""
    async with connection.transaction():
        known = await read_campaign(connection, campaign_id, lock=True)
        if known is None:
            return UNKNOWN
        if known.closed_at is None:
            await connection.execute(
                SQL["close_campaign"], campaign_id, act.at, act.actor, act.reason
            )
            known = Opened(campaign=known.campaign, closed_at=act.at)
        return known


async def list_campaigns(connection: Connection) -> list[Listed]:
    """The latest campaigns."""
    found = []
    for row in await connection.fetch(SQL["campaigns"], CAMPAIGNS_MAX):
        known = opened_of(row)
        found.append(
            Listed(
                campaign_id=known.campaign.campaign_id,
                title=known.campaign.title,
                opens_at=known.campaign.opens_at,
                ends_on=known.campaign.ends_on,
                cut_off=known.campaign.cut_off,
                closed_at=known.closed_at,
                orders=row["orders"],
                total_fen=row["total_fen"],
            )
        )
    return found


async def plan(
    connection: Connection, campaign_id: str, day: date | None, now: datetime
) -> PurchasePlan | Refusal:
    """The purchase plan of a round, of one moment; without a day the last round that is over."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        known = await read_campaign(connection, campaign_id)
        if known is None:
            return UNKNOWN
        day = day or known.latest_round(now)
        lines = await read_round_lines(connection, campaign_id, day)
        shortages = await read_shortages(connection, campaign_id, day)
    return roll_up(known, day, lines, shortages, now=now)


async def decide_shortage(
    connection: Connection,
    campaign_id: str,
    sku: str,
    got: int,
    *,
    day: date | None,
    act: Act,
) -> Shortage | Refusal:
    """Share what came of an article over the round's orders. Decided once; the same again answers the same."""
    async with connection.transaction():
        known = await read_campaign(connection, campaign_id, lock=True)
        if known is None:
            return UNKNOWN
        day = day or known.latest_round(act.at)
        stored = (await read_shortages(connection, campaign_id, day)).get(sku)
        if stored is not None and stored.got == got:
            return stored
        if stored is not None:
            title = f"这件商品已由 {stored.decided_by} 定为到货 {stored.got} 件"
            return Refusal(code="already_decided", field="got", title=title)
        if (refusal := await _not_settled(connection, known, day, act.at)) is not None:
            return refusal
        lines = await read_round_lines(connection, campaign_id, day)
        lines = [line for line in lines if line.sku == sku]
        ordered = sum(line.quantity for line in lines)
        if not lines:
            return Refusal(code="nothing_ordered", field="sku", title="这一期没有人订这件商品")
        if not 0 <= got < ordered:
            title = f"订了 {ordered} 件，到货数须在 0 到 {ordered - 1} 之间"
            return Refusal(code="not_short", field="got", title=title)
        good = next(one for one in known.campaign.goods if one.sku == sku)
        shortage = Shortage(
            sku=sku,
            ordered=ordered,
            got=got,
            decided_by=act.actor,
            decided_at=act.at,
            reason=act.reason,
            shares=share_short(lines, got, price_fen=good.price_fen),
        )
        document = msgspec.json.encode(shortage).decode()
        await connection.execute(SQL["keep_shortage"], campaign_id, day, sku, document)
        return shortage


async def release(
    connection: Connection, campaign_id: str, *, day: date | None, act: Act
) -> Release | Refusal:
    """Let the orders of a round go on with what they were allotted. Done once; again answers the same."""
    async with connection.transaction():
        known = await read_campaign(connection, campaign_id, lock=True)
        if known is None:
            return UNKNOWN
        day = day or known.latest_round(act.at)
        released = await read_released(connection, campaign_id, day)
        if released is None:
            if (refusal := await _not_settled(connection, known, day, act.at)) is not None:
                return refusal
            released = Released(released_by=act.actor, released_at=act.at, reason=act.reason)
            await connection.execute(
                SQL["keep_round"], campaign_id, day, act.actor, act.at, act.reason
            )
            await connection.execute(SQL["release_orders"], campaign_id, day)
        orders = await connection.fetchval(SQL["round_orders"], campaign_id, day)
    return Release(
        campaign_id=campaign_id,
        day=day,
        orders=orders,
        released_by=released.released_by,
        released_at=released.released_at,
        reason=released.reason,
    )


async def _not_settled(
    connection: Connection, known: Opened, day: date, now: datetime
) -> Refusal | None:
    """Why a round cannot be worked on: its orders may still come, or have gone on."""
    settles_at = known.settles_at(day)
    if now < settles_at:
        title = f"这一期 {settles_at.astimezone(SHANGHAI):%m月%d日 %H:%M} 之后才能结算"
        return Refusal(code="round_open", field="day", title=title)
    if await read_released(connection, known.campaign.campaign_id, day) is not None:
        return Refusal(code="round_released", field="day", title="这一期已经放行，不能再改")
    return None
