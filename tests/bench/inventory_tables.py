"""Figures of inventory alone, and of its peers beside it, as tables to read."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from tests.bench.figures import PERCENTILES, Runs, percentiles, table_of

OURS = "danshu"
PROCESS_OF = {OURS: "inventory"}
"""Name of a subject's own process where it is not the subject's."""


def inventory_tables(results: Mapping[str, Runs]) -> Iterator[Table]:
    """The tables of whatever was measured."""
    if runs := results["stream"]:
        yield _stream(runs)
        yield _ratios(runs)
        yield _cpu(runs[-1])
    if runs := results["hot_sku"]:
        yield _hot_sku(runs)
    if runs := results["api"]:
        yield _api(runs)
    if runs := results["rebuild"]:
        yield _rebuild(runs)
    if runs := results["memory"]:
        yield _memory(runs[0])


def _stream(runs: Runs) -> Table:
    table = table_of(
        f"(d) {runs[0][OURS]['orders']:,} orders of the stream → held, orders/s",
        *("round", "who", "whole run", "second half", "units promised", "load"),
    )
    for number, run in enumerate(runs, start=1):
        for name, one in run.items():
            if "not_run" in one:
                table.add_row(str(number), name, "not run", one["not_run"], "", "")
                continue
            table.add_row(
                str(number),
                name,
                f"{one['orders_per_s']:,.0f}",
                f"{one['second_half_orders_per_s']:,.0f}",
                f"{one['units_promised']:,}",
                f"{one['load_1min']:.1f}",
            )
    return table


def _ratios(runs: Runs) -> Table:
    """Medians of the rounds, of each round's own ratio: rounds differ more than their parts."""
    table = table_of("(d) inventory ÷ peer, median of the rounds", "peer", "cold", "warm")
    for peer in runs[0]:
        ran = [run for run in runs if "not_run" not in run[peer]]
        if peer != OURS and ran:
            figures = ("orders_per_s", "second_half_orders_per_s")
            table.add_row(peer, *(f"{_ratio(ran, peer, figure):.2f}" for figure in figures))
    return table


def _ratio(runs: Sequence[Mapping[str, Any]], peer: str, figure: str) -> float:
    ratios: list[float] = [run[OURS][figure] / run[peer][figure] for run in runs]
    return statistics.median(ratios)


def _cpu(run: Mapping[str, Any]) -> Table:
    columns = ("itself", "kafka", "postgres", "valkey", "all", "own MiB")
    table = table_of("(d) CPU s per 1,000 orders (last round)", "who", *columns)
    for name, one in run.items():
        if "not_run" in one:
            continue
        itself = PROCESS_OF.get(name, name)
        cpu = one["cpu_s_per_1000_orders"]
        shown = [cpu[part] for part in (itself, "kafka", "postgres", "valkey")]
        shown.append(sum(cpu.values()))
        mib = one["memory_mib"][itself]
        table.add_row(name, *(f"{seconds:.3f}" for seconds in shown), str(mib))
    return table


def _hot_sku(runs: Runs) -> Table:
    table = table_of(
        "(d) one hot SKU, orders/s", "round", "whole run", "second half", "units promised"
    )
    for number, run in enumerate(runs, start=1):
        paces = (run["orders_per_s"], run["second_half_orders_per_s"], run["units_promised"])
        table.add_row(str(number), *(f"{figure:,.0f}" for figure in paces))
    return table


def _api(runs: Runs) -> Table:
    table = table_of(
        f"(d) reservation API at {runs[0]['rate_per_s']:.0f} requests/s, milliseconds",
        *("round", "what", *PERCENTILES),
    )
    for number, run in enumerate(runs, start=1):
        table.add_row(str(number), "all", *percentiles(run["answer_ms"]))
        for kind, figures in run["by_kind_ms"].items():
            table.add_row("", kind, *percentiles(figures))
    return table


def _rebuild(runs: Runs) -> Table:
    table = table_of(
        f"(d) Valkey emptied under full load, {runs[0]['skus']:,} SKUs",
        *("round", "held then", "in force after s", "full speed after s"),
        *("orders/s before", "worst second"),
    )
    for number, run in enumerate(runs, start=1):
        full = run["full_speed_after_s"]
        table.add_row(
            str(number),
            f"{run['held_when_flushed']:,}",
            f"{run['in_force_after_s']:.2f}",
            "not reached" if full is None else f"{full:.2f}",
            f"{run['orders_per_s_before']:,.0f}",
            f"{run['worst_orders_per_s']:,.0f}",
        )
    return table


def _memory(run: Mapping[str, Any]) -> Table:
    table = table_of("(d) resident MiB of inventory", "orders", "MiB")
    part = run["orders"] // len(run["memory_mib"])
    for number, mib in enumerate(run["memory_mib"], start=1):
        table.add_row(f"{number * part:,}", f"{mib:.1f}")
    return table
