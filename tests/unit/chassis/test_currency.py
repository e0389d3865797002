"""How amounts of any currency read."""

import pytest

from chassis.currency import amount_text


@pytest.mark.parametrize(
    ("amount_fen", "currency", "text"),
    [
        (123456, "CNY", "¥1,234.56"),
        (123456, None, "¥1,234.56"),
        (-5, "CNY", "-¥0.05"),
        (0, "CNY", "¥0.00"),
        (10**15, "CNY", "¥10,000,000,000,000.00"),
        (9000, "USD", "USD 90.00"),
        (123456, "JPY", "JPY 123,456"),
        (-990, "KRW", "-KRW 990"),
        (1500, "KWD", "KWD 1.500"),
        (5, "CLF", "CLF 0.0005"),
        (1234, "YUAN?", "YUAN? 12.34"),
    ],
)
def test_an_amount_is_read_with_its_currency_and_its_decimals(
    amount_fen: int, currency: str | None, text: str
) -> None:
    assert amount_text(amount_fen, currency) == text
