"""What the traces of all providers have in common: Beijing time, our texts, bounds."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType

BEIJING = timezone(timedelta(hours=8))
PLACE_CHARS_MAX = 60
_YEAR_MIN = 2000  # a zero date means "not known"

TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "picked_up": "快件已揽收",
        "in_transit": "运输中",
        "delivering": "派送中",
        "problem": "派送遇到问题",
        "returning": "退回中",
        "delivered": "已签收",
    }
)
"""Status → what people read instead of the carriers' own texts."""


def place_of(text: str | None) -> str:
    """Return the name of a place as it can be kept and shown."""
    return "".join(sign for sign in text or "" if sign.isprintable())[:PLACE_CHARS_MAX]


def moved_at(text: str) -> datetime | None:
    """Return the moment of "2026-05-21 08:10:00" in Beijing, or None if it is none."""
    try:
        at = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        return None
    return at if at.year >= _YEAR_MIN else None
