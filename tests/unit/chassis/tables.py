"""Small decision tables for tests, written as people write them."""

import json
from collections.abc import Mapping

from chassis.rules import (
    Decision,
    Problem,
    Table,
    read_table,
)

FACTS = {"province": "text", "quantity": "int", "vague": "bool", "labels": "text list"}
GIVEN = {"province": "浙江", "quantity": 5, "vague": False, "labels": ["新客"]}


def written(**changes: object) -> str:
    """A small first-hit table with one row, and whatever a test changes in it."""
    table: dict[str, object] = {
        "name": "t",
        "purpose": "p",
        "version": 1,
        "note": "",
        "policy": "first",
        "facts": FACTS,
        "outputs": {"hit": "bool"},
        "rows": [{"id": "r", "note": "", "when": {}, "then": {"hit": True}}],
        "default": {"then": {"hit": False}},
        "on_error": {"hit": False},
    }
    kept = {key: value for key, value in (table | changes).items() if value is not None}
    return json.dumps(kept, ensure_ascii=False)  # JSON is YAML


def rows_when(*conditions: Mapping[str, object]) -> list[dict[str, object]]:
    return [
        {"id": f"r{place}", "note": "", "when": dict(when), "then": {"hit": True}}
        for place, when in enumerate(conditions)
    ]


def read(**changes: object) -> Table:
    table = read_table(written(**changes), "t.yaml")
    assert isinstance(table, Table), "\n".join(map(str, table))
    return table


def problems(**changes: object) -> tuple[Problem, ...]:
    table = read_table(written(**changes), "t.yaml")
    assert not isinstance(table, Table)
    return table


def decide(fact: str, cell: object, **facts: object) -> Decision:
    return read(rows=rows_when({fact: cell})).decide(GIVEN | facts)
