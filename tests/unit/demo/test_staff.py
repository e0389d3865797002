"""The merchant's people do what the services leave to people."""

import asyncio
import contextlib
import json
from types import SimpleNamespace
from typing import Any

import httpx2

from demo.staff import Staff

WAITING = {"order_id": "TB1", "refund_id": "refund-1"}


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

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answered)) as http:
        platform: Any = SimpleNamespace(
            http=http, authorised={}, door=lambda _service: "http://127.0.0.1:1"
        )
        working = asyncio.create_task(Staff(platform).run())
        async with asyncio.timeout(30):
            await looked_again.wait()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
    assert pressed[0] == {"actor": "财务经理", "reason": "支付渠道已恢复，再核实一次"}
