"""(d) Inventory alone: how fast orders of the stream are held, beside its peers; one hot SKU; memory.

Only inventory and the servers run. `stream`: orders lie on their topic, and one process drains them (contest.py).
`hot`: everybody wants the same SKU. `memory`: a million orders in ten parts, and what the process holds after each.
"""

from __future__ import annotations

from typing import Any

import asyncpg

from chassis.topics import TOPICS
from demo.platform import Platform
from tests.bench.contest import (
    books_close,
    danshu,
    lay_out,
    preload,
    require_alive,
    side_by_side,
    stock_up,
)
from tests.bench.measuring import usage
from tests.bench.outcomes import collecting
from tests.bench.workload import Workload, Wrong, hot, mixed

SETTINGS = {"DANSHU_INVENTORY_RECEIPT_TIMEOUT_S": "60"}
MEMORY_PARTS = 10
ANSWERED = "SELECT count(*) FROM inventory.reservations WHERE state IN ('held', 'short')"


async def stream(platform: Platform, count: int, seed: int) -> dict[str, Any]:
    """Inventory and its peers on the same orders, in turns."""
    return await side_by_side(platform, mixed(count, seed), first=seed)


async def hot_sku(platform: Platform, count: int, seed: int) -> dict[str, Any]:
    """Inventory on orders for one piece of one SKU."""
    workload = hot(count, seed)
    await lay_out(platform, workload)
    return await danshu(platform, workload)


async def memory(platform: Platform, count: int, seed: int) -> dict[str, Any]:
    """Resident MiB of the process after each tenth of the orders; it runs all the time."""
    part = count // MEMORY_PARTS
    await stock_up(platform, mixed(part, seed))
    child = platform.supervisor.children["inventory"]
    held_mib = []
    for number in range(MEMORY_PARTS):
        await _drain_more(platform, mixed(part, seed + number))
        held_mib.append(round(usage({"inventory": child.pid})["inventory"].memory_mib, 1))
    await books_close(platform)
    connection = await asyncpg.connect(platform.postgres_url)
    try:
        answered = await connection.fetchval(ANSWERED)
    finally:
        await connection.close()
    if answered != part * MEMORY_PARTS:
        raise Wrong(f"{answered} of {part * MEMORY_PARTS} orders are answered")
    return {"orders": answered, "memory_mib": held_mib}


async def _drain_more(platform: Platform, workload: Workload) -> None:
    bootstrap, topic = platform.stack.kafka_bootstrap, TOPICS["stock"]
    child = platform.supervisor.children["inventory"]
    name, count = topic.name(platform.prefix), len(workload.wanted)
    async with collecting(
        bootstrap, name, topic.partitions, count, lambda: require_alive(child)
    ) as collector:
        await preload(platform, workload)
        await collector.until(count)
