"""Decision tables: rules that operations people edit, versioned, explained, and fast.

A YAML file becomes a `Table`; `Table.decide(facts)` never raises: what cannot be decided gets the
table's own `on_error` outputs and the reason. How a table is written: docs/rules.md.
"""

from chassis.rules.linting import lint, unmet
from chassis.rules.reading import TableBroken, load_tables, read_table
from chassis.rules.serving import needed_table
from chassis.rules.table import CellTrace, RowTrace, Table
from chassis.rules.values import Decision, Problem, Value

__all__ = [
    "CellTrace",
    "Decision",
    "Problem",
    "RowTrace",
    "Table",
    "TableBroken",
    "Value",
    "lint",
    "load_tables",
    "needed_table",
    "read_table",
    "unmet",
]
