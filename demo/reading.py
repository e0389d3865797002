"""Snapshots for the checker: the simulators' ledger and our tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg
import httpx2

from chassis.ids import request_id
from demo.snapshots import (
    End,
    Inside,
    InsideOrder,
    InsideParcel,
    InsideRefund,
    KeptOrder,
    Outside,
    OutsideClaim,
    OutsideOrder,
    OutsideRefund,
    OutsideWaybill,
)
from services.console.domain.model import Card

ORDERS = """
SELECT i.channel, i.shop, i.channel_order_no, coalesce(i.order_id, '') AS order_id, i.quarantined,
       coalesce(json_array_length(i.document->'state'->'quarantine'), 0) > 0 AS news_set_aside,
       coalesce(o.state, '') AS state,
       coalesce((o.document->'state'->>'paid_fen')::bigint, 0) AS paid_fen,
       coalesce(i.document->'state'->>'state', '') AS channel_state,
       CASE WHEN json_array_length(coalesce(i.document->'state'->'mapped', '[]')) > 0 THEN (
           SELECT json_object_agg(sku, pieces) FROM (
               SELECT coalesce(line->>'sku', '') AS sku, sum((line->>'quantity')::int) AS pieces
               FROM json_array_elements(o.document->'state'->'content'->'lines') AS line GROUP BY 1
           ) AS by_sku
       ) END AS mapped_units,
       coalesce(o.waiting_for, '') AS waiting_for,
       coalesce((r.document->'state'->>'handed_over')::boolean, false) AS handed_over,
       coalesce((r.document->'state'->>'left_elsewhere')::boolean, false) AS left_elsewhere
FROM ingest.orders i LEFT JOIN orders.orders o ON o.key = i.order_id
LEFT JOIN inventory.reservations r ON r.key = i.order_id
"""
KEPT_ORDERS = """
SELECT key AS order_id, coalesce(channel, '') AS channel, coalesce(shop, '') AS shop,
       coalesce(channel_order_no, '') AS order_no
FROM orders.orders
"""
RESERVATIONS = """
SELECT key, state FROM inventory.reservations
WHERE document->'state'->>'kind' = 'hold' AND reference IS NULL
"""
"""The table also keeps receipts and other documents; what has a reference, a till or a program asked for."""
CLAIMS = """
SELECT channel, shop, refund_no, refund_id, round FROM ingest.aftersales
UNION ALL SELECT channel, shop, return_no, refund_id, 1 FROM ingest.returns
"""
ENDS = """
SELECT command_id, (extract(epoch FROM settled_at) * 1000)::bigint AS heard_at_ms,
    -- What came too late is told, and so no refusal.
    CASE WHEN result_id IN ('already_paying', 'already_ended') THEN result_id ELSE reason END AS reason
FROM chassis.commands_settled WHERE processor = 'refunds' AND command_id LIKE 'ended-%'
"""
BEYOND = """
SELECT gone.key AS refund_id, gone.value::bigint AS fen
FROM refunds.accounts AS account, json_each_text(account.document -> 'state' -> 'beyond') AS gone
"""
DOUBTED = """
SELECT json_array_elements_text(document -> 'state' -> $1::int) AS refund_id
FROM console.cards WHERE strpos(flags, ' double_refund ') > 0
"""
"""A card is an array; $1 is the place of its refunds in doubt."""
NOT_OPENED = """
SELECT told ->> 'document_no' AS refund_id
FROM ingest.write_backs, json_array_elements(document -> 'state' -> 'told') AS told
WHERE document::text LIKE '%refund_refusal%' AND told ->> 'kind' = 'refund_refusal' AND told ->> 'outcome' = 'refused'
"""
CASES = """
SELECT of_one.order_id, of_one.refund_id, of_one.state, of_one.amount_fen,
    of_one.tier = 'counter' OR of_one.end_reason = 'refunded_there' AS paid_elsewhere,
    coalesce(payout.stage || ', sent ' || payout.sends || ' times, asked ' || payout.asks || ' times: ' || payout.note, '')
    AS payout,
    of_one.end_reason,
    of_one.requested_by,
    (extract(epoch FROM greatest(
        of_one.requested_at,
        (of_one.goods_check ->> 'checked_at')::timestamptz,
        (SELECT max((approval ->> 'approved_at')::timestamptz)
         FROM json_array_elements(account.document -> 'state' -> 'cases') AS kept,
             json_array_elements(kept -> 'approvals') AS approval
         WHERE kept ->> 'refund_id' = of_one.refund_id)
    )) * 1000)::bigint AS decided_at_ms
FROM refunds.cases AS of_one
JOIN refunds.accounts AS account ON account.key = of_one.order_id
LEFT JOIN refunds.payouts AS payout USING (order_id, refund_id)
"""
UNITS = """
SELECT coalesce(sum(quantity) FILTER (WHERE kind IN ('receipt', 'adjustment')), 0)::bigint AS received,
       coalesce(sum(quantity) FILTER (WHERE kind = 'return'), 0)::bigint AS returned,
       (SELECT coalesce(sum(on_hand), 0)::bigint FROM inventory.stock) AS on_hand
FROM inventory.ledger
"""
DEDUCTED = """
SELECT sku, -sum(quantity)::bigint AS units FROM inventory.ledger WHERE kind = 'deduction' GROUP BY sku
"""
DEAD = """
SELECT processor || ': ' || code AS whose, count(*) AS count FROM chassis.dead_letters
WHERE redriven_at IS NULL GROUP BY 1
"""
UNPUBLISHED = """
SELECT processor || ', the oldest since ' || to_char(min(created_at), 'HH24:MI:SS') AS whose, count(*) AS count
FROM chassis.outbox WHERE published_at IS NULL AND created_at < now() - interval '15 s' GROUP BY processor
"""
"""Of those that stand: a row's mark rides with the next batch, and whoever left one is overdue after 5 s."""
PARKED = """
SELECT processor || ', from ' || source AS whose, count(*) AS count FROM chassis.parked GROUP BY processor, source
"""
OUTCOMES = (("withdrawn",), ("refused",), ("refunded",), ("refunded", "doubt"))
"""How a request ends on its channel."""
LOSES_THE_ANSWER = frozenset({"act_then_timeout", "error_after"})
"""Faults of a platform that has done what it was told."""
LATENCY = """
SELECT count(*) AS measured,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM held_at - accepted_at)) AS p50,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM held_at - accepted_at)) AS p95,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM held_at - accepted_at)) AS p99
FROM console.orders WHERE held_at IS NOT NULL AND accepted_at IS NOT NULL
"""


async def read_outside(http: httpx2.AsyncClient, simulators_url: str) -> Outside:
    """The ledger now."""
    ledger = (await http.get(f"{simulators_url}/_sim/ledger", timeout=60.0)).json()
    catalog = (await http.get(f"{simulators_url}/_sim/catalog", timeout=60.0)).json()
    return outside_of(ledger, sum(row["quantity"] for row in catalog["stock"]))


def outside_of(ledger: Mapping[str, Any], stock_units: int) -> Outside:
    """The checker's view of a ledger document."""
    return Outside(
        orders=tuple(
            OutsideOrder(
                channel=order["channel"],
                shop=order["shop"],
                order_no=order["order_no"],
                state=order["state"],
                expected=order["expected"],
                paid_fen=order["paid_fen"] if order["paid_at_ms"] else 0,
                shipped_waybills=tuple(shipment["waybill"] for shipment in order["shipments"]),
                told_again=sum(shipment["count"] - 1 for shipment in order["shipments"]),
                units=_units(order["lines"]),
                listed=order["listed"],
                takes_parcels=order["takes_parcels"],
            )
            for order in ledger["orders"]
        ),
        claims=tuple(
            OutsideClaim(
                channel=claim["channel"],
                order_no=claim["order_no"],
                claim_no=claim["claim_no"],
                shop=claim["shop"],
                asks=claim["asks"],
                status=claim["status"],
                amount_fen=claim["amount_fen"],
                answered_by=claim["answered_by"],
                agreements_heard=claim["agreements_heard"],
                shown_open_at_ms=claim["shown_open_at_ms"],
                shown_ended_at_ms=claim["shown_ended_at_ms"],
            )
            for claim in ledger["after_sales"]
        ),
        waybills=tuple(
            OutsideWaybill(
                waybill_no=waybill["waybill"],
                parcel_id=waybill["object_id"],
                order_nos=tuple(waybill["trade_orders"]),
                discarded=waybill["discarded"],
            )
            for waybill in ledger["waybills"]
        ),
        carried=frozenset(parcel["waybill"] for parcel in ledger["parcels"]),
        refunds=tuple(
            OutsideRefund(
                request_no=refund["out_request_no"],
                trade_no=refund["out_trade_no"],
                amount_fen=refund["amount_fen"],
                moved=refund["moved"],
                asked_at_ms=refund["asked_at_ms"],
            )
            for refund in ledger["refunds"]
        ),
        stock_units=stock_units,
        lost_answers=_lost_answers(ledger["faults"]),
    )


def _lost_answers(faults: Mapping[str, int]) -> dict[str, int]:
    lost: Counter[str] = Counter()
    for name, count in faults.items():
        door, _, kind = name.rpartition(":")
        if kind in LOSES_THE_ANSWER:
            lost[door] += count
    return dict(lost)


def _units(lines: list[dict[str, Any]]) -> dict[str, int]:
    units: Counter[str] = Counter()
    for line in lines:
        units[line["sku"]] += line["quantity"]
    return dict(units)


async def read_inside(
    postgres_url: str, stock: Mapping[str, int], *, disturbances: int = 0
) -> Inside:
    """Our tables now; `stock` is what inventory says of its own books, `disturbances` what has befallen us."""
    connection = await asyncpg.connect(postgres_url, timeout=10)
    try:
        # One snapshot, so that nothing moves between two of these.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            orders = await connection.fetch(ORDERS)
            kept_orders = await connection.fetch(KEPT_ORDERS)
            reservations = await connection.fetch(RESERVATIONS)
            claims = await connection.fetch(CLAIMS)
            ends = await connection.fetch(ENDS)
            beyond = await connection.fetch(BEYOND)
            doubted = await connection.fetch(
                DOUBTED, Card.__struct_fields__.index("double_refunds")
            )
            not_opened = await connection.fetch(NOT_OPENED)
            parcels = await connection.fetch(
                "SELECT order_id, parcel_id, stage, waybill_no FROM fulfillment.every_parcel"
            )
            cases = await connection.fetch(CASES)
            units = await connection.fetchrow(UNITS)
            deducted = await connection.fetch(DEDUCTED)
            dead = await connection.fetch(DEAD)
            unpublished = await connection.fetch(UNPUBLISHED)
            parked = await connection.fetch(PARKED)
    finally:
        await connection.close()
    if units is None:
        raise AssertionError
    return Inside(
        orders=tuple(_inside_order(row) for row in orders),
        kept_orders=tuple(KeptOrder(**dict(row)) for row in kept_orders),
        claims={(row["channel"], row["refund_no"]): row["refund_id"] for row in claims},
        earlier={
            (row["channel"], row["refund_no"]): _earlier(row) for row in claims if row["round"] > 1
        },
        ends=_ends(claims, ends),
        beyond={row["refund_id"]: row["fen"] for row in beyond},
        doubted=frozenset(row["refund_id"] for row in doubted),
        not_opened=frozenset(row["refund_id"] for row in not_opened),
        reservations={row["key"]: row["state"] for row in reservations},
        parcels=tuple(InsideParcel(**dict(row)) for row in parcels),
        refunds=tuple(InsideRefund(**dict(row)) for row in cases),
        stock=stock,
        units_received=units["received"],
        units_deducted={row["sku"]: row["units"] for row in deducted},
        units_returned=units["returned"],
        units_on_hand=units["on_hand"],
        dead_letters=_by_whose(dead),
        unpublished=_by_whose(unpublished),
        parked=_by_whose(parked),
        disturbances=disturbances,
    )


def _earlier(row: Any) -> tuple[str, ...]:
    """Ids of the refunds that were asked for under a number before; ingest derives each from its round."""
    first = (row["channel"], row["shop"], row["refund_no"])
    later = [request_id("refund", *first, str(number)) for number in range(2, row["round"])]
    return (request_id("refund", *first), *later)


def _ends(claims: Iterable[Any], settled: Iterable[Any]) -> dict[tuple[str, str], End]:
    """By channel and claim; ingest names the command after the refund and how it ended, once for ever.

    That a channel may have paid by itself may be told after that it paid, or at once: the first counts.
    """
    answers = {
        row["command_id"]: End(heard_at_ms=row["heard_at_ms"], refusal=row["reason"])
        for row in settled
    }
    ends: dict[tuple[str, str], End] = {}
    for row in claims:
        names = [request_id("ended", row["refund_id"], *outcome) for outcome in OUTCOMES]
        heard = [answers[name] for name in names if name in answers]
        if heard:
            first = min(heard, key=lambda end: end.heard_at_ms)
            ends[row["channel"], row["refund_no"]] = first
    return ends


def _by_whose(rows: Iterable[Any]) -> dict[str, int]:
    return {row["whose"]: row["count"] for row in rows}


def _inside_order(row: Any) -> InsideOrder:
    return InsideOrder(
        handed_over=row["handed_over"],
        left_elsewhere=row["left_elsewhere"],
        channel=row["channel"],
        shop=row["shop"],
        order_no=row["channel_order_no"],
        order_id=row["order_id"],
        quarantined=row["quarantined"],
        news_set_aside=row["news_set_aside"],
        state=row["state"],
        paid_fen=row["paid_fen"],
        channel_state=row["channel_state"],
        mapped_units=row["mapped_units"] and json.loads(row["mapped_units"]),
        waiting_for=frozenset(row["waiting_for"].split()),
    )


async def read_latency_ms(postgres_url: str) -> dict[str, float]:
    """p50, p95 and p99 from accepted at a door to stock held, in milliseconds; zeros without orders."""
    connection = await asyncpg.connect(postgres_url, timeout=10)
    try:
        row = await connection.fetchrow(LATENCY)
    finally:
        await connection.close()
    if row is None or not row["measured"]:
        return {"p50": 0.0, "p95": 0.0, "p99": 0.0}
    return {name: round(row[name] * 1000, 1) for name in ("p50", "p95", "p99")}
