"""Money that may have gone twice, settled by a person's word through the service's death, beside a gateway with a ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from msgspec import Struct
from msgspec.structs import replace

from chassis.clock import SystemClock
from chassis.ids import request_id
from chassis.postgres import Pool
from schemas.events.commands_refunds import RecordRequestAgreed, ResolveDoubleRefund
from schemas.events.refunds import (
    DoubleRefundResolved,
    DoubleRefundSuspected,
    PayoutGivenUp,
    RefundAgreedThere,
    RefundEndedTooLate,
    RefundRefused,
    RefundSettled,
)
from tests.integration.refunds.peer import assert_paid_once
from tests.integration.refunds.running import Running, World
from tests.integration.refunds.test_cli import said
from tests.integration.refunds.test_ended_there import PATIENT, asked, due, suspected
from tests.unit.refunds.desk import ORDER, cancelled, channel_closed, line, paid, placed
from tests.unit.refunds.test_ended_there import ended

NOW = SystemClock().now()
WHY = "两边账单各有一笔"
NEVER_LOOKS = {"DANSHU_REFUNDS_IDLE_S": "3600"}
"""A dispatcher that does nothing while its service dies."""


def told(kind: type[Struct], count: int = 1) -> Callable[[list[Struct]], bool]:
    return lambda events: sum(isinstance(event, kind) for event in events) >= count


def of(kind: type[Struct], events: list[Struct]) -> list[Struct]:
    return [event for event in events if isinstance(event, kind)]


def word(refund_id: str, outcome: str, press: str = "press-1") -> ResolveDoubleRefund:
    return ResolveDoubleRefund(
        order_id=ORDER,
        command_id=request_id("resolve", ORDER, refund_id, "fin-1", press),
        issued_at=NOW,
        actor="fin-1",
        refund_id=refund_id,
        outcome=outcome,
        reason=WHY,
    )


async def doubt_of(service: Running) -> dict[str, object]:
    found = (await service.door.get(f"/double-refunds?order_id={ORDER}")).json()
    [doubt] = found["double_refunds"]
    return dict(doubt)


async def test_a_word_on_a_payout_that_was_given_up_is_taken_once_through_kills(
    world: World, pool: Pool
) -> None:
    """The gateway has paid, in truth, and never says so; the command comes three times and a fourth by the door."""
    async with world.service(DANSHU_REFUNDS_ASKS_MAX="2") as service:
        refund_id = await asked(world, service, "act 500")
        await world.refund_events(told(PayoutGivenUp))
        await world.publish([ended("refunded", (1, 1), fen=8_000, refund_id=refund_id)])
        await world.refund_events(suspected)
        waiting = await said(service, "double-refunds")
        assert f"{ORDER} {refund_id}" in waiting.output
        assert "平台退 ¥80.00，我方退款单 ¥90.00" in waiting.output
    for point in ("batch.before_commit", "batch.after_commit"):
        await world.publish([word(refund_id, "written_off")])
        await world.died(NEVER_LOOKS | {"DANSHU_FAILPOINTS": f"{point}=kill@1"})
    await world.publish([word(refund_id, "written_off")])
    async with world.service(DANSHU_REFUNDS_ASKS_MAX="2") as service:
        events = await world.refund_events(told(DoubleRefundResolved))
        path = f"/refunds/{ORDER}/{refund_id}/resolve-double-refund"
        press = {"actor": "fin-1", "reason": WHY, "request_key": "press-1"}
        same = await service.post(path, press | {"outcome": "written_off"})
        assert (same.status_code, same.json()["standing"]) == (200, False), same.text
        late = await service.post(path, press | {"outcome": "recovered", "request_key": "press-2"})
        assert (late.status_code, late.json()["code"]) == (409, "already_resolved")
        rest = {"order_id": ORDER, "request_key": "k2", "actor": "agent-1"}
        more = await service.request(rest)
        assert (more.status_code, more.json()["code"]) == (409, "refunded_beyond")
        totals = (await service.door.get("/totals")).json()
        shown = await said(service, "show", ORDER)
        assert "nothing waits" in (await said(service, "double-refunds")).output
    assert totals["gone"] == [{"currency": "CNY", "settled_fen": 9_000, "beyond_fen": 8_000}]
    assert totals["double_refunds"] == 0
    [resolved] = of(DoubleRefundResolved, events)
    assert isinstance(resolved, DoubleRefundResolved)
    assert (resolved.amount_fen, resolved.difference_fen) == (17_000, 8_000)
    [settled] = of(RefundSettled, events)
    assert isinstance(settled, RefundSettled)
    assert (settled.gateway, settled.amount_fen) == ("manual", 9_000)
    assert f"fin-1 核实为退了两次，多退的已核销，这笔共退 ¥170.00：{WHY}" in shown.output
    [row] = await pool.fetch("SELECT stage, due_at FROM refunds.payouts")
    assert (row["stage"], row["due_at"]) == ("done", None)
    assert world.peer.refund_calls == 1
    assert_paid_once(world.peer.ledger, {(f"taobao:T{ORDER}", refund_id): 9_000})


async def test_what_the_gateway_confirmed_stands_and_what_was_got_back_may_be_paid_again(
    world: World,
) -> None:
    async with world.service(**PATIENT) as service:
        refund_id = await asked(world, service, "act 500")
        path = f"/refunds/{ORDER}/{refund_id}/resolve-double-refund"
        body = {"actor": "fin-1", "reason": WHY, "outcome": "recovered"}
        early = await service.post(path, body)
        assert (early.status_code, early.json()["code"]) == (409, "not_suspected")
        await world.publish([ended("refunded", (1, 1), fen=9_000, refund_id=refund_id)])
        await world.refund_events(suspected)
        asking = await service.post(path, body)
        assert (asking.status_code, asking.json()["code"]) == (409, "payout_in_doubt")
        world.peer.query_plan = []
        await world.refund_events(told(RefundSettled))
        for wrong in (
            body | {"actor": " "},
            body | {"reason": ""},
            body | {"reason": "长" * 501},
            body | {"outcome": "neither"},
        ):
            assert (await service.post(path, wrong)).status_code == 422
        denied = await service.post(path, body | {"outcome": "only_channel"})
        assert (denied.status_code, denied.json()["code"]) == (409, "payout_confirmed")
        assert denied.json()["title"] == "支付渠道已确认我方打款到账，不能认定只有平台退款"
        assert (await doubt_of(service))["beyond_fen"] == 9_000
        done = await said(
            service, "resolve-double-refund", ORDER, refund_id, "--outcome", "recovered",
            "--actor", "fin-1", "--reason", WHY,
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        assert "核实为退了两次，多退的已追回，这笔共退 ¥90.00" in done.output
        assert (await doubt_of(service))["beyond_fen"] == 0
        rest = await service.request(
            {
                "order_id": ORDER,
                "request_key": "k2",
                "actor": "agent-1",
                "lines": [{"line_no": 1, "quantity": 1}],
            }
        )
        assert rest.status_code == 201, rest.text
        # With this all of it is given back, of an order that has not left: it is paid once that is cancelled.
        await world.publish([cancelled()])
        await world.refund_events(told(RefundSettled, 2))
    trade = f"taobao:T{ORDER}"
    assert_paid_once(
        world.peer.ledger, {(trade, refund_id): 9_000, (trade, rest.json()["refund_id"]): 9_000}
    )


@pytest.mark.parametrize("came_early", [False, True])
async def test_the_closing_of_an_order_keeps_a_payout_in_doubt_from_being_sent_again(
    world: World, pool: Pool, came_early: bool
) -> None:
    """The gateway never heard of it. Killed having decided; the closing may have come before what it waited for."""
    async with world.service(**PATIENT) as service:
        refund_id = await asked(world, service, "500")
        closing: list[Struct] = [channel_closed(refunded=True)]
        if came_early:
            await world.publish([replace(channel_closed(refunded=True), version=4)])
            async with asyncio.timeout(20):
                while not await pool.fetchval("SELECT count(*) FROM chassis.parked"):  # noqa: ASYNC110 — another process makes it true
                    await asyncio.sleep(0.05)
            closing = [replace(paid(18_000), version=3)]
        service.kill()
    await world.publish(closing)
    await world.died(PATIENT | NEVER_LOOKS | {"DANSHU_FAILPOINTS": "batch.after_commit=kill@1"})
    assert await pool.fetchval("SELECT paid_there FROM refunds.payouts")
    world.peer.query_plan = []
    async with world.service(**PATIENT) as service:
        events = await world.refund_events(told(RefundRefused))
        assert not (await doubt_of(service))["standing"]
    [suspicion] = of(DoubleRefundSuspected, events)
    assert isinstance(suspicion, DoubleRefundSuspected)
    assert (suspicion.refund_id, suspicion.there_fen) == (refund_id, None)
    [refused] = of(RefundRefused, events)
    assert isinstance(refused, RefundRefused)
    assert refused.reason == "refunded_by_channel"
    assert of(RefundSettled, events) == []
    [row] = await pool.fetch("SELECT stage, due_at FROM refunds.payouts")
    assert (row["stage"], row["due_at"]) == ("done", None)
    assert (world.peer.refund_calls, world.peer.ledger) == (1, [])


async def test_a_payout_that_was_not_sent_is_closed_with_its_order(
    world: World, pool: Pool
) -> None:
    async with world.service(**NEVER_LOOKS) as service:
        await due(world, service)
        await world.publish([channel_closed(refunded=True)])
        events = await world.refund_events(told(RefundRefused))
    assert not suspected(events)
    [row] = await pool.fetch("SELECT stage, due_at FROM refunds.payouts")
    assert (row["stage"], row["due_at"]) == ("done", None)
    assert (world.peer.refund_calls, world.peer.ledger) == (0, [])


@pytest.mark.parametrize("outcome", ["withdrawn", "refused"])
async def test_an_end_that_comes_too_late_is_told_once_through_a_kill(
    world: World, outcome: str
) -> None:
    async with world.service(**PATIENT) as service:
        refund_id = await asked(world, service, "act 500")
        service.kill()
    end = ended(outcome, refund_id=refund_id)
    await world.publish([end, end])
    await world.died(PATIENT | NEVER_LOOKS | {"DANSHU_FAILPOINTS": "batch.after_commit=kill@1"})
    await world.publish([replace(end, command_id="another")])
    world.peer.query_plan = []
    async with world.service(**PATIENT) as service:
        events = await world.refund_events(told(RefundSettled))
        shown = await said(service, "show", ORDER)
    [late] = of(RefundEndedTooLate, events)
    assert isinstance(late, RefundEndedTooLate)
    assert (late.refund_id, late.outcome, late.settled) == (refund_id, outcome, False)
    assert "我方打款没有拦住（平台售后单 T-900）" in shown.output
    assert not suspected(events)
    assert_paid_once(world.peer.ledger, {(f"taobao:T{ORDER}", refund_id): 9_000})


async def test_a_channel_that_will_pay_by_itself_is_seen_on_the_case(world: World) -> None:
    await world.publish([placed(line(1, 2, 180_000)), paid(180_000)])
    async with world.service() as service:
        body = {"order_id": ORDER, "request_key": "k1", "actor": "agent-1"}
        refund_id = (await service.request(body)).json()["refund_id"]
        agreed = RecordRequestAgreed(
            order_id=ORDER,
            command_id="agreed-1",
            issued_at=NOW,
            actor="channel:jd",
            refund_id=refund_id,
            refund_no="T-900",
        )
        await world.publish([agreed, agreed, replace(agreed, command_id="agreed-2")])
        events = await world.refund_events(told(RefundAgreedThere))
        shown = await said(service, "show", ORDER)
        [listed] = (await service.door.get(f"/refunds?order_id={ORDER}")).json()["refunds"]
    assert len(of(RefundAgreedThere, events)) == 1
    assert (
        "channel:jd 平台已同意，等平台打款，不要在这里再批一次（平台售后单 T-900）" in shown.output
    )
    assert (listed["state"], listed["heard_there"]["outcome"]) == ("awaiting_approval", "agreed")
