"""`danshu`: the operator's command; each group's module is imported only when it is called.

Guarantees: `danshu --help` imports no group and so answers at once; an error that brings a remedy
is printed with it and without a traceback, exit status 1.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import typer

# command → (module under cli/, its line in the help). The module offers `app = typer.Typer()`:
# a command of that name in it is meant, else the whole app, as in `danshu dead-letters list`.
COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "demo": ("demo", "Twelve channels' orders become shipped parcels and settled refunds."),
        "up": ("stack", "Bring the embedded servers up: Kafka, registry, Postgres, Valkey."),
        "down": (
            "stack",
            "Stop the embedded servers, and what a killed demo left; data go unless kept.",
        ),
        "status": ("stack", "Show how the embedded servers are doing, and their addresses."),
        "logs": ("stack", "Show the embedded servers' logs."),
        "ingest": (
            "ingest",
            "See what a channel's payload means, mend what could not be worked with, import, map SKUs.",
        ),
        "groupbuy": ("groupbuy", "Open group-buys, invite leaders, see what has to be bought."),
        "orders": ("orders", "See one order, and ask the orders service to act on it."),
        "fulfillment": ("fulfillment", "See a parcel, and move it on."),
        "inventory": ("inventory", "See what is in stock, and book what came in."),
        "refunds": ("refunds", "Ask for refunds, judge them, look at them."),
        "console": ("console", "Make the hash of a password for the console's users."),
        "dead-letters": ("dead_letters", "See what could not be worked with, and send it again."),
        "offsets": (
            "offsets",
            "See how far processors are, and go on behind what Kafka has deleted.",
        ),
        "schemas": ("schemas", "Check the event schemas, and bring them into a registry."),
        "settings": ("settings", "List every setting with its default and meaning."),
    }
)


def build() -> typer.Typer:
    """The command line with one forwarding entry per command."""
    app = typer.Typer(
        name="danshu",
        help="单枢 Danshu: one order hub for many channels.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # keeps `danshu <command>` even while there is only one
    for name, (module, summary) in COMMANDS.items():
        app.command(
            name,
            help=summary,
            # Everything behind the name, also --help, belongs to the module's own app.
            context_settings={
                "allow_extra_args": True,
                "ignore_unknown_options": True,
                "help_option_names": [],
            },
        )(_forwarder(name, module))
    return app


def main() -> None:
    """Run `danshu` with the process's arguments and end the process."""
    try:
        build()()
    except Exception as error:
        if not hasattr(error, "remedy"):
            raise
        sys.stderr.write(f"danshu: {error}\n")
        sys.exit(1)


def _forwarder(name: str, module: str) -> Callable[[typer.Context], None]:
    def forward(ctx: typer.Context) -> None:
        app = importlib.import_module(f"cli.{module}").app
        whole = typer.main.get_command(app)
        command = getattr(whole, "commands", {}).get(name, whole)
        command.main(args=ctx.args, prog_name=f"danshu {name}")

    return forward


if __name__ == "__main__":
    main()
