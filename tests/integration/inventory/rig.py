"""Inventory on real servers: workers with everything of their own, and the outside that looks at them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from confluent_kafka import Consumer, TopicPartition
from msgspec import Struct

from chassis import registry, topics
from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.commands import envelope
from chassis.errors import Unavailable
from chassis.postgres import Pool, migrate, open_pool
from chassis.producer import Publisher
from chassis.source import KafkaSource
from chassis.storage import PostgresStorage
from chassis.valkey import connect
from chassis.worker import Worker
from deploy.embedded.stack import Stack
from schemas.events.commands_inventory import ReceiptLine, ReceiveStock
from schemas.events.order_states import OrderStateChanged
from schemas.events.orders import OrderLine, OrderPaid, OrderPlaced
from schemas.events.refunds import RefundSettled, RestockLine
from schemas.events.shipments import ParcelShipped, ShippedLine
from services.inventory.app import NAME, processor
from services.inventory.counters import ValkeyCounters
from services.inventory.invariants import Books, Invariants
from services.inventory.rebuild import EpochKeeper
from services.inventory.sourcing import read_sourcing
from services.inventory.store import MIGRATIONS, EpochInForce, StockSource
from services.inventory.timers import Sweeper
from tests.support.rigs import CHASSIS_MIGRATIONS, read_topic

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
RULES = Path(topics.__file__).parents[1] / "rules"
SOURCES = topics.consumed_by(NAME)
PATIENCE_S = 60.0


class Running:
    """One worker of inventory, as its process would be wired."""

    def __init__(self, pool: Pool, valkey_url: str, prefix: str) -> None:
        self.pool = pool
        self.counters = ValkeyCounters(connect(valkey_url), prefix)
        self.epochs = EpochInForce()
        self.keeper = EpochKeeper(pool, self.counters, self.epochs, SystemClock())
        self.books = Books(pool, self.counters, self.epochs)
        self.stock = StockSource(
            self.counters, self.epochs, read_sourcing(RULES), timedelta(minutes=30)
        )
        self.source: KafkaSource
        self.worker: Worker

    def sweeper(self, after_ms: int) -> Sweeper:
        """A sweeper over the same epoch."""
        return Sweeper(self.pool, self.counters, self.epochs, after_ms)

    async def invariants(self) -> Invariants:
        """The sums, after Valkey has heard of everything."""
        await self.stock.told()
        return await self.books.invariants()


class House:
    """Topics, tables and counters of one test."""

    def __init__(self, stack: Stack, prefix: str, url: str, valkey_url: str) -> None:
        self.kafka: dict[str, Any] = {"bootstrap.servers": stack.kafka_bootstrap}
        self.prefix = prefix
        self.url = url
        self.valkey_url = valkey_url
        self.publisher = Publisher(self.kafka, prefix)
        self.looker = Consumer({**self.kafka, "group.id": f"{prefix}.ends"})

    async def publish(self, events: Sequence[Struct]) -> None:
        """Puts events on their topics, in order."""
        await self.publisher.publish([envelope(codec(), event, "test") for event in events])

    @asynccontextmanager
    async def running(self, batch_records: int = 200) -> AsyncIterator[Running]:
        """A worker that runs until the block ends; what it raised is raised here."""
        pool = await open_pool(self.url, 4)
        running = Running(pool, self.valkey_url, self.prefix)
        publisher = Publisher(self.kafka, self.prefix)
        inventory = processor(running.stock)
        storage = PostgresStorage(pool, inventory, codec())
        running.source = KafkaSource(
            self.kafka,
            prefix=self.prefix,
            processor=NAME,
            sources=SOURCES,
            handlers=inventory.handlers,
            codec=codec(),
            batch_records=batch_records,
            positions=storage.offsets,
        )
        running.worker = Worker(
            inventory,
            source=running.source,
            storage=storage,
            publisher=publisher,
            codec=codec(),
            clock=SystemClock(),
        )
        with suppress(Unavailable):  # as the service starts: Valkey may be away
            await running.keeper.look()
        running.source.start()
        working = asyncio.ensure_future(running.worker.run())
        keeping = asyncio.ensure_future(running.keeper.run())
        try:
            yield running
        finally:
            keeping.cancel()
            running.worker.stop()
            await asyncio.gather(keeping, return_exceptions=True)
            await working
            await running.stock.told()
            await running.source.stop()
            publisher.close()
            await running.counters.close()
            await pool.close()

    async def caught_up(self) -> bool:
        """Whether all that was published is applied and its events are out."""
        ends = await asyncio.to_thread(self._ends)
        rows = await self.fetch(
            "SELECT topic, partition, next FROM chassis.consumer_offsets WHERE processor = $1", NAME
        )
        waiting = await self.fetch("SELECT 1 FROM chassis.outbox WHERE published_at IS NULL")
        stored = {(row["topic"], row["partition"]): row["next"] for row in rows}
        return not waiting and all(stored.get(pair, 0) >= end for pair, end in ends.items() if end)

    async def drained(self) -> None:
        """Returns when everything is applied."""
        await until(self.caught_up)

    async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Rows, by a connection of the outside."""
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def emitted(self) -> list[Struct]:
        """Everything on the stock topic, in order per order."""
        values = await asyncio.to_thread(read_topic, self.kafka, self.prefix, "stock")
        return [codec().decode(value) for value in values]

    def _ends(self) -> dict[tuple[str, int], int]:
        return {
            (domain, partition): self.looker.get_watermark_offsets(
                TopicPartition(topics.TOPICS[domain].name(self.prefix), partition), timeout=10
            )[1]
            for domain in SOURCES
            for partition in range(topics.TOPICS[domain].partitions)
        }


@asynccontextmanager
async def house(stack: Stack, prefix: str, url: str, valkey_url: str) -> AsyncIterator[House]:
    """A house whose schemas, topics and tables exist."""
    kafka = {"bootstrap.servers": stack.kafka_bootstrap}
    await asyncio.to_thread(registry.ensure, stack.schema_registry_url)
    await asyncio.to_thread(topics.ensure, kafka, prefix, 1)
    await migrate(url, {"chassis": CHASSIS_MIGRATIONS, NAME: MIGRATIONS})
    built = House(stack, prefix, url, valkey_url)
    try:
        yield built
    finally:
        built.publisher.close()
        built.looker.close()


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    """Asks again and again; fails after a minute."""
    async with asyncio.timeout(PATIENCE_S):
        while not await done():  # noqa: ASYNC110 — other processes make it true
            await asyncio.sleep(0.05)


def placed(
    order_id: str,
    goods: Sequence[tuple[str, int]],
    *,
    channel: str = "taobao",
    province: str = "浙江省",
) -> OrderPlaced:
    """An order of these goods."""
    return OrderPlaced(
        order_id=order_id,
        version=1,
        occurred_at=NOW,
        channel=channel,
        shop="shop-1",
        channel_order_no=order_id,
        channel_state="WAIT_BUYER_PAY",
        accepted_at=NOW,
        lines=tuple(
            OrderLine(
                line_no=line_no,
                channel_line_id=f"{order_id}-{line_no}",
                channel_sku_id=f"c-{sku}",
                sku=sku,
                title="示例商品",
                quantity=quantity,
                unit_price_fen=1_000,
                discount_fen=0,
                paid_fen=1_000 * quantity,
                is_gift=False,
            )
            for line_no, (sku, quantity) in enumerate(goods, start=1)
        ),
        payable_fen=1_000 * sum(quantity for _, quantity in goods),
        freight_fen=0,
        discount_fen=0,
        currency="CNY",
        promotions=(),
        province=province,
        city="杭州市",
        district="余杭区",
        personal=b"",
        personal_kind="absent",
        receiver_key="",
        address_vague=False,
        hold="",
        problems=(),
    )


def paid(order_id: str) -> OrderPaid:
    """Its payment."""
    return OrderPaid(order_id=order_id, version=2, occurred_at=NOW, paid_fen=1_000)


def receipt(document_no: str, warehouse: str, goods: Sequence[tuple[str, int]]) -> ReceiveStock:
    """Goods that come in."""
    return ReceiveStock(
        document_no=document_no,
        command_id=f"receipt-{document_no}",
        issued_at=NOW,
        actor="test",
        warehouse=warehouse,
        lines=tuple(ReceiptLine(sku=sku, quantity=quantity) for sku, quantity in goods),
        cause="receipt",
    )


def cancelled(order_id: str, version: int = 1) -> OrderStateChanged:
    """The orders service gave the order up."""
    return _changed(order_id, version, "cancelled")


def _changed(order_id: str, version: int, to_state: str) -> OrderStateChanged:
    return OrderStateChanged(
        order_id=order_id,
        version=version,
        occurred_at=NOW,
        from_state="",
        to_state=to_state,
        reason="",
        actor="test",
        basis="",
        rule="",
    )


def shipped(
    order_id: str, warehouse: str, goods: Sequence[tuple[str, int]], *, version: int = 1
) -> ParcelShipped:
    """A parcel left."""
    return ParcelShipped(
        order_id=order_id,
        version=version,
        occurred_at=NOW,
        parcel_id=f"P{order_id}-{version}",
        warehouse=warehouse,
        carrier="SF",
        waybill_no=f"SF{order_id}",
        lines=tuple(
            ShippedLine(line_no=number, channel_line_id="", sku=sku, quantity=quantity)
            for number, (sku, quantity) in enumerate(goods, start=1)
        ),
        actor="test",
    )


def refunded(order_id: str, goods: Sequence[tuple[str, int]], *, version: int = 1) -> RefundSettled:
    """A refund is settled and these goods are back."""
    return RefundSettled(
        order_id=order_id,
        version=version,
        occurred_at=NOW,
        refund_id=f"F{order_id}-{version}",
        amount_fen=1_000,
        gateway="alipay",
        gateway_request_no="",
        restock=tuple(RestockLine(sku=sku, quantity=quantity) for sku, quantity in goods),
        order_fully_refunded=True,
        shipped=True,
    )
