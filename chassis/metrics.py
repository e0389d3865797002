"""Every metric of the chassis in one list, each with its meaning and when to worry.

Names follow Prometheus' rules; labels never hold an order, a person or a SKU.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter(
    "danshu_records_total",
    "Records taken from Kafka by outcome: applied, ignored, duplicate, parked, dead. "
    "Worry when parked or dead grow.",
    ("processor", "outcome"),
)
BATCH_RECORDS = Histogram(
    "danshu_batch_records",
    "Records in one consumer transaction.",
    ("processor",),
    buckets=(1, 5, 20, 50, 100, 200, 500, 1000, 2000),
)
BATCH_SECONDS = Histogram(
    "danshu_batch_seconds",
    "Duration of one consumer transaction with its publishing handed over. Worry over 1 s.",
    ("processor",),
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
PARTITIONS = Gauge(
    "danshu_partitions",
    "Partitions of Kafka that this process reads. Worry when it is 0 for a minute: it is not a member of its group, "
    "or there are more processes than partitions.",
    ("processor",),
)
BATCHES_LOST = Counter(
    "danshu_batches_lost_total",
    "Batches dropped because another worker had moved the offsets. Worry when it grows without a rebalance.",
    ("processor",),
)
RETRIES = Counter(
    "danshu_retries_total",
    "Attempts repeated because a server was away. Worry when it grows for a minute.",
    ("processor",),
)
OUTBOX_LEFTOVERS = Counter(
    "danshu_outbox_leftovers_total",
    "Outbox rows published by a successor. Worry when it grows without restarts.",
    ("processor",),
)
FORGOTTEN = Counter(
    "danshu_forgotten_rows_total",
    "Rows deleted because their time was over, by table. Worry when it stands still for an hour of trade after three days.",
    ("table",),
)
DOOR_REQUESTS = Counter(
    "danshu_door_requests_total",
    "Requests at HTTP doors by door and outcome (accepted, or the reason of refusal). "
    "Worry when bad_signature grows.",
    ("door", "outcome"),
)
DOOR_SECONDS = Histogram(
    "danshu_door_seconds",
    "Time from a request's arrival to its answer. Worry over 50 ms at p99.",
    ("door",),
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
FOREIGN_CALLS = Counter(
    "danshu_foreign_calls_total",
    "Calls to channels, carriers and gateways by outcome (ok, refused, throttled, unknown). "
    "Worry when unknown grows.",
    ("peer", "call", "outcome"),
)
UP_INFO = Gauge("danshu_build_info", "Always 1; the version is the label.", ("service", "version"))
