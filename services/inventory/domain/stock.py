"""What decisions may ask of the stock of a batch."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from services.inventory.domain.model import Goods, Held, Hold, Off, Short

PIECES_MAX = 1_000_000_000
"""Of one SKU in one document: more is a slip of the finger, and keeps sums far from 64 bits."""


class Stock(Protocol):
    """The facts of a batch, as decisions ask them."""

    hold_for: timedelta

    def offer(self, order_id: str, hold: Hold, goods: Goods) -> Held | Short:
        """Who could send these goods now."""
        ...

    def spare(self, warehouse: str, sku: str) -> int:
        """Pieces that lie there and are promised to nobody."""
        ...

    def off(self, warehouse: str, sku: str) -> Off:
        """By how much the books of this row differ."""
        ...
