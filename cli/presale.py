"""`danshu inventory expected | promises`.

Guarantees: nothing here writes. Exit status 0, also when there is nothing; 1: no answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cli.doors import Refused, call
from cli.papers import REFUSED, Url
from services.inventory.reconciling import SHANGHAI
from services.inventory.settings import InventorySettings

app = typer.Typer(add_completion=False)

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def expected(
    sku: Annotated[list[str], typer.Argument(metavar="SKU…", help="The merchant's own SKU codes.")],
    *,
    as_json: AsJson = False,
    url: Url = "",
) -> None:
    """Show what is to come of a SKU, what of it is promised, what may still be, and to which orders."""
    found = _ask("/expected", url, {"sku": sku})
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    names = (
        "SKU",
        "采购单",
        "仓库",
        "预计到货",
        "未到",
        "已答应",
        "其中已到",
        "无货可等",
        "还可答应",
    )
    table = Table(*names, box=None)
    for one in found:
        free = "，".join(f"{may['channel']} {may['pieces']}" for may in one["promisable"])
        counted = (one[name] for name in ("outstanding", "promised", "came", "uncarried"))
        table.add_row(
            one["sku"],
            one["purchase_no"] or "（货架）",
            one["warehouse"],
            _day(one["expected_at"]),
            *map(str, counted),
            free or "不预售",
        )
    console = Console(soft_wrap=True, markup=False)
    console.print(table)
    orders = [one for code in sku for one in _ask("/promises", url, {"sku": code})]
    if orders:
        console.print(_orders(orders))


@app.command()
def promises(
    *,
    sku: Annotated[str, typer.Option("--sku", help="Only of this SKU.")] = "",
    late: Annotated[bool, typer.Option("--late", help="Only those whose date has passed.")] = False,
    as_json: AsJson = False,
    url: Url = "",
) -> None:
    """List orders that were promised what is to come, those due first."""
    found = _ask("/promises", url, {"sku": sku, "late": "1" if late else ""})
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
    elif found:
        Console(soft_wrap=True, markup=False).print(_orders(found))
    else:
        typer.echo("no order waits for what was promised" + (" too long" if late else ""))


def _orders(found: list[Any]) -> Table:
    table = Table("订单", "SKU", "件数", "仓库", "采购单", "预计到货", "答应发货", box=None)
    for one in found:
        table.add_row(
            one["order_id"],
            one["sku"],
            str(one["pieces"]),
            one["warehouse"],
            one["purchase_no"] or "（已留）",
            _day(one["expected_at"]),
            _day(one["promised_for"]),
        )
    return table


def _day(at: str | None) -> str:
    if at is None:
        return ""
    return f"{datetime.fromisoformat(at).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def _ask(path: str, url: str, query: dict[str, Any]) -> Any:
    try:
        return call(InventorySettings, "GET", path, url=url, query=query)
    except Refused as refused:
        typer.echo(f"danshu: {refused}", err=True)
        raise typer.Exit(REFUSED) from None
