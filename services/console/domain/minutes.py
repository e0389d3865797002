"""What each shop's minutes count, as differences between cards. Pure.

Guarantees: the counts equal the cards, however events are cut into batches and in whichever order topics come; an
answer to a write-back that comes before its order counts as soon as the order's shop is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime

from chassis.processor import Kept
from services.console.domain.model import EMPTY, Card

ORDERS, APPLIED, REFUSED = range(3)

MinuteRow = tuple[datetime, str, str, int, int, int]
"""Minute (UTC), channel, shop; orders, write-backs applied, write-backs refused."""


def minute_of(at: datetime) -> datetime:
    """The minute a time is in."""
    return at.replace(second=0, microsecond=0)


def minute_changes(
    before: Mapping[str, Card | None], kept: Mapping[str, Kept[Card]]
) -> list[MinuteRow]:
    """Rows of differences: what cards counted for is taken away, what they count for now is added."""
    counts: defaultdict[tuple[datetime, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for key, one in kept.items():
        was, card = before.get(key) or EMPTY, one.state or EMPTY
        if _same(was, card):
            continue
        for counted, sign in ((was, -1), (card, 1)):
            for minute, what in _parts(counted):
                counts[minute, counted.channel, counted.shop][what] += sign
    return [
        (*minute, orders, applied, refused)
        for minute, (orders, applied, refused) in counts.items()
        if orders or applied or refused
    ]


def _same(was: Card, card: Card) -> bool:
    return (
        was.placed_at == card.placed_at
        and was.channel == card.channel
        and was.write_backs == card.write_backs
    )


def _parts(card: Card) -> Iterator[tuple[datetime, int]]:
    if not card.channel:
        return
    if card.placed_at is not None and card.state != "quarantined":
        yield minute_of(card.placed_at), ORDERS
    for minute, applied in card.write_backs:
        yield minute, APPLIED if applied else REFUSED
