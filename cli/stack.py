"""`danshu up | down | status | logs`: the embedded servers."""

import shlex
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cli.bringup import listening
from demo.errors import DemoRuns
from demo.home import demo_home, end_left
from deploy.embedded import stack
from deploy.embedded.errors import NotRunning, UnknownServer

app = typer.Typer(add_completion=False)

_FOLLOWED_LINES = 40


class Output(StrEnum):
    """How `status` is written."""

    TABLE = "table"
    JSON = "json"
    ENV = "env"


@app.command()
def up(
    keep: Annotated[bool, typer.Option("--keep", help="Data outlive `danshu down`.")] = False,
) -> None:
    """Bring the embedded servers up, or find them up already."""
    home = stack.default_home()
    with listening() as on_progress:
        started = stack.up(home, keep=keep, on_progress=on_progress)
    _print_addresses(started)


@app.command()
def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Remove kept data too.")] = False,
) -> None:
    """Stop the embedded servers in order, and what a killed demo left.

    A demo that runs goes on; with --wipe that is an error.
    """
    goes_on: DemoRuns | None = None
    with listening() as on_progress:
        anything = stack.down(stack.default_home(), wipe=wipe, on_progress=on_progress)
        try:
            anything |= end_left(demo_home(), wipe=wipe, on_progress=on_progress)
        except DemoRuns as running:
            goes_on = running
    if goes_on is not None and wipe:
        raise goes_on
    if goes_on is not None:
        typer.echo(goes_on, err=True)
    elif not anything:
        typer.echo("nothing was running")


@app.command()
def status(
    output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE,
) -> None:
    """Show how the servers are doing; exit status 3 unless all of them run and answer.

    Where no stack was started it says so, with exit status 1.
    `-o env` prints the services' settings for `eval "$(danshu status -o env)"`.
    """
    home = stack.default_home()
    servers = stack.status(home)
    addresses = stack.running(home)
    match output:
        case Output.JSON:
            document = {"servers": servers, "addresses": addresses}
            typer.echo(msgspec.json.format(msgspec.json.encode(document)))
        case Output.ENV:
            if addresses is None:
                raise NotRunning("not all servers run")
            for name, value in addresses.environment().items():
                typer.echo(f"export {name}={shlex.quote(value)}")
        case Output.TABLE:
            _print_status(servers)
            if addresses is not None:
                _print_addresses(addresses)
    if addresses is None or any(one.state != "running" for one in servers):
        raise typer.Exit(3)


@app.command()
def logs(
    server: Annotated[str | None, typer.Argument(help="kafka, registry, postgres, valkey")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Show the last lines of one server's log, or of all."""
    if server is not None and server not in stack.SERVERS:
        raise UnknownServer(f"there is no server {server!r}")
    names = tuple(stack.SERVERS) if server is None else (server,)
    paths = [stack.default_home() / "logs" / f"{name}.log" for name in names]
    found = [path for path in paths if path.is_file()]
    if not found:
        raise NotRunning(f"no logs in {paths[0].parent}")
    if follow:
        tail = ["tail", "-n", str(_FOLLOWED_LINES), "-F", *map(str, found)]
        raise typer.Exit(subprocess.run(tail, check=False).returncode)
    for path in found:
        _print_tail(path, titled=len(found) > 1)


def _print_tail(path: Path, *, titled: bool) -> None:
    if titled:
        typer.echo(f"== {path}")
    lines = path.read_text(errors="replace").splitlines()[-_FOLLOWED_LINES:]
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _print_addresses(started: stack.Stack) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_row("Kafka", started.kafka_bootstrap)
    table.add_row("Registry", started.schema_registry_url)
    table.add_row("Postgres", f"{started.postgres_url}  (no password: this machine only)")
    table.add_row("Valkey", started.valkey_url)
    table.add_row("Home", started.home)
    table.add_row("Stop", "danshu down")
    _show(table)


def _print_status(servers: tuple[stack.ServerStatus, ...]) -> None:
    table = Table("server", "state", "pid", "ports", "log", box=None)
    colours = {"running": "green", "unready": "yellow", "dead": "red"}
    for one in servers:
        ports = ", ".join(f"{name} {number}" for name, number in one.ports.items())
        state = f"[{colours[one.state]}]{one.state}[/]"
        table.add_row(one.title, state, str(one.pid), ports, one.log_path)
    started = {one.name for one in servers}
    for name, server in stack.SERVERS.items():
        if name not in started:
            table.add_row(server.title, "[red]not started[/]", "", "", "")
    _show(table)


def _show(table: Table) -> None:
    # Without a terminal nobody knows a width: never wrap an address another program may read.
    width = None if sys.stdout.isatty() else 200
    Console(width=width).print(table)
