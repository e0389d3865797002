"""Kafka is away, pushes go on, and ingest is killed while it spools and while it drains.

A shop pushes versions of orders, and hints, each again until it is answered 2xx, the next version of an order
only after the last. Whatever was answered must arrive on its topic, versions in order, and be one order.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.crypto import MasterKeys, PayloadSeal, new_master_key_text
from chassis.outgoing import NoAnswer, Outgoing
from chassis.postgres import AWAY
from deploy.embedded.ports import free_port
from deploy.embedded.stack import Stack
from schemas.events.channel_hints import HintReceived
from schemas.events.channel_payloads import PayloadReceived
from schemas.events.orders import OrderPlaced
from services.ingest.channels import _calls as calls
from tests.support import stack as stacks
from tests.support.rigs import read_topic

pytestmark = [pytest.mark.faults, pytest.mark.serial, pytest.mark.timeout(280)]

CLONE = Path(__file__).resolve().parents[2]
SAMPLE = CLONE / "tests/contract/examples/channels/woocommerce/order_processing.json"
SECRET = "secret-of-the-shop"
PATIENCE_S = 120.0
ORDERS = 60
VERSIONS = 3
NO_BUG = ""

Answered = Mapping[str, Sequence[int]]
"""Order number → versions that were answered 2xx, in order; hints are version 0."""


def findings(answered: Answered, arrived: Answered) -> list[str]:
    """What was answered and did not arrive, or came out of order. Twice is allowed, and so is the unanswered."""
    found = []
    for number, versions in answered.items():
        firsts = list(dict.fromkeys(arrived.get(number, ())))
        found += [f"lost: {number} v{version}" for version in versions if version not in firsts]
        if firsts != sorted(firsts):
            found.append(f"order: {number} {firsts}")
    return found


class Shop:
    """Pushes until it is answered, as platforms do."""

    def __init__(self, door: str) -> None:
        self._door = f"{door}/push/woocommerce/s1"
        self._order = json.loads(SAMPLE.read_text(encoding="utf-8"))
        self.orders: dict[str, list[int]] = defaultdict(list)
        self.hints: dict[str, list[int]] = defaultdict(list)
        self.refused = 0

    async def push_all(self, numbers: Iterable[int]) -> None:
        """Every version of these orders, and a hint for each."""
        slots = asyncio.Semaphore(12)
        async with Outgoing() as http, asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(self._push_order(http, slots, number))

    async def _push_order(self, http: Outgoing, slots: asyncio.Semaphore, number: int) -> None:
        async with slots:
            for version in range(1, VERSIONS + 1):
                at = f"2026-05-20T01:31:{40 + version}"
                body = {**self._order, "id": number, "number": str(number), "date_modified_gmt": at}
                await self._push(http, "order.updated", body)
                self.orders[str(number)].append(version)
            await self._push(http, "order.deleted", {"id": number})
            self.hints[str(number)].append(0)

    async def _push(self, http: Outgoing, topic: str, order: object) -> None:
        body = json.dumps(order).encode()
        headers = {
            "x-wc-webhook-topic": topic,
            "x-wc-webhook-signature": calls.hmac_base64(SECRET, body),
        }
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(NoAnswer):
                    answer = await http.call("POST", self._door, headers=headers.items(), body=body)
                    if answer.status == 200:
                        return
                    self.refused += 1
                await asyncio.sleep(0.1)


class Ingest:
    """One ingest process after the other on the same spool."""

    def __init__(self, addresses: Stack, prefix: str, url: str, folder: Path) -> None:
        self.http_port, self.admin_port = free_port(), free_port()
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self.keys = new_master_key_text()
        shops = folder / "shops.json"
        shop = {"channel": "woocommerce", "shop": "s1", "app_key": "k", "app_secret": "s"}
        where = {"access_token": "t", "base_url": "http://127.0.0.1:1", "push_token": SECRET}
        shops.write_text(json.dumps([shop | where]), encoding="utf-8")
        self._environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("DANSHU_")},
            **addresses.environment(),
            "DANSHU_POSTGRES_URL": url,
            "DANSHU_TOPIC_PREFIX": prefix,
            "DANSHU_MASTER_KEYS": self.keys,
            "DANSHU_INSTANCE": "1",
            "DANSHU_HTTP_PORT": str(self.http_port),
            "DANSHU_ADMIN_PORT": str(self.admin_port),
            "DANSHU_INGEST_SHOPS_FILE": str(shops),
            "DANSHU_INGEST_SPOOL_DIR": str(folder / "spool"),
            # Says each second, and each of several clients, that nobody answers.
            "DANSHU_KAFKA_OPTIONS": '{"log_level": "0"}',
        }

    @property
    def door(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    async def start(self, failpoint: str = "", bug: str = NO_BUG) -> None:
        with (self._folder / "ingest.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.faults.ingest_process", *filter(None, [bug])),
                cwd=CLONE,
                env=self._environment | {"DANSHU_FAILPOINTS": failpoint},
                stdout=output,
                stderr=output,
            )

    async def until_killed(self) -> None:
        assert self._process is not None
        async with asyncio.timeout(PATIENCE_S):
            assert await self._process.wait() == -signal.SIGKILL, self.log()

    async def end(self) -> None:
        assert self._process is not None
        self._process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            assert await self._process.wait() == 0, self.log()

    def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def standing(self) -> dict[str, object]:
        """The answer of /readyz, once there is one."""
        async with Outgoing() as http, asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(NoAnswer):
                    answer = await http.call("GET", f"http://127.0.0.1:{self.admin_port}/readyz")
                    told: dict[str, object] = json.loads(answer.body)
                    return told
                await asyncio.sleep(0.05)

    async def until_sound(self) -> None:
        """Returns when it is ready and nothing is degraded: the disk is empty."""
        told: dict[str, object] = {}
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (told.get("ready") and not told.get("degraded")):
                    told = await self.standing()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{told}\n{self.log()}") from None

    def log(self) -> str:
        return (self._folder / "ingest.log").read_text(errors="replace")[-4000:]


class Outage:
    """Servers, the process and the shop of one trial."""

    def __init__(self, servers: stacks.PrivateStack, prefix: str, url: str, folder: Path) -> None:
        self.servers = servers
        self.url = url
        self.ingest = Ingest(servers.addresses, prefix, url, folder)
        self.shop = Shop(self.ingest.door)
        self._kafka = {"bootstrap.servers": servers.addresses.kafka_bootstrap}
        self._prefix = prefix

    async def arrived(self) -> tuple[Answered, Answered]:
        """Versions of orders and hints on their topics, as they lie there."""
        seal = PayloadSeal(MasterKeys.parse(self.ingest.keys), SystemClock())
        orders: dict[str, list[int]] = defaultdict(list)
        hints: dict[str, list[int]] = defaultdict(list)
        for event in await self.events("channel-payloads"):
            if isinstance(event, PayloadReceived):
                body = json.loads(seal.open_payload(event.body))
                version = int(body["date_modified_gmt"][-2:]) - 40
                orders[event.channel_order_no].append(version)
        for event in await self.events("channel-hints"):
            if isinstance(event, HintReceived):
                hints[event.channel_order_no].append(0)
        return orders, hints

    async def events(self, domain: str) -> list[object]:
        values = await asyncio.to_thread(read_topic, self._kafka, self._prefix, domain)
        return [codec().decode(value) for value in values]

    async def until_known(self, orders: int) -> None:
        """Returns when so many orders were taken in."""
        connection = await asyncpg.connect(self.url)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (  # noqa: ASYNC110 — another process counts
                    await connection.fetchval("SELECT count(order_id) FROM ingest.orders") < orders
                ):
                    await asyncio.sleep(0.1)
        finally:
            await connection.close()


@asynccontextmanager
async def outage(servers: stacks.PrivateStack, folder: Path) -> AsyncIterator[Outage]:
    """A process to be started on fresh topics and tables, and whole servers afterwards."""
    servers.mend()
    addresses = servers.addresses
    with (
        stacks.fresh_topics(addresses.kafka_bootstrap) as prefix,
        stacks.fresh_database(addresses.postgres_url) as url,
    ):
        trial = Outage(servers, prefix, url, folder)
        try:
            yield trial
        finally:
            trial.ingest.kill()
            servers.mend()


async def test_what_was_answered_arrives_whatever_is_killed(
    private_stack: stacks.PrivateStack, tmp_path: Path
) -> None:
    async with outage(private_stack, tmp_path) as trial:
        ingest, shop = trial.ingest, trial.shop
        await ingest.start("spool.before_fsync=kill@4")
        await ingest.until_sound()
        await shop.push_all(range(1000, 1010))
        await asyncio.to_thread(private_stack.kill, "kafka")
        pushing = asyncio.create_task(shop.push_all(range(1010, 1010 + ORDERS)))
        await ingest.until_killed()
        await ingest.start("spool.after_fsync=kill@5")
        await ingest.until_killed()
        await ingest.start("spool.before_delete=kill@1")
        await pushing
        told = await ingest.standing()
        assert "records wait on disk" in str(told["degraded"])
        await asyncio.to_thread(private_stack.start, "kafka")
        await ingest.until_killed()
        await ingest.start()
        await ingest.until_sound()
        await trial.until_known(10 + ORDERS)
        # With Kafka back it goes straight there again.
        await shop.push_all(range(2000, 2005))
        await trial.until_known(15 + ORDERS)
        await ingest.end()

        orders, hints = await trial.arrived()
        assert findings(shop.orders, orders) == []
        assert findings(shop.hints, hints) == []
        assert len(shop.orders) == len(shop.hints) == 15 + ORDERS
        assert sum(map(len, orders.values())) > (15 + ORDERS) * VERSIONS, "some came twice"
        events = [e for e in await trial.events("orders") if isinstance(e, OrderPlaced)]
        # A batch may be published twice, by who was killed in between; whoever reads drops the second.
        placed = {event.order_id: event for event in events}
        assert all(placed[event.order_id] == event for event in events), "the same twice, no other"
        assert sorted(e.channel_order_no for e in placed.values()) == sorted(shop.orders)
        assert list((tmp_path / "spool").glob("0*")) == []


async def test_postgres_away_costs_no_push_and_polling_goes_on_afterwards(
    private_stack: stacks.PrivateStack, tmp_path: Path
) -> None:
    async with outage(private_stack, tmp_path) as trial:
        await trial.ingest.start()
        await trial.ingest.until_sound()
        await asyncio.to_thread(private_stack.kill, "postgres")
        with pytest.raises(AWAY):
            await asyncpg.connect(trial.url, timeout=5)
        await trial.shop.push_all(range(3000, 3020))
        orders, hints = await trial.arrived()
        assert findings(trial.shop.orders, orders) == findings(trial.shop.hints, hints) == []
        told = await trial.ingest.standing()
        assert told["ready"], "pushes are taken"
        # Started again without Postgres, the doors open all the same.
        trial.ingest.kill()
        await trial.ingest.until_killed()
        await trial.ingest.start()
        await trial.shop.push_all(range(3020, 3030))
        assert "waiting for postgres" in str((await trial.ingest.standing())["degraded"])
        await asyncio.to_thread(private_stack.start, "postgres")
        await trial.ingest.until_sound()
        await trial.until_known(30)
        await trial.ingest.end()


@pytest.mark.parametrize(
    ("bug", "failpoint"),
    [
        ("answered_first", "spool.before_write=kill@4"),
        ("deleted_first", "spool.after_delete=kill@1"),
    ],
)
async def test_planted_bugs_are_found(
    private_stack: stacks.PrivateStack, tmp_path: Path, bug: str, failpoint: str
) -> None:
    async with outage(private_stack, tmp_path) as trial:
        ingest, shop = trial.ingest, trial.shop
        await ingest.start(failpoint, bug)
        await ingest.until_sound()
        await asyncio.to_thread(private_stack.kill, "kafka")
        pushing = asyncio.create_task(shop.push_all(range(4000, 4030)))
        killed = asyncio.create_task(ingest.until_killed())
        if bug == "deleted_first":
            # It may try to deliver, and so forget, before Kafka is back.
            await asyncio.wait({pushing, killed}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.to_thread(private_stack.start, "kafka")
        await killed
        await ingest.start("", bug)
        await pushing
        if bug != "deleted_first":
            await asyncio.to_thread(private_stack.start, "kafka")
        await ingest.until_sound()
        await ingest.end()

        orders, hints = await trial.arrived()
        found = findings(shop.orders, orders) + findings(shop.hints, hints)
        assert {finding.partition(":")[0] for finding in found} >= {"lost"}
