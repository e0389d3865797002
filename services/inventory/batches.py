"""What inventory decides about batches of goods: sold or not, recalled, inspected. Pure, like `handlers`.

A batch stands where the table of the day puts it; a recall stands for ever. What is decided here moves no goods but
those an inspection finds bad.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Decide, Decision, Moment
from schemas.events.commands_inventory import InspectBatch, JudgeBatch, RecallBatch
from services.inventory.domain.batches import Batch, Portion, Stand, business_day, taken_back
from services.inventory.domain.model import (
    Aggregate,
    BatchPaper,
    Hold,
    Part,
    Receive,
    Returned,
    Row,
    unnumbered,
)
from services.inventory.domain.stock import (
    PIECES_MAX,
    Outcome,
    Stock,
    a_reservations,
    again,
    refused,
    unwritable,
)


def judged(state: Aggregate | None, command: JudgeBatch, stock: Stock, moment: Moment) -> Outcome:
    """Takes a batch off sale, or puts it back, when the table says so today."""
    if isinstance(state, BatchPaper):
        return again(state, state.state, same=True)
    batch = None if state is not None else _batch(command, stock)
    if batch is None:
        return refused(state, "unknown_batch", command.sku)
    row = (command.warehouse, command.sku)
    effects = standing_of(stock, row, batch, command.document_no, moment)
    if not effects:
        return refused(state, "as_it_is", command.sku)
    paper = _paper(command, moment, "judged", effects[0].why)
    return Decision(state=paper, effects=effects, result_id=effects[0].standing)


def recalled(
    state: Aggregate | None, command: RecallBatch, stock: Stock, moment: Moment
) -> Outcome:
    """Takes what remains of a batch off sale for ever, and whatever comes back of it."""
    paper = _paper(command, moment, "recalled", command.reason)
    if state is not None:
        return again(state, "recalled", same=state == paper)
    if problem := _unsound(command.document_no, command.reason):
        return refused(state, problem)
    batch = _batch(command, stock)
    if batch is None:
        return refused(state, "unknown_batch", command.sku)
    if batch.standing == "recalled":
        return refused(state, "already_recalled", command.sku)
    effect = Stand(
        command.warehouse,
        command.sku,
        batch.number,
        "recalled",
        f"{moment.actor}: {command.reason}",
        command.document_no,
        moment.actor,
        command.reason,
    )
    return Decision(state=paper, effects=(effect,), result_id="recalled")


def inspected(
    state: Aggregate | None, command: InspectBatch, stock: Stock, moment: Moment
) -> Outcome:
    """Ends the wait of returned pieces: good ones are for sale with their batch, bad ones are written off."""
    good, bad = command.good, command.bad
    paper = _paper(command, moment, "inspected", command.reason, good=good, bad=bad)
    if state is not None:
        return again(state, "inspected", same=state == paper)
    if problem := _unsound(command.document_no, command.reason):
        return refused(state, problem)
    if min(good, bad) < 0 or not good + bad or good + bad > PIECES_MAX:
        return refused(state, "no_pieces")
    batch = _batch(command, stock)
    if batch is None:
        return refused(state, "unknown_batch", command.sku)
    if good + bad > batch.held:
        return refused(state, "more_than_held", command.sku)
    spoilt = Portion(command.sku, batch.number, -bad, -bad)
    if bad and (unfit := stock.objection(command.warehouse, (), (spoilt,))) is not None:
        return refused(state, unfit.why, unfit.sku)
    kinds = {
        "write_off": spoilt if bad else None,
        "withhold": Portion(command.sku, batch.number, 0, -good) if good else None,
    }
    effects = tuple(
        Receive(
            command.warehouse,
            (),
            kind,
            command.document_no,
            actor=moment.actor,
            reason=command.reason,
            portions=(portion,),
        )
        for kind, portion in kinds.items()
        if portion is not None
    )
    return Decision(state=paper, effects=effects, result_id="inspected")


def standing_of(
    stock: Stock, row: Row, batch: Batch, document_no: str, moment: Moment
) -> tuple[Stand, ...]:
    """What puts a batch where it belongs today; nothing when it stands there."""
    standing, why = stock.standing(*row, batch, business_day(moment.now))
    if standing == batch.standing:
        return ()
    return (Stand(*row, batch.number, standing, why, document_no, moment.actor, why),)


def standings_of(
    stock: Stock, warehouse: str, portions: Iterable[Portion], document_no: str, moment: Moment
) -> tuple[Stand, ...]:
    """The same for batches of which pieces come in."""
    found: list[Stand] = []
    for portion in portions:
        batch = stock.shelf(warehouse, portion.sku).get(portion.batch) or Batch(
            number=portion.batch,
            produced_on=portion.produced_on,
            expires_on=portion.expires_on,
        )
        row = (warehouse, portion.sku)
        found += standing_of(stock, row, batch, document_no, moment)
    return tuple(found)


def put_back(  # noqa: PLR0917 — all of one return
    part: Part, order_id: str, hold: Hold, returned: Returned, stock: Stock, moment: Moment
) -> tuple[tuple[Receive, ...], tuple[Portion, ...]]:
    """(what books goods in that came back to a warehouse, what of the batches it sent is still out).

    Pieces of batches go by the table: for sale again, waiting for an inspection, or written off at once.
    """
    back, out = taken_back(part.batches, returned.goods)
    arriving, spoilt = [], []
    for portion in back:
        batch = stock.shelf(part.warehouse, portion.sku)[portion.batch]
        outcome = stock.returning(part.warehouse, batch, business_day(moment.now))
        held = portion.quantity if outcome != "restock" else 0
        arriving.append(replace(portion, held=held))
        if outcome == "write_off":
            spoilt.append(replace(portion, quantity=-portion.quantity, held=-held))
    document = (returned.document_no, order_id, moment.actor)
    loose = unnumbered(returned.goods, back)
    effects = [
        Receive(
            part.warehouse,
            loose,
            "return",
            *document,
            portions=tuple(arriving),
            channel=hold.channel,
            campaigns=hold.campaigns,
        )
    ]
    if spoilt:
        effects.append(Receive(part.warehouse, (), "write_off", *document, portions=tuple(spoilt)))
    return tuple(effects), out


def _batch(command: JudgeBatch | RecallBatch | InspectBatch, stock: Stock) -> Batch | None:
    if unwritable(command.warehouse, command.sku, command.batch):
        return None
    return stock.shelf(command.warehouse, command.sku).get(command.batch)


def _unsound(document_no: str, reason: str) -> str:
    if a_reservations(document_no):
        return "reserved_document_no"
    if not reason.strip():
        return "no_reason"
    return "unusable_code" if unwritable(reason) else ""


def _paper(
    command: JudgeBatch | RecallBatch | InspectBatch,
    moment: Moment,
    state: Literal["judged", "recalled", "inspected"],
    reason: str,
    *,
    good: int = 0,
    bad: int = 0,
) -> BatchPaper:
    return BatchPaper(
        state=state,
        warehouse=command.warehouse,
        sku=command.sku,
        batch=command.batch,
        decided_by=moment.actor,
        reason=reason,
        good=good,
        bad=bad,
    )


BATCHES: Mapping[type[Struct], Decide] = {
    JudgeBatch: judged,
    RecallBatch: recalled,
    InspectBatch: inspected,
}
