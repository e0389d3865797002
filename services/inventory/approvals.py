"""Whose word is enough for an adjustment: the decision table `stock-adjustment/default`.

Guarantees: facts the table cannot judge need a second person.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chassis.rules import Table, needed_table
from chassis.rules.values import Kind
from services.inventory.domain.model import Goods

TABLE = "stock-adjustment/default"
FACTS: Mapping[str, Kind] = {
    "warehouse": "text",
    "found": "int",
    "lost": "int",
    "largest_line": "int",
}


class Approvals:
    """The table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def needs_second_person(self, warehouse: str, goods: Goods) -> bool:
        """Whether these signed pieces are booked only after somebody else approved."""
        decision = self._table.decide(
            {
                "warehouse": warehouse,
                "found": sum(quantity for _, quantity in goods if quantity > 0),
                "lost": -sum(quantity for _, quantity in goods if quantity < 0),
                "largest_line": max((abs(quantity) for _, quantity in goods), default=0),
            }
        )
        return decision.text("approval") != "none"


def read_approvals(rules_dir: Path) -> Approvals:
    """The table of a folder of rules. Raises StartRefused."""
    table = needed_table(rules_dir, TABLE, facts=FACTS, outputs={"approval": "text"})
    return Approvals(table)
