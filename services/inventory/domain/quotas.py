"""Hard quotas and campaigns: what of a row of stock is kept for which channels. Pure.

Guarantees: what is kept comes to no more than is free; a group's share that it has not used can be had by nobody else;
what no group is entitled to can be had by all, odd pieces included. A share is of all that was for sale since the count
began, with what left since: a parcel that leaves gives its group nothing back, a return does. Where more was promised
than there is (goods were lost, the table came later than the holds), groups share all that is
left in proportion (largest remainder).

What is set aside for a campaign (domain/campaigns.py) is kept before any share: of what its channels take while it runs the
first pieces are its own. It counts as used by the group of its channels, so that no other group's share is touched by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from chassis.money import share_out
from services.inventory.domain.batches import Unfit
from services.inventory.domain.campaigns import Allotment
from services.inventory.domain.model import Goods

SHARED = "shared"
"""The quota of channels without a group: what is kept for nobody."""


class Sharing(Struct, frozen=True):
    """How a SKU is shared out: percent of it by group, and the group of each channel that has one."""

    percents: Mapping[str, int] = {}
    groups: Mapping[str, str] = {}

    def group(self, channel: str) -> str:
        """The channel's group; empty = none."""
        return self.groups.get(channel, "")


class Share(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One quota of a row, in pieces."""

    quota: str
    """A group of channels, `shared`, or `campaign:` and its number."""
    percent: int
    """Of what is shared out; of `shared`: what no group is entitled to; of a campaign 0."""
    held: int
    """Of a group without what its channels hold of campaigns."""
    sent: int
    """Since the count began, less what came back."""
    kept: int
    """What nobody else can have."""
    left: int
    """What it may hold: what is kept for it and what is kept for nobody."""
    pieces: int = 0
    """Of a campaign: how many were set aside."""


class Recount(Struct, frozen=True):
    """Effect: reserved pieces are another channel's."""

    warehouse: str
    goods: Goods
    channel: str
    """Whose they are from now on."""
    before: str
    campaigns: tuple[str, ...] = ()
    campaigns_before: tuple[str, ...] = ()


class Use(Struct):
    """Pieces of a row that a channel holds, and has sent out since the count began (net of what came back)."""

    held: int = 0
    sent: int = 0


class Shares:
    """The uses of one row under its sharing. Uses are by channel, so that another table is another reading of them.

    What was held while a campaign sold to its channel is counted for the campaign (`drawn`: campaign → channel → use)
    until the campaign ends, and for the channel as such from then on.
    """

    __slots__ = (
        "allotments",
        "changed",
        "changed_draws",
        "changed_terms",
        "drawn",
        "sharing",
        "uses",
    )

    def __init__(
        self,
        sharing: Sharing,
        uses: Mapping[str, Use],
        allotments: Iterable[Allotment] = (),
        drawn: Mapping[str, Mapping[str, Use]] | None = None,
    ) -> None:
        self.sharing = sharing
        self.uses = dict(uses)
        self.allotments = {one.campaign: one for one in allotments}
        self.drawn = {one: dict((drawn or {}).get(one, {})) for one in self.allotments}
        self.changed: set[str] = set()
        """Channels whose use is another one."""
        self.changed_draws: set[tuple[str, str]] = set()
        """(campaign, channel) whose use is another one."""
        self.changed_terms: set[str] = set()
        """Campaigns whose terms are others, or that have ended."""

    @property
    def limiting(self) -> bool:
        """Whether anything may be kept for anybody; a row that was counted once stays so when nothing is any more."""
        return bool(self.sharing.percents or self.allotments)

    def use(self, channel: str, held: int, sent: int = 0, campaigns: Sequence[str] = ()) -> None:
        """Adds signed pieces of one that drew on these campaigns, of which the row has one at most.

        Raises ValueError when the channel would hold less than nothing.
        """
        uses = self.uses
        if campaign := next((one for one in campaigns if one in self.allotments), ""):
            uses = self.drawn[campaign]
        before = uses.get(channel, Use())
        if before.held + held < 0:
            raise ValueError(f"{channel or 'no channel'}: {before.held} held, {-held} let go")
        uses[channel] = Use(before.held + held, before.sent + sent)
        if campaign:
            self.changed_draws.add((campaign, channel))
        else:
            self.changed.add(channel)

    def allot(self, campaign: str, allotment: Allotment | None) -> None:
        """Sets pieces aside on these terms from now on; None ends it. What was drawn on it stays with its channels."""
        self.changed_terms.add(campaign)
        if allotment is not None:
            self.allotments[campaign] = allotment
            self.drawn.setdefault(campaign, {})
            return
        self.allotments.pop(campaign, None)
        for channel, use in self.drawn.pop(campaign, {}).items():
            self.use(channel, use.held, use.sent)

    def drawn_on(self, campaign: str) -> Use:
        """What the channels of a campaign hold of it and have sent, pieces beyond its own included."""
        uses = self.drawn.get(campaign, {}).values()
        return Use(sum(use.held for use in uses), sum(use.sent for use in uses))

    def selling_to(self, channel: str) -> tuple[str, ...]:
        """The campaigns on which an order of this channel draws now."""
        if not self.allotments:
            return ()
        return tuple(one.campaign for one in self.allotments.values() if one.sells_to(channel))

    def kept(self, on_shelf: int, free: int) -> dict[str, int]:
        """Pieces by quota that nobody else can have. `on_shelf`: for sale, promised or not; `free`: not promised."""
        sharing, free = self.sharing, max(0, free)
        kept = _within({one.quota: self._unsold(one) for one in self.allotments.values()}, free)
        if not sharing.percents:
            return kept
        drawn = {one: self.drawn_on(one) for one in self.allotments}
        sent = sum(use.sent for use in (*self.uses.values(), *drawn.values()))
        supplied = on_shelf + sent
        used = dict.fromkeys(sharing.percents, 0)
        for channel, use in self.uses.items():
            if group := sharing.group(channel):
                used[group] += use.held + use.sent
        for one in self.allotments.values():
            groups = self._groups(one)
            if len(groups) == 1 and (group := groups.pop()):
                use = drawn[one.campaign]
                used[group] += kept[one.quota] + use.held + use.sent
        unused = {
            group: max(0, supplied * percent // 100 - used[group])
            for group, percent in sharing.percents.items()
        }
        return kept | _within(unused, free - sum(kept.values()))

    def left_for(self, channel: str, on_shelf: int, free: int) -> int:
        """Pieces that the channel may hold: what is free without what is kept for others."""
        kept = self.kept(on_shelf, free)
        own = [one for one in self.allotments.values() if one.sells_to(channel)]
        if any(one.exclusive for one in own):
            return sum(kept[one.quota] for one in own)
        mine = sum(kept[one.quota] for one in own)
        return _left(self.sharing.group(channel), kept, free) + mine

    def kept_for(self, channel: str, on_shelf: int, free: int) -> int:
        """What campaigns that sell to the channel now keep for it and the others they sell to."""
        if not (own := [one for one in self.allotments.values() if one.sells_to(channel)]):
            return 0
        kept = self.kept(on_shelf, free)
        return sum(kept[one.quota] for one in own)

    def in_the_way(self, channel: str, on_shelf: int, free: int) -> str:
        """Whose quota keeps the channel from what is free: the campaign that has set most of it aside, else its own."""
        own = [one for one in self.allotments.values() if one.sells_to(channel)]
        if exclusive := [one.quota for one in own if one.exclusive]:
            return exclusive[0]
        kept = self.kept(on_shelf, free)
        others = [one for one in self.allotments.values() if one not in own and kept[one.quota]]
        if others:
            return max(others, key=lambda one: (kept[one.quota], one.campaign)).quota
        return self.sharing.group(channel) or SHARED

    def room(self, allotment: Allotment, on_shelf: int, free: int) -> int | Unfit:
        """Pieces that may be set aside on these terms, besides those that are. Or why none may, whatever is free."""
        groups = self._groups(allotment)
        if len(groups) > 1:
            return Unfit("several_groups", ", ".join(sorted(groups - {""})))
        for other in self.allotments.values():
            if other.campaign != allotment.campaign and other.overlaps(allotment):
                return Unfit("campaign_overlaps", other.campaign)
        return max(0, _left(groups.pop(), self.kept(on_shelf, free), free))

    def by_quota(self, on_shelf: int, free: int) -> tuple[Share, ...]:
        """Every group's share, every campaign's, then what is shared by all."""
        kept = self.kept(on_shelf, free)
        percents = {**self.sharing.percents, SHARED: 100 - sum(self.sharing.percents.values())}
        found = []
        for quota, percent in percents.items():
            group = "" if quota == SHARED else quota
            uses = [use for one, use in self.uses.items() if self.sharing.group(one) == group]
            found.append(
                Share(
                    quota=quota,
                    percent=percent,
                    held=sum(use.held for use in uses),
                    sent=sum(use.sent for use in uses),
                    kept=kept.get(group, 0),
                    left=max(0, _left(group, kept, free)),
                )
            )
        campaigns = []
        for one in self.allotments.values():
            use = self.drawn_on(one.campaign)
            left = self.left_for(one.channels[0], on_shelf, free) if one.running else 0
            campaigns.append(
                Share(
                    quota=one.quota,
                    percent=0,
                    held=use.held,
                    sent=use.sent,
                    kept=kept[one.quota],
                    left=max(0, left),
                    pieces=one.pieces,
                )
            )
        return (*found[:-1], *campaigns, found[-1])

    def _unsold(self, one: Allotment) -> int:
        use = self.drawn_on(one.campaign)
        return max(0, one.pieces - use.held - use.sent)

    def _groups(self, one: Allotment) -> set[str]:
        return {self.sharing.group(channel) for channel in one.channels}


def _within(wanted: Mapping[str, int], free: int) -> dict[str, int]:
    """Pieces by quota, in proportion where there are too few: none is left then for who has no quota."""
    if sum(wanted.values()) <= free:
        return dict(wanted)
    return dict(zip(wanted, share_out(free, [*wanted.values()], [*wanted]), strict=True))


def _left(group: str, kept: Mapping[str, int], free: int) -> int:
    return free - sum(pieces for other, pieces in kept.items() if other != group)
