"""`danshu demo`: twelve channels' traffic becomes shipped parcels and settled refunds, and it adds up."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.bringup import listening
from demo.figures import Summary
from demo.home import demo_home, end_orphans, held
from demo.run import RATE_PER_S, SECONDS, Demo, summary_line
from deploy.embedded import stack

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    seconds: Annotated[
        float | None,
        typer.Option(envvar="DEMO_SECONDS", help="How long orders come in; without a terminal 60."),
    ] = None,
    rate: Annotated[float, typer.Option(envvar="DEMO_RATE", help="Orders a second.")] = RATE_PER_S,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data afterwards.")] = False,
) -> None:
    """Bring everything up, let twelve channels sell, and prove at the end that it adds up.

    On a terminal it runs until q or Ctrl-C. The last line is one JSON object; exit status 1 unless nothing
    is oversold, nothing unaccounted and the money adds up. One runs at a time.
    """
    if seconds is None and not sys.stdout.isatty():
        seconds = SECONDS
    home = demo_home()
    with held(home):
        summary = _run(home, seconds=seconds, rate_per_s=rate, keep=keep)
    typer.echo(summary_line(summary))
    if not summary.good:
        raise typer.Exit(1)


def _run(home: Path, *, seconds: float | None, rate_per_s: float, keep: bool) -> Summary:
    # A run begins with empty books: what a killed run left would look like orders from nowhere.
    end_orphans(home)
    shutil.rmtree(home / "run", ignore_errors=True)
    with listening() as on_progress:
        stack.down(home, wipe=True, on_progress=on_progress)
        servers = stack.up(home, keep=keep, on_progress=on_progress)
    try:
        return asyncio.run(
            Demo(servers, home / "run", seconds=seconds, rate_per_s=rate_per_s).run()
        )
    finally:
        with listening() as on_progress:
            stack.down(home, on_progress=on_progress)
