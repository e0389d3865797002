"""Campaigns as they are sent to us, and the commands they become; like `papers`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from chassis.clock import Clock
from schemas.events.commands_inventory import (
    AdjustCampaign,
    CampaignAdjustmentLine,
    CampaignLine,
    CloseCampaign,
    OpenCampaign,
)
from services.inventory.domain.stock import PIECES_MAX
from services.inventory.doors import Code
from services.inventory.papers import Actor, Paper, Reason, When

LINES_MAX = 1_000
"""Their rows are locked at once: orders of theirs wait meanwhile."""
CHANNELS_MAX = 50

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^(?=\s*\S)[^\x00-\x1f\x7f]*$")]


class AllottedPieces(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces of a SKU in a warehouse that are set aside."""

    warehouse: Code
    sku: Code
    pieces: Annotated[int, Meta(ge=1, le=PIECES_MAX)]


class ChangedPieces(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces more (+) or fewer (−)."""

    warehouse: Code
    sku: Code
    pieces: Annotated[int, Meta(ge=-PIECES_MAX, le=PIECES_MAX)]


class WrittenCampaign(
    Paper,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"begins_at": "from", "ends_at": "until"},
):
    """Pieces to set aside for the channels of a campaign, which may sell them `from` … `until`.

    `partial`: what is free of a line will do. `exclusive`: the channels may sell nothing else of these rows meanwhile.
    """

    name: Name
    channels: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=CHANNELS_MAX)]
    begins_at: When
    ends_at: When
    lines: Annotated[tuple[AllottedPieces, ...], Meta(min_length=1, max_length=LINES_MAX)]
    exclusive: bool = False
    partial: bool = False
    reason: Annotated[str, Meta(max_length=500, pattern=r"^[^\x00-\x08\x0e-\x1f\x7f]*$")] = ""

    def command(self, clock: Clock) -> OpenCampaign:
        """The command."""
        lines = tuple(
            CampaignLine(warehouse=one.warehouse, sku=one.sku, quantity=one.pieces)
            for one in self.lines
        )
        return OpenCampaign(**self._with(clock, lines=lines))


class CampaignChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /campaigns/{id}/adjust."""

    adjustment_no: Code
    lines: Annotated[tuple[ChangedPieces, ...], Meta(min_length=1, max_length=LINES_MAX)]
    reason: Reason
    actor: Actor

    def of(self, document_no: str) -> WrittenCampaignChange:
        """The paper it is."""
        return WrittenCampaignChange(
            document_no=document_no,
            actor=self.actor,
            adjustment_no=self.adjustment_no,
            lines=self.lines,
            reason=self.reason,
        )


class WrittenCampaignChange(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """More or fewer pieces for an open campaign."""

    adjustment_no: Code
    lines: tuple[ChangedPieces, ...]
    reason: Reason

    def command(self, clock: Clock) -> AdjustCampaign:
        """The command."""
        lines = tuple(
            CampaignAdjustmentLine(warehouse=one.warehouse, sku=one.sku, quantity=one.pieces)
            for one in self.lines
        )
        return AdjustCampaign(**self._with(clock, lines=lines))


class CampaignEnd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /campaigns/{id}/close."""

    reason: Reason
    actor: Actor

    def of(self, document_no: str) -> WrittenCampaignEnd:
        """The paper it is."""
        return WrittenCampaignEnd(document_no=document_no, actor=self.actor, reason=self.reason)


class WrittenCampaignEnd(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign is over before its time."""

    reason: Reason

    def command(self, clock: Clock) -> CloseCampaign:
        """The command."""
        return CloseCampaign(**self._with(clock))
