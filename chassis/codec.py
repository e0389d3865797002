"""The only door to the wire: event values ↔ Confluent-framed Avro (0x00, 4-byte schema id, body).

fastavro is the truth; functions made once a process write the same bytes (`chassis.writing`) and read them
(`chassis.reading`). A record is written with its newest locked schema; what an older schema wrote is promoted by
Avro's resolution. Every record starts with its key (a string) and, where it belongs to an aggregate's stream, its
version: `peek` reads just these two, so that a consumer can skip a record cheaply.

What a newer release wrote is understood too, where the codec may ask for the schemas it does not know (`SchemaOf`):
a newer version is read as our newest, and an event of a type that is new altogether can be peeked at.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import Any

import msgspec
from fastavro import parse_schema, schemaless_reader
from fastavro.schema import SchemaParseException
from msgspec import Struct

from chassis.errors import Invalid
from chassis.reading import Reader, reader
from chassis.writing import Writer, writer
from schemas.events import RECORDS
from schemas.lock import Locked, newest, read_lock

HEADER = struct.Struct(">bI")
PAYLOAD_BYTES_MAX = 8 * 1024 * 1024
"""A record larger than this is refused before it is decoded: an honest one is a few kilobytes."""

SchemaOf = Callable[[int], dict[str, Any] | None]
"""The schema of an id that our lock does not have; None where nobody gave it out. Raises Unavailable."""


class Peeked(Struct, frozen=True):
    """What `peek` reads. `version` is 0 where the record is not part of a stream (commands, payloads)."""

    record: type[Struct]
    key: str
    version: int


class Codec:
    """Encoder and decoder over one schema lock. Build once per process; `codec()` is one that asks nobody.

    With a `schema_of` whatever reads may raise Unavailable, and waits for as long as the answer takes, once an id.
    """

    def __init__(self, locked: tuple[Locked, ...], schema_of: SchemaOf = lambda _: None) -> None:
        types = {str(record.FULL_NAME): record for record in RECORDS}  # type: ignore[attr-defined]
        current = newest(locked)
        self._schemas: dict[int, tuple[Any, Any]] = {}
        self._records: dict[int, type[Struct]] = {}
        self._current = {entry.schema_id: entry for entry in newest(locked).values()}
        self._readers: dict[int, Reader] = {}
        """Of newest schemas that were met: making all of them would cost each start a tenth of a second."""
        self._writers: dict[type[Struct], Writer] = {}
        self._schema_of = schema_of
        self._newest: dict[str, tuple[Any, type[Struct]]] = {}
        for full_name, entry in current.items():
            schema = entry.schema()
            self._newest[full_name] = parse_schema(schema), types[full_name]
            self._writers[types[full_name]] = writer(schema, HEADER.pack(0, entry.schema_id))
        for entry in locked:
            parsed = parse_schema(entry.schema())
            newest_parsed, record = self._newest[entry.full_name]
            same = entry.version == current[entry.full_name].version
            self._schemas[entry.schema_id] = (parsed, None if same else newest_parsed)
            self._records[entry.schema_id] = record

    def encode(self, event: Struct, version: int = 0) -> bytes:
        """Framed bytes; a `version` other than 0 replaces the event's own."""
        return self._writers[type(event)](event, version)

    def record_type(self, framed: bytes) -> type[Struct]:
        """Which record this is, by its schema id. Raises Invalid.

        Of an event that this build has never heard of it is a type made of key and version, which nobody handles.
        """
        if len(framed) < HEADER.size or framed[0] != 0:
            raise Invalid("not_framed")
        schema_id = int.from_bytes(framed[1:5], "big")
        try:
            return self._records[schema_id]
        except KeyError:
            return self._learn(schema_id)

    def _learn(self, schema_id: int) -> type[Struct]:
        if (schema := self._schema_of(schema_id)) is None:
            raise Invalid("schema_unknown")
        try:
            written: Any = parse_schema(schema)
            wanted, record = self._newest.get(written["name"]) or (None, unheard(schema))
        except (SchemaParseException, LookupError, TypeError, ValueError) as error:
            raise Invalid("schema_unknown") from error
        if wanted is not None:
            self._schemas[schema_id] = written, wanted
        return self._records.setdefault(schema_id, record)

    def decode(self, framed: bytes) -> Struct:
        """The event. Raises Invalid for anything that is not exactly one record of a known schema."""
        record = self.record_type(framed)
        if len(framed) > PAYLOAD_BYTES_MAX:
            raise Invalid("too_large")
        schema_id = int.from_bytes(framed[1:5], "big")
        if (read := self._readers.get(schema_id) or self._reader(schema_id)) is not None:
            try:
                return read(framed)
            except Exception:  # noqa: BLE001, S110 — fastavro has the last word, and says what is wrong
                pass
        if schema_id not in self._schemas:
            raise Invalid("type_unknown")
        written, wanted = self._schemas[schema_id]
        body = BytesIO(framed)
        body.seek(HEADER.size)
        try:
            fields = schemaless_reader(body, written, wanted)
            event: Struct = msgspec.convert(fields, record)
        except Exception as error:  # fastavro raises whatever the broken bytes led it to
            raise Invalid("undecodable") from error
        if body.tell() != len(framed):
            raise Invalid("trailing_bytes")
        return event

    def _reader(self, schema_id: int) -> Reader | None:
        """Makes the reader of a newest schema; None for an older one, which fastavro promotes."""
        entry = self._current.get(schema_id)
        if entry is None:
            return None
        made = reader(entry.schema(), self._records[schema_id], HEADER.size)
        return self._readers.setdefault(schema_id, made)

    def peek(self, framed: bytes) -> Peeked:
        """Type, key and version without decoding the rest. Raises Invalid."""
        record = self.record_type(framed)
        try:
            length, at = _varint(framed, HEADER.size)
            key = framed[at : at + length].decode()
            if length < 0 or len(key.encode()) != length:
                raise Invalid("undecodable")
            versioned = record.__struct_fields__[1] == "version"
            version = _varint(framed, at + length)[0] if versioned else 0
        except (IndexError, UnicodeDecodeError) as error:
            raise Invalid("undecodable") from error
        return Peeked(record, key, version)


def unheard(schema: dict[str, Any]) -> type[Struct]:
    """A type for the events of a schema that is none of ours: their key and version, as `peek` reads them.

    Raises Invalid for what is in no aggregate's stream: a command or a payload asks for something to be done, and whoever
    passes it over has lost it.
    """
    key, version = (field["name"] for field in schema["fields"][:2])
    if version != "version":
        raise Invalid("type_unknown")
    return msgspec.defstruct(schema["name"], [(key, str), (version, int)], frozen=True)


def key_and_version(event: Struct) -> tuple[str, int]:
    """What `peek` reads of the event's bytes."""
    fields = event.__struct_fields__
    key: str = getattr(event, fields[0])
    version: int = event.version if fields[1] == "version" else 0  # type: ignore[attr-defined]
    return key, version


def _varint(framed: bytes, at: int) -> tuple[int, int]:
    """Avro's zigzag variable-length integer at a position → value and the position after it."""
    result = shift = 0
    while True:
        byte = framed[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (result >> 1) ^ -(result & 1), at
        shift += 7
        if shift > 63:
            raise Invalid("undecodable")


@lru_cache(maxsize=1)
def codec() -> Codec:
    """The codec over the committed lock, and nothing else."""
    return Codec(read_lock())
