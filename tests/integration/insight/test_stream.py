"""Insight as it runs: a process of its own on real Kafka, compared with a recount of the topic."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from msgspec import Struct
from msgspec.structs import replace

from chassis import registry, topics
from chassis.client import client
from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.commands import envelope
from chassis.errors import Invalid
from chassis.processor import Emitted
from chassis.producer import Publisher
from chassis.topics import TOPICS
from deploy.embedded.ports import free_port
from deploy.embedded.stack import Stack
from schemas.events.orders import OrderPlaced
from schemas.events.signals import ChannelWindowClosed
from services.insight.position import channels_announced
from tests.support.rigs import read_topic
from tests.support.toy import paid, placed

BEFORE = timedelta(minutes=4)
"""Orders of a test are accepted from so long before it on: a restart ignores what was accepted long before it was published."""
PATIENCE_S = 60.0
CHANNELS = {"taobao", "jd", "douyin"}
NONE_SOLD = re.compile(r'^danshu_insight_channel_orders\{channel="(\w+)"\} 0\.0$', re.MULTILINE)
Counted = dict[tuple[str, datetime], tuple[int, int, int]]


def recounted(values: Sequence[bytes]) -> Counted:
    """What the windows must come to, by the topic alone."""
    orders: dict[str, OrderPlaced] = {}
    for value in values:
        with contextlib.suppress(Invalid):
            if isinstance(event := codec().decode(value), OrderPlaced):
                orders[event.order_id] = event
    counted: Counted = {}
    for one in orders.values():
        key = (one.channel, one.accepted_at.replace(second=0, microsecond=0))
        delay_ms = (one.accepted_at - one.occurred_at) // timedelta(milliseconds=1)
        number, most, total = counted.get(key, (0, 0, 0))
        counted[key] = (number + 1, max(most, delay_ms), total + delay_ms)
    return counted


class Bench:
    """One topic prefix and the process that reads it."""

    def __init__(self, stack: Stack, prefix: str, log: Path) -> None:
        self.kafka: dict[str, Any] = {"bootstrap.servers": stack.kafka_bootstrap}
        self.stack, self.prefix, self.log = stack, prefix, log
        self.publisher = Publisher(self.kafka, prefix)
        self._first_at = SystemClock().now().replace(second=0, microsecond=0) - BEFORE

    def order(self, number: int) -> OrderPlaced:
        """One of the orders of the test, every two seconds one."""
        accepted_at = self._first_at + timedelta(seconds=2 * number)
        return replace(
            placed(f"T{number}"),
            channel=("taobao", "jd", "douyin")[number % 3],
            accepted_at=accepted_at,
            occurred_at=accepted_at - timedelta(milliseconds=100 * number),
        )

    async def publish(self, events: Sequence[Struct]) -> None:
        await self.publisher.publish([envelope(codec(), event, "test") for event in events])

    async def announced(self) -> Counted:
        """The newest closing of every window."""
        values = await asyncio.to_thread(read_topic, self.kafka, self.prefix, "signals")
        closings = [codec().decode(value) for value in values]
        return {
            (c.channel, c.window_start): (c.orders, c.delay_max_ms, c.delay_sum_ms)
            for c in closings
            if isinstance(c, ChannelWindowClosed)
        }

    async def until_right(self) -> None:
        """Returns when closings equal the recount; shows both when they do not in time."""
        values = await asyncio.to_thread(read_topic, self.kafka, self.prefix, "orders")
        wanted, found = recounted(values), await self.announced()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while found != wanted:
                    await asyncio.sleep(0.2)
                    found = await self.announced()
        except TimeoutError:
            raise AssertionError(f"{found}\n!=\n{wanted}\n{self.log.read_text()}") from None

    async def until_silent(self, port: int, channels: set[str]) -> str:
        """Metrics as they are when these channels, and no others, are shown to sell nothing."""
        return await self.until_shown(port, lambda shown: set(NONE_SOLD.findall(shown)) == channels)

    async def until_shown(self, port: int, wanted: Callable[[str], bool]) -> str:
        """Metrics as they are when they are as wanted."""
        shown = ""
        try:
            async with client() as http, asyncio.timeout(PATIENCE_S):
                while not wanted(shown):
                    shown = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{shown}\n{self.log.read_text()}") from None
        return shown

    async def waits(self, port: int, why: str) -> None:
        """Returns when /readyz says that it waits, and why."""
        async with client() as http, asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(httpx2.HTTPError):
                    answer = await http.get(f"http://127.0.0.1:{port}/readyz")
                    if answer.status_code == 503 and why in answer.text:
                        return
                await asyncio.sleep(0.1)

    def lose_a_record(self) -> None:
        """The oldest of one partition of orders is gone, as if its time were over."""
        topic = TOPICS["orders"]
        looker = Consumer({**self.kafka, "group.id": f"{self.prefix}.looker"})
        partitions = [
            TopicPartition(topic.name(self.prefix), p, 1) for p in range(topic.partitions)
        ]
        some = next(p for p in partitions if looker.get_watermark_offsets(p, timeout=15)[1] > 1)
        looker.close()
        admin = AdminClient(
            {**self.kafka}
        )  # what is asked of one that nobody holds is never answered
        admin.delete_records([some])[some].result()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """Insight, ready; its admin port. It must end by SIGTERM with status 0."""
        async with self.started() as (process, port):
            await self.ready(process, port)
            yield port
            process.send_signal(signal.SIGTERM)
            await self.ended(process, 0)

    @asynccontextmanager
    async def started(self, *command: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
        """A process of insight, by another command than usual if one is given, and its admin port."""
        port = free_port()
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *(command or ("-m", "services.insight")),
                stdout=log, stderr=log, env={**os.environ, **self.environment(port)},
            )  # fmt: skip
        try:
            yield process, port
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def ended(
        self, process: asyncio.subprocess.Process, status: int, within_s: float = 20
    ) -> None:
        """Returns when it has ended, as it must."""
        async with asyncio.timeout(within_s):
            assert await process.wait() == status, self.log.read_text()

    async def members(self) -> int:
        """How many read as insight."""
        group = f"{self.prefix}.insight"
        admin = AdminClient(self.kafka)
        asked = admin.describe_consumer_groups([group])[group]
        return len((await asyncio.to_thread(asked.result)).members)

    def environment(self, port: int) -> dict[str, str]:
        return {
            "DANSHU_KAFKA_BOOTSTRAP": self.stack.kafka_bootstrap,
            "DANSHU_SCHEMA_REGISTRY_URL": self.stack.schema_registry_url,
            "DANSHU_TOPIC_PREFIX": self.prefix,
            "DANSHU_ADMIN_PORT": str(port),
            "DANSHU_INSIGHT_GRACE_S": "1",
            "DANSHU_INSIGHT_REWIND_S": "600",
        }

    async def ready(self, process: asyncio.subprocess.Process, port: int) -> None:
        async with client() as http, asyncio.timeout(PATIENCE_S):
            while process.returncode is None:
                try:
                    if (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                        return
                except httpx2.HTTPError:
                    pass
                await asyncio.sleep(0.1)
        raise AssertionError(self.log.read_text())


@pytest.fixture
async def bench(stack: Stack, topic_prefix: str, tmp_path: Path) -> AsyncIterator[Bench]:
    await asyncio.to_thread(registry.ensure, stack.schema_registry_url)
    await asyncio.to_thread(
        topics.ensure, {"bootstrap.servers": stack.kafka_bootstrap}, topic_prefix, 1
    )
    made = Bench(stack, topic_prefix, tmp_path / "insight.log")
    yield made
    made.publisher.close()


async def test_closings_equal_a_recount_of_the_topic_over_duplicates_garbage_and_restarts(
    bench: Bench,
) -> None:
    first = [bench.order(number) for number in range(60)]
    await bench.publish([*first, *first[:20], *(paid(one.order_id) for one in first)])
    placed_id = codec().encode(first[0])[:5]
    await bench.publisher.publish([Emitted("orders", "x", placed_id + b"\xff", ())])
    async with bench.running() as port:
        await bench.until_right()
        # Late: into minutes that were closed already.
        await bench.publish([replace(bench.order(n), order_id=f"L{n}") for n in range(0, 60, 5)])
        await bench.until_right()
        shown = await bench.until_silent(port, CHANNELS)
        async with client() as http:
            assert (await http.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
    assert 'danshu_insight_records_total{outcome="duplicate"} 20.0' in shown
    assert 'danshu_insight_records_total{outcome="invalid"} 1.0' in shown
    assert 'danshu_insight_records_total{outcome="skipped"} 60.0' in shown
    assert 'danshu_insight_records_total{outcome="counted"} 72.0' in shown
    assert 'danshu_insight_sync_delay_seconds{channel="jd",of="max"}' not in shown
    async with bench.running() as port:
        await bench.until_silent(port, CHANNELS)
        await bench.publish([bench.order(number) for number in range(60, 90)])
        await bench.until_right()
    log = [json.loads(line) for line in bench.log.read_text().splitlines() if line[:1] == "{"]
    assert not [line for line in log if line["level"] in ("error", "critical")], log


async def test_a_start_knows_the_channels_that_were_announced(bench: Bench) -> None:
    await bench.publish([bench.order(number) for number in range(3)])
    signals = TOPICS["signals"].name(bench.prefix)
    assert channels_announced(bench.kafka, "looker", signals) == frozenset()
    async with bench.running():
        await bench.until_right()
    known = await asyncio.to_thread(channels_announced, bench.kafka, "looker", signals)
    assert known == CHANNELS


async def test_what_is_left_of_a_partition_is_not_announced_as_the_whole(bench: Bench) -> None:
    orders = [bench.order(number) for number in range(60)]
    await bench.publish(orders)
    await asyncio.to_thread(bench.lose_a_record)
    async with bench.running() as port:
        late = f'danshu_insight_records_total{{outcome="late"}} {len(orders) - 1}.0'
        await bench.until_shown(port, lambda metrics: late in metrics)
    assert await bench.announced() == {}


async def test_a_second_process_waits_where_nothing_is_committed(bench: Bench) -> None:
    async with bench.running():
        async with bench.started() as (second, port):
            await bench.waits(port, "another process of insight reads")
            assert await bench.members() == 1
            second.send_signal(signal.SIGTERM)
            await bench.ended(second, 0)
        await bench.publish([bench.order(number) for number in range(6)])
        await bench.until_right()


SIDE_BY_SIDE = """
from services.insight import app, position
position._alone = lambda *_: None
app.main()
"""
"""Insight as it is when it asked who reads a moment before another came."""


async def test_two_that_read_side_by_side_announce_nothing_more_and_end(bench: Bench) -> None:
    async with bench.started() as (first, port):
        await bench.ready(first, port)
        async with bench.started("-c", SIDE_BY_SIDE) as (second, _):
            await bench.ended(first, 1, PATIENCE_S)
            await bench.ended(second, 1, PATIENCE_S)
    await bench.publish([bench.order(number) for number in range(6)])
    assert await bench.announced() == {}
    async with bench.running():
        await bench.until_right()


SOON_FROZEN = """
from services.insight import app, stream
stream.FROZEN_S = 4.0
app.main()
"""


async def test_one_that_stood_still_announces_nothing_more_and_ends(bench: Bench) -> None:
    await bench.publish([bench.order(number) for number in range(6)])
    async with bench.started("-c", SOON_FROZEN) as (process, port):
        await bench.ready(process, port)
        await bench.until_right()
        announced = await bench.announced()
        process.send_signal(signal.SIGSTOP)
        await bench.publish([bench.order(number) for number in range(6, 12)])
        # By its own clock, longer than it may stand still.
        await asyncio.sleep(5)
        process.send_signal(signal.SIGCONT)
        await bench.ended(process, 1)
    assert "stood still" in bench.log.read_text()
    assert await bench.announced() == announced
