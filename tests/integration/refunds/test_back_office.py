"""Clerks decide in the platforms' back offices while ingest and refunds die: the gateway pays nothing beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.embedded.stack import Stack
from schemas.events.refunds import RefundAgreedThere, RefundSettled
from simulators.drawing import Step
from simulators.marketplaces.jd import payloads
from simulators.orders import Order
from tests.integration.ingest.test_ended_there_process import outcome_of
from tests.integration.ingest.write_back_rig import PATIENCE_S, Street, street
from tests.integration.refunds.peer import Peer
from tests.integration.refunds.running import World
from tests.integration.refunds.test_cli import said

CHANNELS = ("taobao", "douyin", "pdd", "kuaishou")
ENDS = {"refunded": ("settled", "refunded_there"), "refused": ("refused", "refused_there")}
ENDS["withdrawn"] = ("refused", "withdrawn")


@pytest.fixture(name="street")
async def _street(
    stack: Stack, topic_prefix: str, database_url: str, tmp_path: Path
) -> AsyncIterator[Street]:
    async with street(stack, topic_prefix, database_url, tmp_path) as built:
        yield built


NOT_BY_RULE_FEN = 20_000


def of_one_line(street: Street, channel: str) -> Order:
    """A claim over its only line is one over all of it, and over so much that somebody has to approve it."""
    while True:
        order = street.sell(channel)
        if len(order.lines) == 1 and order.paid_fen >= NOT_BY_RULE_FEN:
            return order


def of_a_part(street: Street) -> tuple[Order, str]:
    """An order of JD, and a line of it that a claim's sum alone tells, and of so much that somebody has to approve it."""
    while True:
        order = street.sell("jd", lines_min=2)
        # JD tells prices and the order's sum only.
        reduced = any(line.paid_fen < line.quantity * line.unit_price_fen for line in order.lines)
        prices = {line.unit_price_fen for line in order.lines}
        single = all(line.quantity == 1 for line in order.lines)
        dear = [line.line_no for line in order.lines if line.paid_fen >= NOT_BY_RULE_FEN]
        if dear and single and not reduced and len(prices) == len(order.lines):
            return order, dear[0]


async def test_what_the_back_offices_decided_is_what_the_books_say_and_nothing_is_paid(
    street: Street, world: World, peer: Peer
) -> None:
    """Orders that have not left: their cases wait for an approval here, and are decided there meanwhile."""
    steps: tuple[Step, ...] = ("settle", "refuse")
    sold = [(of_one_line(street, channel), step) for channel in CHANNELS for step in steps]
    marketplaces, claimed_fen = street.simulation.world, 0
    async with street.ingest(), world.service():
        ids = await street.taken_in([order for order, _ in sold])
        for order, step in sold:
            claims = marketplaces.claim(marketplaces.records.orders[order.key])
            claimed_fen += sum(one.amount_fen for one in claims) if step == "settle" else 0
        asked = len(marketplaces.records.after_sales)
        await street.until("SELECT count(*) FROM refunds.cases", asked)
        for order, step in sold[::2]:
            assert marketplaces.act(order.key, step)
    for order, step in sold[1::2]:
        assert marketplaces.act(order.key, step)
    # The one dies having told it, the other having decided it.
    async with street.ingest("request_ended.handed_over=kill@1") as dying:
        async with asyncio.timeout(PATIENCE_S):
            await dying.wait()
    await world.died({"DANSHU_FAILPOINTS": "batch.after_commit=kill@1"})
    async with street.ingest(), world.service():
        await street.until("SELECT count(*) FROM refunds.cases WHERE state LIKE 'awaiting%'", 0)
        rows = await street.rows(
            "SELECT order_id, state, end_reason, amount_fen FROM refunds.cases"
        )
        settled_fen = sum(row["amount_fen"] for row in rows if row["state"] == "settled")
        events = await world.refund_events(
            lambda found: (
                sum(one.amount_fen for one in found if isinstance(one, RefundSettled))
                >= settled_fen
            )
        )
    wanted = {ids[order.order_no]: ENDS[outcome_of(order.channel, step)] for order, step in sold}
    assert {(row["order_id"], (row["state"], row["end_reason"])) for row in rows} == set(
        wanted.items()
    )
    settled = [one for one in events if isinstance(one, RefundSettled)]
    assert {one.gateway for one in settled} == {"channel"}
    assert len({one.refund_id for one in settled}) == len(settled)
    assert sum(one.amount_fen for one in settled) == settled_fen == claimed_fen
    assert (peer.refund_calls, peer.ledger) == (0, [])


async def test_what_jd_will_pay_by_itself_is_told_once_and_stays_open_until_it_has(
    street: Street, world: World, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clerk approves in the back office; ingest dies having told it. Of a part, since all of an order would close it."""
    monkeypatch.setattr(payloads, "PAYS_AFTER_MS", 3_600_000)
    parts = [of_a_part(street) for _ in range(2)]
    orders = [order for order, _ in parts]
    marketplaces = street.simulation.world
    async with street.ingest("request_agreed.handed_over=kill@1") as dying, world.service():
        ids = await street.taken_in(orders)
        for order, part in parts:
            assert marketplaces.claim(marketplaces.records.orders[order.key], line_nos=(part,))
        await street.until("SELECT count(*) FROM refunds.cases", len(orders))
        assert marketplaces.act(orders[0].key, "settle")
        async with asyncio.timeout(PATIENCE_S):
            await dying.wait()
    async with street.ingest(), world.service() as service:
        await street.until("SELECT count(*) FROM ingest.aftersales WHERE agreed_told", 1)
        events = await world.refund_events(
            lambda found: any(isinstance(one, RefundAgreedThere) for one in found)
        )
        shown = await said(service, "show", ids[orders[0].order_no])
        rows = await street.rows("SELECT order_id, state, heard_there FROM refunds.cases")
        monkeypatch.setattr(payloads, "PAYS_AFTER_MS", 0)
        await street.until("SELECT count(*) FROM refunds.cases WHERE state = 'settled'", 1)
    [told] = [one for one in events if isinstance(one, RefundAgreedThere)]
    assert (told.order_id, told.actor) == (ids[orders[0].order_no], "channel:jd")
    assert "平台已同意，等平台打款，不要在这里再批一次" in shown.output
    heard = {row["order_id"]: row["heard_there"] is not None for row in rows}
    assert heard == {ids[orders[0].order_no]: True, ids[orders[1].order_no]: False}
    assert all(row["state"].startswith("awaiting_") for row in rows)
    assert (peer.refund_calls, peer.ledger) == (0, [])
