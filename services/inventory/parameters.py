"""By what a SKU is replenished: the decision table `replenishment/default`, and exceptions kept with the SKU.

Guarantees: a table that names a forecaster there is none of, or a number that makes no sense, stops the start; what the
table cannot judge is not forecast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from chassis import plugins
from chassis.errors import StartRefused
from chassis.rules import Decision, Table, needed_table
from chassis.rules.values import Kind, Value
from services.inventory.domain.forecasting import DemandClass, Forecaster
from services.inventory.domain.replenishment import Terms

TABLE = "replenishment/default"
FACTS: Mapping[str, Kind] = {"warehouse": "text", "supplier": "text", "demand_class": "text"}
OUTPUTS: Mapping[str, Kind] = {
    "forecaster": "text",
    "lead_time_days": "int",
    "lead_time_sd_days": "int",
    "review_days": "int",
    "service_level_permille": "int",
    "over_receipt_percent": "int",
}
NOBODY: Final = "none"
"""The forecaster of what is not forecast."""
BOUNDS: Mapping[str, tuple[int, int]] = {
    "lead_time_days": (0, 365),
    "lead_time_sd_days": (0, 365),
    "review_days": (1, 90),
    "service_level_permille": (500, 999),
    "over_receipt_percent": (0, 100),
}


class Supply(Struct, frozen=True, kw_only=True):
    """What is known of buying one SKU for one warehouse; None leaves it to the table."""

    supplier: str = ""
    lead_time_days: int | None = None
    lead_time_sd_days: int | None = None
    review_days: int | None = None
    service_level_permille: int | None = None
    over_receipt_percent: int | None = None
    order_pieces_min: int = 1
    pack_pieces: int = 1


UNKNOWN = Supply()


class Parameters:
    """The table, and the forecasters it chooses from."""

    def __init__(self, table: Table, forecasters: Mapping[str, Forecaster]) -> None:
        self._table = table
        self.forecasters = forecasters

    def forecaster(
        self, demand_class: DemandClass, warehouse: str = "", supplier: str = ""
    ) -> Forecaster | None:
        """Who forecasts such demand; None where nobody does."""
        decision = self._decide(warehouse, supplier, demand_class)
        return self.forecasters.get(decision.text("forecaster"))

    def terms(self, warehouse: str, demand_class: DemandClass, supply: Supply = UNKNOWN) -> Terms:
        """On what terms a SKU is bought: its own, else the table's."""
        decision = self._decide(warehouse, supply.supplier, demand_class)
        own = {name: getattr(supply, name) for name in BOUNDS}
        return Terms(
            supplier=supply.supplier,
            order_pieces_min=supply.order_pieces_min,
            pack_pieces=supply.pack_pieces,
            rule=decision.rule,
            **{
                name: decision.integer(name) if value is None else value
                for name, value in own.items()
            },
        )

    def _decide(self, warehouse: str, supplier: str, demand_class: str) -> Decision:
        return self._table.decide(
            {"warehouse": warehouse, "supplier": supplier, "demand_class": demand_class}
        )


def read_parameters(rules_dir: Path) -> Parameters:
    """The table of a folder of rules, with every forecaster there is. Raises StartRefused."""
    forecasters = plugins.load("services.inventory.forecasting", "FORECASTER", Forecaster)
    table = needed_table(rules_dir, TABLE, facts=FACTS, outputs=OUTPUTS)
    spoken = {row.row_id: row.then for row in table.rows}
    if table.default is not None:
        spoken["default"] = table.default.then
    wrong = [
        f"{table.source}: row {row_id}: {why}"
        for row_id, then in {**spoken, "on_error": table.on_error}.items()
        for why in _faults(then, forecasters)
    ]
    if wrong:
        raise StartRefused("\n".join(wrong))
    return Parameters(table, forecasters)


def _faults(then: Mapping[str, Value], forecasters: Mapping[str, Forecaster]) -> Iterator[str]:
    named = then["forecaster"]
    if named != NOBODY and named not in forecasters:
        known = ", ".join([*forecasters, NOBODY])
        yield f"forecaster {named!r} is none of {known}"
    for name, (least, most) in BOUNDS.items():
        value = then[name]
        if not isinstance(value, int) or not least <= value <= most:
            yield f"{name} {value!r} is not from {least} to {most}"
