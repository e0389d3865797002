"""Amounts in any currency: `*_fen` is its minor unit, which is not always a hundredth of it.

Source of the decimals: ISO 4217, list one. Currencies not named here have two.
"""

import re
from typing import Final

CNY: Final = "CNY"
"""What an amount is in that comes without a currency, and what thresholds in fen mean."""

_NONE = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
_THREE = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
_FOUR = frozenset(["CLF", "UYW"])
_CODE = re.compile(r"^[A-Z]{3}\Z")


def decimals(currency: str) -> int | None:
    """Return the decimals of an ISO 4217 code; None for text that is no such code."""
    if not _CODE.match(currency):
        return None
    if currency in _NONE:
        return 0
    if currency in _THREE:
        return 3
    return 4 if currency in _FOUR else 2


def amount_text(amount_fen: int, currency: str | None) -> str:
    """Return an amount as people read it: "¥1,234.50", "USD 1,234.50", "JPY 1,234", "-¥0.05".

    None is yuan. Text that is no currency is shown as it is, with two decimals.
    """
    code = currency or CNY
    places = decimals(code)
    whole, part = divmod(abs(amount_fen), 10 ** (2 if places is None else places))
    fraction = "" if places == 0 else f".{part:0{places or 2}d}"
    unit = "¥" if code == CNY else f"{code} "
    return f"{'-' if amount_fen < 0 else ''}{unit}{whole:,}{fraction}"
