"""What inventory counts. Labels never hold an order or a SKU."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RESERVATIONS = Counter(
    "danshu_inventory_reservations_total",
    "Orders that asked for stock by result: held or short. Worry when short grows without a sale.",
    ("result",),
)
QUOTAS_OVERRULED = Gauge(
    "danshu_inventory_quotas_overruled",
    "1 while this process tells channels no numbers, since one that began later has another table channel-quota. Worry after "
    "five minutes: give all the same table, and restart those whose table is right but older.",
)
BACKORDERS = Gauge(
    "danshu_inventory_backorders",
    "Paid orders that wait for goods. Worry when it grows: what they want is to be bought or moved.",
)
PROMISED_ORDERS = Gauge(
    "danshu_inventory_promised_orders",
    "Paid orders that were promised goods which are to come. Worry when it grows without a presale.",
)
PROMISES_LATE = Gauge(
    "danshu_inventory_promises_late",
    "Promised orders whose date has passed. Worry over 0: `danshu inventory promises --late`.",
)
ADMISSIONS = Counter(
    "danshu_inventory_admissions_total",
    "Batches by who admitted them: valkey, or postgres alone (correct, but slower under contention). "
    "Worry when postgres grows for a minute.",
    ("by",),
)
DISAGREEMENTS = Counter(
    "danshu_inventory_disagreements_total",
    "Batches in which Valkey promised more than Postgres has; Postgres decided. Worry when it grows.",
)
OVERSOLD_UNITS = Gauge(
    "danshu_inventory_oversold_units",
    "Pieces promised or sent beyond what there was, at the last check. Must be 0: page at once.",
)
MISMATCH_UNITS = Gauge(
    "danshu_inventory_mismatch_units",
    "Pieces by which two books differ at the last check: reserved (stock and holds), ledger (stock and the "
    "whole ledger), checkpoint (stock and what was booked since the last look), batches (batches, their ledger "
    "entries and their rows), quotas (what channels are counted to hold and to have sent, holds and ledger), promises "
    "(what is promised, live promises and purchase orders) or campaigns (what is set aside for them and what rows keep). "
    "Must be 0.",
    ("books",),
)
BOOKS_ADDED_UP = Gauge(
    "danshu_inventory_books_added_up_seconds",
    "Unix time at which books were last added up, by books as in danshu_inventory_mismatch_units; reserved, broken rows and "
    "oversold units are added up with checkpoint. Of several processes the newest counts. Worry when checkpoint is five minutes "
    "old, or any other an hour: what its gauges show is of then.",
    ("books",),
)
BROKEN_ROWS = Gauge(
    "danshu_inventory_ledger_broken_rows",
    "Rows of stock with a ledger entry that does not follow from the one before. Must be 0: "
    "`danshu inventory verify` names them.",
)
DIFFERENCE_RATE = Gauge(
    "danshu_inventory_difference_ratio",
    "Difference between the book and another system at the newest reconciliation, of the warehouse that is worst, by "
    "source. Worry over 0.005.",
    ("source",),
)
TASKS = Counter(
    "danshu_inventory_tasks_total",
    "Tasks that reconciliations and batches opened by kind (difference, count, limit_sales, batch). Worry when limit_sales grows.",
    ("kind",),
)
REBUILD_SECONDS = Histogram(
    "danshu_inventory_rebuild_seconds",
    "Time reservations had to do without Valkey while it was filled again. Worry over 2 s.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10),
)
EPOCH = Gauge(
    "danshu_inventory_epoch",
    "Epoch of the Valkey contents in force. Worry when it rises without a restart of Valkey.",
)
SWEPT = Counter(
    "danshu_inventory_swept_total",
    "Notes in Valkey settled by the sweeper by kind (order, document, nothing). "
    "Worry when it grows without restarts of workers.",
    ("kind",),
)
EXPIRED = Counter(
    "danshu_inventory_expiries_asked_total",
    "Commands to end an unpaid hold. Worry when it grows faster than orders.",
)
BELOW_SAFETY = Gauge(
    "danshu_inventory_below_safety_rows",
    "Rows of stock with less available than their safety stock, at the last look. Worry when it grows: "
    "`danshu inventory suggest` says what to order.",
)
SUGGESTED = Gauge(
    "danshu_inventory_suggested_rows",
    "Rows of stock that today's plan suggests to order and nobody has. Worry when it stays.",
)
BATCH_UNITS = Gauge(
    "danshu_inventory_batch_units",
    "Pieces on hand of batches with an expiry by what rules/batch-selling says today: sell, clear, hold or scrap. "
    "Worry when scrap grows.",
    ("selling",),
)
BATCH_ALARMS = Gauge(
    "danshu_inventory_batch_alarms",
    "Batches with pieces on hand that somebody must look after: near their expiry, past it, or recalled. "
    "`danshu inventory tasks` names them.",
)
PROMISED_WITHHELD = Gauge(
    "danshu_inventory_promised_withheld_units",
    "Pieces promised beyond what is for sale, since batches left sale after the promise. Worry over 0: cancel orders or "
    "find other goods.",
)
