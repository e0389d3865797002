"""Until when goods are sold and what becomes of them when they come back: the decision tables `batch-selling/default`
and `batch-return/default`.

Guarantees: what is past its last good day is never for sale, whatever the tables say; what they cannot judge is held
back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from msgspec import Struct

from chassis.rules import Table, needed_table
from chassis.rules.values import Kind
from services.inventory.domain.batches import Batch, Standing

SELLING = "batch-selling/default"
RETURN = "batch-return/default"
FACTS: Mapping[str, Kind] = {
    "warehouse": "text",
    "days_left": "int",
    "shelf_life_days": "int",
    "left_permille": "int",
    "recalled": "bool",
}
UNKNOWN = -1
"""Of the shelf life where the day of production is not known."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What the table says about a batch on a day."""

    selling: str
    """sell, clear (only by the channels of a clearance warehouse), hold or scrap."""
    alarm: bool
    """Whether somebody must look after it."""
    reason: str
    rule: str

    @property
    def standing(self) -> Standing:
        """Whether it is for sale where it lies."""
        return "for_sale" if self.selling == "sell" else "off_sale"


KEEPS = Verdict(selling="sell", alarm=False, reason="", rule="")
"""Of what does not expire."""


class ShelfLife:
    """Both tables."""

    def __init__(self, selling: Table, returning: Table) -> None:
        self._selling = selling
        self._returning = returning

    def selling(self, warehouse: str, batch: Batch, on: date) -> Verdict:
        """Whether a batch is sold on a day."""
        if batch.expires_on is None:
            return KEEPS
        decision = self._selling.decide(_facts(warehouse, batch, on))
        selling = decision.text("selling")
        if selling == "sell" and on > batch.expires_on:
            selling = "hold"
        return Verdict(
            selling=selling,
            alarm=decision.flag("alarm"),
            reason=decision.text("reason"),
            rule=decision.rule,
        )

    def returning(self, warehouse: str, batch: Batch, on: date) -> str:
        """What becomes of pieces that come back on a day: restock, hold (for an inspection) or write_off."""
        if batch.expires_on is None and batch.standing == "for_sale":
            return "restock"
        return self._returning.decide(_facts(warehouse, batch, on)).text("outcome")


def read_shelf_life(rules_dir: Path) -> ShelfLife:
    """The tables of a folder of rules. Raises StartRefused."""
    outputs: Mapping[str, Mapping[str, Kind]] = {
        SELLING: {"selling": "text", "alarm": "bool", "reason": "text"},
        RETURN: {"outcome": "text", "reason": "text"},
    }
    found = [
        needed_table(rules_dir, name, facts=FACTS, outputs=needed)
        for name, needed in outputs.items()
    ]
    return ShelfLife(*found)


def _facts(warehouse: str, batch: Batch, on: date) -> dict[str, str | int | bool]:
    expires_on, produced_on = batch.expires_on or date.max, batch.produced_on
    days_left = (expires_on - on).days
    life = (expires_on - produced_on).days if produced_on is not None else 0
    return {
        "warehouse": warehouse,
        "days_left": days_left,
        "shelf_life_days": life or UNKNOWN,
        "left_permille": max(0, days_left) * 1_000 // life if life else UNKNOWN,
        "recalled": batch.standing == "recalled",
    }
