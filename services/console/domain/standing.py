"""How a shop stands, for a person in a hurry: one code, one tone, and which shop to look at first. Pure.

what ingest says ──────────────────────────────▶ code ───────▶ tone
token_expired · refused · unreachable            the same       late
normal, but nothing was taken for five minutes   stalled        late
any polled shop of which nothing was heard       stalled        late
throttled · catching_up                          the same       soon
normal                                           normal         good
a shop that only pushes · one nobody told of     pushing · untold   calm
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from msgspec import Struct

from schemas.events.shop_states import ShopStateChanged

DELAY_MAX = timedelta(minutes=5)
"""A shop that is polled every quarter of a minute and is further behind than this is not well."""
SILENCE_MAX = timedelta(minutes=10)
"""Degraded shops are polled every six minutes at least, and each poll is told."""

TONES: Mapping[str, str] = MappingProxyType(
    {
        "token_expired": "late",
        "refused": "late",
        "unreachable": "late",
        "stalled": "late",
        "throttled": "soon",
        "catching_up": "soon",
        "normal": "good",
        "pushing": "calm",
        "untold": "calm",
    }
)
"""Code → tone, those first that need a person most."""
RANKS: Mapping[str, int] = MappingProxyType({code: rank for rank, code in enumerate(TONES)})
TROUBLED = frozenset(("token_expired", "refused", "unreachable", "stalled", "throttled"))
"""No orders come in, or they come late and later."""


class Standing(Struct, frozen=True, kw_only=True):
    """`since`: when it began, None where nobody knows. `delay`: how far behind now it was polled, None if never."""

    code: str
    since: datetime | None = None
    delay: timedelta | None = None

    @property
    def tone(self) -> str:
        """late, soon, good or calm."""
        return TONES[self.code]

    @property
    def troubled(self) -> bool:
        """Whether somebody should look."""
        return self.code in TROUBLED


def standing_of(state: ShopStateChanged | None, now: datetime) -> Standing:
    """How a shop stands at `now`; None: ingest told nothing of it."""
    if state is None:
        return Standing(code="untold")
    if not state.polled:
        return Standing(code="pushing")
    reached = state.polled_until
    delay = None if reached is None else max(now - reached, timedelta())
    if state.state == "normal" and now - (reached or state.state_since) > DELAY_MAX:
        return Standing(code="stalled", since=reached or state.state_since, delay=delay)
    if now - state.occurred_at > SILENCE_MAX:
        return Standing(code="stalled", since=state.occurred_at, delay=delay)
    code = state.state if state.state in TONES else "untold"
    return Standing(code=code, since=state.state_since, delay=delay)
