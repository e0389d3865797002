"""Which warehouses may send an order, in which order they are tried: the decision table `sourcing/default`.

Guarantees: the same order always gets the same candidates from the same table; the rule that spoke is named
`table@version#row`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from chassis.regions import province_short
from chassis.rules import Table, needed_table
from chassis.rules.values import Kind

TABLE = "sourcing/default"
FACTS: Mapping[str, Kind] = {"channel": "text", "province": "text", "total_quantity": "int"}
CHOICES_MAX = 8_192
"""Remembered choices; emptied when full."""


class Choice(Struct, frozen=True):
    """Warehouses by preference, and why."""

    warehouses: tuple[str, ...]
    rule: str


class Sourcing:
    """The table with a memory: a shop's orders ask the same few questions all day."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._choices: dict[tuple[str, str, int], Choice] = {}

    def choice(self, channel: str, province: str, total_quantity: int) -> Choice:
        """Candidates for an order of so many pieces to this province, as its channel writes it."""
        asked = (channel, province, total_quantity)
        choice = self._choices.get(asked)
        if choice is None:
            if len(self._choices) >= CHOICES_MAX:
                self._choices.clear()
            choice = self._choices[asked] = self._decide(asked)
        return choice

    def _decide(self, asked: tuple[str, str, int]) -> Choice:
        channel, province, total_quantity = asked
        decision = self._table.decide(
            {
                "channel": channel,
                "province": province_short(province),
                "total_quantity": total_quantity,
            }
        )
        return Choice(decision.texts("warehouses"), decision.rule)


def read_sourcing(rules_dir: Path) -> Sourcing:
    """The sourcing table of a folder of rules. Raises StartRefused."""
    return Sourcing(
        needed_table(rules_dir, TABLE, facts=FACTS, outputs={"warehouses": "text list"})
    )
