"""What papers moved, told to who shows it: the ledger's entries of receipts, transfers, adjustments, counts, repairs.

Guarantees: pure; a movement is told in the very decision that books it, once, by the outbox. Parcels that leave and
returns of orders are told on `stock` already, so nothing here is in the path of an order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Decide, Moment
from schemas.events.stock_movements import MovedLine, StockMoved
from services.inventory.domain.model import REPAIR, Aggregate, Mend, Receive, merged
from services.inventory.domain.stock import Outcome, Stock


def telling(decisions: Mapping[type[Struct], Decide]) -> Mapping[type[Struct], Decide]:
    """The same decisions; each tells what it books."""
    return {command: _telling(decide) for command, decide in decisions.items()}


def _telling(decide: Decide) -> Decide:
    def decided(state: Aggregate | None, command: Any, stock: Stock, moment: Moment) -> Outcome:
        outcome: Outcome = decide(state, command, stock, moment)
        moved = tuple(_moved(outcome.effects, stock, moment))
        return replace(outcome, events=(*outcome.events, *moved)) if moved else outcome

    return decided


def _moved(effects: Iterable[object], stock: Stock, moment: Moment) -> Iterable[StockMoved]:
    for effect in effects:
        match effect:
            case Receive():
                batched = ((portion.sku, portion.quantity) for portion in effect.portions)
                lines = tuple(
                    _line(stock, effect.warehouse, sku, quantity)
                    for sku, quantity in merged((*effect.goods, *batched))
                )
                if lines:
                    yield _told(effect, effect.kind, lines, moment)
            case Mend():
                # The ledger is what is mended: what lies there is what it comes to.
                there = stock.on_hand(effect.warehouse, effect.sku)
                line = MovedLine(sku=effect.sku, quantity=effect.entry, balance_after=there)
                yield _told(effect, REPAIR, (line,), moment)


def _line(stock: Stock, warehouse: str, sku: str, quantity: int) -> MovedLine:
    balance_after = stock.on_hand(warehouse, sku) + quantity
    return MovedLine(sku=sku, quantity=quantity, balance_after=balance_after)


def _told(
    effect: Receive | Mend, kind: str, lines: tuple[MovedLine, ...], moment: Moment
) -> StockMoved:
    return StockMoved(
        document_no=moment.record.key,
        version=0,
        occurred_at=moment.now,
        entry_no=effect.document_no,
        warehouse=effect.warehouse,
        kind=kind,
        actor=effect.actor,
        reason=effect.reason,
        lines=lines,
    )
