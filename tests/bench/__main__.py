"""`make bench`: drain and open loop on this machine, as a table and as JSON.

Figures of one run are only worth something beside each other: the machine's noise is told with them
(a fixed piece of work before and after, load, rounds), and the median of the rounds is what to quote.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

from demo.platform import SERVICES, Platform
from deploy.embedded import stack as embedded
from deploy.embedded.stack import Stack
from tests.bench.drain import drain
from tests.bench.measuring import reference_work_s, surroundings
from tests.bench.open_loop import QUIET_POLLS, open_loop

RESULTS = Path("bench-results")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000, help="orders of the drain")
    parser.add_argument(
        "--rate", type=float, default=200.0, help="pushes a second of the open loop"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the open loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("drain", "open-loop"))
    return parser.parse_args()


async def _fresh_platform(stack: Stack, home: Path, settings: Mapping[str, str]) -> Platform:
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
        services=SERVICES,
    )


async def _rounds(arguments: argparse.Namespace, stack: Stack, home: Path) -> dict[str, list[Any]]:
    results: dict[str, list[Any]] = {"drain": [], "open_loop": []}
    for number in range(arguments.rounds):
        if arguments.only != "open-loop":
            async with await _fresh_platform(stack, home / f"drain-{number}", {}) as one:
                results["drain"].append(await drain(one, arguments.orders, seed=7 + number))
        if arguments.only != "drain":
            async with await _fresh_platform(stack, home / f"open-{number}", QUIET_POLLS) as one:
                results["open_loop"].append(await open_loop(one, arguments.rate, arguments.seconds))
    return results


def _print(console: Console, results: dict[str, list[Any]]) -> None:
    if runs := results["drain"]:
        table = Table(title="(a) drain: native payload → routed and readable")
        for column in ("round", "orders/s", "CPU s / 1,000 orders", "cores used"):
            table.add_column(column, justify="right")
        for number, run in enumerate(runs, start=1):
            table.add_row(
                str(number),
                f"{run['orders_per_s']:,.0f}",
                f"{run['cpu_s_per_1000_orders_all']:.3f}",
                f"{run['cores_used']:.2f}",
            )
        median = statistics.median(run["orders_per_s"] for run in runs)
        table.add_row("median", f"{median:,.0f}", "", "")
        console.print(table)
        by_process = Table(title="CPU s per 1,000 orders by process (last round)")
        by_process.add_column("process")
        by_process.add_column("CPU s", justify="right")
        by_process.add_column("MiB", justify="right")
        for name, cpu in sorted(runs[-1]["cpu_s_per_1000_orders"].items(), key=lambda row: -row[1]):
            by_process.add_row(name, f"{cpu:.3f}", str(runs[-1]["memory_mib"].get(name, "")))
        console.print(by_process)
    if runs := results["open_loop"]:
        table = Table(title=f"(b) open loop at {runs[0]['rate_per_s']:.0f} pushes/s, milliseconds")
        for column in ("round", "figure", "p50", "p95", "p99", "max"):
            table.add_column(column, justify="right")
        for number, run in enumerate(runs, start=1):
            for figure in ("answer_ms", "accept_to_held_ms", "accept_to_readable_ms"):
                values = [f"{run[figure][name]:.1f}" for name in ("p50", "p95", "p99", "max")]
                table.add_row(str(number), figure.removesuffix("_ms").replace("_", " "), *values)
        console.print(table)


def main() -> None:
    """Runs the benchmark on a stack of its own."""
    arguments = _arguments()
    console = Console()
    home = embedded.default_home() / "bench"
    before = surroundings()
    stack = embedded.up(home, keep=False)
    try:
        results = asyncio.run(_rounds(arguments, stack, home / "runs"))
    finally:
        embedded.down(home)
    _print(console, results)
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
