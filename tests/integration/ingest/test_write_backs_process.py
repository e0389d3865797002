"""What the channels are told, by ingest as a process against simulated marketplaces, through its death."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deploy.embedded.stack import Stack
from schemas.events.refunds import RefundRefused
from schemas.events.shipments import ParcelShipped
from schemas.events.write_backs import WriteBackApplied, WriteBackRefused
from tests.integration.ingest.write_back_rig import ANSWERING, NOW, PATIENCE_S, Street, street
from tests.support.examples import example


@pytest.fixture(name="street")
async def _street(
    stack: Stack, topic_prefix: str, database_url: str, tmp_path: Path
) -> AsyncIterator[Street]:
    async with street(stack, topic_prefix, database_url, tmp_path) as built:
        yield built


def refused(order_id: str, refund_id: str) -> RefundRefused:
    return RefundRefused(
        order_id=order_id,
        version=1,
        occurred_at=NOW,
        refund_id=refund_id,
        actor="alice",
        reason="商品已拆封",
    )


async def parcel(street: Street, order_id: str, waybill_no: str = "75000001") -> ParcelShipped:
    """All of the order, by a courier every platform knows."""
    [row] = await street.rows(
        "SELECT document->'state'->>'lines' AS lines FROM ingest.orders WHERE order_id = $1",
        order_id,
    )
    pattern: Any = example(ParcelShipped)
    shipped: ParcelShipped = replace(
        pattern,
        order_id=order_id,
        version=1,
        parcel_id=f"{order_id}-1",
        carrier="ZTO",
        waybill_no=waybill_no,
        lines=tuple(
            replace(pattern.lines[0], line_no=number, channel_line_id=line_id, quantity=quantity)
            for number, (line_id, quantity) in enumerate(json.loads(row["lines"]), 1)
        ),
    )
    return shipped


async def claimed(street: Street) -> dict[str, str]:
    """One shipped order of each channel with a claim that ingest has seen; our order id → refund id."""
    world = street.simulation.world
    for channel in ANSWERING:
        order = street.sell(channel)
        world.ship(order.key, waybill=f"1{order.order_no}", company="44")
        assert world.claim(world.records.orders[order.key])
    async with asyncio.timeout(PATIENCE_S):
        while True:
            rows = await street.rows(
                "SELECT DISTINCT ON (o.order_id) o.order_id, a.refund_id FROM ingest.aftersales a "
                "JOIN ingest.orders o USING (channel, shop, channel_order_no) "
                "WHERE a.requested ORDER BY o.order_id, a.refund_id"
            )
            if len(rows) == len(ANSWERING):
                return {row["order_id"]: row["refund_id"] for row in rows}
            await asyncio.sleep(0.2)


async def ask_again(street: Street, refunds: dict[str, str]) -> None:
    """The buyers insist: their requests are handed over once more, each under a refund of its own."""
    await street.until(
        "SELECT count(*) FROM ingest.aftersales WHERE told_refused AND closed_at IS NOT NULL",
        len(refunds),
    )
    # On JD a new asking is a new number: its list knows requests by the time of asking.
    told = await street.rows(
        "SELECT refund_no FROM ingest.aftersales WHERE told_refused AND channel <> 'jd'"
    )
    world = street.simulation.world
    assert all(world.insist(row["refund_no"].removeprefix("R")) for row in told)
    await street.until(
        "SELECT count(*) FROM ingest.aftersales WHERE round = 2 AND requested", len(told)
    )
    again = await street.rows("SELECT refund_id FROM ingest.aftersales WHERE round = 2")
    assert {row["refund_id"] for row in again} & set(refunds.values()) == set()


async def test_a_refusal_reaches_each_channel_once_though_ingest_dies_before_it_keeps_the_answer(
    street: Street,
) -> None:
    async with street.ingest("write_back.answered=kill@1") as dying:
        refunds = await claimed(street)
        await street.say(*(refused(order_id, refund) for order_id, refund in refunds.items()))
        async with asyncio.timeout(PATIENCE_S):
            assert await dying.wait() == -signal.SIGKILL
    counts = street.simulation.tally.counts
    assert sum(counts[f"{channel}:refuse:applied"] for channel in ANSWERING) >= 1
    assert await street.answers() == []

    async with street.ingest():
        answers = await street.until_answered(len(ANSWERING))
        assert {type(answer) for answer in answers} == {WriteBackApplied}, answers
        told = Counter((answer.order_id, answer.kind, answer.document_no) for answer in answers)
        assert told == Counter(
            (order, "refund_refusal", refund) for order, refund in refunds.items()
        )
        await ask_again(street, refunds)
    assert {counts[f"{channel}:refuse:applied"] for channel in ANSWERING} == {1}
    assert sum(counts[f"{channel}:refuse:duplicate"] for channel in ANSWERING) >= 1
    assert await street.rows("SELECT 1 FROM ingest.write_backs WHERE due") == []


async def test_a_parcel_that_left_under_an_open_request_reaches_the_channel_after_its_refusal(
    street: Street,
) -> None:
    world = street.simulation.world
    async with street.ingest():
        order = street.sell("pdd")
        order_id = (await street.taken_in([order]))[order.order_no]
        assert world.claim(world.records.orders[order.key])
        await street.until("SELECT count(*) FROM ingest.aftersales WHERE requested", 1)
        await street.say(await parcel(street, order_id))
        [first] = await street.until_answered(1)
        assert isinstance(first, WriteBackRefused), "the platform takes no parcel now"
        [row] = await street.rows("SELECT refund_id FROM ingest.aftersales")
        await street.say(refused(order_id, row["refund_id"]))
        answers = await street.until_answered(3)
    assert [(type(one), one.kind) for one in answers[1:]] == [
        (WriteBackApplied, "refund_refusal"),
        (WriteBackApplied, "shipment"),
    ]
    shipments = world.records.orders[order.key].shipments
    assert [one.waybill for one in shipments] == ["75000001"]


async def age_requests_of_jd(street: Street) -> None:
    """JD's list, which goes by the time of asking, shows them no more: they are asked for by their numbers."""
    claims = street.simulation.world.records.after_sales
    for number, claim in claims.items():
        if claim.channel == "jd":
            hours_ago = claim.created_at_ms - 2 * 3_600_000
            claims[number] = replace(claim, created_at_ms=hours_ago)
    await street.rows(
        "UPDATE ingest.aftersales SET seen_at = seen_at - interval '2 hours' WHERE channel = 'jd'"
    )


async def test_a_parcel_that_left_under_a_request_is_taken_once_its_buyer_withdraws_it(
    street: Street,
) -> None:
    world = street.simulation.world
    orders = [street.sell(channel) for channel in ANSWERING]
    async with street.ingest("request_ended.handed_over=kill@1") as dying:
        ids = await street.taken_in(orders)
        for order in orders:
            assert world.claim(world.records.orders[order.key])
        await street.until(
            "SELECT count(DISTINCT channel) FROM ingest.aftersales WHERE requested", len(orders)
        )
        for number, order in enumerate(orders):
            await street.say(await parcel(street, ids[order.order_no], f"7500000{number}"))
        answers = await street.until_answered(len(orders))
        assert {type(answer) for answer in answers} == {WriteBackRefused}, "no parcel is taken now"
        await age_requests_of_jd(street)
        for order in orders:
            assert world.act(order.key, "withdraw")
        async with asyncio.timeout(PATIENCE_S):
            assert await dying.wait() == -signal.SIGKILL

    async with street.ingest():
        answers = await street.until_answered(2 * len(orders))
        # An order's parcel is taken up with the first of its requests that has ended: the others are told later.
        await street.until(
            "SELECT count(*) FROM ingest.aftersales WHERE requested AND refund_id NOT IN "
            "(SELECT refund_id FROM ingest.requests_ended WHERE told AND refund_id IS NOT NULL)",
            0,
        )
    told = Counter((answer.order_id, type(answer)) for answer in answers)
    assert told == Counter(
        (order_id, kind)
        for order_id in ids.values()
        for kind in (WriteBackRefused, WriteBackApplied)
    )
    shipments = [one for order in orders for one in world.records.orders[order.key].shipments]
    assert [one.count for one in shipments] == [1] * len(orders)
    assert await street.rows("SELECT 1 FROM ingest.write_backs WHERE due") == []
    over = await street.ended()
    asked = await street.rows("SELECT refund_id FROM ingest.aftersales WHERE requested")
    assert Counter((one.refund_id, one.outcome) for one in over) == Counter(
        (row["refund_id"], "withdrawn") for row in asked
    )


async def test_a_refusal_that_is_read_after_its_request_has_ended_is_no_answer(
    street: Street,
) -> None:
    world, counts = street.simulation.world, street.simulation.tally.counts
    async with street.ingest():
        order = street.sell("douyin")
        order_id = (await street.taken_in([order]))[order.order_no]
        assert world.claim(world.records.orders[order.key])
        await street.until(
            "SELECT count(DISTINCT channel) FROM ingest.aftersales WHERE requested", 1
        )
        street.held.path = "/order/logisticsAdd"
        await street.say(await parcel(street, order_id))
        async with asyncio.timeout(PATIENCE_S):
            while not counts["douyin:send:refused"]:  # noqa: ASYNC110 — another process makes it true
                await asyncio.sleep(0.05)
        assert world.act(order.key, "withdraw")
        await street.until(
            "SELECT count(*) FROM ingest.write_backs "
            "WHERE (document->'state'->'told'->0->>'again')::int >= 1",
            1,
        )
        street.held.may_go.set()
        [answer] = await street.until_answered(1)
    assert isinstance(answer, WriteBackApplied), answer
    assert [one.count for one in world.records.orders[order.key].shipments] == [1]
