"""The topic map against folders, schemas and the code of the services."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from msgspec import Struct

from chassis.processor import Processor
from chassis.topics import TOPICS, Topic, consumed_by
from schemas.events import RECORDS
from schemas.generate import SOURCES, generate

ROOT = Path(__file__).parents[2]
SERVICES = {path.name for path in (ROOT / "services").iterdir() if (path / "__main__.py").exists()}
ANYONE = "*"
WITHOUT_RECORDS = {"dead-letters"}
"""Holds the original bytes of any topic."""
LIVE_READERS = {"insight"}
"""Consumers that are no Processor: Faust keeps its own group."""
BY_NAME = {record.__name__: record for record in RECORDS}


def service_of(processor: str) -> str:
    """`ingest-writeback` is part of `ingest`."""
    return processor.partition("-")[0]


def topic_of(record: type[Struct]) -> str:
    return str(record.TOPIC)  # type: ignore[attr-defined]


@lru_cache
def modules(service: str) -> tuple[tuple[str, ast.Module], ...]:
    """Import name and syntax of every module of a service."""
    paths = sorted((ROOT / "services" / service).rglob("*.py"))
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)
    return tuple(
        (name, ast.parse(path.read_text(encoding="utf-8")))
        for name, path in zip(names, paths, strict=True)
    )


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Every call by the last part of its name."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                yield name, node


def processors(service: str) -> Iterator[tuple[str, set[type[Struct]]]]:
    """Name and handled records of every `Processor(...)` in a service's code."""
    for module_name, tree in modules(service):
        for called, call in calls(tree):
            if called == Processor.__name__:
                given = {keyword.arg: keyword.value for keyword in call.keywords}
                records = handled(module_name, given["handlers"])
                # Questions of chassis.direct come by no topic.
                on_topics = {record for record in records if hasattr(record, "TOPIC")}
                yield named(module_name, given["name"]), on_topics


def named(module_name: str, name: ast.expr) -> str:
    """A processor's name, written out or a constant's."""
    match name:
        case ast.Constant(value=str(written)):
            return written
        case ast.Name(id=constant):
            return str(getattr(importlib.import_module(module_name), constant))
        case _:
            raise AssertionError(f"{module_name}: a processor's name is written out")


def handled(module_name: str, handlers: ast.expr) -> set[type[Struct]]:
    """The keys of `handlers=…`: a table's name, a table, one of two, or a function's which needs none of what it is given."""
    module = importlib.import_module(module_name)
    match handlers:
        case ast.Name(id=name):
            return set(getattr(module, name))
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return set(getattr(getattr(module, owner), name))
        case ast.Dict(keys=keys, values=values):
            spread = [value for key, value in zip(keys, values, strict=True) if key is None]
            found = {getattr(module, key.id) for key in keys if isinstance(key, ast.Name)}
            return found.union(*(handled(module_name, value) for value in spread))
        case ast.IfExp(body=one, orelse=other):
            return handled(module_name, one) | handled(module_name, other)
        case ast.Call(func=ast.Name(id=name)):
            return set(getattr(module, name)(()))
        case _:
            raise AssertionError(f"{module_name}: handlers are a table or its name")


@lru_cache
def constructed(service: str) -> frozenset[type[Struct]]:
    """Records that a service's code builds."""
    return frozenset(
        BY_NAME[called]
        for _, tree in modules(service)
        for called, _ in calls(tree)
        if called in BY_NAME
    )


HANDLED = {
    name: (service, records)
    for service in sorted(SERVICES)
    for name, records in processors(service)
}


def test_every_record_has_a_topic_and_every_topic_a_record() -> None:
    assert {topic_of(record) for record in RECORDS} == set(TOPICS) - WITHOUT_RECORDS


def test_every_folder_of_schemas_is_one_generated_module() -> None:
    folders = {path.name for path in SOURCES.iterdir() if path.is_dir()}
    modules = {f"{name.replace('-', '_')}.py" for name in folders}
    assert modules | {"__init__.py"} == set(generate())


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_the_key_is_the_first_field_and_the_version_the_second(record: type[Struct]) -> None:
    topic = TOPICS[topic_of(record)]
    first, second = record.__struct_fields__[:2]
    # A receipt's key is its document: the topic's map says so.
    assert first in {topic.key, "document_no"}
    if topic.domain.startswith("commands-"):
        assert second == "command_id"
    elif "version" in record.__struct_fields__:
        assert second == "version"


def test_order_keyed_topics_have_equal_partitions() -> None:
    counts = {topic.partitions for topic in TOPICS.values() if topic.key == "order_id"}
    assert len(counts) == 1


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.domain)
def test_producer_and_consumers_of_a_topic_exist(topic: Topic) -> None:
    known = {*HANDLED, *LIVE_READERS, ANYONE}
    assert set(topic.consumers) <= known
    assert topic.producer == ANYONE or service_of(topic.producer) in SERVICES


@pytest.mark.parametrize("name", list(HANDLED))
def test_a_processor_handles_only_what_the_map_gives_it(name: str) -> None:
    service, records = HANDLED[name]
    assert service_of(name) == service
    assert {topic_of(record) for record in records} <= set(consumed_by(name))


@pytest.mark.parametrize("name", list(HANDLED))
def test_a_processor_reads_no_topic_in_vain(name: str) -> None:
    handled_topics = {topic_of(record) for record in HANDLED[name][1]}
    assert set(consumed_by(name)) - handled_topics == set(), "take it out of schemas/topics.toml"


@pytest.mark.parametrize(
    "record",
    [record for record in RECORDS if TOPICS[topic_of(record)].producer != ANYONE],
    ids=lambda record: record.__name__,
)
def test_an_event_is_made_by_the_one_service_the_map_names(record: type[Struct]) -> None:
    producer = TOPICS[topic_of(record)].producer
    makers = {service for service in SERVICES if record in constructed(service)}
    assert makers == {service_of(producer)}


@pytest.mark.parametrize(
    "record",
    [record for record in RECORDS if topic_of(record).startswith("commands-")],
    ids=lambda record: record.__name__,
)
def test_a_command_is_handled_by_the_service_in_its_topics_name(record: type[Struct]) -> None:
    handlers = {service for service, records in HANDLED.values() if record in records}
    assert handlers - {"console"} == {service_of(topic_of(record).removeprefix("commands-"))}
