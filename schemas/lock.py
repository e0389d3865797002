"""Pins schema ids: the order of registration is the order of lines in `ids.lock`.

A line is `<full name> <version> <id> <sha256 of the canonical schema>`. A registry that is filled in this
order hands out these ids, so that a log which outlives an in-memory registry stays readable. Every version
ever locked is kept under `history/`. Run `python -m schemas.lock` after changing an `.avsc`; it refuses a
change that is not compatible with every earlier version in both directions.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from msgspec import Struct

ROOT = Path(__file__).parent
SOURCES = ROOT / "avro"
HISTORY = ROOT / "history"
LOCK = ROOT / "ids.lock"


class Locked(Struct, frozen=True, kw_only=True):
    """One registered schema version."""

    full_name: str
    version: int
    schema_id: int
    sha256: str

    def schema(self) -> dict[str, Any]:
        """The schema as it was locked."""
        path = HISTORY / self.full_name / f"{self.version}.avsc"
        schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return schema


def canonical(schema: dict[str, Any]) -> str:
    """The text that is registered and hashed: key order, spaces and our own `topic` do not matter."""
    wire = {name: value for name, value in schema.items() if name != "topic"}
    return json.dumps(wire, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(schema: dict[str, Any]) -> str:
    """sha256 of the canonical text, in hex."""
    return hashlib.sha256(canonical(schema).encode()).hexdigest()


def sources() -> dict[str, dict[str, Any]]:
    """Full name → schema, of every `.avsc` file, by path."""
    schemas = (
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(SOURCES.rglob("*.avsc"))
    )
    return {f"{schema['namespace']}.{schema['name']}": schema for schema in schemas}


def read_lock(path: Path = LOCK) -> tuple[Locked, ...]:
    """The locked versions in order of registration."""
    if not path.exists():
        return ()
    rows = (line.split() for line in path.read_text(encoding="utf-8").splitlines() if line)
    return tuple(
        Locked(full_name=name, version=int(version), schema_id=int(schema_id), sha256=sha256)
        for name, version, schema_id, sha256 in rows
    )


def newest(locked: tuple[Locked, ...]) -> dict[str, Locked]:
    """Full name → its newest version."""
    return {entry.full_name: entry for entry in locked}


def incompatible(reader: dict[str, Any], writer: dict[str, Any]) -> list[str]:
    """Why `reader` cannot read what `writer` wrote; empty when it can."""
    from avro.compatibility import (
        ReaderWriterCompatibilityChecker,
        SchemaCompatibilityType,
    )
    from avro.schema import parse

    checker: Any = ReaderWriterCompatibilityChecker  # untyped library
    result = checker().get_compatibility(parse(json.dumps(reader)), parse(json.dumps(writer)))
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    return [str(message) for message in result.messages] or ["incompatible"]


def breaches(schema: dict[str, Any], earlier: list[dict[str, Any]]) -> list[str]:
    """What breaks FULL_TRANSITIVE between a schema and all its earlier versions."""
    found = []
    for number, old in enumerate(earlier, start=1):
        found += [f"cannot read version {number}: {why}" for why in incompatible(schema, old)]
        found += [f"version {number} cannot read it: {why}" for why in incompatible(old, schema)]
    return found


def main() -> None:
    """Appends new and changed schemas to the lock; stops at the first incompatible one."""
    locked = list(read_lock())
    for full_name, schema in sources().items():
        versions = [entry for entry in locked if entry.full_name == full_name]
        if versions and versions[-1].sha256 == digest(schema):
            continue
        if problems := breaches(schema, [entry.schema() for entry in versions]):
            raise SystemExit(
                f"{full_name} is not compatible with its past:\n  " + "\n  ".join(problems)
            )
        entry = Locked(
            full_name=full_name,
            version=len(versions) + 1,
            schema_id=max((entry.schema_id for entry in locked), default=0) + 1,
            sha256=digest(schema),
        )
        path = HISTORY / full_name / f"{entry.version}.avsc"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(canonical(schema) + "\n", encoding="utf-8")
        locked.append(entry)
    lines = (f"{e.full_name} {e.version} {e.schema_id} {e.sha256}\n" for e in locked)
    LOCK.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
