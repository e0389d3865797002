"""How commands print other people's words: as they are, nothing in them is taken for markup or an emoji."""

from __future__ import annotations

from rich.console import Console


def console(*, stderr: bool = False, highlight: bool = True) -> Console:
    """Prints words of shops, buyers and clerks: `[red]` and `:tea:` stay what they are."""
    return Console(stderr=stderr, highlight=highlight, soft_wrap=True, markup=False, emoji=False)
