"""A service, orders unless told, as its own process on real servers, and the topics around it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import msgspec
from msgspec import Struct

from chassis.client import client
from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.commands import envelope
from chassis.producer import Publisher
from deploy.embedded.stack import Stack
from tests.support.instances import Instances
from tests.support.rigs import read_topic

CLONE = Path(__file__).parents[3]
TOKEN = "token-of-the-test"
PATIENCE_S = 60.0


@dataclass(kw_only=True)
class Rig:
    """One prefix, one database, and at most one process of the service at a time."""

    stack: Stack
    prefix: str
    database_url: str
    publisher: Publisher
    module: str = "services.orders"
    terminal_module: str = "cli.orders"
    given: dict[str, str] = field(default_factory=dict)
    """Settings of every process on this rig beside the servers'."""
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    instances: Instances = field(default_factory=Instances)

    async def publish(self, events: Sequence[Any]) -> None:
        """Puts events on their topics, each as the next of its order's stream there."""
        records = []
        for event in events:
            if "version" in event.__struct_fields__:
                at = (event.TOPIC, event.order_id)
                self.versions[at] = self.versions.get(at, 0) + 1
                event = msgspec.structs.replace(event, version=self.versions[at])  # noqa: PLW2901
            records.append(envelope(codec(), event, "test"))
        await self.publisher.publish(records)

    async def publish_again(self, events: Sequence[Struct]) -> None:
        """Puts events on their topics as they are."""
        await self.publisher.publish([envelope(codec(), event, "test") for event in events])

    async def emitted(self, domain: str) -> list[Any]:
        """What is on a topic now."""
        kafka = {"bootstrap.servers": self.stack.kafka_bootstrap}
        values = await asyncio.to_thread(read_topic, kafka, self.prefix, domain)
        return [codec().decode(value) for value in values]

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Rows of the service's database."""
        connection = await asyncpg.connect(self.database_url, timeout=10)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close(timeout=10)

    async def until(self, query: str, holds: Callable[[Any], bool]) -> Any:
        """Asks for one value until it is as wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                rows = await self.rows(query)
                value = rows[0][0] if rows else None
                if holds(value):
                    return value
                await asyncio.sleep(0.05)

    def environment(self) -> dict[str, str]:
        """Settings of every process on this rig, in place of those of the test run itself."""
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith("DANSHU_")},
            **self.stack.environment(),
            "DANSHU_POSTGRES_URL": self.database_url,
            "DANSHU_TOPIC_PREFIX": self.prefix,
            "DANSHU_API_TOKEN": TOKEN,
            "DANSHU_RULES_DIR": str(CLONE / "rules"),
            **self.given,
        }

    async def terminal(self, *arguments: str) -> tuple[int, str]:
        """Exit status and output of the service's group of `danshu`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self.terminal_module,
            *arguments,
            cwd=CLONE,
            env=self.environment() | {"COLUMNS": "300"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(PATIENCE_S):
            said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    @asynccontextmanager
    async def service(self, **settings: str) -> AsyncIterator[Running]:
        """The service, ready; unless it has ended, SIGTERM ends it with the block, which must end it in order."""
        process = await self.instances.start(
            sys.executable,
            "-m",
            self.module,
            cwd=CLONE,
            env=self.environment() | settings,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        log: list[str] = []
        try:
            port = await _ready(process, log)
            draining = asyncio.ensure_future(_read(process, log))
            http = client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"authorization": f"Bearer {TOKEN}"},
            )
            async with http:
                yield Running(http=http, process=process, log=log)
            if process.returncode is None:
                process.terminate()
                async with asyncio.timeout(PATIENCE_S):
                    assert await process.wait() == 0, "\n".join(log)
            await draining
        except TimeoutError:
            raise AssertionError("it took too long: " + "".join(log)) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


@dataclass(frozen=True, kw_only=True)
class Running:
    """A ready service."""

    http: httpx2.AsyncClient
    process: asyncio.subprocess.Process
    log: list[str]

    async def ask(self, order_id: str, name: str, **body: Any) -> httpx2.Response:
        """POSTs a command."""
        given = {"reason": "测试", "actor": "客服01", **body}
        return await self.http.post(f"/orders/{order_id}/{name}", json=given, timeout=40)


async def _ready(process: asyncio.subprocess.Process, log: list[str]) -> int:
    assert process.stdout is not None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            async for line in process.stdout:
                log.append(line.decode())
                with contextlib.suppress(msgspec.DecodeError):
                    said = msgspec.json.decode(line)
                    if said.get("event") == "ready":
                        return int(said["http_port"])
    raise AssertionError("not ready: " + "".join(log))


async def _read(process: asyncio.subprocess.Process, log: list[str]) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        log.append(line.decode())  # noqa: PERF401 — it is shown where the process hangs


@contextlib.contextmanager
def rig_on(stack: Stack, prefix: str, database_url: str) -> Iterator[Rig]:
    """A rig; schemas, topics and tables are made by the first service it starts."""
    publisher = Publisher({"bootstrap.servers": stack.kafka_bootstrap}, prefix)
    try:
        yield Rig(stack=stack, prefix=prefix, database_url=database_url, publisher=publisher)
    finally:
        publisher.close()


def of(event: Any, order_id: str) -> Any:
    """The same event of another order."""
    return msgspec.structs.replace(event, order_id=order_id)


def fresh(event: Any, order_id: str) -> Any:
    """An order just placed, to a receiver of its own."""
    return msgspec.structs.replace(
        event,
        order_id=order_id,
        channel_order_no=f"33{order_id}",
        receiver_key=f"receiver-{order_id}",
        accepted_at=SystemClock().now(),
    )
