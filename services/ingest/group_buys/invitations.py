"""Links for leaders: made for a leader of the campaign only, and for no longer than it can be of use."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from services.ingest.domain.campaigns import Code, Opened, Refusal
from services.ingest.domain.links import Link, LinkKeys

LINK_DAYS_MAX = 92


class LinkWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A link for a leader; without `expires_at` it ends a day after the last cut-off."""

    leader_id: Code
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class LinkMade(Struct, frozen=True, kw_only=True):
    """A link to send to the leader, and to nobody else."""

    url: str
    expires_at: datetime


def invitation(
    known: Opened, wanted: LinkWanted, *, keys: LinkKeys, base_url: str
) -> LinkMade | Refusal:
    """Sign a link. The same wish gives the same link. Raises StartRefused where no key is set."""
    campaign = known.campaign
    if not campaign.stations_of(wanted.leader_id):
        return Refusal(code="leader_unknown", field="leader_id", title="这个团没有这位团长")
    last = campaign.cut_off_at(campaign.ends_on)
    expires_at = (wanted.expires_at or last + timedelta(days=1)).replace(microsecond=0)
    if expires_at > last + timedelta(days=LINK_DAYS_MAX):
        title = f"链接最晚在最后截单后 {LINK_DAYS_MAX} 天到期"
        return Refusal(code="too_long", field="expires_at", title=title)
    link = Link(campaign_id=campaign.campaign_id, leader_id=wanted.leader_id, expires_at=expires_at)
    return LinkMade(url=f"{base_url}/leader/{keys.sign(link)}", expires_at=expires_at)
