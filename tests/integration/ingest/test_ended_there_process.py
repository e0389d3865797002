"""What clerks decide in the platforms' back offices reaches refunds once each, through ingest's death."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.embedded.stack import Stack
from schemas.events.commands_refunds import EndRefund, RequestRefund
from simulators.drawing import Step
from tests.integration.ingest.test_write_backs_process import age_requests_of_jd
from tests.integration.ingest.write_back_rig import ANSWERING, PATIENCE_S, Street, street

STEPS: tuple[Step, ...] = ("refuse", "settle")
AS_READ = {
    # One number for what is closed without money, by whomever.
    ("kuaishou", "refuse"): "withdrawn",
    # Approved, and paid by the platform seconds later: by its number it is asked for again only after minutes.
    ("jd", "settle"): "",
}


def outcome_of(channel: str, step: Step) -> str:
    """How the end of a request reads; "" while it is none."""
    return AS_READ.get((channel, step), {"refuse": "refused", "settle": "refunded"}[step])


@pytest.fixture(name="street")
async def _street(
    stack: Stack, topic_prefix: str, database_url: str, tmp_path: Path
) -> AsyncIterator[Street]:
    async with street(stack, topic_prefix, database_url, tmp_path) as built:
        yield built


async def test_each_end_of_each_channel_is_told_once_though_ingest_dies_having_told_it(
    street: Street,
) -> None:
    """Of each channel one request is refused and one paid back; JD's list shows its no more by then."""
    world = street.simulation.world
    decided = [
        (street.sell(channel), step)
        for channel in ANSWERING
        for step in STEPS
        if outcome_of(channel, step)
    ]
    claims = {}
    async with street.ingest("request_ended.handed_over=kill@1") as dying:
        ids = await street.taken_in([order for order, _ in decided])
        for order, _ in decided:
            claims[order.order_no] = world.claim(world.records.orders[order.key])
        asked = sum(len(one) for one in claims.values())
        await street.until("SELECT count(*) FROM ingest.aftersales WHERE requested", asked)
        await age_requests_of_jd(street)
        for order, step in decided:
            assert world.act(order.key, step)
        async with asyncio.timeout(PATIENCE_S):
            assert await dying.wait() == -signal.SIGKILL

    async with street.ingest():
        await street.until("SELECT count(*) FROM ingest.requests_ended WHERE told", asked)
        async with asyncio.timeout(PATIENCE_S):
            while len(ended := await street.ended()) < asked:  # noqa: ASYNC110 — another process makes it true
                await asyncio.sleep(0.5)
    rows = await street.rows("SELECT refund_id, channel_order_no FROM ingest.aftersales")
    outcome = {ids[order.order_no]: outcome_of(order.channel, step) for order, step in decided}
    assert Counter((one.refund_id, one.order_id, one.outcome) for one in ended) == Counter(
        (row["refund_id"], (order_id := ids[row["channel_order_no"]]), outcome[order_id])
        for row in rows
    )
    for order, step in decided:
        mine = [one for one in ended if one.order_id == ids[order.order_no]]
        fen = [one.refunded.amount_fen or 0 for one in mine if one.refunded]
        paid = [claim.amount_fen for claim in claims[order.order_no]]
        assert sorted(fen) == (sorted(paid) if step == "settle" else []), order.channel


async def test_money_of_a_request_that_was_never_seen_open_is_told_and_not_asked_for(
    street: Street,
) -> None:
    """The platform pays by its own rule before any poll, while ingest is away."""
    world = street.simulation.world
    channels = [channel for channel in ANSWERING if channel != "jd"]
    orders = [street.sell(channel) for channel in channels]
    async with street.ingest():
        ids = await street.taken_in(orders)
    claims = {}
    for order in orders:
        claims[order.order_no] = world.claim(world.records.orders[order.key])
        assert world.act(order.key, "settle")
    count = sum(len(one) for one in claims.values())
    async with street.ingest():
        await street.until("SELECT count(*) FROM ingest.requests_ended WHERE told", count)
        async with asyncio.timeout(PATIENCE_S):
            while len(told := await street.commands()) < count:  # noqa: ASYNC110 — another process makes it true
                await asyncio.sleep(0.5)
    assert [one for one in told if isinstance(one, RequestRefund)] == []
    fen = Counter[str]()
    for one in told:
        assert isinstance(one, EndRefund)
        assert one.refunded is not None
        fen[one.order_id] += one.refunded.amount_fen or 0
    assert fen == {
        ids[order_no]: sum(claim.amount_fen for claim in opened)
        for order_no, opened in claims.items()
    }
