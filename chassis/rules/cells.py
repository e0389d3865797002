"""A cell as people write it becomes one CEL condition over its fact, or a message saying what to mend.

Guarantees: the CEL of an accepted cell compiles, names declared facts only, yields a bool, compares a
fact with its own type, and holds no decimal (money is fen). The wordings are listed in docs/rules.md.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from chassis.rules.engine import cel
from chassis.rules.values import (
    INT_MAX,
    INT_MIN,
    Between,
    Cell,
    Column,
    Domain,
    Kind,
    OneOf,
    Otherwise,
    Value,
)

ANY = "-"
CELL_MAX_CHARS = 500  # a longer condition is a second row, and the parser nests about 90 deep

_COMPARISON = re.compile(r"(>=|<=|==|!=|>|<|not\s+in\b|in\b)\s*(.+)", re.DOTALL)
_RANGE = re.compile(r"(-?\d+)\s*\.\.\s*(-?\d+)")
_BARE_WORD = re.compile(r"\w[\w-]*")
_STRING = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_DECIMAL = re.compile(r"\d\.\d|\d[eE][+-]?\d|\bdouble\s*\(")
_SIZE = re.compile(r"(?:\bsize\s*\(\s*(\w+(?:\.\w+)?)|(\w+(?:\.\w+)?)\s*\.\s*size\s*\()")
_CHAR_LEN = re.compile(r"\bchar_len\s*\(\s*(\w+(?:\.\w+)?)\s*\)")
_BOUND = re.compile(r"\.\s*(?:exists|exists_one|all|filter|map)\s*\(\s*(\w+)\s*,")
_LENGTH_SUFFIX = "__char_len"

_PROBES: Mapping[Kind, tuple[Value, ...]] = {
    "int": (0, 1, 1_000_000),
    "text": ("", "浙江", "a1"),
    "bool": (False, True, True),
    "text list": ((), ("a",), ("a", "浙江")),
}
_CEL_ERRORS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


def literal(value: Value) -> str:
    """Return a value as a CEL literal."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(literal, value))}]"
    return json.dumps(value, ensure_ascii=False)


def length_name(fact: str) -> str:
    """Return the name of the hidden variable that holds a text fact's length in characters."""
    return fact + _LENGTH_SUFFIX


def length_facts(expression: str) -> tuple[str, ...]:
    """Return the text facts whose length in characters an expression asks for."""
    found = re.findall(rf"\b((?:\w+\.)?\w+?){_LENGTH_SUFFIX}\b", expression)
    return tuple(dict.fromkeys(found))


def variables_of(facts: Mapping[str, Value | None], groups: Iterable[str]) -> dict[str, Any]:
    """Return the facts as CEL takes them: each group a map of what is there of it."""
    variables: dict[str, Any] = {group: {} for group in groups}
    for name, value in facts.items():
        group, dot, field = name.partition(".")
        if not dot:
            variables[name] = value
        elif value is not None:
            variables[group][field] = value
    return variables


def cell_of(fact: Column, written: object, facts: Mapping[str, Column]) -> Cell | str | None:
    """Read what stands under `fact` in a row: a cell, None for "-" (any), or the fault in words."""
    match written:
        case bool() | int():
            return _equal_to(fact, written, literal(written))
        case list():
            return _membership(fact, written, literal_text(written))
        case str() if len(written) > CELL_MAX_CHARS:
            return f"is longer than {CELL_MAX_CHARS} characters; split it into rows"
        case str():
            return None if written.strip() == ANY else _text_cell(fact, written.strip(), facts)
        case float():
            return "holds a decimal; money is written in fen (12.30 yuan is 1230)"
        case _:
            return 'is no condition; write "-" where any value will do'


def literal_text(written: list[object]) -> str:
    """Return a YAML list as people wrote it."""
    return f"in [{', '.join(map(str, written))}]"


def _text_cell(fact: Column, text: str, facts: Mapping[str, Column]) -> Cell | str:
    if comparison := _COMPARISON.fullmatch(text):
        return _compared(fact, text, comparison[1], comparison[2])
    if fact.kind == "int" and (limits := _RANGE.fullmatch(text)):
        return _between(fact, text, int(limits[1]), int(limits[2]))
    if re.search(rf"\b{re.escape(fact.name)}\b", _STRING.sub("''", text)):
        return _expression(fact, text, facts)
    if fact.kind == "bool" and text in {"true", "false"}:
        return _equal_to(fact, text == "true", text)
    if fact.kind == "text" and (quoted := _constant(text)) is not None:
        return _equal_to(fact, quoted, text)
    if fact.kind == "text" and _BARE_WORD.fullmatch(text):
        return _equal_to(fact, text, text)
    return (
        f"is none of: a value, a list, a comparison such as '>= 100', a range such as '1..9', "
        f"a condition that names {fact.name}"
    )


def _compared(fact: Column, text: str, sign: str, right: str) -> Cell | str:
    value = _constant(right)
    if value is None:
        return (
            f"compares with {right!r}, which is not a constant (texts stand in quotes; a longer "
            f"condition names its fact on both sides: '{fact.name} > 1 && {fact.name} != 5')"
        )
    if sign.endswith("in"):
        if not isinstance(value, tuple | list):
            return "needs a list after 'in': in ['浙江', '江苏']"
        return _membership(fact, list(value), text, negated=sign != "in")
    if sign == "==":
        return _equal_to(fact, value, text)
    if wrong := _mismatch(fact, value):
        return wrong
    assert isinstance(value, int | str)
    expression = f"{fact.name} {sign} {literal(value)}"
    if sign == "!=" or isinstance(value, str):
        return _cell(fact, text, expression, Otherwise(cel=expression))
    low, high = {
        ">=": (value, INT_MAX),
        ">": (value + 1, INT_MAX),
        "<=": (INT_MIN, value),
        "<": (INT_MIN, value - 1),
    }[sign]
    return _cell(fact, text, expression, Between(low=low, high=high))


def _constant(text: str) -> Value | None:
    """Return the value of CEL that names no variable, or None."""
    try:
        value = cel.evaluate(text)
    except _CEL_ERRORS:
        return None
    if isinstance(value, list):
        return tuple(value)
    return value if isinstance(value, bool | int | str | float) else None  # type: ignore[return-value]


def _equal_to(fact: Column, value: Value, text: str) -> Cell | str:
    if wrong := _mismatch(fact, value):
        return wrong
    expression = f"{fact.name} == {literal(value)}"
    if isinstance(value, bool):
        expression = fact.name if value else f"!{fact.name}"
    return _cell(fact, text, expression, OneOf(values=frozenset([value])))


def _membership(
    fact: Column, values: list[object], text: str, *, negated: bool = False
) -> Cell | str:
    if not values:
        return "holds for no value: the list is empty"
    for value in values:
        if wrong := _mismatch(fact, value):
            return wrong
    members = tuple(dict.fromkeys(values))
    expression = f"{fact.name} in [{', '.join(literal(value) for value in members)}]"  # type: ignore[arg-type]
    if negated:
        expression = f"!({expression})"
        return _cell(fact, text, expression, Otherwise(cel=expression))
    return _cell(fact, text, expression, OneOf(values=frozenset(members)))  # type: ignore[arg-type]


def _between(fact: Column, text: str, low: int, high: int) -> Cell | str:
    if low > high:
        return f"holds for no value: {low} is above {high}"
    if wrong := _mismatch(fact, low) or _mismatch(fact, high):
        return wrong
    expression = f"{fact.name} >= {low} && {fact.name} <= {high}"
    return _cell(fact, text, expression, Between(low=low, high=high))


def _mismatch(fact: Column, value: object) -> str:
    expected = {"int": int, "text": str, "bool": bool, "text list": None}[fact.kind]
    if expected is None:
        return f"must be a condition on the list, such as \"'x' in {fact.name}\""
    if type(value) is not expected:
        decimal = "; money is written in fen" if isinstance(value, float) else ""
        return f"compares {fact.name} ({fact.kind}) with {value!r}{decimal}"
    if isinstance(value, int) and not INT_MIN < value < INT_MAX:
        return f"holds a number outside 64 bits: {value}"
    if fact.one_of and value not in fact.one_of:
        return f"names {value!r}, which {fact.name} never is (one of {', '.join(fact.one_of)})"
    return ""


def _expression(fact: Column, text: str, facts: Mapping[str, Column]) -> Cell | str:
    """Read free CEL: everything the library would only find out on a live order is tried here."""
    bare = _STRING.sub("''", text)
    if _DECIMAL.search(bare):
        return "holds a decimal; money is written in fen, a share as 'fen * 12 / 100'"
    for left, right in _SIZE.findall(bare):
        name = left or right
        if name in facts and facts[name].kind == "text":
            return f"size() counts bytes (杭州市 is 9); write char_len({name})"
    for name in _CHAR_LEN.findall(bare):
        if name not in facts or facts[name].kind != "text":
            return f"char_len() counts the characters of a text fact, which {name} is not"
    expression = _CHAR_LEN.sub(lambda found: length_name(found[1]), text)
    try:
        program = cel.compile(expression)
    except ValueError as error:
        return f"is not CEL: {' '.join(str(error).split())[:200]}"
    groups = {column.group for column in facts.values()} - {""}
    known = {*facts, *map(length_name, facts), *groups, *_BOUND.findall(bare)}
    asked = {f"{group}.{field}" for group in groups for field in _fields(group, bare)}
    if unknown := sorted({*program.variables(), *asked} - known):
        return f"names {', '.join(unknown)}, which the table does not declare under facts"
    if wrong := _probed(program, facts):
        return wrong
    return _cell(fact, text, expression, Otherwise(cel=expression))


def _fields(group: str, bare: str) -> list[str]:
    """Return the fields of a group that an expression names; one that is not named field by field is unknown."""
    found = re.findall(rf"(?<![\w.]){group}\b(?:\s*\.\s*(\w+))?", bare)
    return [field or "*" for field in found]


def _probed(program: "cel.Program", facts: Mapping[str, Column]) -> str:
    """Run the condition on made-up facts: some run must give a bool, and none anything else."""
    fault = ""
    decided = False
    for place in range(3):
        probe = {name: _PROBES[fact.kind][place] for name, fact in facts.items()}
        probe |= {length_name(n): len(v) for n, v in probe.items() if isinstance(v, str)}
        groups = {fact.group for fact in facts.values()} - {""}
        try:
            answer = program.execute(variables_of(probe, groups))
        except _CEL_ERRORS as error:
            fault = " ".join(str(error).split())[:120]
            continue
        if not isinstance(answer, bool):
            return f"gives a {type(answer).__name__}, not true or false"
        decided = True
    return "" if decided else f"fails for any facts: {fault}"


def _cell(fact: Column, text: str, expression: str, domain: Domain) -> Cell:
    return Cell(fact=fact.name, written=text, cel=expression, domain=domain)


def covers(wide: Domain, narrow: Domain) -> bool:
    """Return whether every value `narrow` surely holds for is also held for by `wide`."""
    match wide, narrow:
        case OneOf(), OneOf():
            return narrow.values <= wide.values
        case Between(), OneOf():
            return all(isinstance(v, int) and wide.low <= v <= wide.high for v in narrow.values)
        case Between(), Between():
            return wide.low <= narrow.low and narrow.high <= wide.high
        case _:
            return wide == narrow
