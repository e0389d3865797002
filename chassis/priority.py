"""How far a process gives way to others when the machine is full."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")


def give_way(niceness: int) -> None:
    """Adds `niceness` (0 to 19, see nice(1)) to this process's; each call adds again.

    Linux may weigh sessions against each other before it looks at niceness, and niceness then decides within a session only
    (sched(7), "The autogroup feature"). A process that leads a session gives way with all of it.
    """
    total = os.nice(niceness)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # not on every kernel
            AUTOGROUP.write_text(str(total), encoding="ascii")
