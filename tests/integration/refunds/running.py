"""The refunds service as a process of its own, beside a gateway that keeps a ledger."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx2
import stamina
from confluent_kafka import Consumer, TopicPartition
from msgspec import Struct

from chassis import topics
from chassis.client import client
from chassis.codec import codec
from chassis.commands import envelope
from chassis.errors import Unavailable
from chassis.producer import Publisher
from chassis.source import SEEKING
from deploy.embedded.stack import Stack
from tests.integration.refunds.peer import APP_ID, Peer, gateway_public_pem, merchant_private_pem
from tests.support.instances import Instances

TOKEN = "test-token"
READY_TIMEOUT_S = 60.0
SETTLE_TIMEOUT_S = 30.0


@dataclass
class Running:
    """One process of the service."""

    process: asyncio.subprocess.Process
    door: httpx2.AsyncClient

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is said."""
        with suppress(ProcessLookupError):
            self.process.kill()

    async def post(self, path: str, body: Mapping[str, object]) -> httpx2.Response:
        """One door."""
        return await self.door.post(path, json=dict(body))

    async def request(self, body: Mapping[str, object]) -> httpx2.Response:
        """POST /refunds once the order has arrived: until then the door says so."""
        async with asyncio.timeout(SETTLE_TIMEOUT_S):
            while True:
                response = await self.post("/refunds", body)
                early = response.status_code == 409 and response.json()["code"] in {
                    "order_unknown",
                    "not_paid",
                }
                if not early:
                    return response
                await asyncio.sleep(0.1)


class World:
    """Servers, gateway and topics of one test."""

    def __init__(self, stack: Stack, database_url: str, topic_prefix: str, peer: Peer) -> None:
        self.peer = peer
        self._kafka = {"bootstrap.servers": stack.kafka_bootstrap}
        self._prefix = topic_prefix
        self._publisher: Publisher | None = None
        self._instances = Instances()
        self._environment = {
            "PATH": os.environ["PATH"],
            "DANSHU_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
            "DANSHU_SCHEMA_REGISTRY_URL": stack.schema_registry_url,
            "DANSHU_POSTGRES_URL": database_url,
            "DANSHU_TOPIC_PREFIX": topic_prefix,
            "DANSHU_API_TOKEN": TOKEN,
            "DANSHU_REFUNDS_GATEWAY_URL": peer.url,
            "DANSHU_REFUNDS_GATEWAY_APP_ID": APP_ID,
            "DANSHU_REFUNDS_GATEWAY_PRIVATE_KEY": merchant_private_pem(),
            "DANSHU_REFUNDS_GATEWAY_PUBLIC_KEY": gateway_public_pem(),
            "DANSHU_REFUNDS_QUERY_WAIT_S": "0.1",
            "DANSHU_REFUNDS_LEASE_S": "1.5",
            "DANSHU_REFUNDS_IDLE_S": "0.05",
        }

    async def create_topics(self) -> None:
        """What services do at their start, for events that are there before any of them."""
        async for attempt in stamina.retry_context(on=Unavailable, timeout=READY_TIMEOUT_S):
            with attempt:
                await asyncio.to_thread(topics.ensure, self._kafka, self._prefix, 1)

    @asynccontextmanager
    async def service(self, **environment: str) -> AsyncIterator[Running]:
        """The service, ready; stopped in order unless it was killed. `environment` is added to what it is told."""
        process = await self._instances.start(
            sys.executable,
            "-m",
            "services.refunds",
            env=self._environment | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        said: list[str] = []
        port = 0
        async with asyncio.timeout(READY_TIMEOUT_S):
            while not port:
                text = (await process.stdout.readline()).decode()
                assert text, f"the service ended: {''.join(said)}"
                said.append(text)
                with suppress(json.JSONDecodeError):
                    port = json.loads(text).get("http_port", 0)
        draining = asyncio.create_task(process.stdout.read())
        door = client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"authorization": f"Bearer {TOKEN}"},
            timeout_s=10.0,
        )
        try:
            yield Running(process, door)
        finally:
            await door.aclose()
            with suppress(ProcessLookupError):
                process.terminate()
            async with asyncio.timeout(30):
                await process.wait()
            await draining

    async def died(self, environment: Mapping[str, str]) -> None:
        """Runs the service until it has killed itself at the failpoint that `environment` names."""
        process = await self._instances.start(
            sys.executable,
            "-m",
            "services.refunds",
            env={**self._environment, **environment},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                code = await process.wait()
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        assert code == -9, f"the service ended by itself with {code}"

    async def publish(self, events: Sequence[Struct]) -> None:
        """Puts events on their topics as another service would."""
        if self._publisher is None:
            self._publisher = Publisher(self._kafka, self._prefix)
        await self._publisher.publish([envelope(codec(), event, "test") for event in events])

    async def refund_events(self, enough: Callable[[list[Struct]], bool]) -> list[Struct]:
        """Reads the refunds topic from its start until it holds enough."""
        return await asyncio.to_thread(self._read, enough)

    def _read(self, enough: Callable[[list[Struct]], bool]) -> list[Struct]:
        topic = topics.TOPICS["refunds"]
        consumer = Consumer({**self._kafka, **SEEKING, "group.id": f"{self._prefix}.look"})
        name = topic.name(self._prefix)
        consumer.assign([TopicPartition(name, p, 0) for p in range(topic.partitions)])
        found: list[Struct] = []
        waited_s = 0.0
        while not enough(found) and waited_s < SETTLE_TIMEOUT_S:
            message = consumer.poll(0.2)
            if message is None:
                waited_s += 0.2
            elif message.error() is None:
                found.append(codec().decode(message.value() or b""))
        consumer.close()
        return found

    def close(self) -> None:
        """Ends the producer."""
        if self._publisher is not None:
            self._publisher.close()
