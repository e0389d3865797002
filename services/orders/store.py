"""Orders in Postgres: columns beside the document, facts of a batch, the audit chain, and what doors read.

Guarantees: a batch costs one extra query (the receivers it must count) and one COPY (its audit entries),
both inside the batch's transaction; the audit table is written here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import astuple

from chassis.errors import StartRefused
from chassis.postgres import ACQUIRE_TIMEOUT_S, Connection, Pool, named_queries
from chassis.processor import Appended, Column, FactsSource, Kept, Record, typed
from chassis.rules import Table, load_tables, unmet
from schemas.events.orders import OrderAmended, OrderLinesMatched, OrderPaid, OrderPlaced
from services.orders.domain.audit import Entry
from services.orders.domain.guards import ends_unpaid, waiting_for
from services.orders.domain.model import Content, Order, Verdict
from services.orders.domain.risk import (
    RISK_FACTS,
    RISK_OUTPUTS,
    RISK_TABLE,
    SLA_FACTS,
    SLA_OUTPUTS,
    SLA_TABLE,
    Promise,
    assess,
    promise,
)
from services.orders.domain.states import State
from services.orders.domain.step import Recorded

QUERIES = named_queries(Path(__file__).parent / "sql" / "queries.sql")
SAME_RECEIVER_WINDOW = timedelta(hours=1)
SAME_RECEIVER_MAX = 50
"""More orders of one receiver in one hour than this are not counted: every table has spoken long before."""
UNSHIPPED = (State.AWAITING_PAYMENT, State.AWAITING_REVIEW, State.AWAITING_PRINT, State.PREPARING)
AUDIT_COLUMNS = typed(
    Entry.__struct_fields__, seq="int", at="timestamptz", prev_hash="bytea", hash="bytea"
)

Receivers = dict[str, dict[str, datetime]]
"""receiver_key → order id → when it was placed."""

_documents: msgspec.json.Decoder[Kept[Order]] = msgspec.json.Decoder(Kept[Order])


def _column(name: str, sql_type: str, value: Callable[[Order], object]) -> Column:
    def read(order: Order | None) -> object:
        return None if order is None or order.content is None else value(order)

    return Column(name, sql_type, read)


def _content_column(name: str) -> Column:
    return _column(name, "text", lambda order: getattr(order.content, name) or None)


COLUMNS: tuple[Column, ...] = (
    _column("state", "text", lambda order: order.state.value),
    _content_column("channel"),
    _content_column("shop"),
    _content_column("channel_order_no"),
    _column("placed_at", "timestamptz", lambda order: order.placed_at),
    _column("paid_at", "timestamptz", lambda order: order.paid_at),
    _column(
        "unpaid_since",
        "timestamptz",
        lambda order: None if ends_unpaid(order) else order.unpaid_since,
    ),
    _content_column("receiver_key"),
    _column("waiting_for", "text", lambda order: " ".join(waiting_for(order))),
    _column("held", "text", lambda order: " ".join([hold.code for hold in order.holds])),
    _column("after_sale", "boolean", lambda order: order.after_sale),
)


class Tables(msgspec.Struct, frozen=True):
    """The decision tables of this service."""

    risk: Table
    sla: Table


def read_tables(folder: Path) -> Tables:
    """Tables that this version can serve. Raises StartRefused (TableBroken is one) otherwise."""
    tables = load_tables(folder)
    if missing := [key for key in (RISK_TABLE, SLA_TABLE) if key not in tables]:
        raise StartRefused(f"no decision table {', '.join(missing)} in {folder}: restore the file.")
    risk, sla = tables[RISK_TABLE], tables[SLA_TABLE]
    problems = (
        *unmet(risk, facts=RISK_FACTS, outputs=RISK_OUTPUTS),
        *unmet(sla, facts=SLA_FACTS, outputs=SLA_OUTPUTS),
    )
    if problems:
        raise StartRefused("; ".join(str(problem) for problem in problems))
    return Tables(risk, sla)


class OrderFacts:
    """What a batch knows beside its orders. Counts receivers, collects audit entries."""

    def __init__(
        self, tables: Tables, receivers: Receivers, kept: Mapping[str, Kept[Order]]
    ) -> None:
        self._tables = tables
        self._receivers = receivers
        self._kept = kept
        self.entries: list[Entry] = []

    def verdict(self, order_id: str, content: Content, due_fen: int, at: datetime) -> Verdict:
        """The risk table's word, with the receiver's orders of the hour up to `at`, this one included."""
        same_receiver = self._same_receiver(order_id, content, at)
        return assess(self._tables.risk, content, due_fen, same_receiver)

    def verdict_again(
        self, order_id: str, content: Content, due_fen: int, at: datetime, before: Verdict
    ) -> Verdict:
        """The same for content that was judged `before`; the table is asked only if the answer may differ."""
        same_receiver = self._same_receiver(order_id, content, at)
        if before.asked_fen == due_fen and before.same_receiver == same_receiver:
            return before
        return assess(self._tables.risk, content, due_fen, same_receiver)

    def _same_receiver(self, order_id: str, content: Content, at: datetime) -> int:
        count = 1
        near = self._receivers.get(content.receiver_key) if content.receiver_key else None
        if near is not None:
            since = at - SAME_RECEIVER_WINDOW
            for key, placed_at in near.items():
                count += key != order_id and since < placed_at <= at
        return count

    def promise(self, content: Content, paid_at: datetime) -> Promise:
        """By when the order must be handed over."""
        return promise(self._tables.sla, content, paid_at)

    def apply(self, effect: object) -> None:
        """Keeps audit entries; a refused command's order is kept for the sake of its chain."""
        match effect:
            case Entry():
                self.entries.append(effect)
            case Recorded():
                self._kept[effect.order_id].state = effect.order
            case _:
                raise AssertionError(effect)


class OrderFactsSource(FactsSource[OrderFacts]):
    """Facts of a batch from Postgres."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def fetch(
        self, work: Any, records: Sequence[Record], kept: Mapping[str, Kept[Any]]
    ) -> OrderFacts:
        """One query for every receiver the batch must count."""
        receivers, moments = wanted_receivers(records, kept)
        if receivers:
            rows = await work.connection.fetch(
                QUERIES["receivers"],
                list(receivers),
                min(moments) - SAME_RECEIVER_WINDOW,
                max(moments),
                SAME_RECEIVER_MAX,
            )
            for row in rows:
                receivers[row["receiver_key"]][row["key"]] = row["placed_at"]
        return OrderFacts(self._tables, receivers, kept)

    def appended(self, facts: OrderFacts, kept: Mapping[str, Kept[Any]]) -> Sequence[Appended]:
        """The batch's audit entries."""
        del kept
        rows = [astuple(entry) for entry in facts.entries]
        return [Appended(table="orders.audit", columns=AUDIT_COLUMNS, rows=rows)]


def wanted_receivers(
    records: Sequence[Record], kept: Mapping[str, Kept[Any]]
) -> tuple[Receivers, list[datetime]]:
    """Receivers whose orders the batch must count, with those placed in it, and the times in question."""
    receivers: Receivers = {}
    moments: list[datetime] = []
    for record in records:
        event = record.event
        match event:
            case OrderPlaced():
                if event.receiver_key:
                    receivers.setdefault(event.receiver_key, {})[event.order_id] = event.occurred_at
                    asked_at = event.payment.paid_at if event.payment else event.occurred_at
                    moments.append(asked_at)
            case OrderPaid() | OrderLinesMatched() | OrderAmended():
                moments.append(event.occurred_at)
                if isinstance(event, OrderAmended) and event.receiver_key:
                    receivers.setdefault(event.receiver_key, {})
                before = kept.get(record.key)
                content = before.state.content if before is not None and before.state else None
                if content is not None and content.receiver_key:
                    receivers.setdefault(content.receiver_key, {})
            case _:
                pass
    return receivers, moments


class ReadOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order with its audit chain, as doors and the CLI show it."""

    order_id: str
    order: Order
    entries: tuple[Entry, ...]


async def read_order(connection: Connection, order_id: str) -> ReadOrder | None:
    """The order, or None."""
    document = await connection.fetchval(QUERIES["order"], order_id)
    if document is None:
        return None
    kept = _documents.decode(document)
    assert kept.state is not None, "the query leaves out orders that are not placed"
    rows = await connection.fetch(QUERIES["audit"], order_id)
    return ReadOrder(
        order_id=order_id,
        order=kept.state,
        entries=tuple(Entry(**dict(row)) for row in rows),
    )


async def funnel(pool: Pool) -> dict[str, int]:
    """Orders per state, every state named. Counts all orders there ever were: for whoever asks, not for a timer."""
    return await _counted(pool, "funnel", [state for state in State if state is not State.NEW])


async def unshipped(pool: Pool) -> dict[str, int]:
    """Orders per state of those that are not on their way yet, every such state named."""
    return await _counted(pool, "unshipped", UNSHIPPED)


async def _counted(pool: Pool, query: str, states: Sequence[State]) -> dict[str, int]:
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        rows = await connection.fetch(QUERIES[query])
    return {state.value: 0 for state in states} | {row["state"]: row["orders"] for row in rows}
