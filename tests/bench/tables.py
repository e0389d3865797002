"""Figures of a benchmark's rounds as tables to read."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from tests.bench.figures import PERCENTILES, Runs, percentiles, table_of
from tests.bench.inventory_tables import inventory_tables

KINDS = ("drain", "open_loop", "normalise", "door", "stream", "hot_sku", "api", "rebuild", "memory")


def tables(results: Mapping[str, Runs]) -> Iterator[Table]:
    """The tables of whatever was measured."""
    if runs := results["drain"]:
        yield _drain(runs)
        yield _by_process(runs[-1])
    if runs := results["open_loop"]:
        yield _open_loop(runs)
    if runs := results["normalise"]:
        yield _normalise(runs)
    if runs := results["door"]:
        yield _door(runs)
    yield from inventory_tables(results)


def _drain(runs: Runs) -> Table:
    table = table_of(
        "(a) drain: native payload → routed and readable",
        *("round", "orders/s", "CPU s / 1,000 orders", "cores used"),
    )
    for number, run in enumerate(runs, start=1):
        table.add_row(
            str(number),
            f"{run['orders_per_s']:,.0f}",
            f"{run['cpu_s_per_1000_orders_all']:.3f}",
            f"{run['cores_used']:.2f}",
        )
    median = statistics.median(run["orders_per_s"] for run in runs)
    table.add_row("median", f"{median:,.0f}", "", "")
    return table


def _by_process(run: Mapping[str, Any]) -> Table:
    table = table_of("CPU s per 1,000 orders by process (last round)", "process", "CPU s", "MiB")
    for name, cpu in sorted(run["cpu_s_per_1000_orders"].items(), key=lambda row: -row[1]):
        table.add_row(name, f"{cpu:.3f}", str(run["memory_mib"].get(name, "")))
    return table


def _open_loop(runs: Runs) -> Table:
    table = table_of(
        f"(b) open loop at {runs[0]['rate_per_s']:.0f} pushes/s, milliseconds",
        *("round", "figure", *PERCENTILES),
    )
    for number, run in enumerate(runs, start=1):
        for figure in ("answer_ms", "accept_to_held_ms", "accept_to_readable_ms"):
            name = figure.removesuffix("_ms").replace("_", " ")
            table.add_row(str(number), name, *percentiles(run[figure]))
    return table


def _normalise(runs: Runs) -> Table:
    table = table_of(
        "(c) ingest alone: native payload → order and its events",
        *("round", "orders/s", "orders/s a core", "CPU µs an order"),
    )
    for number, run in enumerate(runs, start=1):
        figures = (run["orders_per_s"], run["orders_per_core_s"], run["cpu_us_per_order"])
        table.add_row(str(number), *(f"{figure:,.0f}" for figure in figures))
    return table


def _door(runs: Runs) -> Table:
    table = table_of(
        f"(c) a door at {runs[0]['rate_per_s']:.0f} pushes/s, milliseconds",
        *("round", *PERCENTILES, "CPU µs a push"),
    )
    for number, run in enumerate(runs, start=1):
        figures = percentiles(run["answer_ms"])
        table.add_row(str(number), *figures, f"{run['cpu_us_per_push']:,.0f}")
    return table
