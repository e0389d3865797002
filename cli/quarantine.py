"""`danshu ingest quarantine list | show | correct | release | discard`, through ingest's own doors.

The service is found by its settings (`DANSHU_INGEST_HTTP_HOST`, `_HTTP_PORT`, `DANSHU_API_TOKEN`) or by `--url`.
Exit status 0: done; 1: refused, with the reason, or no answer; 2: no such entry; 3: durable but not decided yet
(the same `--command-id` asks again without doing it twice).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import msgspec
import typer
from rich.table import Table

from cli import json_file, printing
from cli.doors import Refused, call
from cli.login import login
from services.ingest.settings import IngestSettings

app = typer.Typer(add_completion=False, no_args_is_help=True)

REFUSED, UNKNOWN, PENDING = 1, 2, 3
STATES: Final = ("open", "corrected", "released", "superseded", "discarded")
STATE_TITLES: Final = dict(
    zip(STATES, ("待处理", "已更正待放行", "已放行", "平台已更新", "已作废"), strict=True)
)

Name = Annotated[
    str,
    typer.Argument(metavar="ENTRY", help="Key in the list, the channel's order number, or ours."),
]
Url = Annotated[str, typer.Option("--url", help="Of the ingest service; default: its settings.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept in the audit.")]
Actor = Annotated[str, typer.Option("--actor", help="Who; your login unless given.")]
CommandId = Annotated[str, typer.Option("--command-id", help="To ask the same again.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.callback()
def _quarantine() -> None:
    """See what could not be worked with, correct it, let it go on."""


@app.command("list")
def list_entries(
    state: Annotated[
        list[str] | None, typer.Option("--state", help=f"One of {', '.join(STATES)}; repeatable.")
    ] = None,
    channel: Annotated[str, typer.Option("--channel", "-c", help="Only of this one.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    as_json: AsJson = False,
    url: Url = "",
) -> None:
    """List what waits, longest first."""
    query = {"state": state or [], "channel": channel, "limit": str(limit)}
    found = _ask("GET", "/quarantine/", url, query=query)
    if as_json:
        _print(found)
        return
    if not found:
        typer.echo("nothing waits")
        return
    table = Table(*printing.keys("entry"), "state", "reasons", "seen", "first", "last", box=None)
    for one in found:
        table.add_row(
            one["key"],
            STATE_TITLES[one["state"]],
            "\n".join(one["reasons"]),
            str(one["arrivals"]),
            _short(one["first_seen_at"]),
            _short(one["last_seen_at"]),
        )
    printing.show(table)


@app.command()
def show(
    name: Name,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show the receiver; needs --reason, is written down.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why it is revealed.")] = "",
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Show an entry as JSON: reasons, content in the shape of a patch, corrections, audit."""
    found = _ask("GET", "/quarantine/entries", url, query={"name": name})
    if reveal:
        found = [
            one
            for entry in found
            for one in _post("reveal", entry["summary"]["key"], reason, actor, "", url)
        ]
    _print(found)


@app.command()
def correct(
    name: Name,
    *,
    reason: Reason,
    patch: Annotated[str, typer.Option("--patch", help="JSON merge patch, as a text.")] = "",
    patch_file: Annotated[
        Path | None,
        typer.Option("--patch-file", help="The same in a file.", exists=True, dir_okay=False),
    ] = None,
    actor: Actor = "",
    command_id: CommandId = "",
    url: Url = "",
) -> None:
    """Correct receiver, lines or amounts; null gives the channel its word back."""
    if bool(patch) is (patch_file is not None):
        raise typer.BadParameter("give either --patch or --patch-file")
    try:
        read = msgspec.json.decode(patch if patch_file is None else patch_file.read_bytes())
    except json_file.UNUSABLE as error:
        raise typer.BadParameter(f"the patch is not JSON: {json_file.why(error)}") from None
    _tell(_post("correct", _key(name, url), reason, actor, command_id, url, {"patch": read}))


@app.command()
def release(
    name: Name, *, reason: Reason, actor: Actor = "", command_id: CommandId = "", url: Url = ""
) -> None:
    """Let the corrected order go on, once; prints its order id."""
    _tell(_post("release", _key(name, url), reason, actor, command_id, url))


@app.command()
def discard(
    name: Name, *, reason: Reason, actor: Actor = "", command_id: CommandId = "", url: Url = ""
) -> None:
    """Let it go for good; another content of the order opens it again."""
    _tell(_post("discard", _key(name, url), reason, actor, command_id, url))


def _key(name: str, url: str) -> str:
    """The one entry a name means."""
    found = [
        one["summary"] for one in _ask("GET", "/quarantine/entries", url, query={"name": name})
    ]
    if len(found) != 1:
        keys = "\n  ".join(one["key"] for one in found)
        _end(f"{name} names {len(found)} entries; take one key of\n  {keys}", REFUSED)
    return str(found[0]["key"])


def _post(  # noqa: PLR0917 — what every ask has
    act: str,
    key: str,
    reason: str,
    actor: str,
    command_id: str,
    url: str,
    more: Mapping[str, Any] | None = None,
) -> Any:
    body = {
        "entry_key": key,
        "actor": actor or f"cli:{login()}",
        "reason": reason,
        "command_id": command_id,
        **(more or {}),
    }
    return _ask("POST", f"/quarantine/{act}", url, body=body)


def _ask(method: str, path: str, url: str, **parts: Any) -> Any:
    try:
        return call(IngestSettings, method, path, url, **parts)
    except Refused as refused:
        _end(str(refused), UNKNOWN if refused.code == "entry_unknown" else REFUSED)


def _tell(answer: Any) -> None:
    if answer["outcome"] == "pending":
        _end(f"还没有回音；再问一次：--command-id {answer['command_id']}", PENDING)
    typer.echo(f"已执行：{answer['result']}")


def _end(message: str, status: int) -> NoReturn:
    typer.echo(f"danshu: {message}", err=True)
    raise typer.Exit(status)


def _print(found: Any) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found).decode(), indent=2) + "\n")


def _short(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%m-%d %H:%M:%S}Z"
