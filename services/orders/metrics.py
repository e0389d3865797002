"""Metrics of the orders service, beside those of the chassis."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

UNSHIPPED_OVERDUE = Gauge(
    "danshu_orders_unshipped_overdue",
    "Orders paid longer ago than the watchdog allows (2 h) and not shipped. Worry when it grows.",
)
IN_STATE = Gauge(
    "danshu_orders_in_state",
    "Orders not shipped yet by state, as of the watchdog's last look. Worry when awaiting_review only grows.",
    ("state",),
)
UNPAID_CLOSED = Counter(
    "danshu_orders_unpaid_closing_total",
    "Commands issued to close orders that were not paid in time (the same order may be asked twice).",
)
