"""Money is whole fen, and no fen is lost or invented.

Guarantees: `share_out` adds up to its total exactly and names who gets the odd fen (largest remainder,
ties by key); text and fen convert without ever passing through a float.
"""

from collections.abc import Sequence

FEN_PER_YUAN = 100
# Yuan texts above this length cannot be a price: it keeps every result inside a signed 64-bit long.
WHOLE_DIGITS_MAX = 15


def share_out(total_fen: int, weights: Sequence[int], keys: Sequence[str]) -> tuple[int, ...]:
    """Split `total_fen` by `weights`; share i belongs to `keys[i]`, and the shares sum to the total.

    Largest remainder (Hamilton): everyone gets the floor of the exact share, the fen left over go to
    the largest remainders, ties to the smaller key, so that the order of lines never changes a share.
    All weights zero means equal weights. A negative total is the mirror of the positive one. No keys
    and a total of zero give `()`.

    Raises `ValueError` for lengths that differ, a negative weight, or a total with nobody to take it.
    """
    count = len(weights)
    if count != len(keys):
        raise ValueError(f"{count} weights for {len(keys)} keys")
    if count == 0:
        if total_fen:
            raise ValueError("a total with nobody to share it")
        return ()
    if min(weights) < 0:
        raise ValueError("a weight is negative")
    if count == 1:
        return (total_fen,)
    if total_fen < 0:
        return tuple([-share_fen for share_fen in share_out(-total_fen, weights, keys)])
    whole = sum(weights)
    if whole == 0:
        weights, whole = (1,) * count, count
    products = [total_fen * weight for weight in weights]
    shares = [product // whole for product in products]
    left_fen = total_fen - sum(shares)
    if left_fen:
        ranked = sorted([(-(products[i] % whole), keys[i], i) for i in range(count)])
        for _, _, i in ranked[:left_fen]:
            shares[i] += 1
    return tuple(shares)


def yuan_text(amount_fen: int) -> str:
    """Return fen as yuan with two decimals: 1230 → "12.30", -5 → "-0.05"."""
    yuan, fen = divmod(abs(amount_fen), FEN_PER_YUAN)
    return f"{'-' if amount_fen < 0 else ''}{yuan}.{fen:02d}"


def fen_of_yuan(text: str) -> int | None:
    """Return the fen of a yuan text ("12.3" → 1230, "-0.05" → -5), or None if it is not one.

    Accepts ASCII digits with at most one leading minus and one point with digits on both sides.
    Decimals beyond the second must be zeros (some channels send "12.3000"): anything else would have
    to be rounded, and rounding is a decision of the caller.
    """
    digits = text[1:] if text[:1] == "-" else text
    yuan, point, decimals = digits.partition(".")
    if not yuan.isdecimal() or not digits.isascii() or len(yuan) > WHOLE_DIGITS_MAX:
        return None
    if point:
        if not decimals.isdecimal() or decimals[2:].strip("0"):
            return None
        fen = int(yuan) * FEN_PER_YUAN + int((decimals + "0")[:2])
    else:
        fen = int(yuan) * FEN_PER_YUAN
    return fen if digits is text else -fen
