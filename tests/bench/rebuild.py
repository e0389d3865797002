"""(d) Valkey emptied under full load: how long until an epoch is in force again, and until orders come as fast as before.

A hundred thousand SKUs, orders lying on their topic. When a good part of them is held, FLUSHALL takes every number
Valkey has. From then on the broker's times of the outcomes tell the pace; Postgres tells the epoch. Whatever was
promised before, meanwhile and afterwards must be what there was.
"""

from __future__ import annotations

import asyncio
import bisect
import time
from collections.abc import Sequence
from typing import Any

import asyncpg

from chassis.topics import TOPICS
from demo.platform import Platform
from tests.bench.contest import books_close, empty_valkey, lay_out, require_alive
from tests.bench.outcomes import collecting
from tests.bench.workload import check, mixed

FLUSH_AT_PCT = 40
WINDOW_MS = 1_000
STEP_MS = 50
BEFORE_MS = 3_000
FULL_SPEED_PCT = 90
IN_FORCE_LOOK_S = 0.01
IN_FORCE_S = 120.0
EPOCH = "SELECT epoch FROM inventory.epoch"
IN_FORCE = "SELECT epoch > $1 AND state = 'LIVE' FROM inventory.epoch"


async def rebuild(platform: Platform, count: int, seed: int, skus: int) -> dict[str, Any]:
    """One run; raises Wrong where a promise was wrong, TimeoutError where no epoch comes into force again."""
    workload = mixed(count, seed, skus=skus, warehouses=("HZ",))
    await lay_out(platform, workload)
    topic = TOPICS["stock"]
    bootstrap, name = platform.stack.kafka_bootstrap, topic.name(platform.prefix)
    async with collecting(
        bootstrap,
        name,
        topic.partitions,
        count,
        lambda: require_alive(platform.supervisor.children["inventory"]),
    ) as collector:
        await platform.start_service("inventory")
        await collector.until(count * FLUSH_AT_PCT // 100)
        flushed_ms, held = time.time() * 1000, len(collector.outcomes)
        in_force_ms = await _flush(platform)
        await collector.until(count)
    units = await asyncio.to_thread(check, collector.outcomes, workload)
    await platform.wait_ready(["inventory"])
    await books_close(platform)
    times = sorted(outcome.at_ms for outcome in collector.outcomes)
    return {
        "orders": count,
        "skus": skus,
        "held_when_flushed": held,
        "units_promised": units,
        "in_force_after_s": round((in_force_ms - flushed_ms) / 1000, 2),
        **paces(times, flushed_ms, in_force_ms),
    }


async def _flush(platform: Platform) -> float:
    """Empties Valkey; returns when a newer epoch was first found in force, in ms since 1970."""
    connection = await asyncpg.connect(platform.postgres_url)
    try:
        before = await connection.fetchval(EPOCH)
        await empty_valkey(platform.stack.valkey_url)
        async with asyncio.timeout(IN_FORCE_S):
            while not await connection.fetchval(IN_FORCE, before):  # noqa: ASYNC110 — inventory makes it true
                await asyncio.sleep(IN_FORCE_LOOK_S)
        return time.time() * 1000
    finally:
        await connection.close()


def paces(times: Sequence[int], flushed_ms: float, in_force_ms: float) -> dict[str, float | None]:
    """Orders a second before and in the worst second after; after how many seconds they came as before.

    Slow seconds that begin after the new epoch are the machine's. None where the orders were over first.
    """
    began_ms = max(flushed_ms - BEFORE_MS, times[0])
    before = _between(times, began_ms, flushed_ms) / max(flushed_ms - began_ms, 1) * 1000
    starts = range(round(flushed_ms), times[-1] - WINDOW_MS, STEP_MS)
    after = [(start, _between(times, start, start + WINDOW_MS)) for start in starts]
    worst = min((count for _, count in after), default=0)
    slow = {at for at, count in after if count < before * FULL_SPEED_PCT / 100}
    dip = max((at for at in slow if at < in_force_ms), default=flushed_ms)
    full = next((at for at, _ in after if at >= dip and at not in slow), None)
    return {
        "orders_per_s_before": round(before, 1),
        "worst_orders_per_s": round(worst * 1000 / WINDOW_MS, 1),
        "full_speed_after_s": None if full is None else round((full - flushed_ms) / 1000, 2),
    }


def _between(times: Sequence[int], start_ms: float, end_ms: float) -> int:
    return bisect.bisect_left(times, end_ms) - bisect.bisect_left(times, start_ms)
