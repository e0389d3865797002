"""Nasty values by what they have to come to, for every channel's tests to put into its own fields."""

from collections.abc import Iterable, Sequence
from typing import Any

from services.ingest.domain.model import Normalised, ProblemCode
from tests.unit.ingest.channels.builders import codes

P = ProblemCode

# Whatever reads as an amount of two decimals, with what it is in the minor unit.
AMOUNTS: Sequence[tuple[object, int]] = (
    ("12.30", 1230),
    ("12.3", 1230),
    ("12", 1200),
    ("12.3000", 1230),
    (" 12.30 ", 1230),
    (12.3, 1230),
    (4.35, 435),
    (1.1 + 2.2, 330),
    (12, 1200),
    ("0.00", 0),
    ("0", 0),
    (0, 0),
    (-0.0, 0),
    ("99999999.99", 9_999_999_999),
)
NO_AMOUNTS: Sequence[object] = (
    "12.345",
    "1e3",
    "1,000.00",
    "¥12.30",
    "12.30元",
    "NaN",
    "Infinity",
    "１２.３０",
    "١٢",
    "+12",
    ".5",
    "5.",
    "12.3.0",
    "--1",
    "abc",
    "9" * 40,
    1e300,
    12.345,
    10**30,
)
# The same for whole minor units.
FEN: Sequence[tuple[object, int]] = (
    (1230, 1230),
    ("1230", 1230),
    (1230.0, 1230),
    (" 1230 ", 1230),
    (0, 0),
    ("0", 0),
    (-0.0, 0),
    (9_999_999_999, 9_999_999_999),
)
NO_FEN: Sequence[object] = (
    "12.30",
    12.3,
    "1e3",
    "1,000",
    "¥1230",
    "NaN",
    "１２３０",
    "١٢",
    "+12",
    "--1",
    "abc",
    "9" * 40,
    1e300,
    10**30,
)
QUANTITIES: Sequence[tuple[object, int]] = (
    (1, 1),
    ("2", 2),
    (3.0, 3),
    (" 4 ", 4),
    (1_000_000, 1_000_000),
)
NO_QUANTITIES: Sequence[object] = (
    0,
    -1,
    "0",
    "-1",
    "",
    None,
    1.5,
    "1.5",
    "two",
    "１",
    1_000_001,
    1e300,
    10**30,
)
ODD_SHAPES: Sequence[object] = ([], {}, True, [1], {"amount": 1})
GARBAGE: Sequence[tuple[bytes, ProblemCode]] = (
    (b"", P.GARBAGE),
    (b" ", P.GARBAGE),
    (b"{", P.GARBAGE),
    (b"}", P.GARBAGE),
    (b"\x00", P.GARBAGE),
    (b"\xff\xfe", P.GARBAGE),
    (b"<html>busy</html>", P.GARBAGE),
    (b"a=1&b=2", P.GARBAGE),
    (b'{"a":' + b"[" * 100_000, P.GARBAGE),
    (b'{"a":' * 50_000, P.GARBAGE),
    (b"null", P.BAD_SHAPE),
    (b"true", P.BAD_SHAPE),
    (b"0", P.BAD_SHAPE),
    (b'"text"', P.BAD_SHAPE),
    (b"{}", P.NOT_AN_ORDER),
    (b'{"a":1}', P.NOT_AN_ORDER),
    (b"\xef\xbb\xbf{}", P.NOT_AN_ORDER),
)
BAD_NUMBERS: Sequence[tuple[object, ProblemCode]] = (
    ("", P.ORDER_NO_MISSING),
    ("   ", P.ORDER_NO_MISSING),
    (None, P.ORDER_NO_MISSING),
    ("1 2", P.ORDER_NO_MALFORMED),
    ("../../etc", P.ORDER_NO_MALFORMED),
    ("' OR 1=1", P.ORDER_NO_MALFORMED),
    ("1|2", P.ORDER_NO_MALFORMED),
    ("订单一", P.ORDER_NO_MALFORMED),
    ("1" * 65, P.ORDER_NO_MALFORMED),
    ("1\n2", P.ORDER_NO_MALFORMED),
)
ABOVE_2_53 = 2**53 + 1


def crossed(fields: Iterable[str], values: Iterable[Any]) -> list[tuple[str, Any]]:
    """Every field with every value."""
    listed = list(values)
    return [(field, value) for field in fields for value in listed]


def assert_refused(found: Normalised, code: ProblemCode) -> None:
    """State that the payload goes into quarantine for this reason."""
    assert found.blocked
    assert code in codes(found), found.problems


def assert_taken(found: Normalised, *named: ProblemCode) -> None:
    """State that the order goes on, with exactly these contradictions named."""
    assert not found.blocked, found.problems
    assert codes(found) == set(named), found.problems
