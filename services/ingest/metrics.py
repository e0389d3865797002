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
ORDERS_UNMATCHED = Gauge(
    "danshu_ingest_orders_unmatched",
    "Orders that wait for a SKU mapping. Worry while it is above zero for an hour.",
)
MATCHED = Counter(
    "danshu_ingest_orders_matched_total",
    "Orders whose lines were matched after they had waited for a mapping.",
    ("channel",),
)
