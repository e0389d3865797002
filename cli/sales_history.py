"""`danshu inventory sales-history`: what the system before this one sold, so that forecasts need not wait for weeks.

Guarantees: a file is read whole or not at all, with each bad line named; what is given goes through the service's door, and
the same file again changes nothing. Exit status 0: done; 1: refused, with the reason, or not reached; 2: the file or the
options cannot be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from chassis.clock import SystemClock
from cli import printing
from cli.doors import Refused, call
from cli.login import login
from cli.papers import Actor, Url, end
from services.inventory.demand_sheets import DemandSheet, read_demand
from services.inventory.domain.demand import DAY
from services.inventory.reconciling import SHANGHAI
from services.inventory.replenishing import HISTORY_DAYS_MAX, SoldOfSku
from services.inventory.settings import InventorySettings
from services.inventory.sheets import SheetBroken

app = typer.Typer(add_completion=False)

SKUS_A_REQUEST = 100
NAMED_MAX = 10
PATH = "/sales-history"

Given = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE.csv]",
        exists=True,
        dir_okay=False,
        help="sku, day, pieces, perhaps in_stock (0: that day is unknown); or 商家编码, 日期, 销量, 有货.",
    ),
]


@app.command("sales-history")
def sales_history(
    file: Given = None,
    *,
    warehouse: Annotated[str, typer.Option("--warehouse", "-w", help="Which sold it.")] = "",
    sku: Annotated[list[str] | None, typer.Option("--sku", help="Only this; repeatable.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read the file, keep nothing.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget what was kept of these SKUs there.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Keep what another system sold before, day by day; without a file, list what is kept.

    It counts on days that our own books do not know. Another file takes the place of a SKU's earlier one.
    """
    skus = sku or []
    if file is not None:
        if not warehouse or skus or forget:
            raise typer.BadParameter("a FILE.csv needs --warehouse, and no --sku or --forget")
        _keep(file, warehouse, actor or login(), url, dry_run=dry_run)
    elif forget:
        if not warehouse or not skus:
            raise typer.BadParameter("--forget needs --warehouse and --sku")
        said = _ask("DELETE", url, query={"warehouse": warehouse, "sku": skus})
        typer.echo(f"{said['forgotten']} SKUs forgotten")
    else:
        _list(_ask("GET", url, query={"warehouse": warehouse, "sku": skus}), as_json=as_json)


def _keep(file: Path, warehouse: str, actor: str, url: str, *, dry_run: bool) -> None:
    try:
        sheet = read_demand(file.read_bytes())
    except SheetBroken as broken:
        for problem in broken.problems:
            typer.echo(f"danshu: {file}: {problem}", err=True)
        raise typer.Exit(2) from None
    today = SystemClock().now().astimezone(SHANGHAI).date()
    if sheet.last > today:
        typer.echo(f"danshu: {file}: {sheet.last} is yet to come", err=True)
        raise typer.Exit(2)
    sold = days_before(today, sheet)
    if not sold:
        typer.echo(f"danshu: {file}: only {today}, which is not over", err=True)
        raise typer.Exit(2)
    _tell_read(sheet, sold, today)
    if dry_run:
        typer.echo("nothing was kept (--dry-run)")
        return
    kept = unchanged = 0
    without: list[str] = []
    starts = range(0, len(sold), SKUS_A_REQUEST)
    for start in track(starts, "…", console=Console(stderr=True), disable=len(starts) == 1):
        some = sold[start : start + SKUS_A_REQUEST]
        body = {"warehouse": warehouse, "sold": some, "actor": actor}
        said = _ask("POST", url, body=body)
        kept, unchanged = kept + said["kept"], unchanged + said["unchanged"]
        without += said["without_stock"]
    typer.echo(f"{kept} SKUs kept, {unchanged} unchanged; their plans follow within a minute")
    if without:
        named = ", ".join(without[:NAMED_MAX]) + (" …" if len(without) > NAMED_MAX else "")
        typer.echo(
            f"{len(without)} of them {warehouse} has never had, they count once it has: {named}"
        )


def days_before(today: date, sheet: DemandSheet) -> list[SoldOfSku]:
    """The newest days of each SKU that are over, as they are sent."""
    over = max(0, (sheet.last - today).days + 1)
    found = []
    for sku, days in sheet.series.items():
        if pieces := tuple(days[: len(days) - over][-HISTORY_DAYS_MAX:]):
            last = sheet.last - over * DAY
            first_day = last - timedelta(days=len(pieces) - 1)
            found.append(SoldOfSku(sku=sku, first_day=first_day, pieces=pieces))
    return found


def _tell_read(sheet: DemandSheet, sold: Sequence[SoldOfSku], today: date) -> None:
    pieces = sum(day or 0 for one in sold for day in one.pieces)
    unknown = sum(day is None for one in sold for day in one.pieces)
    first, last = min(one.first_day for one in sold), sold[0].last_day
    typer.echo(
        f"{len(sold)} SKUs from {first} to {last}, {pieces} pieces"
        + (f", {unknown} days without stock" if unknown else "")
    )
    if sheet.last == today:
        typer.echo(f"{today} is not over: left out")
    if any(len(days) > HISTORY_DAYS_MAX for days in sheet.series.values()):
        typer.echo(f"days before the last {HISTORY_DAYS_MAX} are left out")


def _list(found: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    if not found:
        typer.echo(
            "no sales history is kept (danshu inventory sales-history FILE.csv -w WAREHOUSE)"
        )
        return
    names = ("warehouse", "sku", "first_day", "last_day", "known_days", "pieces", "changed_by")
    table = Table(*printing.keys(*names[:2]), *names[2:], box=None)
    for one in found:
        table.add_row(*(str(one[name]) for name in names))
    printing.show(table)


def _ask(method: str, url: str, **request: Any) -> Any:
    try:
        return call(InventorySettings, method, PATH, url, **request)
    except Refused as refused:
        end(refused)
