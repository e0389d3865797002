"""Fen and yuan, and the minor units of other currencies, as the platforms write them.

Guarantees: no float anywhere; a sum shared over parts is shared to the last fen.
"""

import re
from collections.abc import Sequence

import msgspec

_DECIMAL = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?")


def yuan(amount_fen: int) -> str:
    """Return fen as yuan text with two decimals: 990 → `9.90`."""
    return decimal_text(amount_fen, 2)


def decimal_text(amount: int, decimals: int) -> str:
    """Return an amount in minor units as text of that many decimals: 990 → `9.90`, `990`, `0.990`."""
    whole, part = divmod(abs(amount), 10**decimals)
    return f"{'-' if amount < 0 else ''}{whole}" + (f".{part:0{decimals}d}" if decimals else "")


def yuan_number(amount_fen: int) -> msgspec.Raw:
    """Return fen as a JSON number in yuan, as short as it can be: 5980 → `59.8`."""
    return msgspec.Raw(yuan(amount_fen).rstrip("0").rstrip(".").encode())


def fen(text: str) -> int | None:
    """Read yuan text of at most two decimals as fen; None when it is not that."""
    return minor_units(text, 2)


def minor_units(text: str, decimals: int) -> int | None:
    """Read text of at most that many decimals in minor units; None when it is not that."""
    found = _DECIMAL.fullmatch(text)
    if found is None or len(found[2] or "") > decimals:
        return None
    return int(found[1] + (found[2] or "").ljust(decimals, "0"))


def apportion(total_fen: int, weights: Sequence[int]) -> list[int]:
    """Share `total_fen` by weight, largest remainder first, ties to the earlier part.

    The shares add up to `total_fen`; a part of weight 0 gets nothing.
    """
    whole = sum(weights)
    if not whole or not total_fen:
        return [0] * len(weights)
    shares = [total_fen * weight // whole for weight in weights]
    odd_fen = total_fen - sum(shares)
    if odd_fen:
        by_remainder = sorted(
            range(len(weights)), key=lambda place: (-(total_fen * weights[place] % whole), place)
        )
        for place in by_remainder[:odd_fen]:
            shares[place] += 1
    return shares
