"""Writes what the channels declare as their extensions into `schemas/avro/orders/`; a test writes it anew and compares.

A record a channel, each an optional field of `ChannelExtension`: so a channel may come later, and FULL_TRANSITIVE
holds, which a union of records would break with every channel that is added. For the same reason a field that is added
to a record has to be optional; `schemas.lock` refuses another.

Run: `python -m services.ingest.extension_schema`, then `schemas.generate`, `schemas.lock` and `schemas.asyncapi`.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from msgspec import Struct

from chassis.plugins import load
from schemas.generate import SOURCES
from services.ingest.channels import Channel
from services.ingest.domain.extensions import EXTENSION, personal_fields
from services.ingest.domain.model import Extension

RECORDS = ("OrderPlaced", "OrderAmended")
NAMESPACE = "danshu.orders"
_PRIMITIVES = {str: "string", int: "long", bool: "boolean"}
_FIELD_DOC = "渠道扩展 · what only this channel tells; null = nothing: an imported order, or one told before these were"


def field_docs(kind: type[Struct]) -> dict[str, str]:
    """The text under each field of a class, from its source."""
    (tree,) = ast.parse(dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    docs = {}
    for field, below in pairwise(tree.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            told = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            docs[field.target.id] = str(below.value.value) if told else ""  # type: ignore[attr-defined]
    return docs


def avro_type(annotation: Any, prefix: str) -> Any:
    """The Avro type of a field. Raises ValueError for one that is not on the wire."""
    if annotation in _PRIMITIVES:
        return _PRIMITIVES[annotation]
    if annotation is datetime:
        return {"type": "long", "logicalType": "timestamp-millis"}
    arguments = get_args(annotation)
    if get_origin(annotation) is UnionType and arguments[1:] == (NoneType,):
        return ["null", avro_type(arguments[0], prefix)]
    if get_origin(annotation) is tuple and arguments[1:] == (Ellipsis,):
        return {"type": "array", "items": avro_type(arguments[0], prefix)}
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        doc = (annotation.__doc__ or "").split(".")[0]
        return _record(annotation, prefix + annotation.__name__, doc, prefix, hidden=())
    raise ValueError(f"the wire has no place for {annotation!r}")


def extension_record(channel: Channel) -> dict[str, Any]:
    """The record of one channel, without what tells of a person."""
    kind = channel.extension
    prefix = kind.__name__.removesuffix(Extension.__name__)
    doc = f"{channel.title_zh}扩展 · what only this channel tells"
    return _record(kind, kind.__name__, doc, prefix, hidden=personal_fields(kind))


def extension_field(channels: Mapping[str, Channel]) -> dict[str, Any]:
    """The field `extension` of an event."""
    fields = [
        {
            "name": name,
            "type": ["null", extension_record(channel)],
            "doc": channel.title_zh,
            "default": None,
        }
        for name, channel in sorted(channels.items())
    ]
    every = {
        "type": "record",
        "name": "ChannelExtension",
        "namespace": NAMESPACE,
        "doc": "渠道扩展 · the record of the order's channel; all others are null",
        "fields": fields,
    }
    return {"name": EXTENSION, "type": ["null", every], "doc": _FIELD_DOC, "default": None}


def render() -> dict[Path, str]:
    """Every file that has the field, as it should be."""
    field = extension_field(load("services.ingest.channels", "CHANNEL", Channel))
    rendered = {}
    for name in RECORDS:
        path = SOURCES / "orders" / f"{name}.avsc"
        schema = json.loads(path.read_text(encoding="utf-8"))
        if not any(one["name"] == EXTENSION for one in schema["fields"]):
            schema["fields"].append(field)
        schema["fields"] = [field if f["name"] == EXTENSION else f for f in schema["fields"]]
        rendered[path] = json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
    return rendered


def _record(
    kind: type[Struct], name: str, doc: str, prefix: str, *, hidden: tuple[str, ...]
) -> dict[str, Any]:
    hints, docs, fields = get_type_hints(kind), field_docs(kind), []
    for field in kind.__struct_fields__:
        if field in hidden:
            continue
        avro = avro_type(hints[field], prefix)
        entry = {"name": field, "type": avro, "doc": docs[field]}
        fields.append(entry | {"default": None} if isinstance(avro, list) else entry)
    return {"type": "record", "name": name, "namespace": NAMESPACE, "doc": doc, "fields": fields}


def main() -> None:
    """Writes the files."""
    for path, text in render().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
