"""What a decision table is made of, as frozen values; nothing here evaluates anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

Kind: TypeAlias = Literal["int", "text", "bool", "text list"]
Policy: TypeAlias = Literal["first", "collect"]
Value: TypeAlias = int | bool | str | tuple[str, ...]

T = TypeVar("T")

ERROR_ROW = "error"
DEFAULT_ROW = "default"
NO_ROW = "none"
VERDICT = "verdict"
SCORE = "score"

INT_MIN, INT_MAX = -(2**63), 2**63 - 1  # CEL's int; the library turns larger ones into floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault of a table, placed: `cell` is a fact, an output or a key of the file."""

    source: str
    row: str
    cell: str
    message: str

    def __str__(self) -> str:
        """Return "rules/risk/default.yaml: row vague-address: cell paid_fen: …"."""
        row = f": row {self.row}" if self.row else ""
        cell = f": cell {self.cell}" if self.cell else ""
        return f"{self.source}{row}{cell}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A fact or an output: its type, the word people see, and the texts it may be (empty: any).

    A fact whose name has a group (`ext.pre_sale`) may be missing from the facts.
    """

    name: str
    kind: Kind
    label: str
    one_of: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """Return what stands before the dot, "" for a fact of the order itself."""
        group, dot, _ = self.name.partition(".")
        return group if dot else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """The cell holds for these values only."""

    values: frozenset[Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """The cell holds for integers from `low` to `high`, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """The cell holds where its CEL holds: nothing more is known about it."""

    cel: str


Domain: TypeAlias = OneOf | Between | Otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One condition of a row: as written, as CEL over the facts, and the values it holds for."""

    fact: str
    written: str
    cel: str
    domain: Domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`cells` are the conditions that ask something ("-" is left out); `then` has every output."""

    row_id: str
    note: str
    cells: tuple[Cell, ...]
    then: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Turns the summed score into a verdict: pass, review or block."""

    review_from: int
    block_from: int

    def verdict(self, score: int) -> str:
        """Return "block" from `block_from` up, "review" from `review_from` up, else "pass"."""
        if score >= self.block_from:
            return "block"
        return "review" if score >= self.review_from else "pass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Facts with the row and outputs their author expects; run by `lint`."""

    note: str
    facts: Mapping[str, object]
    rows: tuple[str, ...]
    outputs: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a table said, with everything an order needs to explain itself later.

    `table` is "purpose/name", `version` "number.hash", `row_ids` the rows that hit ("default", "error"
    or, for a collecting table without a hit, nothing), `trace` one line of business Chinese per row,
    `reason` why facts could not be decided (empty otherwise). Holds no fact values, so it is shared.
    """

    table: str
    version: str
    row_ids: tuple[str, ...]
    outputs: Mapping[str, Value]
    trace: tuple[str, ...]
    reason: str = ""

    @property
    def row_id(self) -> str:
        """Return the row ids as one text: "zj-js-sh", "vague+burst", "none"."""
        return "+".join(self.row_ids) or NO_ROW

    @property
    def rule(self) -> str:
        """Return what an order keeps of it: `table@version#rows`."""
        return f"{self.table}@{self.version}#{self.row_id}"

    @property
    def failed(self) -> bool:
        """Return whether the facts could not be decided and `on_error` speaks."""
        return self.row_ids == (ERROR_ROW,)

    def integer(self, output: str) -> int:
        """Return an int output. `KeyError` or `TypeError` mean the caller skipped `unmet`."""
        return _typed(self.outputs[output], int, output)

    def text(self, output: str) -> str:
        """Return a text output. `KeyError` or `TypeError` mean the caller skipped `unmet`."""
        return _typed(self.outputs[output], str, output)

    def flag(self, output: str) -> bool:
        """Return a bool output. `KeyError` or `TypeError` mean the caller skipped `unmet`."""
        return _typed(self.outputs[output], bool, output)

    def texts(self, output: str) -> tuple[str, ...]:
        """Return a text list output, or a collected text output, in row order."""
        return _typed(self.outputs[output], tuple, output)


def _typed(value: Value, kind: type[T], output: str) -> T:
    if type(value) is not kind:
        raise TypeError(f"output {output} is a {type(value).__name__}, not a {kind.__name__}")
    return value
