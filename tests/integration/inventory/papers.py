"""Inventory's doors on a port, and the operator at a terminal in front of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chassis.client import client
from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.commands import CommandDesk
from chassis.http import Door
from cli.inventory import app as inventory_commands
from services.inventory.availability_doors import availability_routes
from services.inventory.campaign_doors import campaign_routes
from services.inventory.document_doors import document_routes
from services.inventory.doors import inventory_app
from services.inventory.hold_doors import hold_routes
from services.inventory.outlook import Outlook
from services.inventory.presale import NO_PRESALE, Presale
from services.inventory.presale_doors import presale_routes
from services.inventory.quota_doors import quota_routes
from services.inventory.quotas import Quotas
from services.inventory.reconciliation_doors import reconciliation_routes
from services.inventory.reconciling import Reconciler, read_thresholds
from services.inventory.replenishing import Replenishment
from services.inventory.replenishment_doors import replenishment_routes
from services.inventory.sourcing import read_sourcing
from tests.integration.inventory.rig import QUOTAS, RULES, House, Running

TOKEN = "token-of-this-test"


class Office:
    """A running house of inventory with its doors open."""

    def __init__(self, house: House, running: Running, url: str) -> None:
        self.house = house
        self.running = running
        self.url = url

    async def post(self, path: str, body: object) -> tuple[int, dict[str, str]]:
        """Status and answer of a document."""
        async with client(headers={"authorization": f"Bearer {TOKEN}"}, timeout_s=30) as http:
            answer = await http.post(self.url + path, json=body)
        return answer.status_code, answer.json()

    async def at_terminal(self, *arguments: str) -> tuple[int, str]:
        """Exit status and output of `danshu inventory …`."""
        result = await asyncio.to_thread(CliRunner().invoke, inventory_commands, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    async def on_hand(self, warehouse: str, sku: str) -> int:
        """Pieces by the stock row."""
        rows = await self.house.fetch(
            "SELECT on_hand FROM inventory.stock WHERE warehouse = $1 AND sku = $2", warehouse, sku
        )
        return int(rows[0]["on_hand"])

    async def spoil(self, *statements: str) -> None:
        """What somebody with the database password could do."""
        for statement in statements:
            await self.house.fetch(statement)


@asynccontextmanager
async def office(
    house: House,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    quotas: Quotas = QUOTAS,
    presale: Presale = NO_PRESALE,
) -> AsyncIterator[Office]:
    """Opens the doors for the block, and points the terminal to this house."""
    desk = CommandDesk(house.publisher, codec(), "inventory")
    await desk.listen(house.kafka, house.prefix)
    async with house.running(quotas=quotas, presale=presale) as running:
        clock = SystemClock()
        reconciler = Reconciler(running.pool, read_thresholds(RULES), clock)
        routes = [
            *document_routes(running.pool, desk, clock, token=TOKEN, answer_timeout_s=20.0),
            *hold_routes(desk, clock, token=TOKEN, answer_timeout_s=20.0),
            *availability_routes(running.pool, token=TOKEN),
            *quota_routes(running.pool, quotas, token=TOKEN),
            *campaign_routes(
                *(running.pool, desk, clock, quotas), token=TOKEN, answer_timeout_s=20.0
            ),
            *presale_routes(running.pool, Outlook(presale, quotas), clock, token=TOKEN),
            *reconciliation_routes(reconciler, ("wms", "pos", "channel"), token=TOKEN),
            *replenishment_routes(
                Replenishment(running.pool, read_sourcing(RULES)), clock, token=TOKEN
            ),
        ]
        app = inventory_app(
            *(running.books, desk, clock, running.reservations),
            token=TOKEN,
            receipt_timeout_s=20.0,
            also=routes,
        )
        door = Door(app, "127.0.0.1", 0)
        port = await door.open()
        for name, value in {
            "KAFKA_BOOTSTRAP": str(house.kafka["bootstrap.servers"]),
            "POSTGRES_URL": house.url,
            "TOPIC_PREFIX": house.prefix,
            "HOME": str(home),  # no stack of the developer is meant
            "API_TOKEN": TOKEN,
            "INVENTORY_HTTP_PORT": str(port),
        }.items():
            monkeypatch.setenv(f"DANSHU_{name}", value)
        try:
            yield Office(house, running, f"http://127.0.0.1:{port}")
        finally:
            await door.close()
            desk.close()
