"""Metrics of ingest."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ARRIVALS = Counter(
    "danshu_ingest_arrivals_total",
    "Native order payloads by what they brought: placed, changed, stale (a repeat or older), quarantined. "
    "Worry when quarantined grows.",
    ("channel", "outcome"),
)
SHOP_DEGRADED = Gauge(
    "danshu_ingest_shop_degraded",
    "1 while a shop cannot be polled: throttled, token expired, unreachable or refused. "
    "Worry after five minutes.",
    ("channel", "shop"),
)
SHOP_POLLED_UNTIL = Gauge(
    "danshu_ingest_shop_polled_until_seconds",
    "Unix time up to which a shop has been polled: its delay is now less this. Worry over five minutes.",
    ("channel", "shop"),
)
SHOP_ERRORS = Counter(
    "danshu_ingest_shop_errors_total",
    "Polls in vain by kind: throttled, token, retry (unreachable), refused. "
    "Worry when token or refused grow.",
    ("channel", "shop", "kind"),
)
FETCHES_ABANDONED = Counter(
    "danshu_ingest_fetches_abandoned_total",
    "Orders whose detail the channel says does not exist, given up and quarantined. Worry when it grows.",
    ("channel",),
)
AFTERSALES_UNREADABLE = Counter(
    "danshu_ingest_aftersales_unreadable_total",
    "Times that a channel named an after-sales request and then had none of that number. Worry when it grows.",
    ("channel",),
)
RETURNS_WAITING = Gauge(
    "danshu_ingest_returns_waiting",
    "Returns taken in at stores whose sale is not known yet, or whose goods have no SKU. Worry while it is above zero for a day.",
)
ARCHIVE_BYTES = Gauge(
    "danshu_ingest_archive_bytes",
    "Raw payloads kept beyond their topic, sealed. Worry at DANSHU_INGEST_PAYLOAD_BYTES_MAX: the oldest are deleted early.",
)
ARCHIVE_LAG_SECONDS = Gauge(
    "danshu_ingest_archive_lag_seconds",
    "Age of the oldest payload that is not in the archive yet. Worry over a day: after seven its topic lets it go.",
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
STOCK_TOLD = Counter(
    "danshu_ingest_stock_told_total",
    "Stock numbers of listings told to shops by result: applied, refused, unsupported. "
    "Worry when refused grows.",
    ("channel", "result"),
)
STOCK_DELAY_SECONDS = Histogram(
    "danshu_ingest_stock_delay_seconds",
    "From the first change of stock that a shop had not been told until it took the listing's number. "
    "Worry when it exceeds five minutes.",
    ("channel",),
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600),
)
STOCK_WAITING = Gauge(
    "danshu_ingest_stock_waiting",
    "Listings whose shop has not been told its newest number. Worry when it grows.",
)
SPOOL_BYTES = Gauge(
    "danshu_ingest_spool_bytes",
    "Bytes on local disk that wait for Kafka. Worry at half of DANSHU_INGEST_SPOOL_BYTES_MAX.",
)
SPOOL_RECORDS = Gauge(
    "danshu_ingest_spool_records",
    "Pushed records on local disk that wait for Kafka. Worry when not 0: Kafka is away.",
)
SPOOL_OLDEST_SECONDS = Gauge(
    "danshu_ingest_spool_oldest_seconds",
    "No pushed record has waited on local disk longer than this. Worry after five minutes.",
)
SPOOL_TAKEN = Counter(
    "danshu_ingest_spool_taken_total",
    "Pushed records that went to local disk because Kafka was away.",
)
SPOOL_DRAINED = Counter(
    "danshu_ingest_spool_drained_total",
    "Records which Kafka took from local disk, those delivered again after a crash too.",
)
SPOOL_REFUSED = Counter(
    "danshu_ingest_spool_refused_total",
    "Pushes answered 503 because the spool was full or its disk refused. Worry at once.",
)
SPOOL_TORN_BYTES = Counter(
    "danshu_ingest_spool_torn_bytes_total",
    "Bytes of unfinished writes found at start after a crash; they were never acknowledged.",
)
SPOOL_DAMAGED = Counter(
    "danshu_ingest_spool_damaged_total",
    "Acknowledged records the disk has broken; their segments are kept as *.damaged. Worry at once.",
)
IMPORTED = Counter(
    "danshu_ingest_imported_total",
    "Orders of emergency imports by what became of them: new, known, refused. Worry when refused grows.",
    ("channel", "outcome"),
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
