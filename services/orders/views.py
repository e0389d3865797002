"""One order as people read it: where it is, why, and what happened, without a word of personal data.

The same values are the body of `GET /orders/{id}` and what `danshu orders show | explain` print.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from services.orders.domain.audit import verify_chain
from services.orders.domain.guards import WAITING_TITLES, waiting_for
from services.orders.domain.states import STATE_TITLES
from services.orders.store import ReadOrder


class Reason(Struct, frozen=True, kw_only=True):
    """A code with its Chinese."""

    code: str
    title: str


class HoldView(Struct, frozen=True, kw_only=True):
    """A hold."""

    code: str
    reason: str
    actor: str
    held_at: datetime


class VerdictView(Struct, frozen=True, kw_only=True):
    """The risk verdict."""

    outcome: str
    score: int
    reasons: tuple[str, ...]
    rule: str
    reviewed_by: str


class LineView(Struct, frozen=True, kw_only=True):
    """A line of goods."""

    line_no: int
    sku: str
    title: str
    quantity: int


class EntryView(Struct, frozen=True, kw_only=True):
    """One audit entry."""

    seq: int
    at: datetime
    actor: str
    action: str
    from_state: str
    to_state: str
    basis: str
    rule: str
    detail: str
    hash: str


class OrderView(Struct, frozen=True, kw_only=True):
    """One order."""

    order_id: str
    state: str
    state_title: str
    waiting_for: tuple[Reason, ...]
    held: tuple[HoldView, ...]
    after_sale: bool
    interception_asked: bool
    channel: str
    shop: str
    channel_order_no: str
    placed_at: datetime | None
    paid_at: datetime | None
    paid_fen: int
    currency: str
    ship_by: datetime | None
    ship_by_rule: str
    stock: str
    warehouse: str
    parcel: str
    verdict: VerdictView | None
    lines: tuple[LineView, ...]
    audit: tuple[EntryView, ...]
    audit_fault: str
    """Where the audit chain does not hold; empty = it is whole."""


def view(read: ReadOrder) -> OrderView:
    """What people may see of an order."""
    order = read.order
    content = order.content
    assert content is not None, "only placed orders are read"
    broken = verify_chain(read.entries, order.audit)
    verdict = order.verdict
    return OrderView(
        order_id=read.order_id,
        state=order.state,
        state_title=STATE_TITLES[order.state],
        waiting_for=tuple(
            Reason(code=code, title=WAITING_TITLES[code]) for code in waiting_for(order)
        ),
        held=tuple(
            HoldView(code=hold.code, reason=hold.reason, actor=hold.actor, held_at=hold.held_at)
            for hold in order.holds
        ),
        after_sale=order.after_sale,
        interception_asked=order.cancel is not None,
        channel=content.channel,
        shop=content.shop,
        channel_order_no=content.channel_order_no,
        placed_at=order.placed_at,
        paid_at=order.paid_at,
        paid_fen=order.paid_fen,
        currency=content.currency,
        ship_by=order.ship_by,
        ship_by_rule=order.ship_by_rule,
        stock=order.stock,
        warehouse=order.warehouse,
        parcel=order.parcel,
        verdict=None
        if verdict is None
        else VerdictView(
            outcome=verdict.outcome,
            score=verdict.score,
            reasons=verdict.reasons,
            rule=verdict.rule,
            reviewed_by=verdict.reviewed_by,
        ),
        lines=tuple(
            LineView(line_no=line.line_no, sku=line.sku, title=line.title, quantity=line.quantity)
            for line in content.lines
        ),
        audit=_entries(read),
        audit_fault="" if broken is None else f"第 {broken.seq} 条：{broken.why}",
    )


def _entries(read: ReadOrder) -> tuple[EntryView, ...]:
    return tuple(
        EntryView(
            seq=entry.seq,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            from_state=entry.from_state,
            to_state=entry.to_state,
            basis=entry.basis,
            rule=entry.rule,
            detail=entry.detail,
            hash=entry.hash.hex(),
        )
        for entry in read.entries
    )
