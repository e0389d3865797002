"""A table, compiled: facts in, decision out, the same one for live traffic and dry runs.

Guarantees: `decide` is a pure function of the facts and never raises; facts that are missing, of another
type or outside 64 bits, and conditions that fail, get the `on_error` outputs and the reason. Only facts of a
group (`ext.pre_sale`) may be missing: a condition that has to look at one fails then, one that another condition
of its row already rules out is not looked at. A table that does not ask for the `currency` means yuan by its amounts
(`*_fen`): those of another currency are missing for it. All rows are one CEL expression, so a decision is one call
into Rust; equal facts are answered from a bounded memo.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

from chassis.currency import CNY
from chassis.rules.cells import length_facts, length_name, variables_of
from chassis.rules.engine import cel
from chassis.rules.values import (
    DEFAULT_ROW,
    ERROR_ROW,
    INT_MAX,
    INT_MIN,
    SCORE,
    VERDICT,
    Column,
    Decision,
    Kind,
    Policy,
    Row,
    Sample,
    Thresholds,
    Value,
)

MEMO_MAX: Final = 8192  # decisions by facts; about 3 MB a table, emptied when full
# The parser nests about 90 deep, and each row of a first-hit chain is one level of it.
CHAIN_ROWS: Final = 32
CURRENCY: Final = "currency"
"""The fact that says what the amounts among the facts are in; yuan where it is not given."""
AMOUNT: Final = "_fen"
"""How the names of amounts end."""

_TYPES: Final[Mapping[Kind, type]] = {"int": int, "text": str, "bool": bool, "text list": tuple}
_CEL_ERRORS: Final = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTrace:
    """One condition put to the facts: the fact's label, the condition as written, whether it held."""

    fact: str
    label: str
    written: str
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTrace:
    """One row put to the facts; it hit if every cell held."""

    row_id: str
    note: str
    hit: bool
    cells: tuple[CellTrace, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """An immutable version of a rule set. Made by `chassis.rules.read_table`."""

    name: str
    purpose: str
    version: str
    note: str
    policy: Policy
    facts: Mapping[str, Column]
    outputs: Mapping[str, Column]
    rows: tuple[Row, ...]
    default: Row | None
    on_error: Mapping[str, Value]
    thresholds: Thresholds | None
    samples: tuple[Sample, ...]
    source: str
    _program: "cel.Program" = field(init=False, repr=False)
    _lengths: tuple[str, ...] = field(init=False, repr=False)
    _types: tuple[type, ...] = field(init=False, repr=False)
    _pick: "itemgetter[str]" = field(init=False, repr=False)
    _absent: Mapping[str, None] = field(init=False, repr=False)
    _groups: tuple[str, ...] = field(init=False, repr=False)
    _means_yuan: bool = field(init=False, repr=False)
    _memo: dict[tuple[Value, ...], Decision] = field(init=False, repr=False, default_factory=dict)
    _by_hit: dict[tuple[int | bool, ...], Decision] = field(
        init=False, repr=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Compile the rows. Raises `ValueError` if they nest deeper than the parser goes."""
        expression = self.expression()
        names = tuple(self.facts)
        set_once = object.__setattr__
        set_once(self, "_program", cel.compile(expression))
        set_once(self, "_lengths", length_facts(expression))
        set_once(self, "_types", tuple(_TYPES[fact.kind] for fact in self.facts.values()))
        # Two names at least make itemgetter answer a tuple; the extra one is cut off again.
        set_once(self, "_pick", itemgetter(*names, names[0]))
        grouped = [fact for fact in self.facts.values() if fact.group]
        set_once(self, "_absent", MappingProxyType(dict.fromkeys(fact.name for fact in grouped)))
        set_once(self, "_groups", tuple(dict.fromkeys(fact.group for fact in grouped)))
        set_once(self, "_means_yuan", CURRENCY not in names)

    @property
    def key(self) -> str:
        """Return "purpose/name", the name under which tables are found and recorded."""
        return f"{self.purpose}/{self.name}"

    def expression(self) -> str:
        """Return the one CEL expression of all rows: the places of the rows that hit.

        `first`: a list of chains of 32 rows, each yielding the place of its first hit or -1;
        `collect`: a list of bools, one per row.
        """
        conditions = [
            " && ".join(f"({cell.cel})" for cell in row.cells) or "true" for row in self.rows
        ]
        if self.policy == "collect":
            return f"[{', '.join(conditions)}]"
        asked = [f"{condition} ? {place} : " for place, condition in enumerate(conditions)]
        chains = [
            "".join(asked[start : start + CHAIN_ROWS]) + "-1"
            for start in range(0, len(asked), CHAIN_ROWS)
        ]
        return f"[{', '.join(chains)}]"

    @property
    def optional(self) -> tuple[str, ...]:
        """Return the facts it asks for that may be missing."""
        return tuple(self._absent)

    def decide(self, facts: Mapping[str, object]) -> Decision:
        """Decide one set of facts; facts the table does not name are ignored. Never raises.

        Types are exact: int (never bool), str, bool, and tuple or list of str; None for a missing fact of a group.
        """
        try:
            values = self._values(facts)
        except KeyError as error:
            return self._failed(f"缺少事实 {error.args[0]}")
        if tuple(map(type, values)) != self._types:
            values = tuple([tuple(v) if type(v) is list else v for v in values])
            if wrong := self._mistyped(values):
                return self._failed(f"事实类型不符 {wrong}")
        try:
            return self._memo[values]
        except KeyError:
            decision = self._evaluate(values)
        except TypeError:  # a list of things that are no texts
            return self._failed("事实类型不符")
        if len(self._memo) >= MEMO_MAX:
            self._memo.clear()
        self._memo[values] = decision
        return decision

    def _values(self, facts: Mapping[str, object]) -> tuple[Any, ...]:
        if self._means_yuan and facts.get(CURRENCY, CNY) != CNY:
            facts = {name: value for name, value in facts.items() if not name.endswith(AMOUNT)}
        if self._absent:
            facts = {**self._absent, **facts}
        values: tuple[Any, ...] = self._pick(facts)[:-1]
        return values

    def decide_many(self, facts: Iterable[Mapping[str, object]]) -> list[Decision]:
        """Decide each set of facts, in order."""
        decide = self.decide
        return [decide(one) for one in facts]

    def explain(self, facts: Mapping[str, object]) -> tuple[RowTrace, ...]:
        """Put every condition of every row to the facts, for the audit page and dry runs.

        Slow (each cell is compiled anew). Gives `()` for facts that cannot be decided: the decision's
        `reason` says why.
        """
        decision = self.decide(facts)
        if decision.failed:
            return ()
        variables = self._variables(self._values(facts))
        return tuple(
            RowTrace(
                row_id=row.row_id,
                note=row.note,
                hit=all(cell.held for cell in cells),
                cells=cells,
            )
            for row in self.rows
            for cells in [self._cell_traces(row, variables)]
        )

    def _cell_traces(self, row: Row, variables: dict[str, Any]) -> tuple[CellTrace, ...]:
        return tuple(
            CellTrace(
                fact=cell.fact,
                label=self.facts[cell.fact].label,
                written=cell.written,
                held=_holds(cell.cel, variables),
            )
            for cell in row.cells
        )

    def _mistyped(self, values: Sequence[object]) -> str:
        """Name the first fact whose value is not of its type."""
        for fact, value, expected in zip(self.facts.values(), values, self._types, strict=True):
            if type(value) is not expected and not (value is None and fact.group):
                return f"{fact.name}: {type(value).__name__}, 应为 {fact.kind}"
        return ""

    def _evaluate(self, values: tuple[Value | None, ...]) -> Decision:
        if wrong := self._unfit(values):
            return self._failed(wrong)
        try:
            hit = tuple(self._program.execute(self._variables(values)))
        except _CEL_ERRORS as error:
            missing = [n for n, v in zip(self.facts, values, strict=True) if v is None]
            if missing and isinstance(error, LookupError):
                return self._failed(f"缺少事实 {'、'.join(missing)}")
            return self._failed(f"规则无法计算 {type(error).__name__}")
        decision = self._by_hit.get(hit)
        if decision is None:
            decision = self._decision(self._rows_of(hit))
            if len(self._by_hit) >= MEMO_MAX:
                self._by_hit.clear()
            self._by_hit[hit] = decision
        return decision

    def _unfit(self, values: tuple[Value | None, ...]) -> str:
        """Name the first fact that has its type and still cannot be given to CEL."""
        for name, value in zip(self.facts, values, strict=True):
            if type(value) is int and not INT_MIN <= value <= INT_MAX:
                return f"事实超出 64 位 {name}"
            if type(value) is tuple and not all(type(text) is str for text in value):
                return f"事实类型不符 {name}: 列表里只能是文字"
        return ""

    def _rows_of(self, hit: tuple[int | bool, ...]) -> list[Row]:
        if self.policy == "collect":
            return [row for row, held in zip(self.rows, hit, strict=True) if held]
        for place in hit:
            if place >= 0:
                return [self.rows[place]]
        assert self.default is not None, "a first-hit table is read only with its default"
        return [self.default]

    def _variables(self, values: tuple[Value | None, ...]) -> dict[str, Any]:
        variables: dict[str, Any] = dict(zip(self.facts, values, strict=True))
        for name in self._lengths:
            text = variables[name]
            variables[length_name(name)] = None if text is None else len(text)
        return variables_of(variables, self._groups) if self._groups else variables

    def _failed(self, reason: str) -> Decision:
        row = Row(row_id=ERROR_ROW, note=reason, cells=(), then=self.on_error)
        return self._decision([row], reason)

    def _decision(self, hit: Sequence[Row], reason: str = "") -> Decision:
        return Decision(
            table=self.key,
            version=self.version,
            row_ids=tuple(row.row_id for row in hit),
            outputs=self._outputs(hit),
            trace=tuple(self._line(row) for row in hit),
            reason=reason,
        )

    def _outputs(self, hit: Sequence[Row]) -> Mapping[str, Value]:
        """Take the one row's outputs, or put those of several together by their types."""
        if self.policy == "first":
            return hit[0].then
        together: dict[str, Value] = {
            name: _together(column.kind, [row.then[name] for row in hit])
            for name, column in self.outputs.items()
        }
        if self.thresholds is not None:
            score = together[SCORE]
            assert isinstance(score, int)
            together[VERDICT] = self.thresholds.verdict(score)
        return MappingProxyType(together)

    def _line(self, row: Row) -> str:
        conditions = "；".join(
            f"{self.facts[cell.fact].label} {cell.written}" for cell in row.cells
        )
        note = row.note or (DEFAULT_ROW if row is self.default else "")
        return f"[{row.row_id}] {note}" + (f"（{conditions}）" if conditions else "")


def _holds(expression: str, variables: dict[str, Any]) -> bool:
    try:
        return cel.evaluate(expression, variables) is True
    except _CEL_ERRORS:
        return False


def _together(kind: Kind, values: Sequence[Value]) -> Value:
    """Add up ints, list texts, join lists, and hold a bool true if one is."""
    if kind == "int":
        return sum(value for value in values if isinstance(value, int))
    if kind == "bool":
        return any(values)
    if kind == "text":
        return tuple(value for value in values if isinstance(value, str))
    return tuple(text for value in values if isinstance(value, tuple) for text in value)
