"""Writes `schemas/events/*.py` from the `.avsc` files, which are the source; a test regenerates and compares.

A folder is a domain; a record goes to the topic of that name unless its `topic` says another.

One frozen value per record, named like it; `doc` becomes the comment. Avro `long` with `timestamp-millis`
is an aware UTC `datetime`, `bytes` are `bytes`, arrays are tuples. Run: `python -m schemas.generate`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeAlias, cast

ROOT = Path(__file__).parent
SOURCES = ROOT / "avro"
TARGET = ROOT / "events"

AvroType: TypeAlias = "str | list[AvroType] | dict[str, AvroType]"

PRIMITIVES = {
    "string": "str",
    "long": "int",
    "int": "int",
    "boolean": "bool",
    "bytes": "bytes",
}


def python_type(avro: AvroType) -> str:
    """The annotation of one Avro type; refuses what our wire law forbids (float, decimal, map)."""
    match avro:
        case str() if avro in PRIMITIVES:
            return PRIMITIVES[avro]
        case {"logicalType": "timestamp-millis"}:
            return "datetime"
        case {"type": "array", "items": items}:
            return f"tuple[{python_type(items)}, ...]"
        case {"type": "record", "name": str(name)}:
            return name
        case ["null", inner]:
            return f"{python_type(inner)} | None"
        case _:
            raise ValueError(f"the wire law has no place for {avro!r}")


def nested_records(avro: AvroType) -> list[dict[str, AvroType]]:
    """Records inside a type, innermost first."""
    if isinstance(avro, list):
        return [record for part in avro for record in nested_records(part)]
    if not isinstance(avro, dict):
        return []
    if avro["type"] == "array":
        return nested_records(avro["items"])
    if avro["type"] != "record":
        return []
    fields = cast("list[dict[str, AvroType]]", avro["fields"])
    return [inner for field in fields for inner in nested_records(field["type"])] + [avro]


def render_record(record: dict[str, AvroType], topic: str) -> str:
    """Source of one class; `topic` is empty for a record that only lives inside others."""
    fields = cast("list[dict[str, AvroType]]", record["fields"])
    # One that may be empty, of many, is written without what it does not have.
    sparse = ", omit_defaults=True" if all("default" in field for field in fields) else ""
    lines = [
        f"class {record['name']}(Struct, frozen=True, kw_only=True{sparse}):",
        f'    """{record["doc"]}."""',
        "",
    ]
    if topic:
        lines += [
            f'    TOPIC: ClassVar[str] = "{topic}"',
            f'    FULL_NAME: ClassVar[str] = "{record["namespace"]}.{record["name"]}"',
            "",
        ]
    for field in fields:
        # The wire law knows one default: null, of a value that may be absent.
        default = " = None" if "default" in field else ""
        lines += [
            f"    {field['name']}: {python_type(field['type'])}{default}",
            f'    """{field["doc"]}"""',
        ]
    return "\n".join(lines) + "\n"


def render_domain(domain: str, files: list[Path]) -> str:
    """Source of one module: every record of one topic."""
    rendered: dict[str, str] = {}
    top_level: list[str] = []
    for path in files:
        record = json.loads(path.read_text(encoding="utf-8"))
        for nested in nested_records(record):
            source = render_record(
                nested, str(record.get("topic", domain)) if nested is record else ""
            )
            name = str(nested["name"])
            if rendered.setdefault(name, source) != source:
                raise ValueError(f"{path}: {name} is defined twice and differently")
        top_level.append(record["name"])
    text = "\n\n".join(rendered.values())
    imports = ["from __future__ import annotations", ""]
    if "datetime" in text:
        imports += ["from datetime import datetime"]
    imports += ["from typing import ClassVar", "", "from msgspec import Struct"]
    header = f'"""Records of the domain `{domain}`. Generated from schemas/avro/{domain}/ — do not edit."""\n'
    names = "".join(f"    {name},\n" for name in top_level)
    footer = f"RECORDS: tuple[type[Struct], ...] = (\n{names})\n"
    return "\n".join([header, *imports, "", "", text, "", footer])


def generate() -> dict[str, str]:
    """File name → text of every generated module."""
    modules = {
        folder.name: render_domain(folder.name, sorted(folder.glob("*.avsc")))
        for folder in sorted(SOURCES.iterdir())
        if folder.is_dir()
    }
    module_names = {domain: domain.replace("-", "_") for domain in modules}
    index = ['"""Every record on the wire, by full name. Generated — do not edit."""', ""]
    index += ["from __future__ import annotations", "", "from msgspec import Struct", ""]
    index += ["from schemas.events import ("]
    index += [f"    {name}," for name in module_names.values()] + [")", ""]
    index += ["RECORDS: tuple[type[Struct], ...] = ("]
    index += [f"    *{name}.RECORDS," for name in module_names.values()] + [")", ""]
    files = {f"{module_names[domain]}.py": text for domain, text in modules.items()}
    return files | {"__init__.py": "\n".join(index)}


def main() -> None:
    """Writes the modules and removes those whose source is gone."""
    TARGET.mkdir(exist_ok=True)
    files = generate()
    for old in TARGET.glob("*.py"):
        if old.name not in files:
            old.unlink()
    for name, text in files.items():
        (TARGET / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
