"""The home of the demonstration: one runs in it at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.errors import DemoRuns
from demo.processes import Supervisor
from deploy.embedded import stack
from deploy.embedded.errors import HomeNotWritable
from deploy.embedded.locks import try_lock
from deploy.embedded.progress import OnProgress


def demo_home() -> Path:
    """The demonstration's own stack, books and logs, within the home of this clone."""
    return stack.default_home() / "demo"


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Make the home if need be, and let no other demonstration use it while the block runs.

    Raises:
        DemoRuns: another one has it.
        HomeNotWritable: it cannot be made or written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "demo.lock").open("w")
    except OSError as error:
        raise HomeNotWritable(f"{error.filename or home}: {error.strerror}") from None
    with lock:
        if not try_lock(lock):
            raise DemoRuns(f"a demo runs in {home}")
        yield


def end_left(home: Path, *, wipe: bool, on_progress: OnProgress) -> bool:
    """End what a killed demonstration left in its home, processes before servers; whether it left anything.

    Raises:
        DemoRuns: it was not killed.
    """
    if not home.is_dir():
        return False
    with held(home):
        orphans = end_orphans(home)
        return stack.down(home, wipe=wipe, on_progress=on_progress) or orphans > 0


def end_orphans(home: Path) -> int:
    """End the simulators and services a killed demonstration left; how many there were."""
    return Supervisor(home / "run" / "logs").end_orphans()
