"""Generated documents are what the code says today."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.topics import TOPICS
from cli import facts_page, metrics_page
from schemas import asyncapi
from schemas.events import RECORDS

ROOT = Path(__file__).parents[2]


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolves(document: Any, reference: str) -> bool:
    where, _, pointer = reference.partition("#")
    if where:
        return (asyncapi.DOCUMENT.parent / where).resolve().is_file()
    for step in pointer.strip("/").split("/"):
        if step not in document:
            return False
        document = document[step]
    return True


def test_the_asyncapi_document_is_that_of_the_schemas() -> None:
    written = asyncapi.DOCUMENT.read_text(encoding="utf-8")
    assert written == asyncapi.text(), "run: python -m schemas.asyncapi"


def test_the_asyncapi_document_holds_together() -> None:
    document = yaml.safe_load(asyncapi.DOCUMENT.read_text(encoding="utf-8"))
    assert document["asyncapi"] == "3.0.0"
    assert [r for r in references(document) if not resolves(document, r)] == []
    assert set(document["channels"]) == set(TOPICS)
    listed = [name for c in document["channels"].values() for name in c["messages"]]
    assert sorted(listed) == sorted([*(record.__name__ for record in RECORDS), "DeadLetter"])


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_message_is_in_its_records_channel(record: Any) -> None:
    channel = asyncapi.document()["channels"][record.TOPIC]
    assert record.__name__ in channel["messages"]


def test_the_page_of_rules_has_the_facts_of_the_schema() -> None:
    written = facts_page.PAGE.read_text(encoding="utf-8")
    assert written == facts_page.text(written), "run: python -m cli.facts_page"


def test_the_metrics_page_is_that_of_the_code() -> None:
    written = metrics_page.PAGE.read_text(encoding="utf-8")
    assert written == metrics_page.text(), "run: python -m cli.metrics_page"


def test_metrics_are_defined_where_the_page_looks_and_are_explained() -> None:
    wanted = [ROOT / f"{module.replace('.', '/')}.py" for module in metrics_page.modules().values()]
    for path in sorted((*ROOT.glob("chassis/**/*.py"), *ROOT.glob("services/**/*.py"))):
        made = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"Counter", "Gauge", "Histogram", "Summary"}
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ]
        assert not made or path in wanted, f"{path}: move the metric to metrics.py beside it"
    rows = [line for line in metrics_page.text().splitlines() if line.startswith("| `")]
    assert all(re.match(r"\| `danshu_[a-z_]+` \| \w+ \| [^|]+ \| \w.+ \|$", row) for row in rows)
