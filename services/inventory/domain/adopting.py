"""An order takes over the goods of a reservation instead of having them held a second time.

Guarantees: pure. What is still held, sold or not, changes hands whole; what the order wants beyond it is held in
addition, what it does not want becomes available. Nothing changes hands twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from services.inventory.domain.choosing import Available, choose, passed_over, shortfall
from services.inventory.domain.model import Goods, Held, Hold, Row, Short, merged


def adoptable(state: object, channel: str) -> Hold | None:
    """The reservation that an order of this channel may take over; None where it may not.

    It may while its goods are held, whether or not its time is over, as long as no timer has ended it; and where it was
    made for this channel, or for none in particular.
    """
    if not isinstance(state, Hold) or state.asked is None or state.state != "held":
        return None
    return state if state.channel in {"", channel} else None


def handed_over(state: object, channel: str) -> bool:
    """Whether it is a reservation, of this channel or of none, whose goods are gone already."""
    if not isinstance(state, Hold) or state.asked is None:
        return False
    return state.state == "shipped" and state.channel in {"", channel}


def with_own(available: Available, own: Hold) -> Available:
    """What an order may be given that has these goods already.

    What it has it may keep, also where nothing of the SKU is for sale any more.
    """
    has = dict(own.held)

    def given(row: Row) -> int:
        mine = has.get(row[1], 0) if row[0] == own.warehouse else 0
        return mine + max(0, available(row)) if mine else available(row)

    return given


def offer_to_owner(
    available: Available, own: Hold, warehouses: Sequence[str], rule: str, goods: Goods
) -> Held | Short:
    """Who could send all of these goods: where its own lie, before those that the rules name."""
    candidates = (own.warehouse, *(one for one in warehouses if one != own.warehouse))
    given = with_own(available, own)
    warehouse = choose(given, candidates, goods)
    if not warehouse:
        return shortfall(given, candidates, goods)
    return Held(
        warehouse=warehouse,
        rule=own.rule if warehouse == own.warehouse else rule,
        passed_over=passed_over(given, candidates, warehouse, goods),
    )


def apart(old: Goods, new: Goods) -> tuple[Goods, Goods]:
    """What the new goods lack of the old ones, and what they have beyond them."""
    change = merged([*new, *((sku, -quantity) for sku, quantity in old)])
    gone = tuple((sku, -quantity) for sku, quantity in change if quantity < 0)
    return gone, tuple((sku, quantity) for sku, quantity in change if quantity > 0)


def adopted(reservation: Hold, order_id: str) -> Hold:
    """The reservation once its goods are the order's."""
    assert reservation.asked is not None
    return replace(
        reservation,
        state="adopted",
        generation=reservation.generation + 1,
        held=(),
        expires_at=None,
        asked=replace(reservation.asked, adopted_by=order_id),
    )
