"""A shop whose channel is away, then back; and the ingest service as its own process."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis.codec import codec
from chassis.crypto import new_master_key_text
from chassis.http import Door
from deploy.embedded.stack import Stack
from schemas.events.orders import OrderPlaced
from tests.support.instances import Instances
from tests.support.rigs import read_topic
from tests.unit.ingest.channels.builders import jd_item, jd_order

CLONE = Path(__file__).parents[3]
TOKEN = "token-of-the-test"
PATIENCE_S = 60.0
COLUMNS = (
    "订单号", "订单状态", "下单时间", "付款确认时间", "应付金额", "运费金额", "客户姓名", "客户地址", "联系电话",
    "商品ID", "商家SKUID", "商品名称", "订购数量", "京东价",
)  # fmt: skip


def numbers(count: int) -> list[str]:
    """Order numbers of the channel."""
    return [str(290_000_000_000_001 + place) for place in range(count)]


def export(folder: Path, order_nos: Sequence[str], *, pieces: int = 2) -> Path:
    """The back office's export of these orders, as GB18030."""
    path = folder / "京东订单.csv"
    with path.open("w", encoding="gb18030", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for order_no in order_nos:
            rows.writerow(
                [
                    f'="{order_no}"', "等待出库", "2026-05-20 09:31:02", "2026-05-20 09:31:40", "100.00", "0.00",
                    "测**", "江苏南京市玄武区****", "130****0001", "100000000001", "KETTLE", "示例 电热水壶",
                    pieces, "50.00",
                ]
            )  # fmt: skip
    return path


@dataclass(kw_only=True)
class Party:
    """The channel: busy while it is away; then it lists its orders."""

    order_nos: list[str] = field(default_factory=list)
    away: bool = True
    shipped: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        """Any call of the channel's one gateway."""
        if self.away:
            return Response(b"busy", status_code=503)
        given = dict(request.query_params) | dict((await request.form()).items())
        method = str(given.get("method"))
        business = json.loads(str(given.get("360buy_param_json", "{}")))
        if method != "jingdong.pop.order.search":
            return Response(b"busy", status_code=503)
        size = int(business["page_size"])
        at = (int(business["page"]) - 1) * size
        found = {
            "apiResult": {"numberCode": 0, "success": True},
            "orderInfoList": [
                jd_order(jd_item(), orderId=order_no) for order_no in self.order_nos[at : at + size]
            ],
            "orderTotal": len(self.order_nos),
        }
        return JSONResponse(
            {"jingdong_pop_order_search_responce": {"code": "0", "searchorderinfo_result": found}}
        )


@dataclass(kw_only=True)
class Rig:
    """One prefix, one database, one shop, and at most one ingest process at a time."""

    stack: Stack
    prefix: str
    database_url: str
    folder: Path
    party: Party
    party_url: str
    master_keys: str = field(default_factory=new_master_key_text)
    port: int = 0
    log: list[str] = field(default_factory=list)
    instances: Instances = field(default_factory=Instances)

    def environment(self) -> dict[str, str]:
        """Settings of every process on this rig."""
        shops = self.folder / "shops.json"
        shop = {
            "channel": "jd", "shop": "jd-1", "app_key": "k", "app_secret": "s", "access_token": "t",
            "base_url": self.party_url,
        }  # fmt: skip
        shops.write_text(json.dumps([shop]))
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith("DANSHU_")},
            **self.stack.environment(),
            "DANSHU_POSTGRES_URL": self.database_url,
            "DANSHU_TOPIC_PREFIX": self.prefix,
            "DANSHU_API_TOKEN": TOKEN,
            "DANSHU_MASTER_KEYS": self.master_keys,
            "DANSHU_INGEST_SHOPS_FILE": str(shops),
            "DANSHU_INGEST_POLL_INTERVAL_S": "0.5",
            "DANSHU_INGEST_HTTP_PORT": str(self.port),
            "COLUMNS": "300",
        }

    @asynccontextmanager
    async def service(self, *, port: int = 0) -> AsyncIterator[asyncio.subprocess.Process]:
        """Ingest, ready; ended with the block."""
        process = await self.instances.start(
            sys.executable,
            "-m",
            "services.ingest",
            cwd=CLONE,
            env=self.environment() | {"DANSHU_INGEST_HTTP_PORT": str(port)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        reading: asyncio.Task[None] | None = None
        try:
            self.port = await _ready(process)
            reading = asyncio.create_task(_read(process, self.log))
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()
            if reading is not None:
                await reading

    async def danshu(self, *arguments: str) -> asyncio.subprocess.Process:
        """`danshu ingest …`, started."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli.main",
            "ingest",
            *arguments,
            cwd=CLONE,
            env=self.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def import_(self, file: Path, *options: str) -> tuple[int, str]:
        """Exit status and output of an import into the shop."""
        process = await self.danshu("import", str(file), "-c", "jd", "-s", "jd-1", *options)
        async with asyncio.timeout(PATIENCE_S):
            said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Rows of the service's database."""
        connection = await asyncpg.connect(self.database_url, timeout=10)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close(timeout=10)

    async def until(self, query: str, wanted: object) -> None:
        """Asks for one value until it is as wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                rows = await self.rows(query)
                if rows and rows[0][0] == wanted:
                    return
                await asyncio.sleep(0.1)

    async def placed(self) -> Counter[str]:
        """How often each order was told downstream; what a killed process published twice is told once."""
        kafka = {"bootstrap.servers": self.stack.kafka_bootstrap}
        values = await asyncio.to_thread(read_topic, kafka, self.prefix, "orders")
        events = [codec().decode(value) for value in values]
        told = {(e.order_id, e.version): e for e in events if isinstance(e, OrderPlaced)}
        return Counter(event.channel_order_no for event in told.values())


@asynccontextmanager
async def rig_on(stack: Stack, prefix: str, database_url: str, folder: Path) -> AsyncIterator[Rig]:
    """A rig whose channel is away."""
    party = Party()
    routes = [Route("/{path:path}", party.answer, methods=["GET", "POST"])]
    door = Door(Starlette(routes=routes), "127.0.0.1", 0)
    port = await door.open()
    try:
        yield Rig(
            stack=stack,
            prefix=prefix,
            database_url=database_url,
            folder=folder,
            party=party,
            party_url=f"http://127.0.0.1:{port}",
        )
    finally:
        await door.close()


async def _ready(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    log: list[str] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            async for line in process.stdout:
                log.append(line.decode())
                with contextlib.suppress(msgspec.DecodeError):
                    said: Any = msgspec.json.decode(line)
                    if said.get("event") == "ready":
                        return int(said["http_port"])
    raise AssertionError("not ready: " + "".join(log))


async def _read(process: asyncio.subprocess.Process, log: list[str]) -> None:
    assert process.stdout is not None
    log.extend([line.decode() async for line in process.stdout])
