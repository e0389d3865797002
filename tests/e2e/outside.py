"""What an end-to-end test does to the world outside, and how it looks at both worlds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg

from demo.figures import Figures
from demo.platform import Platform

T = TypeVar("T")
PATIENCE_S = 90.0
PLAIN = {
    "paid_at_once_pct": 100,
    "paid_later_pct": 0,
    "cancel_paid_pct": 0,
    "address_change_pct": 0,
    "seller_memo_pct": 0,
    "after_sale_pct": 0,
    "scarce_pct": 0,
    "memo_canary_pct": 100,
}


class Outside:
    """Buyers and platforms, by the simulators' control doors."""

    def __init__(self, platform: Platform, compared: dict[str, Any]) -> None:
        self.platform = platform
        self.compared = compared
        """What the evening's sheet differed in from the book, before anything was sold."""
        self.figures = Figures(platform)

    async def place(self, channel: str, count: int = 1, **mix: int) -> list[str]:
        """Places paid orders; returns the channel's order numbers."""
        answer = await self.platform.http.post(
            f"{self.platform.simulators_url}/_sim/orders",
            json={"count": count, "channel": channel, "mix": PLAIN | mix},
        )
        answer.raise_for_status()
        return [order["order_no"] for order in answer.json()]

    async def act(self, channel: str, order_no: str, step: str) -> None:
        """Makes a buyer do something now."""
        answer = await self.platform.http.post(
            f"{self.platform.simulators_url}/_sim/act",
            json={"channel": channel, "order_no": order_no, "step": step},
        )
        answer.raise_for_status()
        assert answer.json()["done"], f"{step} of {order_no} did not happen"

    async def on_platform(self, order_no: str) -> dict[str, Any]:
        """The order as its platform knows it."""
        orders = (await self._ledger())["orders"]
        found: dict[str, Any] = next(o for o in orders if o["order_no"] == order_no)
        return found

    async def claimed_fen(self, order_no: str) -> int:
        """What its buyer has claimed there."""
        claims = (await self._ledger())["after_sales"]
        return sum(one["amount_fen"] for one in claims if one["order_no"] == order_no)

    async def _ledger(self) -> dict[str, Any]:
        found = await self.platform.http.get(f"{self.platform.simulators_url}/_sim/ledger")
        ledger: dict[str, Any] = found.json()
        return ledger

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Rows of our database."""
        connection = await asyncpg.connect(self.platform.postgres_url)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def order_id(self, order_no: str) -> str:
        """Our id of a channel's order, once we have it."""

        async def found() -> str:
            rows = await self.rows(
                "SELECT order_id FROM ingest.orders WHERE channel_order_no = $1", order_no
            )
            return str(rows[0]["order_id"] or "") if rows else ""

        return await until(found, f"{order_no} is taken in")

    async def reaches(self, order_no: str, state: str) -> str:
        """Waits until our order is in a state; returns our id."""
        order_id = await self.order_id(order_no)

        async def there() -> bool:
            rows = await self.rows("SELECT state FROM orders.orders WHERE key = $1", order_id)
            return bool(rows) and rows[0]["state"] == state

        await until(there, f"{order_id} is {state}")
        return order_id


async def until(look: Callable[[], Awaitable[T]], what: str) -> T:
    """The first true answer of `look`; fails with `what` after PATIENCE_S."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + PATIENCE_S
    while not (found := await look()):
        if loop.time() > ends:
            raise AssertionError(f"it never happened that {what}")
        await asyncio.sleep(0.1)
    return found
