"""Money that a channel gave back goes nowhere else: beside a gateway with a ledger, through the service's death."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import Struct

from chassis.postgres import Pool
from schemas.events.refunds import (
    DoubleRefundSuspected,
    RefundApproved,
    RefundRequested,
    RefundSettled,
)
from tests.integration.refunds.peer import assert_paid_once
from tests.integration.refunds.running import Running, World
from tests.integration.refunds.test_resuming import ended as settled
from tests.unit.refunds.desk import ORDER, line, paid, placed, shipped
from tests.unit.refunds.test_ended_there import asking, ended

BIG = (placed(line(1, 2, 180_000)), paid(180_000), shipped(ORDER, (1, 2)))
SMALL = (placed(line(1, 2, 18_000)), paid(18_000))
PATIENT = {"DANSHU_REFUNDS_ASKS_MAX": "100"}


def suspected(events: list[Struct]) -> bool:
    return any(isinstance(event, DoubleRefundSuspected) for event in events)


async def asked(world: World, service: Running, *plan: str) -> str:
    """A small refund that is being paid, whose gateway behaves so at the first call; its id."""
    world.peer.refund_plan = list(plan)
    world.peer.query_plan = ["500"] * 40
    await world.publish(SMALL)
    part = [{"line_no": 1, "quantity": 1}]
    body = {"order_id": ORDER, "request_key": "k1", "actor": "agent-1", "lines": part}
    refund_id: str = (await service.request(body)).json()["refund_id"]
    async with asyncio.timeout(20):
        while not world.peer.refund_calls:  # noqa: ASYNC110 — another process makes it true
            await asyncio.sleep(0.05)
    return refund_id


@pytest.mark.parametrize("first", ["the request", "the end"])
async def test_a_case_that_was_settled_there_is_settled_once_and_paid_by_nobody(
    world: World, first: str
) -> None:
    """Told twice, with a kill before and one after the commit, whichever of the two comes first."""
    request, end = asking((1, 1)), ended("refunded", (1, 1), fen=85_000)
    await world.publish([*BIG, *([request, end] if first == "the request" else [end, request])])
    for point in ("batch.before_commit", "batch.after_commit"):
        await world.died({"DANSHU_FAILPOINTS": f"{point}=kill@1"})
        await world.publish([end, request])
    async with world.service() as service:
        events = await world.refund_events(settled)
        path = f"/refunds/{ORDER}/refund-1/approve"
        late = await service.post(path, {"actor": "fin-1", "role": "supervisor"})
        assert (late.status_code, late.json()["code"]) == (409, "already_ended")
        [listed] = (await service.door.get(f"/refunds?order_id={ORDER}")).json()["refunds"]
    told = [event for event in events if not isinstance(event, RefundApproved)]
    assert [type(event) for event in told] == [RefundRequested, RefundSettled]
    assert isinstance(told[1], RefundSettled)
    assert (told[1].amount_fen, told[1].gateway) == (85_000, "channel")
    assert (listed["state"], listed["amount_fen"]) == ("settled", 85_000)
    assert listed["end_reason"] == "refunded_there"
    assert (world.peer.refund_calls, world.peer.ledger) == (0, [])


async def test_a_payout_in_doubt_is_told_and_not_sent_again_once_the_channel_has_paid(
    world: World, pool: Pool
) -> None:
    """The gateway never heard of it. Killed when that it may have gone twice was decided and not yet told."""
    async with world.service(**PATIENT) as service:
        refund_id = await asked(world, service, "500")
        service.kill()
    end = ended("refunded", (1, 1), fen=9_000, refund_id=refund_id)
    await world.publish([end, end])
    dying = {"DANSHU_FAILPOINTS": "batch.after_commit=kill@1", "DANSHU_REFUNDS_IDLE_S": "3600"}
    await world.died(PATIENT | dying)
    assert await pool.fetchval("SELECT paid_there FROM refunds.payouts")
    world.peer.query_plan = []
    async with world.service(**PATIENT):
        events = await world.refund_events(settled)
    [told] = [event for event in events if isinstance(event, DoubleRefundSuspected)]
    assert (told.refund_id, told.reason, told.there_fen) == (refund_id, "payout_under_way", 9_000)
    [last] = [event for event in events if isinstance(event, RefundSettled)]
    assert (last.gateway, last.amount_fen) == ("channel", 9_000)
    assert (world.peer.refund_calls, world.peer.ledger) == (1, [])


async def test_where_both_have_paid_it_is_told_and_nothing_is_repaired(world: World) -> None:
    async with world.service(**PATIENT) as service:
        refund_id = await asked(world, service, "act 500")
        await world.publish([ended("refunded", (1, 1), fen=9_000, refund_id=refund_id)])
        await world.refund_events(suspected)
        world.peer.query_plan = []
        events = await world.refund_events(settled)
        rest = {"order_id": ORDER, "request_key": "k2", "actor": "agent-1"}
        late = await service.request(rest)
    assert (late.status_code, late.json()["code"]) == (409, "refunded_beyond")
    [last] = [event for event in events if isinstance(event, RefundSettled)]
    assert (last.gateway, last.amount_fen) == ("alipay", 9_000)
    assert len([event for event in events if isinstance(event, DoubleRefundSuspected)]) == 1
    assert_paid_once(world.peer.ledger, {(f"taobao:T{ORDER}", refund_id): 9_000})


async def test_a_payout_that_was_not_sent_is_closed_with_its_case(world: World, pool: Pool) -> None:
    """The dispatcher has looked when there was nothing to pay, and sleeps."""
    async with world.service(DANSHU_REFUNDS_IDLE_S="3600") as service:
        refund_id = await due(world, service)
        await world.publish([ended("refunded", (1, 1), fen=9_000, refund_id=refund_id)])
        events = await world.refund_events(settled)
    assert not suspected(events)
    [row] = await pool.fetch("SELECT stage, due_at FROM refunds.payouts")
    assert (row["stage"], row["due_at"]) == ("done", None)
    assert (world.peer.refund_calls, world.peer.ledger) == (0, [])


async def due(world: World, service: Running) -> str:
    """A small refund whose payout is opened and that nobody has sent; its id."""
    await world.publish(SMALL)
    part = [{"line_no": 1, "quantity": 1}]
    body = {"order_id": ORDER, "request_key": "k1", "actor": "agent-1", "lines": part}
    made = (await service.request(body)).json()
    assert (made["state"], made["payout_stage"]) == ("paying", "due")
    return str(made["refund_id"])


async def test_a_payout_that_the_gateway_put_off_is_asked_about_and_not_sent_again(
    world: World, pool: Pool
) -> None:
    async with world.service(DANSHU_REFUNDS_QUERY_WAIT_S="600") as service:
        refund_id = await asked(world, service, "throttled")
        async with asyncio.timeout(20):
            while await pool.fetchval("SELECT stage FROM refunds.payouts") != "due":  # noqa: ASYNC110 — another process makes it true
                await asyncio.sleep(0.05)
        await world.publish([ended("refunded", (1, 1), fen=9_000, refund_id=refund_id)])
        await world.refund_events(suspected)
    world.peer.query_plan = []
    await pool.execute("UPDATE refunds.payouts SET due_at = now()")
    async with world.service():
        events = await world.refund_events(settled)
    [last] = [event for event in events if isinstance(event, RefundSettled)]
    assert last.gateway == "channel"
    [row] = await pool.fetch("SELECT stage, due_at FROM refunds.payouts")
    assert (row["stage"], row["due_at"]) == ("done", None)
    assert (world.peer.refund_calls, world.peer.ledger) == (1, [])
