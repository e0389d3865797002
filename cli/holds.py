"""`danshu inventory extend`: keep an unpaid order's goods longer, since it is being paid.

Guarantees: speaks to inventory's own door; one call extends once. Exit status 0: done; 1: refused, with the reason, or
no answer; 2: no such order; 3: durable but not decided yet.
"""

from __future__ import annotations

import uuid
from typing import Annotated

import typer

from cli.doors import Refused, call
from cli.login import login
from cli.papers import PENDING, Actor, Reason, Url, end
from services.inventory.settings import InventorySettings

app = typer.Typer(add_completion=False)

Order = Annotated[str, typer.Argument(metavar="ORDER", help="Our number of the order.")]
Minutes = Annotated[
    int | None, typer.Option("--minutes", min=1, help="From now; at most what the rule allows.")
]


@app.command()
def extend(
    order: Order, *, minutes: Minutes = None, reason: Reason, actor: Actor = "", url: Url = ""
) -> None:
    """Keep the goods of an order that is being paid; `rules/hold` says how long and how often."""
    body = {
        "idempotency_key": f"cli-{uuid.uuid4()}",
        "actor": actor or login(),
        "reason": reason,
        "for_s": None if minutes is None else minutes * 60,
    }
    try:
        said = call(InventorySettings, "POST", f"/holds/{order}/extend", url, body=body)
    except Refused as refused:
        end(refused)
    if said.get("pending"):
        typer.echo(f"{order}: no answer yet", err=True)
        raise typer.Exit(PENDING)
    typer.echo(f"{order}: {said['expires_at']}")
