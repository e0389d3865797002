"""What the channel answered when it was told of a shipment or a refund, on the order's card. Pure.

Guarantees: 回传失败 is up while a write-back that needs a person is not taken; another one that is taken does not lower it.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from chassis.processor import Decision, Moment
from schemas.events.write_backs import WriteBackApplied, WriteBackRefused
from services.console.domain.minutes import minute_of
from services.console.domain.model import EMPTY, Card, with_flag, without_flag
from services.console.entries import entry
from services.console.reasons import NOBODY, needs_person, not_told
from services.console.words import say

FLAG = "write_back_refused"


def applied(
    card: Card | None, event: WriteBackApplied, _facts: Any, moment: Moment
) -> Decision[Card]:
    """The channel knows."""
    known = _settled(card or EMPTY, event)
    return Decision(
        state=replace(
            known,
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
    known = _waiting(known, event) if needs_person(event) else _settled(known, event)
    return Decision(
        state=replace(
            known,
            write_backs=(*known.write_backs, (minute_of(event.occurred_at), False)),
            updated_at=moment.now,
        ),
        effects=entry(
            event, moment, f"{say(event.kind)} · {not_told(event.reason)}", "", _document(event)
        ),
    )


def _document(event: WriteBackApplied | WriteBackRefused) -> str:
    return f"{event.kind} {event.document_no}"


def _waiting(known: Card, event: WriteBackRefused) -> Card:
    return replace(
        known,
        refused_write_backs=with_flag(known.refused_write_backs, _document(event)),
        flags=with_flag(known.flags, FLAG),
    )


def _settled(known: Card, event: WriteBackApplied | WriteBackRefused) -> Card:
    """The card on which nobody has to care for this one any more."""
    if FLAG not in known.flags:
        return known
    left = without_flag(known.refused_write_backs, _document(event))
    # A flag from before documents were kept has none: it is lowered as it was then, by whichever comes.
    flags = known.flags if left else without_flag(known.flags, FLAG)
    return replace(known, refused_write_backs=left, flags=flags)
