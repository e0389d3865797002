"""`danshu inventory batch | recall | inspect`: where a batch lies, who got it, and taking it off sale.

Guarantees: nothing here writes stock; a recall is a document a warehouse and SKU through the service's doors, done once
however often it is called. Exit status 0: done; 1: refused, with the reason, or no answer; 2: no such batch; 3: not
decided yet (the same call asks again).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import asyncpg
import msgspec
import typer
from rich.table import Table

from chassis.errors import StartRefused
from chassis.ids import request_id
from chassis.postgres import AWAY, CONNECT_TIMEOUT_S
from cli import papers, printing
from cli.books import settings
from cli.doors import Refused, call
from cli.login import login
from services.inventory.settings import InventorySettings
from services.inventory.shelves import SQL

app = typer.Typer(add_completion=False)

REFUSED, UNKNOWN, PENDING = 1, 2, 3
STANDINGS = {"for_sale": "在售", "off_sale": "停售", "recalled": "已召回"}

Number = Annotated[str, typer.Argument(metavar="BATCH", help="Number of the batch.")]
Sku = Annotated[str, typer.Option("--sku", help="Only of this SKU.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def batch(number: Number, *, sku: Sku = "", as_json: AsJson = False) -> None:
    """Show where a batch lies, and the orders and parcels that got pieces of it."""
    _show(number, *_found(number, sku), as_json=as_json)


@app.command()
def recall(
    number: Number,
    *,
    reason: papers.Reason,
    sku: Sku = "",
    as_json: AsJson = False,
    actor: papers.Actor = "",
    url: papers.Url = "",
) -> None:
    """Take what remains of a batch off sale, and list who got pieces of it."""
    rows, _ = _found(number, sku)
    status = 0
    for row in rows:
        if row["standing"] == "recalled":
            continue
        place = {"warehouse": row["warehouse"], "sku": row["sku"], "batch": number}
        paper = {
            "document_no": request_id("recall", *place.values()),
            "actor": actor or login(),
            "reason": reason,
            **place,
        }
        try:
            said = call(InventorySettings, "POST", "/recalls", url, body=paper)
        except Refused as refused:
            if refused.code != "already_recalled":
                typer.echo(f"danshu: {row['warehouse']} {row['sku']}: {refused}", err=True)
                status = REFUSED
            continue
        if said["outcome"] == "pending":
            typer.echo(f"{row['warehouse']} {row['sku']}: no answer yet; call again", err=True)
            status = status or PENDING
    _show(number, *_found(number, sku), as_json=as_json)
    raise typer.Exit(status)


@app.command()
def inspect(  # noqa: PLR0913 — each is an option of the command line
    document: papers.Number,
    *,
    number: Annotated[str, typer.Option("--batch", help="Number of the batch.")],
    sku: Annotated[str, typer.Option("--sku", help="Of this SKU.")],
    warehouse: papers.Warehouse,
    good: Annotated[int, typer.Option("--good", min=0, help="Pieces that are for sale again.")] = 0,
    bad: Annotated[int, typer.Option("--bad", min=0, help="Pieces to be written off.")] = 0,
    reason: papers.Reason,
    actor: papers.Actor = "",
    url: papers.Url = "",
) -> None:
    """End the wait of returned pieces of a batch."""
    place = {"warehouse": warehouse, "sku": sku, "batch": number}
    found = {"good": good, "bad": bad, "reason": reason}
    papers.send("/inspections", document, actor, url, **place, **found)


def of_sku(batches: Sequence[asyncpg.Record]) -> Table:
    """The batches of one SKU, those that expire first on top."""
    table = Table(
        *printing.keys("仓库", "批次"), "生产", "到期", "件数", "待检", "状态", "依据", title="批次"
    )
    for one in batches:
        table.add_row(
            *(one["warehouse"], one["batch"]),
            *(str(one[day] or "—") for day in ("produced_on", "expires_on")),
            *(str(one["on_hand"]), str(one["held"])),
            *(STANDINGS[one["standing"]], one["why"]),
        )
    return table


def _found(number: str, sku: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Where it lies, and who got pieces of it."""
    try:
        rows, sent = asyncio.run(_read(number, sku))
    except AWAY as error:
        typer.echo(f"danshu: Postgres does not answer ({error}); `danshu up` starts it", err=True)
        raise typer.Exit(REFUSED) from None
    except (asyncpg.InvalidCatalogNameError, asyncpg.UndefinedTableError):
        typer.echo("danshu: the inventory service has never run on this database", err=True)
        raise typer.Exit(REFUSED) from None
    except StartRefused as refusal:
        typer.echo(f"danshu: {refusal}", err=True)
        raise typer.Exit(REFUSED) from None
    if not rows:
        typer.echo(f"danshu: 没有批次 {number}{f'（{sku}）' if sku else ''}", err=True)
        raise typer.Exit(UNKNOWN)
    return rows, sent


async def _read(number: str, sku: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    url = settings().postgres_url.get_secret_value()
    connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    try:
        rows = await connection.fetch(SQL["of_number"], number, sku)
        sent = await connection.fetch(SQL["sent"], number, sku)
        return [dict(row) for row in rows], [dict(row) for row in sent]
    finally:
        await connection.close()


def _show(
    number: str, rows: list[dict[str, Any]], sent: list[dict[str, Any]], *, as_json: bool
) -> None:
    if as_json:
        shown = msgspec.json.encode({"batch": number, "there": rows, "sent": sent})
        typer.echo(msgspec.json.format(shown))
        return
    there = Table(
        *printing.keys("仓库", "SKU"),
        "到期",
        "件数",
        "状态",
        "已承诺、无货可发",
        title=f"批次 {number}",
    )
    for row in rows:
        there.add_row(
            *(row["warehouse"], row["sku"], str(row["expires_on"] or "—"), str(row["on_hand"])),
            *(STANDINGS[row["standing"]], str(row["promised_beyond"])),
        )
    printing.show(there)
    gone = Table(
        *printing.keys("订单", "来源", "SKU"),
        "件数",
        *printing.keys("包裹"),
        "发出",
        title=f"在买家手里（{len(sent)} 单）",
    )
    for one in sent:
        gone.add_row(
            *(one["order_id"], one["reference"] or "", one["sku"], str(one["pieces"])),
            *(" ".join(one["parcels"]), f"{one['at']:%Y-%m-%d %H:%M:%S}Z"),
        )
    printing.show(gone)
