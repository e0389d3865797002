"""(c) Ingest alone: how fast do native payloads become orders, and how soon does a door answer?

Only ingest, the simulators and the servers run. `normalise`: payloads of several channels, mixed evenly, lie on the
raw topic; the clock runs from the moment the process is ready until the last order stands in Postgres. Its rate a
core is orders by the CPU seconds of the ingest process. `door`: signed pushes at a fixed rate to a process that has
the doors only, while a second one fetches and normalises what they name; a push counts from its due time to its
answer, so that waiting in line counts, too.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import asyncpg

from demo.platform import Platform
from demo.processes import python
from deploy.embedded.ports import free_port
from tests.bench.drain import preload
from tests.bench.measuring import spent, usage
from tests.bench.open_loop import (
    WARM_UP_S,
    Sent,
    figures_ms,
    place_orders,
    push_at,
    quiet_pushes,
)

TIMEOUT_S = 600.0
APART = {"DANSHU_INGEST_ROLES": '["channels", "normalise"]'}
"""Roles of the process beside the one with the doors."""


async def normalise(platform: Platform, count: int, seed: int) -> dict[str, Any]:
    """One run on a platform of ingest alone, which is stopped; raises when orders are missing."""
    await platform.supervisor.stop("ingest")
    await preload(platform, count, seed)
    connection = await asyncpg.connect(platform.postgres_url)
    try:
        await platform.start_service("ingest")
        await platform.wait_ready(["ingest"])
        pids = {"ingest": platform.supervisor.children["ingest"].pid}
        before, started = usage(pids), time.monotonic()
        while (found := await connection.fetchval("SELECT count(*) FROM ingest.orders")) < count:
            if time.monotonic() - started > TIMEOUT_S:
                raise RuntimeError(f"after {TIMEOUT_S:.0f} s only {found} of {count} orders stand")
            await asyncio.sleep(0.05)
        seconds = time.monotonic() - started
        cpu_s = spent(before, usage(pids))["ingest"]
    finally:
        await connection.close()
    return {
        "orders": count,
        "orders_per_s": round(count / seconds, 1),
        "orders_per_core_s": round(count / cpu_s, 1),
        "cpu_us_per_order": round(cpu_s / count * 1e6, 1),
    }


async def door(platform: Platform, rate_per_s: float, seconds: float) -> dict[str, Any]:
    """One run on a platform whose ingest has the roles `APART`; raises when a push is refused."""
    # It gets the port everyone knows: the process beside it has no door.
    platform.admin["doors"] = free_port()
    own = {
        "DANSHU_INGEST_ROLES": '["doors"]',
        "DANSHU_ADMIN_PORT": str(platform.admin["doors"]),
        "DANSHU_INSTANCE": "doors",
    }
    child = await platform.supervisor.start(
        "doors", python("-m", "services.ingest"), platform.environment("ingest") | own
    )
    await platform.wait_ready(["doors"])
    await quiet_pushes(platform)
    shop = next(s for s in platform.accounts["shops"] if s["channel"] == "douyin")
    warming = await place_orders(platform, round(rate_per_s * WARM_UP_S))
    await push_at(platform, shop, warming, rate_per_s, {})
    orders = await place_orders(platform, round(rate_per_s * seconds))
    pids, sent = {"doors": child.pid}, Sent()
    before = usage(pids)
    await push_at(platform, shop, orders, rate_per_s, sent)
    cpu_s = spent(before, usage(pids))["doors"]
    return {
        "rate_per_s": rate_per_s,
        "pushes": len(sent),
        "answer_ms": figures_ms(sorted(answered - due for due, answered in sent.values())),
        "cpu_us_per_push": round(cpu_s / len(sent) * 1e6, 1),
    }
