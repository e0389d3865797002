"""What both of the leaders' doors share: who may enter, the campaign they see, and how a refusal is answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from msgspec import Struct
from starlette.requests import Request

from chassis.clock import Clock
from chassis.http import Problem
from chassis.postgres import ACQUIRE_TIMEOUT_S, Pool
from services.ingest.domain.campaigns import Good, Opened, Refusal, Station, round_of
from services.ingest.domain.links import Link, LinkFault, LinkKeys
from services.ingest.group_buys.relay import Relay
from services.ingest.group_buys.staff import UNKNOWN
from services.ingest.group_buys.store import SQL, read_campaign
from services.ingest.group_buys.taking import SUBMITTED_ALREADY, Placed, Taking
from services.ingest.settings import IngestSettings

DOOR = "leader"
NO_ENTRANCE = {
    LinkFault.FORGED: Problem(
        status=401, code="link_forged", title="链接无效", detail="请向商家索取新的链接。"
    ),
    LinkFault.EXPIRED: Problem(
        status=410, code="link_expired", title="链接已过期", detail="请向商家索取新的链接。"
    ),
}
GONE = Problem(status=404, code="not_found", title="没有找到", detail="请检查链接是否完整。")
TOO_LARGE = Problem(status=413, code="too_large", title="内容过大")
AWAY_NOW = Problem(
    status=503,
    code="unavailable",
    title="暂时无法接单",
    detail="请稍后用同一页面再提交一次，不会重复。",
)


class Showing(Struct, frozen=True, kw_only=True):
    """A campaign as one of its leaders sees it now. `closed`: why nothing can be ordered, else ""."""

    campaign_id: str
    title: str
    leader_id: str
    leader_name: str
    round: date | None
    cut_off_at: datetime | None
    closed: str
    stations: tuple[Station, ...]
    goods: tuple[Good, ...]
    pictured: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What the doors work with."""

    settings: IngestSettings
    pool: Pool
    clock: Clock
    keys: LinkKeys
    taking: Taking
    relay: Relay

    def link_of(self, request: Request) -> Link | Problem:
        """Who enters by the link in the path, or the answer to a link that lets nobody in."""
        link = self.keys.read(request.path_params["token"], self.clock.now())
        return NO_ENTRANCE[link] if isinstance(link, LinkFault) else link

    async def showing(self, link: Link) -> Showing | Problem:
        """The campaign of a link; a leader who is not in it any more finds nothing."""
        async with self.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            known = await read_campaign(connection, link.campaign_id)
            pictured = await connection.fetch(SQL["pictured"], link.campaign_id)
        if known is None or not known.campaign.stations_of(link.leader_id):
            return GONE
        return _showing(
            known, link, self.clock.now(), tuple(sorted(row["sku"] for row in pictured))
        )


def _showing(known: Opened, link: Link, now: datetime, pictured: tuple[str, ...]) -> Showing:
    campaign = known.campaign
    stations = campaign.stations_of(link.leader_id)
    day = round_of(known, now)
    closed = day.title if isinstance(day, Refusal) else ""
    ordering = None if isinstance(day, Refusal) else day
    return Showing(
        campaign_id=campaign.campaign_id,
        title=campaign.title,
        leader_id=link.leader_id,
        leader_name=stations[0].leader_name,
        round=ordering,
        cut_off_at=None if ordering is None else campaign.cut_off_at(ordering),
        closed=closed,
        stations=stations,
        goods=campaign.goods,
        pictured=pictured,
    )


def status_of(found: Placed | tuple[Refusal, ...]) -> int:
    """The HTTP status of what came of a submission."""
    if isinstance(found, Placed):
        return 200 if found.repeated else 201
    if UNKNOWN in found:
        return 404
    if SUBMITTED_ALREADY in found or any(not refusal.field for refusal in found):
        return 409
    return 422
