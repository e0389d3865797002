"""What inventory did and told, on the console's page: real Kafka and Postgres between the two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.postgres import Pool, migrate, open_pool
from chassis.processor import Processor
from chassis.producer import Publisher
from chassis.source import KafkaSource
from chassis.storage import PostgresStorage
from chassis.worker import Worker
from services.console.__main__ import MIGRATIONS
from services.console.stock import LEVELS
from services.console.stock_health import StockWhole
from services.console.stock_views import SECTIONS, StockFilters, StockViews
from tests.integration.inventory.papers import Office
from tests.integration.inventory.rig import House, until
from tests.integration.inventory.test_telling_books import Teller, reconciled, the_morning

PROCESSORS = (LEVELS, *(one for section in SECTIONS.values() for one in section.processors))


@asynccontextmanager
async def console_of(house: House) -> AsyncIterator[Pool]:
    """The console's stock processors on the topics of this house, with tables in its database."""
    await migrate(house.url, {"console": Path(MIGRATIONS)})
    await _begin_here(house)
    pool = await open_pool(house.url, 4)
    publisher = Publisher(house.kafka, house.prefix)
    running = [_started(house, pool, publisher, one) for one in PROCESSORS]
    try:
        yield pool
    finally:
        for source, worker, working in running:
            worker.stop()
            await working
            await source.stop()
        publisher.close()
        await pool.close()


async def _begin_here(house: House) -> None:
    rows = [
        (one.name, domain, partition, at)
        for one in PROCESSORS
        for (domain, partition), at in house.starts.items()
        if domain in one.sources
    ]
    connection = await asyncpg.connect(house.url)
    try:
        await connection.executemany(
            "INSERT INTO chassis.consumer_offsets (processor, topic, partition, next) "
            "VALUES ($1, $2, $3, $4)",
            rows,
        )
    finally:
        await connection.close()


def _started(
    house: House, pool: Pool, publisher: Publisher, processor: Processor[Any]
) -> tuple[KafkaSource, Worker, asyncio.Future[None]]:
    storage = PostgresStorage(pool, processor, codec())
    source = KafkaSource(
        house.kafka,
        prefix=house.prefix,
        processor=processor.name,
        sources=processor.sources,
        handlers=processor.handlers,
        codec=codec(),
        batch_records=500,
        positions=storage.offsets,
    )
    worker = Worker(
        processor,
        source=source,
        storage=storage,
        publisher=publisher,
        codec=codec(),
        clock=SystemClock(),
    )
    source.start()
    return source, worker, asyncio.ensure_future(worker.run())


async def test_the_console_shows_what_inventory_did(office: Office, tmp_path: Path) -> None:
    async with console_of(office.house) as pool:
        at = await the_morning(office)
        await reconciled(office, tmp_path, {"A": 90, "B": 3}, at)
        teller = Teller(office)
        await teller.tell()
        views, whole = StockViews(pool, SystemClock(), 10), StockWhole(pool, SystemClock(), 10)

        async def shown() -> bool:
            await teller.tell()
            health = await whole.health()
            listed = await views.skus(StockFilters(), 50)
            hold = await views.sku("B")
            return (
                health.freshness.tone == "good"
                and health.open_tasks == 1
                and [(one.sku, one.available, one.differing) for one in listed.skus]
                == [("B", 1, 1), ("A", 97, 1)]
                and hold is not None
                and hold["holds"] is not None
            )

        await until(shown)
        health = await whole.health()
        assert (health.books.tone, health.rates[0].percent) == ("good", "8.83 %")
        assert (health.tone, health.headline) == ("late", "1 个 SKU 预占多于实物")
        sku = await views.sku("B")
        assert sku is not None
        (hold,) = sku["holds"].items
        assert (hold.owner, hold.pieces, hold.expires_at is None) == ("o2", 4, False)
        (difference,) = sku["differences"].items
        assert (difference.difference, difference.oversold, difference.state) == (-2, True, "open")

        async def both() -> bool:
            found = await views.sku("A")
            return found is not None and len(found["movements"].items) == 2

        await until(both)
        found = await views.sku("A")
        assert found is not None
        assert {(one.kind, one.quantity) for one in found["movements"].items} == {
            ("receipt", 100),
            ("deduction", -3),
        }
