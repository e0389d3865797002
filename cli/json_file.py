"""Why a JSON file, or a text of the command line, cannot be used: one line instead of a traceback."""

from __future__ import annotations

from typing import Final

import msgspec

UNUSABLE: Final = (OSError, msgspec.MsgspecError, UnicodeError, RecursionError)
"""What reading and decoding may raise."""


def why(error: BaseException) -> str:
    """In words, without the file's name."""
    match error:
        case UnicodeError():
            return "it is not UTF-8; save it as UTF-8"
        case RecursionError():
            return "it is nested too deep"
        case OSError():
            return error.strerror or str(error)
        case _:
            return str(error)
