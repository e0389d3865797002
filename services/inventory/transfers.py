"""What inventory decides about goods on their way from one warehouse to another. Pure, like `handlers`.

Goods leave one book at once and are in no warehouse until they arrive, in parts if need be, or come back. Batches
travel with their dates; those that are not named leave by expiry.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Decide, Decision, Moment
from schemas.events.commands_inventory import ReceiveTransfer, TransferStock
from services.inventory.batches import standings_of
from services.inventory.domain.batches import (
    Portion,
    Unfit,
    added,
    by_batch,
    negative,
    taken_back,
)
from services.inventory.domain.model import (
    Aggregate,
    Goods,
    Receive,
    Transfer,
    TransferArrival,
    merged,
    taken_from,
    unnumbered,
)
from services.inventory.domain.stock import (
    Outcome,
    Stock,
    a_reservations,
    again,
    arrival_document,
    nowhere,
    refused,
    unwritable,
)
from services.inventory.domain.wanted import wanted


def transferred(
    state: Aggregate | None, command: TransferStock, stock: Stock, moment: Moment
) -> Outcome:
    """Takes goods off one warehouse's book; they are in transit until they arrive or come back."""
    goods = wanted(command.lines)
    lots = by_batch(command.lines)
    if isinstance(lots, Unfit):
        return refused(state, lots.why, lots.sku)
    plain, asked = lots
    if state is not None:
        same = isinstance(state, Transfer) and (
            (state.warehouse, state.to_warehouse, state.goods, state.asked)
            == (command.warehouse, command.to_warehouse, goods, asked)
            and (state.sent_by, state.reason) == (moment.actor, command.reason)
        )
        return again(state, getattr(state, "state", ""), same=same)
    if a_reservations(command.document_no):
        return refused(state, "reserved_document_no")
    batches = [one.batch for one in asked]
    places = (command.warehouse, command.to_warehouse)
    if nowhere(*places) or unwritable(*places, command.reason, *batches):
        return refused(state, "unusable_code")
    if command.warehouse == command.to_warehouse:
        return refused(state, "same_warehouse")
    if not goods:
        return refused(state, "no_pieces")
    for sku, quantity in merged(plain):
        if quantity > stock.spare(command.warehouse, sku):
            return refused(state, "below_reserved", sku)
    sent = added(asked, stock.first_expired(command.warehouse, merged(plain)))
    loose = tuple((sku, -quantity) for sku, quantity in unnumbered(goods, sent))
    if (unfit := stock.objection(command.warehouse, loose, negative(sent))) is not None:
        return refused(state, unfit.why, unfit.sku)
    portions = tuple(_dated(stock, command.warehouse, one) for one in sent)
    transfer = Transfer(
        warehouse=command.warehouse,
        to_warehouse=command.to_warehouse,
        goods=goods,
        in_transit=goods,
        portions=portions,
        asked=asked,
        portions_in_transit=portions,
        sent_by=moment.actor,
        reason=command.reason,
    )
    effect = Receive(
        command.warehouse,
        loose,
        "transfer_out",
        command.document_no,
        actor=moment.actor,
        reason=command.reason,
        portions=negative(sent),
    )
    return Decision(state=transfer, effects=(effect,), result_id=transfer.state)


def arrived(
    state: Aggregate | None, command: ReceiveTransfer, stock: Stock, moment: Moment
) -> Outcome:
    """Books goods in transit in: where they were sent, or where they came from."""
    if not isinstance(state, Transfer):
        return refused(state, "unknown_document")
    goods = wanted(command.lines)
    lots = by_batch(command.lines)
    if isinstance(lots, Unfit):
        return refused(state, lots.why, lots.sku)
    for one in state.arrivals:
        if one.arrival_no == command.arrival_no:
            same = (one.warehouse, one.goods, one.asked) == (command.warehouse, goods, lots[1])
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
    unloaded = _unloaded(state.portions_in_transit, *lots)
    if isinstance(unloaded, Unfit):
        return refused(state, unloaded.why, unloaded.sku)
    here, still = unloaded
    document_no = arrival_document(command.document_no, command.arrival_no)
    transfer = replace(
        state,
        state="in_transit" if left else "received",
        in_transit=left,
        portions_in_transit=still,
        arrivals=(
            *state.arrivals,
            TransferArrival(
                arrival_no=command.arrival_no,
                warehouse=command.warehouse,
                goods=goods,
                portions=here,
                asked=lots[1],
            ),
        ),
    )
    effect = Receive(
        command.warehouse,
        unnumbered(goods, here),
        "transfer_in",
        document_no,
        actor=moment.actor,
        reason=state.reason,
        portions=here,
    )
    stands = standings_of(stock, command.warehouse, here, document_no, moment)
    return Decision(state=transfer, effects=(effect, *stands), result_id=transfer.state)


def _dated(stock: Stock, warehouse: str, portion: Portion) -> Portion:
    batch = stock.shelf(warehouse, portion.sku)[portion.batch]
    return replace(portion, produced_on=batch.produced_on, expires_on=batch.expires_on)


def _unloaded(
    in_transit: tuple[Portion, ...], plain: Goods, named: tuple[Portion, ...]
) -> tuple[tuple[Portion, ...], tuple[Portion, ...]] | Unfit:
    """(what arrives, what is still in transit): the named batches, and of the rest those sent first."""
    here: list[Portion] = []
    still = in_transit
    for one in named:
        this = tuple(p for p in still if (p.sku, p.batch) == (one.sku, one.batch))
        others = tuple(p for p in still if p not in this)
        if not this or this[0].quantity < one.quantity:
            return Unfit("more_than_in_transit", one.sku)
        back, out = taken_back(this, ((one.sku, one.quantity),))
        here += back
        still = (*out, *others)
    back, still = taken_back(still, merged(plain))
    pieces = added(here, back)
    dates = {(p.sku, p.batch): p for p in in_transit}
    return (
        tuple(replace(dates[one.sku, one.batch], quantity=one.quantity) for one in pieces),
        still,
    )


TRANSFERS: Mapping[type[Struct], Decide] = {
    TransferStock: transferred,
    ReceiveTransfer: arrived,
}
