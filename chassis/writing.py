"""Writers of Avro records, one function a schema, generated when the process starts.

Guarantees: the bytes are those fastavro writes for the same value (tests/contract/test_codec.py holds it for every
locked schema and any value), at a third of its time: a record's fields are read once and joined once, with no
dictionary between. What a schema does not allow raises TypeError, AttributeError, ValueError or OverflowError.

Source: Apache Avro 1.12 specification, binary encoding. The schemas are ours and locked, so nothing from outside
ever becomes code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

from msgspec import Struct

Writer = Callable[[Struct, int], bytes]
"""(event, version) → framed bytes; a version of 0 leaves the event its own."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _varint(number: int, bits: int) -> bytes:
    """Zigzag, seven bits a byte, lowest first."""
    if not -(1 << bits) <= number < 1 << bits:
        raise OverflowError(f"{number} has more than {bits + 1} bits")
    rest = (number << 1) ^ (number >> bits)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


SMALL = tuple(_varint(number, 63) for number in range(16_384))
"""Lengths, counts and most amounts, ready made."""


def _int(number: int) -> bytes:
    return SMALL[number] if 0 <= number < 16_384 else _varint(number, 31)


def _long(number: int) -> bytes:
    return SMALL[number] if 0 <= number < 16_384 else _varint(number, 63)


def _millis(moment: datetime) -> bytes:
    since = moment - _EPOCH
    return _varint((since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000, 63)


def writer(schema: Mapping[str, Any], header: bytes) -> Writer:
    """The function that writes `header` and a record of this schema. Raises ValueError for a type we do not use."""
    source = _Source()
    parts = [
        "long(version or event.version)"
        if field["name"] == "version"
        else source.value(field["type"], f"event.{field['name']}", "    ")
        for field in schema["fields"]
    ]
    text = "\n".join(
        [
            "def write(event, version):",
            *source.lines,
            f"    return join((header, {', '.join(parts)},))",
        ]
    )
    names: dict[str, Any] = {
        "header": header,
        "join": b"".join,
        "int_": _int,
        "long": _long,
        "millis": _millis,
    }
    exec(compile(text, f"<writer of {schema['name']}>", "exec"), names)  # noqa: S102 — see the module's docstring
    write: Writer = names["write"]
    return write


class _Source:
    """Lines of one function. `value` gives an expression for a value's bytes and adds what must run before it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._numbers = count()

    def value(self, avro: Any, given: str, indent: str) -> str:
        match avro:
            case "string":
                text = self._assign(f"{given}.encode()", indent)
                return f"long(len({text})), {text}"
            case "bytes":
                block = self._assign(given, indent)
                return f"long(len({block})), {block}"
            case "boolean":
                return f"(b'\\x01' if {given} else b'\\x00')"
            case "int":
                return f"int_({given})"
            case "long":
                return f"long({given})"
            case {"logicalType": "timestamp-millis"}:
                return f"millis({given})"
            case ["null", inner]:
                return self._optional(inner, given, indent)
            case {"type": "array", "items": items}:
                return self._array(items, given, indent)
            case {"type": "record", "fields": fields}:
                record = self._assign(given, indent)
                return ", ".join(
                    self.value(field["type"], f"{record}.{field['name']}", indent)
                    for field in fields
                )
            case _:
                raise ValueError(avro)

    def _optional(self, inner: Any, given: str, indent: str) -> str:
        value, written = self._assign(given, indent), self._name()
        self.lines.append(f"{indent}{written} = b'\\x00'")
        self.lines.append(f"{indent}if {value} is not None:")
        deeper = indent + "    "
        parts = self.value(inner, value, deeper)
        self.lines.append(f"{deeper}{written} = join((b'\\x02', {parts}))")
        return written

    def _array(self, items: Any, given: str, indent: str) -> str:
        values, written, item = self._assign(given, indent), self._name(), self._name()
        self.lines.append(f"{indent}{written} = []")
        self.lines.append(f"{indent}if len({values}):")
        self.lines.append(f"{indent}    {written}.append(long(len({values})))")
        self.lines.append(f"{indent}    for {item} in {values}:")
        deeper = indent + "        "
        parts = self.value(items, item, deeper)
        self.lines.append(f"{deeper}{written} += ({parts},)")
        self.lines.append(f"{indent}{written}.append(b'\\x00')")
        return f"join({written})"

    def _assign(self, given: str, indent: str) -> str:
        name = self._name()
        self.lines.append(f"{indent}{name} = {given}")
        return name

    def _name(self) -> str:
        return f"v{next(self._numbers)}"
