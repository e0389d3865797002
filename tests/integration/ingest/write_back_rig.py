"""Ingest as a process beside simulated marketplaces: what other services would say is published, what it tells is read."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from chassis import registry, topics
from chassis.codec import codec
from chassis.commands import envelope
from chassis.crypto import new_master_key_text
from chassis.http import Door
from chassis.producer import Publisher
from deploy.embedded.stack import Stack
from schemas.events.commands_refunds import EndRefund, RecordRequestAgreed, RequestRefund
from schemas.events.write_backs import WriteBackApplied, WriteBackRefused
from simulators.app import build
from simulators.control import accounts
from simulators.orders import Order
from simulators.registry import MARKETPLACES
from simulators.settings import Mix, Settings
from simulators.simulation import Simulation
from tests.support.instances import Instances
from tests.support.rigs import read_topic

ROOT = Path(__file__).parents[3]
PATIENCE_S = 120.0
AT_ONCE = Mix(
    paid_at_once_pct=100,
    cancel_paid_pct=0,
    address_change_pct=0,
    seller_memo_pct=0,
    after_sale_pct=0,
)
NOW = datetime(2026, 5, 20, 2, 0, tzinfo=UTC)

Answer = WriteBackApplied | WriteBackRefused
ToRefunds = RequestRefund | EndRefund | RecordRequestAgreed


class Held:
    """An application whose answers at one path wait until they may go; what was asked is done at once."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.path = ""
        self.may_go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def late(message: Any) -> None:
            if scope["path"] == self.path:
                await self.may_go.wait()
            await send(message)

        await self._app(scope, receive, late)


class Street:
    """The marketplaces, and one ingest after the other."""

    def __init__(self, stack: Stack, prefix: str, url: str, folder: Path, base_url: str) -> None:
        self.simulation: Simulation
        self.held: Held
        self.kafka = {"bootstrap.servers": stack.kafka_bootstrap}
        self.prefix = prefix
        self.publisher = Publisher(self.kafka, prefix)
        self._instances = Instances()
        self._url = url
        self._shops = folder / "shops.json"
        self._base_url = base_url
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DANSHU_")},
            "DANSHU_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
            "DANSHU_SCHEMA_REGISTRY_URL": stack.schema_registry_url,
            "DANSHU_POSTGRES_URL": url,
            "DANSHU_VALKEY_URL": stack.valkey_url,
            "DANSHU_TOPIC_PREFIX": prefix,
            "DANSHU_API_TOKEN": "token-of-this-test",
            "DANSHU_MASTER_KEYS": new_master_key_text(1),
            "DANSHU_INGEST_SHOPS_FILE": str(self._shops),
            "DANSHU_INGEST_POLL_INTERVAL_S": "0.2",
            "DANSHU_INGEST_ROLES": '["channels", "normalise"]',
        }

    def open_shops(self, simulation: Simulation) -> None:
        """From now on these are the shops."""
        self.simulation = simulation
        shops = accounts(simulation, self._base_url)["shops"]
        self._shops.write_text(json.dumps(shops), encoding="utf-8")

    @asynccontextmanager
    async def ingest(self, failpoints: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
        """Ingest as a process; killed at the end of the block if it lives."""
        process = await self._instances.start(
            sys.executable,
            "-m",
            "services.ingest",
            cwd=ROOT,
            env={**self._environment, "DANSHU_FAILPOINTS": failpoints},
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        """Rows of ingest's database; none while it is not migrated."""
        connection = await asyncpg.connect(self._url)
        try:
            return list(await connection.fetch(query, *arguments))
        except asyncpg.UndefinedTableError:
            return []
        finally:
            await connection.close()

    def sell(self, channel: str, *, lines_min: int = 1) -> Order:
        """A paid order with at least so many lines that cost something, and no contradiction."""
        world = self.simulation.world
        while True:
            order = world.place(channel=channel, mix=AT_ONCE)
            goods = [line for line in order.lines if line.paid_fen]
            if len(goods) >= lines_min and not order.contradiction and order.state == "paid":
                return order

    async def taken_in(self, orders: Sequence[Order]) -> dict[str, str]:
        """Waits until ingest knows these; the channel's order number → our id."""
        wanted = [order.order_no for order in orders]
        async with asyncio.timeout(PATIENCE_S):
            while True:
                rows = await self.rows(
                    "SELECT channel_order_no, order_id FROM ingest.orders "
                    "WHERE channel_order_no = ANY($1::text[]) AND order_id IS NOT NULL",
                    wanted,
                )
                if len(rows) == len(wanted):
                    return {row["channel_order_no"]: row["order_id"] for row in rows}
                await asyncio.sleep(0.2)

    async def until(self, query: str, count: int) -> None:
        """Waits until a count is so much."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self.rows(query))[0][0] != count:  # noqa: ASYNC110 — another process makes it true
                await asyncio.sleep(0.2)

    async def say(self, *events: Struct) -> None:
        """Another service says this."""
        await self.publisher.publish([envelope(codec(), event, "test") for event in events])

    async def answers(self) -> list[Answer]:
        """What ingest told of the channels' answers; what was published twice is counted once."""
        values = await asyncio.to_thread(read_topic, self.kafka, self.prefix, "write-backs")
        seen: dict[tuple[str, int], Answer] = {}
        for value in values:
            event = codec().decode(value)
            assert isinstance(event, WriteBackApplied | WriteBackRefused)
            assert seen.setdefault((event.order_id, event.version), event) == event
        return list(seen.values())

    async def commands(self) -> list[ToRefunds]:
        """What ingest told refunds, in order; what was published twice is counted once."""
        values = await asyncio.to_thread(read_topic, self.kafka, self.prefix, "commands-refunds")
        seen: dict[str, ToRefunds] = {}
        for value in values:
            command = codec().decode(value)
            assert isinstance(command, ToRefunds)
            first = seen.setdefault(command.command_id, command)
            # Handed over again it is the same, but for when.
            assert replace(command, issued_at=first.issued_at) == first
        return list(seen.values())

    async def ended(self) -> list[EndRefund]:
        """Ends of requests that ingest told, each id once."""
        return [one for one in await self.commands() if isinstance(one, EndRefund)]

    async def until_answered(self, count: int) -> list[Answer]:
        """Waits for so many answers."""
        async with asyncio.timeout(PATIENCE_S):
            while len(found := await self.answers()) < count:  # noqa: ASYNC110 — another process makes it true
                await asyncio.sleep(0.5)
        return found


@asynccontextmanager
async def street(stack: Stack, prefix: str, url: str, folder: Path) -> AsyncIterator[Street]:
    """The marketplaces are open; no ingest runs yet."""
    await asyncio.to_thread(registry.ensure, stack.schema_registry_url)
    app = build(Settings(faults="none", settled_after_s=0.0))
    held = Held(app)
    door = Door(held, "127.0.0.1", 0)
    built = Street(stack, prefix, url, folder, f"http://127.0.0.1:{await door.open()}")
    built.held = held
    built.open_shops(app.state.simulation)
    await asyncio.to_thread(topics.ensure, built.kafka, prefix, 1)
    yield built
    built.publisher.close()
    await door.close()


ANSWERING = sorted(name for name, one in MARKETPLACES.items() if one.settles_after_ms is None)
"""Where the merchant answers claims by a call."""
