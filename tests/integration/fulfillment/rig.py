"""Fulfillment as its own process on real servers, the topics around it, and the carriers outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import msgspec
import uvicorn
from confluent_kafka import Consumer, TopicPartition

from chassis import registry, topics
from chassis.client import client
from chassis.codec import codec
from chassis.commands import envelope
from chassis.crypto import MasterKeys, PersonalSeal, new_master_key_text
from chassis.errors import Unavailable
from chassis.producer import Publisher
from deploy.embedded.stack import Stack
from schemas.events.order_states import OrderReadyToFulfil
from simulators.app import build
from simulators.carriers.cainiao import PROVIDER_ID, SECRET
from simulators.carriers.tracking import SALT
from simulators.faults import Odds
from simulators.settings import Settings
from simulators.simulation import Simulation
from tests.support.instances import Instances
from tests.support.rigs import read_topic
from tests.unit.fulfillment import parcels

CLONE = Path(__file__).parents[3]
TOKEN = "token-of-the-test"
CANARY = "测试收货人丙丁"
PATIENCE_S = 60.0


class _Server(uvicorn.Server):
    """Signals belong to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@dataclass(frozen=True, kw_only=True)
class Outside:
    """The carriers: over HTTP for the service, in this process for the test."""

    simulation: Simulation
    base_url: str

    def misbehave(self, **odds: float) -> None:
        """Sets the odds of every misbehaviour from now on."""
        self.simulation.plan._odds = Odds(**odds)

    def waybills(self) -> list[Any]:
        """Every number given out."""
        return list(self.simulation.cainiao.waybills.values())


@asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    """Carriers without faults, listening on a free port."""
    app = build(Settings(seed=11, faults="none", hold_s=0.2, tracking_step_s=0.2))
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    server = _Server(uvicorn.Config(app, log_level="critical", access_log=False, lifespan="on"))
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Outside(simulation=app.state.simulation, base_url=base_url)
    finally:
        server.should_exit = True
        await serving
        listener.close()


@dataclass(kw_only=True)
class Rig:
    """One prefix, one database, and at most one fulfillment process at a time."""

    stack: Stack
    prefix: str
    database_url: str
    publisher: Publisher
    carriers: Outside
    master_keys: str
    mark: str
    """What the ids of this rig's orders begin with."""
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    instances: Instances = field(default_factory=Instances)

    def orders(self, count: int) -> list[str]:
        """Ids of this rig's orders; the same ones whenever asked."""
        return [f"{self.mark}{number:05d}" for number in range(count)]

    async def publish(self, events: Iterable[Any]) -> None:
        """Puts events on their topics, each as the next of its order's stream there."""
        records = []
        for event in events:
            at = (event.TOPIC, event.order_id)
            self.versions[at] = self.versions.get(at, 0) + 1
            numbered = msgspec.structs.replace(event, version=self.versions[at])
            records.append(envelope(codec(), numbered, "test"))
        await self.publisher.publish(records)

    async def ready(self, order_ids: Sequence[str], **changed: Any) -> None:
        """Publishes orders ready to fulfil, with sealed receivers whose keys are in the database."""
        seal = PersonalSeal(MasterKeys.parse(self.master_keys))
        block = msgspec.json.encode(
            {"name": CANARY, "phone": "13000004321", "address": "样例路 7 号"}
        )
        events: list[OrderReadyToFulfil] = []
        keys: list[tuple[str, bytes]] = []
        for order_id in order_ids:
            sealed = seal.seal(block, order_id)
            keys.append((order_id, sealed.wrapped_key))
            given = {"channel_order_no": f"40{order_id}", "personal": sealed.ciphertext, **changed}
            events.append(parcels.ready(order_id, **given))
        connection = await asyncpg.connect(self.database_url, timeout=10)
        try:
            await connection.executemany(
                "INSERT INTO chassis.personal_keys VALUES ($1, $2)", keys, timeout=10
            )
        finally:
            await connection.close(timeout=10)
        await self.publish(events)

    def shared_environment(self) -> dict[str, str]:
        """Where the servers are, for processes of this rig."""
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith("DANSHU_")},
            **self.stack.environment(),
            "DANSHU_POSTGRES_URL": self.database_url,
            "DANSHU_TOPIC_PREFIX": self.prefix,
        }

    async def cli(self, *arguments: str) -> tuple[int, str]:
        """Runs `danshu fulfillment …`: exit status, and everything printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli.fulfillment",
            *arguments,
            cwd=CLONE,
            env=self.shared_environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        return process.returncode or 0, printed.decode()

    async def told(self) -> list[Any]:
        """What fulfillment has told of this rig's orders, topic by topic."""
        kafka = {"bootstrap.servers": self.stack.kafka_bootstrap}
        told: list[Any] = [
            codec().decode(value)
            for topic in ("parcels", "shipments")
            for value in await asyncio.to_thread(read_topic, kafka, self.prefix, topic)
        ]
        return [event for event in told if event.order_id.startswith(self.mark)]

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Rows of the service's database."""
        connection = await asyncpg.connect(self.database_url, timeout=10)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close(timeout=10)

    async def stages(self) -> dict[str, int]:
        """How many parcels stand where."""
        rows = await self.rows("SELECT stage, count(*) FROM fulfillment.every_parcel GROUP BY 1")
        return {row["stage"]: row["count"] for row in rows}

    async def until_stages(self, **wanted: int) -> None:
        """Waits until parcels stand exactly like this."""

        async def reached() -> bool:
            return await self.stages() == wanted

        await self._until(reached)

    async def until_row(self, query: str, *arguments: object) -> None:
        """Waits until the one value of a query is true."""

        async def held() -> bool:
            rows = await self.rows(query, *arguments)
            return bool(rows and rows[0][0])

        await self._until(held)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits until something outside is as wanted."""

        async def held() -> bool:
            return holds()

        await self._until(held)

    async def _until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    if await holds():
                        return
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"{await self.stages()}\n{''.join(self.log)}") from None

    @asynccontextmanager
    async def service(self) -> AsyncIterator[Running]:
        """The service, ready; ended with the block by SIGTERM, which must end it in order."""
        environment = {
            **self.shared_environment(),
            "DANSHU_API_TOKEN": TOKEN,
            "DANSHU_MASTER_KEYS": self.master_keys,
            "DANSHU_RULES_DIR": str(CLONE / "rules"),
            "DANSHU_FULFILLMENT_WAYBILL_URL": f"{self.carriers.base_url}/gateway/link.do",
            "DANSHU_FULFILLMENT_WAYBILL_PARTNER_ID": PROVIDER_ID,
            "DANSHU_FULFILLMENT_WAYBILL_SECRET": SECRET,
            "DANSHU_FULFILLMENT_TRACKING_SECRETS": msgspec.json.encode(
                {"kuaidi100": SALT}
            ).decode(),
            "DANSHU_FULFILLMENT_WATCH_INTERVAL_S": "0.2",
        }
        process = await self.instances.start(
            sys.executable,
            "-m",
            "services.fulfillment",
            cwd=CLONE,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                said = await self._until_ready(process)
            draining = asyncio.ensure_future(self._read(process))
            bearer = {"authorization": f"Bearer {TOKEN}"}
            async with client(base_url=f"http://127.0.0.1:{said['http_port']}") as http:
                http.headers.update(bearer)
                yield Running(http=http, process=process, admin_port=said["admin_port"])
            if process.returncode is None:
                process.terminate()
                async with asyncio.timeout(PATIENCE_S):
                    assert await process.wait() == 0, "".join(self.log)
            await draining
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _until_ready(self, process: asyncio.subprocess.Process) -> dict[str, Any]:
        assert process.stdout is not None
        async for line in process.stdout:
            self.log.append(line.decode())
            with contextlib.suppress(msgspec.DecodeError):
                said: dict[str, Any] = msgspec.json.decode(line)
                if said.get("event") == "ready":
                    return said
        raise AssertionError("".join(self.log))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.log.append(line.decode())


@dataclass(frozen=True, kw_only=True)
class Running:
    """A ready service. `http` carries the token."""

    http: httpx2.AsyncClient
    process: asyncio.subprocess.Process
    admin_port: int

    async def step_all(self, action: str, order_ids: Sequence[str]) -> list[str]:
        """One step of many parcels: "done" or the reason of each refusal, in order."""
        wanted = [{"order_id": o, "action": action, "actor": "测试仓管"} for o in order_ids]
        answer = await self.http.post("/parcels/commands", json=wanted, timeout=30)
        assert answer.status_code == 200, answer.text
        return [one["reason"] or one["outcome"] for one in answer.json()["results"]]

    async def metrics(self) -> str:
        """What Prometheus would read."""
        return (await self.http.get(f"http://127.0.0.1:{self.admin_port}/metrics")).text

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        await self.process.wait()


def prepare(stack: Stack, prefix: str) -> None:
    """Schemas and topics, which rigs may share: a hundred partitions a test would be most of its time."""
    registry.ensure(stack.schema_registry_url)
    kafka = {"bootstrap.servers": stack.kafka_bootstrap}
    for last in (False, False, True):
        try:
            topics.ensure(kafka, prefix, 1)
        except Unavailable:
            # As a service does it: a broker busy with other tests is waited for.
            if last:
                raise


@asynccontextmanager
async def rig_on(stack: Stack, prefix: str, database_url: str) -> AsyncIterator[Rig]:
    """A rig with tables of its own; what earlier rigs published on the same topics is behind it."""
    kafka = {"bootstrap.servers": stack.kafka_bootstrap}
    ends = await asyncio.to_thread(_ends, kafka, prefix)
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        await connection.executemany(
            "INSERT INTO chassis.consumer_offsets VALUES ('fulfillment', $1, $2, $3)",
            [(domain, partition, end) for (domain, partition), end in ends.items()],
            timeout=10,
        )
    finally:
        await connection.close(timeout=10)
    publisher = Publisher(kafka, prefix)
    try:
        async with outside() as carriers:
            yield Rig(
                stack=stack,
                prefix=prefix,
                database_url=database_url,
                publisher=publisher,
                carriers=carriers,
                master_keys=new_master_key_text(),
                mark=f"TB{secrets.randbelow(10**9):09d}",
            )
    finally:
        publisher.close()


def _ends(kafka: dict[str, Any], prefix: str) -> dict[tuple[str, int], int]:
    consumer = Consumer({**kafka, "group.id": f"{prefix}.ends"})
    try:
        return {
            (domain, partition): consumer.get_watermark_offsets(
                TopicPartition(topics.TOPICS[domain].name(prefix), partition), timeout=10
            )[1]
            for domain in topics.consumed_by("fulfillment")
            for partition in range(topics.TOPICS[domain].partitions)
        }
    finally:
        consumer.close()
