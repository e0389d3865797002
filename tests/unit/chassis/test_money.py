from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.money import fen_of_yuan, share_out, yuan_text

FEN = st.integers(min_value=-(10**13), max_value=10**13)
LINES = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.one_of(
        st.integers(min_value=0, max_value=5),
        st.integers(min_value=0, max_value=10**10),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize(
    ("total_fen", "weights", "keys", "shares"),
    [
        (100, [1, 1, 1], ["a", "b", "c"], (34, 33, 33)),
        (100, [1, 1, 1], ["c", "b", "a"], (33, 33, 34)),
        (-100, [1, 1, 1], ["a", "b", "c"], (-34, -33, -33)),
        (101, [0, 0], ["b", "a"], (50, 51)),
        (5, [0, 7], ["a", "b"], (0, 5)),
        (0, [3, 4], ["a", "b"], (0, 0)),
        (1000, [1999, 2999, 5002], ["a", "b", "c"], (200, 300, 500)),
        (7, [9], ["a"], (7,)),
        (0, [], [], ()),
    ],
)
def test_a_total_is_shared_by_largest_remainder(
    total_fen: int, weights: list[int], keys: list[str], shares: tuple[int, ...]
) -> None:
    assert share_out(total_fen, weights, keys) == shares


@given(FEN, LINES)
def test_shares_always_add_up_to_the_total(total_fen: int, lines: dict[str, int]) -> None:
    assert sum(share_out(total_fen, list(lines.values()), list(lines))) == total_fen


@given(FEN, LINES)
def test_each_share_is_less_than_one_fen_from_exact(total_fen: int, lines: dict[str, int]) -> None:
    whole = sum(lines.values())
    shares = share_out(total_fen, list(lines.values()), list(lines))
    for share_fen, weight in zip(shares, lines.values(), strict=True):
        part = Fraction(weight, whole) if whole else Fraction(1, len(lines))
        assert abs(share_fen - total_fen * part) < 1


@given(FEN, LINES, st.randoms(use_true_random=False))
def test_the_order_of_lines_never_changes_a_share(
    total_fen: int, lines: dict[str, int], random: Random
) -> None:
    keys = list(lines)
    random.shuffle(keys)
    straight = dict(
        zip(lines, share_out(total_fen, list(lines.values()), list(lines)), strict=True)
    )
    mixed = dict(zip(keys, share_out(total_fen, [lines[key] for key in keys], keys), strict=True))
    assert straight == mixed


@given(FEN, LINES)
def test_a_negative_total_mirrors_the_positive_one(total_fen: int, lines: dict[str, int]) -> None:
    weights, keys = list(lines.values()), list(lines)
    mirrored = tuple(-share_fen for share_fen in share_out(-total_fen, weights, keys))
    assert share_out(total_fen, weights, keys) == mirrored


@pytest.mark.parametrize(
    ("total_fen", "weights", "keys"),
    [(1, [], []), (1, [1], []), (1, [1, -1], ["a", "b"]), (0, [-1], ["a"])],
)
def test_a_split_nobody_can_mean_is_an_error(
    total_fen: int, weights: list[int], keys: list[str]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        share_out(total_fen, weights, keys)


@pytest.mark.parametrize(
    ("text", "amount_fen"),
    [
        ("12.30", 1230),
        ("12.3", 1230),
        ("12", 1200),
        ("0.05", 5),
        ("-0.05", -5),
        ("-12.30", -1230),
        ("12.3000", 1230),
        ("007.10", 710),
        ("999999999999999.99", 99999999999999999),
    ],
)
def test_a_yuan_text_becomes_fen(text: str, amount_fen: int) -> None:
    assert fen_of_yuan(text) == amount_fen


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        ".5",
        "5.",
        "1.005",
        "1e3",
        "1,000",
        "+1",
        "--1",
        " 1",
        "1_0",
        "１",
        "²",
        "1.２",
        "1.-5",
        "NaN",
        "¥1",
        "1" * 16,
    ],
)
def test_what_is_not_a_yuan_text_is_none(text: str) -> None:
    assert fen_of_yuan(text) is None


@given(FEN)
def test_text_and_fen_are_each_others_inverse(amount_fen: int) -> None:
    assert fen_of_yuan(yuan_text(amount_fen)) == amount_fen


@given(st.text(alphabet="0123456789.-+eE _²１", max_size=20))
def test_any_text_is_answered_without_raising(text: str) -> None:
    amount_fen = fen_of_yuan(text)
    assert amount_fen is None or isinstance(amount_fen, int)
