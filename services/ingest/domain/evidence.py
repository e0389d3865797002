"""Which payload led to what. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace


class Evidence(Struct, frozen=True, kw_only=True):
    """One payload as it was taken. `events` of the order followed from it; `order_version` is the newest after it."""

    source_key: str
    position: str
    sha256: bytes
    door: str
    accepted_at: datetime
    taken_at: datetime
    modified_at: datetime | None
    outcome: str
    events: int = 0
    order_version: int = 0


class WithoutPayload(Struct, frozen=True, kw_only=True):
    """So many events of an order followed from no payload: they are no evidence, but have versions."""

    source_key: str
    events: int


def with_versions(
    seen: Sequence[Evidence | WithoutPayload], newest: Mapping[str, int]
) -> tuple[Evidence, ...]:
    """The evidence of one batch, in order, given each order's newest version after the batch."""
    left = dict(newest)
    told = []
    for one in reversed(seen):
        version = left.get(one.source_key, 0)
        if isinstance(one, Evidence):
            told.append(replace(one, order_version=version))
        left[one.source_key] = version - one.events
    return tuple(reversed(told))
