"""Time of the outside world, as the platforms keep it.

Guarantees: every time inside the simulators is a whole number of epoch milliseconds; the texts the
platforms write (Beijing time, no zone, whole seconds) are made and read here only.
"""

import time
from calendar import timegm
from collections.abc import Callable
from functools import lru_cache

Clock = Callable[[], int]

SECOND_MS = 1_000
BEIJING_S = 8 * 3_600


def system_clock() -> int:
    """Return the machine's wall time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until it is moved."""

    __slots__ = ("_now_ms",)

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def __call__(self) -> int:
        """Return the time it was moved to, in epoch milliseconds."""
        return self._now_ms

    def advance(self, by_ms: int) -> None:
        """Move forward by `by_ms` milliseconds."""
        assert by_ms >= 0
        self._now_ms += by_ms


def whole_second_ms(at_ms: int) -> int:
    """Return the second `at_ms` lies in: the platforms know no finer time."""
    return at_ms - at_ms % SECOND_MS


@lru_cache(maxsize=4_096)
def _beijing_text_of_second(at_s: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at_s + BEIJING_S))


def beijing_text(at_ms: int) -> str:
    """Return `yyyy-MM-dd HH:mm:ss` in Beijing time."""
    return _beijing_text_of_second(at_ms // SECOND_MS)


def beijing_ms(text: str) -> int:
    """Read `yyyy-MM-dd HH:mm:ss` as Beijing time; ValueError when it is not that."""
    return (timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S")) - BEIJING_S) * SECOND_MS
