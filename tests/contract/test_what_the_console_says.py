"""Whatever ingest may say of a payload, or of why a channel was not told, the console says in Chinese."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.events.quarantine import QuarantineProblem
from services import ingest
from services.console import words
from services.console.reasons import (
    NEED_NOBODY,
    NOBODY,
    NOT_ASKED_THERE,
    PROBLEMS,
    UNSUPPORTED,
    details,
    not_told,
    titles,
)
from services.ingest.channels import _calls
from services.ingest.domain import snapshots
from services.ingest.domain.model import ProblemCode
from services.refunds.domain.rules import REASONS as REFUSED

CHINESE = re.compile(r"[\u4e00-\u9fff]")
NAME = "X-1"
PREFIX = "unsupported: "


def spoken(node: ast.AST) -> str:
    """The text of a literal, with `NAME` for whatever is put in."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(p.value) if isinstance(p, ast.Constant) else NAME for p in parts)


def literals(tree: ast.AST) -> Iterator[str]:
    """The reason of each `Unsupported` that is written, and what is called so without one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Unsupported":
            yield from (spoken(given.value) for given in node.keywords if given.arg == "reason")
        elif isinstance(node, ast.JoinedStr) and (text := spoken(node)).startswith(PREFIX):
            yield text.removeprefix(PREFIX)


def reasons() -> set[str]:
    """All of them, but for what is only passed on."""
    (folder,) = ingest.__path__
    texts = [path.read_text(encoding="utf-8") for path in Path(folder).rglob("*.py")]
    return {said for text in texts for said in literals(ast.parse(text))} - {NAME}


REASONS = sorted(reasons())


@pytest.mark.parametrize("reason", REASONS)
def test_what_a_channel_cannot_be_told_is_said_in_chinese(reason: str) -> None:
    if PREFIX + reason == NOBODY:
        return
    said = not_told(PREFIX + reason)
    left = re.sub(r"[a-z]+_[a-z]+|JD|SKU", "", said.replace(NAME, ""))
    assert CHINESE.search(said)
    assert not re.search(r"[A-Za-z]{2,}", left), said
    assert (NAME in said) == (NAME in reason)


def test_each_word_for_it_is_of_something_that_may_be_said() -> None:
    unused = [p.pattern for p, _ in UNSUPPORTED if not any(p.match(one) for one in REASONS)]
    assert unused == []
    assert PREFIX + _calls.NOBODY.reason == NOBODY
    assert len(REASONS) > 20


def test_what_needs_nobody_is_something_that_may_be_said() -> None:
    assert {*NEED_NOBODY, NOT_ASKED_THERE} <= {PREFIX + reason for reason in REASONS}


def test_each_problem_of_a_payload_has_words() -> None:
    assert PROBLEMS.keys() == {str(code) for code in ProblemCode}
    assert all(CHINESE.search(said) for said in PROBLEMS.values())
    assert len(set(PROBLEMS.values())) == len(PROBLEMS)


def holds_of_channels() -> Iterator[str]:
    """Every hold that a channel's file writes: beside its state, in a table of holds, or by that name."""
    for path in sorted((Path(ingest.__file__).parent / "channels").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Tuple(elts=[ast.Attribute(attr="PAID_ON_HOLD"), held]):
                    yield from _texts(held)
                case ast.Assign(
                    targets=[ast.Name(id="HOLDS" | "_HELD_TAGS")], value=ast.Dict(values=values)
                ):
                    for held in values:
                        yield from _texts(held)
                case (
                    ast.Assign(targets=[ast.Name(id="hold")], value=held)
                    | ast.keyword(arg="hold", value=held)
                ):
                    yield from _texts(held)


def _texts(written: ast.expr) -> Iterator[str]:
    match written:
        case ast.Constant(value=str(text)) if text:
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*_texts(body), *_texts(orelse))


HOLDS = {
    *holds_of_channels(),
    *snapshots.PASSING_HOLDS,
    snapshots.SHIPPED_ELSEWHERE,
    snapshots.PARTLY_SHIPPED_ELSEWHERE,
    snapshots.PARTLY_REFUNDED,
    snapshots.IMPORT_DIFFERS,
    snapshots.PAYMENT_TAKEN_BACK,
    "lottery",
    "unknown_state",
}


def test_holds_are_found_where_channels_write_them() -> None:
    # One of each way of writing it.
    assert {"on_hold", "paused_by_channel", "lines_cut", "payment_incomplete"} <= set(
        holds_of_channels()
    )
    assert len(HOLDS) > 30


@pytest.mark.parametrize("hold", sorted(HOLDS))
def test_why_an_order_must_not_ship_is_said_in_chinese(hold: str) -> None:
    assert CHINESE.search(words.say(hold))


@pytest.mark.parametrize("reason", sorted(REFUSED))
def test_why_refunds_does_not_do_it_is_said_in_chinese(reason: str) -> None:
    assert CHINESE.search(words.say(reason))


def test_a_payloads_problems_are_named_once_and_told_with_what_differs() -> None:
    problems = [
        QuarantineProblem(code="bad_quantity", detail="lines.qty"),
        QuarantineProblem(code="bad_quantity", detail="gifts.qty"),
        QuarantineProblem(code="goods_differ_from_total", detail="total 21250, lines 6980"),
    ]
    assert titles(problems) == "件数不对；商品合计与总额不符"
    assert details(problems, None) == "件数不对；商品合计与总额不符（总额 ¥212.50，商品行 ¥69.80）"
    assert "（总额 JPY 21,250，商品行 JPY 6,980）" in details(problems, "JPY")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("50002: isv.business-failed:60020 订单状态不允许发货", "isv.business-failed:60020 订单状态不允许发货（50002）"),
        ("gave up after 8 attempts: http_503", "试了 8 次，平台都没有可用的答复（http_503）"),
        ("parcel_not_taken: the channel has not taken the parcel itself", "平台还没有收下这个包裹的发货"),
        ("unsupported: something new", "平台没有对应的接口：something new"),
        ("unsupported: carrier SF has no code here and more", "平台没有对应的接口：carrier SF has no code here and more"),
        ("订单已关闭", "订单已关闭"),
    ],
)  # fmt: skip
def test_a_platforms_own_words_come_first_and_its_code_behind(reason: str, said: str) -> None:
    assert not_told(reason) == said
