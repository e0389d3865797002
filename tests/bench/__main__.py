"""`make bench`: drain, open loop and ingest alone on this machine, as tables and as JSON.

Figures of one run are only worth something beside each other: the machine's noise is told with them
(a fixed piece of work before and after, load, rounds), and the median of the rounds is what to quote.
"""

from __future__ import annotations

import argparse
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from rich.console import Console

from demo.platform import SERVICES, Platform
from deploy.embedded import stack as embedded
from deploy.embedded.stack import Stack
from tests.bench.drain import drain
from tests.bench.ingest import APART, door, normalise
from tests.bench.measuring import reference_work_s, surroundings
from tests.bench.open_loop import QUIET_POLLS, open_loop
from tests.bench.tables import tables

RESULTS = Path("bench-results")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000, help="orders of the drain")
    parser.add_argument(
        "--rate", type=float, default=200.0, help="pushes a second of the open loop"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the open loop")
    parser.add_argument(
        "--door-rate", type=float, default=500.0, help="pushes a second of the door alone"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("drain", "open-loop", "ingest"))
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


async def _rounds(arguments: argparse.Namespace, stack: Stack, home: Path) -> dict[str, list[Any]]:
    results: dict[str, list[Any]] = {"drain": [], "open_loop": [], "normalise": [], "door": []}
    only, alone = arguments.only, ("ingest",)
    for number in range(arguments.rounds):
        if only in {None, "drain"}:
            async with await _fresh_platform(stack, home / f"drain-{number}", {}) as one:
                results["drain"].append(await drain(one, arguments.orders, seed=7 + number))
        if only in {None, "open-loop"}:
            async with await _fresh_platform(stack, home / f"open-{number}", QUIET_POLLS) as one:
                results["open_loop"].append(await open_loop(one, arguments.rate, arguments.seconds))
        if only in {None, "ingest"}:
            async with await _fresh_platform(stack, home / f"norm-{number}", {}, alone) as one:
                results["normalise"].append(await normalise(one, arguments.orders, seed=7 + number))
            apart = QUIET_POLLS | APART
            async with await _fresh_platform(stack, home / f"door-{number}", apart, alone) as one:
                results["door"].append(await door(one, arguments.door_rate, arguments.seconds))
    return results


def main() -> None:
    """Runs the benchmark on a stack of its own."""
    arguments = _arguments()
    console = Console()
    home = embedded.default_home() / "bench"
    before = surroundings()
    stack = embedded.up(home, keep=False)
    try:
        results = uvloop.run(_rounds(arguments, stack, home / "runs"))
    finally:
        embedded.down(home)
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
