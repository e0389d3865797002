"""How long an unpaid order keeps its goods: the decision table `hold/default`, against those who hoard.

Guarantees: the same order on the same shelf always gets the same time; the rule that spoke is named
`table@version#row`. Nobody keeps goods unpaid for longer than the setting `hold_s`, and what the same table allows
a payment in progress: so many minutes each time, so many times.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from chassis.rules import Table, needed_table
from chassis.rules.values import Kind
from services.inventory.domain.model import Lease

TABLE = "hold/default"
FACTS: Mapping[str, Kind] = {
    "channel": "text",
    "total_quantity": "int",
    "buyer_holds": "int",
    "left": "int",
}
LEFT_MAX = 1_000
"""More pieces than this are plenty, however many."""
REMEMBERED_MAX = 8_192
OUTPUTS: Mapping[str, Kind] = {
    "hold_minutes": "int",
    "extend_minutes": "int",
    "extend_times": "int",
}
EXTENSIONS_MAX = 20
"""Whatever the table says: each is kept with its key."""


class Leases:
    """The table with a memory: on most shelves there is plenty."""

    def __init__(self, table: Table, longest: timedelta) -> None:
        self._table = table
        self._longest = longest
        self._leases: dict[tuple[str, int, int, int], Lease] = {}

    def lease(self, channel: str, pieces: int, buyer_holds: int, left: int) -> Lease:
        """For an order of so many pieces; `left` is what remains of its scarcest SKU once they are held."""
        asked = (channel, pieces, buyer_holds, min(left, LEFT_MAX))
        lease = self._leases.get(asked)
        if lease is None:
            if len(self._leases) >= REMEMBERED_MAX:
                self._leases.clear()
            lease = self._leases[asked] = self._decide(asked)
        return lease

    def _decide(self, asked: tuple[str, int, int, int]) -> Lease:
        decision = self._table.decide(dict(zip(FACTS, asked, strict=True)))
        return Lease(
            time=self._minutes(decision.integer("hold_minutes")),
            rule=decision.rule,
            extension=self._minutes(decision.integer("extend_minutes")),
            extensions_max=min(decision.integer("extend_times"), EXTENSIONS_MAX),
        )

    def _minutes(self, minutes: int) -> timedelta:
        return min(timedelta(minutes=max(0, minutes)), self._longest)


def read_leases(rules_dir: Path, longest: timedelta) -> Leases:
    """The table of a folder of rules. Raises StartRefused."""
    table = needed_table(rules_dir, TABLE, facts=FACTS, outputs=OUTPUTS)
    return Leases(table, longest)
