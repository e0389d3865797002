"""What may be written to inventory's reservation doors, and what is said of what may not.

Guarantees: a body is read once, into types; what is wrong with it is named by a code and a JSON pointer to the
field (RFC 9457, RFC 6901). Nothing was asked or changed then.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from chassis.http import Problem
from chassis.ids import request_id
from services.inventory.domain.model import Line
from services.inventory.domain.reservations import ReserveGoods

PIECES_MAX = 1_000_000_000
LINES_MAX = 200
BATCH_MAX = 100
SKUS_MAX = 500
HOLD_S_MAX = 86_400

# A bare $ would let a line's end follow.
CODE = r"^[^\x00-\x1f\x7f|]{1,64}(?!\n)$"
KEY = r"^[\x21-\x7e]{8,128}(?!\n)$"
RESERVATION_ID = r"^rsv-[a-z2-7]{20}(?!\n)$"
WORD = r"^[^\x00-\x1f\x7f]{0,64}(?!\n)$"

Code = Annotated[str, Meta(pattern=CODE)]
Key = Annotated[str, Meta(pattern=KEY)]
Word = Annotated[str, Meta(pattern=WORD)]
ReservationId = Annotated[str, Meta(pattern=RESERVATION_ID)]

T = TypeVar("T")


class WantedLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many pieces of a SKU."""

    sku: Code
    quantity: Annotated[int, Meta(ge=1, le=PIECES_MAX)]


class WantedReservation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Goods to be held. Without `warehouse` the rules of sourcing choose by `channel` and `province`."""

    reference: Code
    lines: Annotated[tuple[WantedLine, ...], Meta(min_length=1, max_length=LINES_MAX)]
    warehouse: Code | None = None
    channel: Word = ""
    province: Word = ""
    partial: bool = False
    hold_s: Annotated[int, Meta(ge=1, le=HOLD_S_MAX)] | None = None

    def command(self, key: str, hold_s: int) -> ReserveGoods:
        """The question to the desk, under the id that follows from the idempotency key."""
        asked = [getattr(self, name) for name in WantedReservation.__struct_fields__]
        return ReserveGoods(
            reservation_id=reservation_id(key),
            digest=hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:32],
            reference=self.reference,
            warehouse=self.warehouse or "",
            channel=self.channel,
            province=self.province,
            lines=tuple(
                Line(number, line.sku, line.quantity)
                for number, line in enumerate(self.lines, start=1)
            ),
            partial=self.partial,
            hold_s=self.hold_s or hold_s,
        )

    def faults(self, under: str = "#") -> Iterable[Fault]:
        """What types cannot say: a SKU stands once."""
        seen: set[str] = set()
        for at, line in enumerate(self.lines):
            if line.sku in seen:
                yield Fault(
                    pointer=f"{under}/lines/{at}/sku",
                    code="duplicate_sku",
                    detail=f"{line.sku} stands in an earlier line",
                )
            seen.add(line.sku)


class KeyedReservation(WantedReservation, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of a batch, with an idempotency key of its own."""

    idempotency_key: Key


class WantedReservations(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several reservations, each for itself."""

    reservations: Annotated[tuple[KeyedReservation, ...], Meta(min_length=1, max_length=BATCH_MAX)]

    def faults(self) -> Iterable[Fault]:
        """An idempotency key stands once, a SKU once in each."""
        yield from _repeated_keys("reservations", self.reservations)
        for at, one in enumerate(self.reservations):
            yield from one.faults(f"#/reservations/{at}")


class Confirmation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The goods are sold; `handed_over` when they are also gone."""

    handed_over: bool = False


class Confirmations(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several reservations to be confirmed."""

    reservation_ids: Annotated[tuple[ReservationId, ...], Meta(min_length=1, max_length=BATCH_MAX)]
    handed_over: bool = False


class Extension(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment is in progress: keep the goods for so long from now, or for as long as the rule allows."""

    for_s: Annotated[int, Meta(ge=1, le=HOLD_S_MAX)] | None = None


class KeyedExtension(Extension, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of a batch, with an idempotency key of its own."""

    reservation_id: ReservationId
    idempotency_key: Key


class Extensions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several reservations to be kept longer."""

    extensions: Annotated[tuple[KeyedExtension, ...], Meta(min_length=1, max_length=BATCH_MAX)]

    def faults(self) -> Iterable[Fault]:
        """An idempotency key stands once."""
        yield from _repeated_keys("extensions", self.extensions)


class Releases(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several reservations to be released."""

    reservation_ids: Annotated[tuple[ReservationId, ...], Meta(min_length=1, max_length=BATCH_MAX)]


class AskedLevels(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SKUs, and the warehouses to look in (none: all)."""

    skus: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=SKUS_MAX)]
    warehouses: Annotated[tuple[Code, ...], Meta(max_length=SKUS_MAX)] = ()


class Fault(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong: with a field of the body (`pointer`), or with a `parameter`."""

    code: str
    detail: str
    pointer: str = ""
    parameter: str = ""


class FaultyRequest(Problem, frozen=True, kw_only=True):
    """A problem with every fault that was found; none where it is not about a field or a parameter."""

    errors: tuple[Fault, ...] = ()


def _repeated_keys(
    name: str, asked: Iterable[KeyedReservation | KeyedExtension]
) -> Iterable[Fault]:
    seen: set[str] = set()
    for at, one in enumerate(asked):
        if one.idempotency_key in seen:
            yield Fault(
                pointer=f"#/{name}/{at}/idempotency_key",
                code="duplicate_idempotency_key",
                detail="stands in an earlier one",
            )
        seen.add(one.idempotency_key)


def reservation_id(key: str) -> str:
    """The id of the reservation that is made under this idempotency key."""
    return request_id("rsv", key)


def faulty(faults: Iterable[Fault], status: int = 422) -> FaultyRequest | None:
    """The problem of these faults, named by the first; None without any."""
    found = tuple(faults)
    if not found:
        return None
    return FaultyRequest(status=status, code=found[0].code, title="请求内容有误", errors=found)


def read_as(kind: type[T], body: bytes) -> T | FaultyRequest:
    """The body as this type, or what is wrong with it."""
    try:
        value = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        problem = faulty([_fault(str(error))])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = faulty([Fault(pointer="#", code="not_json", detail=str(error))], 400)
    else:
        ask: Any = getattr(value, "faults", tuple)
        problem = faulty(ask())
        if problem is None:
            return value
    assert problem is not None
    return problem


KINDS = (
    (re.compile(r"missing required field `(\w+)`"), "missing_field"),
    (re.compile(r"unknown field `([^`]*)`"), "unknown_field"),
    (re.compile(r"Number out of range|Expected `int` [<>]"), "out_of_range"),
    (re.compile(r"of length"), "wrong_length"),
    (re.compile(r"matching regex"), "malformed_text"),
    (re.compile(r", got "), "wrong_type"),
)
"""Words of msgspec's messages → our codes."""


def _fault(message: str) -> Fault:
    text, _, path = message.partition(" - at `$")
    pointer = "#" + re.sub(r"[.\[]", "/", path.rstrip("`").replace("]", ""))
    for words, code in KINDS:
        if (found := words.search(text)) is not None:
            if found.groups():
                name = found[1].replace("~", "~0").replace("/", "~1")
                pointer = f"{pointer}/{name}"
            return Fault(pointer=pointer, code=code, detail=text)
    return Fault(pointer=pointer, code="malformed", detail=text)
