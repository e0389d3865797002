import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.money import apportion, decimal_text, fen, minor_units, yuan


@pytest.mark.parametrize(
    ("text", "amount_fen"),
    [
        ("9.90", 990),
        ("9.9", 990),
        ("9", 900),
        ("0.01", 1),
        ("9.999", None),
        ("-1", None),
        ("", None),
    ],
)
def test_yuan_text_is_read_to_the_fen_or_not_at_all(text: str, amount_fen: int | None) -> None:
    assert fen(text) == amount_fen


@given(st.integers(min_value=0, max_value=10**9))
def test_fen_survive_the_way_through_yuan(amount_fen: int) -> None:
    assert fen(yuan(amount_fen)) == amount_fen


@given(
    st.integers(min_value=0, max_value=10**7),
    st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=8),
)
def test_shares_add_up_and_follow_the_weights(total_fen: int, weights: list[int]) -> None:
    shares = apportion(total_fen, weights)
    if not sum(weights):
        assert set(shares) == {0}
        return
    assert sum(shares) == total_fen
    for share_fen, weight in zip(shares, weights, strict=True):
        assert abs(share_fen - total_fen * weight / sum(weights)) < 1


@pytest.mark.parametrize(
    ("amount", "decimals", "text"), [(990, 0, "990"), (990, 2, "9.90"), (-5, 3, "-0.005")]
)
def test_minor_units_have_the_decimals_of_their_currency(
    amount: int, decimals: int, text: str
) -> None:
    assert decimal_text(amount, decimals) == text
    assert minor_units(text.removeprefix("-"), decimals) == abs(amount)


def test_more_decimals_than_the_currency_has_are_no_amount() -> None:
    assert minor_units("990.5", 0) is None
