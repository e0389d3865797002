"""`danshu ingest shops | normalise | sign`: how the shops are doing, what a payload means, and signatures.

Guarantees: `shops` reads Postgres, the others one file; none writes anything. `sign` speaks for carriers and
payment gateways too. Exit status 0: done, also for a payload which is refused; 1: some vectors belong to none
of them, or Postgres is away; 2: no such channel, or a file that cannot be read. `quarantine` is in
`cli.quarantine`, `show` and `replay` in `cli.replay`, `import` and `presets` in `cli.importing`, `map` in
`cli.ingest_map`, `listing` in `cli.ingest_listing`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import msgspec
import typer
from rich.table import Table

from chassis.clock import SystemClock
from chassis.plugins import load
from chassis.signatures import ACCEPT, REJECT, SignatureVector
from cli import importing, ingest_listing, ingest_map, json_file, printing, quarantine, replay
from cli.reach import database, run, settings
from services.fulfillment.carriers import Provider
from services.ingest.channels import Channel
from services.ingest.domain.model import CanonicalOrder, Normalised, ProblemCode
from services.ingest.domain.shop_health import ShopHealth
from services.ingest.shop_store import health_of_all
from services.refunds.gateways import gateways

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.add_typer(quarantine.app, name="quarantine")
app.command()(replay.show)
app.command()(replay.replay)
app.command("import")(importing.import_orders)
app.command("presets")(importing.presets_known)
app.add_typer(ingest_listing.app, name="listing")
app.add_typer(ingest_map.app, name="map")

UNKNOWN_PARTY, UNUSABLE = 1, 2
FILE_BYTES_MAX: Final = 64 * 2**20  # a page of the most talkative channel is a thousandth of it

Signer = Callable[[SignatureVector], str]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """What a payload means. `reasons` name what refused an order and what an accepted one contradicts."""

    accept: bool
    reasons: list[str]
    orders: list[dict[str, Any]]


class ShopRow(msgspec.Struct, frozen=True, kw_only=True):
    """One shop in the table. `delay_s`: seconds since the watermark, None before the first poll."""

    channel: str
    shop: str
    state: str
    since: str
    delay_s: int | None
    newest_order: str
    failures: int
    last_error: str
    errors: str


class Vector(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a vectors file. `channel` may be a carrier or a gateway; some secrets are no text."""

    id: str
    channel: str
    kind: str = "request"
    algorithm: str = ""
    secret: Any = ""
    input: dict[str, Any]


class Vectors(msgspec.Struct, frozen=True, kw_only=True):
    """A file of signature vectors."""

    vectors: list[Vector]


@app.callback()
def _ingest() -> None:
    """See how shops are doing and what a payload means, check signatures, import, map SKUs."""


@app.command()
def shops(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """List every shop: its state, since when, how far it was polled, and its errors."""
    now = SystemClock().now()
    rows = [shop_row(channel, shop, health, now) for channel, shop, health in run(_shops())]
    if as_json:
        typer.echo(msgspec.json.encode(rows).decode())
        return
    if not rows:
        typer.echo("no shop has ever been polled")
        return
    names = ShopRow.__struct_fields__[2:]
    table = Table(*printing.keys("channel", "shop"), *names, box=None)
    for row in rows:
        table.add_row(*map(str, msgspec.structs.astuple(row)))
    printing.show(table)


@app.command()
def normalise(
    file: FileArgument,
    channel: Annotated[str, typer.Option("--channel", "-c", help="Whose payload it is.")],
) -> None:
    """Print what a native answer, page, message or push means, as one JSON object."""
    known = channels()
    if channel not in known:
        _give_up(f"there is no channel {channel!r}; known are {', '.join(known)}")
    found = known[channel].normalise(_content(file))
    sys.stdout.write(
        msgspec.json.format(msgspec.json.encode(meaning(found)).decode(), indent=2) + "\n"
    )


@app.command()
def sign(
    vectors: Annotated[Path, typer.Option("--vectors", help="A JSON file of vectors.")],
) -> None:
    """Print what each vector signs or opens, or ACCEPT or REJECT where one is to be verified."""
    try:
        read = msgspec.json.decode(_content(vectors), type=Vectors).vectors
    except json_file.UNUSABLE as error:
        _give_up(f"{vectors} holds no signature vectors: {json_file.why(error)}")
    known = signers()
    strangers = 0
    for vector in read:
        if vector.channel not in known:
            why = f"there is no channel, carrier or gateway {vector.channel!r}"
            typer.echo(f"danshu: {vector.id}: {why}", err=True)
            strangers += 1
            continue
        result = recomputed(vector)
        typer.echo(msgspec.json.encode({"id": vector.id, "result": result}).decode())
    if strangers:
        raise typer.Exit(UNKNOWN_PARTY)


async def _shops() -> tuple[tuple[str, str, ShopHealth], ...]:
    async with database(settings().postgres_url.get_secret_value()) as connection:
        return await health_of_all(connection)


def shop_row(channel: str, shop: str, health: ShopHealth, now: datetime) -> ShopRow:
    """One shop as people read it; times are UTC."""
    until = health.polled_until
    return ShopRow(
        channel=channel,
        shop=shop,
        state=health.state,
        since=_moment(health.since),
        delay_s=None if until is None else max(0, round((now - until).total_seconds())),
        newest_order=_moment(health.newest_order_at),
        failures=health.failures,
        last_error=f"{health.error} {_moment(health.failed_at)}" if health.error else "",
        errors=" ".join(f"{kind}:{count}" for kind, count in sorted(health.errors.items())),
    )


def _moment(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%m-%d %H:%M:%S}Z"


def channels() -> Mapping[str, Channel]:
    """Every channel there is, by name."""
    return load("services.ingest.channels", "CHANNEL", Channel)


@cache
def signers() -> Mapping[str, Signer]:
    """How to recompute a vector, by the name of its channel, carrier or gateway."""
    carriers = load("services.fulfillment.carriers", "PROVIDER", Provider)
    return (
        {name: channel.recompute for name, channel in channels().items()}
        | {name: carrier.recompute for name, carrier in carriers.items()}
        | {name: gateway.recompute for name, gateway in gateways().items()}
    )


def meaning(found: Iterable[Normalised]) -> Meaning:
    """What a payload's orders come to: a page without orders is well, one with none left is not."""
    all_of_it = list(found)
    taken = [one.order for one in all_of_it if one.order is not None and usable(one)]
    return Meaning(
        accept=bool(taken) or not all_of_it,
        reasons=[reason for one in all_of_it for reason in _reasons(one)],
        orders=[_shown(order) for order in taken],
    )


def usable(found: Normalised) -> bool:
    """Whether the order may go on: to the next step, or as a hint to its detail."""
    if found.order is None or not found.order.order_no:
        return False
    blocking = {problem.code for problem in found.problems if problem.blocks}
    return blocking <= {ProblemCode.DETAIL_NEEDED}


def recomputed(vector: Vector) -> str:
    """The plug-in's own verdict where it verifies; else what it signs, beside what was given: nothing is never right.

    Raises KeyError where `signers` does not know the vector's channel.
    """
    asked = signature_vector(vector)
    if "given_sign" in vector.input and not asked.given:
        return REJECT
    computed = signers()[vector.channel](asked)
    if "given_sign" in vector.input and not asked.given:
        return REJECT  # what came without its signature
    if not asked.given or computed in {ACCEPT, REJECT}:
        return computed
    return ACCEPT if computed == asked.given else REJECT


def signature_vector(vector: Vector) -> SignatureVector:
    """A vector as plug-ins take it: every field a text, none null, the given signature apart."""
    fields = {name: _text(value) for name, value in vector.input.items() if value is not None}
    given = fields.pop("given_sign", "")
    return SignatureVector(
        kind=vector.kind,
        secret="" if vector.secret is None else _text(vector.secret),
        fields=fields,
        given=given,
        algorithm=vector.algorithm,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _reasons(found: Normalised) -> Iterable[str]:
    whose = f" (order {found.order.order_no})" if found.order and found.order.order_no else ""
    for problem in found.problems:
        detail = f": {problem.detail}" if problem.detail else ""
        yield f"{problem.code}{detail}{whose}"


def _shown(order: CanonicalOrder) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(order)
    return shown | {"line_count": order.line_count, "total_quantity": order.total_quantity}


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        _give_up(f"{path} cannot be read: {error.strerror}")
    if len(content) > FILE_BYTES_MAX:
        _give_up(f"{path} is larger than {FILE_BYTES_MAX} bytes")
    return content


def _give_up(why: str) -> NoReturn:
    typer.echo(f"danshu: {why}", err=True)
    raise typer.Exit(UNUSABLE)


if __name__ == "__main__":
    app()
