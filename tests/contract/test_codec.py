"""The one door to the wire under values and bytes of every kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from io import BytesIO
from typing import Any

import msgspec
import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from chassis.codec import HEADER, PAYLOAD_BYTES_MAX, Codec, Peeked, codec, key_and_version
from chassis.errors import Invalid, Unavailable
from chassis.reading import long_at, reader
from schemas.events import RECORDS
from schemas.events.orders import OrderPlaced
from schemas.lock import newest, read_lock, sources
from tests.support.examples import example

EVERY_RECORD = pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
BRIEFLY = settings(max_examples=25, deadline=None)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_2100_MS = 4_102_444_800_000
IN_USE_MS = (1_599_999_999_999, 2_199_999_999_999)
"""Of every length and pattern of bits that a time of our days has."""


@lru_cache
def values(avro: Any) -> st.SearchStrategy[Any]:
    return _values(msgspec.json.decode(avro))


def _values(avro: Any) -> st.SearchStrategy[Any]:
    """What may stand where a schema says `avro`."""
    match avro:
        case "string":
            return st.text(max_size=20)
        case "boolean":
            return st.booleans()
        case "bytes":
            return st.binary(max_size=40)
        case "int":
            return st.integers(-(2**31), 2**31 - 1)
        case "long":
            return st.integers(-(2**63), 2**63 - 1)
        case {"logicalType": "timestamp-millis"}:
            return (st.integers(0, YEAR_2100_MS) | st.integers(*IN_USE_MS)).map(
                lambda ms: EPOCH + timedelta(milliseconds=ms)
            )
        case {"type": "array", "items": items}:
            return st.lists(_values(items), max_size=3)
        case {"type": "record", "fields": fields}:
            return st.fixed_dictionaries({f["name"]: _values(f["type"]) for f in fields})
        case ["null", inner]:
            return st.none() | _values(inner)
        case _:
            raise ValueError(avro)


@lru_cache
def parsed(record: type[Struct]) -> Any:
    return parse_schema(sources()[record.FULL_NAME])  # type: ignore[attr-defined]


@lru_cache
def events(record: type[Struct]) -> st.SearchStrategy[Struct]:
    schema = sources()[record.FULL_NAME]  # type: ignore[attr-defined]
    return values(msgspec.json.encode(schema)).map(lambda fields: msgspec.convert(fields, record))


def read_or_refused(framed: bytes) -> Struct | None:
    """The event, or None where the bytes are refused; any other exception is a failure."""
    refused = 0
    try:
        codec().peek(framed)
    except Invalid:
        refused = 1
    try:
        event = codec().decode(framed)
    except Invalid:
        return None
    assert not refused, "what decodes can be peeked at"
    return event


@EVERY_RECORD
@BRIEFLY
@given(generated=st.data())
def test_what_is_encoded_is_decoded(record: type[Struct], generated: st.DataObject) -> None:
    event = generated.draw(events(record))
    framed = codec().encode(event)
    assert codec().record_type(framed) is record
    assert codec().decode(framed) == event


@EVERY_RECORD
@BRIEFLY
@given(generated=st.data())
def test_peeking_gives_key_and_version_of_decoding(
    record: type[Struct], generated: st.DataObject
) -> None:
    event = generated.draw(events(record))
    peeked = codec().peek(codec().encode(event))
    first = record.__struct_fields__[0]
    assert peeked == Peeked(record, getattr(event, first), getattr(event, "version", 0))
    assert key_and_version(event) == (peeked.key, peeked.version)


def _in_lists(value: Any) -> Any:
    """The same with lists for tuples: in a union fastavro takes nothing else for an array."""
    match value:
        case dict():
            return {name: _in_lists(one) for name, one in value.items()}
        case list() | tuple():
            return [_in_lists(one) for one in value]
        case _:
            return value


@EVERY_RECORD
@BRIEFLY
@given(generated=st.data())
def test_what_is_encoded_are_the_bytes_of_fastavro(
    record: type[Struct], generated: st.DataObject
) -> None:
    event = generated.draw(events(record))
    framed = codec().encode(event)
    reference = BytesIO()
    fields = msgspec.to_builtins(event, builtin_types=(datetime, bytes))
    schemaless_writer(reference, parsed(record), _in_lists(fields))
    assert framed[5:] == reference.getvalue()


def _as_fastavro_reads(record: type[Struct], framed: bytes) -> Struct | None:
    body = BytesIO(framed[HEADER.size :])
    try:
        event = msgspec.convert(schemaless_reader(body, parsed(record), None), record)
    except Exception:  # noqa: BLE001 — whatever the broken bytes led it to
        return None
    return event if body.tell() == len(framed) - HEADER.size else None


@EVERY_RECORD
@BRIEFLY
@given(generated=st.data())
def test_what_is_read_is_what_fastavro_reads_of_damaged_bytes_too(
    record: type[Struct], generated: st.DataObject
) -> None:
    framed = codec().encode(generated.draw(events(record)))
    read = reader(parsed(record), record, HEADER.size)
    assert read(framed) == _as_fastavro_reads(record, framed)
    start = generated.draw(st.integers(HEADER.size, len(framed)))
    end = generated.draw(st.integers(start, min(len(framed), start + 3)))
    damaged = framed[:start] + generated.draw(st.binary(max_size=8)) + framed[end:]
    try:
        event = read(damaged)
    except Exception:  # noqa: BLE001 — refused, so that fastavro is asked
        return
    assert event == _as_fastavro_reads(record, damaged)


@given(number=st.integers(-(2**63), 2**63 - 1))
def test_a_number_of_any_length_is_read(number: int) -> None:
    written = BytesIO()
    schemaless_writer(written, parse_schema("long"), number)
    framed = written.getvalue()
    assert long_at(framed, 0) == (number, len(framed))


@pytest.mark.parametrize(
    "changes",
    [
        {"payable_fen": 2**63},
        {"payable_fen": -(2**63) - 1},
        {"payable_fen": 1.5},
        {"payable_fen": None},
        {"shop": None},
        {"shop": 7},
        {"shop": "\ud800"},
        {"personal": None},
        {"personal": "text"},
        {"lines": None},
        {"lines": (None,)},
        {"promotions": ("no record",)},
        {"occurred_at": None},
        {"occurred_at": datetime(2026, 11, 11, 4, 0)},  # noqa: DTZ001 — nobody knows whose noon it is
    ],
)
def test_what_the_schema_does_not_allow_is_not_written(changes: dict[str, Any]) -> None:
    broken = msgspec.structs.replace(example(OrderPlaced), **changes)
    with pytest.raises((TypeError, AttributeError, ValueError, OverflowError)):
        codec().encode(broken)


@given(microseconds=st.integers(-(10**15), 4 * 10**15))
@settings(deadline=None)
def test_a_time_keeps_its_milliseconds_and_drops_the_rest(microseconds: int) -> None:
    moment = EPOCH + timedelta(microseconds=microseconds)
    event = msgspec.structs.replace(example(OrderPlaced), occurred_at=moment)
    decoded: Any = codec().decode(codec().encode(event))
    assert decoded.occurred_at == EPOCH + timedelta(milliseconds=microseconds // 1000)


def test_a_version_given_at_encoding_replaces_the_events_own() -> None:
    framed = codec().encode(example(OrderPlaced), version=41)
    assert codec().peek(framed).version == 41
    decoded: Any = codec().decode(framed)
    assert decoded.version == 41


LATER = 60
"""So many schemas came after the release that reads below."""


class Registry:
    """Holds every schema of today, and counts who asks."""

    def __init__(self) -> None:
        self.held = {entry.schema_id: entry.schema() for entry in read_lock()}
        self.asked: list[int] = []

    def __call__(self, schema_id: int) -> dict[str, Any] | None:
        self.asked.append(schema_id)
        return self.held.get(schema_id)


@EVERY_RECORD
def test_an_earlier_release_reads_what_this_one_writes_as_far_as_it_knows_it(
    record: type[Struct],
) -> None:
    registry = Registry()
    earlier = read_lock()[:-LATER]
    old = Codec(earlier, registry)
    event = example(record)
    framed = codec().encode(event)
    known = newest(earlier).get(record.FULL_NAME)  # type: ignore[attr-defined]
    if known is not None:
        read = old.decode(framed)
        assert type(read) is record
        for field in known.schema()["fields"]:
            # Of records within the record an older release knows less, too.
            if not isinstance(field["type"], dict | list) or "logicalType" in field["type"]:
                assert getattr(read, field["name"]) == getattr(event, field["name"])
    elif "version" in record.__struct_fields__:
        peeked = old.peek(framed)
        assert (peeked.key, peeked.version) == key_and_version(event)
        assert peeked.record is old.peek(framed).record
        assert peeked.record.__name__ == record.__name__
        with pytest.raises(Invalid, match="type_unknown"):
            old.decode(framed)
    else:
        with pytest.raises(Invalid, match="type_unknown"):
            old.record_type(framed)
    assert len(registry.asked) <= 1


def test_a_schema_is_asked_for_until_there_is_an_answer_and_then_no_more() -> None:
    registry, away = Registry(), [True, True, False]

    def asked(schema_id: int) -> dict[str, Any] | None:
        if away.pop(0):
            raise Unavailable("the registry does not answer")
        return registry(schema_id)

    old = Codec(read_lock()[:1], asked)
    framed = codec().encode(example(OrderPlaced))
    for reads in (old.peek, old.record_type):
        with pytest.raises(Unavailable):
            reads(framed)
    assert old.peek(framed) == old.peek(framed)
    assert not away


@pytest.mark.parametrize(
    "schema",
    [None, {}, {"type": "record"}, "string", {"type": "record", "name": "One", "fields": []}],
)
def test_what_the_registry_does_not_hold_or_holds_for_others_is_refused(schema: Any) -> None:
    old = Codec(read_lock()[:1], lambda _: schema)
    with pytest.raises(Invalid, match="schema_unknown"):
        old.peek(codec().encode(example(OrderPlaced)))


@EVERY_RECORD
def test_a_record_cut_short_anywhere_is_refused(record: type[Struct]) -> None:
    framed = codec().encode(example(record))
    assert [end for end in range(len(framed)) if read_or_refused(framed[:end])] == []


@EVERY_RECORD
def test_any_flipped_bit_is_refused_or_read(record: type[Struct]) -> None:
    framed = codec().encode(example(record))
    for place in range(len(framed)):
        for bit in range(8):
            broken = bytearray(framed)
            broken[place] ^= 1 << bit
            read_or_refused(bytes(broken))


@given(garbage=st.binary(max_size=60), number=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_garbage_is_refused_or_read(garbage: bytes, number: int) -> None:
    read_or_refused(garbage)
    read_or_refused(b"\x00" + (1 + number % len(RECORDS)).to_bytes(4, "big") + garbage)


@EVERY_RECORD
def test_bytes_behind_a_record_are_refused(record: type[Struct]) -> None:
    with pytest.raises(Invalid, match="trailing_bytes"):
        codec().decode(codec().encode(example(record)) + b"\x00")


@pytest.mark.parametrize(
    ("framed", "code"),
    [
        (b"", "not_framed"),
        (b"\x00\x00\x00\x00", "not_framed"),
        (b"{}   ", "not_framed"),
        (b"\x00\x00\x00\x00\x00", "schema_unknown"),
        (b"\x00\xff\xff\xff\xff", "schema_unknown"),
        (codec().encode(example(OrderPlaced))[:5] + bytes(PAYLOAD_BYTES_MAX), "too_large"),
    ],
)
def test_what_is_no_record_of_ours_is_refused(framed: bytes, code: str) -> None:
    with pytest.raises(Invalid, match=code):
        codec().decode(framed)
