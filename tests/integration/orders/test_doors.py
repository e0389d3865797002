"""A running orders service: its doors, its timer, its audit table."""

from __future__ import annotations

import operator
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import asyncpg
import pytest
import pytest_asyncio
from msgspec.structs import replace

from chassis.clock import SystemClock
from deploy.embedded.stack import Stack
from schemas.events.order_states import OrderHeld, OrderStateChanged
from tests.integration.orders.rig import Rig, Running, fresh, of, rig_on
from tests.support import stack as stacks
from tests.unit.orders import life

pytestmark = pytest.mark.asyncio(loop_scope="module")

BAD_REQUESTS: tuple[tuple[str, bytes, int, str], ...] = (
    ("TB9/hold", b'{"reason": "x", "actor": "y"}', 404, "order_unknown"),
    ("%00/hold", b'{"reason": "x", "actor": "y"}', 404, "order_unknown"),
    ("TB1/burn", b'{"reason": "x", "actor": "y"}', 404, "command_unknown"),
    ("TB1/hold", b'{"reason": "x"', 400, "malformed"),
    ("TB1/hold", b'{"reason": 1, "actor": "y"}', 400, "malformed"),
    ("TB1/hold", b"[" * 10_000, 400, "malformed"),
    ("TB1/hold", b'{"reason": "x", "actor": "y", "ip": "?"}', 400, "malformed"),
    ("TB1/hold", b'{"reason": " ", "actor": "y"}', 422, "reason_and_actor"),
    ("TB1/hold", rb'{"reason": "a\u0000", "actor": "y"}', 422, "unprintable"),
    ("TB1/hold", b" " * 20_000, 413, "too_large"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(stack: Stack) -> AsyncIterator[tuple[Rig, Running]]:
    """One process for the module; each test has orders of its own."""
    with (
        stacks.fresh_database(stack.postgres_url) as database_url,
        stacks.fresh_topics(stack.kafka_bootstrap) as prefix,
        rig_on(stack, prefix, database_url) as rig,
    ):
        settings = {
            "DANSHU_ORDERS_WATCH_EVERY_S": "0.1",
            # Room for a machine on which everything runs at once.
            "DANSHU_ORDERS_ASK_TIMEOUT_S": "30",
        }
        async with rig.service(**settings) as orders:
            yield rig, orders


async def test_an_answer_says_what_was_done(running: tuple[Rig, Running]) -> None:
    rig, orders = running
    await rig.publish([fresh(life.placed(), "TB1"), fresh(life.placed(), "TB2")])
    await rig.publish([of(life.reserved(), "TB1"), of(life.paid(), "TB1")])
    await rig.until(
        "SELECT string_agg(state, ' ' ORDER BY key) FROM orders.orders WHERE key IN ('TB1', 'TB2')",
        lambda states: states == "awaiting_print awaiting_payment",
    )

    held = await orders.ask("TB1", "hold", command_id="h-1")
    again = await orders.ask("TB1", "hold", command_id="h-1")
    assert (held.status_code, again.status_code) == (200, 200)
    assert held.json() == again.json()
    assert held.json()["result"] == "awaiting_print"
    assert (await orders.ask("TB1", "lift")).status_code == 200
    cancelled = await orders.ask("TB2", "cancel")
    assert (cancelled.status_code, cancelled.json()["result"]) == (200, "cancelled")
    refused = await orders.ask("TB2", "hold")
    assert (refused.status_code, refused.json()["code"]) == (409, "already_cancelled")
    assert refused.json()["title"] == "订单已取消"
    assert (await orders.ask("TB1", "cancel")).json()["result"] == "interception_asked"

    shown = (await orders.http.get("/orders/TB1")).json()
    assert (shown["state_title"], shown["audit_fault"]) == ("待打单", "")
    assert [entry["action"] for entry in shown["audit"]] == [
        "placed",
        "paid",
        "ready",
        "held",
        "lifted",
        "interception_asked",
    ]
    after_refusal = (await orders.http.get("/orders/TB2")).json()
    assert after_refusal["audit_fault"] == ""
    assert [entry["action"] for entry in after_refusal["audit"]][-2:] == ["cancel", "refused"]
    counts = (await orders.http.get("/funnel")).json()
    assert (counts["awaiting_print"], counts["completed"]) == (1, 0)
    events = [e for e in await rig.emitted("fulfillment-requests") if isinstance(e, OrderHeld)]
    assert [event.order_id for event in events] == ["TB1"]


async def test_the_doors_refuse_what_they_cannot_work_with(
    running: tuple[Rig, Running],
) -> None:
    rig, orders = running
    before = len(await rig.emitted("commands-orders"))
    for path, body, status, code in BAD_REQUESTS:
        answer = await orders.http.post(f"/orders/{path}", content=body)
        assert (path, answer.status_code, answer.json()["code"]) == (path, status, code)
    for method, path in (("GET", "funnel"), ("GET", "orders/TB1"), ("POST", "orders/TB1/hold")):
        guessed = {"authorization": "Bearer guessed"}
        answer = await orders.http.request(method, f"/{path}", headers=guessed)
        assert answer.status_code == 401
    assert len(await rig.emitted("commands-orders")) == before


async def test_an_order_nobody_pays_is_closed_by_the_timer_once(
    running: tuple[Rig, Running],
) -> None:
    rig, _ = running
    old = SystemClock().now() - timedelta(minutes=31)
    await rig.publish([fresh(life.placed(closable=True), "TB11")])
    await rig.publish([replace(fresh(life.placed(), "TB10"), accepted_at=old)])
    await rig.publish([replace(fresh(life.placed(closable=True), "TB12"), accepted_at=old)])
    await rig.until(
        "SELECT string_agg(state, ' ' ORDER BY key) FROM orders.orders WHERE key IN ('TB10', 'TB11', 'TB12')",
        lambda states: states == "awaiting_payment awaiting_payment cancelled",
    )
    moves = [e for e in await rig.emitted("order-states") if isinstance(e, OrderStateChanged)]
    closed = [e for e in moves if e.order_id == "TB12" and e.to_state == "cancelled"]
    assert [event.actor for event in closed] == ["timer:unpaid"]


async def test_receivers_are_counted_over_batches(running: tuple[Rig, Running]) -> None:
    rig, _ = running
    for n in range(6):
        same = {"receiver_key": "receiver-of-all", "occurred_at": life.NOON + timedelta(seconds=n)}
        await rig.publish([replace(fresh(life.placed(), f"TB2{n}"), **same)])
        # One batch after the other: from several partitions they would come in any order.
        await rig.until(
            "SELECT count(*) FROM orders.orders WHERE key LIKE 'TB2_'",
            partial(operator.eq, n + 1),
        )
    held = await rig.rows("SELECT key FROM orders.orders WHERE held = 'risk' ORDER BY key")
    assert [row["key"] for row in held] == ["TB24", "TB25"]


async def test_the_audit_takes_no_change(running: tuple[Rig, Running]) -> None:
    rig, _ = running
    await rig.publish([fresh(life.placed(), "TB31")])
    await rig.until("SELECT count(*) FROM orders.audit WHERE order_id = 'TB31'", bool)
    for statement in (
        "UPDATE orders.audit SET actor = 'x'",
        "DELETE FROM orders.audit",
        "TRUNCATE orders.audit",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await rig.rows(statement)


async def test_the_terminal_explains_and_asks(running: tuple[Rig, Running]) -> None:
    rig, _ = running
    await rig.publish([fresh(life.placed(address_vague=True), "TB41")])
    await rig.until("SELECT count(*) FROM orders.orders WHERE key = 'TB41'", bool)

    status, said = await rig.terminal("explain", "TB41")
    assert status == 0, said
    for words in ("待支付", "等待买家付款", "等待人工审核", "收货地址含糊", "#vague-address"):
        assert words in said
    assert "审计链完整" in said

    asked = await rig.terminal("review", "TB41", "--pass", "-r", "已电话确认", "--actor", "风控01")
    assert asked == (0, "已执行：awaiting_payment\n")
    again = await rig.terminal("review", "TB41", "--fail", "-r", "再看一次")
    assert again == (1, "未执行：订单不在审核中\n")
    status, said = await rig.terminal("explain", "TB41")
    assert status == 0, said
    assert "人工结论：风控01" in said
    assert (await rig.terminal("show", "TB-none"))[0] == 2
