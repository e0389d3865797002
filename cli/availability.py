"""`danshu inventory offers | safety | quotas`: what each channel may offer of a SKU, what no channel is offered, and
what is kept for which group of channels.

Guarantees: all speak to inventory's own doors; setting the same safety stock again changes nothing. Exit status 0:
done; 1: refused, with the reason, or not reached.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from cli import printing
from cli.doors import Refused, call
from cli.login import login
from services.inventory.settings import InventorySettings

app = typer.Typer(add_completion=False)

REFUSED = 1

Sku = Annotated[str, typer.Argument(metavar="SKU", help="The merchant's own SKU code.")]
Url = Annotated[str, typer.Option("--url", help="Of the inventory service; default: its settings.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def offers(sku: Sku, as_json: AsJson = False, url: Url = "") -> None:
    """Show what each channel was last told it may offer, and by which rule."""
    said = _call("GET", "/channel-availability", url, query={"sku": sku})
    if as_json:
        typer.echo(msgspec.json.encode(said["told"]).decode())
        return
    for told in said["told"]:
        title = f"{sku}：可售 {told['for_sale']} 件（库存变化 {told['stock_changed_at'][:19]}Z）"
        table = Table(*printing.keys("渠道"), "渠道可售", "规则", title=title)
        for one in told["offers"]:
            table.add_row(one["channel"], str(one["quantity"]), one["rule"])
        printing.show(table)
    if not said["told"]:
        typer.echo(f"{sku}：还没有算过", err=True)


@app.command()
def safety(
    sku: Sku,
    *,
    warehouse: Annotated[str, typer.Option("--warehouse", "-w", help="Where they stay.")] = "",
    pieces: Annotated[int | None, typer.Option("--pieces", help="Set it; 0 = all may go.")] = None,
    actor: Annotated[str, typer.Option("--actor", help="Who; your login unless given.")] = "",
    as_json: AsJson = False,
    url: Url = "",
) -> None:
    """Show the safety stock of a SKU, or set it in one warehouse (`--warehouse W --pieces N`)."""
    if (pieces is None) == bool(warehouse):
        typer.echo("danshu: --warehouse and --pieces go together", err=True)
        raise typer.Exit(REFUSED)
    if pieces is not None:
        row = {"warehouse": warehouse, "sku": sku, "pieces": pieces}
        body = {"stocks": [row], "actor": actor or f"cli:{login()}"}
        said = _call("POST", "/safety-stocks", url, body=body)
        typer.echo("已设置" if said["set"] else "没有变化")
        return
    said = _call("GET", "/safety-stocks", url, query={"sku": sku})
    if as_json:
        typer.echo(msgspec.json.encode(said["stocks"]).decode())
        return
    table = Table(*printing.keys("仓库"), "安全库存", "谁", "何时", title=sku)
    for one in said["stocks"]:
        table.add_row(one["warehouse"], str(one["pieces"]), one["actor"], one["changed_at"][:19])
    printing.show(table)


@app.command()
def quotas(
    sku: Sku,
    *,
    restart: Annotated[
        bool, typer.Option("--restart", help="Share out anew what lies there now.")
    ] = False,
    actor: Annotated[str, typer.Option("--actor", help="Who; your login unless given.")] = "",
    as_json: AsJson = False,
    url: Url = "",
) -> None:
    """Show how a SKU with hard quotas is shared out, or begin its count anew (`--restart`)."""
    if restart:
        body = {"sku": sku, "actor": actor or f"cli:{login()}"}
        said = _call("POST", "/quotas/restart", url, body=body)
        typer.echo(
            f"已重新起算：{'、'.join(said['warehouses'])}" if said["warehouses"] else "没有变化"
        )
        return
    said = _call("GET", "/quotas", url, query={"sku": sku})
    if as_json:
        typer.echo(msgspec.json.encode(said["rows"]).decode())
        return
    table = Table(
        *printing.keys("仓库", "配额"), "份额", "已占", "已发", "专留", "还可占", title=sku
    )
    for row in said["rows"]:
        for one in row["shares"]:
            numbers = (str(one[name]) for name in ("held", "sent", "kept", "left"))
            share = f"{one['pieces']} 件" if "pieces" in one else f"{one['percent']}%"
            table.add_row(row["warehouse"], one["quota"], share, *numbers)
    printing.show(table)
    if not said["rows"]:
        typer.echo(f"{sku}：没有硬配额，或还没有占过货", err=True)


def _call(method: str, path: str, url: str, **content: Any) -> Any:
    try:
        return call(InventorySettings, method, path, url, **content)
    except Refused as refused:
        typer.echo(f"danshu: {refused}", err=True)
        raise typer.Exit(REFUSED) from None
