"""What may be sold before it has come: the decision table `presale/default`.

Guarantees: the same channel and SKU always get the same answer from the same table; the rule that spoke is named
`table@version#row`. A channel that the table does not list sells nothing ahead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from chassis.errors import StartRefused
from chassis.rules import Table, needed_table
from chassis.rules.values import Kind
from services.inventory.domain.presale import Terms

TABLE = "presale/default"
FACTS: Mapping[str, Kind] = {"channel": "text", "sku": "text"}
OUTPUTS: Mapping[str, Kind] = {"percent": "int", "handling_days": "int", "days_max": "int"}
BOUNDS = {"percent": 100, "handling_days": 365, "days_max": 1_000}
TERMS_MAX = 100_000
"""Remembered answers; emptied when full."""


class Presale:
    """The table. Without one nothing is sold ahead."""

    def __init__(self, table: Table | None = None) -> None:
        self._table = table
        self.sells = table is not None and any(then.get("percent") for _, then in _said(table))
        """Whether anything is sold ahead at all."""
        self.channels = table.facts["channel"].one_of if table is not None else ()
        """Those the table knows."""
        self._terms: dict[tuple[str, str], Terms | None] = {}
        self._concerned: dict[str, bool] = {}

    def terms(self, channel: str, sku: str) -> Terms | None:
        """On what terms the channel may sell the SKU ahead; None = it may not."""
        if not self.sells or channel not in self.channels:
            return None
        asked = (channel, sku)
        if asked not in self._terms:
            if len(self._terms) >= TERMS_MAX:
                self._terms.clear()
            self._terms[asked] = self._decided(channel, sku)
        return self._terms[asked]

    def sellers(self, sku: str) -> tuple[tuple[str, Terms], ...]:
        """The channels that may sell the SKU ahead, each with its terms."""
        asked = [(channel, self.terms(channel, sku)) for channel in self.channels]
        return tuple((channel, terms) for channel, terms in asked if terms is not None)

    def concerns(self, sku: str) -> bool:
        """Whether any channel may sell it ahead."""
        if not self.sells:
            return False
        if sku not in self._concerned:
            if len(self._concerned) >= TERMS_MAX:
                self._concerned.clear()
            self._concerned[sku] = any(self.terms(channel, sku) for channel in self.channels)
        return self._concerned[sku]

    def _decided(self, channel: str, sku: str) -> Terms | None:
        assert self._table is not None
        decision = self._table.decide({"channel": channel, "sku": sku})
        percent = decision.integer("percent")
        if not percent:
            return None
        return Terms(
            percent=percent,
            handling_days=decision.integer("handling_days"),
            days_max=decision.integer("days_max"),
            rule=decision.rule,
        )


NO_PRESALE = Presale()


def read_presale(rules_dir: Path) -> Presale:
    """The table of a folder of rules. Raises StartRefused, also for numbers that make no sense."""
    table = needed_table(rules_dir, TABLE, facts=FACTS, outputs=OUTPUTS)
    problems = [*_nonsense(table)]
    if not table.facts["channel"].one_of:
        problems.insert(0, "channel: one_of names the channels that may sell ahead")
    if problems:
        raise StartRefused(f"the decision table {TABLE} is not usable: {'; '.join(problems)}")
    return Presale(table)


def _said(table: Table) -> Iterable[tuple[str, Mapping[str, object]]]:
    yield from ((row.row_id, row.then) for row in table.rows)
    yield "on_error", table.on_error
    if table.default is not None:
        yield "default", table.default.then


def _nonsense(table: Table) -> Iterable[str]:
    for row_id, then in _said(table):
        for name, most in BOUNDS.items():
            value = then[name]
            if not isinstance(value, int) or not 0 <= value <= most:
                yield f"row {row_id}: {name} is {value}, it can be 0 to {most}"
