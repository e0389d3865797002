"""The console's third processor: the level of each SKU in each warehouse, as inventory said last.

The topic is compacted: of two states the one with the higher version holds. A row a SKU (`console.stock_skus`) is
counted anew with its levels, in the same transaction, so that a list of a hundred thousand SKUs is one index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from chassis import topics
from chassis.processor import (
    Column,
    Decision,
    FactsSource,
    Handlers,
    Kept,
    Moment,
    NoFacts,
    Processor,
    Record,
)
from schemas.events.stock_levels import StockLevelChanged

COUNT_LEVELS = """
INSERT INTO console.stock_skus (sku, warehouses, empty_in, on_hand, reserved, withheld, changed_at)
SELECT sku, count(*), count(*) FILTER (WHERE on_hand <= reserved + withheld), sum(on_hand), sum(reserved),
  sum(withheld), max(changed_at)
FROM console.stock_levels WHERE sku = ANY($1::text[]) GROUP BY sku ORDER BY sku
ON CONFLICT (sku) DO UPDATE SET warehouses = excluded.warehouses, empty_in = excluded.empty_in,
  on_hand = excluded.on_hand, reserved = excluded.reserved, withheld = excluded.withheld,
  changed_at = excluded.changed_at
"""


class Recount(FactsSource[NoFacts]):
    """Facts of a processor whose rows add up by SKU: counts those of its batch anew. Rows are locked by SKU."""

    def __init__(self, query: str, sku_of: Callable[[Any], str]) -> None:
        self._query = query
        self._sku_of = sku_of

    async def fetch(
        self, work: Any, _records: Sequence[Record], _kept: Mapping[str, Kept[Any]]
    ) -> NoFacts:
        """Nothing is asked."""
        del work
        return NoFacts()

    async def save(self, work: Any, _facts: NoFacts, kept: Mapping[str, Kept[Any]]) -> None:
        """Counts, after the rows themselves were written."""
        if skus := sorted({self._sku_of(one.state) for one in kept.values()} - {""}):
            await work.connection.execute(self._query, skus)


def changed(
    _known: StockLevelChanged | None, event: StockLevelChanged, _facts: Any, _moment: Moment
) -> Decision[StockLevelChanged]:
    """The newest level; older ones do not come here."""
    return Decision(state=event)


HANDLERS: Handlers = {StockLevelChanged: changed}

LEVELS: Processor[StockLevelChanged] = Processor(
    name="console-stock",
    table="console.stock_levels",
    state=StockLevelChanged,
    handlers=HANDLERS,
    columns=(
        Column("warehouse", "text", attrgetter("warehouse")),
        Column("sku", "text", attrgetter("sku")),
        Column("on_hand", "bigint", attrgetter("on_hand")),
        Column("reserved", "bigint", attrgetter("reserved")),
        Column("withheld", "bigint", lambda level: level.withheld or 0),
        Column("changed_at", "timestamptz", attrgetter("occurred_at")),
    ),
    facts=Recount(COUNT_LEVELS, attrgetter("sku")),
    sources=topics.consumed_by("console-stock"),
    gather_ms=500,
    compacted=True,
    durable=False,
)
