"""Which SKUs exist: every one of which inventory has ever told a stock level.

Guarantees: the topic is compacted, so reading it from its beginning at every start tells all there is, and no
position is kept. A SKU is never forgotten: goods that are sold out are still goods. What is learned bumps the
catalogue's revision, so that orders which wait for it are matched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Pool
from chassis.source import KafkaSource
from services.ingest.catalogue import SQL

RETRY_S = 1.0


async def from_the_beginning(first: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
    """The positions a `SkuReader`'s source starts at."""
    return dict(first)


class SkuReader:
    """Learns SKUs from stock levels, of which only the key is read: `warehouse|sku`."""

    def __init__(self, source: KafkaSource, pool: Pool) -> None:
        self._source = source
        self._pool = pool
        self._known: set[str] = set()

    def waiting_for(self) -> str:
        """Why what was read cannot be understood yet; empty when it can."""
        return self._source.waiting_for

    async def run(self) -> None:
        """Works until cancelled."""
        self._source.start()
        while True:
            batch = await self._source.next_batch(RETRY_S)
            if batch is None:
                continue
            skus = {record.key.partition("|")[2] for record in batch.records if not record.invalid}
            while fresh := skus - self._known - {""}:
                try:
                    await learn(self._pool, fresh)
                except AWAY as away:
                    logger.warning("waiting", part="skus", why=type(away).__name__)
                    await asyncio.sleep(RETRY_S)
                    continue
                self._known |= fresh


async def learn(pool: Pool, skus: Iterable[str]) -> int:
    """Keeps SKUs; returns how many were new. Known ones change nothing."""
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
        unknown = [row["sku"] for row in await connection.fetch(SQL["unknown_skus"], list(skus))]
        if not unknown:
            return 0
        revision = await connection.fetchval(SQL["lock_catalogue"]) + 1
        await connection.execute(SQL["learn_skus"], unknown, revision)
        await connection.execute(SQL["set_revision"], revision)
    return len(unknown)
