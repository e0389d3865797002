"""The terminal a demonstration is watched on, which may be closed under it."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Collection

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end a run in order."""


def heeded() -> tuple[signal.Signals, ...]:
    """ENDS, but not SIGHUP where it is switched off, as nohup does."""
    switched_off = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return tuple(one for one in ENDS if not (switched_off and one == signal.SIGHUP))


def let_go(descriptors: Collection[int] = (1, 2)) -> None:
    """Send what is written to terminals nowhere: on one that was closed each write fails.

    Files and pipes among the descriptors go on being written.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for descriptor in descriptors:
            # A closed terminal does not pass for one any more, but is a character device still.
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(nowhere, descriptor)
    finally:
        os.close(nowhere)
