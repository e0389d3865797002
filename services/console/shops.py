"""The console's second processor: how each shop is doing, as ingest said last.

The topic is compacted and its records have no version, so the fold keeps no guard here: of two states of a shop the
later one holds, and a repeat changes nothing.
"""

from __future__ import annotations

from typing import Any

from chassis import topics
from chassis.processor import Decision, Handlers, Moment, Processor
from schemas.events.shop_states import ShopStateChanged


def changed(
    known: ShopStateChanged | None, event: ShopStateChanged, _facts: Any, _moment: Moment
) -> Decision[ShopStateChanged]:
    """The later state."""
    if known is not None and known.occurred_at > event.occurred_at:
        return Decision(state=known)
    return Decision(state=event)


HANDLERS: Handlers = {ShopStateChanged: changed}

SHOPS: Processor[ShopStateChanged] = Processor(
    name="console-shops",
    table="console.shops",
    state=ShopStateChanged,
    handlers=HANDLERS,
    sources=topics.consumed_by("console-shops"),
    gather_ms=200,
)
