"""Whether a row of a page is news: a version of an order that has not been taken in yet.

Guarantees: of two changes in one second, which platforms give one modified time, the second is not missed. A
row that carries the order is compared by its content. One that only names it is asked for once more when its
second is over, because its detail may have been read in between; after that it is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from services.ingest.channels import PartialRow, RawOrder

SECOND_OVER = timedelta(seconds=5)
"""A second, and room for a platform whose clock is behind ours."""


class Taken(Struct, frozen=True, kw_only=True):
    """What polling took last of an order. `digest` is empty where the row only named it."""

    modified_at: datetime | None
    digest: bytes
    at: datetime


def taken(row: RawOrder | PartialRow, now: datetime) -> Taken:
    """How this row is remembered once it is durable."""
    digest = b""
    if isinstance(row, RawOrder):
        digest = hashlib.blake2b(row.body, digest_size=16).digest()
    return Taken(modified_at=row.modified_at, digest=digest, at=now)


def is_news(
    row: RawOrder | PartialRow,
    known: Mapping[str, datetime | None],
    before: Taken | None,
    now: datetime,
) -> bool:
    """`known`: modified times of what is worked in already; `before`: what was taken of this order last."""
    modified_at = row.modified_at
    if isinstance(row, RawOrder):
        if before is not None and taken(row, now).digest == before.digest:
            return False
        newest = known.get(row.order_no)
        return newest is None or modified_at is None or modified_at >= newest
    if modified_at is None:
        return True
    if before is not None and before.modified_at == modified_at:
        return not _over(modified_at, before.at) and _over(modified_at, now)
    newest = known.get(row.order_no)
    if newest is None or modified_at > newest:
        return True
    return modified_at == newest and not modified_at.microsecond and _over(modified_at, now)


def _over(modified_at: datetime, at: datetime) -> bool:
    """Whether nothing can change any more that gets this modified time."""
    return modified_at.microsecond != 0 or at >= modified_at + SECOND_OVER
