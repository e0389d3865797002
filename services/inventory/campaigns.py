"""What inventory decides about campaigns: pieces set aside for some channels and a time. Pure, like `documents`.

A campaign is set aside when it is opened, so that nobody sells it before; its channels may hold its pieces from the command
of the timer at its beginning until it is closed. What nobody had by then is free again, once: the document is closed with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Decide, Decision, Moment
from schemas.events.commands_inventory import (
    AdjustCampaign,
    BeginCampaign,
    CloseCampaign,
    OpenCampaign,
)
from schemas.events.stock_campaigns import CampaignChanged, CampaignRow
from services.inventory.domain.batches import Unfit
from services.inventory.domain.campaigns import Allot, Campaign, CampaignAdjustment, CampaignLine
from services.inventory.domain.model import Aggregate, Row
from services.inventory.domain.stock import (
    PIECES_MAX,
    Outcome,
    Stock,
    a_reservations,
    again,
    refused,
    unwritable,
)

NAMED_MAX = 20
"""Lines a refusal names; it says how many more there are."""


def opened(state: Aggregate | None, command: OpenCampaign, stock: Stock, moment: Moment) -> Outcome:
    """Sets the pieces aside, all of them or, where parts will do, what of each line is free."""
    wanted = _by_row(command.lines)
    if state is not None:
        same = isinstance(state, Campaign) and _said(state) == _said_by(command, wanted, moment)
        return again(state, getattr(state, "state", ""), same=same)
    if (why := _unsound(command, wanted)) or command.ends_at <= moment.now:
        return refused(state, why or "campaign_over")
    if unknown := stock.unknown_channels(command.channels):
        return refused(state, "unknown_channel", unknown)
    campaign = Campaign(
        state="running" if command.begins_at <= moment.now else "set_aside",
        name=command.name,
        channels=tuple(sorted(set(command.channels))),
        begins_at=command.begins_at,
        ends_at=command.ends_at,
        exclusive=command.exclusive,
        partial=command.partial,
        lines=(),
        opened_by=moment.actor,
        opened_at=moment.now,
        reason=command.reason,
    )
    lines, left_out, problems = [], [], []
    for (warehouse, sku), pieces in sorted(wanted.items()):
        room = stock.room(warehouse, sku, campaign.allotment(command.document_no, pieces))
        if isinstance(room, Unfit):
            return refused(state, room.why, f"{warehouse} {sku}: {room.sku}")
        if room < pieces and not command.partial:
            problems.append(f"{warehouse} {sku} {room}/{pieces}")
        elif room:
            given = min(room, pieces)
            lines.append(CampaignLine(warehouse=warehouse, sku=sku, wanted=pieces, pieces=given))
        else:
            left_out.append((warehouse, sku, pieces))
    if problems or not lines:
        nothing = [f"{warehouse} {sku} 0/{pieces}" for warehouse, sku, pieces in left_out]
        return refused(state, "not_free", _named(problems or nothing))
    campaign = replace(campaign, lines=tuple(lines), left_out=tuple(left_out))
    return _changed(command.document_no, campaign, moment)


def adjusted(
    state: Aggregate | None, command: AdjustCampaign, stock: Stock, moment: Moment
) -> Outcome:
    """Sets more aside where it is free, or less where it is not sold."""
    if not isinstance(state, Campaign):
        return refused(state, "unknown_document")
    change = tuple(sorted((*row, pieces) for row, pieces in _by_row(command.lines).items()))
    for one in state.adjustments:
        if one.adjustment_no == command.adjustment_no:
            said = (change, moment.actor, command.reason)
            same = (one.goods, one.adjusted_by, one.reason) == said
            return again(state, state.state, same=same)
    if state.state == "ended":
        return refused(state, "campaign_over")
    if not any(pieces for *_, pieces in change):
        return refused(state, "empty")
    if unwritable(command.adjustment_no, command.reason):
        return refused(state, "unusable_code")
    lines = {(line.warehouse, line.sku): line for line in state.lines}
    problems = []
    for warehouse, sku, pieces in change:
        if (line := lines.get((warehouse, sku))) is None:
            return refused(state, "not_in_campaign", f"{warehouse} {sku}")
        room = _may_change(state, command.document_no, line, pieces, stock)
        if isinstance(room, Unfit):
            return refused(state, room.why, f"{warehouse} {sku}: {room.sku}")
        if abs(pieces) > room:
            problems.append(f"{warehouse} {sku} {room}/{abs(pieces)}")
        lines[warehouse, sku] = replace(line, pieces=line.pieces + pieces)
    if problems:
        return refused(state, "not_free", _named(problems))
    adjustment = CampaignAdjustment(
        adjustment_no=command.adjustment_no,
        goods=change,
        adjusted_by=moment.actor,
        adjusted_at=moment.now,
        reason=command.reason,
    )
    campaign = replace(
        state, lines=tuple(lines.values()), adjustments=(*state.adjustments, adjustment)
    )
    return _changed(command.document_no, campaign, moment, reason=command.reason)


def _may_change(
    campaign: Campaign, document_no: str, line: CampaignLine, pieces: int, stock: Stock
) -> int | Unfit:
    """Up to how many pieces more, or fewer where it is negative, a line may have."""
    if pieces > 0:
        terms = campaign.allotment(document_no, line.pieces)
        room = stock.room(line.warehouse, line.sku, terms)
        return room if isinstance(room, Unfit) else min(room, PIECES_MAX - line.pieces)
    use = stock.drawn_on(line.warehouse, line.sku, document_no)
    return max(0, line.pieces - use.held - use.sent)


def begun(
    state: Aggregate | None, command: BeginCampaign, _stock: Stock, moment: Moment
) -> Outcome:
    """Lets its channels have the pieces. The timer asks when it is time, by its own clock."""
    if not isinstance(state, Campaign):
        return refused(state, "unknown_document")
    if state.state != "set_aside":
        return Decision(state=state, result_id=state.state)
    return _changed(command.document_no, replace(state, state="running"), moment)


def closed(
    state: Aggregate | None, command: CloseCampaign, stock: Stock, moment: Moment
) -> Outcome:
    """Ends it: what was not sold is free again. Once it has ended nothing follows."""
    if not isinstance(state, Campaign):
        return refused(state, "unknown_document")
    if state.state == "ended":
        return again(state, state.state, same=True)
    if unwritable(command.reason):
        return refused(state, "unusable_code")
    lines = []
    for line in state.lines:
        use = stock.drawn_on(line.warehouse, line.sku, command.document_no)
        sold = use.held + use.sent
        lines.append(replace(line, sold=sold, given_back=max(0, line.pieces - sold)))
    campaign = replace(
        state,
        state="ended",
        lines=tuple(lines),
        ended_by=moment.actor,
        ended_at=moment.now,
        end_reason=command.reason,
    )
    return _changed(command.document_no, campaign, moment, reason=command.reason)


def _changed(
    document_no: str, campaign: Campaign, moment: Moment, *, reason: str | None = None
) -> Outcome:
    """The decision that makes it so, and tells."""
    is_open = campaign.state != "ended"
    event = CampaignChanged(
        document_no=document_no,
        version=0,
        occurred_at=moment.now,
        name=campaign.name,
        state=campaign.state,
        channels=campaign.channels,
        begins_at=campaign.begins_at,
        ends_at=campaign.ends_at,
        exclusive=campaign.exclusive,
        actor=moment.actor,
        reason=campaign.reason if reason is None else reason,
        lines=tuple(
            CampaignRow(
                warehouse=line.warehouse,
                sku=line.sku,
                pieces=line.pieces,
                sold=line.sold,
                given_back=line.given_back,
            )
            for line in campaign.lines
        ),
    )
    effects = tuple(
        Allot(
            line.warehouse,
            line.sku,
            document_no,
            campaign.allotment(document_no, line.pieces) if is_open else None,
        )
        for line in campaign.lines
    )
    return Decision(state=campaign, events=(event,), effects=effects, result_id=campaign.state)


def _unsound(command: OpenCampaign, wanted: Mapping[Row, int]) -> str:
    """Why the paper makes no sense, whatever is in stock; empty when it does."""
    texts = [text for row in wanted for text in row]
    if a_reservations(command.document_no):
        return "reserved_document_no"
    if unwritable(command.name, command.reason, *command.channels, *texts):
        return "unusable_code"
    if not wanted or not command.channels:
        return "empty" if not wanted else "no_channel"
    if command.ends_at <= command.begins_at:
        return "ends_before_it_begins"
    if any(pieces < 1 for pieces in wanted.values()):
        return "no_pieces"
    return "too_many" if any(pieces > PIECES_MAX for pieces in wanted.values()) else ""


def _by_row(lines: Iterable[Any]) -> dict[Row, int]:
    pieces: dict[Row, int] = {}
    for line in lines:
        row = (line.warehouse, line.sku)
        pieces[row] = pieces.get(row, 0) + line.quantity
    return pieces


def _said(campaign: Campaign) -> tuple[object, ...]:
    wanted = {(line.warehouse, line.sku): line.wanted for line in campaign.lines}
    wanted |= {(warehouse, sku): pieces for warehouse, sku, pieces in campaign.left_out}
    terms = (campaign.begins_at, campaign.ends_at, campaign.exclusive, campaign.partial)
    who = (campaign.opened_by, campaign.reason)
    return (campaign.name, campaign.channels, *terms, wanted, *who)


def _said_by(
    command: OpenCampaign, wanted: Mapping[Row, int], moment: Moment
) -> tuple[object, ...]:
    terms = (command.begins_at, command.ends_at, command.exclusive, command.partial)
    channels = tuple(sorted(set(command.channels)))
    return (command.name, channels, *terms, dict(wanted), moment.actor, command.reason)


def _named(problems: list[str]) -> str:
    """Each line with what is free and what was asked for."""
    more = len(problems) - NAMED_MAX
    return "; ".join(problems[:NAMED_MAX]) + (f"; +{more}" if more > 0 else "")


CAMPAIGNS: Mapping[type[Struct], Decide] = {
    OpenCampaign: opened,
    AdjustCampaign: adjusted,
    BeginCampaign: begun,
    CloseCampaign: closed,
}
