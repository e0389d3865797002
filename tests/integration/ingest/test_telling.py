"""Telling the channels on real Postgres and over HTTP: who waits for whom, and what an outage costs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.clock import SystemClock
from chassis.http import Door
from chassis.outgoing import Outgoing
from chassis.postgres import Pool, open_pool
from chassis.processor import Kept
from schemas.events.commands_ingest import RecordWriteBack
from services.ingest.channels import (
    Applied,
    ChannelError,
    Credentials,
    ErrorKind,
    HttpAnswer,
    HttpRequest,
    Retry,
    Shipment,
    WriteBack,
)
from services.ingest.channels.douyin import CHANNEL
from services.ingest.domain.write_backs import Told, WriteBacks
from services.ingest.pacing import LINE_MAX, SHOP_CALLS_MAX
from services.ingest.shared import Shared
from services.ingest.shops import Shop
from services.ingest.writeback import WriteBackDispatcher

PATIENCE_S = 20.0
SHOPS = ("ill", "well")
"""In the order of their orders' ids."""


@dataclass(kw_only=True)
class Platform:
    """Two shops of one channel; `ill` does as it is told."""

    told: Counter[str] = field(default_factory=Counter)
    silent: bool = False
    down: bool = False
    called: asyncio.Event = field(default_factory=asyncio.Event)
    ill_calls: int = 0

    async def answer(self, request: Request) -> Response:
        shop, order_no = request.path_params["shop"], request.path_params["order_no"]
        if shop == "ill":
            self.called.set()
            self.ill_calls += 1
            if self.silent:
                await asyncio.sleep(PATIENCE_S)
            if self.down:
                return Response(status_code=503)
        self.told[order_no] += 1
        return Response(b"ok")


@dataclass(kw_only=True)
class Desk:
    """Records at once what it is given, as the write-backs' processor would."""

    pool: Pool
    outcomes: dict[str, str] = field(default_factory=dict)

    async def issue(self, commands: Sequence[RecordWriteBack]) -> None:
        self.outcomes |= {command.order_id: command.outcome for command in commands}
        await self.pool.execute(
            "UPDATE ingest.write_backs SET due = false WHERE key = ANY($1::text[])",
            [command.order_id for command in commands],
        )


@dataclass(kw_only=True)
class Rig:
    pool: Pool
    platform: Platform
    desk: Desk
    dispatcher: WriteBackDispatcher

    async def ship(self, shop: str, count: int) -> None:
        """So many orders of a shop have left, and the channel has to be told."""
        for number in range(count):
            order_id = f"{CHANNEL.abbreviation}{SHOPS.index(shop)}{number:03d}"
            await self.pool.execute(
                "INSERT INTO ingest.orders (key, document, order_id, channel, shop, channel_order_no, "
                "quarantined, modified_at) VALUES ($1, '{}', $1, 'douyin', $2, $1, false, now())",
                order_id,
                shop,
            )
            told = Told(kind="shipment", document_no="P1", carrier="SF", waybill_no=f"SF{number}")
            await self.pool.execute(
                "INSERT INTO ingest.write_backs VALUES ($1, $2, true)",
                order_id,
                msgspec.json.encode(Kept(state=WriteBacks(told=(told,)))).decode(),
            )

    async def until_recorded(self, shop: str, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            ids = f"{CHANNEL.abbreviation}{SHOPS.index(shop)}"
            while sum(key.startswith(ids) for key in self.desk.outcomes) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def _request(credentials: Credentials, shipment: Shipment, _now: datetime) -> HttpRequest:
    url = f"{credentials.base_url}/{shipment.order_no}"
    return HttpRequest(method="POST", url=url, headers=(), body=b"{}")


def _read(answer: HttpAnswer) -> WriteBack:
    if answer.status == 200:
        return Applied()
    return Retry(error=ChannelError(kind=ErrorKind.RETRY, code=str(answer.status), detail=""))


@pytest.fixture
async def rig(database_url: str) -> AsyncIterator[Rig]:
    pool, platform = await open_pool(database_url, 4), Platform()
    routes = [Route("/{shop}/{order_no}", platform.answer, methods=["POST"])]
    door = Door(Starlette(routes=routes), "127.0.0.1", 0)
    port, desk = await door.open(), Desk(pool=pool)
    shops = {
        ("douyin", name): Shop(
            channel="douyin",
            shop=name,
            app_key="key",
            app_secret="planted",
            access_token="token",
            base_url=f"http://127.0.0.1:{port}/{name}",
        )
        for name in SHOPS
    }
    channel = replace(CHANNEL, shipment_request=_request, read_shipment_answer=_read)
    async with Outgoing() as outgoing:
        shared = Shared(
            pool=pool,
            outgoing=outgoing,
            publisher=cast("Any", None),
            desk=cast("Any", desk),
            codec=cast("Any", None),
            clock=SystemClock(),
            payloads=cast("Any", None),
            channels={"douyin": channel},
            shops=shops,
        )
        dispatcher = WriteBackDispatcher(shared, attempts_max=2, per_shop_per_s=200.0)
        working = asyncio.create_task(dispatcher.run())
        yield Rig(pool=pool, platform=platform, desk=desk, dispatcher=dispatcher)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    await door.close()
    pool.terminate()


async def test_a_shop_that_does_not_answer_keeps_no_other_waiting(rig: Rig) -> None:
    rig.platform.silent = True
    # More than are held in memory for one shop, and all before the other's.
    await rig.ship("ill", 3 * LINE_MAX)
    await rig.platform.called.wait()

    await rig.ship("well", 60)
    await rig.until_recorded("well", 60)

    assert set(rig.desk.outcomes.values()) == {"applied"}
    # The first calls to the silent shop are still under way: nobody waited for one to end.
    assert rig.platform.ill_calls == SHOP_CALLS_MAX


async def test_an_outage_of_a_shop_costs_no_write_back(rig: Rig) -> None:
    rig.platform.down = True
    await rig.ship("ill", 3)
    # More failures than a write-back alone is allowed.
    for _ in range(4):
        rig.platform.called.clear()
        await rig.platform.called.wait()
    rig.platform.down = False

    await rig.until_recorded("ill", 3)

    assert set(rig.desk.outcomes.values()) == {"applied"}
    assert rig.platform.told == Counter({f"DY0{number:03d}": 1 for number in range(3)})


async def test_a_second_dispatcher_waits(rig: Rig) -> None:
    await rig.ship("well", 1)
    await rig.until_recorded("well", 1)
    second = asyncio.create_task(rig.dispatcher.run())
    await rig.ship("ill", 30)
    await rig.until_recorded("ill", 30)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)

    assert set(rig.platform.told.values()) == {1}
