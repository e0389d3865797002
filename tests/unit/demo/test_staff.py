"""The merchant's people do what the services leave to people."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx2

from chassis.clock import SystemClock
from demo.staff import Staff

WAITING = {"order_id": "TB1", "refund_id": "refund-1"}


@contextlib.asynccontextmanager
async def at_work(
    answered: Callable[[httpx2.Request], httpx2.Response], **options: Any
) -> AsyncIterator[None]:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answered)) as http:
        platform: Any = SimpleNamespace(
            http=http,
            authorised={},
            door=lambda _service: "http://127.0.0.1:1",
            simulators_url="http://127.0.0.1:2",
        )
        working = asyncio.create_task(Staff(platform, **options).run())
        yield
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


async def test_a_payout_that_was_given_up_is_looked_at_again_by_somebody_for_a_reason() -> None:
    looked_again = asyncio.Event()
    pressed: list[dict[str, str]] = []

    def answered(request: httpx2.Request) -> httpx2.Response:
        if request.url.params.get("state") == "needs_person":
            return httpx2.Response(200, json={"refunds": [WAITING]})
        if request.url.path == "/refunds/TB1/refund-1/look-again":
            pressed.append(json.loads(request.content))
            looked_again.set()
        return httpx2.Response(200, json={"refunds": [], "parcels": []})

    async with at_work(answered), asyncio.timeout(30):
        await looked_again.wait()
    assert pressed[0] == {"actor": "财务经理", "reason": "支付渠道已恢复，再核实一次"}


async def test_what_was_asked_for_just_now_is_read_before_it_is_approved() -> None:
    approved: list[str] = []
    done = asyncio.Event()
    now = SystemClock().now()
    cases = [
        WAITING
        | {
            "refund_id": f"refund-{age_s}",
            "requested_at": (now - timedelta(seconds=age_s)).isoformat(),
            "approvals_needed": ["supervisor"],
            "approvals_given": [],
        }
        for age_s in (0, 3600)
    ]

    def answered(request: httpx2.Request) -> httpx2.Response:
        if request.url.params.get("state") == "awaiting_approval":
            return httpx2.Response(200, json={"refunds": cases})
        if request.url.path.endswith("/approve"):
            approved.append(request.url.path)
            done.set()
        return httpx2.Response(200, json={"refunds": [], "parcels": []})

    async with at_work(answered, judges_after_s=600.0), asyncio.timeout(30):
        await done.wait()
    assert set(approved) == {"/refunds/TB1/refund-3600/approve"}


async def test_a_parcel_whose_departure_nobody_answered_for_is_given_to_the_carrier_all_the_same() -> (
    None
):
    packed = {"order_id": "TB1", "parcel_id": "TB1-1", "waybill_no": "W1", "held": False}
    gone = {"parcel_id": "TB1-1", "outcome": "refused", "reason": "already_done"}
    answers = iter(
        [
            httpx2.Response(503, json={"code": "away"}),
            httpx2.Response(200, json={"results": [gone | {"outcome": "pending", "reason": ""}]}),
            httpx2.Response(200, json={"results": [gone]}),
            httpx2.Response(200, json={"results": [gone]}),
        ]
    )
    carriers = iter([httpx2.Response(502), httpx2.Response(200)])
    queue = [packed]
    given: list[list[str]] = []
    done = asyncio.Event()

    def answered(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/parcels/commands":
            queue.clear()
            return next(answers)
        if request.url.path == "/_sim/handover":
            given.append(json.loads(request.content)["waybills"])
            if len(given) == 2:
                done.set()
            return next(carriers)
        asked = request.url.params.get("state") == "packed"
        return httpx2.Response(200, json={"refunds": [], "parcels": queue if asked else []})

    async with at_work(answered), asyncio.timeout(30):
        await done.wait()
    assert given == [["W1"], ["W1"]]
