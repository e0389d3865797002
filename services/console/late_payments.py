"""A payment for an order that is cancelled, on its card: money is there and nothing will be sent. Pure.

Guarantees: 取消后付款 stands until the channel or a refund has given all of the money back, whichever is heard first.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from chassis.processor import Decision, Moment
from schemas.events.order_states import OrderTransitionRefused
from schemas.events.orders import OrderCancelled
from services.console.domain.model import EMPTY, PAID_LATE, Card, with_flag
from services.console.entries import entry
from services.console.words import say


def refused(
    card: Card | None, event: OrderTransitionRefused, _facts: Any, moment: Moment
) -> Decision[Card]:
    """Something came when the order could not do it any more; of a payment a person has to know."""
    known = card or EMPTY
    late = event.attempted == "paid" and event.state == "cancelled"
    flags = with_flag(known.flags, PAID_LATE) if late else known.flags
    told = f"{say(event.attempted)} · {say(event.reason)}"
    return Decision(
        state=replace(known, flags=flags, updated_at=moment.now),
        effects=entry(event, moment, told, event.actor),
    )


def closed(card: Card | None, event: OrderCancelled, _facts: Any, moment: Moment) -> Decision[Card]:
    """The channel closed the order, and may have given its money back."""
    known = card or EMPTY
    back = known.paid_back_there or event.refunded_by_channel
    return Decision(
        state=replace(known, paid_back_there=back, updated_at=moment.now),
        effects=entry(event, moment, say(event.reason)),
    )
