"""`danshu dead-letters list | show | redrive`: what could not be worked with, and sending it again.

Nothing here prints the content of a record. Exit status 0: done; 1: refused, with the reason; 2: no such
letter.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.table import Table

from chassis import deadletter
from chassis.codec import codec
from chassis.deadletter import Letter, NotRedriven, Redriven, Refusal, Shown
from chassis.producer import Publisher
from cli import printing
from cli.reach import database, run, settings

app = typer.Typer(add_completion=False, no_args_is_help=True)

REFUSED: Final = 1
UNKNOWN: Final = 2
REMEDIES: Final = {
    Refusal.UNNAMED: f"Say who does this: --actor, 1-{deadletter.PRESS_CHARS_MAX} characters.",
    Refusal.UNREASONED: f"Say why: --reason, 1-{deadletter.PRESS_CHARS_MAX} characters.",
    Refusal.UNKNOWN_LETTER: "`danshu dead-letters list --all` shows every letter.",
    Refusal.REDRIVEN_BEFORE: "If it died again, it has a letter of its own: look at the list.",
    Refusal.STILL_INVALID: "Mend it: `show ID --save F`, then `redrive ID --value-file F`.",
    Refusal.OTHER_TOPIC: "The mended record belongs to another topic than the letter.",
    Refusal.OTHER_KEY: "The mended record belongs to another aggregate than the letter.",
    Refusal.MOVED_PAST: "Its aggregate has applied this version; there is nothing left to do.",
    Refusal.COMMAND_SETTLED: "The command has its result; issue a new one if need be.",
    Refusal.COMMAND_FORGOTTEN: "Whether it was carried out is no longer known: look, and issue a new one if need be.",
}

LetterId = Annotated[int, typer.Argument(metavar="ID", help="The letter's number in the list.")]


@app.callback()
def _dead_letters() -> None:
    """See records that could not be worked with, and send them again."""


@app.command("list")
def list_letters(
    processor: Annotated[str, typer.Option("--processor", "-p", help="Only of this one.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Those redriven before, too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=deadletter.LIST_MAX)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """List the newest letters that wait."""
    found = run(_list(processor, every, limit))
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    if not found:
        typer.echo("no dead letters")
        return
    table = Table(
        *printing.keys("id"),
        "processor",
        "record",
        *printing.keys("key"),
        "v",
        *printing.keys("code"),
        "position",
        "died",
        box=None,
    )
    for one in found:
        again = f"  redriven by {one.redriven_by or '?'}" if one.redriven_at else ""
        table.add_row(
            str(one.letter_id),
            one.processor,
            one.record or "?",
            one.key,
            str(one.version or ""),
            one.code + again,
            one.position,
            f"{one.dead_at:%m-%d %H:%M:%S}Z",
        )
    printing.show(table)


@app.command()
def show(
    letter_id: LetterId,
    save: Annotated[
        Path | None,
        typer.Option("--save", help="Write the original bytes to this new file, for mending."),
    ] = None,
) -> None:
    """Show one letter without its content."""
    found = run(_letter(letter_id))
    if found is None:
        _refuse(NotRedriven(why=Refusal.UNKNOWN_LETTER))
        return
    masked = msgspec.json.encode(deadletter.shown(found, codec())).decode()
    sys.stdout.write(msgspec.json.format(masked, indent=2) + "\n")
    if save is not None:
        _save(save, found.value)


@app.command()
def redrive(
    letter_id: Annotated[
        int | None, typer.Argument(metavar="ID", help="The letter's number in the list.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All that wait with this --code.")] = False,
    code: Annotated[str, typer.Option("--code", help="Why they are dead.")] = "",
    actor: Annotated[str, typer.Option("--actor", help="Who does this.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it may be worked with now.")],
    value_file: Annotated[
        Path | None,
        typer.Option(
            "--value-file",
            exists=True,
            dir_okay=False,
            help="The mended record: framed bytes, or the record as JSON.",
        ),
    ] = None,
    record: Annotated[
        str, typer.Option("--record", help="Type of the JSON, if the original is unreadable.")
    ] = "",
) -> None:
    """Send a letter to its topic again, as it was or mended; who did so and why stay with it."""
    if every:
        if letter_id is not None or value_file is not None or not code:
            raise typer.BadParameter("--all goes with --code, without an ID and a --value-file")
        _tell_all(run(_redrive_all(code, actor, reason)))
        return
    if letter_id is None or code:
        raise typer.BadParameter("name one letter by its ID, or all of a kind by --all --code CODE")
    text = None if value_file is None else value_file.read_bytes()
    match run(_redrive(letter_id, text, record, actor, reason)):
        case Redriven() as done:
            typer.echo(f"redriven; {done.behind} later events of it were waiting")
        case NotRedriven() as refused:
            _refuse(refused)


async def _list(processor: str, every: bool, limit: int) -> list[Shown]:
    async with database(_url()) as connection:
        found = await deadletter.letters(
            connection, processor=processor, redriven=every, limit=limit
        )
    return [deadletter.shown(one, codec()) for one in found]


async def _letter(letter_id: int) -> Letter | None:
    async with database(_url()) as connection:
        return await deadletter.letter(connection, letter_id)


async def _redrive(
    letter_id: int, text: bytes | None, record: str, actor: str, reason: str
) -> Redriven | NotRedriven:
    async with database(_url()) as connection:
        mended: Any = None
        if text is not None:
            if (found := await deadletter.letter(connection, letter_id)) is None:
                return NotRedriven(why=Refusal.UNKNOWN_LETTER)
            mended = deadletter.mend(found, text, record, codec())
            if isinstance(mended, NotRedriven):
                return mended
        publisher = Publisher(settings().kafka(), settings().topic_prefix)
        try:
            return await deadletter.redrive(
                connection, publisher, codec(), letter_id, mended, actor=actor, reason=reason
            )
        finally:
            publisher.close()


async def _redrive_all(code: str, actor: str, reason: str) -> dict[int, Redriven | NotRedriven]:
    async with database(_url()) as connection:
        publisher = Publisher(settings().kafka(), settings().topic_prefix)
        try:
            return {
                letter_id: await deadletter.redrive(
                    connection, publisher, codec(), letter_id, actor=actor, reason=reason
                )
                for letter_id in await deadletter.waiting(connection, code)
            }
        finally:
            publisher.close()


def _tell_all(told: dict[int, Redriven | NotRedriven]) -> None:
    refused = {number: one for number, one in told.items() if isinstance(one, NotRedriven)}
    typer.echo(f"redriven: {len(told) - len(refused)} of {len(told)}")
    for number, one in refused.items():
        typer.echo(f"{number}: {one.why}" + (f": {one.detail}" if one.detail else ""), err=True)
    for why in sorted({one.why for one in refused.values()}):
        typer.echo(f"→ {why}: {REMEDIES[why]}", err=True)
    if refused:
        raise typer.Exit(REFUSED)


def _url() -> str:
    return settings().postgres_url.get_secret_value()


def _refuse(refused: NotRedriven) -> None:
    detail = f": {refused.detail}" if refused.detail else ""
    typer.echo(f"danshu: {refused.why}{detail}\n→ {REMEDIES[refused.why]}", err=True)
    raise typer.Exit(UNKNOWN if refused.why is Refusal.UNKNOWN_LETTER else REFUSED)


def _save(path: Path, value: bytes) -> None:
    """For the owner's eyes only: what a channel sent may name people."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(value)
    except FileExistsError:
        why = f"{path} exists; name a new file"
    except OSError as error:
        why = f"{path} cannot be written: {error.strerror}"
    else:
        return
    typer.echo(f"danshu: {why}", err=True)
    raise typer.Exit(REFUSED)
