"""Time of the outside world, as the platforms keep it.

Guarantees: every time inside the simulators is a whole number of epoch milliseconds; the texts the
platforms write (of whole seconds, mostly Beijing time without a zone) are made and read here only.
"""

import time
from calendar import timegm
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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


def iso_text(at_ms: int) -> str:
    """Return ISO 8601 with the offset of Beijing: `2026-05-20T09:31:02+08:00`."""
    return f"{zoneless_text(at_ms, BEIJING_S)}+08:00"


def iso_ms(text: str) -> int:
    """Read ISO 8601 with an offset; ValueError when it is not that."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        message = "a time without an offset"
        raise ValueError(message)
    return _epoch_ms(moment)


def zoneless_text(at_ms: int, offset_s: int) -> str:
    """Return ISO 8601 without a zone, of the zone which is `offset_s` ahead of UTC."""
    return beijing_text(at_ms + (offset_s - BEIJING_S) * SECOND_MS).replace(" ", "T")


def zoneless_ms(text: str, *, offset_s: int) -> int:
    """Read ISO 8601 as a time of the zone `offset_s` ahead of UTC; an offset of its own goes before."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        return _epoch_ms(moment)
    return _epoch_ms(moment.replace(tzinfo=UTC)) - offset_s * SECOND_MS


def _epoch_ms(moment: datetime) -> int:
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
