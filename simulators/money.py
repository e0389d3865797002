"""Fen and yuan as the platforms write them.

Guarantees: no float anywhere; a sum shared over parts is shared to the last fen.
"""

import re
from collections.abc import Sequence

import msgspec

_YUAN = re.compile(r"(\d{1,9})(?:\.(\d{1,2}))?")


def yuan(amount_fen: int) -> str:
    """Return fen as yuan text with two decimals: 990 → `9.90`."""
    whole, part = divmod(abs(amount_fen), 100)
    return f"{'-' if amount_fen < 0 else ''}{whole}.{part:02d}"


def yuan_number(amount_fen: int) -> msgspec.Raw:
    """Return fen as a JSON number in yuan, as short as it can be: 5980 → `59.8`."""
    return msgspec.Raw(yuan(amount_fen).rstrip("0").rstrip(".").encode())


def fen(text: str) -> int | None:
    """Read yuan text of at most two decimals as fen; None when it is not that."""
    found = _YUAN.fullmatch(text)
    if found is None:
        return None
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


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
