"""How many decimals a currency has: `*_fen` is its minor unit, which is not always a hundredth.

Source: ISO 4217, list one. Currencies not named here have two decimals.
"""

import re

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
