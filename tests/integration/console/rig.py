"""A console without its process on real Postgres: events go in, the web comes out."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
from fastapi import FastAPI
from msgspec import Struct

from chassis.clock import ManualClock
from chassis.codec import codec
from chassis.commands import StillPending, envelope
from chassis.crypto import MasterKeys
from chassis.postgres import Pool
from chassis.processor import Processor
from chassis.producer import DeliveryFailed
from chassis.storage import PostgresStorage
from chassis.testing.memory import MemoryBroker, MemoryPublisher, MemorySource
from chassis.worker import Worker
from schemas.events.command_results import CommandSettled
from services.console.live import Broadcast
from services.console.projections import projection
from services.console.shops import SHOPS
from services.console.stock import LEVELS
from services.console.stock_views import SECTIONS
from services.console.web import SESSION_COOKIE, Desk
from tests.browser.story import NOON

KEYS = MasterKeys({1: base64.b64decode(base64.b64encode(b"k" * 32))})
PASSWORD = "integration-password"
BASE = "http://127.0.0.1"


class Asked:
    """Stands where commands leave: keeps them and answers as it is told to, without the service they are for."""

    def __init__(self) -> None:
        self.commands: list[Struct] = []
        self.refusal = ""
        self.silent = False
        self.away = False

    async def __call__(self, command: Any, _timeout_s: float) -> CommandSettled | StillPending:
        """One command."""
        if self.away:
            raise DeliveryFailed
        self.commands.append(command)
        if self.silent:
            return StillPending(command.command_id)
        return CommandSettled(
            command_id=command.command_id,
            settled_at=NOON,
            outcome="refused" if self.refusal else "done",
            reason=self.refusal,
            result_id="",
        )


@dataclass(kw_only=True)
class Rig:
    """A console without its process: events go in, the web comes out."""

    pool: Pool
    clock: ManualClock
    broadcast: Broadcast
    asked: Asked
    desk: Desk
    app: FastAPI
    broker: MemoryBroker = field(default_factory=MemoryBroker)

    async def project(self, told: Sequence[Struct], batch_records: int = 100) -> None:
        """Publishes and applies, by workers that start from the stored offsets."""
        for event in told:
            sent = envelope(codec(), event, "test")
            self.broker.append(sent.topic, sent.key, sent.value)
        processors: list[Processor[Any]] = [projection(self.broadcast.announce), SHOPS, LEVELS]
        processors += [one for section in SECTIONS.values() for one in section.processors]
        for processor in processors:
            await self._work(processor, batch_records)

    async def _work(self, processor: Processor[Any], batch_records: int) -> None:
        storage: Any = PostgresStorage(self.pool, processor, codec())
        source = MemorySource(self.broker, storage, processor, codec(), batch_records)
        worker = Worker(
            processor,
            source=source,
            storage=storage,
            publisher=MemoryPublisher(self.broker),
            codec=codec(),
            clock=self.clock,
        )
        take = source.next_batch

        async def take_or_stop(timeout_s: float) -> Any:
            batch = await take(timeout_s)
            if batch is None:
                worker.stop()
            return batch

        source.next_batch = take_or_stop  # type: ignore[method-assign]
        await worker.run()

    def browser(self) -> httpx2.AsyncClient:
        """A client without a session."""
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx2.AsyncClient(transport=transport, base_url=BASE)

    def with_session(self) -> httpx2.AsyncClient:
        """A client with one that nobody had to sign in for."""
        client = self.browser()
        client.cookies.set(SESSION_COOKIE, self.desk.sessions.issue("demo"))
        return client

    async def signed_in(self) -> httpx2.AsyncClient:
        """A client with one."""
        client = self.browser()
        answer = await sign_in(client, "demo", PASSWORD)
        assert answer.status_code == 303
        return client


async def sign_in(
    client: httpx2.AsyncClient, name: str, password: str, to: str = "/"
) -> httpx2.Response:
    form = (await client.get("/login", params={"next": to})).text
    token = re.search(r'name="form_token" value="(\w+)"', form)
    assert token is not None
    return await client.post(
        "/login",
        data={"name": name, "password": password, "form_token": token[1], "next": to},
    )
