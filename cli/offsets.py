"""`danshu offsets list | skip | skipped`: how far processors are, and letting one go on behind records that Kafka has deleted.

Exit status 0: done; 1: refused, with the reason; 2: no such position.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import typer
from rich.table import Table

from chassis import positions
from chassis.deadletter import PRESS_CHARS_MAX
from chassis.positions import Position, Refusal, Skip
from cli import printing
from cli.reach import database, run, settings

app = typer.Typer(add_completion=False, no_args_is_help=True)

REFUSED: Final = 1
UNKNOWN: Final = 2
REMEDIES: Final = {
    Refusal.UNNAMED: f"Say who does this: --actor, 1-{PRESS_CHARS_MAX} characters.",
    Refusal.UNREASONED: f"Say why: --reason, 1-{PRESS_CHARS_MAX} characters.",
    Refusal.UNKNOWN_POSITION: "`danshu offsets list` shows every position.",
    Refusal.NOTHING_LOST: "Kafka has every record from this position on: start the service.",
}

AsJson = Annotated[bool, typer.Option("--json", help="One JSON array.")]


@app.callback()
def _offsets() -> None:
    """See how far processors are, and let one go on behind records that Kafka has deleted."""


@app.command("list")
def list_positions(as_json: AsJson = False) -> None:
    """List every position beside what Kafka has; what was deleted before it was read is lost."""
    found = run(_positions())
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table(
        *printing.keys("processor", "topic"), "partition", "next", "Kafka has", "lost", box=None
    )
    for one in found:
        kept = f"{one.first} to {one.end}"
        at = (one.processor, one.topic, str(one.partition), str(one.next))
        table.add_row(*at, kept, str(one.lost() or ""))
    printing.show(table)


@app.command()
def skip(
    processor: Annotated[str, typer.Argument(help="As the list names it.")],
    topic: Annotated[str, typer.Argument(help="As the list names it.")],
    partition: Annotated[int, typer.Argument(min=0)],
    *,
    actor: Annotated[str, typer.Option("--actor", help="Who does this.")],
    reason: Annotated[str, typer.Option("--reason", help="Why the lost records may be missed.")],
) -> None:
    """Let a processor go on at the oldest record there is; who did so and why is kept.

    What was lost is never applied: commands among it are asked for again; of an aggregate that lost an event, the later ones wait
    for it, parked.
    """
    match run(_skip(processor, topic, partition, actor, reason)):
        case Skip() as done:
            lost = done.goes_on_at - done.stood_at
            typer.echo(f"goes on at {done.goes_on_at}; {lost} records are never read")
        case Refusal() as why:
            typer.echo(f"danshu: {why}\n→ {REMEDIES[why]}", err=True)
            raise typer.Exit(UNKNOWN if why is Refusal.UNKNOWN_POSITION else REFUSED)


@app.command()
def skipped(as_json: AsJson = False) -> None:
    """List what was skipped, by whom and why, the newest first."""
    found = run(_skipped())
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    for one in found:
        typer.echo(
            f"{one.skipped_at:%Y-%m-%d %H:%M:%S}Z  {one.processor} {one.topic}/{one.partition}: "
            f"{one.stood_at} → {one.goes_on_at}  {one.actor}: {one.reason}"
        )


async def _positions() -> tuple[Position, ...]:
    async with database(_url()) as connection:
        shared = settings()
        return await positions.positions(connection, shared.kafka(), shared.topic_prefix)


async def _skip(
    processor: str, topic: str, partition: int, actor: str, reason: str
) -> Skip | Refusal:
    wanted = (processor, topic, partition)
    every = await _positions()
    found = next((p for p in every if (p.processor, p.topic, p.partition) == wanted), None)
    async with database(_url()) as connection:
        return await positions.skip(connection, found, actor=actor, reason=reason)


async def _skipped() -> tuple[Skip, ...]:
    async with database(_url()) as connection:
        return await positions.skips(connection)


def _url() -> str:
    return settings().postgres_url.get_secret_value()
