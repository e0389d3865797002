"""What Valkey's record of an order or a reservation must be when Postgres has decided. Pure."""

from __future__ import annotations

from services.inventory.domain.counters import Target
from services.inventory.domain.model import Goods, Hold, taken_from
from services.inventory.domain.parts import by_place, set_aside


def hold_target(order_id: str, state: object, at_least: int, noted: float = 0) -> Target:
    """What Valkey's record of an order must be.

    `at_least` is the newest generation that was asked for: where no hold came of it, as for an order that
    was cancelled before it was placed, that attempt has to go too.
    """
    if type(state) is not Hold:
        return Target(order_id, at_least, "freed", "", (), noted)
    generation = state.generation
    if state.state == "held":
        if not state.parts and not state.shipped:
            return Target(order_id, generation, "held", state.warehouse, state.held, noted)
        warehouse, held = hold_record(state)
        return Target(order_id, generation, "held", warehouse, held, noted, _gone(state))
    if state.state == "shipped":
        if state.parts:
            goods = by_place((part.warehouse, part.goods) for part in state.parts)
            return Target(order_id, generation, "spent", "", goods, noted)
        return Target(order_id, generation, "spent", state.warehouse, set_aside(state), noted)
    return Target(order_id, max(at_least, generation), "freed", "", (), noted)


def hold_record(hold: Hold) -> tuple[str, Goods]:
    """A live hold as Valkey's records have it: (warehouse, goods), or ("", goods by row) of several."""
    if hold.parts:
        return "", by_place((part.warehouse, part.held) for part in hold.parts)
    return hold.warehouse, hold.held


def _gone(hold: Hold) -> Goods:
    """What left of a live hold, whether or not it came back since."""
    if hold.parts:
        gone = [(part.warehouse, taken_from(part.goods, part.held) or ()) for part in hold.parts]
        return by_place(gone)
    return taken_from(set_aside(hold), hold.held) or ()
