"""`danshu ingest import | presets`: orders out of a back office's export, while a channel does not answer.

Guarantees: the file is read and checked as a whole, and shown, before anything is sent. An order is imported once,
however often the command runs, is killed or resumed, and whatever the channel tells before or after. Nothing of a
file or an order is kept on this machine. Exit status 0: everything was imported (or would be, with --dry-run);
1: some rows were refused, each with its reason, the rest was imported; 2: nothing was sent, since the file, the preset or
the shop cannot be used, ingest does not answer, or somebody stopped it before; 3: it stopped on the way; the same command
with --resume goes on.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.prompt import Confirm

from chassis.clock import SystemClock
from cli import importing_report as report
from cli import printing
from cli.doors import door
from cli.importing_sending import Interrupted, Sender, Stopped
from cli.login import login
from cli.reach import NotReached
from services.ingest.imports import presets
from services.ingest.imports.door import Progress
from services.ingest.imports.presets import Loaded, Unusable
from services.ingest.imports.rows import RefusedOrder, Survey
from services.ingest.imports.sheets import Sheet, open_sheet
from services.ingest.settings import IngestSettings

REFUSED, UNUSABLE, STOPPED = 1, 2, 3


def import_orders(  # noqa: PLR0913, PLR0917 — the options of a command
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or XLSX.", show_default=False)],
    channel: Annotated[str, typer.Option("--channel", "-c", help="Whose export it is.")],
    shop: Annotated[str, typer.Option("--shop", "-s", help="The shop, as in the shops file.")],
    preset: Annotated[
        str, typer.Option("--preset", "-p", help="Name, or your own .toml; else what fits.")
    ] = "",
    sheet: Annotated[str, typer.Option("--sheet", help="Which sheet of a workbook.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, send nothing.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it stopped.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Annotated[
        str, typer.Option("--url", help="Of the ingest service; default: its settings.")
    ] = "",
) -> None:
    """Import the orders of a back office's export; a later sync doubles none of them."""
    console = printing.console(stderr=True, highlight=False)
    sender: Sender | None = None
    try:
        opened = open_sheet(file, sheet=sheet)
        with (
            report.reading(console) as progress,
            _surveyed(opened, channel, preset, progress) as survey,
        ):
            progress.stop()
            entries = _shown(console, survey)
            sender = _sender(survey, channel, shop, url, dry_run=dry_run, console=console)
            if not (dry_run or yes):
                _ask(console)
            done = _sent(console, sender, entries, dry_run=dry_run, resume=resume)
    except (Unusable, Stopped, NotReached) as error:
        _give_up(console, str(error), UNUSABLE)
    except (Interrupted, KeyboardInterrupt) as error:
        why = str(error) or "按了 Ctrl-C"
        if sender is None or not sender.sent:
            _give_up(console, f"什么都没有发出：{why}\n→ 同一条命令再来一次", UNUSABLE)
        _give_up(console, f"停在半路：{why}\n→ 同一条命令加上 --resume 接着做，不会重复", STOPPED)
    report.summary(printing.console(), done, sender.reasons, dry_run=dry_run)
    raise typer.Exit(REFUSED if done.refused else 0)


def presets_known(
    name: Annotated[str, typer.Argument(help="Print this one, as a start for your own.")] = "",
) -> None:
    """List the presets, or print one."""
    if not name:
        report.presets(printing.console(), [presets.load(one) for one in presets.known()])
        return
    if name not in presets.known():
        _give_up(
            printing.console(stderr=True),
            f"没有名为 {name} 的预设：{'、'.join(presets.known())}",
            UNUSABLE,
        )
    typer.echo((presets.FOLDER / f"{name}.toml").read_text(encoding="utf-8"), nl=False)


def _surveyed(sheet: Sheet, channel: str, preset: str, progress: report.Reading) -> Survey:
    """The file read by the preset given, else by the first of the channel's that fits."""
    if preset:
        loaded = presets.load(preset)
        if loaded.preset.channel not in {channel, ""}:
            raise Unusable(f"预设 {loaded.name} 是 {loaded.preset.channel} 的，不是 {channel} 的")
        return Survey(sheet, loaded, progress.rows)
    misfits = []
    for loaded in presets.fitting(channel):
        try:
            return Survey(sheet, loaded, progress.rows)
        except Unusable as error:
            misfits.append(f"预设 {loaded.name}：{error}")
    raise Unusable("\n".join(misfits))


def _shown(console: Console, survey: Survey) -> int:
    """Checks every order, shows what was understood and every error; how many entries there are."""
    now = SystemClock().now()
    refused: list[RefusedOrder] = []
    entries = 0
    for one in survey.orders(now):
        entries += 1
        if isinstance(one, RefusedOrder):
            refused.append(one)
    report.preview(console, survey, refused, now)
    if entries == len(refused):
        raise Unusable("没有一单可以导入")
    return entries


def _sender(
    survey: Survey, channel: str, shop: str, url: str, *, dry_run: bool, console: Console
) -> Sender:
    start, token = "", ""
    try:
        start, token = door(IngestSettings, url)
    except NotReached as away:
        if not dry_run:
            raise
        console.print(f"没有连到 ingest，不知道哪些订单已经有了（{away}）", style="yellow")
    return Sender(
        survey,
        import_id=_import_id(survey.sheet, survey.loaded, channel, shop),
        channel=channel,
        shop=shop,
        actor=f"cli:{login()}",
        url=start,
        token=token,
    )


def _import_id(sheet: Sheet, loaded: Loaded, channel: str, shop: str) -> str:
    parts = (channel, shop, sheet.sha256, sheet.name, loaded.sha256)
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def _ask(console: Console) -> None:
    if not sys.stdin.isatty():
        raise Unusable("不是终端，没法问：看过预览后加上 --yes")
    try:
        wanted = Confirm.ask("导入这些订单吗？", console=console, default=False)
    except EOFError:  # Ctrl-D; left alone, it ends with the status of rows that were refused
        wanted = False
    if not wanted:
        raise Unusable("没有导入")


def _sent(
    console: Console, sender: Sender, entries: int, *, dry_run: bool, resume: bool
) -> Progress:
    with report.sending(console, entries) as progress:
        if dry_run:
            return asyncio.run(sender.check(progress))
        return asyncio.run(sender.send(progress, resume=resume))


def _give_up(console: Console, why: str, status: int) -> NoReturn:
    console.print(f"danshu: {why}")
    raise typer.Exit(status)
