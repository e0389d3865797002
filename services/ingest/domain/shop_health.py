"""How one shop's polling is doing: the state machine, the pause it asks for, and the next window.

    normal ──three failures in a row, or an expired token──▶ throttled · token_expired · unreachable · refused
      ▲                                                                   │ ▲
      └──watermark at now──── catching_up ◀──────the channel answers──────┘ │
                                   └────────────────any failure─────────────┘

Guarantees: the watermark moves by whole windows only, each beginning at or before it, so nothing between is
skipped; windows shrink while they fail, so that a channel which answers for a while gets a shop forward.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from services.ingest.channels import Channel, ChannelError, ErrorKind, PollWindow

FAILURES_TO_DEGRADE = 3
PAUSE_MAX_S = 60.0
"""One call a minute burdens no platform, and a shop is back at most so long after its channel."""
JITTER = 0.2
"""Pauses of degraded shops differ by up to this share, so that shops of one channel do not ask together."""
LONG_WAIT_MS = 10_000
"""A platform that wants to be left alone for longer is not asked meanwhile, and people see it at once."""
WAIT_MAX_S = 300.0
"""Whatever it says: limits are lifted early, and nobody looks at a shop that is asked once in ten hours."""
STEP_MAX = timedelta(hours=1)
STEP_MIN = timedelta(minutes=1)
SETTLING_MARGIN = timedelta(minutes=2)
"""How much further back than the platform needs to list a change a window begins."""


class ShopState(StrEnum):
    """What a person is shown."""

    NORMAL = "normal"
    THROTTLED = "throttled"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 — the name of a state
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    CATCHING_UP = "catching_up"


CAUSES = {
    ErrorKind.THROTTLED: ShopState.THROTTLED,
    ErrorKind.TOKEN: ShopState.TOKEN_EXPIRED,
    ErrorKind.RETRY: ShopState.UNREACHABLE,
    ErrorKind.REFUSED: ShopState.REFUSED,
}
DEGRADED = frozenset(CAUSES.values())


class ShopHealth(Struct, frozen=True, kw_only=True):
    """One shop. `failures` are those in a row, `errors` all there ever were by kind."""

    state: ShopState = ShopState.NORMAL
    since: datetime
    polled_until: datetime | None = None
    """The watermark: everything modified before it was taken."""
    succeeded_at: datetime | None = None
    failures: int = 0
    failed_at: datetime | None = None
    error: str = ""
    """Code of the last error, kept after a recovery."""
    errors: dict[str, int] = {}
    newest_order_at: datetime | None = None
    """Modified time of the newest order seen."""

    @property
    def degraded(self) -> bool:
        """Whether the shop cannot be polled."""
        return self.state in DEGRADED


def is_long(error: ChannelError) -> bool:
    """Whether the platform asks for more patience than a page has."""
    return error.retry_after_ms > LONG_WAIT_MS


def paging_does_not_end(pages: int) -> ChannelError:
    """A window with more pages than that is too wide, or its platform pages in a circle: the next one is half as wide."""
    return ChannelError(
        kind=ErrorKind.RETRY, code="paging_does_not_end", detail=f"more than {pages} pages"
    )


def failed(health: ShopHealth, error: ChannelError, now: datetime) -> ShopHealth:
    """After an attempt in vain."""
    failures = health.failures + 1
    at_once = (
        error.kind is ErrorKind.TOKEN or is_long(error) or health.state is not ShopState.NORMAL
    )
    degrades = at_once or failures >= FAILURES_TO_DEGRADE
    return replace(
        _entered(health, CAUSES[error.kind] if degrades else health.state, now),
        failures=failures,
        failed_at=now,
        error=error.code,
        errors={**health.errors, error.kind: health.errors.get(error.kind, 0) + 1},
    )


def answered(health: ShopHealth, now: datetime) -> ShopHealth:
    """After a page of a window that is not whole yet."""
    return _entered(health, ShopState.CATCHING_UP, now) if health.degraded else health


def moved(health: ShopHealth, until: datetime, now: datetime) -> ShopHealth:
    """After a whole window that reaches to `until`; caught up when that is the `now` of this poll."""
    state = ShopState.NORMAL if until >= now else ShopState.CATCHING_UP
    return replace(_entered(health, state, now), polled_until=until, succeeded_at=now, failures=0)


def _entered(health: ShopHealth, state: ShopState, now: datetime) -> ShopHealth:
    return health if state is health.state else replace(health, state=state, since=now)


def overlap_of(channel: Channel, settled_after_s: float | None) -> timedelta:
    """How far before the watermark a window begins: over all that the platform may not have listed by then.

    `settled_after_s` is how old a change is when the platform lists it, where the shop's settings say so.
    """
    if settled_after_s is None:
        return channel.window_overlap
    return max(channel.window_overlap, timedelta(seconds=settled_after_s) + SETTLING_MARGIN)


def settled_after_max_s(channel: Channel) -> float:
    """How late a platform may list for a window of this channel to reach beyond its overlap still."""
    return (channel.window_max - SETTLING_MARGIN - STEP_MIN).total_seconds()


def next_window(
    health: ShopHealth,
    channel: Channel,
    now: datetime,
    first: timedelta,
    settled_after_s: float | None = None,
) -> PollWindow:
    """What to ask for next: from the watermark, with an overlap before it, on towards now.

    A shop never polled before starts `first` ago.
    """
    start = min(health.polled_until or now - first, now)
    step = max(STEP_MAX / 2 ** min(health.failures, 8), STEP_MIN)
    since = start - overlap_of(channel, settled_after_s)
    until = min(now, start + step, since + channel.window_max)
    return PollWindow(since=since, until=until, opened_at=now)


def pause_s(health: ShopHealth, interval_s: float, retry_after_ms: int, chance: float) -> float:
    """Seconds until the next poll: longer and longer while degraded, up to a minute, or as the platform asks, up to five.

    `chance` is a random number from 0 to 1 that the caller draws.
    """
    asked_s = min(retry_after_ms / 1000, WAIT_MAX_S)
    if not health.degraded:
        return max(interval_s, asked_s)
    doublings = min(max(health.failures - FAILURES_TO_DEGRADE + 1, 1), 16)
    grown_s = min(interval_s * (1 << doublings), max(PAUSE_MAX_S, interval_s))
    return max(grown_s * (1 + JITTER * (2 * chance - 1)), asked_s)
