"""What a table that reads may still get wrong: rows nobody reaches, samples it no longer answers.

`read_table` refuses what cannot be decided; `lint` points at what was surely not meant; `unmet` says
whether a table fits the code that asks it.
"""

from collections.abc import Mapping
from itertools import combinations

from chassis.rules.cells import covers
from chassis.rules.table import Table
from chassis.rules.values import Kind, Problem, Row


def lint(table: Table) -> tuple[Problem, ...]:
    """Return unreachable and doubled rows and failing samples; `()` for a clean table."""
    return (*_shadowed(table), *_failing_samples(table))


def unmet(
    table: Table, *, facts: Mapping[str, Kind], outputs: Mapping[str, Kind]
) -> tuple[Problem, ...]:
    """Return where the table asks for a fact the code lacks, or leaves out an output the code needs.

    `facts` is what the code gives, `outputs` what it reads; more outputs than needed are fine.
    """
    problems = []
    for name, column in table.facts.items():
        if facts.get(name) != column.kind:
            message = f"asks for {column.kind}, {_given(name, column.group, facts)}"
            problems.append(_problem(table, "facts", name, message))
    for name, kind in outputs.items():
        found = table.outputs.get(name)
        if found is None or found.kind != kind:
            problems.append(_problem(table, "outputs", name, f"the program needs it as {kind}"))
    return tuple(problems)


def _given(name: str, group: str, facts: Mapping[str, Kind]) -> str:
    if name in facts:
        return f"which is {facts[name]} given by the program"
    like = [one for one in facts if one.rpartition(".")[0] == group] or facts
    return f"which is not given by the program; it gives {', '.join(sorted(like))}"


def _shadowed(table: Table) -> list[Problem]:
    problems = []
    seen: set[str] = set()
    for earlier, later in combinations(table.rows, 2):
        if later.row_id in seen or not _covers(earlier, later):
            continue
        if table.policy == "first":
            seen.add(later.row_id)
            message = f"is never reached: row {earlier.row_id} above it takes all it could take"
            problems.append(_problem(table, later.row_id, "", message))
        elif _covers(later, earlier):
            seen.add(later.row_id)
            message = f"asks the same as row {earlier.row_id}"
            problems.append(_problem(table, later.row_id, "", message))
    return problems


def _covers(wide: Row, narrow: Row) -> bool:
    asked = {cell.fact: cell.domain for cell in narrow.cells}
    return all(cell.fact in asked and covers(cell.domain, asked[cell.fact]) for cell in wide.cells)


def _failing_samples(table: Table) -> list[Problem]:
    problems = []
    for sample in table.samples:
        decision = table.decide(sample.facts)
        place = f"sample {sample.note}"
        if decision.row_ids != sample.rows:
            reason = f" ({decision.reason})" if decision.reason else ""
            message = f"hits {decision.row_id}, not {'+'.join(sample.rows) or 'none'}{reason}"
            problems.append(_problem(table, place, "", message))
            continue
        for name, expected in sample.outputs.items():
            given = decision.outputs.get(name)
            if given != expected or isinstance(given, bool) != isinstance(expected, bool):
                message = f"is {given!r}, not {expected!r}"
                problems.append(_problem(table, place, name, message))
    return problems


def _problem(table: Table, row: str, cell: str, message: str) -> Problem:
    return Problem(source=table.source, row=row, cell=cell, message=message)
