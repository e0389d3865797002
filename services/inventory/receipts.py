"""What inventory decides about goods that come in. Pure, like `handlers`."""

from __future__ import annotations

from chassis.processor import Decision, Moment
from schemas.events.commands_inventory import ReceiveStock
from services.inventory.batches import standings_of
from services.inventory.domain.batches import Portion, Unfit, business_day, by_batch
from services.inventory.domain.model import Aggregate, Receipt, Receive, merged
from services.inventory.domain.stock import (
    PIECES_MAX,
    Outcome,
    Stock,
    a_reservations,
    nowhere,
    refused,
    unwritable,
)


def received(
    state: Aggregate | None, command: ReceiveStock, stock: Stock, moment: Moment
) -> Outcome:
    """Books a receipt or an adjustment, once per document. What is too old to be sold comes in and is not for sale."""
    if state is not None:
        return refused(state, "already_booked")
    pieces = [(line.sku, line.quantity) for line in command.lines]
    if problem := _problem(command, pieces):
        return refused(state, problem)
    lots = by_batch(command.lines, lambda sku: bool(stock.shelf(command.warehouse, sku)))
    if isinstance(lots, Unfit):
        return refused(state, lots.why, lots.sku)
    comes_in = command.cause == "receipt"
    plain, portions = merged(lots[0]), lots[1]
    if comes_in and (taken := [one for one in portions if one.quantity < 0]):
        return refused(state, "negative_quantity", taken[0].sku)
    unfit = _too_old(command.warehouse, portions, stock, moment) if comes_in else None
    unfit = unfit or stock.objection(command.warehouse, plain, portions, new=comes_in)
    if unfit is not None:
        return refused(state, unfit.why, unfit.sku)
    moves = (*plain, *((portion.sku, portion.quantity) for portion in portions))
    if not comes_in and stock.needs_second_person(command.warehouse, moves):
        return refused(state, "needs_approval")
    receipt = Receipt(
        warehouse=command.warehouse, cause=command.cause, goods=merged(pieces), portions=portions
    )
    effect = Receive(
        command.warehouse,
        plain,
        command.cause,
        command.document_no,
        actor=moment.actor,
        portions=portions,
    )
    stands = standings_of(stock, command.warehouse, portions, command.document_no, moment)
    return Decision(state=receipt, effects=(effect, *stands), result_id=command.document_no)


def _problem(command: ReceiveStock, pieces: list[tuple[str, int]]) -> str:
    """What is wrong with a paper whatever lies there."""
    if a_reservations(command.document_no):
        return "reserved_document_no"
    named = any(line.batch for line in command.lines)
    goods = merged(pieces)
    if not command.warehouse or not (named or goods):
        return "empty"
    if command.cause not in {"receipt", "adjustment"}:
        return "unknown_cause"
    if command.cause == "receipt" and any(quantity < 0 for _, quantity in goods):
        return "negative_quantity"
    if any(abs(quantity) > PIECES_MAX for _, quantity in (*goods, *pieces)):
        return "too_many"
    codes = (text for line in command.lines for text in (line.sku, line.batch or ""))
    unusable = nowhere(command.warehouse) or unwritable(command.warehouse, *codes)
    return "unusable_code" if unusable else ""


def _too_old(
    warehouse: str, portions: tuple[Portion, ...], stock: Stock, moment: Moment
) -> Unfit | None:
    today = business_day(moment.now)
    for portion in portions:
        known = stock.shelf(warehouse, portion.sku).get(portion.batch)
        produced_on, expires_on = (
            (portion.produced_on, portion.expires_on)
            if known is None
            else (known.produced_on, known.expires_on)
        )
        if produced_on is not None and produced_on > today:
            return Unfit("produced_in_future", portion.sku)
        if expires_on is not None and expires_on < today:
            return Unfit("already_expired", portion.sku)
    return None
