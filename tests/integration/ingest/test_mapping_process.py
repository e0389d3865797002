"""Orders that wait for a mapping, in processes as they run: released once, whoever dies in between."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import msgspec
import pytest
from typer.testing import CliRunner

from chassis import registry, topics
from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.commands import envelope
from chassis.crypto import MasterKeys, PayloadSeal, new_master_key_text
from chassis.producer import Publisher
from cli.ingest import app
from deploy.embedded.stack import Stack
from schemas.events.channel_payloads import PayloadReceived
from schemas.events.orders import OrderLinesMatched, OrderPlaced
from schemas.events.stock_levels import StockLevelChanged
from tests.support.instances import Instances
from tests.support.rigs import read_topic
from tests.unit.ingest.channels.builders import NOW, encoded, taobao_line, taobao_trade

ROOT = Path(__file__).parents[3]
TOKEN = "token-of-this-test"
KEYS = new_master_key_text(1)
PATIENCE_S = 90.0
BUNDLE = ["--channel", "taobao", "--shop", "s1", "--sku-id", "5001", "--to", "A:2@3", "--to", "B@1"]

Told = OrderPlaced | OrderLinesMatched


class Market:
    """A shop's payloads, stock's levels, and what ingest made of them."""

    def __init__(self, stack: Stack, prefix: str, url: str) -> None:
        self.kafka = {"bootstrap.servers": stack.kafka_bootstrap}
        self.prefix = prefix
        self.publisher = Publisher(self.kafka, prefix)
        self._instances = Instances()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DANSHU_")},
            "DANSHU_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
            "DANSHU_SCHEMA_REGISTRY_URL": stack.schema_registry_url,
            "DANSHU_POSTGRES_URL": url,
            "DANSHU_VALKEY_URL": stack.valkey_url,
            "DANSHU_TOPIC_PREFIX": prefix,
            "DANSHU_API_TOKEN": TOKEN,
            "DANSHU_MASTER_KEYS": KEYS,
        }

    @asynccontextmanager
    async def ingest(
        self, failpoints: str = "", merchant_codes: str = "trusted"
    ) -> AsyncIterator[Ingest]:
        """Ingest as a process; killed at the end of the block if it lives."""
        process = await self._instances.start(
            sys.executable,
            "-m",
            "services.ingest",
            cwd=ROOT,
            env={
                **self.environment,
                "DANSHU_FAILPOINTS": failpoints,
                "DANSHU_INGEST_MERCHANT_CODES": merchant_codes,
            },
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield Ingest(process, await ready_at(process))
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def sell(self, numbers: Sequence[int], merchant_code: str = "") -> None:
        """Orders of two pieces for 100.00, whose line has no merchant code unless one is given."""
        seal = PayloadSeal(MasterKeys.parse(KEYS), SystemClock())
        payloads = []
        for number in numbers:
            trade_no = str(4_000_000_000_000_000_000 + number)
            trade = taobao_trade(taobao_line(outer_sku_id=merchant_code), tid_str=trade_no)
            payloads.append(
                PayloadReceived(
                    source_key=f"taobao|s1|{trade_no}",
                    channel="taobao",
                    shop="s1",
                    channel_order_no=trade_no,
                    door="poll",
                    accepted_at=NOW,
                    body=seal.seal_payload(
                        encoded({"trade_fullinfo_get_response": {"trade": trade}})
                    ),
                )
            )
        await self.publisher.publish([envelope(codec(), one, "test") for one in payloads])

    async def stock(self, *skus: str) -> None:
        """Inventory keeps these."""
        levels = [
            StockLevelChanged(
                level_key=f"HZ|{sku}",
                version=1,
                occurred_at=NOW,
                warehouse="HZ",
                sku=sku,
                on_hand=1,
                reserved=0,
            )
            for sku in skus
        ]
        await self.publisher.publish([envelope(codec(), one, "test") for one in levels])

    async def told(self) -> dict[str, list[Told]]:
        """What stands on the orders topic, by order; what was published twice is the same bytes and counted once."""
        values = await asyncio.to_thread(read_topic, self.kafka, self.prefix, "orders")
        by_order: dict[str, dict[int, tuple[bytes, Told]]] = defaultdict(dict)
        for value in values:
            event = codec().decode(value)
            assert isinstance(event, OrderPlaced | OrderLinesMatched)
            seen = by_order[event.order_id].setdefault(event.version, (value, event))
            assert seen[0] == value, "one version, two contents"
        return {
            order_id: [versions[number][1] for number in sorted(versions)]
            for order_id, versions in by_order.items()
        }

    async def until(self, orders: int, events: int) -> dict[str, list[Told]]:
        """Waits until so many orders have so many events each."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                told = await self.told()
                if len(told) == orders and all(len(seen) >= events for seen in told.values()):
                    return told
                await asyncio.sleep(0.1)


class Ingest:
    """A running process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    async def cli(self, *words: str) -> str:
        """`danshu ingest map …` against this process; its output, whatever the exit status."""

        def run() -> str:
            ran = CliRunner().invoke(
                app,
                ["map", *words, "--url", self.url],
                env={"DANSHU_API_TOKEN": TOKEN, "COLUMNS": "200"},
            )
            assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
            return ran.output

        return await asyncio.to_thread(run)

    async def until_known(self, *skus: str) -> None:
        """Waits until a mapping to these SKUs would be taken."""
        to = [word for sku in skus for word in ("--to", sku)]
        async with asyncio.timeout(PATIENCE_S):
            while "1 would be set" not in await self.cli("set", "--code", "?", *to, "--preview"):  # noqa: ASYNC110 — another process makes it true
                await asyncio.sleep(0.1)


async def ready_at(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        while line := await process.stdout.readline():
            entry = json.loads(line)
            if entry["event"] == "ready":
                return int(entry["http_port"])
    raise AssertionError("it ended before it was ready")


@pytest.fixture
async def market(stack: Stack, topic_prefix: str, database_url: str) -> AsyncIterator[Market]:
    await asyncio.to_thread(registry.ensure, stack.schema_registry_url)
    built = Market(stack, topic_prefix, database_url)
    await asyncio.to_thread(topics.ensure, built.kafka, topic_prefix, 1)
    yield built
    built.publisher.close()


def assert_released_once(told: dict[str, list[Told]]) -> None:
    for placed, matched in told.values():
        assert isinstance(placed, OrderPlaced)
        assert isinstance(matched, OrderLinesMatched)
        assert [(line.sku, line.quantity, line.paid_fen) for line in matched.lines] == (
            [("A", 4, 8571), ("B", 2, 1429)]
        )


async def test_two_processes_release_what_waits_once_and_say_what_they_do(market: Market) -> None:
    async with market.ingest() as first, market.ingest() as second:
        await market.stock("A", "B")
        await first.until_known("A", "B")
        await market.sell(range(200))
        told = await market.until(orders=200, events=1)
        for (placed,) in told.values():
            assert isinstance(placed, OrderPlaced)
            assert [(line.sku, line.unmatched is not None) for line in placed.lines] == [("", True)]
            assert placed.payment is not None

        waiting = json.loads(await second.cli("unmatched", "--json"))
        assert [(one["channel_sku_id"], one["orders"]) for one in waiting] == [("5001", 200)]
        assert "unknown_sku: NOBODYS" in await first.cli("set", "--code", "K", "--to", "NOBODYS")
        preview = await first.cli("set", *BUNDLE, "--preview")
        assert "1 would be set" in preview
        assert "200 waiting orders would be released" in preview
        assert "no mappings" in await second.cli("list")

        assert "1 set" in await first.cli("set", *BUNDLE)
        assert "0 set, 0 removed, 1 unchanged" in await second.cli("set", *BUNDLE)
        assert_released_once(await market.until(orders=200, events=2))
        assert "A ×2 @3 + B ×1 @1" in await second.cli("list")
        assert "no order waits" in await first.cli("unmatched")

        # What comes now is matched at once, and what was matched stays as it was.
        await first.cli("set", *BUNDLE[:-2])
        await market.sell(range(200, 220))
        await market.sell(range(20))
        told = await market.until(orders=220, events=1)
        fresh = [seen for seen in told.values() if len(seen) == 1]
        assert len(fresh) == 20
        assert {line.sku for (placed,) in fresh for line in placed.lines} == {"A"}
        await asyncio.sleep(2.0)
        assert sorted(len(seen) for seen in (await market.told()).values()) == [1] * 20 + [2] * 200


@pytest.mark.parametrize(
    "point",
    ["batch.after_load", "batch.before_commit", "batch.after_commit", "outbox.after_publish"],
)
async def test_a_process_killed_while_it_releases_is_followed_by_one_that_ends_it(
    market: Market, point: str
) -> None:
    await market.sell([1])
    async with market.ingest(f"{point}=kill@2") as dying:
        await market.stock("A", "B")
        await market.until(orders=1, events=1)
        await dying.until_known("A", "B")
        assert "1 waiting orders are released" in await dying.cli("set", *BUNDLE)
        async with asyncio.timeout(PATIENCE_S):
            assert await dying.process.wait() == -signal.SIGKILL
    async with market.ingest() as heir:
        assert_released_once(await market.until(orders=1, events=2))
        async with asyncio.timeout(PATIENCE_S):
            while "no order waits" not in await heir.cli("unmatched"):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    assert_released_once(await market.told())


async def test_a_code_is_a_sku_from_the_moment_inventory_keeps_it(market: Market) -> None:
    async with market.ingest(merchant_codes="known") as ingest:
        await market.sell(range(5), merchant_code="TS01")
        for (placed,) in (await market.until(orders=5, events=1)).values():
            assert isinstance(placed, OrderPlaced)
            why = placed.lines[0].unmatched
            assert why is not None
            assert (why.reason, why.merchant_code) == ("unknown_sku", "TS01")
        assert "TS01" in await ingest.cli("unmatched")
        await market.stock("TS01")
        for _, matched in (await market.until(orders=5, events=2)).values():
            assert isinstance(matched, OrderLinesMatched)
            assert [(line.sku, line.quantity) for line in matched.lines] == [("TS01", 2)]
        await market.sell([5], merchant_code="TS01")
        told = await market.until(orders=6, events=1)
        assert sum(len(seen) for seen in told.values()) == 11, "what inventory keeps waits no more"


async def test_a_door_wants_its_token_and_says_what_is_wrong(market: Market) -> None:
    async with market.ingest() as ingest, httpx2.AsyncClient(base_url=ingest.url) as client:
        assert (await client.get("/sku-mappings")).status_code == 401
        client.headers["authorization"] = f"Bearer {TOKEN}"
        for body, status in (
            (b"{", 422),
            (b'{"mappings":[],"actor":"a"}', 422),
            (b" " * 9_000_000, 413),
        ):
            assert (await client.post("/sku-mappings", content=body)).status_code == status
        asked = {"actor": "a", "mappings": [{"merchant_code": "K", "components": [{"sku": "K"}]}]}
        answer = await client.post("/sku-mappings", content=msgspec.json.encode(asked))
        assert answer.status_code == 422
        assert [fault["code"] for fault in answer.json()["faults"]] == ["cycle"]
        assert (await client.get("/sku-mappings", params={"limit": "0"})).status_code == 400
        assert (await client.get("/sku-mappings", params={"after": "x"})).status_code == 400
        assert (await client.post("/push/taobao/nobody", content=b"")).status_code == 404
