"""YAML becomes a `Table`, or the list of everything that is wrong with it.

Guarantees: a table that reads is complete (every row has every output, the default and `on_error` are
there), its cells are checked (`chassis.rules.cells`), and its version changes with its content. Every
problem names file, row and cell. Repeated keys and YAML aliases are refused: the first would lose a
condition silently, the second may grow without bound.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec
import yaml

from chassis.errors import StartRefused
from chassis.rules.cells import cell_of
from chassis.rules.table import Table
from chassis.rules.values import (
    DEFAULT_ROW,
    ERROR_ROW,
    NO_ROW,
    SCORE,
    VERDICT,
    Cell,
    Column,
    Kind,
    Policy,
    Problem,
    Row,
    Sample,
    Thresholds,
    Value,
)

FILE_MAX_BYTES: Final = 256 * 1024
ROWS_MAX: Final = 500  # a table of more is reference material: put it where it can be queried
COLUMNS_MAX: Final = 40
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FACT: Final = re.compile(rf"(?:{_NAME.pattern}\.)?{_NAME.pattern}")
_ROW_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_RESERVED_ROWS: Final = frozenset({DEFAULT_ROW, ERROR_ROW, NO_ROW})
# Words CEL keeps for itself, and names of its types and functions that a variable would shadow.
_RESERVED_NAMES: Final = frozenset(
    {"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in"}
    | {"let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while"}
    | {"bool", "bytes", "double", "duration", "int", "list", "map", "string", "timestamp", "type"}
    | {"uint", "char_len", "has", "matches", "max", "min", "size"}
)

_Written = int | bool | str | list[str]


class TableBroken(StartRefused):
    """Decision tables cannot be used. The message lists every problem by file, row and cell."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class _ColumnFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: Kind
    label: str = ""
    one_of: tuple[str, ...] = ()


class _RowFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    note: str
    when: dict[str, Any]
    then: dict[str, _Written]


class _DefaultFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    note: str = ""
    then: dict[str, _Written]


class _VerdictFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    review_from: int
    block_from: int


class _SampleFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    note: str = ""
    facts: dict[str, Any]
    rows: tuple[str, ...]
    outputs: dict[str, _Written] = {}


class _TableFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    purpose: str
    version: int
    note: str
    policy: Policy
    facts: dict[str, Kind | _ColumnFile]
    outputs: dict[str, Kind | _ColumnFile]
    rows: list[dict[str, Any]]
    on_error: dict[str, _Written]
    default: _DefaultFile | None = None
    verdict: _VerdictFile | None = None
    samples: list[_SampleFile] = []


class _Loader(yaml.SafeLoader):
    """Safe YAML without repeated keys and without aliases."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  PyYAML's signature
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if repeated := sorted({key for key in keys if keys.count(key) > 1}):
            raise yaml.constructor.ConstructorError(
                None, None, f"{', '.join(repeated)} is written twice", node.start_mark
            )
        return super().construct_mapping(node, deep=deep)


class _Reader:
    """Collects problems while the parts of one file are read."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def wrong(self, message: str, *, row: str = "", cell: str = "") -> None:
        self.problems.append(Problem(source=self.source, row=row, cell=cell, message=message))

    def columns(self, written: Mapping[str, Kind | _ColumnFile], part: str) -> dict[str, Column]:
        if not 0 < len(written) <= COLUMNS_MAX:
            self.wrong(f"needs 1 to {COLUMNS_MAX} entries", cell=part)
        columns = {}
        for name, column in written.items():
            pattern = _FACT if part == "facts" else _NAME
            group = name.partition(".")[0]
            reserved = _RESERVED_NAMES.intersection(name.split("."))
            if not pattern.fullmatch(name) or reserved or "__" in name:
                self.wrong("is not a usable name (a-z, 0-9, _; no word of CEL)", cell=name)
            if group != name and group in written:
                self.wrong(f"has a group that is the name of a fact: {group}", cell=name)
            spec = column if isinstance(column, _ColumnFile) else _ColumnFile(type=column)
            if spec.one_of and spec.type not in {"text", "text list"}:
                self.wrong("one_of is for texts", cell=name)
            columns[name] = Column(
                name=name, kind=spec.type, label=spec.label or name, one_of=spec.one_of
            )
        return columns

    def outputs(
        self, written: Mapping[str, _Written], columns: Mapping[str, Column], row: str
    ) -> Mapping[str, Value]:
        for name in columns.keys() - written.keys():
            self.wrong("is missing under then", row=row, cell=name)
        values: dict[str, Value] = {}
        for name, value in written.items():
            column = columns.get(name)
            if column is None:
                self.wrong("is not declared under outputs", row=row, cell=name)
                continue
            values[name] = tuple(value) if isinstance(value, list) else value
            if _kind_of(value) != column.kind:
                self.wrong(f"{value!r} is not {column.kind}", row=row, cell=name)
            elif column.one_of:
                texts = value if isinstance(value, list) else [value]
                strange = [str(text) for text in texts if text not in column.one_of]
                if strange:
                    allowed = ", ".join(column.one_of)
                    self.wrong(f"{', '.join(strange)} is none of {allowed}", row=row, cell=name)
        return MappingProxyType(values)

    def row(
        self, written: _RowFile, facts: Mapping[str, Column], outputs: Mapping[str, Column]
    ) -> Row:
        cells: list[Cell] = []
        for name, condition in written.when.items():
            fact = facts.get(name)
            if fact is None:
                self.wrong("is not declared under facts", row=written.id, cell=name)
                continue
            match cell_of(fact, condition, facts):
                case str() as fault:
                    self.wrong(f"{condition!r} {fault}", row=written.id, cell=name)
                case Cell() as cell:
                    cells.append(cell)
        if not _ROW_ID.fullmatch(written.id) or written.id in _RESERVED_ROWS:
            self.wrong("is not a usable row id (a-z, 0-9, -)", row=written.id, cell="id")
        then = self.outputs(written.then, outputs, written.id)
        return Row(row_id=written.id, note=written.note, cells=tuple(cells), then=then)

    def rows(
        self,
        written: list[dict[str, Any]],
        facts: Mapping[str, Column],
        outputs: Mapping[str, Column],
    ) -> tuple[Row, ...]:
        if not 0 < len(written) <= ROWS_MAX:
            self.wrong(f"needs 1 to {ROWS_MAX} rows", cell="rows")
        rows: list[Row] = []
        for place, raw in enumerate(written, start=1):
            try:
                read = msgspec.convert(raw, _RowFile)
            except msgspec.ValidationError as error:
                self.wrong(str(error), row=str(raw.get("id", f"number {place}")))
                continue
            if any(read.id == row.row_id for row in rows):
                self.wrong("is the id of two rows", row=read.id, cell="id")
            rows.append(self.row(read, facts, outputs))
        return tuple(rows)

    def policy(self, written: _TableFile, outputs: Mapping[str, Column]) -> None:
        """Check what each policy asks for."""
        if written.policy == "first" and written.default is None:
            self.wrong("a first-hit table needs a default", cell="default")
        if written.policy == "collect" and written.default is not None:
            self.wrong("a collecting table has no default: no hit is an answer", cell="default")
        if (verdict := written.verdict) is not None:
            score = outputs.get(SCORE)
            if written.policy != "collect" or score is None or score.kind != "int":
                self.wrong("needs policy collect and an int output 'score'", cell="verdict")
            if verdict.review_from >= verdict.block_from:
                self.wrong("review_from must be below block_from", cell="verdict")
            if VERDICT in outputs:
                self.wrong("is filled in by the thresholds; choose another name", cell=VERDICT)

    def table(self, written: _TableFile) -> Table | None:
        facts = self.columns(written.facts, "facts")
        outputs = self.columns(written.outputs, "outputs")
        if self.problems:
            return None
        self.policy(written, outputs)
        rows = self.rows(written.rows, facts, outputs)
        on_error = self.outputs(written.on_error, outputs, "on_error")
        default = None
        if written.default is not None:
            then = self.outputs(written.default.then, outputs, DEFAULT_ROW)
            default = Row(row_id=DEFAULT_ROW, note=written.default.note, cells=(), then=then)
        thresholds = None
        if written.verdict is not None:
            thresholds = Thresholds(
                review_from=written.verdict.review_from, block_from=written.verdict.block_from
            )
        if self.problems:
            return None
        try:
            return Table(
                name=written.name,
                purpose=written.purpose,
                version=_version(written),
                note=written.note,
                policy=written.policy,
                facts=MappingProxyType(facts),
                outputs=MappingProxyType(outputs),
                rows=rows,
                default=default,
                on_error=on_error,
                thresholds=thresholds,
                samples=tuple(map(_sample, written.samples)),
                source=self.source,
            )
        except ValueError:
            self.wrong("the rows nest too deep to compile: use fewer brackets in the cells")
            return None


def read_table(text: str, source: str) -> Table | tuple[Problem, ...]:
    """Read one table; `source` is what problems call it. Returns every problem found, or the table."""
    reader = _Reader(source)
    if len(text) > FILE_MAX_BYTES:
        reader.wrong(f"is larger than {FILE_MAX_BYTES} characters")
        return tuple(reader.problems)
    try:
        # A subclass of SafeLoader; it makes plain values only.
        document = yaml.load(text, Loader=_Loader)  # noqa: S506
        table = reader.table(msgspec.convert(document, _TableFile))
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError, ValueError) as error:
        reader.wrong(" ".join(str(error).split()))
        return tuple(reader.problems)
    return table if table is not None else tuple(reader.problems)


def load_tables(folder: Path) -> Mapping[str, Table]:
    """Read every `<purpose>/<name>.yaml` below `folder` into tables by "purpose/name".

    Raises `TableBroken` with the problems of all files, or if there is not one file.
    """
    tables: dict[str, Table] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*/*.yaml")):
        source = f"{folder.name}/{path.parent.name}/{path.name}"
        table = read_table(path.read_text(encoding="utf-8"), source)
        if not isinstance(table, Table):
            problems.extend(table)
        elif table.key != f"{path.parent.name}/{path.stem}":
            message = f"says it is {table.key}; purpose and name are those of folder and file"
            problems.append(Problem(source=source, row="", cell="name", message=message))
        else:
            tables[table.key] = table
    if not tables and not problems:
        message = "holds no <purpose>/<name>.yaml; point DANSHU_RULES_DIR at the tables"
        problems.append(Problem(source=str(folder), row="", cell="", message=message))
    if problems:
        raise TableBroken(tuple(problems))
    return MappingProxyType(tables)


def _version(written: _TableFile) -> str:
    """Return declared number and content hash; samples decide nothing and do not count."""
    content = msgspec.to_builtins(written)
    del content["samples"]
    # Rows and lists keep their order, which decides; the order of keys does not.
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False).encode()
    return f"{written.version}.{hashlib.sha256(canonical).hexdigest()[:8]}"


def _sample(written: _SampleFile) -> Sample:
    outputs = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in written.outputs.items()
    }
    return Sample(note=written.note, facts=written.facts, rows=written.rows, outputs=outputs)


def _kind_of(value: _Written) -> Kind:
    match value:
        case bool():
            return "bool"
        case int():
            return "int"
        case str():
            return "text"
        case list():
            return "text list"
