"""How commands print what people copy from: other people's words as they are, names never cut.

Guarantees: nothing in a text is taken for markup or an emoji. Of a table no character is lost, however narrow the terminal;
a column of `keys` is not broken either. In a pipe every row has a line of its own (a cell of several lines keeps them).
"""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table

FOLDED_CELLS: Final = 8
"""At least so wide stays a column that may be folded; beside wide names a row runs over the edge of the terminal instead."""
ANY_WIDTH: Final = 1_000_000


def console(*, stderr: bool = False, highlight: bool = True, width: int | None = None) -> Console:
    """Prints words of shops, buyers and clerks: `[red]` and `:tea:` stay what they are."""
    return Console(
        stderr=stderr, highlight=highlight, width=width, soft_wrap=True, markup=False, emoji=False
    )


def keys(*headings: str) -> tuple[Column, ...]:
    """Columns of names that are copied from the table: never folded."""
    return tuple(Column(heading, no_wrap=True) for heading in headings)


def show(table: Table, *, stderr: bool = False) -> None:
    """Prints a table below its title. It changes the table: its title is taken off, and its columns fold."""
    shell = console(stderr=stderr)
    if table.title:
        shell.print(table.title, style="table.title")
        table.title = None
    for column in table.columns:
        column.overflow = "fold"
    console(stderr=stderr, width=_width(table, shell)).print(table)


def _width(table: Table, shell: Console) -> int:
    """In terminal cells: of the terminal, or more where the names need it; in a pipe as much as there is."""
    whole = console(width=ANY_WIDTH).measure(table).maximum
    if not shell.is_terminal:
        return whole
    folds = sum(
        max(0, _longest(column) - FOLDED_CELLS) for column in table.columns if not column.no_wrap
    )
    return max(shell.width, whole - folds)


def _longest(column: Column) -> int:
    lines = [line for cell in (column.header, *column.cells) for line in str(cell).splitlines()]
    return max(map(cell_len, lines), default=0)
