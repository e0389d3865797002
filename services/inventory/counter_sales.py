"""Orders whose goods the buyer took along from a store: off the books as soon as they are held. Pure.

Guarantees: they leave once. Where a till handed them over under a reservation that the order names, they have left
already, and nothing is asked for; where the books do not have them the order is short, and they leave when some come in.
"""

from __future__ import annotations

from msgspec.structs import replace

from chassis.processor import Moment
from schemas.events.stock import DeductedLine, StockDeducted
from services.inventory.domain.batches import added
from services.inventory.domain.model import Deduct, Hold, merged
from services.inventory.domain.parts import parts_of, with_part
from services.inventory.domain.stock import Outcome, Stock


def left_at_once(outcome: Outcome, order_id: str, stock: Stock, moment: Moment) -> Outcome:
    """The decision by which such an order is held, with its goods gone."""
    hold = outcome.state
    if not isinstance(hold, Hold) or hold.state != "held":
        return outcome
    events, effects = [*outcome.events], [*outcome.effects]
    for part in parts_of(hold):
        portions = stock.first_expired(part.warehouse, part.held)
        deducted = StockDeducted(
            order_id=order_id,
            version=0,
            occurred_at=moment.now,
            warehouse=part.warehouse,
            lines=tuple(DeductedLine(sku=sku, quantity=pieces) for sku, pieces in part.held),
        )
        events.append(deducted)
        effects.append(
            Deduct(
                part.warehouse,
                part.held,
                order_id,
                order_id,
                moment.actor,
                portions,
                channel=hold.channel,
                campaigns=hold.campaigns,
            )
        )
        gone = replace(
            part,
            held=(),
            shipped=merged([*part.shipped, *part.held]),
            batches=added(part.batches, portions) if portions else part.batches,
        )
        hold = with_part(hold, gone)
    hold = replace(hold, state="shipped", expires_at=None)
    return replace(outcome, state=hold, events=tuple(events), effects=tuple(effects))


def left_before(hold: Hold, reservation: Hold) -> Hold:
    """Such an order, with what was handed over under its reservation."""
    return replace(
        hold,
        state="shipped",
        warehouse=reservation.warehouse,
        rule=reservation.rule,
        shipped=reservation.shipped,
        batches=reservation.batches,
    )
