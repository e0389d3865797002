"""What is to come, promised and set aside of a SKU, as inventory told it last on `stock-outlook`. Two sections show it.

Guarantees: the whole state, of which the newest holds. A SKU of which nothing was ever told has none.
"""

from __future__ import annotations

from typing import Any

import msgspec

from chassis import topics
from chassis.postgres import Pool
from chassis.processor import Decision, Handlers, Kept, Moment, Processor
from schemas.events.stock_outlook import StockOutlookChanged

OF_SKU = "SELECT document FROM console.stock_outlooks WHERE key = $1"

_decoder = msgspec.json.Decoder(Kept[StockOutlookChanged])


def changed(
    _known: StockOutlookChanged | None, event: StockOutlookChanged, _facts: Any, _moment: Moment
) -> Decision[StockOutlookChanged]:
    """The newest state."""
    return Decision(state=event)


HANDLERS: Handlers = {StockOutlookChanged: changed}

OUTLOOKS: Processor[StockOutlookChanged] = Processor(
    name="console-outlook",
    table="console.stock_outlooks",
    state=StockOutlookChanged,
    handlers=HANDLERS,
    sources=topics.consumed_by("console-outlook"),
    gather_ms=500,
    compacted=True,
    durable=False,
)


async def outlook_of(pool: Pool, sku: str) -> StockOutlookChanged | None:
    """What was told last of a SKU."""
    document = await pool.fetchval(OF_SKU, sku)
    return None if document is None else _decoder.decode(document).state
