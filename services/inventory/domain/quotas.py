"""Hard quotas: what of a row of stock is kept for which group of channels. Pure.

Guarantees: what is kept comes to no more than is free; a group's share that it has not used can be had by nobody else;
what no group is entitled to can be had by all, odd pieces included. A share is of all that was for sale since the count
began, with what left since: a parcel that leaves gives its group nothing back, a return does. Where more was promised
than there is (goods were lost, the table came later than the holds), groups share what is left in proportion.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

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


class Share(Struct, frozen=True, kw_only=True):
    """One quota of a row, in pieces."""

    quota: str
    """A group of channels, or `shared`."""
    percent: int
    """Of what is shared out; of `shared`: what no group is entitled to."""
    held: int
    sent: int
    """Since the count began, less what came back."""
    kept: int
    """What nobody else can have."""
    left: int
    """What it may hold: what is kept for it and what is kept for nobody."""


class Recount(Struct, frozen=True):
    """Effect: reserved pieces are another channel's."""

    warehouse: str
    goods: Goods
    channel: str
    """Whose they are from now on."""
    before: str


class Use(Struct):
    """Pieces of a row that a channel holds, and has sent out since the count began (net of what came back)."""

    held: int = 0
    sent: int = 0


class Shares:
    """The uses of one row under its sharing. Uses are by channel, so that another table is another reading of them."""

    __slots__ = ("changed", "sharing", "uses")

    def __init__(self, sharing: Sharing, uses: Mapping[str, Use]) -> None:
        self.sharing = sharing
        self.uses = dict(uses)
        self.changed: set[str] = set()
        """Channels whose use is another one."""

    def use(self, channel: str, held: int, sent: int = 0) -> None:
        """Adds signed pieces. Raises ValueError when the channel would hold less than nothing."""
        before = self.uses.get(channel, Use())
        if before.held + held < 0:
            raise ValueError(f"{channel or 'no channel'}: {before.held} held, {-held} let go")
        self.uses[channel] = Use(before.held + held, before.sent + sent)
        self.changed.add(channel)

    def kept(self, on_shelf: int, free: int) -> dict[str, int]:
        """Pieces by group that nobody else can have. `on_shelf`: for sale, promised or not; `free`: not promised."""
        sharing = self.sharing
        if not sharing.percents:
            return {}
        supplied = on_shelf + sum(use.sent for use in self.uses.values())
        used = dict.fromkeys(sharing.percents, 0)
        for channel, use in self.uses.items():
            if group := sharing.group(channel):
                used[group] += use.held + use.sent
        unused = {
            group: max(0, supplied * percent // 100 - used[group])
            for group, percent in sharing.percents.items()
        }
        in_all, free = sum(unused.values()), max(0, free)
        if in_all <= free:
            return unused
        return {group: pieces * free // in_all for group, pieces in unused.items()}

    def left_for(self, channel: str, on_shelf: int, free: int) -> int:
        """Pieces that the channel may hold: what is free without what is kept for other groups."""
        return _left(self.sharing.group(channel), self.kept(on_shelf, free), free)

    def by_quota(self, on_shelf: int, free: int) -> tuple[Share, ...]:
        """Every group's share, then what is shared by all."""
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
        return tuple(found)


def _left(group: str, kept: Mapping[str, int], free: int) -> int:
    return free - sum(pieces for other, pieces in kept.items() if other != group)
