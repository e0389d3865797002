"""Metrics of the console, each with its meaning and when to worry."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

PAGES = Gauge(
    "danshu_console_open_pages",
    "Pages that hear changes. Worry when it stays at its limit of 200.",
)
SIGN_INS = Counter(
    "danshu_console_sign_ins_total",
    "Sign-ins by outcome: accepted, wrong, paused, forged. Worry when wrong or forged grow quickly.",
    ("outcome",),
)
