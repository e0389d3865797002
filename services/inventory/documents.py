"""What inventory decides about documents that people make out. Pure, like `handlers`.

A document is an aggregate under its number: the same number again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Decide, Decision, Moment
from schemas.events.commands_inventory import ReceiveTransfer, RepairStock, TransferStock
from services.inventory.corrections import CORRECTIONS
from services.inventory.domain.model import (
    Aggregate,
    Mend,
    Receive,
    Repair,
    Transfer,
    TransferArrival,
    taken_from,
    wanted,
)
from services.inventory.domain.stock import (
    Outcome,
    Stock,
    a_reservations,
    again,
    arrival_document,
    refused,
    unwritable,
)
from services.inventory.purchases import PURCHASES


def transferred(
    state: Aggregate | None, command: TransferStock, stock: Stock, moment: Moment
) -> Outcome:
    """Takes goods off one warehouse's book; they are in transit until they arrive or come back."""
    goods = wanted(command.lines)
    if state is not None:
        same = isinstance(state, Transfer) and (
            (state.warehouse, state.to_warehouse, state.goods, state.sent_by, state.reason)
            == (command.warehouse, command.to_warehouse, goods, moment.actor, command.reason)
        )
        return again(state, getattr(state, "state", ""), same=same)
    if a_reservations(command.document_no):
        return refused(state, "reserved_document_no")
    if unwritable(command.warehouse, command.to_warehouse, command.reason):
        return refused(state, "unusable_code")
    if command.warehouse == command.to_warehouse:
        return refused(state, "same_warehouse")
    if not goods:
        return refused(state, "no_pieces")
    for sku, quantity in goods:
        if quantity > stock.spare(command.warehouse, sku):
            return refused(state, "below_reserved", sku)
    transfer = Transfer(
        warehouse=command.warehouse,
        to_warehouse=command.to_warehouse,
        goods=goods,
        in_transit=goods,
        sent_by=moment.actor,
        reason=command.reason,
    )
    effect = Receive(
        command.warehouse,
        tuple((sku, -quantity) for sku, quantity in goods),
        "transfer_out",
        command.document_no,
        actor=moment.actor,
        reason=command.reason,
    )
    return Decision(state=transfer, effects=(effect,), result_id=transfer.state)


def arrived(
    state: Aggregate | None, command: ReceiveTransfer, _stock: Stock, moment: Moment
) -> Outcome:
    """Books goods in transit in: where they were sent, or where they came from."""
    if not isinstance(state, Transfer):
        return refused(state, "unknown_document")
    goods = wanted(command.lines)
    for one in state.arrivals:
        if one.arrival_no == command.arrival_no:
            same = (one.warehouse, one.goods) == (command.warehouse, goods)
            return again(state, state.state, same=same)
    if command.warehouse not in {state.warehouse, state.to_warehouse}:
        return refused(state, "other_warehouse")
    if not goods or unwritable(command.arrival_no):
        return refused(state, "no_pieces")
    left = taken_from(state.in_transit, goods)
    if left is None:
        there = dict(state.in_transit)
        over = next(sku for sku, quantity in goods if quantity > there.get(sku, 0))
        return refused(state, "more_than_in_transit", over)
    transfer = replace(
        state,
        state="in_transit" if left else "received",
        in_transit=left,
        arrivals=(
            *state.arrivals,
            TransferArrival(
                arrival_no=command.arrival_no, warehouse=command.warehouse, goods=goods
            ),
        ),
    )
    effect = Receive(
        command.warehouse,
        goods,
        "transfer_in",
        arrival_document(command.document_no, command.arrival_no),
        actor=moment.actor,
        reason=state.reason,
    )
    return Decision(state=transfer, effects=(effect,), result_id=transfer.state)


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
    if not (off.entry or off.reserved or off.broken_entry):
        return refused(state, "nothing_to_repair")
    if off.reserved > stock.spare(command.warehouse, command.sku):
        return refused(state, "oversold", command.sku)
    repair = Repair(
        warehouse=command.warehouse,
        sku=command.sku,
        entry=off.entry,
        reserved=off.reserved,
        broken_entry=off.broken_entry,
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
    )
    return Decision(state=repair, effects=(effect,), result_id="booked")


DOCUMENTS: Mapping[type[Struct], Decide] = {
    TransferStock: transferred,
    ReceiveTransfer: arrived,
    RepairStock: repaired,
    **CORRECTIONS,
    **PURCHASES,
}
