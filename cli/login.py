"""Who gives a command, where no --actor says it."""

from __future__ import annotations

import getpass
import os


def login() -> str:
    """The login of this shell; of a user whom the machine has no name for, as in a container, the number: uid:12345."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError since Python 3.13
        return f"uid:{os.getuid()}"
