"""One-minute windows per channel, by the time an order was accepted. Pure: time comes as a value.

Guarantees: an order counts once, however often it is delivered (within the newest `orders_remembered`);
an order that comes after its window was closed opens it again, and the next closing carries the new totals,
so the newest closing of a window is the right one. Memory is bounded: the oldest windows are forgotten once they
are announced, and an order older than what was forgotten, or than `horizon`, is late and changes nothing. A channel
that sold once and has no order in the newest minute that is over is named, unless what was written then may still
be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

WINDOW = timedelta(minutes=1)


class Outcome(StrEnum):
    """What became of one order."""

    COUNTED = "counted"
    DUPLICATE = "duplicate"
    LATE = "late"


class Accepted(Struct, frozen=True, kw_only=True):
    """An accepted order as the windows see it."""

    order_id: str
    channel: str
    occurred_at: datetime
    """When the buyer placed it, by the channel's clock."""
    accepted_at: datetime
    """When our door took it."""


class Totals(Struct, frozen=True, kw_only=True):
    """Sums of one window. Delays are whole milliseconds and never negative."""

    orders: int = 0
    sync_delay_sum_ms: int = 0
    sync_delay_max_ms: int = 0
    consumer_delay_sum_ms: int = 0
    consumer_delay_max_ms: int = 0


class Closed(Struct, frozen=True, kw_only=True):
    """A window that is over, or one whose totals were corrected after it was."""

    channel: str
    start: datetime
    end: datetime
    totals: Totals


class Silent(Struct, frozen=True, kw_only=True):
    """A channel without an order in the newest minute that is over."""

    channel: str
    start: datetime
    """Of that minute."""


class _Window(Struct):
    totals: Totals
    touched_at: datetime
    open: bool


class Windows:
    """All windows of one process."""

    def __init__(
        self,
        *,
        grace: timedelta,
        windows_max: int,
        orders_remembered: int,
        horizon: datetime,
        channels: Iterable[str] = (),
    ) -> None:
        """`channels` are known to have sold before; any other is from its first order on."""
        self._grace = grace
        self._windows_max = windows_max
        self._orders_remembered = orders_remembered
        self._horizon = horizon
        self._channels = set(channels)
        self._behind_at: datetime | None = None
        self._windows: dict[tuple[str, datetime], _Window] = {}
        self._orders: dict[str, None] = {}

    def add(self, order: Accepted, now: datetime) -> Outcome:
        """Counts an order that reached us at `now`."""
        self._channels.add(order.channel)
        self.read(order.accepted_at, now)
        start = _minute(order.accepted_at)
        if start < self._horizon:
            return Outcome.LATE
        if order.order_id in self._orders:
            return Outcome.DUPLICATE
        self._orders[order.order_id] = None
        if len(self._orders) > self._orders_remembered:
            del self._orders[next(iter(self._orders))]
        window = self._windows.get((order.channel, start))
        totals = Totals() if window is None else window.totals
        self._windows[order.channel, start] = _Window(_with(totals, order, now), now, open=True)
        return Outcome.COUNTED

    def read(self, written_at: datetime, now: datetime) -> None:
        """A record of that time was read at `now`: one of a minute that is over shows that a backlog is read."""
        if self._is_over(_minute(written_at), now):
            self.behind(now)

    def behind(self, now: datetime) -> None:
        """At `now` there may be orders which were not read: for `grace` no channel is called silent."""
        self._behind_at = now

    def silent(self, now: datetime) -> tuple[Silent, ...]:
        """Known channels that have no order in the newest minute that ended `grace` ago; none while a backlog is read."""
        start = _minute(now - self._grace) - WINDOW
        behind = self._behind_at is not None and now < self._behind_at + self._grace
        if behind or start < self._horizon:
            return ()
        return tuple(
            Silent(channel=channel, start=start)
            for channel in sorted(self._channels)
            if (channel, start) not in self._windows
        )

    def close(self, now: datetime) -> tuple[Closed, ...]:
        """Windows to announce now, oldest first. A second call at the same time gives none.

        What could not be announced is to be given to `reopen`; then `forget` is due.

        Due is a window that ended `grace` ago and got no order for `grace`: while a backlog is read,
        its orders come long after its end. When too many are open, the oldest do not wait.
        """
        opened = sorted(
            (start, channel) for (channel, start), window in self._windows.items() if window.open
        )
        overflow = len(opened) - self._windows_max
        closed = [
            self._announce(channel, start)
            for place, (start, channel) in enumerate(opened)
            if place < overflow or self._due(channel, start, now)
        ]
        return tuple(closed)

    def reopen(self, closed: tuple[Closed, ...]) -> None:
        """Takes back closings that could not be announced."""
        for one in closed:
            if (window := self._windows.get((one.channel, one.start))) is not None:
                window.open = True

    def forget(self) -> None:
        """Forgets the oldest of too many windows, of those that are announced; their orders are late from now on."""
        surplus = len(self._windows) - self._windows_max
        if surplus <= 0:
            return
        settled = sorted((s, c) for (c, s), window in self._windows.items() if not window.open)
        for start, channel in settled[:surplus]:
            del self._windows[channel, start]
            self._horizon = max(self._horizon, start + WINDOW)

    def __len__(self) -> int:
        return len(self._windows)

    def _is_over(self, start: datetime, now: datetime) -> bool:
        return now >= start + WINDOW + self._grace

    def _due(self, channel: str, start: datetime, now: datetime) -> bool:
        window = self._windows[channel, start]
        return now >= max(start + WINDOW, window.touched_at) + self._grace

    def _announce(self, channel: str, start: datetime) -> Closed:
        window = self._windows[channel, start]
        window.open = False
        return Closed(channel=channel, start=start, end=start + WINDOW, totals=window.totals)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _with(totals: Totals, order: Accepted, now: datetime) -> Totals:
    sync_ms = _whole_ms(order.accepted_at - order.occurred_at)
    consumer_ms = _whole_ms(now - order.accepted_at)
    return Totals(
        orders=totals.orders + 1,
        sync_delay_sum_ms=totals.sync_delay_sum_ms + sync_ms,
        sync_delay_max_ms=max(totals.sync_delay_max_ms, sync_ms),
        consumer_delay_sum_ms=totals.consumer_delay_sum_ms + consumer_ms,
        consumer_delay_max_ms=max(totals.consumer_delay_max_ms, consumer_ms),
    )


def _whole_ms(delay: timedelta) -> int:
    # A channel's clock that runs ahead of ours must not make a delay negative.
    return max(0, delay // timedelta(milliseconds=1))
