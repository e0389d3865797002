"""`danshu console password`: the hash of a password, for the console's users."""

import getpass
import sys
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True)
CHARS_MIN = 10


@app.callback()
def group() -> None:
    """The web console."""


@app.command()
def password(
    from_stdin: Annotated[
        bool, typer.Option("--stdin", help="Read it from standard input instead of asking.")
    ] = False,
) -> None:
    """Ask for a password and print its hash, to be put into DANSHU_CONSOLE_USERS."""
    from services.console.signin import PASSWORD_CHARS_MAX, hash_password

    if from_stdin:
        given = sys.stdin.readline().rstrip("\n")
    else:
        given = getpass.getpass("password: ")
        if getpass.getpass("again: ") != given:
            raise typer.BadParameter("the two are not the same")
    if not CHARS_MIN <= len(given) <= PASSWORD_CHARS_MAX:
        raise typer.BadParameter(f"a password has {CHARS_MIN} to {PASSWORD_CHARS_MAX} characters")
    typer.echo(hash_password(given))
