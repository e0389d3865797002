"""最近进出: what came and went of a SKU, by which document and by whom. holds.py keeps it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from chassis.postgres import Pool
from services.console import stock_words, words
from services.console.sections import Section
from services.console.views import Shown

MOVEMENTS_SHOWN_MAX = 30
MOVED = """
SELECT at, warehouse, quantity, kind, document_no, order_id, actor, reason, balance_after
FROM console.stock_movements WHERE sku = $1 ORDER BY at DESC LIMIT $2
"""


class MovementItem(Shown):
    """One movement. Times are UTC."""

    at: datetime
    warehouse: str
    warehouse_title: str
    quantity: int = Field(description="件数，正为进、负为出")
    kind: str
    kind_title: str
    document_no: str
    order_id: str = Field(description="订单号；与订单无关为空")
    actor: str
    reason: str
    balance_after: int | None = Field(description="之后的实物件数；消息没有说为空")


class Movements(Shown):
    """The newest first."""

    items: tuple[MovementItem, ...]


async def read(pool: Pool, sku: str, _now: datetime) -> Movements | None:
    """The newest movements of the last month."""
    rows = await pool.fetch(MOVED, sku, MOVEMENTS_SHOWN_MAX)
    return Movements(items=tuple(_item(row) for row in rows)) if rows else None


def _item(row: Any) -> MovementItem:
    told = dict(row)
    return MovementItem(
        **told | {"actor": words.say(row["actor"])},
        warehouse_title=words.warehouse(row["warehouse"]),
        kind_title=stock_words.MOVEMENTS.get(row["kind"]) or words.say(row["kind"]),
    )


SECTION = Section(name="movements", title="最近进出", place=20, kind=Movements, read=read)
