"""What inventory decides about documents that people make out. Pure, like `handlers`.

A document is an aggregate under its number: the same number again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from chassis.processor import Decide, Decision, Moment
from schemas.events.commands_inventory import RepairStock
from services.inventory.domain.model import Aggregate, Mend, Repair
from services.inventory.domain.stock import Stock

Outcome: TypeAlias = Decision[Aggregate]


def repaired(
    state: Aggregate | None, command: RepairStock, stock: Stock, moment: Moment
) -> Outcome:
    """Makes the books of a row agree by one entry. Nothing that was booked is changed, no goods move."""
    if state is not None:
        return Decision(state=state, refusal="already_booked")
    if not command.reason.strip():
        return Decision(state=None, refusal="no_reason")
    if "\0" in command.warehouse + command.sku + command.reason:
        return Decision(state=None, refusal="unusable_code")
    off = stock.off(command.warehouse, command.sku)
    if not (off.entry or off.reserved or off.broken_entry):
        return Decision(state=None, refusal="nothing_to_repair")
    if off.reserved > stock.spare(command.warehouse, command.sku):
        return Decision(state=None, refusal="oversold", result_id=command.sku)
    repair = Repair(
        warehouse=command.warehouse,
        sku=command.sku,
        entry=off.entry,
        reserved=off.reserved,
        broken_entry=off.broken_entry,
    )
    effect = Mend(
        command.warehouse,
        command.sku,
        off.entry,
        off.reserved,
        command.document_no,
        moment.actor,
        command.reason,
    )
    return Decision(state=repair, effects=(effect,), result_id=command.document_no)


DOCUMENTS: Mapping[type[Struct], Decide] = {
    RepairStock: repaired,
}
