"""Campaigns: pieces that are set aside for some channels and a time. Values only.

A campaign is a document with lines; each line is an `Allotment` of its row of stock until the campaign ends.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

QUOTA = "campaign:"
"""How the quota of a campaign begins, wherever quotas are named: `campaign:<document number>`."""


class Allotment(Struct, frozen=True, kw_only=True):
    """Pieces of one row of stock that only the channels of a campaign may hold."""

    campaign: str
    """Its document number."""
    pieces: int
    channels: tuple[str, ...]
    begins_at: datetime
    ends_at: datetime
    running: bool = False
    """Whether its channels may hold them; before that nobody may."""
    exclusive: bool = False
    """Whether its channels may hold nothing else of the row while it runs."""

    @property
    def quota(self) -> str:
        """As refusals name it."""
        return QUOTA + self.campaign

    def sells_to(self, channel: str) -> bool:
        """Whether the channel may hold of it now."""
        return self.running and channel in self.channels

    def overlaps(self, other: Allotment) -> bool:
        """Whether both could ever be sold by the same channel at the same time."""
        at_once = self.begins_at < other.ends_at and other.begins_at < self.ends_at
        return at_once and not set(self.channels).isdisjoint(other.channels)


class CampaignLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row of stock in a campaign, in pieces."""

    warehouse: str
    sku: str
    wanted: int
    """As it was asked for when the campaign was opened."""
    pieces: int
    """Set aside, later adjustments included."""
    sold: int | None = None
    """What its channels held and had sent when it ended, beyond its pieces included; None until then."""
    given_back: int | None = None
    """What was free again then."""


class CampaignAdjustment(Struct, frozen=True, kw_only=True):
    """Pieces more or fewer, while it is open."""

    adjustment_no: str
    goods: tuple[tuple[str, str, int], ...]
    """(warehouse, sku, signed pieces), sorted."""
    adjusted_by: str
    adjusted_at: datetime
    reason: str


class Campaign(Struct, frozen=True, kw_only=True, tag="campaign", tag_field="kind"):
    """A campaign and what is set aside for it."""

    state: Literal["set_aside", "running", "ended"]
    name: str
    channels: tuple[str, ...]
    """Sorted."""
    begins_at: datetime
    ends_at: datetime
    exclusive: bool
    partial: bool
    """Whether a line could be set aside as far as it was free."""
    lines: tuple[CampaignLine, ...]
    """By warehouse and SKU."""
    left_out: tuple[tuple[str, str, int], ...] = ()
    """(warehouse, sku, pieces) of lines of which nothing was free, where parts would do."""
    opened_by: str
    opened_at: datetime
    reason: str
    adjustments: tuple[CampaignAdjustment, ...] = ()
    ended_by: str = ""
    ended_at: datetime | None = None
    end_reason: str = ""

    def allotment(self, document_no: str, pieces: int) -> Allotment:
        """The terms of one of its lines."""
        return Allotment(
            campaign=document_no,
            pieces=pieces,
            channels=self.channels,
            begins_at=self.begins_at,
            ends_at=self.ends_at,
            running=self.state == "running",
            exclusive=self.exclusive,
        )


class Allot(Struct, frozen=True):
    """Effect: so much of a row is set aside for a campaign from now on, on these terms; None = no more."""

    warehouse: str
    sku: str
    campaign: str
    allotment: Allotment | None
