"""Clerks decide in the platforms' back offices while ingest and refunds die: the gateway pays nothing beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.embedded.stack import Stack
from schemas.events.refunds import RefundSettled
from simulators.drawing import Step
from simulators.orders import Order
from tests.integration.ingest.test_ended_there_process import outcome_of
from tests.integration.ingest.write_back_rig import PATIENCE_S, Street, street
from tests.integration.refunds.peer import Peer
from tests.integration.refunds.running import World

CHANNELS = ("taobao", "douyin", "pdd", "kuaishou")
ENDS = {"refunded": ("settled", "refunded_there"), "refused": ("refused", "refused_there")}
ENDS["withdrawn"] = ("refused", "withdrawn")


@pytest.fixture(name="street")
async def _street(
    stack: Stack, topic_prefix: str, database_url: str, tmp_path: Path
) -> AsyncIterator[Street]:
    async with street(stack, topic_prefix, database_url, tmp_path) as built:
        yield built


def of_one_line(street: Street, channel: str) -> Order:
    """A claim over its only line is one over all of it, and waits for the order's cancelling."""
    while len((order := street.sell(channel)).lines) > 1:
        continue
    return order


async def test_what_the_back_offices_decided_is_what_the_books_say_and_nothing_is_paid(
    street: Street, world: World, peer: Peer
) -> None:
    """Orders that have not left: their cases wait for the cancelling, and are decided there meanwhile."""
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
