"""`make bench`: drain, open loop, ingest alone and inventory alone on this machine, as tables and as JSON.

Figures of one run are only worth something beside each other: the machine's noise is told with them
(a fixed piece of work before and after, load, rounds), and the median of the rounds is what to quote.
"""

from __future__ import annotations

import argparse
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from rich.console import Console

from demo.platform import SERVICES, Platform
from deploy.embedded import stack as embedded
from deploy.embedded.stack import Stack
from tests.bench import inventory
from tests.bench.contest import empty_valkey
from tests.bench.drain import drain
from tests.bench.ingest import APART, door, normalise
from tests.bench.measuring import reference_work_s, surroundings
from tests.bench.open_loop import QUIET_POLLS, open_loop
from tests.bench.rebuild import rebuild
from tests.bench.reservation_api import reservation_api
from tests.bench.tables import KINDS, tables

RESULTS = Path("bench-results")
ORDERS = 20_000
INVENTORY_ORDERS = 100_000


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--orders",
        type=int,
        help=f"orders of a drain ({ORDERS:,}; of inventory alone {INVENTORY_ORDERS:,})",
    )
    parser.add_argument(
        "--rate", type=float, default=200.0, help="pushes a second of the open loop"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the open loop")
    parser.add_argument(
        "--door-rate", type=float, default=500.0, help="pushes a second of the door alone"
    )
    parser.add_argument(
        "--api-rate", type=float, default=500.0, help="requests a second of the reservation API"
    )
    parser.add_argument("--skus", type=int, default=100_000, help="SKUs of the rebuild")
    parser.add_argument(
        "--memory-orders",
        type=int,
        default=0,
        help="orders over which memory is watched, e.g. 1000000",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("drain", "open-loop", "ingest", "inventory"))
    return parser.parse_args()


async def _fresh_platform(
    stack: Stack,
    home: Path,
    settings: Mapping[str, str],
    services: tuple[str, ...] = SERVICES,
) -> Platform:
    name = f"bench_{uuid.uuid4().hex[:8]}"
    connection = await asyncpg.connect(stack.postgres_url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return Platform(
        stack,
        home,
        prefix=name.replace("_", "-"),
        postgres_url=f"{stack.postgres_url.rpartition('/')[0]}/{name}",
        simulator={"seed": 7, "faults": "none", "stock_multiplier": 100},
        settings={"DANSHU_FULFILLMENT_WAYBILLS_PAUSED": "true", **settings},
        services=services,
    )


async def _rounds(
    arguments: argparse.Namespace, stack: Stack, home: Path, results: dict[str, list[Any]]
) -> None:
    only, alone = arguments.only, ("ingest",)
    orders = arguments.orders or ORDERS
    for number in range(arguments.rounds):
        if only in {None, "drain"}:
            async with await _fresh_platform(stack, home / f"drain-{number}", {}) as one:
                results["drain"].append(await drain(one, orders, seed=7 + number))
        if only in {None, "open-loop"}:
            async with await _fresh_platform(stack, home / f"open-{number}", QUIET_POLLS) as one:
                results["open_loop"].append(await open_loop(one, arguments.rate, arguments.seconds))
        if only in {None, "ingest"}:
            async with await _fresh_platform(stack, home / f"norm-{number}", {}, alone) as one:
                results["normalise"].append(await normalise(one, orders, seed=7 + number))
            apart = QUIET_POLLS | APART
            async with await _fresh_platform(stack, home / f"door-{number}", apart, alone) as one:
                results["door"].append(await door(one, arguments.door_rate, arguments.seconds))
        if only in {None, "inventory"}:
            await _inventory_round(arguments, stack, home, number, results)


async def _inventory_round(
    arguments: argparse.Namespace,
    stack: Stack,
    home: Path,
    number: int,
    results: dict[str, list[Any]],
) -> None:
    orders, seed = arguments.orders or INVENTORY_ORDERS, number
    runs: dict[str, Callable[[Platform], Awaitable[Any]]] = {
        "stream": lambda one: inventory.stream(one, orders, seed),
        "hot_sku": lambda one: inventory.hot_sku(one, orders, seed),
        "api": lambda one: reservation_api(one, arguments.api_rate, arguments.seconds, seed),
        "rebuild": lambda one: rebuild(one, orders, seed, arguments.skus),
    }
    if arguments.memory_orders and number == 0:
        runs["memory"] = lambda one: inventory.memory(one, arguments.memory_orders, seed)
    for kind, run in runs.items():
        # What earlier runs left would be the later ones' memory.
        await empty_valkey(stack.valkey_url)
        async with await _fresh_platform(
            stack, home / f"{kind}-{number}", inventory.SETTINGS, ("inventory",)
        ) as one:
            results[kind].append(await run(one))


def main() -> None:
    """Runs the benchmark on a stack of its own."""
    arguments = _arguments()
    home = embedded.default_home() / "bench"
    before = surroundings()
    results: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    stack = embedded.up(home, keep=False)
    try:
        uvloop.run(_rounds(arguments, stack, home / "runs", results))
    finally:
        embedded.down(home)
        # What was measured before something failed stays measured.
        _report(arguments, before, results)


def _report(
    arguments: argparse.Namespace, before: dict[str, object], results: dict[str, list[Any]]
) -> None:
    console = Console()
    for table in tables(results):
        console.print(table)
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": before | {"reference_work_after_s": round(reference_work_s(), 3)},
        "settings": vars(arguments),
        **results,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(f"machine: {document['machine']}", highlight=False)
    console.print(f"results: {path}", highlight=False)


if __name__ == "__main__":
    main()
