"""What the decision tables say about an order: the risk verdict and the time it must ship by.

Guarantees: every answer carries table, version and rows; a table that cannot decide answers with its own
`on_error`, which for risk is a review and never a pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Protocol

from msgspec import Struct

from chassis.extension_facts import EXTENSION_FACTS, facts_of
from chassis.rules import Table
from chassis.rules.values import Kind
from services.orders.domain.model import Content, Verdict

RISK_TABLE = "risk/default"
SLA_TABLE = "sla/default"

RISK_FACTS: Mapping[str, Kind] = MappingProxyType(
    {
        "channel": "text",
        "paid_fen": "int",
        "currency": "text",
        "total_quantity": "int",
        "line_count": "int",
        "address_vague": "bool",
        "orders_same_receiver_1h": "int",
        "personal_kind": "text",
        "problem_count": "int",
        **EXTENSION_FACTS,
    }
)
RISK_OUTPUTS: Mapping[str, Kind] = MappingProxyType({"score": "int", "reason": "text"})
SLA_FACTS: Mapping[str, Kind] = MappingProxyType({"channel": "text", **EXTENSION_FACTS})
SLA_OUTPUTS: Mapping[str, Kind] = MappingProxyType({"ship_within_minutes": "int"})

_OUTCOMES: Mapping[str, str] = MappingProxyType(
    {"pass": "passed", "review": "review", "block": "blocked"}
)


class Promise(Struct, frozen=True, kw_only=True):
    """By when an order must be handed over, and who says so."""

    ship_by: datetime
    rule: str


class Judge(Protocol):
    """The decision tables and what they need to know of other orders."""

    def verdict(self, order_id: str, content: Content, due_fen: int, at: datetime) -> Verdict:
        """The risk verdict, counting the receiver's orders of the hour up to `at`. `due_fen`: see `assess`."""
        ...

    def verdict_again(
        self, order_id: str, content: Content, due_fen: int, at: datetime, before: Verdict
    ) -> Verdict:
        """The verdict on content that was judged `before`, with what has changed around it."""
        ...

    def promise(self, content: Content, paid_at: datetime) -> Promise:
        """By when the order must be handed over."""
        ...


def assess(table: Table, content: Content, due_fen: int, same_receiver: int) -> Verdict:
    """The verdict on an order; `same_receiver` are this receiver's orders of one hour, itself included.

    `due_fen`, the table's `paid_fen`, is what is paid or, before anything is, also at the door, what is payable.
    """
    decision = table.decide(
        {
            "channel": content.channel,
            "paid_fen": due_fen,
            "currency": content.currency,
            "total_quantity": sum([line.quantity for line in content.lines]),
            "line_count": len(content.lines),
            "address_vague": content.address_vague,
            "orders_same_receiver_1h": same_receiver,
            "personal_kind": content.personal_kind,
            "problem_count": content.problem_count,
            **facts_of(table.optional, content.channel, content.extension),
        }
    )
    reasons = decision.outputs["reason"]
    return Verdict(
        outcome=_OUTCOMES[decision.text("verdict")],
        score=decision.integer("score"),
        reasons=reasons if isinstance(reasons, tuple) else (str(reasons),),
        rule=decision.rule,
        asked_fen=due_fen,
        same_receiver=same_receiver,
    )


def promise(table: Table, content: Content, paid_at: datetime) -> Promise:
    """The channel's own time where it gives one, otherwise the table's minutes from the payment."""
    if content.ship_by is not None:
        return Promise(ship_by=content.ship_by, rule="channel")
    told = facts_of(table.optional, content.channel, content.extension)
    decision = table.decide({"channel": content.channel, **told})
    minutes = decision.integer("ship_within_minutes")
    return Promise(ship_by=paid_at + timedelta(minutes=minutes), rule=decision.rule)
