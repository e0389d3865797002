"""Locks on files, which a killed holder lets go of."""

import fcntl
from typing import IO


def try_lock(file: IO[str]) -> bool:
    """Take an exclusive lock on an open file, without waiting; it is held until the file is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
