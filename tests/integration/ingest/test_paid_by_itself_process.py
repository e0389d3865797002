"""A channel that paid back before it heard of our payment is told apart from one that says what we told it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from deploy.embedded.stack import Stack
from schemas.events.refunds import RefundSettled
from schemas.events.write_backs import WriteBackApplied
from simulators.orders import Order
from tests.integration.ingest.write_back_rig import ANSWERING, NOW, PATIENCE_S, Street, street


@pytest.fixture(name="street")
async def _street(
    stack: Stack, topic_prefix: str, database_url: str, tmp_path: Path
) -> AsyncIterator[Street]:
    async with street(stack, topic_prefix, database_url, tmp_path) as built:
        yield built


async def refund_ids(street: Street, orders: Sequence[Order]) -> dict[str, str]:
    """Refund id → our order id, of what was asked for there."""
    rows = await street.rows(
        "SELECT a.refund_id, o.order_id FROM ingest.aftersales AS a "
        "JOIN ingest.orders AS o USING (channel, shop, channel_order_no) "
        "WHERE channel_order_no = ANY($1::text[]) ORDER BY a.refund_id",
        [order.order_no for order in orders],
    )
    return {row["refund_id"]: row["order_id"] for row in rows}


async def settle(street: Street, refunds: dict[str, str]) -> None:
    """Our gateway has paid these."""
    versions: dict[str, int] = {}
    for refund_id, order_id in refunds.items():
        versions[order_id] = versions.get(order_id, 0) + 1
        await street.say(
            RefundSettled(
                order_id=order_id,
                version=versions[order_id],
                occurred_at=NOW,
                refund_id=refund_id,
                amount_fen=100,
                gateway="alipay",
                gateway_request_no=refund_id,
                order_fully_refunded=False,
                restock=(),
                shipped=False,
            )
        )


async def test_refunds_is_told_who_paid_by_itself_and_of_no_other_though_ingest_dies(
    street: Street,
) -> None:
    """Of each channel a clerk decides one before our word of it comes; another hears our word, whose answer ingest's death loses."""
    world = street.simulation.world
    ours = [street.sell(channel) for channel in ANSWERING]
    theirs = [street.sell(channel) for channel in ANSWERING]
    async with street.ingest("write_back.answered=kill@1") as dying:
        await street.taken_in([*ours, *theirs])
        for order in (*ours, *theirs):
            world.claim(world.records.orders[order.key])
        asked = len(world.records.after_sales)
        await street.until("SELECT count(*) FROM ingest.aftersales WHERE requested", asked)
        our_refunds = await refund_ids(street, ours)
        their_refunds = await refund_ids(street, theirs)
        await settle(street, our_refunds)
        async with asyncio.timeout(PATIENCE_S):
            assert await dying.wait() == -signal.SIGKILL
    heard = sum(
        count for call, count in street.simulation.tally.counts.items() if ":agree:" in call
    )
    assert heard
    assert await street.answers() == [], "no answer of ours was lost"
    for order in theirs:
        assert world.act(order.key, "settle")
    async with street.ingest():
        await settle(street, their_refunds)
        answers = await street.until_answered(asked)
        told = len(our_refunds) + len(their_refunds)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                ended = await street.ended()
                known = {one.refund_id for one in ended if one.outcome == "refunded"}
                apart = [one.refund_id for one in ended if one.doubt == "paid_before"]
                if len(known) == told and len(apart) >= len(their_refunds):
                    break
                await asyncio.sleep(0.5)
        # Whatever would be told once more has its time.
        await street.until("SELECT count(*) FROM ingest.requests_ended WHERE NOT told", 0)
    assert sorted(apart) == sorted(their_refunds)
    # Of ours whose answers went with ingest nobody can tell, and of no others it is said.
    lost = {one.refund_id for one in ended if one.doubt == "answer_lost"}
    assert lost
    assert lost <= set(our_refunds)
    heard_again = [
        claim
        for claim in world.records.after_sales.values()
        if claim.answered_by == "merchant"
        and world.records.agreements_heard[claim.after_sale_id] > 1
    ]
    assert len(lost) == len(heard_again)
    assert {type(answer) for answer in answers} == {WriteBackApplied}
    assert {one.outcome for one in ended} == {"refunded"}
