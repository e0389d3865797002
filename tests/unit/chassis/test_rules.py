from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.rules import (
    Table,
    TableBroken,
    lint,
    load_tables,
    read_table,
    unmet,
)
from tests.unit.chassis.tables import FACTS, GIVEN, decide, problems, read, rows_when, written
from tests.unit.chassis.test_default_tables import TABLES


@pytest.mark.parametrize(
    ("fact", "cell", "value", "hit"),
    [
        ("quantity", "-", 5, True),
        ("quantity", 5, 5, True),
        ("quantity", 5, 6, False),
        ("quantity", ">= 5", 5, True),
        ("quantity", ">= 5", 4, False),
        ("quantity", "> 5", 5, False),
        ("quantity", "<= 5", 5, True),
        ("quantity", "<5", 5, False),
        ("quantity", "!= 5", 5, False),
        ("quantity", "3..5", 5, True),
        ("quantity", "3..5", 2, False),
        ("quantity", "-1..0", -1, True),
        ("quantity", "in [1, 2]", 2, True),
        ("quantity", "not in [1, 2]", 2, False),
        ("quantity", [1, 2], 3, False),
        ("quantity", "quantity > 3 && quantity != 5", 5, False),
        ("quantity", "quantity % 2 == 0", 4, True),
        ("province", "浙江", "浙江", True),
        ("province", "浙江", "江苏", False),
        ("province", "== '浙江'", "浙江", True),
        ("province", "'浙江'", "浙江", True),
        ("province", ["浙江", "江苏"], "江苏", True),
        ("province", "in ['浙江', '江苏']", "上海", False),
        ("province", "not in ['浙江']", "上海", True),
        ("province", "province.startsWith('浙')", "浙江省", True),
        ("province", "char_len(province) > 3", "杭州市", False),
        ("province", "char_len(province) > 3", "杭州市区", True),
        ("vague", True, True, True),
        ("vague", False, True, False),
        ("vague", "false", False, True),
        ("labels", "'大促' in labels", ["新客", "大促"], True),
        ("labels", "labels.exists(one, one.startsWith('大'))", ["新客"], False),
        ("labels", "labels.size() > 1", ("a", "b"), True),
    ],
)
def test_a_cell_means_what_its_wording_says(
    fact: str, cell: object, value: object, hit: bool
) -> None:
    decision = decide(fact, cell, **{fact: value})
    assert (decision.flag("hit"), decision.failed) == (hit, False)


@pytest.mark.parametrize(
    ("fact", "cell", "told"),
    [
        ("quantity", "浙江", "is none of"),
        ("quantity", ">= 浙江", "not a constant"),
        ("quantity", ">= '5'", "compares quantity (int) with '5'"),
        ("quantity", ">= 99.5", "money is written in fen"),
        ("quantity", 1.5, "decimal"),
        ("quantity", True, "compares quantity (int) with True"),
        ("quantity", ">= 100 && quantity < 200", "not a constant"),
        ("quantity", "9..1", "9 is above 1"),
        ("quantity", "quantity * 1.5 > 3", "decimal"),
        ("quantity", "double(quantity) > 3", "decimal"),
        ("quantity", "quantity + 1", "gives a int"),
        ("quantity", "quantity > ", "not CEL"),
        ("quantity", "quantity > limit", "names limit"),
        ("quantity", "quantity > province", "fails for any facts"),
        ("quantity", "quantity.startsWith('a')", "fails for any facts"),
        ("quantity", "> 99999999999999999999", "not a constant"),
        ("quantity", 99999999999999999999, "outside 64 bits"),
        ("quantity", "quantity > 0 && " + "true && " * 70 + "true", "longer than 500"),
        ("quantity", None, "no condition"),
        ("province", "", "is none of"),
        ("province", 5, "compares province (text) with 5"),
        ("province", [], "list is empty"),
        ("province", "in '浙江'", "needs a list"),
        ("province", "=> '浙江'", "is none of"),
        ("province", "size(province) > 3", "char_len(province)"),
        ("province", "province.size() > 3", "char_len(province)"),
        ("province", "char_len(quantity) > 3 && province == ''", "which quantity is not"),
        ("labels", "大促", "is none of"),
        ("labels", ["大促"], "condition on the list"),
        ("unknown", "-", "not declared under facts"),
    ],
)
def test_a_faulty_cell_is_named_by_file_row_and_cell(fact: str, cell: object, told: str) -> None:
    (problem,) = problems(rows=rows_when({"vague": "-"}, {fact: cell}))
    assert (problem.source, problem.row, problem.cell) == ("t.yaml", "r1", fact)
    assert told in problem.message
    assert str(problem).startswith(f"t.yaml: row r1: cell {fact}: ")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"default": None}, "cell default: a first-hit table needs a default"),
        ({"policy": "collect"}, "cell default: a collecting table has no default"),
        ({"policy": "all"}, "Invalid enum value 'all'"),
        ({"on_error": None}, "missing required field `on_error`"),
        ({"on_error": {}}, "row on_error: cell hit: is missing"),
        ({"on_error": {"hit": 1}}, "row on_error: cell hit: 1 is not bool"),
        ({"default": {"then": {"hit": False, "x": 1}}}, "row default: cell x: is not declared"),
        ({"extra": 1}, "unknown field `extra`"),
        ({"rows": []}, "cell rows: needs 1 to 500"),
        ({"rows": rows_when({}) * 2}, "row r0: cell id: is the id of two rows"),
        ({"rows": [{"id": "r"}]}, "row r: Object missing required field `note`"),
        ({"rows": [{"id": "error", "note": "", "when": {}, "then": {"hit": True}}]}, "row id"),
        ({"facts": {}}, "cell facts: needs 1 to 40"),
        ({"facts": {"in": "int"}}, "cell in: is not a usable name"),
        ({"facts": {"省份": "text"}}, "cell 省份: is not a usable name"),
        ({"facts": {"price": "float"}}, "float"),
        ({"facts": {"n": {"type": "int", "one_of": ["a"]}}}, "cell n: one_of is for texts"),
        ({"version": "1"}, "Expected `int`, got `str`"),
        ({"verdict": {"review_from": 1, "block_from": 2}}, "cell verdict: needs policy collect"),
    ],
)
def test_a_faulty_table_is_refused_with_the_place(changes: dict[str, object], told: str) -> None:
    assert any(told in str(problem) for problem in problems(**changes)), problems(**changes)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "expected"),
        ("", "Expected `object`"),
        ("a: 1\na: 2", "a is written twice"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("[" * 3000, "."),
        ("x" * 300_000, "larger than"),
    ],
)
def test_yaml_that_is_no_table_is_a_problem_and_not_a_crash(text: str, told: str) -> None:
    found = read_table(text, "t.yaml")
    assert not isinstance(found, Table)
    assert told in str(found[0])


def test_several_problems_of_a_file_are_told_at_once() -> None:
    found = problems(rows=rows_when({"quantity": "x y"}, {"nope": 1}), on_error={})
    assert [(problem.row, problem.cell) for problem in found] == [
        ("r0", "quantity"),
        ("r1", "nope"),
        ("on_error", "hit"),
    ]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"province": None}, "province: NoneType"),
        ({"quantity": "5"}, "quantity: str, 应为 int"),
        ({"quantity": True}, "quantity: bool, 应为 int"),
        ({"quantity": 5.0}, "quantity: float"),
        ({"vague": 1}, "vague: int"),
        ({"labels": "新客"}, "labels: str"),
        ({"labels": ["a", 1]}, "labels: 列表里只能是文字"),
        ({"labels": [{}]}, "事实类型不符"),
        ({"quantity": 2**63}, "64 位 quantity"),
        ({"quantity": -(2**63) - 1}, "64 位 quantity"),
        ({"province": "\ud800"}, "规则无法计算"),
    ],
)
def test_facts_of_the_wrong_kind_fail_closed(facts: dict[str, object], told: str) -> None:
    decision = read(on_error={"hit": True}).decide(GIVEN | facts)
    assert decision.row_ids == ("error",)
    assert decision.failed
    assert decision.flag("hit")
    assert told in decision.reason


@pytest.mark.parametrize("missing", list(FACTS))
def test_a_missing_fact_fails_closed_even_if_no_row_asks_for_it(missing: str) -> None:
    facts = {name: value for name, value in GIVEN.items() if name != missing}
    decision = read(rows=rows_when({"vague": "-"})).decide(facts)
    assert (decision.row_id, decision.reason) == ("error", f"缺少事实 {missing}")


@pytest.mark.parametrize("cell", ["10 / quantity > 1", "quantity + 9223372036854775807 > 0"])
def test_a_condition_that_breaks_on_an_order_fails_closed(cell: str) -> None:
    table = read(rows=rows_when({"quantity": cell}))
    assert table.decide(GIVEN | {"quantity": 0 if "/" in cell else 1}).row_id == "error"
    assert not table.decide(GIVEN | {"quantity": -1}).failed


def test_facts_the_table_does_not_name_are_ignored() -> None:
    assert read().decide(GIVEN | {"channel": object()}).row_id == "r"


def test_the_first_row_that_holds_decides_and_says_so() -> None:
    table = read(rows=rows_when({"quantity": "> 9"}, {"quantity": "> 3", "vague": False}, {}))
    decision = table.decide(GIVEN)
    assert (decision.table, decision.row_id) == ("p/t", "r1")
    assert decision.trace == ("[r1] （quantity > 3；vague false）",)


def test_true_is_never_answered_from_the_memory_of_one() -> None:
    table = read(rows=rows_when({"quantity": 1}))
    assert table.decide(GIVEN | {"quantity": 1}).row_id == "r0"
    assert table.decide(GIVEN | {"quantity": True}).row_id == "error"


def test_a_decision_can_be_explained_cell_by_cell() -> None:
    table = read(rows=rows_when({"quantity": "> 9", "vague": False}, {"province": "浙江"}))
    first, second = table.explain(GIVEN)
    assert [cell.held for cell in first.cells] == [False, True]
    assert (first.hit, second.hit, second.cells[0].written) == (False, True, "浙江")
    assert table.explain({}) == ()


def test_rows_that_hit_are_collected_by_the_types_of_their_outputs() -> None:
    outputs = {"score": "int", "reason": "text", "stop": "bool", "who": "text list"}
    rows = [
        {
            "id": f"r{n}",
            "note": "",
            "when": {"quantity": f">= {n}"},
            "then": {"score": n, "reason": f"第{n}条", "stop": n == 2, "who": [f"w{n}", "x"]},
        }
        for n in (1, 2, 3)
    ]
    error = {"score": 9, "reason": "坏", "stop": True, "who": []}
    table = read(policy="collect", outputs=outputs, rows=rows, default=None, on_error=error)
    two = table.decide(GIVEN | {"quantity": 2})
    assert (two.row_ids, two.row_id) == (("r1", "r2"), "r1+r2")
    assert (two.integer("score"), two.flag("stop")) == (3, True)
    assert two.texts("reason") == ("第1条", "第2条")
    assert two.texts("who") == ("w1", "x", "w2", "x")
    none = table.decide(GIVEN | {"quantity": 0})
    assert (none.row_ids, none.row_id, none.failed) == ((), "none", False)
    assert dict(none.outputs) == {"score": 0, "reason": (), "stop": False, "who": ()}
    assert dict(table.decide({}).outputs) == {
        "score": 9,
        "reason": ("坏",),
        "stop": True,
        "who": (),
    }


@pytest.mark.parametrize(
    ("score", "verdict"), [(49, "pass"), (50, "review"), (99, "review"), (100, "block")]
)
def test_the_summed_score_gives_the_verdict(score: int, verdict: str) -> None:
    rows = [{"id": "r", "note": "", "when": {}, "then": {"score": score}}]
    table = read(
        policy="collect",
        outputs={"score": "int"},
        rows=rows,
        default=None,
        on_error={"score": 50},
        verdict={"review_from": 50, "block_from": 100},
    )
    assert table.decide(GIVEN).text("verdict") == verdict
    assert table.decide({}).text("verdict") == "review"


def test_outputs_cannot_be_changed_by_whoever_receives_them() -> None:
    outputs = read().decide(GIVEN).outputs
    with pytest.raises(TypeError):
        outputs["hit"] = False  # type: ignore[index]


def test_an_output_of_another_type_is_a_programmers_error() -> None:
    with pytest.raises(TypeError, match="hit is a bool"):
        read().decide(GIVEN).integer("hit")


@pytest.mark.parametrize("count", [1, 32, 33, 64, 500])
def test_tables_of_any_allowed_length_decide_by_their_first_row(count: int) -> None:
    table = read(rows=rows_when(*({"quantity": f">= {n}"} for n in range(count, 0, -1))))
    wanted = [min(max(count - quantity, 0), count) for quantity in range(count + 2)]
    decided = table.decide_many(GIVEN | {"quantity": q} for q in range(count + 2))
    names = [f"r{place}" if place < count else "default" for place in wanted]
    assert [decision.row_id for decision in decided] == names


CELLS = st.fixed_dictionaries(
    {},
    optional={
        "quantity": st.sampled_from(["-", 1, "> 2", "<= 3", "2..4", "not in [1, 3]"]),
        "province": st.sampled_from(["-", "浙江", ["江苏", "上海"], "!= '浙江'"]),
        "vague": st.sampled_from(["-", True, False]),
    },
)
HOLDS: dict[tuple[str, str], Callable[..., bool]] = {
    ("quantity", "> 2"): lambda value: value > 2,
    ("quantity", "<= 3"): lambda value: value <= 3,
    ("quantity", "2..4"): lambda value: 2 <= value <= 4,
    ("quantity", "not in [1, 3]"): lambda value: value not in (1, 3),
    ("province", "!= '浙江'"): lambda value: value != "浙江",
}


def holds(fact: str, cell: object, value: object) -> bool:
    if cell == "-":
        return True
    if isinstance(cell, list):
        return value in cell
    known = HOLDS.get((fact, str(cell)))
    return known(value) if known else value == cell


@settings(max_examples=60, deadline=None)
@given(
    st.lists(CELLS, min_size=1, max_size=6),
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["浙江", "江苏", "四川"]), st.booleans()),
        min_size=1,
        max_size=8,
    ),
)
def test_the_compiled_expression_agrees_with_reading_the_rows_by_hand(
    conditions: list[dict[str, object]], orders: list[tuple[int, str, bool]]
) -> None:
    first = read(rows=rows_when(*conditions))
    every = read(rows=rows_when(*conditions), policy="collect", default=None)
    for quantity, province, vague in orders:
        facts = GIVEN | {"quantity": quantity, "province": province, "vague": vague}
        hits = [
            f"r{place}"
            for place, when in enumerate(conditions)
            if all(holds(fact, cell, facts[fact]) for fact, cell in when.items())
        ]
        assert first.decide(facts).row_id == (hits[0] if hits else "default")
        assert list(every.decide(facts).row_ids) == hits
        shown = [row.row_id for row in first.explain(facts) if row.hit]
        assert shown == hits


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=5)
    | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_facts_whatever_make_a_decision_raise(data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(list(TABLES.values())))
    likely = {"int": st.integers(), "bool": st.booleans(), "text": st.text(), "text list": ANYTHING}
    names = {name: likely[fact.kind] | ANYTHING for name, fact in table.facts.items()}
    facts = data.draw(st.fixed_dictionaries({}, optional=names))
    decision = table.decide(facts)
    assert decision == table.decide(facts)
    assert decision.outputs.keys() >= table.outputs.keys()
    assert decision.failed == bool(decision.reason)
    assert set(decision.row_ids) <= {row.row_id for row in table.rows} | {"default", "error"}


def test_the_memory_of_decisions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.rules.table.MEMO_MAX", 10)
    table = read(rows=rows_when({"quantity": "> 20"}))
    decided = table.decide_many(GIVEN | {"quantity": q} for q in range(40))
    assert [decision.row_id for decision in decided] == ["default"] * 21 + ["r0"] * 19
    assert len(table._memo) <= 10


def test_a_version_names_the_number_and_the_content() -> None:
    number, _, content = read().version.partition(".")
    assert (number, len(content)) == ("1", 8)
    assert read().version == read(samples=[]).version
    changed = read(rows=rows_when({"quantity": "> 1"})).version
    assert changed.startswith("1.")
    assert changed != read().version
    swapped = rows_when({"vague": True}, {"vague": False})
    assert read(rows=swapped).version != read(rows=swapped[::-1]).version


@pytest.mark.parametrize(
    ("above", "below", "shadowed"),
    [
        ({}, {"quantity": 1}, True),
        ({"quantity": "-"}, {"quantity": 1}, True),
        ({"quantity": ">= 5"}, {"quantity": ">= 9", "vague": True}, True),
        ({"quantity": ">= 5"}, {"quantity": "5..9"}, True),
        ({"quantity": "1..9"}, {"quantity": [1, 9]}, True),
        ({"quantity": "1..9"}, {"quantity": [1, 10]}, False),
        ({"quantity": "> 5"}, {"quantity": ">= 5"}, False),
        ({"quantity": "< 5"}, {"quantity": "<= 4"}, True),
        ({"province": ["浙江", "江苏"]}, {"province": "江苏"}, True),
        ({"province": "江苏"}, {"province": ["浙江", "江苏"]}, False),
        ({"province": "!= '江苏'"}, {"province": "!= '江苏'"}, True),
        ({"province": "!= '江苏'"}, {"province": "not in ['江苏']"}, False),
        ({"quantity": 1}, {"vague": True}, False),
        ({"quantity": 1, "vague": True}, {"quantity": 1}, False),
    ],
)
def test_a_row_nobody_reaches_is_pointed_at(
    above: dict[str, object], below: dict[str, object], shadowed: bool
) -> None:
    found = lint(read(rows=rows_when(above, below)))
    assert [problem.row for problem in found] == (["r1"] if shadowed else [])


def test_a_collecting_table_may_overlap_but_not_ask_twice_the_same() -> None:
    rows = rows_when({"quantity": "> 5"}, {"quantity": "> 9"}, {"quantity": ">= 6"})
    found = lint(read(rows=rows, policy="collect", default=None))
    assert [(problem.row, problem.message) for problem in found] == [
        ("r2", "asks the same as row r0")
    ]


def test_a_sample_that_no_longer_holds_is_pointed_at() -> None:
    samples = [
        {"note": "好", "facts": GIVEN, "rows": ["r"], "outputs": {"hit": True}},
        {"note": "行", "facts": GIVEN, "rows": ["default"]},
        {"note": "值", "facts": GIVEN, "rows": ["r"], "outputs": {"hit": False}},
        {"note": "缺", "facts": {}, "rows": ["r"]},
    ]
    told = [str(problem) for problem in lint(read(samples=samples))]
    assert told == [
        "t.yaml: row sample 行: hits r, not default",
        "t.yaml: row sample 值: cell hit: is True, not False",
        "t.yaml: row sample 缺: hits error, not r (缺少事实 province)",
    ]


def test_a_table_that_does_not_fit_its_program_is_pointed_at() -> None:
    given_all = {"province": "text", "quantity": "int", "vague": "bool", "labels": "text list"}
    assert unmet(read(), facts=given_all, outputs={"hit": "bool"}) == ()  # type: ignore[arg-type]
    found = unmet(read(), facts={"province": "text"}, outputs={"hit": "text", "tier": "text"})
    assert [problem.cell for problem in found] == ["quantity", "vague", "labels", "hit", "tier"]


def test_a_folder_of_tables_is_found_by_purpose_and_name(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "t.yaml").write_text(written(), encoding="utf-8")
    assert list(load_tables(tmp_path)) == ["p/t"]
    (tmp_path / "p" / "other.yaml").write_text(written(), encoding="utf-8")
    (tmp_path / "p" / "third.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(TableBroken) as broken:
        load_tables(tmp_path)
    assert [problem.source.rpartition("/")[2] for problem in broken.value.problems] == [
        "other.yaml",
        "third.yaml",
    ]


def test_an_empty_folder_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(TableBroken, match="DANSHU_RULES_DIR"):
        load_tables(tmp_path)
