"""What is kept of what a provider says: refusals go into events, documents and logs, and name people.

Carriers quote what they refuse: a phone, a receiver's name, a street. Those are cut; what is left says why.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

DETAIL_CHARS_MAX = 80
CODE_CHARS_MAX = 16
CUT = "…"
_CLOSED_BY: Mapping[str, str] = MappingProxyType(
    dict(zip("\"'“‘(（[【<《〈「『{", "\"'”’)）]】>》〉」』}", strict=True))
)
_NUMBER = re.compile(r"\d(?:[\s-]*\d){4,}")
"""Five digits or more: a phone, an order, a postcode."""
_NO_CODE = re.compile(r"[^\w.\-]")


def said(text: str | None) -> str:
    """Return a provider's words, without numbers and without what stands in quotes or brackets."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text or "")
    return _NUMBER.sub(CUT, _unquoted(plain))[:DETAIL_CHARS_MAX].strip()


def code(text: str | None) -> str:
    """Return a provider's error code as it can be kept, or ""."""
    return _NO_CODE.sub("", text or "")[:CODE_CHARS_MAX]


def _unquoted(text: str) -> str:
    """Cut from an opening sign to its closing one; where that is missing, to the end."""
    kept: list[str] = []
    closing: list[str] = []
    for sign in text:
        if closing and sign == closing[-1]:
            closing.pop()
        elif sign in _CLOSED_BY:
            if not closing:
                kept.append(CUT)
            closing.append(_CLOSED_BY[sign])
        elif not closing:
            kept.append(sign)
    return "".join(kept)
