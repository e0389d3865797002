"""`danshu inventory transfer | arrive | adjust | count-open | count | approve | reject | document`.

Guarantees: nothing here writes stock; a document goes through the service's doors to its single writer and is done
once, however often it is sent. Exit status 0: done; 1: refused, with the reason, or no answer; 2: no such document;
3: durable but not decided yet (the same call asks again).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer

from cli.doors import Refused, call
from cli.login import login
from services.inventory.settings import InventorySettings
from services.inventory.sheets import SheetBroken, read_sheet

app = typer.Typer(add_completion=False)

REFUSED, UNKNOWN, PENDING = 1, 2, 3

Number = Annotated[str, typer.Argument(metavar="DOCUMENT", help="Your number of the document.")]
Warehouse = Annotated[str, typer.Option("--warehouse", "-w", help="Code of the warehouse.")]
Lines = Annotated[
    list[str] | None,
    typer.Option(
        "--line", "-l", metavar="SKU[|BATCH]=PIECES", help="Repeatable; a batch behind a bar."
    ),
]
Sheet = Annotated[
    Path | None, typer.Option("--file", "-f", help="CSV with columns sku and quantity instead.")
]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept with the ledger entry.")]
Actor = Annotated[str, typer.Option("--actor", help="Who; your login unless given.")]
Url = Annotated[str, typer.Option("--url", help="Of the inventory service; default: its settings.")]


@app.command()
def transfer(
    document: Number,
    *,
    warehouse: Annotated[str, typer.Option("--from", help="Where the goods leave.")],
    to_warehouse: Annotated[str, typer.Option("--to", help="Where they go.")],
    line: Lines = None,
    file: Sheet = None,
    reason: Reason,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Send goods to another warehouse: off one book, in transit until they arrive."""
    lines = lines_of(line, file)
    send(
        "/transfers",
        document,
        actor,
        url,
        warehouse=warehouse,
        to_warehouse=to_warehouse,
        lines=lines,
        reason=reason,
    )


@app.command()
def arrive(
    document: Number,
    arrival: Annotated[str, typer.Argument(metavar="ARRIVAL", help="Number of this arrival.")],
    *,
    warehouse: Warehouse,
    line: Lines = None,
    file: Sheet = None,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Book goods of a transfer in, where they were sent or back where they left."""
    lines = lines_of(line, file)
    send("/arrivals", document, actor, url, arrival_no=arrival, warehouse=warehouse, lines=lines)


@app.command()
def adjust(
    document: Number,
    *,
    warehouse: Warehouse,
    line: Lines = None,
    reason: Reason,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Correct the book by signed pieces; above the threshold a second person must approve."""
    lines = lines_of(line, None)
    send("/adjustments", document, actor, url, warehouse=warehouse, lines=lines, reason=reason)


@app.command("count-open")
def count_open(
    document: Number,
    *,
    warehouse: Warehouse,
    sku: Annotated[list[str], typer.Option("--sku", help="To be counted; repeatable.")],
    reason: Reason,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Open a count of some SKUs; goods may go on moving."""
    send("/counts", document, actor, url, warehouse=warehouse, skus=sku, reason=reason)


@app.command()
def count(
    document: Number,
    *,
    warehouse: Warehouse,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When it was counted.")],
    line: Lines = None,
    file: Sheet = None,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Note what was counted, 0 where nothing lay; the book is read as of that moment."""
    lines = lines_of(line, file)
    send(
        "/counted",
        document,
        actor,
        url,
        warehouse=warehouse,
        counted_at=moment(at).isoformat(),
        lines=lines,
    )


@app.command()
def approve(document: Number, *, actor: Actor = "", url: Url = "") -> None:
    """Book an adjustment or a count that somebody else asked for or counted."""
    send("/approvals", document, actor, url)


@app.command()
def reject(document: Number, *, reason: Reason, actor: Actor = "", url: Url = "") -> None:
    """End an adjustment or a count without booking it."""
    send("/rejections", document, actor, url, reason=reason)


@app.command("document")
def show_document(document: Number, *, url: Url = "") -> None:
    """Show a document as it stands, as JSON."""
    try:
        found = call(InventorySettings, "GET", f"/documents/{document}", url)
    except Refused as refused:
        end(refused)
    typer.echo(msgspec.json.format(msgspec.json.encode(found)))


def send(path: str, document_no: str, actor: str, url: str, **fields: Any) -> None:
    """Sends a document and says what came of it; ends the command with its exit status."""
    body = {"document_no": document_no, "actor": actor or login(), **fields}
    try:
        said = call(InventorySettings, "POST", path, url, body=body)
    except Refused as refused:
        end(refused)
    if said["outcome"] == "pending":
        typer.echo(f"{document_no}: no answer yet; call again", err=True)
        raise typer.Exit(PENDING)
    typer.echo(f"{document_no}: {said['state']}")


def end(refused: Refused) -> NoReturn:
    """Prints a refusal and ends with its exit status."""
    typer.echo(f"danshu: {refused}", err=True)
    raise typer.Exit(UNKNOWN if refused.status == 404 else REFUSED)


def moment(text: str) -> datetime:
    """A time with its zone. Raises typer.BadParameter."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time such as 2026-11-11T22:00+08:00") from None
    if at.tzinfo is None:
        raise typer.BadParameter(f"{text!r} names no zone: write +08:00 behind it")
    return at


def lines_of(lines: list[str] | None, file: Path | None) -> list[dict[str, Any]]:
    """Lines as they were typed, or of a sheet. Raises typer.BadParameter."""
    if bool(lines) is (file is not None):
        raise typer.BadParameter("give either --line or --file")
    if file is not None:
        try:
            rows = read_sheet(file.read_bytes(), warehouse="-")
        except (OSError, SheetBroken) as error:
            raise typer.BadParameter(f"{file}: {error}") from None
        return [{"sku": row.sku, "quantity": row.quantity} for row in rows]
    found = []
    for line in lines or ():
        code, _, pieces = line.rpartition("=")
        sku, _, batch = code.partition("|")
        try:
            found.append({"sku": sku, "quantity": int(pieces), "batch": batch or None})
        except ValueError:
            raise typer.BadParameter(f"{line!r} is not SKU=PIECES") from None
    return found
