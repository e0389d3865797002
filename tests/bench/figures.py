"""What all tables of figures share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

PERCENTILES = ("p50", "p95", "p99", "max")
Runs = Sequence[Mapping[str, Any]]


def table_of(title: str, *columns: str) -> Table:
    """An empty table of numbers."""
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def percentiles(figures: Mapping[str, float]) -> list[str]:
    """Each of PERCENTILES, to a tenth."""
    return [f"{figures[name]:.1f}" for name in PERCENTILES]
