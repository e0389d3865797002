"""How a start or stop looks: live rows on a terminal, plain lines elsewhere."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn
from rich.progress import Progress as Rows

from deploy.embedded.progress import OnProgress, Progress

_ENDED = frozenset({"ready", "stopped", "failed"})


@contextmanager
def listening() -> Iterator[OnProgress]:
    """A listener for the stack's steps, drawn on stderr until the block ends."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines().tell
        return
    columns = (
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[text]}"),
    )
    with Rows(*columns, console=console) as rows:
        yield _Rows(rows, console).tell


class _Lines:
    """One line a step; a download tells each quarter."""

    def __init__(self) -> None:
        self._began_at = time.monotonic()
        self._quarters: dict[str, int] = {}
        self._guard = threading.Lock()

    def tell(self, progress: Progress) -> None:
        with self._guard:
            if progress.fraction is not None:
                quarter = int(progress.fraction * 4)
                if self._quarters.get(progress.server) == quarter:
                    return
                self._quarters[progress.server] = quarter
            elapsed_s = time.monotonic() - self._began_at
            line = f"{elapsed_s:6.1f} s  {progress.server:<9} {progress.step} {progress.detail}"
            sys.stderr.write(line.rstrip() + "\n")
            sys.stderr.flush()


class _Rows:
    """One row a server."""

    def __init__(self, rows: Rows, console: Console) -> None:
        self._rows, self._console = rows, console
        self._known: dict[str, TaskID] = {}
        self._guard = threading.Lock()

    def tell(self, progress: Progress) -> None:
        if progress.step == "note":
            self._console.print(f"{progress.detail}", style="yellow")
            return
        text = f"{progress.step} {progress.detail}"
        with self._guard:
            if progress.server not in self._known:
                self._known[progress.server] = self._rows.add_task(
                    progress.server, total=None, text=text
                )
            row = self._known[progress.server]
        if progress.step in _ENDED:
            self._rows.update(row, total=1, completed=1, text=text)
        elif progress.fraction is not None:
            self._rows.update(row, total=1, completed=progress.fraction, text=text)
        else:
            self._rows.reset(row, total=None, text=text)
