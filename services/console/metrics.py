"""Metrics of the console, each with its meaning and when to worry."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

PAGES = Gauge(
    "danshu_console_open_pages",
    "Pages that hear changes. Worry when it stays at its limit of 200.",
)
BEHIND = Gauge(
    "danshu_console_records_behind",
    "Records in Kafka that a processor's tables do not hold yet, over all processes. Worry when it grows for a minute. "
    "Stands still while Kafka or Postgres do not answer.",
    ("processor",),
)
DATA_AGE = Gauge(
    "danshu_console_data_age_seconds",
    "How long ago the tables held all that was in Kafka; a quiet night adds nothing. Worry over 30 s.",
)
SIGN_INS = Counter(
    "danshu_console_sign_ins_total",
    "Sign-ins by outcome: accepted, wrong, paused, forged. Worry when wrong or forged grow quickly.",
    ("outcome",),
)
