"""Facts of a group, which may be missing: `ext.pre_sale`."""

import pytest

from chassis.rules import Decision
from tests.unit.chassis.tables import FACTS, GIVEN, problems, read, rows_when

GROUPED = {**FACTS, "ext.wholesale": "bool", "ext.minutes": "int", "ext.tags": "text list"}
ALL = FACTS | GROUPED | {"ext.code": "text"}
TOLD = {"ext.wholesale": True, "ext.minutes": 90, "ext.tags": ("vip",), "ext.code": "红标"}


def decide(when: dict[str, object], **facts: object) -> Decision:
    return read(facts=ALL, rows=rows_when(when)).decide(GIVEN | facts)


@pytest.mark.parametrize(
    ("fact", "cell", "hit"),
    [
        ("ext.wholesale", True, True),
        ("ext.wholesale", "false", False),
        ("ext.minutes", ">= 90", True),
        ("ext.minutes", "0..60", False),
        ("ext.minutes", "ext.minutes * 2 > 100", True),
        ("ext.minutes", "ext.minutes > quantity", True),
        ("ext.code", "红标", True),
        ("ext.code", ["红标", "蓝标"], True),
        ("ext.code", "< '蓝'", True),
        ("ext.code", "char_len(ext.code) == 2", True),
        ("ext.tags", "'vip' in ext.tags", True),
        ("ext.tags", "size(ext.tags) > 1", False),
        ("ext.tags", "ext.tags.exists(one, one.startsWith('v'))", True),
        ("ext.wholesale", "has(ext.wholesale) && ext.wholesale", True),
    ],
)
def test_a_cell_means_the_same_for_a_fact_of_a_group(fact: str, cell: object, hit: bool) -> None:
    decision = decide({fact: cell}, **TOLD)
    assert (decision.flag("hit"), decision.failed) == (hit, False)


@pytest.mark.parametrize(
    ("fact", "cell"),
    [
        ("ext.wholesale", True),
        ("ext.wholesale", False),
        ("ext.minutes", "<= 60"),
        ("ext.code", "char_len(ext.code) == 0"),
        ("ext.tags", "size(ext.tags) == 0"),
    ],
)
@pytest.mark.parametrize("told", [{}, {"ext.wholesale": None, "ext.minutes": None}])
def test_a_missing_fact_that_has_to_be_looked_at_is_an_error_and_no_guess(
    fact: str, cell: object, told: dict[str, object]
) -> None:
    decision = decide({fact: cell}, **told)
    assert decision.failed
    assert fact in decision.reason


@pytest.mark.parametrize("first", ["province", "ext.wholesale"])
def test_a_missing_fact_is_not_looked_at_where_the_row_is_ruled_out_already(first: str) -> None:
    cells: dict[str, object] = {"province": "江苏", "ext.wholesale": True}
    decision = decide({first: cells[first], **cells})
    assert (decision.flag("hit"), decision.failed) == (False, False)
    assert decide({first: cells[first], **cells}, province="江苏").failed


def test_who_allows_for_a_missing_fact_says_so() -> None:
    cell = "has(ext.minutes) && ext.minutes <= 60"
    assert not decide({"ext.minutes": cell}).failed
    assert not decide({"ext.minutes": cell}, **TOLD).flag("hit")
    assert decide({"ext.minutes": cell}, **{"ext.minutes": 60}).flag("hit")


def test_facts_of_the_order_itself_may_not_be_missing() -> None:
    table = read(facts=ALL, rows=rows_when({"quantity": 5}))
    assert table.optional == ("ext.wholesale", "ext.minutes", "ext.tags", "ext.code")
    assert table.decide({name: v for name, v in GIVEN.items() if name != "quantity"}).failed
    assert table.decide(GIVEN | {"quantity": None}).failed


def test_a_mistyped_fact_of_a_group_is_an_error() -> None:
    decision = decide({"quantity": 5}, **{"ext.minutes": "90"})
    assert decision.failed
    assert "ext.minutes" in decision.reason


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"ext.": "int"}, "not a usable name"),
        ({"ext.a.b": "int"}, "not a usable name"),
        ({"ext.in": "int"}, "not a usable name"),
        ({"if.a": "int"}, "not a usable name"),
        ({"province.short": "text"}, "name of a fact: province"),
    ],
)
def test_a_group_has_a_usable_name(facts: dict[str, str], told: str) -> None:
    assert any(told in str(problem) for problem in problems(facts=FACTS | facts))


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("ext.minutes > 5 && ext.hours > 1", "names ext.hours"),
        ("ext.minutes > 5 && size(ext) > 1", "names ext.*"),
        ("size(ext.code) > 1 && ext.minutes > 1", "char_len(ext.code)"),
        ("ext.minutes + 1", "gives a int"),
    ],
)
def test_a_condition_over_a_group_names_declared_facts_only(cell: str, told: str) -> None:
    found = problems(facts=ALL, rows=rows_when({"ext.minutes": cell}))
    assert any(told in str(problem) for problem in found)


def test_the_trace_shows_what_held_of_a_group() -> None:
    table = read(facts=ALL, rows=rows_when({"ext.wholesale": True, "quantity": 6}))
    (row,) = table.explain(GIVEN | TOLD)
    assert [(cell.fact, cell.held) for cell in row.cells] == [
        ("ext.wholesale", True), ("quantity", False),
    ]  # fmt: skip
