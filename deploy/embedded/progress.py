"""What the stack tells while it comes up or goes down; whoever listens decides how it looks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Step = Literal[
    "fetching", "preparing", "starting", "ready", "stopping", "stopped", "note", "failed"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step of one server. `fraction` is 0–1 while something of known size is under way."""

    server: str
    step: Step
    detail: str = ""
    fraction: float | None = None


OnProgress = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """The listener of those who only want the result."""
