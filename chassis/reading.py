"""Readers of Avro records, one function a schema, generated when a process first meets it: the way back of `chassis.writing`.

Guarantees: what a reader returns is what fastavro and msgspec make of the same bytes (tests/contract/test_codec.py
holds it for every locked schema, any value and any damage), at a third of their time: a value is read where it lies
and goes into its struct at once, with no dictionary between. A reader may refuse (any Exception) what fastavro would
take: blocks with a size in front, booleans other than 0 and 1. The codec then asks fastavro, which has the last word.

Source: Apache Avro 1.12 specification, binary encoding. The schemas are ours and locked, so nothing from outside
ever becomes code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, get_args, get_type_hints

from msgspec import Struct

Reader = Callable[[bytes], Struct]
"""Framed bytes → the event. Raises some Exception for anything that is not exactly one record."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FLAGS = {0: False, 1: True}
_SET = {0: False, 2: True}


def long_at(framed: bytes, at: int) -> tuple[int, int]:
    """A zigzag number of variable length at a position, and the position after it. Raises OverflowError, IndexError."""
    result, shift = framed[at] & 0x7F, 7
    if framed[at] < 0x80:
        return (result >> 1) ^ -(result & 1), at + 1
    if (second := framed[at + 1]) < 0x80:  # most amounts
        result |= second << 7
        return (result >> 1) ^ -(result & 1), at + 2
    at += 1
    while True:
        byte = framed[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise OverflowError(shift)
    if result >> 64:
        raise OverflowError(result)
    return (result >> 1) ^ -(result & 1), at


def _length_at(framed: bytes, at: int) -> tuple[int, int]:
    length, at = long_at(framed, at)
    if length < 0:
        raise ValueError(length)
    return length, at


def _moment_at(framed: bytes, at: int) -> tuple[datetime, int]:
    six = int.from_bytes(framed[at : at + 6], "little")
    if six & 0x8080_8080_8080 == 0x0080_8080_8080:  # until 2039
        number = (
            six & 0x7F
            | six >> 1 & 0x3F80
            | six >> 2 & 0x1F_C000
            | six >> 3 & 0xFE0_0000
            | six >> 4 & 0x7_F000_0000
            | six >> 5 & 0x3F8_0000_0000
        )
        return _EPOCH + timedelta(0, 0, 0, (number >> 1) ^ -(number & 1)), at + 6
    number, at = long_at(framed, at)
    return _EPOCH + timedelta(0, 0, 0, number), at


def reader(schema: Mapping[str, Any], record: type[Struct], header_bytes: int) -> Reader:
    """The function that reads a record of this schema behind a header. Raises ValueError for a type we do not use."""
    source = _Source()
    made = source.record(schema["fields"], record, "    ")
    text = "\n".join(
        [
            "def read(b):",
            f"    i = {header_bytes}",
            *source.lines,
            "    if i != len(b):",
            "        raise ValueError(i)",
            f"    return {made}",
        ]
    )
    names: dict[str, Any] = {
        **source.types,
        "FLAGS": _FLAGS,
        "SET": _SET,
        "long": long_at,
        "length": _length_at,
        "moment": _moment_at,
    }
    exec(compile(text, f"<reader of {schema['name']}>", "exec"), names)  # noqa: S102 — see the module's docstring
    read: Reader = names["read"]
    return read


class _Source:
    """Lines of one function over the bytes `b` and the position `i`. Each method gives an expression for a value."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.types: dict[str, type[Struct]] = {}
        self._numbers = count()

    def record(self, fields: Any, record: type[Struct], indent: str) -> str:
        hints = get_type_hints(record)
        values = [
            f"{field['name']}={self.value(field['type'], hints[field['name']], indent)}"
            for field in fields
        ]
        name = f"Struct{next(self._numbers)}"
        self.types[name] = record
        return f"{name}({', '.join(values)})"

    def value(self, avro: Any, hint: Any, indent: str) -> str:
        match avro:
            case "string" | "bytes":
                self._number(indent, "length")
                value = self._assign("b[i:i + n]", indent)
                self._add(indent, "i += n")
                return value if avro == "bytes" else f"{value}.decode()"
            case "boolean":
                value = self._assign("FLAGS[b[i]]", indent)
                self._add(indent, "i += 1")
                return value
            case "int" | "long":
                self._number(indent)
                return self._assign("n", indent)
            case {"logicalType": "timestamp-millis"}:
                moment = f"v{next(self._numbers)}"
                self._add(indent, f"{moment}, i = moment(b, i)")
                return moment
            case ["null", inner]:
                return self._optional(inner, hint, indent)
            case {"type": "array", "items": items}:
                return self._array(items, get_args(hint)[0], indent)
            case {"type": "record", "fields": fields}:
                return self.record(fields, hint, indent)
            case _:
                raise ValueError(avro)

    def _optional(self, inner: Any, hint: Any, indent: str) -> str:
        (given,) = [one for one in get_args(hint) if one is not type(None)]
        value = self._assign("None", indent)
        is_set = self._assign("SET[b[i]]", indent)
        self._add(indent, "i += 1", f"if {is_set}:")
        deeper = indent + "    "
        found = self.value(inner, given, deeper)
        self._add(deeper, f"{value} = {found}")
        return value

    def _array(self, items: Any, hint: Any, indent: str) -> str:
        values = self._assign("[]", indent)
        self._add(indent, "while True:")
        deeper = indent + "    "
        self._number(deeper, "length")
        self._add(deeper, "if not n:", "    break", "for _ in range(n):")
        inmost = deeper + "    "
        found = self.value(items, hint, inmost)
        self._add(inmost, f"{values}.append({found})")
        return f"tuple({values})"

    def _number(self, indent: str, slow: str = "long") -> None:
        """`n` becomes a number; as good as all of them have one byte."""
        self._add(
            indent,
            "n = b[i]",
            "if n & 0x81:",
            f"    n, i = {slow}(b, i)",
            "else:",
            "    n >>= 1",
            "    i += 1",
        )

    def _assign(self, given: str, indent: str) -> str:
        name = f"v{next(self._numbers)}"
        self._add(indent, f"{name} = {given}")
        return name

    def _add(self, indent: str, *lines: str) -> None:
        self.lines += [indent + line for line in lines]
