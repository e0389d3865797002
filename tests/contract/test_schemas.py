"""The wire law, the lock, the past of every schema, and bytes written once that are read for ever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastavro import parse_schema
from msgspec import Struct

from chassis.codec import codec
from schemas.events import RECORDS
from schemas.generate import SOURCES, TARGET, generate
from schemas.lock import HISTORY, breaches, digest, newest, read_lock, sources
from tests.support.examples import TEXTS, files

FILES = sorted(SOURCES.rglob("*.avsc"))
TIMESTAMP = {"type": "long", "logicalType": "timestamp-millis"}
MONEY_WORDS = ("price", "amount", "paid", "payable", "freight", "discount", "fee", "cost", "money")
NOT_MONEY = frozenset({"include_freight", "refunded_by_channel", "order_fully_refunded"})
"""Flags whose names hold a word of money."""


def read(path: Path) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def fields_of(avro: Any) -> Iterator[dict[str, Any]]:
    """Every field of a record and of the records inside it."""
    if isinstance(avro, list):
        for part in avro:
            yield from fields_of(part)
    elif isinstance(avro, dict) and avro["type"] == "record":
        for field in avro["fields"]:
            yield field
            yield from fields_of(field["type"])
    elif isinstance(avro, dict) and avro["type"] == "array":
        yield from fields_of(avro["items"])


def offences(schema: dict[str, Any]) -> list[str]:
    """What a schema does that the wire law forbids."""
    found = [] if schema.get("doc") else [f"{schema['name']}: no doc"]
    for field in fields_of(schema):
        found += [f"{field['name']}: {why}" for why in _offences(field)]
    return found


def _offences(field: dict[str, Any]) -> Iterator[str]:
    name, avro = field["name"], field["type"]
    if not field.get("doc"):
        yield "no doc, and people read these in the generated types"
    if isinstance(avro, list):
        if len(avro) != 2 or avro[0] != "null" or "default" not in field or field["default"]:
            yield "a union is [null, x] with default null, nothing else"
        avro = avro[-1]
    elif "default" in field:
        yield "only [null, x] has a default"
    if isinstance(avro, dict) and avro["type"] == "array":
        avro = avro["items"]
    if not _allowed(avro):
        yield f"{avro!r} is not on the wire: no float, decimal, map, fixed, enum, union or null"
    if name.endswith("_fen") and avro != "long":
        yield "money is long fen"
    money = any(word in name.split("_") for word in MONEY_WORDS) and name not in NOT_MONEY
    money = money and avro != TIMESTAMP  # paid_at is when, paid_fen is how much
    if money and not name.endswith("_fen"):
        yield "money fields end in _fen"
    if name.endswith(("_at", "_start", "_end")) and avro != TIMESTAMP:
        yield "a time is timestamp-millis"


def _allowed(avro: Any) -> bool:
    if isinstance(avro, dict) and avro["type"] == "record":
        return True
    return avro in ("string", "long", "int", "boolean", "bytes") or avro == TIMESTAMP


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_schema_keeps_the_wire_law(path: Path) -> None:
    schema = read(path)
    parse_schema(schema)
    assert path.stem == schema["name"]
    assert schema["namespace"] == f"danshu.{path.parent.name.replace('-', '_')}"
    assert offences(schema) == []


PLANTED = {
    "float": {"type": "double"},
    "decimal": {"type": {"type": "bytes", "logicalType": "decimal", "precision": 9}},
    "map": {"type": {"type": "map", "values": "string"}},
    "union": {"type": ["null", "string", "long"], "default": None},
    "union without null": {"type": ["string", "long"], "default": ""},
    "default behind": {"type": ["null", "string"], "default": "x"},
    "no default": {"type": ["null", "string"]},
    "zero width": {"type": {"type": "array", "items": "null"}},
    "price": {"name": "price", "type": "long"},
    "int fen": {"name": "price_fen", "type": "int"},
    "text time": {"name": "moved_at", "type": "string"},
    "micros": {"type": {"type": "long", "logicalType": "timestamp-micros"}},
    "no doc": {"type": "string", "doc": ""},
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=list(PLANTED))
def test_a_planted_offence_is_found_also_deep_inside(planted: dict[str, Any]) -> None:
    field = {"name": "x", "doc": "d", **planted}
    inner = {"type": "record", "name": "Inner", "doc": "d", "fields": [field]}
    lines = {"name": "lines", "doc": "d", "type": {"type": "array", "items": inner}}
    schema = {"type": "record", "name": "Outer", "doc": "d", "fields": [lines]}
    assert len(offences(schema)) == 1


def test_names_of_records_are_unique() -> None:
    names = [record.__name__ for record in RECORDS]
    assert len(set(names)) == len(names) == len(FILES)


def test_generated_types_are_those_of_the_schemas() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in TARGET.glob("*.py")}
    assert written == generate(), "run: python -m schemas.generate"


def test_the_lock_is_current_and_its_ids_are_its_order() -> None:
    locked = read_lock()
    assert [entry.schema_id for entry in locked] == list(range(1, len(locked) + 1))
    wanted = {name: digest(schema) for name, schema in sources().items()}
    held = {name: entry.sha256 for name, entry in newest(locked).items()}
    assert held == wanted, "run: python -m schemas.lock"


def test_history_holds_what_was_locked_and_nothing_else() -> None:
    locked = read_lock()
    assert all(digest(entry.schema()) == entry.sha256 for entry in locked)
    kept = {path.relative_to(HISTORY) for path in HISTORY.rglob("*.avsc")}
    assert kept == {Path(entry.full_name) / f"{entry.version}.avsc" for entry in locked}


@pytest.mark.parametrize("full_name", list(sources()))
def test_a_schema_is_compatible_both_ways_with_all_its_past(full_name: str) -> None:
    past = [entry.schema() for entry in read_lock() if entry.full_name == full_name]
    assert breaches(sources()[full_name], past) == []


def _without(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return schema | {"fields": [f for f in schema["fields"] if f["name"] != name]}


def _with(schema: dict[str, Any], field: dict[str, Any]) -> dict[str, Any]:
    return schema | {"fields": [*schema["fields"], field]}


@pytest.mark.parametrize("change", ["added without default", "removed", "retyped", "renamed"])
def test_a_planted_incompatible_change_is_found(change: str) -> None:
    now = sources()["danshu.orders.OrderPaid"]
    fen = {"name": "paid_fen", "doc": "d", "type": "long"}
    changed = {
        "added without default": _with(now, {"name": "new", "doc": "d", "type": "string"}),
        "removed": _without(now, "paid_fen"),
        "retyped": _with(_without(now, "paid_fen"), fen | {"type": "string"}),
        "renamed": _with(_without(now, "paid_fen"), fen | {"name": "payed_fen"}),
    }[change]
    assert breaches(changed, [now])


def test_a_field_with_a_default_may_come_and_go() -> None:
    now = sources()["danshu.orders.OrderPaid"]
    later = _with(now, {"name": "new", "doc": "d", "type": ["null", "string"], "default": None})
    assert breaches(later, [now]) == []
    assert breaches(now, [now, later]) == []


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_bytes_written_once_are_read_as_the_example_says(record: type[Struct]) -> None:
    readable, framed = files(record)
    assert readable.exists(), "run: python -m tests.support.examples"
    written = framed.read_bytes()
    assert codec().record_type(written) is record, (
        "the lock gives this id to another record: ids are never given twice. "
        "If nothing was released yet, remove schemas/examples/ and run python -m tests.support.examples"
    )
    assert codec().decode(written) == msgspec.json.decode(readable.read_bytes(), type=record)


def test_there_is_no_example_without_a_record() -> None:
    wanted = {path for record in RECORDS for path in files(record)}
    kept = {path for path in files(RECORDS[0])[0].parent.parent.rglob("*") if path.is_file()}
    assert kept == wanted
    words = {f["name"] for schema in sources().values() for f in fields_of(schema)}
    assert set(TEXTS) <= words
