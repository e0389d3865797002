"""Which warehouses may send an order, in which order they are tried: the decision table `sourcing/default`.

Guarantees: the same order always gets the same candidates from the same table; the rule that spoke is named
`table@version#row`. An order is never split where the table does not say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from chassis.errors import StartRefused
from chassis.extension_facts import EXTENSION_FACTS, Told, told_to
from chassis.regions import province_short
from chassis.rules import Table, needed_table
from chassis.rules.values import Kind
from schemas.events.orders import ChannelExtension

TABLE = "sourcing/default"
FACTS: Mapping[str, Kind] = {
    "channel": "text",
    "province": "text",
    "total_quantity": "int",
    **EXTENSION_FACTS,
}
PARCELS = "parcels_max"
"""Output the table may leave out: the most warehouses that may send an order which none of them has whole."""
PARCELS_MAX = 8
"""More parcels than this are a slip of the pen: each costs a carriage, and the search for them time."""
CHOICES_MAX = 8_192
"""Remembered choices; emptied when full."""


class Choice(Struct, frozen=True):
    """Warehouses by preference, and why."""

    warehouses: tuple[str, ...]
    rule: str
    parcels_max: int = 1
    """How many of them may send it together, where none has it all."""


class Sourcing:
    """The table with a memory: a shop's orders ask the same few questions all day."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.splits = any(parcels > 1 for _, parcels in _parcels(table))
        """Whether the table lets several warehouses send an order anywhere."""
        self.asked = table.optional
        """What the table asks of channels' extensions."""
        self._choices: dict[tuple[str, str, int, Told], Choice] = {}

    def told(self, channel: str, extension: ChannelExtension | None) -> Told:
        """What an order's extension says of that."""
        return told_to(self.asked, channel, extension)

    def choice(self, channel: str, province: str, total_quantity: int, told: Told = ()) -> Choice:
        """Candidates for an order of so many pieces to this province, as its channel writes it."""
        asked = (channel, province, total_quantity, told)
        choice = self._choices.get(asked)
        if choice is None:
            if len(self._choices) >= CHOICES_MAX:
                self._choices.clear()
            choice = self._choices[asked] = self._decide(asked)
        return choice

    def _decide(self, asked: tuple[str, str, int, Told]) -> Choice:
        channel, province, total_quantity, told = asked
        decision = self._table.decide(
            {
                "channel": channel,
                "province": province_short(province),
                "total_quantity": total_quantity,
                **dict(told),
            }
        )
        parcels_max = decision.integer(PARCELS) if PARCELS in decision.outputs else 1
        return Choice(decision.texts("warehouses"), decision.rule, parcels_max)


def read_sourcing(rules_dir: Path) -> Sourcing:
    """The sourcing table of a folder of rules. Raises StartRefused."""
    outputs: dict[str, Kind] = {"warehouses": "text list"}
    table = needed_table(rules_dir, TABLE, facts=FACTS, outputs=outputs)
    if PARCELS in table.outputs:
        table = needed_table(rules_dir, TABLE, facts=FACTS, outputs={**outputs, PARCELS: "int"})
    for row, parcels in _parcels(table):
        if not 1 <= parcels <= PARCELS_MAX:
            raise StartRefused(
                f"the decision table {TABLE} is not usable: row {row}: {PARCELS} is {parcels}, not 1 to {PARCELS_MAX}"
            )
    return Sourcing(table)


def _parcels(table: Table) -> list[tuple[str, int]]:
    """How many parcels each row allows, where it says so."""
    rows = [(row.row_id, row.then) for row in (*table.rows, table.default) if row is not None]
    said = [(row, then.get(PARCELS)) for row, then in (*rows, ("on_error", table.on_error))]
    return [(row, parcels) for row, parcels in said if isinstance(parcels, int)]
