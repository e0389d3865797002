"""Tables for a program that cannot do without them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from chassis.errors import StartRefused
from chassis.rules.linting import unmet
from chassis.rules.reading import TableBroken, load_tables
from chassis.rules.table import Table
from chassis.rules.values import Kind


def needed_table(
    rules_dir: Path, key: str, *, facts: Mapping[str, Kind], outputs: Mapping[str, Kind]
) -> Table:
    """The table `purpose/name` of a folder of rules, which asks for no more than `facts` and gives `outputs`.

    A folder is read once a process, however many of its tables are needed. Raises StartRefused with every reason
    why it cannot be used.
    """
    try:
        table = _tables(rules_dir)[key]
    except (TableBroken, KeyError) as error:
        raise StartRefused(f"the decision table {key} is not usable: {error}") from error
    if problems := unmet(table, facts=facts, outputs=outputs):
        raise StartRefused(
            f"the decision table {key} is not usable: {', '.join(map(str, problems))}"
        )
    return table


_tables = lru_cache(maxsize=1)(load_tables)
