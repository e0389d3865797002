"""The only door to time: aware UTC for what is recorded, a monotonic count for what is measured.

Guarantees: `now()` is always aware and in UTC; `monotonic_ms()` never goes backwards. Nothing else in
the project calls `datetime.now` or `time.monotonic`, so a test which holds a `ManualClock` holds time.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the shell asks for time. Pure rules are given `now` as a value instead."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        ...

    def monotonic_ms(self) -> int:
        """Return milliseconds since an arbitrary point; only differences mean something."""
        ...


class SystemClock:
    """The machine's own time."""

    __slots__ = ()

    def now(self) -> datetime:
        """Return the machine's wall time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_ms(self) -> int:
        """Return the machine's monotonic time in whole milliseconds."""
        return time.monotonic_ns() // 1_000_000


class ManualClock:
    """Time that stands still until `advance` moves it: for tests, replays and dry runs."""

    __slots__ = ("_monotonic_ms", "_now")

    def __init__(self, start: datetime) -> None:
        """Stand at `start`, which must be aware (`ValueError` otherwise)."""
        if start.tzinfo is None:
            raise ValueError("a clock starts at an aware time")
        self._now = start.astimezone(UTC)
        self._monotonic_ms = 0

    def now(self) -> datetime:
        """Return the time last set."""
        return self._now

    def monotonic_ms(self) -> int:
        """Return the milliseconds advanced since the start."""
        return self._monotonic_ms

    def advance(self, step_ms: int) -> datetime:
        """Move both times forward by `step_ms` ≥ 0 (`ValueError` below) and return the new now."""
        if step_ms < 0:
            raise ValueError("time does not go backwards")
        self._now += timedelta(milliseconds=step_ms)
        self._monotonic_ms += step_ms
        return self._now
