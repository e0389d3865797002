"""`danshu ingest normalise | sign | map`: what a channel's payload means, and its signatures, without any server.

`map` is in ingest_map.py. Guarantees: the first two read one file and write nothing. Exit status 0: done, also for
a payload which is refused; 1: some vectors belong to no channel here; 2: no such channel, or a file that cannot be read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import msgspec
import typer

from chassis.plugins import load
from cli import ingest_map
from services.ingest.channels import Channel, SignatureVector
from services.ingest.domain.model import CanonicalOrder, Normalised, ProblemCode

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.add_typer(ingest_map.app, name="map")

UNKNOWN_CHANNEL, UNUSABLE = 1, 2
ACCEPT, REJECT = "ACCEPT", "REJECT"
FILE_BYTES_MAX: Final = 64 * 2**20  # a page of the most talkative channel is a thousandth of it

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """What a payload means. `reasons` name what refused an order and what an accepted one contradicts."""

    accept: bool
    reasons: list[str]
    orders: list[dict[str, Any]]


class Vector(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a vectors file; only some secrets are one text."""

    id: str
    channel: str
    kind: str = "request"
    secret: Any = ""
    input: dict[str, Any]


class Vectors(msgspec.Struct, frozen=True, kw_only=True):
    """A file of signature vectors."""

    vectors: list[Vector]


@app.callback()
def _ingest() -> None:
    """See what a channel's payload means, check its signatures, map its SKUs to ours."""


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
    """Print each vector's signature, or ACCEPT or REJECT where one is to be verified."""
    try:
        read = msgspec.json.decode(_content(vectors), type=Vectors).vectors
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        _give_up(f"{vectors} holds no signature vectors: {error}")
    known = channels()
    strangers = 0
    for vector in read:
        if vector.channel not in known:
            typer.echo(f"danshu: {vector.id}: there is no channel {vector.channel!r}", err=True)
            strangers += 1
            continue
        result = _verdict(known[vector.channel], signature_vector(vector))
        typer.echo(msgspec.json.encode({"id": vector.id, "result": result}).decode())
    if strangers:
        raise typer.Exit(UNKNOWN_CHANNEL)


def channels() -> Mapping[str, Channel]:
    """Every channel there is, by name."""
    return load("services.ingest.channels", "CHANNEL", Channel)


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


def signature_vector(vector: Vector) -> SignatureVector:
    """A vector as channels take it: every field a text, none null, the given signature apart."""
    fields = {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in vector.input.items()
        if value is not None
    }
    given = fields.pop("given_sign", "")
    secret = vector.secret if isinstance(vector.secret, str) else ""
    return SignatureVector(kind=vector.kind, secret=secret, fields=fields, given=given)


def _verdict(channel: Channel, vector: SignatureVector) -> str:
    """The channel's own verdict where it verifies; else what it signs, beside what was given."""
    computed = channel.recompute(vector)
    if not vector.given or computed in {ACCEPT, REJECT}:
        return computed
    return ACCEPT if computed == vector.given else REJECT


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
