"""What insight measures. Channels are few, so the label is safe; nothing here names an order or a person."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import Counter, Gauge

from services.insight.domain.windows import Closed, Silent

CHANNEL_ORDERS = Gauge(
    "danshu_insight_channel_orders",
    "Orders accepted in the newest minute that is over, 0 when there were none. Worry when a channel that sells "
    "stays at 0 for minutes, or has no value at all.",
    ("channel",),
)
SYNC_DELAY_SECONDS = Gauge(
    "danshu_insight_sync_delay_seconds",
    "From the buyer's order at the channel to our acceptance, mean and max of the newest minute that is over; "
    "no value when it had no orders. Worry when the mean stays over 60 s.",
    ("channel", "of"),
)
CONSUMER_DELAY_SECONDS = Gauge(
    "danshu_insight_consumer_delay_seconds",
    "From our acceptance to insight, mean and max of the newest minute that is over; no value when it had no "
    "orders. Worry over 60 s when nothing is being read again.",
    ("channel", "of"),
)
RECORDS = Counter(
    "danshu_insight_records_total",
    "Records read by outcome: counted, skipped (another type), duplicate, late, invalid, failed. "
    "Worry when invalid, late or failed grow.",
    ("outcome",),
)
WINDOWS_CLOSED = Counter(
    "danshu_insight_windows_closed_total",
    "Closings announced, corrections included.",
    ("channel",),
)
ANNOUNCE_FAILURES = Counter(
    "danshu_insight_announce_failures_total",
    "Closings that Kafka did not take and that are tried again. Worry when it grows for a minute.",
)


class Board:
    """Shows each channel's newest minute that is over; corrections of older minutes leave the gauges alone."""

    def __init__(self) -> None:
        self._newest: dict[str, datetime] = {}

    def show(self, closed: Closed) -> None:
        """Takes one closing into account."""
        WINDOWS_CLOSED.labels(closed.channel).inc()
        if closed.start < self._newest.get(closed.channel, closed.start):
            return
        self._newest[closed.channel] = closed.start
        totals = closed.totals
        CHANNEL_ORDERS.labels(closed.channel).set(totals.orders)
        for gauge, sum_ms, max_ms in (
            (SYNC_DELAY_SECONDS, totals.sync_delay_sum_ms, totals.sync_delay_max_ms),
            (CONSUMER_DELAY_SECONDS, totals.consumer_delay_sum_ms, totals.consumer_delay_max_ms),
        ):
            gauge.labels(closed.channel, "mean").set(sum_ms / totals.orders / 1000)
            gauge.labels(closed.channel, "max").set(max_ms / 1000)

    def silence(self, silent: Silent) -> None:
        """Shows a minute without orders: none were accepted, and there is no delay to tell."""
        if silent.start < self._newest.get(silent.channel, silent.start):
            return
        self._newest[silent.channel] = silent.start
        CHANNEL_ORDERS.labels(silent.channel).set(0)
        for gauge in (SYNC_DELAY_SECONDS, CONSUMER_DELAY_SECONDS):
            for of in ("mean", "max"):
                gauge.remove(silent.channel, of)
