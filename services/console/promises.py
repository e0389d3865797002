"""What an order that is short was promised out of what is to come, as its page shows it. Pure, like `handlers`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from chassis.processor import Decision, Moment
from schemas.events.stock import PromisedLine, StockPromiseChanged
from services.console import words
from services.console.domain.model import EMPTY, Card, with_flag, without_flag
from services.console.entries import entry

WHY = {
    "redated": "采购单改期",
    "not_coming": "采购单的货不来了",
    "expected": "采购单的货可以预售了",
}


def kept_in(known: Card, promised_for: datetime, moment: Moment) -> Card:
    """The card of an order that waits for what is to come: not short, but sold ahead."""
    flags = with_flag(without_flag(known.flags, "short"), "presale")
    return replace(known, flags=flags, promised_for=promised_for, updated_at=moment.now)


def without_promise(known: Card) -> Card:
    """The card of an order that was promised nothing, or has what it was promised."""
    if "presale" not in known.flags:
        return known
    return replace(known, flags=without_flag(known.flags, "presale"), promised_for=None)


def told_of(promised_for: datetime, promised: Iterable[PromisedLine]) -> str:
    """When it can be sent, and what of it comes out of which purchase order."""
    lines = [
        f"{one.sku} {one.quantity} 件"
        + (
            f"等采购单 {one.purchase_no}（预计 {words.minute(one.expected_at)} 到）"
            if one.purchase_no
            else "已留"
        )
        for one in promised
    ]
    return f"预售，答应 {words.minute(promised_for)} 前发货：{'，'.join(lines)}"


def promise_changed(
    card: Card | None, event: StockPromiseChanged, _facts: Any, moment: Moment
) -> Decision[Card]:
    """Another date, or none any more: then it is short like any other."""
    known = card or EMPTY
    why = WHY.get(event.why, words.say(event.why))
    was = f"原答应 {words.minute(event.was_promised_for)}" if event.was_promised_for else ""
    if event.promised_for is None:
        known = without_promise(known)
        state = replace(known, flags=with_flag(known.flags, "short"), updated_at=moment.now)
        told = "，".join(filter(None, [why, was, "已撤回，等待补货"]))
        return Decision(state=state, effects=entry(event, moment, told))
    told = "，".join(filter(None, [why, was, told_of(event.promised_for, event.promised or ())]))
    return Decision(
        state=kept_in(known, event.promised_for, moment),
        effects=entry(event, moment, told, "", event.rule or ""),
    )
