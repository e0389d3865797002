"""`danshu inventory backtest | demand`: how well demand would have been forecast, and what demand there was.

Guarantees: nothing is written; `backtest` reads a file and needs no server, the same file gives the same numbers. Exit
status of `backtest` 0: the forecasters chosen beat naive over all SKUs, by MASE and WAPE; 1: they do not, or the file
cannot be used.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from chassis.clock import SystemClock
from cli import printing
from cli.reach import database, run, settings
from services.inventory.demand_sheets import COLUMNS, read_demand
from services.inventory.domain.backtesting import HORIZON_DAYS, Choose, Guess, Score, guesses, score
from services.inventory.domain.forecasting import Demand
from services.inventory.parameters import Parameters, read_parameters
from services.inventory.planning import SQL, demand_of, first_moment
from services.inventory.reconciling import SHANGHAI
from services.inventory.sheets import SheetBroken
from simulators.demand import COMMITTED as SYNTHETIC

app = typer.Typer(add_completion=False)

WORSE = 1
CHOSEN = "chosen"
BARS = ("naive", "seasonal-naive")
CLASSES = ("smooth", "erratic", "intermittent", "lumpy")
ALL = "all"


@app.command()
def backtest(
    file: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV: sku, day, pieces, perhaps in_stock (1 or 0). Default: the synthetic set that ships.",
        ),
    ] = None,
    horizon: Annotated[
        int, typer.Option(min=1, max=90, help="Days whose total is forecast.")
    ] = HORIZON_DAYS,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Forecast the past again, each week from what was known then, and compare with what came."""
    try:
        series = read_demand((file or SYNTHETIC).read_bytes()).series
    except SheetBroken as broken:
        for problem in broken.problems:
            typer.echo(f"danshu: {file}: {problem}", err=True)
        raise typer.Exit(WORSE) from None
    scores = scored(series, read_parameters(settings().rules_dir), horizon)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(scores)))
    else:
        _print(scores, len(series), horizon, synthetic=file is None)
    raise typer.Exit(0 if beats(scores) else WORSE)


@app.command()
def demand(
    *,
    warehouse: Annotated[str, typer.Option("--warehouse", "-w", help="Code of the warehouse.")],
    sku: Annotated[str, typer.Option("--sku", help="Only this one.")] = "",
) -> None:
    """Print demand by day out of the ledger and the sales before it, as CSV that `backtest` reads."""
    today = SystemClock().now().astimezone(SHANGHAI).date()
    writer = csv.writer(sys.stdout)
    writer.writerow((*COLUMNS, "in_stock"))
    for code, days in run(_past(warehouse, sku, today)):
        for ago, pieces in zip(range(len(days), 0, -1), days, strict=True):
            day = today - timedelta(days=ago)
            writer.writerow((code, day.isoformat(), pieces or 0, int(pieces is not None)))


async def _past(warehouse: str, sku: str, today: date) -> list[tuple[str, Demand]]:
    async with database(settings().postgres_url.get_secret_value()) as connection:
        rows = await connection.fetch(SQL["demand"], warehouse, first_moment(today), sku)
    return [(row["sku"], demand_of(row, today)[0]) for row in rows]


def scored(series: Mapping[str, Demand], parameters: Parameters, horizon: int) -> list[Score]:
    """The forecasters that the rules choose, and the bars, by class and over all."""

    def always(name: str) -> Choose:
        return lambda _demand_class: parameters.forecasters[name]

    ways: dict[str, Choose] = {CHOSEN: parameters.forecaster, **{bar: always(bar) for bar in BARS}}
    made = {way: list(guesses(series, who, horizon_days=horizon)) for way, who in ways.items()}
    # Where nobody is chosen, the bars are not measured either.
    measured = {(one.sku, one.origin) for one in made[CHOSEN]}
    return [
        score(demand_class, way, found)
        for demand_class in (*CLASSES, ALL)
        for way in ways
        if (found := _of(made[way], demand_class, measured))
    ]


def _of(made: Sequence[Guess], demand_class: str, measured: set[tuple[str, int]]) -> list[Guess]:
    return [
        one
        for one in made
        if demand_class in {one.demand_class, ALL} and (one.sku, one.origin) in measured
    ]


def beats(scores: Sequence[Score]) -> bool:
    """Whether the chosen forecasters are better than both bars over all SKUs."""
    by_way = {one.forecaster: one for one in scores if one.demand_class == ALL}
    if CHOSEN not in by_way:
        return False
    chosen = by_way[CHOSEN]
    return all(chosen.mase < by_way[bar].mase and chosen.wape < by_way[bar].wape for bar in BARS)


def _print(scores: Sequence[Score], skus: int, horizon: int, *, synthetic: bool) -> None:
    console = printing.console()
    if synthetic:
        console.print("Synthetic demand (simulators/demand.csv), made by a seeded program.")
    console.print(f"{skus} SKUs, totals of {horizon} days, a new origin every week")
    table = Table("class", "forecaster", "SKUs", "origins", "MASE", "WAPE", "bias", box=None)
    for one in scores:
        numbers = (f"{one.mase:.3f}", f"{one.wape:.1%}", f"{one.bias:+.1%}")
        table.add_row(one.demand_class, one.forecaster, str(one.skus), str(one.origins), *numbers)
    printing.show(table)
    if not scores:
        console.print("no SKU has enough days")
    elif beats(scores):
        console.print("the chosen forecasters beat naive and seasonal-naive")
    else:
        console.print("the chosen forecasters do NOT beat naive and seasonal-naive")
