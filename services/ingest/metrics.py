"""Metrics of ingest."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

ARRIVALS = Counter(
    "danshu_ingest_arrivals_total",
    "Native order payloads by what they brought: placed, changed, stale (a repeat or older), quarantined. "
    "Worry when quarantined grows.",
    ("channel", "outcome"),
)
SHOP_DEGRADED = Gauge(
    "danshu_ingest_shop_degraded",
    "1 while a shop cannot be polled. Worry after five minutes.",
    ("channel", "shop"),
)
FETCHES_WAITING = Gauge(
    "danshu_ingest_fetches_waiting",
    "Orders whose detail is still to be fetched. Worry when it grows.",
)
WRITE_BACKS = Counter(
    "danshu_ingest_write_backs_total",
    "Write-backs by result: applied, refused. Worry when refused grows.",
    ("channel", "kind", "result"),
)
IMPORTED = Counter(
    "danshu_ingest_imported_total",
    "Orders of emergency imports by what became of them: new, known, refused. Worry when refused grows.",
    ("channel", "outcome"),
)
