"""补货: what to order, why, and what fell below its safety stock, as inventory suggested last.

Guarantees: of two suggestions for the same SKU and warehouse the later one holds; one of 0 pieces takes an earlier one
back. Nothing is ordered from here: a purchase order is opened by `danshu inventory purchase`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from pydantic import Field

from chassis import topics
from chassis.postgres import Pool
from chassis.processor import Column, Decision, Handlers, Kept, Moment, Processor
from schemas.events.replenishment import ReplenishmentSuggested, SafetyStockCrossed
from services.console import stock_words, words
from services.console.sections import Section
from services.console.views import Shown

LISTED_MAX = 200
OF_SKU = """
SELECT document FROM console.replenishment WHERE sku = $1 AND (quantity > 0 OR below) ORDER BY warehouse
"""
LISTED = """
SELECT document FROM console.replenishment WHERE quantity > 0 OR below
ORDER BY below DESC, quantity DESC, key LIMIT $1
"""
COUNTS = """
SELECT count(*) FILTER (WHERE quantity > 0) AS suggested, count(*) FILTER (WHERE below) AS below
FROM console.replenishment WHERE quantity > 0 OR below
"""


# ---- what is kept ----------------------------------------------------------------------------------


class Supply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was told last of a SKU in a warehouse."""

    suggested: ReplenishmentSuggested | None = None
    crossed: SafetyStockCrossed | None = None

    @property
    def quantity(self) -> int:
        """Pieces to order now."""
        return self.suggested.quantity if self.suggested else 0

    @property
    def below(self) -> bool:
        """Whether less is for sale than its safety stock."""
        return self.crossed is not None and self.crossed.below

    @property
    def row(self) -> tuple[str, str]:
        """(warehouse, SKU)."""
        told = self.suggested or self.crossed
        assert told is not None
        return told.warehouse, told.sku


def suggested(
    known: Supply | None, event: ReplenishmentSuggested, _facts: Any, _moment: Moment
) -> Decision[Supply]:
    """The newest suggestion; older ones do not come here."""
    return Decision(state=replace(known or Supply(), suggested=event))


def crossed(
    known: Supply | None, event: SafetyStockCrossed, _facts: Any, _moment: Moment
) -> Decision[Supply]:
    """It fell below its safety stock, or is back."""
    return Decision(state=replace(known or Supply(), crossed=event))


HANDLERS: Handlers = {ReplenishmentSuggested: suggested, SafetyStockCrossed: crossed}

REPLENISHMENT: Processor[Supply] = Processor(
    name="console-replenishment",
    table="console.replenishment",
    state=Supply,
    handlers=HANDLERS,
    columns=(
        Column("warehouse", "text", lambda supply: supply.row[0]),
        Column("sku", "text", lambda supply: supply.row[1]),
        Column("quantity", "bigint", lambda supply: supply.quantity),
        Column("below", "boolean", lambda supply: supply.below),
    ),
    sources=topics.consumed_by("console-replenishment"),
    gather_ms=500,
    compacted=True,
)

_decoder = msgspec.json.Decoder(Kept[Supply])


# ---- what is shown ---------------------------------------------------------------------------------


class SuggestionItem(Shown):
    """What to order of a SKU for a warehouse, in pieces. Times are UTC."""

    sku: str
    warehouse: str
    warehouse_title: str
    quantity: int = Field(description="建议采购件数；0 为不用订，只是低于安全库存")
    supplier: str = Field(description="供应商；没人说过为空")
    below_safety: bool = Field(description="可售低于安全库存")
    reorder_point: int
    order_up_to: int
    safety_stock: int
    on_order: int = Field(description="采购和调拨在途")
    lead_time_days: int
    daily_demand: str = Field(description="日均需求，件")
    demand_class: str
    demand_title: str
    why: str = Field(description="为什么现在订、订多少")
    rule: str
    suggested_at: datetime | None


class Suggestions(Shown):
    """What to order."""

    items: tuple[SuggestionItem, ...] = Field(description="低于安全库存的在前，然后件数多的在前")
    suggested: int = Field(description="要订的行数")
    below: int = Field(description="低于安全库存的行数")


class SkuSuggestions(Shown):
    """What to order of a SKU, by warehouse."""

    items: tuple[SuggestionItem, ...]


async def read(pool: Pool, sku: str, _now: datetime) -> SkuSuggestions | None:
    """What to order of it; nothing where there is enough of it."""
    items = _items(await pool.fetch(OF_SKU, sku))
    return SkuSuggestions(items=items) if items else None


async def listed(pool: Pool) -> Suggestions:
    """What to order of everything, up to LISTED_MAX rows."""
    counts = await pool.fetchrow(COUNTS)
    assert counts is not None
    items = _items(await pool.fetch(LISTED, LISTED_MAX))
    return Suggestions(items=items, suggested=counts["suggested"], below=counts["below"])


def _items(rows: Sequence[Any]) -> tuple[SuggestionItem, ...]:
    return tuple(_item(_decoder.decode(row["document"]).state) for row in rows)


def _item(supply: Supply | None) -> SuggestionItem:
    assert supply is not None
    warehouse, sku = supply.row
    told = supply.suggested
    return SuggestionItem(
        sku=sku,
        warehouse=warehouse,
        warehouse_title=words.warehouse(warehouse),
        quantity=supply.quantity,
        supplier=told.supplier if told else "",
        below_safety=supply.below,
        reorder_point=told.reorder_point if told else 0,
        order_up_to=told.order_up_to if told else 0,
        safety_stock=told.safety_stock if told else 0,
        on_order=told.on_order if told else 0,
        lead_time_days=told.lead_time_days if told else 0,
        daily_demand=_pieces(told.daily_demand_milli) if told else "",
        demand_class=told.demand_class if told else "",
        demand_title=stock_words.demand(told.demand_class) if told else "",
        why=told.explanation if told else "",
        rule=told.rule if told else "",
        suggested_at=told.occurred_at if told else None,
    )


def _pieces(milli: int) -> str:
    """Thousandths of a piece with one digit, rounded half up."""
    tenths = (milli + 50) // 100
    return f"{tenths // 10}.{tenths % 10}"


SECTION = Section(
    name="replenishment",
    title="补货建议",
    place=7,
    kind=SkuSuggestions,
    read=read,
    processors=(REPLENISHMENT,),
)
