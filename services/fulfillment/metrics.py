"""Metrics of fulfillment; calls and doors count in the chassis' list (FOREIGN_CALLS, DOOR_REQUESTS)."""

from __future__ import annotations

from prometheus_client import Gauge

OPEN_PARCELS = Gauge(
    "danshu_fulfillment_open_parcels",
    "Parcels that have not left, by stage. Worry when waybill_refused is not 0.",
    ("stage",),
)
OVERDUE_PARCELS = Gauge(
    "danshu_fulfillment_overdue_parcels",
    "Parcels that have not left and whose ship-by is over, by stage. Worry when not 0.",
    ("stage",),
)
OLDEST_DUE_SECONDS = Gauge(
    "danshu_fulfillment_oldest_due_seconds",
    "Age of the oldest waybill to ask for or to give back. Worry over 60 s: the provider is away or "
    "keeps leaving a parcel out.",
)
