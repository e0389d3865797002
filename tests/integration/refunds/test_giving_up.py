"""A payout that is given up is told once each time, whatever dies between giving up and telling."""

from __future__ import annotations

from msgspec import Struct

from chassis.postgres import Pool
from schemas.events.refunds import (
    PayoutGivenUp,
    PayoutResumed,
    RefundApproved,
    RefundRequested,
    RefundSettled,
)
from tests.integration.refunds.peer import assert_paid_once
from tests.integration.refunds.running import Running, World
from tests.integration.refunds.test_cli import said
from tests.integration.refunds.test_resuming import PATIENCE, WHY, asked, ended, told

DIES = {"DANSHU_FAILPOINTS": "payout.given_up=kill@1"}
DIES_UNPUBLISHED = {"DANSHU_FAILPOINTS": "batch.after_commit=kill@1"}
UNTOLD = "SELECT count(*) FROM refunds.payouts WHERE stage = 'needs_person' AND due_at IS NOT NULL"


def givings_up(events: list[Struct]) -> list[PayoutGivenUp]:
    return [event for event in events if isinstance(event, PayoutGivenUp)]


async def given_up_and_died(world: World) -> str:
    """The journal says that a person is needed, and the service died before it told anybody; the refund's id."""
    async with world.service(**PATIENCE, **DIES) as service:
        refund_id = await asked(world, service)
        assert await service.process.wait() == -9
    return refund_id


async def look_again(service: Running, refund_id: str) -> None:
    """As a person would; the gateway is asked once more."""
    press = {"actor": "fin-1", "reason": WHY}
    done = await service.post(f"/refunds/o1/{refund_id}/look-again", press)
    assert done.status_code == 200, done.text


async def test_a_kill_at_every_step_of_the_telling_loses_and_repeats_nothing(
    world: World, pool: Pool
) -> None:
    """Dies untold, dies told and unpublished; resumed, it is given up again, which is another."""
    refund_id = await given_up_and_died(world)
    assert await pool.fetchval(UNTOLD) == 1
    since = await pool.fetchval("SELECT changed_at FROM refunds.payouts")
    await world.died(PATIENCE | DIES_UNPUBLISHED)
    assert await pool.fetchval(UNTOLD) == 0
    async with world.service(**PATIENCE) as service:
        [first] = givings_up(await world.refund_events(told))
        shown = await said(service, "show", "o1")
        assert "停下等人核实打款：支付渠道一直没有可用的答复（发出 1 次" in shown.output
        world.peer.query_plan = ["500"] * 2
        await look_again(service, refund_id)
        _, second = givings_up(
            await world.refund_events(lambda events: len(givings_up(events)) > 1)
        )
        await look_again(service, refund_id)
        events = await world.refund_events(ended)
    assert [type(event) for event in events] == [
        RefundRequested,
        RefundApproved,
        PayoutGivenUp,
        PayoutResumed,
        PayoutGivenUp,
        PayoutResumed,
        RefundSettled,
    ]
    assert [event.version for event in events] == list(range(1, 8))  # type: ignore[attr-defined]
    assert abs((first.given_up_at - since).total_seconds()) < 0.001, "not when it was told"
    assert (first.refund_id, first.amount_fen, first.actor) == (refund_id, 2_000, "payout")
    assert (first.reason, first.last_heard) == ("no_answer", "HTTP 500")
    assert (first.sends, first.asks, first.underway) == (1, 2, 0)
    assert (second.reason, second.asks) == ("no_answer", 2)
    assert second.given_up_at > first.given_up_at
    assert_paid_once(world.peer.ledger, {("taobao:To1", refund_id): 2_000})


async def test_what_was_given_up_before_it_was_told_at_all_is_told_after_the_update(
    world: World, pool: Pool
) -> None:
    refund_id = await given_up_and_died(world)
    # As it was left by a service that knew nothing of telling.
    await pool.execute("ALTER TABLE refunds.payouts DROP COLUMN gave_up")
    await pool.execute("UPDATE refunds.payouts SET due_at = NULL")
    await pool.execute("DELETE FROM chassis.migrations WHERE name = '0004_given_up.sql'")
    async with world.service(**PATIENCE) as service:
        [old] = givings_up(await world.refund_events(told))
        assert await pool.fetchval(UNTOLD) == 0
        await look_again(service, refund_id)
        events = await world.refund_events(ended)
    assert (old.reason, old.last_heard, old.asks) == ("", "HTTP 500", 2)
    assert len(givings_up(events)) == 1
