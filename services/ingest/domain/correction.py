"""What a person corrects of an order that cannot be worked with: a JSON merge patch (RFC 7396) on named fields.

    {"receiver": {"phone": "…"}, "lines": {"<line id>": {"quantity": 2}}, "amounts": {"paid_fen": 9900}}

Lines are addressed by the channel's line id. `null` takes a correction back: the channel's word counts again.
Guarantees: a correction holds exactly where the channel still says what it said when the correction was made;
where it says otherwise, in either direction, its newer word stands. So one that the channel keeps telling
wrongly is not lost, and which of the two holds depends on the snapshot alone, not on what came before it. The
receiver is one thing in this: a street of the old city must not stand in the new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from services.ingest.domain.model import CanonicalOrder, Item, PiiKind
from services.ingest.domain.snapshots import NEVER, Since

Words = Annotated[str, Meta(min_length=1, max_length=300)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Phone = Annotated[str, Meta(pattern=r"^[0-9+*#,-]{5,40}$")]
Sku = Annotated[str, Meta(min_length=1, max_length=100)]
Pieces = Annotated[int, Meta(ge=1, le=1_000_000)]
Fen = Annotated[int, Meta(ge=0, le=100_000_000_00)]


class ReceiverPatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who gets the parcel, in readable words. Region names as the channel writes them."""

    province: Name | UnsetType | None = UNSET
    city: Name | UnsetType | None = UNSET
    district: Name | UnsetType | None = UNSET
    town: Name | UnsetType | None = UNSET
    name: Name | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    address: Words | UnsetType | None = UNSET


class LinePatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line. `payable_fen`: what is payable for all its pieces."""

    sku: Sku | UnsetType | None = UNSET
    quantity: Pieces | UnsetType | None = UNSET
    unit_price_fen: Fen | UnsetType | None = UNSET
    payable_fen: Fen | UnsetType | None = UNSET


class AmountsPatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The order's totals, with freight, in fen."""

    payable_fen: Fen | UnsetType | None = UNSET
    paid_fen: Fen | UnsetType | None = UNSET
    freight_fen: Fen | UnsetType | None = UNSET


class Patch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be corrected."""

    receiver: ReceiverPatch | UnsetType | None = UNSET
    lines: dict[str, LinePatch | None] | UnsetType | None = UNSET
    amounts: AmountsPatch | UnsetType | None = UNSET


Path = tuple[str, ...]
Value = str | int | tuple[str, ...]
PERSON = ("name", "phone", "address")
RECEIVER = ("province", "city", "district", "town", *PERSON)
AMOUNTS = ("payable_fen", "paid_fen", "freight_fen")


class Correction(Struct, frozen=True, kw_only=True, array_like=True):
    """One corrected field. `told`: what the channel said there in the snapshot it was corrected on."""

    path: Path
    value: str | int
    told: Value
    modified_at: datetime | None
    """Of that snapshot."""


class PatchRefused(Struct, frozen=True):
    """A patch that cannot stand, and exactly why."""

    why: str


def read_patch(text: bytes) -> Patch | PatchRefused:
    """The patch in a JSON text. Values are never in the refusal, only their places."""
    try:
        return msgspec.json.decode(text, type=Patch)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return PatchRefused(f"patch_malformed: {error}")


def merged(
    before: Sequence[Correction], patch: Patch, order: CanonicalOrder
) -> tuple[Correction, ...] | PatchRefused:
    """The corrections after one more patch. The same patch again changes nothing."""
    kept = {c.path: c for c in before}
    for path, value in _changes(patch):
        told = told_at(order, path)
        if value is None:
            kept = {p: c for p, c in kept.items() if p[: len(path)] != path}
        elif told is None:
            return PatchRefused(f"line_unknown: the order has no line {path[1]}")
        else:
            kept[path] = Correction(
                path=path, value=value, told=told, modified_at=order.times.modified
            )
    person = [name for name in PERSON if ("receiver", name) in kept]
    if person and len(person) < len(PERSON) and order.receiver.pii is not PiiKind.PLAIN:
        return PatchRefused(
            f"receiver_incomplete: the channel tells it {order.receiver.pii}, "
            "so name, phone and address are corrected together"
        )
    return tuple(kept[path] for path in sorted(kept))


def holding(order: CanonicalOrder, corrections: Sequence[Correction]) -> tuple[Correction, ...]:
    """Those for which the channel still says what it said."""
    return tuple(c for c in corrections if told_at(order, c.path) == c.told)


def receiver_since(order: CanonicalOrder, corrections: Sequence[Correction]) -> Since:
    """How the channel's snapshot stands to a corrected receiver.

    The channel's word counts again once it has said something else, however little of the receiver its form
    tells: else a buyer's new address under a mask would lose against the old one in clear.
    """
    made = [c for c in corrections if c.path[0] == "receiver" and c.modified_at is not None]
    if not made:
        return NEVER
    modified_at = max(c.modified_at for c in made if c.modified_at is not None)
    if holding(order, made):
        return Since(modified_at, 0)
    spoken = order.receiver.pii is not PiiKind.ABSENT and (
        order.times.modified is not None and order.times.modified > modified_at
    )
    return Since(modified_at, 1) if spoken else NEVER


def told_at(order: CanonicalOrder, path: Path) -> Value | None:
    """What the channel says in one place; None where the order has no such line.

    The whole receiver counts for any part of it. Its ciphers do not: platforms seal the same text anew.
    """
    match path:
        case ("receiver", *_):
            to = order.receiver
            return (*(str(getattr(to, name)) for name in RECEIVER), to.key)
        case ("amounts", name):
            amount: int = getattr(order, name)
            return amount
        case ("lines", line_id, name):
            found = [item for item in order.items if item.line_id == line_id]
            return _LINE[name](found[0]) if len(found) == 1 else None
        case _:
            raise AssertionError(path)


_LINE = {
    "sku": lambda item: item.merchant_sku,
    "quantity": lambda item: item.qty,
    "unit_price_fen": lambda item: item.unit_price_fen,
    "payable_fen": Item.payable_fen.fget,  # type: ignore[attr-defined]
}


def _changes(patch: Patch) -> Iterator[tuple[Path, str | int | None]]:
    """Every place a patch names and what it says there; None takes back all below the place."""
    for group in ("receiver", "amounts"):
        yield from _fields((group,), getattr(patch, group))
    if patch.lines is None:
        yield ("lines",), None
    elif isinstance(patch.lines, Mapping):
        for line_id, line in patch.lines.items():
            yield from _fields(("lines", line_id), line)


def _fields(path: Path, part: Struct | UnsetType | None) -> Iterator[tuple[Path, str | int | None]]:
    if part is None:
        yield path, None
    elif isinstance(part, Struct):
        for name in part.__struct_fields__:
            if (value := getattr(part, name)) is not UNSET:
                yield (*path, name), value
