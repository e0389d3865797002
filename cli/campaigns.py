"""`danshu inventory campaigns | campaign | campaign-open | campaign-adjust | campaign-close`: stock set aside for campaigns.

Guarantees: all speak to inventory's own doors; a campaign is opened once, an adjustment made once by its number. Exit
status as in `cli.papers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from cli import json_file, printing
from cli.doors import Refused, call
from cli.login import login
from cli.papers import PENDING, REFUSED, end
from services.inventory.settings import InventorySettings

app = typer.Typer(add_completion=False)

STATES = {"set_aside": "已留货，未开始", "running": "进行中", "ended": "已结束"}

Number = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Its document number.")]
Actor = Annotated[str, typer.Option("--actor", help="Who; your login unless given.")]
Url = Annotated[str, typer.Option("--url", help="Of the inventory service; default: its settings.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept with the campaign.")]


@app.command("campaigns")
def list_campaigns(as_json: AsJson = False, url: Url = "") -> None:
    """List campaigns: those that are open first, then those that ended last."""
    found = _call("GET", "/campaigns", url)["campaigns"]
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table(
        *printing.keys("活动号"),
        "名称",
        "状态",
        "渠道",
        "开始",
        "结束",
        "留出",
        "已占",
        "已发",
        "未售",
    )
    for one in found:
        sums = (
            sum(line[name] for line in one["lines"]) for name in ("pieces", "held", "sent", "left")
        )
        table.add_row(*_head(one), *map(str, sums))
    printing.show(table)


@app.command("campaign")
def show_campaign(campaign: Number, as_json: AsJson = False, url: Url = "") -> None:
    """Show a campaign line by line: what is set aside, kept, held, sent and left."""
    one = _call("GET", f"/campaigns/{campaign}", url)
    if as_json:
        typer.echo(msgspec.json.encode(one).decode())
        return
    number, name, state, channels, begins, ends = _head(one)
    only = "，限量" if one["exclusive"] else ""
    title = f"{number} {name}：{state}，{channels}，{begins} 至 {ends}{only}"
    table = Table(
        *printing.keys("仓库", "SKU"), "留出", "专留", "已占", "已发", "未售", "退回", title=title
    )
    for line in one["lines"]:
        names = ("pieces", "kept", "held", "sent", "left", "given_back")
        table.add_row(line["warehouse"], line["sku"], *(str(line[name]) for name in names))
    printing.show(table)
    for warehouse, sku, pieces in one["left_out"]:
        typer.echo(f"{warehouse} {sku}：要留 {pieces} 件，没有可留的")


@app.command("campaign-open")
def open_campaign(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="docs/campaign-stock.md")],
    *,
    actor: Annotated[str, typer.Option("--actor", help="Who, unless the file says it.")] = "",
    url: Url = "",
) -> None:
    """Set pieces aside for a campaign; the same file again changes nothing."""
    try:
        body = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except json_file.UNUSABLE as error:
        typer.echo(f"danshu: {file}: {json_file.why(error)}", err=True)
        raise typer.Exit(REFUSED) from None
    _send("/campaigns", url, {"actor": actor or login(), **body})


@app.command("campaign-adjust")
def adjust_campaign(
    campaign: Number,
    adjustment: Annotated[str, typer.Argument(metavar="ADJUSTMENT", help="Its number.")],
    *,
    line: Annotated[
        list[str],
        typer.Option("--line", "-l", metavar="WAREHOUSE|SKU=PIECES", help="Signed; repeatable."),
    ],
    reason: Reason,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Set more pieces aside for an open campaign (`HZ|TEA=20`), or fewer (`HZ|TEA=-20`)."""
    body = {
        "adjustment_no": adjustment,
        "lines": [_line(one) for one in line],
        "reason": reason,
        "actor": actor or login(),
    }
    _send(f"/campaigns/{campaign}/adjust", url, body)


@app.command("campaign-close")
def close_campaign(campaign: Number, *, reason: Reason, actor: Actor = "", url: Url = "") -> None:
    """End a campaign before its time: what was not sold is free again."""
    body = {"reason": reason, "actor": actor or login()}
    _send(f"/campaigns/{campaign}/close", url, body)


def of_sku(rows: Sequence[Any]) -> Table:
    """What is set aside of a SKU for open campaigns, by warehouse."""
    table = Table(
        *printing.keys("活动号"),
        "渠道",
        *printing.keys("仓库"),
        "状态",
        "开始",
        "结束",
        "留出",
        "已占",
        "已发",
        title="活动库存",
    )
    for one in rows:
        table.add_row(
            one["campaign"],
            "、".join(one["channels"]),
            one["warehouse"],
            STATES["running" if one["running"] else "set_aside"],
            *(f"{one[name]:%Y-%m-%d %H:%M}Z" for name in ("begins_at", "ends_at")),
            *(str(one[name]) for name in ("pieces", "held", "sent")),
        )
    return table


def _head(one: dict[str, Any]) -> tuple[str, ...]:
    times = (f"{one[name][:16]}Z" for name in ("begins_at", "ends_at"))
    return (
        one["document_no"],
        one["name"],
        STATES[one["state"]],
        "、".join(one["channels"]),
        *times,
    )


def _line(text: str) -> dict[str, Any]:
    row, _, pieces = text.rpartition("=")
    warehouse, _, sku = row.partition("|")
    try:
        return {"warehouse": warehouse, "sku": sku, "pieces": int(pieces)}
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not WAREHOUSE|SKU=PIECES") from None


def _send(path: str, url: str, body: dict[str, Any]) -> None:
    said = _call("POST", path, url, body=body)
    number = said["document_no"]
    if said["outcome"] == "pending":
        typer.echo(f"{number}: no answer yet; call again", err=True)
        raise typer.Exit(PENDING)
    typer.echo(f"{number}: {STATES[said['state']]}")


def _call(method: str, path: str, url: str, **content: Any) -> Any:
    try:
        return call(InventorySettings, method, path, url, **content)
    except Refused as refused:
        end(refused)
