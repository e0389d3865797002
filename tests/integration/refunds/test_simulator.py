"""Paying out against the simulated gateway in a storm: its own ledger says what moved."""

from __future__ import annotations

from chassis.http import Door
from chassis.postgres import Pool
from services.refunds.domain.payout import Limits
from services.refunds.gateways import Credentials
from services.refunds.store import QUERIES
from simulators.app import build
from simulators.payments.alipay import APP_ID
from simulators.settings import Mix, Settings
from simulators.simulation import Simulation
from tests.integration.refunds.paying import Issued, dispatcher, run_until_quiet

ORDERS = 30
STORM = {
    "error_before": 0.1,
    "half_open": 0.05,
    "act_then_timeout": 0.1,
    "error_after": 0.2,
    "system_error": 0.2,
    "late_success": 0.2,
}


async def test_a_storm_at_the_gateway_moves_each_refund_once(pool: Pool) -> None:
    mix = Mix(paid_at_once_pct=100, paid_later_pct=0)
    app = build(Settings(seed=11, faults="none", odds=STORM, hold_s=0.4, mix=mix))
    simulation: Simulation = app.state.simulation
    orders = [simulation.world.place(mix=mix) for _ in range(ORDERS)]
    await pool.execute(
        QUERIES["open_payouts"],
        [f"order-{n}" for n in range(ORDERS)],
        [f"refund-{n}" for n in range(ORDERS)],
        [f"{order.channel}:{order.order_no}" for order in orders],
        [order.paid_fen for order in orders],
        ["少发"] * ORDERS,
        ["CNY"] * ORDERS,
    )
    door = Door(app, "127.0.0.1", 0)
    credentials = Credentials(
        url=f"http://127.0.0.1:{await door.open()}/gateway.do",
        app_id=APP_ID,
        private_key=simulation.keys.merchant_private_pem(),
        gateway_key=simulation.keys.gateway_public_pem(),
    )
    issued = Issued()
    patient = Limits(query_wait_s=0.3, sends_max=12, asks_max=20)
    await run_until_quiet(dispatcher(pool, credentials, issued, patient), pool)
    await door.close()

    refunds = list(simulation.alipay.refunds.values())
    assert issued.outcomes() == {f"refund-{n}": {"settled"} for n in range(ORDERS)}
    assert {refund.moved for refund in refunds} == {1}
    moved = sorted((refund.out_request_no, refund.amount_fen) for refund in refunds)
    assert moved == sorted((f"refund-{n}", order.paid_fen) for n, order in enumerate(orders))
    struck = dict(simulation.plan.counts)
    assert sum(struck.values()) > ORDERS // 3, f"hardly a storm: {struck}"
