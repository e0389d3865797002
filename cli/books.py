"""`danshu inventory verify | repair`: do the books of stock close, and what makes them.

Guarantees: `verify` only reads; a repair is a command to the inventory service, one entry a row, found again by
its number however often it is sent. Exit status 0: the books close, or all is repaired; 1: they do not, or a
refusal; 3: no answer yet (the same call asks again).
"""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Any

import asyncpg
import msgspec
import typer
from rich.console import Console
from rich.table import Table

from chassis.errors import StartRefused
from chassis.ids import request_id
from chassis.postgres import AWAY, CONNECT_TIMEOUT_S
from chassis.settings import Settings, read
from cli import printing
from cli.doors import Refused, call
from cli.login import login
from deploy.embedded import stack
from services.inventory.domain.ledger import Difference
from services.inventory.expectations import PromiseDifference
from services.inventory.settings import InventorySettings
from services.inventory.verifying import Verdict
from services.inventory.verifying import verify as added_up

app = typer.Typer(add_completion=False)

REFUSED, PENDING = 1, 3

Url = Annotated[str, typer.Option("--url", help="Of the inventory service; default: its settings.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept with the ledger entry.")]
Actor = Annotated[str, typer.Option("--actor", help="Who; your login unless given.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Add up ledger, stock and holds from the first entry on, and say where they differ."""
    verdict = _verdict()
    if as_json:
        shown = {"closes": verdict.closes, **msgspec.to_builtins(verdict)}
        typer.echo(msgspec.json.format(msgspec.json.encode(shown)))
    else:
        _print(verdict)
    raise typer.Exit(0 if verdict.closes else REFUSED)


@app.command()
def repair(
    *,
    reason: Reason,
    warehouse: Annotated[str, typer.Option("--warehouse", "-w", help="Only here.")] = "",
    sku: Annotated[str, typer.Option("--sku", help="Only this one.")] = "",
    apply: Annotated[
        bool, typer.Option("--apply", help="Book the entries; without it they are only shown.")
    ] = False,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Make the books of each differing row agree by one ledger entry; then count what lies there."""
    verdict = _verdict()
    found = {(one.warehouse, one.sku): one for one in verdict.differences}
    rows = [
        row for row in verdict.rows_to_repair if warehouse in {"", row[0]} and sku in {"", row[1]}
    ]
    if not rows:
        typer.echo("nothing to repair")
        return
    status = 0
    for row in rows:
        one = found.get(row)
        paper = {
            "document_no": _number(row, one, verdict),
            "warehouse": row[0],
            "sku": row[1],
            "reason": reason,
            "actor": actor or login(),
        }
        entry, reserved = (one.on_hand - one.booked, one.held - one.reserved) if one else (0, 0)
        plan = f"{row[0]} {row[1]}: ledger {entry:+d}, reserved {reserved:+d}"
        plan += "".join(_promise_plan(p) for p in _promises(verdict, row))
        if not apply:
            typer.echo(f"would book {paper['document_no']}: {plan}")
            continue
        try:
            said = call(InventorySettings, "POST", "/repairs", url, body=paper)
        except Refused as refused:
            typer.echo(f"danshu: {plan}: {refused}", err=True)
            status = REFUSED
            continue
        if said["outcome"] == "pending":
            typer.echo(f"{plan}: no answer yet; call again", err=True)
            status = status or PENDING
        else:
            typer.echo(f"{paper['document_no']}: {plan}")
    raise typer.Exit(status)


def _number(row: tuple[str, str], one: Difference | None, verdict: Verdict) -> str:
    """The repair's number follows from what is wrong, so that it is booked once."""
    broken = [b.entry_id for b in verdict.broken if (b.warehouse, b.sku) == row]
    wrong = [] if one is None else [one.entry_id, one.on_hand, one.booked, one.reserved, one.held]
    batches = [
        f"{b.batch} {b.on_hand} {b.booked} {b.withheld} {b.booked_withheld}"
        for b in verdict.batches
        if (b.warehouse, b.sku) == row
    ]
    promises = [
        f"{p.purchase_no} {p.promised} {p.live} {p.outstanding} {p.ordered} {p.set_aside} {p.came}"
        for p in _promises(verdict, row)
    ]
    numbers = [*map(str, broken), "", *map(str, wrong)]
    return request_id("repair", *row, *numbers, *batches, *promises)


def _promises(verdict: Verdict, row: tuple[str, str]) -> list[PromiseDifference]:
    return [one for one in verdict.promises if (one.warehouse, one.sku) == row]


def _promise_plan(one: PromiseDifference) -> str:
    missing = {
        "promised": one.live - one.promised,
        "outstanding": one.ordered - one.outstanding,
        "set aside": one.came - one.set_aside,
    }
    named = one.purchase_no or "of the shelf"
    return "".join(f", {named} {name} {off:+d}" for name, off in missing.items() if off)


def _print(verdict: Verdict) -> None:
    console = printing.console()
    for one in verdict.broken:
        console.print(
            f"entry {one.entry_id} ({one.warehouse} {one.sku}, {one.document_no}) does not follow "
            f"from the one before: {one.expected} pieces expected, it says {one.stated}"
        )
    if verdict.differences:
        table = Table(
            *printing.keys("warehouse", "SKU"), "on hand", "ledger", "reserved", "held", box=None
        )
        for row in verdict.differences:
            numbers = (row.on_hand, row.booked, row.reserved, row.held)
            table.add_row(row.warehouse, row.sku, *map(str, numbers))
        printing.show(table)
    if verdict.batches:
        table = Table(
            *printing.keys("warehouse", "SKU", "batch"),
            "on hand",
            "ledger",
            "withheld",
            "ledger",
            box=None,
        )
        for batch in verdict.batches:
            sums = (batch.on_hand, batch.booked, batch.withheld, batch.booked_withheld)
            table.add_row(batch.warehouse, batch.sku, batch.batch or "all", *map(str, sums))
        printing.show(table)
    _print_kept(console, verdict)
    summary = f"{verdict.entries} entries, {verdict.rows} rows: "
    if verdict.closes:
        console.print(summary + "the books close")
    else:
        console.print(summary + f"{len(verdict.rows_to_repair)} rows do not close")
        console.print("to see the entries that would: danshu inventory repair --reason …")


def _print_kept(console: Console, verdict: Verdict) -> None:
    """What is kept for channels, orders and campaigns, where it is off."""
    if verdict.uses:
        table = Table(
            *printing.keys("warehouse", "SKU", "campaign", "channel"),
            *("counted held", "held", "counted sent", "sent"),
            box=None,
        )
        for use in verdict.uses:
            sums = (use.counted_held, use.held, use.counted_sent, use.sent)
            table.add_row(use.warehouse, use.sku, use.campaign, use.channel, *map(str, sums))
        printing.show(table)
        console.print("to count them anew: danshu inventory quotas SKU --restart")
    if verdict.promises:
        names = ("promised", "live", "outstanding", "ordered", "set_aside", "came")
        table = Table(*printing.keys("warehouse", "SKU", "purchase order"), *names, box=None)
        for line in verdict.promises:
            sums = tuple(getattr(line, name) for name in names)
            table.add_row(line.warehouse, line.sku, line.purchase_no, *map(str, sums))
        printing.show(table)
        for line in verdict.promises:
            if line.order_id:
                console.print(
                    f"{line.purchase_no or 'the shelf'} ({line.warehouse} {line.sku}): "
                    f"{line.order_id} is the first order whose promise it does not count"
                )
    if verdict.allotted:
        table = Table(
            *printing.keys("warehouse", "SKU"), "set aside otherwise", "kept too little", box=None
        )
        for allotted in verdict.allotted:
            pieces = (str(allotted.differing), str(allotted.lacking))
            table.add_row(allotted.warehouse, allotted.sku, *pieces)
        printing.show(table)


def _verdict() -> Verdict:
    try:
        return asyncio.run(_added_up(settings()))
    except AWAY as error:
        typer.echo(f"danshu: Postgres does not answer ({error}); `danshu up` starts it", err=True)
    except (asyncpg.InvalidCatalogNameError, asyncpg.UndefinedTableError):
        typer.echo("danshu: the inventory service has never run on this database", err=True)
    except StartRefused as refusal:
        typer.echo(f"danshu: {refusal}", err=True)
    raise typer.Exit(REFUSED)


async def _added_up(found: Settings) -> Verdict:
    url = found.postgres_url.get_secret_value()
    connection: Any = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    try:
        return await added_up(
            connection,
            lambda read, total: typer.echo(f"{read:,} of {total:,} entries", err=True),
        )
    finally:
        await connection.close()


def settings() -> Settings:
    """The settings of the running embedded stack, if any, under those of the environment."""
    running = stack.running(stack.default_home())
    addresses = running.environment() if running is not None else {}
    return read(Settings, {**addresses, **os.environ})
