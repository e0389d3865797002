"""A payout that was given up, taken up again by a person: the decision and the looking, also through a kill."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct

from chassis.clock import SystemClock
from chassis.ids import request_id
from schemas.events.commands_refunds import ResumePayout
from schemas.events.refunds import PayoutResumed, RefundSettled
from tests.integration.refunds.peer import assert_paid_once
from tests.integration.refunds.running import SETTLE_TIMEOUT_S, Running, World
from tests.integration.refunds.test_cli import said
from tests.unit.refunds.desk import delivered, line, paid, placed, shipped

NOW = SystemClock().now()
PATIENCE = {"asks_max": "2"}
NOT_LOOKING = {"idle_s": "3600"}
"""The dispatcher looks once at its start and then not before the test is over."""
WHY = "支付渠道已恢复"


async def given_up(world: World) -> str:
    """A refund whose gateway acted and was silent ever since; its id."""
    await world.publish(
        [placed(line(1, 1, 2_000), order_id="o1"), paid(2_000, "o1"), shipped("o1")]
    )
    await world.publish([delivered(NOW, "o1")])
    world.peer.refund_plan = ["act 500"]
    world.peer.query_plan = ["500"] * 2
    async with world.service(**PATIENCE) as service:
        asked = {"order_id": "o1", "request_key": "k1", "actor": "agent-1", "reason": "少发"}
        refund_id: str = (await service.request(asked)).json()["refund_id"]
        async with asyncio.timeout(SETTLE_TIMEOUT_S):
            while True:
                if (await the_case(service))["payout_stage"] == "needs_person":
                    break
                await asyncio.sleep(0.05)
    assert (world.peer.refund_calls, world.peer.query_calls) == (1, 2)
    return refund_id


async def the_case(service: Running) -> dict[str, Any]:
    found: list[dict[str, Any]]
    found = (await service.door.get("/refunds?order_id=o1")).json()["refunds"]
    return found[0]


def ended(events: list[Struct]) -> bool:
    return any(isinstance(event, RefundSettled) for event in events)


async def test_a_kill_between_the_decision_and_the_looking_looks_once(world: World) -> None:
    refund_id = await given_up(world)
    path = f"/refunds/o1/{refund_id}/look-again"
    press = {"actor": "fin-1", "reason": WHY, "request_key": "press-1"}
    async with world.service(**PATIENCE, **NOT_LOOKING) as service:
        for empty in ({}, {"actor": "fin-1", "reason": " "}, {"actor": "", "reason": WHY}):
            assert (await service.post(path, empty)).status_code == 422
        stranger = await service.post("/refunds/o1/refund-9/look-again", press)
        assert (stranger.status_code, stranger.json()["code"]) == (409, "refund_unknown")
        same_press = ResumePayout(
            order_id="o1",
            command_id=request_id("resume", "o1", refund_id, "fin-1", "press-1"),
            issued_at=NOW,
            actor="fin-1",
            refund_id=refund_id,
            reason=WHY,
        )
        await world.publish([same_press, same_press])
        done = await service.post(path, press)
        assert (done.status_code, done.json()["payout_stage"]) == (200, "unknown"), done.text
        other = await service.post(path, {"actor": "fin-2", "reason": WHY})
        assert (other.status_code, other.json()["code"]) == (409, "payout_not_given_up")
        assert world.peer.query_calls == 2, "nobody looked yet"
        service.kill()
        assert await service.process.wait() == -9
    async with world.service(**PATIENCE) as service:
        events = await world.refund_events(ended)
        late = await service.post(path, {"actor": "fin-2", "reason": WHY})
        assert (late.status_code, late.json()["code"]) == (409, "already_ended")
        [told] = (await the_case(service))["resumptions"]
        shown = await said(service, "show", "o1")
    assert (world.peer.refund_calls, world.peer.query_calls) == (1, 3), "one look for one decision"
    resumed = [event for event in events if isinstance(event, PayoutResumed)]
    assert [
        (event.refund_id, event.actor, event.reason, event.amount_fen) for event in resumed
    ] == [(refund_id, "fin-1", WHY, 2_000)]
    assert resumed[0].last_heard
    assert (told["actor"], told["reason"]) == ("fin-1", WHY)
    assert f"fin-1 重新核实打款：{WHY}（此前：" in shown.output
    assert_paid_once(world.peer.ledger, {("taobao:To1", refund_id): 2_000})
