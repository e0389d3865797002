"""When the outside world misbehaves, drawn from the seed.

Guarantees: each door draws from its own stream, so what happens to the n-th call of a door does not
depend on what other doors did; every misbehaviour is counted by kind.
"""

from collections import Counter
from random import Random
from typing import Literal

import msgspec

from simulators.clock import Clock, system_clock
from simulators.settings import FaultLevel, Settings

Before = Literal["throttled", "slow", "error", "half_open"]
After = Literal["timeout", "error"]
THROTTLED_CALLS = (5, 20)
THROTTLED_MS = (500, 3_000)
SLOW_MS = (50, 400)
OFFLINE_MS = (5_000, 30_000)


class Odds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Probability of each kind, 0..1.

    Pushes: `duplicate_push` twice, `late_push` seconds later than its successors, `offline` begins half
    a minute in which an outbox is kept and then sent at once. Reading:
    `duplicate_row` a row twice in a page, `stale_snapshot` the version before the last one, only
    while the last change is young (a lagging replica). Orders: `contradiction`. Calls:
    `throttle_window` begins a run of
    throttled calls that also ends by itself after some seconds, as platforms count by the second, `slow`, `error_before` and `half_open` (no
    answer, then a closed connection) without acting, `act_then_timeout` and `error_after` after a
    write was done. Carriers: `short_list` leaves a parcel out of an answer, `stalled_parcel` never moves
    again. Money: `system_error` without acting, `late_success` acts later than it answers.
    """

    duplicate_push: float = 0.0
    late_push: float = 0.0
    offline: float = 0.0
    duplicate_row: float = 0.0
    stale_snapshot: float = 0.0
    contradiction: float = 0.0
    throttle_window: float = 0.0
    slow: float = 0.0
    error_before: float = 0.0
    half_open: float = 0.0
    act_then_timeout: float = 0.0
    error_after: float = 0.0
    short_list: float = 0.0
    stalled_parcel: float = 0.0
    system_error: float = 0.0
    late_success: float = 0.0


LEVELS: dict[FaultLevel, Odds] = {
    "none": Odds(),
    "default": Odds(
        duplicate_push=0.05,
        late_push=0.03,
        offline=0.002,
        duplicate_row=0.02,
        stale_snapshot=0.02,
        contradiction=0.01,
        throttle_window=0.001,
        slow=0.01,
        error_before=0.005,
        half_open=0.001,
        act_then_timeout=0.003,
        error_after=0.003,
        short_list=0.002,
        system_error=0.01,
        late_success=0.01,
    ),
    "storm": Odds(
        duplicate_push=0.3,
        late_push=0.2,
        offline=0.02,
        duplicate_row=0.1,
        stale_snapshot=0.2,
        contradiction=0.03,
        throttle_window=0.01,
        slow=0.05,
        error_before=0.05,
        half_open=0.005,
        act_then_timeout=0.03,
        error_after=0.05,
        short_list=0.03,
        stalled_parcel=0.01,
        system_error=0.1,
        late_success=0.1,
    ),
}


def odds_of(settings: Settings) -> Odds:
    """Return the level's odds with the single overrides; msgspec.ValidationError names a wrong one."""
    return msgspec.convert(msgspec.to_builtins(LEVELS[settings.faults]) | settings.odds, Odds)


class FaultPlan:
    """Draws misbehaviour door by door and counts it."""

    __slots__ = (
        "_clock", "_down_until_ms", "_odds", "_seed", "_streams", "_throttled", "_throttled_until_ms",
        "counts",
    )  # fmt: skip

    def __init__(self, seed: int, odds: Odds, clock: Clock = system_clock) -> None:
        self._seed = seed
        self._odds = odds
        self._streams: dict[str, Random] = {}
        self._clock = clock
        self._throttled: Counter[str] = Counter()
        self._throttled_until_ms: dict[str, int] = {}
        self._down_until_ms: dict[str, int] = {}
        self.counts: Counter[str] = Counter()

    def hit(self, kind: str, door: str) -> bool:
        """Draw once whether `kind` (a name of `Odds`) happens at this door now."""
        odds: float = getattr(self._odds, kind)
        if not odds or self._stream(door).random() >= odds:
            return False
        self.counts[f"{door}:{kind}"] += 1
        return True

    def take_down(self, platform: str, until_ms: int) -> None:
        """Let a platform neither answer nor push until then (epoch ms)."""
        self._down_until_ms[platform] = until_ms

    def is_down(self, platform: str) -> bool:
        """Whether a platform neither answers nor pushes now."""
        return self._clock() < self._down_until_ms.get(platform, 0)

    def before(self, door: str) -> Before | None:
        """Draw what happens to a call before the platform acts on it."""
        if self.is_down(door):
            self.counts[f"{door}:down"] += 1
            return "error"
        if self._throttled[door] and self._clock() >= self._throttled_until_ms[door]:
            self._throttled[door] = 0
        if not self._throttled[door] and self.hit("throttle_window", door):
            self._throttled[door] = self._between(door, THROTTLED_CALLS)
            self._throttled_until_ms[door] = self._clock() + self._between(door, THROTTLED_MS)
        if self._throttled[door]:
            self._throttled[door] -= 1
            return "throttled"
        if self.hit("slow", door):
            return "slow"
        if self.hit("error_before", door):
            return "error"
        return "half_open" if self.hit("half_open", door) else None

    def after(self, door: str) -> After | None:
        """Draw what happens to the answer of a write that was done."""
        if self.hit("act_then_timeout", door):
            return "timeout"
        return "error" if self.hit("error_after", door) else None

    def slow_s(self, door: str) -> float:
        """Draw how slow a slow answer is."""
        return self._between(door, SLOW_MS) / 1_000

    def late_ms(self, door: str) -> int:
        """Draw how late a late or repeated push is."""
        return self._between(door, (300, 6_000))

    def offline_ms(self, door: str) -> int:
        """Draw how long whoever sends has no line."""
        return self._between(door, OFFLINE_MS)

    def _stream(self, door: str) -> Random:
        stream = self._streams.get(door)
        if stream is None:
            stream = self._streams[door] = Random(f"faults:{self._seed}:{door}")
        return stream

    def _between(self, door: str, bounds: tuple[int, int]) -> int:
        return self._stream(door).randint(*bounds)
