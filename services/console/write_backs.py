"""What the channel answered when it was told of a shipment or a refund, on the order's card. Pure."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from chassis.processor import Decision, Moment
from schemas.events.write_backs import WriteBackApplied, WriteBackRefused
from services.console.domain.minutes import minute_of
from services.console.domain.model import EMPTY, Card, with_flag, without_flag
from services.console.entries import entry
from services.console.reasons import NOBODY, not_told
from services.console.words import say


def applied(
    card: Card | None, event: WriteBackApplied, _facts: Any, moment: Moment
) -> Decision[Card]:
    """The channel knows."""
    known = card or EMPTY
    return Decision(
        state=replace(
            known,
            flags=without_flag(known.flags, "write_back_refused"),
            write_backs=(*known.write_backs, (minute_of(event.occurred_at), True)),
            updated_at=moment.now,
        ),
        effects=entry(event, moment, say(event.kind)),
    )


def refused(
    card: Card | None, event: WriteBackRefused, _facts: Any, moment: Moment
) -> Decision[Card]:
    """The channel would not have it, or never answered. That there is nobody to tell is no news."""
    if event.reason == NOBODY:
        return Decision(state=card)
    known = card or EMPTY
    return Decision(
        state=replace(
            known,
            flags=with_flag(known.flags, "write_back_refused"),
            write_backs=(*known.write_backs, (minute_of(event.occurred_at), False)),
            updated_at=moment.now,
        ),
        effects=entry(event, moment, f"{say(event.kind)} · {not_told(event.reason)}"),
    )
