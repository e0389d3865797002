"""`danshu inventory expected | promises`.

Guarantees: nothing here writes. Exit status 0, also when there is nothing; 1: no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from cli import printing
from cli.doors import Refused, call
from cli.papers import REFUSED, Url
from schemas.events.stock_outlook import ExpectedReceipt
from services.inventory.reconciling import SHANGHAI
from services.inventory.replenishing import PurchaseOnTheWay
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
    table = Table(
        *printing.keys("SKU", "采购单", "仓库"),
        "预计到货",
        "未到",
        "已答应",
        "其中已到",
        "无货可等",
        "还可答应",
        box=None,
    )
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
    printing.show(table)
    orders = [one for code in sku for one in _ask("/promises", url, {"sku": code})]
    if orders:
        printing.show(_orders(orders))


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
        printing.show(_orders(found))
    else:
        typer.echo("no order waits for what was promised" + (" too long" if late else ""))


def of_sku(
    sku: str, purchases: Sequence[PurchaseOnTheWay], receipts: Sequence[ExpectedReceipt]
) -> Table:
    """What is on order of a SKU, what of it is promised and for when, and what may still be. As inventory told it last."""
    names = ("供应商", "仓库", "未到件数", "预计到货", "已预售", "答应发货", "还可预售")
    table = Table(*printing.keys("采购单"), *names, title="采购在途与预售")
    told = {(one.purchase_no, one.warehouse): one for one in receipts}
    for one in purchases:
        pieces = str(dict(one.outstanding)[sku])
        known = told.pop((one.document_no, one.warehouse), None)
        day = "" if one.expected_at is None else f"{one.expected_at.astimezone(SHANGHAI):%Y-%m-%d}"
        said = (one.document_no, one.supplier, one.warehouse, pieces, day)
        table.add_row(*said, *_promised(known))
    for (purchase_no, warehouse), known in told.items():
        table.add_row(purchase_no or "（货架）", "", warehouse, "0", "", *_promised(known))
    return table


def _promised(known: ExpectedReceipt | None) -> tuple[str, str, str]:
    if known is None:
        return "", "", ""
    arrived = f"（已到 {known.came}）" if known.came else ""
    days = [
        f"{at.astimezone(SHANGHAI):%Y-%m-%d}"
        for at in (known.first_due_at, known.last_due_at)
        if at is not None
    ]
    free = "；".join(
        f"{one.pieces} 件，{one.promised_for.astimezone(SHANGHAI):%Y-%m-%d} 发，{'、'.join(one.channels)}"
        for one in known.promisable
    )
    return f"{known.promised}{arrived}", " 至 ".join(dict.fromkeys(days)), free or "无"


def _orders(found: list[Any]) -> Table:
    table = Table(
        *printing.keys("订单", "SKU"),
        "件数",
        *printing.keys("仓库", "采购单"),
        "预计到货",
        "答应发货",
        box=None,
    )
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
