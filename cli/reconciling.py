"""`danshu inventory reconcile | reconciliation | close | tasks | task-done`: when the numbers differ.

Guarantees: nothing here writes stock. A sheet is compared once per moment; a difference is closed only by documents
whose ledger entries come to it. Exit status 0: done; 1: refused, with the reason, or no answer; 2: unknown.
"""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Column, Table

from cli import printing
from cli.doors import Refused, call
from cli.login import login
from cli.papers import Actor, Reason, Url, end, moment
from services.inventory.settings import InventorySettings

app = typer.Typer(add_completion=False)

COLUMNS = ("warehouse", "sku", "book", "outside", "difference", "hint", "documents", "closed_by")
COPIED = ("warehouse", "sku", "documents")

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="The differences as CSV.")]
Reconciliation = Annotated[str, typer.Argument(metavar="RECONCILIATION", help="Its number.")]


@app.command()
def reconcile(  # noqa: PLR0913 — options of a command
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV: warehouse, sku, quantity, perhaps held; UTF-8 or GB18030.",
        ),
    ],
    *,
    source: Annotated[str, typer.Option("--source", "-s", help="wms, pos or channel.")],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="Of when the numbers are.")],
    warehouse: Annotated[str, typer.Option("--warehouse", "-w", help="If no column says.")] = "",
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave rows alone that the file does not list.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Keep nothing, open no task.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Compare somebody else's numbers with the book of that moment, and open what tasks follow."""
    query = {
        "source": source,
        "at": moment(at).isoformat(),
        "warehouse": warehouse,
        "partial": "1" if partial else "",
        "dry_run": "1" if dry_run else "",
        "actor": actor or login(),
    }
    content = file.read_bytes()
    _print(_ask("POST", "/reconciliations", url, query=query, content=content), as_json, as_csv)


@app.command()
def reconciliation(
    number: Reconciliation, as_json: AsJson = False, as_csv: AsCsv = False, url: Url = ""
) -> None:
    """Show a reconciliation and which of its differences are closed."""
    _print(_ask("GET", f"/reconciliations/{number}", url), as_json, as_csv)


@app.command("close")
def close_differences(
    number: Reconciliation,
    *,
    document: Annotated[
        list[str], typer.Option("--document", "-d", help="That made up for it; repeatable.")
    ],
    as_json: AsJson = False,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Close the differences that these booked documents come to."""
    body = {"documents": document, "actor": actor or login()}
    _print(_ask("POST", f"/reconciliations/{number}/close", url, body=body), as_json, as_csv=False)


@app.command()
def tasks(
    closed_too: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False,
    as_json: AsJson = False,
    url: Url = "",
) -> None:
    """List what has to be done about differences and batches, oldest first."""
    found = _ask("GET", "/tasks", url, query={"all": "1" if closed_too else ""})
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    if not found:
        typer.echo("no task is open")
        return
    for one in found:
        typer.echo(" ".join(one[name] for name in ("id", "kind", "source", "warehouse", "day")))
        sheet = one["reconciliation"]
        more = f" (danshu inventory reconciliation {sheet})" if sheet else ""
        typer.echo(f"    {one['reason']}{more}")
        if one["closed_at"]:
            typer.echo(f"    closed by {one['closed_by']}: {one['closed_why']}")


@app.command("task-done")
def task_done(
    task: Annotated[str, typer.Argument(metavar="TASK", help="Its number in the list.")],
    *,
    reason: Reason,
    document: Annotated[str, typer.Option("--document", "-d", help="The booked count.")] = "",
    actor: Actor = "",
    url: Url = "",
) -> None:
    """End a count task by its booked count, or a limit of sales by a reason."""
    body: dict[str, Any] = {"reason": reason, "actor": actor or login()}
    if document:
        body["document_no"] = document
    _ask("POST", f"/tasks/{task}/close", url, body=body)
    typer.echo(f"{task}: closed")


def _ask(method: str, path: str, url: str, **request: Any) -> Any:
    try:
        return call(InventorySettings, method, path, url, **request)
    except Refused as refused:
        end(refused)


def _print(report: Any, as_json: bool, as_csv: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(report)))
        return
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(COLUMNS)
        writer.writerows(_cells(one) for one in report["differences"])
        return
    console = printing.console()
    at = datetime.fromisoformat(report["at"])
    kept = "dry run, nothing kept" if report["dry_run"] else report["id"]
    console.print(f"{report['source']} as of {at:%Y-%m-%d %H:%M:%S%z}: {kept}")
    for one in report["warehouses"]:
        ppm = one["difference_ppm"]
        tasks_opened = ", ".join(one["tasks"]) or "none"
        console.print(
            f"{one['warehouse']}: {one['differing_rows']} of {one['rows']} rows differ by "
            f"{one['difference_pieces']} of {one['book_pieces']} pieces "
            f"({ppm // 10_000}.{ppm % 10_000:04d} %); tasks: {tasks_opened} ({one['rule']})"
        )
    if report["differences"]:
        names = (Column(one, no_wrap=one in COPIED) for one in COLUMNS)
        table = Table(*names, box=None)
        for one in report["differences"]:
            table.add_row(*map(str, _cells(one)))
        printing.show(table)


def _cells(one: Any) -> tuple[Any, ...]:
    return tuple(" ".join(one[name]) if name == "documents" else one[name] for name in COLUMNS)
