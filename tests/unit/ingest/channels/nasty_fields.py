"""What channels send and should not: values for one field, each with the class it falls into.

A case is `(path, value, code, blocked)`: the value put at that path of a sound order gives that
problem ("" for none), and the order is quarantined or taken in.
"""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from services.ingest.domain.model import ProblemCode as P

Path = tuple[str | int, ...]
Case = tuple[Path, Any, P | str, bool]

NO_AMOUNT_YUAN: list[Any] = [
    "1e3", "1,000.00", "12.345", "１２", "--1", "+1", ".5", "5.", "¥5", "NaN", "null", "1" * 30,
    1e300, 12.345,
]  # fmt: skip
NO_AMOUNT_FEN: list[Any] = [
    "1e3", "1,000", "12.5", "１２", "--1", "+1", "¥5", "NaN", "1" * 30, 1e300, 12.5, 10**14,
]  # fmt: skip
OTHER_SHAPES: list[Any] = [True, [], [1], {}, {"amount": 1}]
NO_QUANTITIES: list[Any] = [0, -1, "0", "-2", "two", 1.5, "1.5", 10**7, None, ""]
NO_MOMENTS_TEXT: list[Any] = ["2026-02-30 00:00:00", "2026-13-01 00:00:00", "soon", "2026-05-20"]
NO_MOMENTS_NUMBER: list[Any] = [-1, 1, "soon", 10**18]
NOT_HAPPENED_TEXT: list[Any] = ["", None, "0000-00-00 00:00:00", "1970-01-01 08:00:00"]
NOT_HAPPENED_NUMBER: list[Any] = [0, None, "0", ""]


def changed(native: Any, path: Path, value: Any) -> Any:
    """The native value with another one at the path."""
    whole = deepcopy(native)
    at = whole
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return whole


def cases(path: Path, values: Iterable[Any], code: P | str, *, blocked: bool) -> list[Case]:
    """One class for many values."""
    return [(path, value, code, blocked) for value in values]


def money(path: Path, *, in_yuan: bool) -> list[Case]:
    """No amount, or another shape: the order cannot be paid right."""
    values = NO_AMOUNT_YUAN if in_yuan else NO_AMOUNT_FEN
    return cases(path, values, P.BAD_AMOUNT, blocked=True) + cases(
        path, OTHER_SHAPES, P.BAD_SHAPE, blocked=True
    )


def pieces(path: Path) -> list[Case]:
    """No whole piece: the order cannot be shipped right."""
    return cases(path, NO_QUANTITIES, P.BAD_QUANTITY, blocked=True) + cases(
        path, OTHER_SHAPES, P.BAD_SHAPE, blocked=True
    )


def moment(path: Path, *, as_text: bool) -> list[Case]:
    """A time that is none is named; nothing hangs on it."""
    values = NO_MOMENTS_TEXT if as_text else NO_MOMENTS_NUMBER
    return cases(path, values, P.BAD_TIME, blocked=False)


def modified(path: Path, *, as_text: bool) -> list[Case]:
    """Without its modified time an old snapshot could overwrite a new one."""
    odd = NO_MOMENTS_TEXT if as_text else NO_MOMENTS_NUMBER
    never = NOT_HAPPENED_TEXT if as_text else NOT_HAPPENED_NUMBER
    return cases(path, [*odd, *never], P.MODIFIED_MISSING, blocked=True)


def number(path: Path) -> list[Case]:
    """An order without its number is nobody's."""
    return [
        *cases(path, [None, "", "  "], P.ORDER_NO_MISSING, blocked=True),
        *cases(path, ["1 2", "订单", "1" * 65, "../1"], P.ORDER_NO_MALFORMED, blocked=True),
        *cases(path, [{}, [], True], P.BAD_SHAPE, blocked=True),
    ]
