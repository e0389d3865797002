"""Lines of the timeline, and the decisions that add a line and change next to nothing of the card."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from chassis.processor import Decide, Decision, Moment
from services.console.domain.model import EMPTY, Card, with_flag
from services.console.words import TITLES

Detail = Callable[[Any], str]
Entry = tuple[
    str, datetime, int, str, str, str, str, str, str, int, int, bytes | None
]  # columns of console.timeline


def entry(
    event: Any,
    moment: Moment,
    detail: str = "",
    actor: str = "",
    basis: str = "",
    *,
    whole: bool = False,
) -> tuple[Entry]:
    """The effect that adds one line about the event; `whole` keeps the event itself for the order's page."""
    record = moment.record
    kind = type(event).__name__
    return (
        (
            record.key,
            event.occurred_at,
            event.version,
            record.source,
            kind,
            TITLES[kind],
            detail,
            actor,
            basis,
            record.partition,
            record.offset,
            record.raw if whole else None,
        ),
    )


def only_told(detail: Detail) -> Decide:
    """A decision that adds a line and changes nothing of the card but its time."""

    def decide(card: Card | None, event: Any, _facts: Any, moment: Moment) -> Decision[Card]:
        return Decision(
            state=replace(card or EMPTY, updated_at=moment.now),
            effects=entry(event, moment, detail(event), getattr(event, "actor", "")),
        )

    return decide


def raises(code: str, detail: Detail) -> Decide:
    """A decision that raises one flag."""

    def decide(card: Card | None, event: Any, _facts: Any, moment: Moment) -> Decision[Card]:
        known = card or EMPTY
        return Decision(
            state=replace(known, flags=with_flag(known.flags, code), updated_at=moment.now),
            effects=entry(event, moment, detail(event)),
        )

    return decide
