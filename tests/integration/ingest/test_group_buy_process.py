"""From a leader's form to an order of the hub: the service as its own process, on real servers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx2
import msgspec

from chassis.client import client
from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.crypto import new_master_key_text
from deploy.embedded.stack import Stack
from schemas.events.orders import OrderPlaced
from services.ingest.domain.campaigns import LatePolicy
from services.ingest.shanghai import business_day
from tests.integration.ingest.group_buy_rig import (
    FORM,
    LINK_KEY,
    NAME,
    PHONE,
    STAFF,
    TOKEN,
    Fields,
)
from tests.support.rigs import read_topic
from tests.unit.ingest.group_buys.builders import CAMPAIGN

PATIENCE_S = 90.0


@asynccontextmanager
async def ingest(environment: dict[str, str]) -> AsyncIterator[httpx2.AsyncClient]:
    """The service, ready; ended by SIGTERM with the block, which must end it in order."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.ingest",
        cwd=Path(__file__).parents[3],
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        port = 0
        async with asyncio.timeout(PATIENCE_S):
            while not port:
                said = await process.stdout.readline()
                assert said, "it ended before it was ready"
                with contextlib.suppress(msgspec.DecodeError):
                    port = msgspec.json.decode(said).get("http_port", 0)
        draining = asyncio.ensure_future(process.stdout.read())
        async with client(base_url=f"http://127.0.0.1:{port}") as http:
            yield http
        process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0, (await draining).decode()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def test_a_form_becomes_an_order_when_its_round_is_released(
    stack: Stack, database_url: str, topic_prefix: str
) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DANSHU_")},
        **stack.environment(),
        "DANSHU_POSTGRES_URL": database_url,
        "DANSHU_TOPIC_PREFIX": topic_prefix,
        "DANSHU_API_TOKEN": TOKEN,
        "DANSHU_MASTER_KEYS": new_master_key_text(1),
        "DANSHU_INGEST_LEADER_LINK_KEYS": LINK_KEY,
    }
    now = SystemClock().now()
    campaign = msgspec.structs.replace(
        CAMPAIGN,
        opens_at=now - timedelta(days=1),
        ends_on=business_day(now) + timedelta(days=2),
        late=LatePolicy.NEXT_DAY,
    )
    async with ingest(environment) as http:
        body = msgspec.json.encode({"campaign": campaign, "actor": "chen"})
        assert (await http.post("/api/group-buys", content=body, headers=STAFF)).is_success
        links = "/api/group-buys/autumn/links"
        made = await http.post(links, json={"leader_id": "lin"}, headers=STAFF)
        url = made.json()["url"]
        fields = Fields((await http.get(url)).text).sent | {
            "quantity.APPLE-5": "2",
            "name": NAME,
            "phone": PHONE,
            "station_id": "s1",
            "paid": "yes",
        }
        sent = await http.post(url, data=fields, headers=FORM)
        assert sent.status_code == 303, sent.text
        order_no = sent.headers["location"].rsplit("/", 1)[1]
        day = await _as_if_closed_minutes_ago(database_url)
        act = {"actor": "chen", "reason": "到货", "day": day}
        released = await http.post("/api/group-buys/autumn/release", json=act, headers=STAFF)
        assert released.json()["orders"] == 1, released.text
        placed = await _placed(stack, topic_prefix)
    assert (placed.channel, placed.shop, placed.channel_order_no) == ("groupbuy", "lin", order_no)
    assert placed.order_id.startswith("GB")
    assert [(line.sku, line.quantity) for line in placed.lines] == [("APPLE-5", 2)]
    assert placed.payment is not None
    assert placed.payment.paid_fen == 5980


async def _as_if_closed_minutes_ago(database_url: str) -> str:
    """The day of the one round with an order, which is settled now."""
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        await connection.execute(
            "UPDATE ingest.group_buys SET closed_at = clock_timestamp() - interval '2 minutes'"
        )
        day = await connection.fetchval("SELECT round_day FROM ingest.group_buy_orders")
    finally:
        await connection.close(timeout=10)
    return f"{day}"


async def _placed(stack: Stack, prefix: str) -> OrderPlaced:
    kafka = {"bootstrap.servers": stack.kafka_bootstrap}
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for value in await asyncio.to_thread(read_topic, kafka, prefix, "orders"):
                event = codec().decode(value)
                if isinstance(event, OrderPlaced):
                    return event
            await asyncio.sleep(0.2)
