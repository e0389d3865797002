"""Text from outside: what of it Postgres, a log line and a page can take.

Postgres' text holds no NUL. One that is found out by a statement ends the process, and again after its restart at the
same record: doors refuse it, and a record that holds one is a dead letter (`chassis.source`).
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

# A bare $ would let a line's end follow.
NAME: Final = r"^[^\x00-\x1f\x7f]*(?!\n)$"
"""Pattern of an id, a number, a person's name: no control character."""
WORDS: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""Pattern of what a person writes, which may have several lines."""
SAID: Final = r"^(?=\s*\S)[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""The same, which has to say something."""

_NAME: Final = re.compile(NAME)


def is_name(text: str, chars_max: int) -> bool:
    """Whether a text can be an id or a name; the empty one cannot."""
    return 0 < len(text) <= chars_max and _NAME.match(text) is not None


def holds_nul(value: object) -> bool:
    """Whether there is a NUL in a text, or in any text of a record or tuple."""
    match value:
        case str():
            return "\0" in value
        case Struct():
            return any(holds_nul(getattr(value, name)) for name in value.__struct_fields__)
        case tuple():
            return any(holds_nul(one) for one in value)
        case _:
            return False
