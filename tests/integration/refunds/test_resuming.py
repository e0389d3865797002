"""A payout that was given up, taken up again by a person: the decision and the looking, also through a kill."""

from __future__ import annotations

from typing import Any

import asyncpg
from msgspec import Struct

from chassis.clock import SystemClock
from chassis.ids import request_id
from schemas.events.commands_refunds import ResumePayout
from schemas.events.refunds import PayoutGivenUp, PayoutResumed, RefundSettled
from tests.integration.refunds.peer import assert_paid_once
from tests.integration.refunds.running import Running, World
from tests.integration.refunds.test_cli import said
from tests.unit.refunds.desk import line, paid, placed

NOW = SystemClock().now()
PATIENCE = {"DANSHU_REFUNDS_ASKS_MAX": "2"}
WHY = "支付渠道已恢复"


async def given_up(world: World, service: Running) -> str:
    """A refund whose gateway acted and was silent ever since, which was told; its id."""
    refund_id = await asked(world, service)
    await world.refund_events(told)
    assert (await the_case(service))["payout_stage"] == "needs_person"
    assert (world.peer.refund_calls, world.peer.query_calls) == (1, 2)
    return refund_id


async def asked(world: World, service: Running) -> str:
    """A refund that waits for nothing, whose gateway will act and be silent then; its id."""
    await world.publish([placed(line(1, 2, 4_000), order_id="o1"), paid(4_000, "o1")])
    world.peer.refund_plan = ["act 500"]
    world.peer.query_plan = ["500"] * 2
    part = [{"line_no": 1, "quantity": 1}]
    body = {"order_id": "o1", "request_key": "k1", "actor": "agent-1", "lines": part}
    refund_id: str = (await service.request(body)).json()["refund_id"]
    return refund_id


async def the_case(service: Running) -> dict[str, Any]:
    found: list[dict[str, Any]]
    found = (await service.door.get("/refunds?order_id=o1")).json()["refunds"]
    return found[0]


def ended(events: list[Struct]) -> bool:
    return any(isinstance(event, RefundSettled) for event in events)


def told(events: list[Struct]) -> bool:
    return any(isinstance(event, PayoutGivenUp) for event in events)


def told_once(world: World, events: list[Struct], refund_id: str) -> PayoutResumed:
    """One decision, one look, the money moved once; gives back what was told."""
    assert (world.peer.refund_calls, world.peer.query_calls) == (1, 3)
    assert_paid_once(world.peer.ledger, {("taobao:To1", refund_id): 2_000})
    [resumed] = [event for event in events if isinstance(event, PayoutResumed)]
    assert (resumed.refund_id, resumed.actor, resumed.reason) == (refund_id, "fin-1", WHY)
    return resumed


async def test_a_person_with_a_reason_has_it_looked_at_and_everybody_reads_who(
    world: World,
) -> None:
    async with world.service(**PATIENCE) as service:
        refund_id = await given_up(world, service)
        path = f"/refunds/o1/{refund_id}/look-again"
        press = {"actor": "fin-1", "reason": WHY, "request_key": "press-1"}
        for empty in ({}, {"actor": "fin-1", "reason": " "}, {"actor": "", "reason": WHY}):
            assert (await service.post(path, empty)).status_code == 422
        stranger = await service.post("/refunds/o1/refund-9/look-again", press)
        assert (stranger.status_code, stranger.json()["code"]) == (409, "refund_unknown")
        done = await service.post(path, press)
        assert done.status_code == 200, done.text
        events = await world.refund_events(ended)
        assert (await service.post(path, press)).status_code == 200, "the first answer again"
        late = await service.post(path, {"actor": "fin-2", "reason": WHY})
        assert (late.status_code, late.json()["code"]) == (409, "already_ended")
        [kept] = (await the_case(service))["resumptions"]
        shown = await said(service, "show", "o1")
    resumed = told_once(world, events, refund_id)
    assert (resumed.amount_fen, bool(resumed.last_heard)) == (2_000, True)
    assert (kept["actor"], kept["reason"], kept["last_heard"]) == ("fin-1", WHY, resumed.last_heard)
    assert kept["given_up_at"]
    assert f"fin-1 重新核实打款：{WHY}（此前：{resumed.last_heard}）" in shown.output


async def test_a_kill_between_the_decision_and_the_looking_loses_and_repeats_nothing(
    world: World, database_url: str
) -> None:
    """The command comes twice, and a third time by the door. The dying service never looks by itself."""
    async with world.service(**PATIENCE) as service:
        refund_id = await given_up(world, service)
    command = ResumePayout(
        order_id="o1",
        command_id=request_id("resume", "o1", refund_id, "fin-1", "press-1"),
        issued_at=NOW,
        actor="fin-1",
        refund_id=refund_id,
        reason=WHY,
    )
    await world.publish([command, command])
    dying = {"DANSHU_FAILPOINTS": "batch.after_commit=kill@1", "DANSHU_REFUNDS_IDLE_S": "3600"}
    await world.died(PATIENCE | dying)
    assert await stage_of(database_url) == "unknown"
    assert world.peer.query_calls == 2, "nobody looked yet"
    async with world.service(**PATIENCE) as service:
        events = await world.refund_events(ended)
        press = {"actor": "fin-1", "reason": WHY, "request_key": "press-1"}
        same = await service.post(f"/refunds/o1/{refund_id}/look-again", press)
        assert same.status_code == 200
    told_once(world, events, refund_id)


async def stage_of(database_url: str) -> str:
    """Where the only payout stands."""
    connection = await asyncpg.connect(database_url)
    try:
        stage: str = await connection.fetchval("SELECT stage FROM refunds.payouts")
    finally:
        await connection.close()
    return stage
