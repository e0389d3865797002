"""`danshu schemas check | register | adopt`: the wire's schemas against their past and against a registry.

Guarantees: `check` needs no server and changes nothing; `register` may be repeated; `adopt` writes the lock
only after the registry has given every id.
"""

from __future__ import annotations

from typing import Annotated

import typer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from chassis import registry
from chassis.errors import StartRefused, Unavailable
from cli.reach import settings
from schemas.generate import TARGET, generate
from schemas.lock import LOCK, Locked, breaches, canonical, digest, newest, read_lock, sources

app = typer.Typer(add_completion=False, no_args_is_help=True)

Url = Annotated[str, typer.Option("--url", help="Of the registry; default: the settings'.")]


@app.callback()
def _schemas() -> None:
    """Check the schemas, and bring them into a registry."""


@app.command()
def check() -> None:
    """Compare schemas, generated types, lock and history; exit status 1 with every problem."""
    found = problems()
    for problem in found:
        typer.echo(problem, err=True)
    if found:
        raise typer.Exit(1)
    locked = read_lock()
    typer.echo(f"{len(newest(locked))} schemas in {len(locked)} versions: all compatible")


@app.command()
def register(url: Url = "") -> None:
    """Bring missing schemas into the registry, in lock order, and compare every id."""
    try:
        count = registry.ensure(url or settings().schema_registry_url)
    except (StartRefused, Unavailable) as error:
        typer.echo(f"danshu: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{count} registered" if count else "all there already")


@app.command()
def adopt(url: Url = "") -> None:
    """Write the lock with the ids this registry gives, for one that others filled before.

    Records written under the old ids cannot be read afterwards: adopt before the first record.
    """
    address = url or settings().schema_registry_url
    try:
        with SchemaRegistryClient({"url": address}) as client:
            adopted = [_adopted(client, entry) for entry in read_lock()]
    except SchemaRegistryError as error:
        typer.echo(f"danshu: {error.error_message}", err=True)
        raise typer.Exit(1) from None
    lines = (f"{e.full_name} {e.version} {e.schema_id} {e.sha256}\n" for e in adopted)
    LOCK.write_text("".join(lines), encoding="utf-8")
    typer.echo(f"{LOCK.name} written; deploy it with the code")


def problems() -> list[str]:
    """Everything that keeps the schemas from being released; each line says what to do."""
    locked = read_lock()
    found = []
    for full_name, schema in sources().items():
        versions = [entry for entry in locked if entry.full_name == full_name]
        if not versions or versions[-1].sha256 != digest(schema):
            found.append(f"{full_name} is not locked: run python -m schemas.lock")
        found += [f"{full_name}: {b}" for b in breaches(schema, [v.schema() for v in versions])]
    for entry in locked:
        if entry.sha256 != digest(entry.schema()):
            found.append(f"{entry.full_name} {entry.version}: history was edited; restore the file")
    written = {path.name: path.read_text(encoding="utf-8") for path in TARGET.glob("*.py")}
    if written != generate():
        found.append("schemas/events is not what the schemas say: run python -m schemas.generate")
    return found


def _adopted(client: SchemaRegistryClient, entry: Locked) -> Locked:
    schema = Schema(canonical(entry.schema()), schema_type="AVRO")
    return Locked(
        full_name=entry.full_name,
        version=entry.version,
        schema_id=client.register_schema(entry.full_name, schema),
        sha256=entry.sha256,
    )
