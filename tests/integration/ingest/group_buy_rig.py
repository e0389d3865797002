"""The leaders' doors in process, on real Postgres and with Kafka in memory."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx2
import msgspec
from starlette.applications import Starlette

from chassis.clock import ManualClock
from chassis.codec import codec
from chassis.crypto import MasterKeys, PayloadSeal, PersonalSeal
from chassis.postgres import Pool, open_pool
from chassis.producer import DeliveryFailed
from chassis.testing.memory import MemoryBroker, MemoryPublisher
from schemas.events.channel_payloads import PayloadReceived
from services.ingest.channels.groupbuy import CHANNEL
from services.ingest.domain.campaigns import Campaign
from services.ingest.domain.links import Link, LinkKeys
from services.ingest.domain.model import CanonicalOrder
from services.ingest.group_buys.app import leader_routes
from services.ingest.group_buys.relay import Relay
from services.ingest.settings import IngestSettings
from services.ingest.shared import Shared
from tests.unit.ingest.group_buys.builders import CAMPAIGN, shanghai

TOKEN = "staff-token"
LINK_KEY = f"1:{base64.b64encode(b'l' * 32).decode()}"
STAFF = {"authorization": f"Bearer {TOKEN}"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
PIXEL = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
NAME, PHONE = "测试邻居", "13000000001"


class FlakyPublisher(MemoryPublisher):
    """Kafka that may be away."""

    away = False

    def publish(self, emitted: Any, *, in_line: bool = False) -> asyncio.Future[None]:
        if self.away:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            done.set_exception(DeliveryFailed("away"))
            return done
        return super().publish(emitted, in_line=in_line)


class Fields(HTMLParser):
    """The fields of a page's form as a browser would send them, and its faults by field."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self.faults: dict[str, str] = {}
        self._fault = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "input" and (
            named.get("type") not in {"radio", "checkbox"} or "checked" in named
        ):
            self.sent[named["name"] or ""] = named.get("value") or ""
        self._fault = (named.get("id") or "").removeprefix("fault-") if tag == "span" else ""

    def handle_data(self, data: str) -> None:
        if self._fault:
            self.faults[self._fault] = data
            self._fault = ""


@dataclass(kw_only=True)
class Rig:
    """The doors, and everything around them."""

    pool: Pool
    clock: ManualClock
    client: httpx2.AsyncClient
    relay: Relay
    publisher: FlakyPublisher
    broker: MemoryBroker
    seal: PayloadSeal
    keys: LinkKeys = field(default_factory=lambda: LinkKeys.parse(LINK_KEY))

    def at(self, text: str) -> None:
        """Moves the clock on to a moment in Shanghai."""
        self.clock.advance(round((shanghai(text) - self.clock.now()).total_seconds() * 1000))

    async def open(self, **changed: Any) -> None:
        campaign: Campaign = msgspec.structs.replace(CAMPAIGN, **changed)
        answer = await self.staff("POST", "", {"campaign": campaign, "actor": "chen"})
        assert answer.status_code == 200, answer.text

    async def staff(self, method: str, path: str, body: object = None) -> httpx2.Response:
        content = None if body is None else msgspec.json.encode(body)
        return await self.client.request(
            method, f"/api/group-buys{path}", content=content, headers=STAFF
        )

    def path(self, leader: str = "lin", **changed: Any) -> str:
        link = Link(
            campaign_id="autumn",
            leader_id=leader,
            expires_at=changed.get("expires_at", shanghai("09-25 00:00")),
        )
        return f"/leader/{self.keys.sign(link)}"

    async def send(self, path: str, fields: dict[str, str]) -> httpx2.Response:
        return await self.client.post(path, content=urlencode(fields), headers=FORM)

    async def order(self, key: str, leader: str = "lin", **changed: Any) -> httpx2.Response:
        body = {
            "name": NAME,
            "phone": PHONE,
            "station_id": "s1",
            "paid": True,
            "lines": [{"sku": "EGG-30", "quantity": 1}],
        } | changed
        return await self.client.post(
            f"/api{self.path(leader)}/orders", json=body, headers={"idempotency-key": key}
        )

    async def release(self) -> None:
        """Lets the first round go, as soon as it is settled."""
        if self.clock.now() < shanghai("09-18 20:01"):
            self.at("09-18 20:01")
        act = {"actor": "chen", "reason": "到货", "day": "2025-09-18"}
        answer = await self.staff("POST", "/autumn/release", act)
        assert answer.status_code == 200, answer.text

    def told(self) -> list[PayloadReceived]:
        events = [codec().decode(value) for value in self.broker.values("channel-payloads")]
        return [event for event in events if isinstance(event, PayloadReceived)]

    def orders(self) -> dict[str, CanonicalOrder]:
        """The newest that was told of each order, as the channel reads it."""
        found: dict[str, CanonicalOrder] = {}
        for payload in self.told():
            (one,) = CHANNEL.normalise(self.seal.open_payload(payload.body))
            assert one.order is not None
            assert not one.problems
            found[payload.channel_order_no] = one.order
        return found


@asynccontextmanager
async def doors_on(database_url: str) -> AsyncIterator[Rig]:
    """The doors over a fresh database, in the first round of `CAMPAIGN`."""
    pool = await open_pool(database_url, 6)
    clock, broker = ManualClock(shanghai("09-18 09:00")), MemoryBroker()
    publisher = FlakyPublisher(broker)
    keys = MasterKeys({1: b"k" * 32})
    seal = PayloadSeal(keys, clock)
    shared = Shared(
        pool=pool,
        outgoing=None,  # type: ignore[arg-type]  # nobody is called
        publisher=publisher,  # type: ignore[arg-type]  # passes the publisher's suite
        desk=None,  # type: ignore[arg-type]  # no command is issued here
        codec=codec(),
        clock=clock,
        payloads=seal,
        channels={"groupbuy": CHANNEL},
        shops={},
    )
    settings = IngestSettings(api_token=TOKEN, leader_link_keys=LINK_KEY)  # type: ignore[arg-type]  # pydantic seals texts
    relay = Relay(shared, channel=settings.leader_channel)
    app = Starlette(routes=leader_routes(shared, settings, PersonalSeal(keys), relay))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://ingest") as client:
        yield Rig(
            pool=pool,
            clock=clock,
            client=client,
            relay=relay,
            publisher=publisher,
            broker=broker,
            seal=seal,
        )
    await pool.close()
