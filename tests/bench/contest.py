"""The same orders, drained by inventory and by its peers one after the other: rates, CPU seconds, and who promised what.

All read the same records of the same topic from its beginning and publish one outcome an order. The clock is the
broker's: from the first outcome it appended to the last, so that no start counts, but all warming up does. CPU seconds
are counted over the same time. Each run's outcomes are held against what had to be promised (workload.check).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import valkey.asyncio

from chassis import topics
from chassis.codec import codec
from chassis.commands import envelope
from chassis.producer import Publisher
from chassis.topics import TOPICS
from demo.platform import Platform
from demo.processes import Child, python
from deploy.embedded.errors import ChecksumMismatch, StackError
from deploy.embedded.java import render_properties
from schemas.events.orders import OrderPlaced
from schemas.events.stock import StockReserved, StockShort
from schemas.lock import newest, read_lock
from services.inventory.sourcing import read_sourcing
from tests.bench.measuring import spent, usage
from tests.bench.outcomes import Outcome, collecting, make_topic, pace, stamp_on_append
from tests.bench.peers import faust_peer, streams
from tests.bench.workload import PROVINCES, Workload, check

RULES = Path(topics.__file__).parents[1] / "rules"
CHUNK = 2_000
LOAD_CHUNK = 5_000
SETTLE_S = 60.0
BATCH_RECORDS = 1_000
STREAM_THREADS = 2

Subject = Callable[[Platform, Workload], Awaitable[dict[str, Any]]]


async def stock_up(platform: Platform, workload: Workload) -> None:
    """Books the workload's stock by receipts at inventory's door."""
    by_warehouse: dict[str, list[dict[str, Any]]] = {}
    for (warehouse, sku), pieces in workload.opening.items():
        by_warehouse.setdefault(warehouse, []).append({"sku": sku, "quantity": pieces})
    for warehouse, lines in by_warehouse.items():
        for start in range(0, len(lines), LOAD_CHUNK):
            answer = await platform.http.post(
                f"{platform.door('inventory')}/receipts",
                json={
                    "document_no": f"OPENING-{warehouse}-{start}",
                    "warehouse": warehouse,
                    "lines": lines[start : start + LOAD_CHUNK],
                },
                headers=platform.authorised,
                timeout=60.0,
            )
            if answer.status_code != 200:
                raise RuntimeError(f"receipt not booked: {answer.status_code} {answer.text}")


async def preload(platform: Platform, workload: Workload, start: int = 0) -> None:
    """Puts the orders from number `start` on on their topic."""
    publisher = Publisher({"bootstrap.servers": platform.stack.kafka_bootstrap}, platform.prefix)
    try:
        chunk: list[Any] = []
        for event in workload.events(start):
            chunk.append(envelope(codec(), event, "bench"))
            if len(chunk) == CHUNK:
                await publisher.publish(chunk)
                chunk = []
        await publisher.publish(chunk)
    finally:
        publisher.close()


async def lay_out(platform: Platform, workload: Workload) -> None:
    """Stock in the books, orders on the topic, inventory stopped."""
    await require_durable(platform.postgres_url)
    await stock_up(platform, workload)
    await platform.supervisor.stop("inventory")
    stamp_on_append(platform.stack.kafka_bootstrap, TOPICS["stock"].name(platform.prefix))
    await preload(platform, workload)


async def require_durable(postgres_url: str) -> None:
    """Raises RuntimeError where a commit may be lost: such a figure would be of another thing."""
    connection = await asyncpg.connect(postgres_url)
    try:
        for setting in ("synchronous_commit", "fsync"):
            if (value := await connection.fetchval(f"SHOW {setting}")) != "on":
                raise RuntimeError(f"Postgres has {setting} {value}")
    finally:
        await connection.close()


async def empty_valkey(valkey_url: str) -> None:
    """Removes everything there."""
    client = valkey.asyncio.Valkey.from_url(valkey_url)
    try:
        await client.flushall()
    finally:
        await client.aclose()


async def danshu(platform: Platform, workload: Workload) -> dict[str, Any]:
    """Our one process, Postgres' durable commit on; the books must close afterwards. It is stopped again."""
    name = TOPICS["stock"].name(platform.prefix)

    async def begin() -> Child:
        return await platform.start_service("inventory")

    figures = await measured(platform, workload, name, begin)
    await platform.wait_ready(["inventory"])
    await books_close(platform)
    await platform.supervisor.stop("inventory")
    return figures


async def faust(platform: Platform, workload: Workload) -> dict[str, Any]:
    """Faust with one Valkey script a batch."""
    name, home = f"{platform.prefix}.bench-faust.v1", platform.home / "faust"
    home.mkdir(parents=True, exist_ok=True)
    settings = faust_peer.Settings(
        kafka_bootstrap=platform.stack.kafka_bootstrap,
        valkey_url=platform.stack.valkey_url,
        rules_dir=str(RULES),
        group=f"{platform.prefix}.bench-faust",
        orders=TOPICS["orders"].name(platform.prefix),
        outcomes=name,
        stock_key=f"{{{platform.prefix}-faust}}:stock",
        holds_key=f"{{{platform.prefix}-faust}}:holds",
        batch_records=BATCH_RECORDS,
        scratch=str(home / "scratch"),
    )
    (home / "settings.json").write_bytes(msgspec.json.encode(settings))
    client = valkey.asyncio.Valkey.from_url(settings.valkey_url)
    levels = {"|".join(row): pieces for row, pieces in workload.opening.items()}
    for start in range(0, len(levels), LOAD_CHUNK):
        part = dict(list(levels.items())[start : start + LOAD_CHUNK])
        await client.hset(settings.stock_key, mapping=part)
    make_topic(settings.kafka_bootstrap, name, TOPICS["orders"].partitions)

    async def begin() -> Child:
        command = python("-m", faust_peer.__name__, str(home / "settings.json"))
        return await platform.supervisor.start("faust", command, {})

    try:
        return await measured(platform, workload, name, begin)
    finally:
        await client.unlink(settings.stock_key, settings.holds_key)
        await client.aclose()


async def kafka_streams(platform: Platform, workload: Workload) -> dict[str, Any]:
    """Kafka Streams, exactly once, each partition with its share of the stock; named as not run where it cannot."""
    name, home = f"{platform.prefix}.bench-streams.v1", platform.home / "streams"
    partitions = TOPICS["orders"].partitions
    home.mkdir(parents=True, exist_ok=True)
    opening = {"|".join(row): str(pieces) for row, pieces in workload.opening.items()}
    (home / "opening.properties").write_text(render_properties(opening))
    (home / "sourcing.properties").write_text(render_properties(_sourcing()))
    locked = read_lock()
    ids = {(entry.full_name, entry.version): entry.schema_id for entry in locked}
    given = {
        "orders": TOPICS["orders"].name(platform.prefix),
        "outcomes": name,
        "placed": str(newest(locked)[OrderPlaced.FULL_NAME].schema_id),
        # As it writes them; a reader promotes them to their newest version.
        "reserved": str(ids[StockReserved.FULL_NAME, 1]),
        "short": str(ids[StockShort.FULL_NAME, 1]),
        "opening": str(home / "opening.properties"),
        "sourcing": str(home / "sourcing.properties"),
        "partitions": str(partitions),
        "streams.application.id": f"{platform.prefix}.bench-streams",
        "streams.bootstrap.servers": platform.stack.kafka_bootstrap,
        "streams.num.stream.threads": str(STREAM_THREADS),
        "streams.replication.factor": "1",
        "streams.state.dir": str(home / "state"),
        "streams.producer.compression.type": "lz4",
    }
    try:
        command, environment = await asyncio.to_thread(streams.command, home, given)
    except ChecksumMismatch:
        raise
    except StackError as error:
        return {"not_run": error.what}
    make_topic(platform.stack.kafka_bootstrap, name, partitions)

    async def begin() -> Child:
        return await platform.supervisor.start("kafka-streams", command, environment)

    figures = await measured(platform, workload, name, begin, shares=partitions)
    shutil.rmtree(home / "state")
    return figures


SUBJECTS: Mapping[str, Subject] = {"danshu": danshu, "faust": faust, "kafka-streams": kafka_streams}


async def side_by_side(
    platform: Platform,
    workload: Workload,
    subjects: Mapping[str, Subject] = SUBJECTS,
    first: int = 0,
) -> dict[str, dict[str, Any]]:
    """Each subject's figures on the same orders; who is `first` changes with the rounds."""
    await lay_out(platform, workload)
    names = [*subjects]
    turn = first % len(names)
    return {name: await subjects[name](platform, workload) for name in names[turn:] + names[:turn]}


async def measured(
    platform: Platform,
    workload: Workload,
    topic: str,
    begin: Callable[[], Awaitable[Child]],
    *,
    shares: int = 1,
) -> dict[str, Any]:
    """Starts a program that is its own process, and stops the clock with the last outcome. Raises Wrong, Stalled."""
    count, partitions = len(workload.wanted), TOPICS["orders"].partitions
    bootstrap = platform.stack.kafka_bootstrap
    started: list[Child] = []

    def alive() -> None:
        for one in started:
            require_alive(one)

    async with collecting(bootstrap, topic, partitions, count, alive) as collector:
        child = await begin()
        started.append(child)
        await collector.until(1)
        pids = {child.name: child.pid} | dict(platform.stack.pids)
        seen, before = len(collector.outcomes), usage(pids)
        await collector.until(count)
        after = usage(pids)
    if child.name != "inventory":
        await platform.supervisor.stop(child.name)
    units = await asyncio.to_thread(check, collector.outcomes, workload, shares)
    cpu = spent(before, after)
    return {
        "orders": count,
        "units_promised": units,
        **figures(collector.outcomes),
        "cpu_s_per_1000_orders": {
            name: round(s / max(count - seen, 1) * 1000, 4) for name, s in cpu.items()
        },
        "memory_mib": {name: round(used.memory_mib) for name, used in after.items()},
        "load_1min": round(os.getloadavg()[0], 1),
    }


def figures(outcomes: list[Outcome]) -> dict[str, float]:
    """Orders a second of a run, whole and when it was warm."""
    run = pace(outcomes)
    return {
        "orders_per_s": round(run.whole, 1),
        "second_half_orders_per_s": round(run.second_half, 1),
    }


def require_alive(child: Child) -> None:
    """Raises RuntimeError with the last lines of its log where a program has ended."""
    if child.exits:
        tail = child.log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
        raise RuntimeError(f"{child.name} ended with {child.exits[-1]}: " + "\n".join(tail))


async def books_close(platform: Platform) -> None:
    """Returns when every sum of inventory's invariants is 0. Raises RuntimeError after a minute."""
    found: dict[str, Any] = {}
    for _ in range(round(SETTLE_S / 0.5)):
        answer = await platform.http.get(
            f"{platform.door('inventory')}/invariants", headers=platform.authorised, timeout=60.0
        )
        found = answer.json()
        if set(found.values()) == {0}:
            return
        await asyncio.sleep(0.5)
    raise RuntimeError(f"the books do not close: {found}")


def _sourcing() -> dict[str, str]:
    """Candidates by province as the table has them, in the peer's form; "" is any other province."""
    sourcing = read_sourcing(RULES)
    choices = {province: sourcing.choice("", province, 1) for province in (*PROVINCES, "")}
    return {
        province: f"{','.join(choice.warehouses)};{choice.rule}"
        for province, choice in choices.items()
    }
