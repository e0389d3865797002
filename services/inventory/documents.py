"""What inventory decides about documents that people make out. Pure, like `handlers`.

A document is an aggregate under its number: the same number again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from chassis.processor import Decide, Decision, Moment
from schemas.events.commands_inventory import RepairStock
from services.inventory.batches import BATCHES
from services.inventory.campaigns import CAMPAIGNS
from services.inventory.corrections import CORRECTIONS
from services.inventory.domain.model import AGREEING, Aggregate, Mend
from services.inventory.domain.repairs import Repair
from services.inventory.domain.stock import (
    Outcome,
    Stock,
    a_reservations,
    again,
    refused,
    unwritable,
)
from services.inventory.purchases import PURCHASES
from services.inventory.transfers import TRANSFERS


def repaired(
    state: Aggregate | None, command: RepairStock, stock: Stock, moment: Moment
) -> Outcome:
    """Makes the books of a row agree by one entry. Nothing that was booked is changed, no goods move."""
    if state is not None:
        same = isinstance(state, Repair) and (
            (state.warehouse, state.sku, state.repaired_by, state.reason)
            == (command.warehouse, command.sku, moment.actor, command.reason)
        )
        return again(state, "booked", same=same)
    if a_reservations(command.document_no):
        return refused(state, "reserved_document_no")
    if not command.reason.strip():
        return refused(state, "no_reason")
    if unwritable(command.warehouse, command.sku, command.reason):
        return refused(state, "unusable_code")
    off = stock.off(command.warehouse, command.sku)
    if off == AGREEING:
        return refused(state, "nothing_to_repair")
    if off.reserved > stock.spare(command.warehouse, command.sku) + max(0, -off.aside):
        return refused(state, "oversold", command.sku)
    repair = Repair(
        warehouse=command.warehouse,
        sku=command.sku,
        entry=off.entry,
        reserved=off.reserved,
        broken_entry=off.broken_entry,
        promises=off.promises,
        aside=off.aside,
        repaired_by=moment.actor,
        reason=command.reason,
    )
    effect = Mend(
        command.warehouse,
        command.sku,
        off.entry,
        off.reserved,
        command.document_no,
        moment.actor,
        command.reason,
        off.batches,
        off.promises,
    )
    return Decision(state=repair, effects=(effect,), result_id="booked")


DOCUMENTS: Mapping[type[Struct], Decide] = {
    RepairStock: repaired,
    **BATCHES,
    **CAMPAIGNS,
    **CORRECTIONS,
    **PURCHASES,
    **TRANSFERS,
}
