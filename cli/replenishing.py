"""`danshu inventory suggest | plan | supply | purchase | purchase-receive | purchase-redate | purchase-cancel |
purchases`.

Guarantees: nothing here writes stock; purchase orders go through the service's doors to its single writer and are opened
once by their number, however often they are sent. Exit status 0: done; 1: refused, with the reason, or no answer; 2: no
such document; 3: durable but not decided yet (the same call asks again).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from cli import printing
from cli.doors import Refused, call
from cli.login import login
from cli.papers import (
    REFUSED,
    Actor,
    Lines,
    Number,
    Reason,
    Sheet,
    Url,
    Warehouse,
    end,
    moment,
    send,
)
from cli.papers import lines_of as written_lines
from services.inventory.reconciling import SHANGHAI
from services.inventory.settings import InventorySettings
from services.inventory.sheets import SheetBroken, rows_of

app = typer.Typer(add_completion=False)

SUGGESTED = (
    *("warehouse", "supplier", "sku", "quantity", "position", "reorder_point", "order_up_to"),
    *(
        "safety_stock",
        "on_hand",
        "reserved",
        "on_order",
        "in_transit",
        "backordered",
        "demand_class",
    ),
)
SUPPLY_TEXTS = ("sku", "warehouse", "supplier")
SUPPLY_NUMBERS = (
    *("lead_time_days", "lead_time_sd_days", "review_days", "service_level_permille"),
    *("over_receipt_percent", "order_pieces_min", "pack_pieces"),
)
SUPPLY_ROWS_MAX = 250_000

Of = Annotated[str, typer.Option("--warehouse", "-w", help="Only this warehouse.")]
From = Annotated[str, typer.Option("--supplier", "-s", help="Only this supplier.")]
Skus = Annotated[list[str] | None, typer.Option("--sku", help="Only this SKU; repeatable.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def suggest(
    *,
    warehouse: Of = "",
    supplier: From = "",
    sku: Annotated[str, typer.Option("--sku", help="Only this SKU.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Also of what nothing is to be ordered, with the reason.")
    ] = False,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    url: Url = "",
) -> None:
    """List what to order now, how much, and why."""
    found = _suggestions(url, warehouse, supplier, sku, everything=everything)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(SUGGESTED)
        writer.writerows([one[name] for name in SUGGESTED] for one in found)
        return
    if not found:
        typer.echo("nothing is to be ordered (the day's plan: danshu inventory suggest --all)")
    for one in found:
        typer.echo(
            f"{one['warehouse']} {one['sku']}: {one['quantity']} "
            f"({one['supplier'] or 'no supplier'}, {one['rule']})"
        )
        typer.echo(f"    {one['explanation']}")


@app.command()
def plan(*, sku: Skus = None, url: Url = "") -> None:
    """Have suggestions planned anew within a minute, for some SKUs or all, instead of tomorrow."""
    _ask("POST", "/replenishment-plans", url, body={"skus": sku or []})
    typer.echo("accepted")


@app.command()
def supply(
    file: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV: sku, perhaps warehouse, supplier, lead_time_days, lead_time_sd_days, review_days, "
            "service_level_permille, over_receipt_percent, order_pieces_min, pack_pieces.",
        ),
    ] = None,
    *,
    sku: Skus = None,
    as_json: AsJson = False,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Keep on what terms SKUs are bought, all lines or none; without a file, list them."""
    if file is not None:
        body = {"rows": _supply_rows(file), "actor": actor or login()}
        _ask("POST", "/supply", url, body=body)
        typer.echo(f"{len(body['rows'])} rows kept")
        return
    found = _ask("GET", "/supply", url, query={"sku": sku or []})
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    names = (*SUPPLY_TEXTS, *SUPPLY_NUMBERS, "changed_by")
    table = Table(*printing.keys(*SUPPLY_TEXTS), *names[len(SUPPLY_TEXTS) :], box=None)
    for one in found:
        table.add_row(*("-" if one[name] is None else str(one[name]) for name in names))
    printing.show(table)


@app.command()
def purchase(  # noqa: PLR0913 — options of a command
    document: Annotated[
        str,
        typer.Argument(
            metavar="[DOCUMENT]", help="Your number; suggestions have one of their own."
        ),
    ] = "",
    *,
    from_suggestions: Annotated[
        bool, typer.Option("--from-suggestions", help="One order a warehouse and supplier.")
    ] = False,
    warehouse: Of = "",
    supplier: From = "",
    line: Lines = None,
    file: Sheet = None,
    expected: Annotated[
        str, typer.Option("--expected", metavar="TIME", help="When it comes.")
    ] = "",
    tolerance: Annotated[
        int, typer.Option("--over", min=0, max=100, help="Percent more that may come.")
    ] = 0,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; kept with the order.")] = "",
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Open a purchase order by hand, or orders for all that is suggested."""
    if from_suggestions:
        if line or file or expected or reason or tolerance:
            raise typer.BadParameter("suggestions bring their own lines, time, tolerance, reason")
        _purchase_suggested(url, warehouse, supplier, document, actor)
        return
    named = {"DOCUMENT": document, "--warehouse": warehouse, "--supplier": supplier}
    if missing := [name for name, given in {**named, "--reason": reason}.items() if not given]:
        raise typer.BadParameter(f"{', '.join(missing)} missing; or give --from-suggestions")
    send(
        "/purchases",
        document,
        actor,
        url,
        warehouse=warehouse,
        supplier=supplier,
        lines=written_lines(line, file),
        expected_at=moment(expected).isoformat() if expected else None,
        over_receipt_percent=tolerance,
        reason=reason,
    )


@app.command("purchase-receive")
def purchase_receive(
    document: Number,
    receipt: Annotated[str, typer.Argument(metavar="RECEIPT", help="Number of this receipt.")],
    *,
    warehouse: Warehouse,
    line: Lines = None,
    file: Sheet = None,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Book goods of a purchase order in, all or a part."""
    send(
        "/purchase-receipts",
        document,
        actor,
        url,
        receipt_no=receipt,
        warehouse=warehouse,
        lines=written_lines(line, file),
    )


@app.command("purchase-redate")
def purchase_redate(
    document: Number,
    expected: Annotated[str, typer.Argument(metavar="TIME", help="When the rest comes.")],
    *,
    reason: Reason,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Say that what has not come in of a purchase order comes at another time; its promises move with it."""
    at = moment(expected).isoformat()
    send("/purchase-redates", document, actor, url, expected_at=at, reason=reason)


@app.command("purchase-cancel")
def purchase_cancel(document: Number, *, reason: Reason, actor: Actor = "", url: Url = "") -> None:
    """Cancel what has not come in of a purchase order."""
    send("/purchase-cancellations", document, actor, url, reason=reason)


@app.command()
def purchases(
    *,
    warehouse: Of = "",
    sku: Annotated[str, typer.Option("--sku", help="Only with this SKU.")] = "",
    as_json: AsJson = False,
    url: Url = "",
) -> None:
    """List purchase orders of which something is still to come."""
    found = _ask("GET", "/purchases", url, query={"warehouse": warehouse, "sku": sku})
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    if not found:
        typer.echo("no purchase order is on its way")
    for one in found:
        expected = f", expected {_day(one['expected_at'])}" if one["expected_at"] else ""
        typer.echo(
            f"{one['document_no']} {one['state']} {one['warehouse']} {one['supplier']}{expected}"
        )
        for code, quantity in one["outstanding"]:
            typer.echo(f"    {code}: {quantity} of {dict(one['goods'])[code]} to come")


def _day(moment: str) -> str:
    """The day in Shanghai."""
    return f"{datetime.fromisoformat(moment).astimezone(SHANGHAI):%Y-%m-%d}"


def _purchase_suggested(url: str, warehouse: str, supplier: str, document: str, actor: str) -> None:
    found = _suggestions(url, warehouse, supplier, "", everything=False)
    if homeless := [one["sku"] for one in found if not one["supplier"]]:
        typer.echo(
            f"danshu: no supplier is known of {', '.join(homeless[:10])}"
            f"{' …' if len(homeless) > 10 else ''}: danshu inventory supply FILE.csv",
            err=True,
        )
    orders = [
        (key, tuple(ones))
        for key, ones in groupby(
            [one for one in found if one["supplier"]],
            key=lambda one: (one["warehouse"], one["supplier"]),
        )
    ]
    if document and len(orders) > 1:
        raise typer.BadParameter(f"one number for {len(orders)} orders; name a warehouse, supplier")
    status = REFUSED if homeless else 0
    for (where, whose), ones in orders:
        planned = max(datetime.fromisoformat(one["planned_at"]) for one in ones)
        day = planned.astimezone(SHANGHAI)
        lead = max(one["lead_time_days"] for one in ones)
        try:
            send(
                "/purchases",
                document or f"PO-{day:%Y%m%d}-{where}-{whose}",
                actor,
                url,
                warehouse=where,
                supplier=whose,
                lines=[{"sku": one["sku"], "quantity": one["quantity"]} for one in ones],
                expected_at=(planned + timedelta(days=lead)).isoformat(),
                over_receipt_percent=min(one["over_receipt_percent"] for one in ones),
                reason=f"补货建议 {day:%Y-%m-%d}",
            )
        except typer.Exit as ended:  # one order refused leaves the others
            status = status or ended.exit_code
    if not orders:
        typer.echo("nothing is to be ordered")
    raise typer.Exit(status)


def _suggestions(
    url: str, warehouse: str, supplier: str, sku: str, *, everything: bool
) -> list[dict[str, Any]]:
    asked = {
        "warehouse": warehouse,
        "supplier": supplier,
        "sku": sku,
        "all": "1" if everything else "",
    }
    said = _ask("GET", "/suggestions", url, query=asked)
    found: list[dict[str, Any]] = said["suggestions"]
    if said["more"]:
        typer.echo(f"danshu: the first {len(found)}; name a warehouse or supplier", err=True)
    return found


def _supply_rows(file: Path) -> list[dict[str, Any]]:
    try:
        rows = list(_terms(file.read_bytes()))
    except (OSError, ValueError, SheetBroken) as error:
        raise typer.BadParameter(f"{file}: {error}") from None
    if not rows:
        raise typer.BadParameter(f"{file}: there is no line of terms")
    return rows


def _terms(content: bytes) -> Iterator[dict[str, Any]]:
    """Raises ValueError or SheetBroken, with the line."""
    table = rows_of(content, SUPPLY_ROWS_MAX)
    _, titles = next(table, (1, []))
    unknown = [one for one in titles if one not in {*SUPPLY_TEXTS, *SUPPLY_NUMBERS}]
    if "sku" not in titles or unknown:
        what = f"unknown columns {', '.join(unknown)}" if unknown else "no column sku"
        raise ValueError(f"line 1: {what}")
    for number, cells in table:
        try:
            yield dict(_supply_cells(titles, cells))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None


def _supply_cells(titles: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[str, str | int]]:
    """Raises ValueError. An empty number is one that the rules give."""
    if len(cells) > len(titles):
        raise ValueError("more cells than titles")
    for name, cell in zip_longest(titles, cells, fillvalue=""):
        written = cell.strip()
        if name in SUPPLY_TEXTS:
            yield name, written
        elif written:
            try:
                yield name, int(written)
            except ValueError:
                raise ValueError(f"{name} {written[:40]!r} is no whole number") from None


def _ask(method: str, path: str, url: str, **request: Any) -> Any:
    try:
        return call(InventorySettings, method, path, url, **request)
    except Refused as refused:
        end(refused)
