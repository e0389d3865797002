"""A till of an own store at the doors of a running inventory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.commands import CommandDesk
from services.inventory.doors import inventory_app
from services.inventory.quotas import Quotas
from tests.integration.inventory.rig import QUOTAS, House, Running
from tests.unit.inventory.events import receipt

TOKEN = "token-of-this-test"
WANTED = {
    "reference": "till-1/42",
    "warehouse": "HZ",
    "lines": [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 1}],
}


class Till:
    """A till of an own store: its client, and the house it asks."""

    def __init__(self, house: House, running: Running, client: httpx2.AsyncClient) -> None:
        self.house = house
        self.running = running
        self.client = client

    async def reserve(self, key: str, **changed: Any) -> httpx2.Response:
        return await self.client.post(
            "/reservations", json={**WANTED, **changed}, headers={"idempotency-key": key}
        )

    async def act(self, verb: str, reservation: str, body: Any = None) -> httpx2.Response:
        return await self.client.post(f"/reservations/{reservation}/{verb}", json=body or {})

    async def books(self) -> list[list[tuple[Any, ...]]]:
        """Everything that a refused request must leave as it is."""
        queries = (
            "SELECT warehouse, sku, on_hand, reserved FROM inventory.stock ORDER BY 1, 2",
            "SELECT key, document::text FROM inventory.reservations ORDER BY 1",
            "SELECT id FROM inventory.ledger ORDER BY 1",
            "SELECT id FROM chassis.outbox ORDER BY 1",
        )
        return [[tuple(row) for row in await self.house.fetch(query)] for query in queries]


@asynccontextmanager
async def open_doors(
    inventory: House, desk: CommandDesk, quotas: Quotas = QUOTAS
) -> AsyncIterator[tuple[Running, httpx2.AsyncClient]]:
    """A running inventory, and a client at its doors who has the token."""
    async with inventory.running(quotas=quotas) as running:
        app = inventory_app(
            running.books,
            desk,
            SystemClock(),
            running.reservations,
            token=TOKEN,
            receipt_timeout_s=20.0,
        )
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app),
            base_url="http://inventory",
            headers={"authorization": f"Bearer {TOKEN}"},
        ) as client:
            yield running, client


@asynccontextmanager
async def open_till(inventory: House, quotas: Quotas = QUOTAS) -> AsyncIterator[Till]:
    """The till, in a house with some goods on the shelves."""
    desk = CommandDesk(inventory.publisher, codec(), "inventory")
    async with open_doors(inventory, desk, quotas) as (running, client):
        await inventory.publish(
            [receipt("r1", "HZ", [("A", 5), ("B", 3)]), receipt("r2", "GZ", [("A", 1)])]
        )
        await inventory.drained()
        yield Till(inventory, running, client)
