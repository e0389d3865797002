"""What fulfillment's carrier table asks of what only a channel tells goes along with an order that is ready.

Guarantees: where the table asks nothing of it, decisions are those of `HANDLERS` and nothing is carried. What is carried
is what the channel tells by then, amendments included.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from chassis.extension_facts import facts_of
from chassis.processor import Decide, Decision, Handlers, Moment
from chassis.rules import load_tables
from chassis.rules.values import Value
from schemas.events.order_states import ExtensionFact, OrderReadyToFulfil
from services.orders.domain.model import Order
from services.orders.domain.risk import Judge
from services.orders.handlers import HANDLERS, Decided

CARRIER_TABLE = "carrier/default"


def asked_by_carriers(rules_dir: Path) -> tuple[str, ...]:
    """The facts of extensions that the carrier table of the same folder asks for. Raises StartRefused."""
    table = load_tables(rules_dir).get(CARRIER_TABLE)
    return table.optional if table else ()


def carrying(asked: Sequence[str]) -> Handlers:
    """The handlers of orders, which let orders that become ready carry these facts."""
    if not asked:
        return HANDLERS
    return {event: _carrying(decide, asked) for event, decide in HANDLERS.items()}


def _carrying(decide: Decide, asked: Sequence[str]) -> Decide:
    def decided(known: Order | None, event: object, judge: Judge, moment: Moment) -> Decided:
        decision: Decision[Order] = decide(known, event, judge, moment)
        if not any(isinstance(told, OrderReadyToFulfil) for told in decision.events):
            return decision
        content = decision.state.content if decision.state else None
        assert content is not None, "READY needs complete content"
        facts = facts_of(asked, content.channel, content.extension)
        carried = tuple(_fact(name, value) for name, value in facts.items()) or None
        events = tuple(
            replace(told, told=carried) if isinstance(told, OrderReadyToFulfil) else told
            for told in decision.events
        )
        return replace(decision, events=events)

    return decided


def _fact(name: str, value: Value) -> ExtensionFact:
    match value:
        case bool():
            return ExtensionFact(name=name, flag=value)
        case int():
            return ExtensionFact(name=name, number=value)
        case str():
            return ExtensionFact(name=name, text=value)
        case tuple():
            return ExtensionFact(name=name, texts=value)
