"""What the lines of anything ask for together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from services.inventory.domain.model import Goods


class Counted(Protocol):
    """A line of anything: so many pieces of a SKU."""

    @property
    def sku(self) -> str:
        """Own SKU code."""
        ...

    @property
    def quantity(self) -> int:
        """Pieces."""
        ...


def wanted(lines: Iterable[Counted]) -> Goods | None:
    """What an order asks for in all; None where a line makes no sense.

    A line asks for at least one piece of a SKU that can be written down (Postgres keeps no NUL).
    """
    pieces: dict[str, int] = {}
    for line in lines:
        sku, quantity = line.sku, line.quantity
        if quantity <= 0 or not sku or "\0" in sku:
            return None
        pieces[sku] = pieces.get(sku, 0) + quantity
    return tuple(sorted(pieces.items()))
