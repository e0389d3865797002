"""What inventory lets each channel offer of each SKU, kept for whoever tells the shops.

The topic is compacted and its records have no version, so the fold keeps no guard here: of two numbers the later one
holds, and a repeat changes nothing.
"""

from __future__ import annotations

from typing import Any

from chassis import topics
from chassis.processor import Decision, Handlers, Moment, Processor
from schemas.events.channel_availability import ChannelAvailabilityChanged


def changed(
    known: ChannelAvailabilityChanged | None,
    event: ChannelAvailabilityChanged,
    _facts: Any,
    _moment: Moment,
) -> Decision[ChannelAvailabilityChanged]:
    """The later number."""
    if known is not None and known.occurred_at > event.occurred_at:
        return Decision(state=known)
    return Decision(state=event)


HANDLERS: Handlers = {ChannelAvailabilityChanged: changed}

AVAILABILITY: Processor[ChannelAvailabilityChanged] = Processor(
    name="ingest-availability",
    table="ingest.availability",
    state=ChannelAvailabilityChanged,
    handlers=HANDLERS,
    sources=topics.consumed_by("ingest-availability"),
    gather_ms=200,
)
