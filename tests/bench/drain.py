"""(a) Drain: native payloads lie on the raw topic; how fast is each order routed and readable?

Everything runs on this machine: broker, registry, Postgres, Valkey, every service. The payloads are the
simulators' native answers of three channels, sealed as the doors seal them. The clock runs from the moment
ingest is ready until the console's tables show every order routed (warehouse and carrier chosen, timeline
written). Waybills are not asked for: that is the carrier's time, not ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.commands import envelope
from chassis.crypto import MasterKeys, PayloadSeal
from chassis.producer import Publisher
from demo.platform import Platform
from demo.staff import Staff
from schemas.events.channel_payloads import PayloadReceived
from simulators.bulk import bulk_payloads
from tests.bench.measuring import spent, usage

SHARES = {"taobao": 40, "jd": 25, "douyin": 35}
CHUNK = 2000
TIMEOUT_S = 600.0
STAGES = {
    "normalised": "SELECT count(*) FROM ingest.orders",
    "held": "SELECT count(*) FROM inventory.reservations WHERE state = 'held'",
    "ready": "SELECT count(*) FROM orders.orders WHERE state = 'awaiting_print'",
    "routed": "SELECT count(*) FROM fulfillment.parcels WHERE stage = 'planned'",
    "readable": "SELECT count(*) FROM console.cards WHERE routed_at IS NOT NULL",
}


def native(count: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """(channel, order number, native bytes) of `count` paid orders, channels mixed."""
    made = {
        channel: iter(bulk_payloads(channel, count * share // 100 + 1, seed))
        for channel, share in SHARES.items()
    }
    pattern = [channel for channel, share in SHARES.items() for _ in range(share // 5)]
    for number in range(count):
        channel = pattern[number % len(pattern)]
        order_no, body = next(made[channel])
        yield channel, order_no, body


async def preload(platform: Platform, count: int, seed: int) -> None:
    """Puts the payloads on the raw topic."""
    publisher = Publisher({"bootstrap.servers": platform.stack.kafka_bootstrap}, platform.prefix)
    seal = PayloadSeal(MasterKeys.parse(platform.master_keys), SystemClock())
    chunk: list[Any] = []
    try:
        for channel, order_no, body in native(count, seed):
            shop = f"{channel}-1"
            payload = PayloadReceived(
                source_key=f"{channel}|{shop}|{order_no}",
                channel=channel,
                shop=shop,
                channel_order_no=order_no,
                door="import",
                accepted_at=datetime.now(UTC),
                body=seal.seal_payload(body),
            )
            chunk.append(envelope(codec(), payload, "bench"))
            if len(chunk) == CHUNK:
                await publisher.publish(chunk)
                chunk = []
        await publisher.publish(chunk)
    finally:
        publisher.close()


async def drain(platform: Platform, count: int, seed: int) -> dict[str, Any]:
    """One run on a platform whose ingest is stopped. Returns figures; raises when orders are missing."""
    staff = Staff(platform)
    await staff.stock_up()
    await platform.supervisor.stop("ingest")
    await preload(platform, count, seed)
    connection = await asyncpg.connect(platform.postgres_url)
    try:
        await platform.start_service("ingest")
        await platform.wait_ready(["ingest"])
        pids = process_ids(platform)
        before = usage(pids)
        started = time.monotonic()
        done_at = await _watch(connection, count, started)
        after = usage(pids)
    finally:
        await connection.close()
    seconds = done_at["readable"]
    cpu = spent(before, after)
    return {
        "orders": count,
        "seconds": round(seconds, 2),
        "orders_per_s": round(count / seconds, 1),
        "stage_orders_per_s": {name: round(count / at, 1) for name, at in done_at.items()},
        "cpu_s_per_1000_orders": {n: round(s / count * 1000, 4) for n, s in cpu.items()},
        "cpu_s_per_1000_orders_all": round(sum(cpu.values()) / count * 1000, 4),
        "cores_used": round(sum(cpu.values()) / seconds, 2),
        "memory_mib": {name: round(used.memory_mib) for name, used in after.items()},
    }


async def _watch(
    connection: asyncpg.Connection[asyncpg.Record], count: int, started: float
) -> dict[str, float]:
    done_at: dict[str, float] = {}
    waiting = dict(STAGES)
    while waiting:
        name = next(iter(waiting))
        found = await connection.fetchval(waiting[name])
        if found >= count:
            done_at[name] = time.monotonic() - started
            del waiting[name]
            continue
        if time.monotonic() - started > TIMEOUT_S:
            raise RuntimeError(f"after {TIMEOUT_S:.0f} s only {found} of {count} orders are {name}")
        await asyncio.sleep(0.1)
    return done_at


def process_ids(platform: Platform) -> dict[str, int]:
    """Every process of the platform by name."""
    services = {name: platform.supervisor.children[name].pid for name in platform.services}
    return services | dict(platform.stack.pids)
