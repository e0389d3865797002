"""Up to when the console's tables hold what is in Kafka. Pure.

Guarantees: `until` is a time before which everything in Kafka has been applied. It goes on while nothing happens, and stands
still while records wait, or while nobody can say.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

LATE = timedelta(seconds=10)
"""Five looks. What takes this long is not the usual way from Kafka to the tables."""

Partition = tuple[str, str, int]
"""Processor, topic domain, number."""
Offsets = Mapping[Partition, int]
"""The next offset of each partition: the one to be written, or the one to be applied."""


class Mark(Struct, frozen=True):
    """Where the topics ended at a time."""

    at: datetime
    ends: Offsets


class Progress(Struct, frozen=True, kw_only=True):
    """What is known of how far the tables are."""

    started_at: datetime
    until: datetime | None = None
    """None: not all of what there was at the start has been applied yet."""
    waiting: int | None = None
    """Records that are not applied yet; None where Kafka or Postgres did not say."""
    mark: Mark | None = None

    def looked(self, at: datetime, ends: Offsets, nexts: Offsets) -> Progress:
        """After one more look. `at`: before `ends` were asked for, and these before `nexts`."""
        waiting = sum(behind(ends, nexts).values())
        if not waiting:
            return replace(self, until=at, waiting=0, mark=None)
        if self.mark is not None and any(behind(self.mark.ends, nexts).values()):
            return replace(self, waiting=waiting)
        until = self.until if self.mark is None else self.mark.at
        return replace(self, until=until, waiting=waiting, mark=Mark(at, ends))

    def unanswered(self) -> Progress:
        """After a look in vain."""
        return replace(self, waiting=None)

    def age(self, now: datetime) -> timedelta:
        """How old the tables may be; at the start, how long they have not been whole."""
        return now - (self.until or self.started_at)


def behind(ends: Offsets, nexts: Offsets) -> dict[str, int]:
    """Records that wait, by processor."""
    waiting = {processor: 0 for processor, _, _ in ends}
    for partition, end in ends.items():
        waiting[partition[0]] += max(end - nexts.get(partition, 0), 0)
    return waiting
