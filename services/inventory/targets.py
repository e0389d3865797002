"""What Valkey's record of an order or a reservation must be when Postgres has decided. Pure."""

from __future__ import annotations

from services.inventory.domain.counters import Target
from services.inventory.domain.model import Hold


def hold_target(order_id: str, state: object, at_least: int, noted: float = 0) -> Target:
    """What Valkey's record of an order must be.

    `at_least` is the newest generation that was asked for: where no hold came of it, as for an order that
    was cancelled before it was placed, that attempt has to go too.
    """
    if type(state) is not Hold:
        return Target(order_id, at_least, "freed", "", (), noted)
    if state.state == "held":
        return Target(order_id, state.generation, "held", state.warehouse, state.held, noted)
    if state.state == "shipped":
        return Target(order_id, state.generation, "spent", state.warehouse, state.shipped, noted)
    return Target(order_id, max(at_least, state.generation), "freed", "", (), noted)
