"""A payment in progress keeps goods longer: for orders and for reservations alike.

Guarantees: pure. Goods are kept for a time from now, never shorter than before; each key extends once. Nobody keeps
goods unpaid for longer than his first lease and, after that, `extensions_max` times `extension` of the rule.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from msgspec.structs import replace

from services.inventory.domain.model import Extension, Hold, Lease

NotLonger: TypeAlias = Literal["key_reused", "expired", "extension_limit"]


def extended(hold: Hold, key: str, for_s: int, lease: Lease, now: datetime) -> Hold | NotLonger:
    """The hold as it is kept from now on, or why it is not kept longer.

    `for_s`: seconds from now, at most what the lease allows; 0 = that. The same hold comes back where the key was
    used for the same before, and where it is kept for longer already: that is no extension and does not count.
    """
    assert hold.state == "held", hold.state
    assert hold.expires_at is not None
    for one in hold.extensions:
        if one.key == key:
            return hold if one.for_s == for_s else "key_reused"
    if now >= hold.expires_at:
        return "expired"
    allowed = min(lease.extension, timedelta(seconds=for_s)) if for_s else lease.extension
    if len(hold.extensions) >= lease.extensions_max or not allowed:
        return "extension_limit"
    until = now + allowed
    if until <= hold.expires_at:
        return hold
    return replace(
        hold, expires_at=until, extensions=(*hold.extensions, Extension(key, for_s, until))
    )
