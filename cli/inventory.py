"""`danshu inventory show | receive`: what is there, who holds it, and what came in, from a terminal. More in
`cli.availability`, `cli.backtesting`, `cli.batches`, `cli.books`, `cli.campaigns`, `cli.holds`, `cli.papers`, `cli.reconciling`, `cli.replenishing`, `cli.sales_history`.

Guarantees: nothing here writes stock; a receipt is a command to the inventory service, whose answer is
printed. A document is booked once, however often its file is sent. Exit status 0: done; 1: refused, or a
server that does not answer; 2: no such SKU; 3: no answer yet (send the same file again).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import msgspec
import typer
from confluent_kafka import KafkaException
from rich.table import Table

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.commands import CommandDesk, StillPending
from chassis.errors import StartRefused
from chassis.postgres import AWAY, CONNECT_TIMEOUT_S
from chassis.producer import DeliveryFailed, Publisher
from chassis.settings import Settings, read
from cli import (
    availability,
    backtesting,
    batches,
    books,
    campaigns,
    holds,
    json_file,
    papers,
    presale,
    printing,
    reconciling,
    replenishing,
    sales_history,
)
from cli.login import login
from deploy.embedded import stack
from services.inventory.doors import REFUSALS, WrittenLine, WrittenReceipt
from services.inventory.outlook import told_last
from services.inventory.replenishing import purchases_on_the_way
from services.inventory.reservations import SQL as RESERVATIONS
from services.inventory.shares import CAMPAIGNS
from services.inventory.shelves import SQL as BATCHES
from services.inventory.store import SQL
from simulators.catalog import catalog

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.add_typer(availability.app)
app.add_typer(backtesting.app)
app.add_typer(batches.app)
app.add_typer(books.app)
app.add_typer(campaigns.app)
app.add_typer(holds.app)
app.add_typer(papers.app)
app.add_typer(presale.app)
app.add_typer(reconciling.app)
app.add_typer(replenishing.app)
app.add_typer(sales_history.app)

ANSWER_TIMEOUT_S = 15.0
REFUSED, UNKNOWN, PENDING = 1, 2, 3
DEMO_SEED = 1
HOLDS_SHOWN = 50


@app.callback()
def _inventory() -> None:
    """Show stock, or book goods in."""


@app.command()
def show(
    sku: Annotated[str, typer.Argument(metavar="SKU", help="The merchant's own SKU code.")],
) -> None:
    """Show a SKU in every warehouse: batches, holds, campaigns, what is on order and promised, latest ledger entries."""
    levels, shelves, holds, entries, coming, told, set_aside = _run(_fetch(_settings(), sku))
    if not levels:
        typer.echo(f"danshu: 没有 SKU {sku}", err=True)
        raise typer.Exit(UNKNOWN)
    table = Table(*printing.keys("仓库"), "实物", "预占", "不可售", "可用", "其中专留", title=sku)
    for level in levels:
        numbers = (level[name] for name in ("on_hand", "reserved", "withheld", "available", "kept"))
        table.add_row(level["warehouse"], *map(str, numbers))
    printing.show(table)
    if shelves:
        printing.show(batches.of_sku(shelves))
    printing.show(_holds(holds))
    if set_aside:
        printing.show(campaigns.of_sku(set_aside))
    if coming or told:
        printing.show(presale.of_sku(sku, coming, told))
    ledger = Table(
        "时间",
        *printing.keys("仓库"),
        "类型",
        "件数",
        "结存",
        *printing.keys("批次", "单据"),
        title="最近流水",
    )
    for entry in entries:
        ledger.add_row(
            f"{entry['at']:%Y-%m-%d %H:%M:%S}Z",
            entry["warehouse"],
            entry["kind"],
            f"{entry['quantity']:+d}",
            str(entry["balance_after"]),
            entry["batch"],
            entry["document_no"],
        )
    printing.show(ledger)


def _holds(holds: Sequence[asyncpg.Record]) -> Table:
    """Those that end first, with the whole number in the title."""
    count = holds[0]["holds"] if holds else 0
    first = f"，最早到期的 {len(holds)} 笔" if count > len(holds) else ""
    table = Table(
        *printing.keys("占用者", "来源", "仓库"), "件数", "到期", title=f"占用（{count} 笔{first}）"
    )
    for hold in holds:
        ends = hold["expires_at"]
        table.add_row(
            hold["key"],
            hold["reference"] or hold["channel"] or "",
            hold["warehouse"],
            str(hold["pieces"]),
            "不到期" if ends is None else f"{ends:%Y-%m-%d %H:%M:%S}Z",
        )
    return table


@app.command()
def receive(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE.json", help="One receipt, or a list of them.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="The opening stock of the demo.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the demo's catalogue.")] = DEMO_SEED,
) -> None:
    """Book goods receipts: {"document_no", "warehouse", "lines": [{"sku", "quantity"}]}.

    A line may name its batch: "batch", "produced_on" and "expires_on", as 2026-11-11.
    """
    if demo == (file is not None):
        typer.echo("danshu: give a FILE.json or --demo", err=True)
        raise typer.Exit(REFUSED)
    receipts = _opening_stock(seed) if file is None else _read(file)
    status = 0
    for receipt, answer in zip(receipts, _run(_asked(_settings(), receipts)), strict=True):
        if isinstance(answer, StillPending):
            typer.echo(f"{receipt.document_no}：还没有回音，请稍后重发同一文件", err=True)
            status = status or PENDING
        elif answer.outcome == "refused":
            why = REFUSALS.get(answer.reason, answer.reason)
            typer.echo(
                f"{receipt.document_no}：未入账，{why} {answer.result_id}".rstrip(), err=True
            )
            status = REFUSED
        else:
            pieces = sum(line.quantity for line in receipt.lines)
            typer.echo(f"{receipt.document_no}：已入账 {receipt.warehouse}，{pieces} 件")
    raise typer.Exit(status)


def _read(file: Path) -> tuple[WrittenReceipt, ...]:
    try:
        written = msgspec.json.decode(
            file.read_bytes(), type=WrittenReceipt | tuple[WrittenReceipt, ...]
        )
    except json_file.UNUSABLE as error:
        typer.echo(f"danshu: {file}: {json_file.why(error)}", err=True)
        raise typer.Exit(REFUSED) from None
    return (written,) if isinstance(written, WrittenReceipt) else written


def _opening_stock(seed: int) -> tuple[WrittenReceipt, ...]:
    stock = catalog(seed).stock
    warehouses = dict.fromkeys(level.warehouse for level in stock)
    return tuple(
        WrittenReceipt(
            document_no=f"OPENING-{seed}-{warehouse}",
            warehouse=warehouse,
            lines=tuple(
                WrittenLine(sku=level.sku, quantity=level.quantity)
                for level in stock
                if level.warehouse == warehouse
            ),
        )
        for warehouse in warehouses
    )


def _settings() -> Settings:
    running = stack.running(stack.default_home())
    addresses = running.environment() if running is not None else {}
    return read(Settings, {**addresses, **os.environ})


async def _fetch(settings: Settings, sku: str) -> tuple[Any, ...]:
    url = settings.postgres_url.get_secret_value()
    connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    try:
        levels = await connection.fetch(SQL["availability"], [sku])
        shelves = await connection.fetch(BATCHES["of_sku"], sku)
        holds = await connection.fetch(RESERVATIONS["holds_of"], sku, HOLDS_SHOWN)
        entries = await connection.fetch(SQL["latest_entries"], sku)
        coming = await purchases_on_the_way(connection, sku=sku)
        told = await told_last(connection, sku)
        set_aside = await connection.fetch(CAMPAIGNS["drawn_of"], sku)
        return levels, shelves, holds, entries, coming, told, set_aside
    finally:
        await connection.close()


async def _asked(settings: Settings, receipts: tuple[WrittenReceipt, ...]) -> list[Any]:
    publisher = Publisher(settings.kafka(), settings.topic_prefix)
    desk = CommandDesk(publisher, codec(), "cli")
    clock = SystemClock()
    actor = f"cli:{login()}"
    try:
        await desk.listen(settings.kafka(), settings.topic_prefix)
        commands = [
            msgspec.structs.replace(receipt, actor=actor).command(clock) for receipt in receipts
        ]
        return await asyncio.gather(*(desk.ask(one, ANSWER_TIMEOUT_S) for one in commands))
    finally:
        desk.close()
        publisher.close()


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return asyncio.run(work)
    except AWAY as error:
        typer.echo(f"danshu: Postgres does not answer ({error}); `danshu up` starts it", err=True)
    except (asyncpg.InvalidCatalogNameError, asyncpg.UndefinedTableError):
        typer.echo("danshu: the inventory service has never run on this database", err=True)
    except (DeliveryFailed, KafkaException) as error:
        typer.echo(f"danshu: Kafka does not answer ({error}); `danshu up` starts it", err=True)
    except StartRefused as refusal:
        typer.echo(f"danshu: {refusal}", err=True)
    raise typer.Exit(REFUSED)
