"""One cell at a time, with what people and spreadsheet programs do to it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.ingest.imports import cells
from services.ingest.imports.cells import COMPUTED, SCIENTIFIC, ZEROED, Cell, Formula, Refusal
from tests.unit.ingest.imports.files import NOW


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("4012345678900010001", "4012345678900010001"),
        (" 260520-000000000000001\t", "260520-000000000000001"),
        ('="4012345678900010001"', "4012345678900010001"),
        ('= "4012345678900010001" ', "4012345678900010001"),
        (Formula('="4012345678900010001"'), "4012345678900010001"),
        ("'4012345678900010001", "4012345678900010001"),
        ("\ufeffE20260520093102000100001", "E20260520093102000100001"),
        (290000000000001, "290000000000001"),
        (290000000000001.0, "290000000000001"),
        ("-", ""),
        ("无", ""),
        (None, ""),
        ("SKU-1E5", "SKU-1E5"),
        ("1E5", "1E5"),
        ("100000000000000000001", "100000000000000000001"),
    ],
)
def test_a_number_keeps_every_digit_it_had(cell: Cell, number: str) -> None:
    assert cells.number(cell) == number


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("4.01235E+18", SCIENTIFIC),
        ("1.23E+17", SCIENTIFIC),
        ("4e+18", SCIENTIFIC),
        (4.01234567890001e18, SCIENTIFIC),
        (4012345678900010001, SCIENTIFIC),
        ("401234567890001000", ZEROED),
        ("4012345678900010000", ZEROED),
        (12.5, "是小数，不是编号"),
        (-3, "是负数，不是编号"),
        (Formula("=A1&B1"), COMPUTED),
        ("=A1&B1", COMPUTED),
        (Formula("=VLOOKUP(A2,Sheet2!A:B,2,0)"), COMPUTED),
        ("#N/A", "是表格软件的错误值 #N/A"),
        ("2026-05-20 00:00:00", "被表格软件改成了日期：请重新导出"),
        ("x" * 65, "超过 64 个字符"),
    ],
)
def test_a_number_that_was_damaged_is_refused(cell: Cell, why: str) -> None:
    assert cells.number(cell) == Refusal(why)


@pytest.mark.parametrize(
    ("cell", "fen"),
    [
        ("12.3", 1230),
        ("12.30", 1230),
        ("¥1,234.50", 123450),
        ("￥12", 1200),
        ("１２．５０元", 1250),
        ("1,234,567.89", 123456789),
        (49.9, 4990),
        (49.800000000000004, 4980),
        (0, 0),
        (12, 1200),
        ("12.300", 1230),
        ("'12.30", 1230),
        ("", None),
        ("--", None),
        (None, None),
    ],
)
def test_money_is_fen_without_a_float_on_the_way(cell: Cell, fen: int | None) -> None:
    assert cells.fen(cell) == fen


@pytest.mark.parametrize(
    "cell",
    [
        "12.345",
        "1,23",
        "一百",
        "1e3",
        "12.3.4",
        "12 30",
        12.345,
        float("nan"),
        float("inf"),
        "1" * 30,
    ],
)
def test_what_is_no_amount_of_yuan_is_refused(cell: Cell) -> None:
    assert cells.fen(cell) == Refusal("不是金额（元，最多两位小数）")


def test_a_negative_amount_is_refused() -> None:
    assert cells.fen("-1.00") == cells.fen(-1) == Refusal("金额是负数")


@pytest.mark.parametrize(("cell", "pieces"), [("3", 3), (3, 3), (3.0, 3), ("3.00", 3), ("３", 3)])
def test_pieces_are_whole(cell: Cell, pieces: int) -> None:
    assert cells.pieces(cell) == pieces


@pytest.mark.parametrize("cell", ["0", "-1", "1.5", 1.5, "", None, "两件", "1000001", "9" * 40])
def test_what_is_no_number_of_pieces_is_refused(cell: Cell) -> None:
    assert cells.pieces(cell) == Refusal("不是件数（1 到 1000000 的整数）")


@pytest.mark.parametrize(
    "cell",
    [
        "2026-05-20 09:31:40",
        "2026/5/20 9:31:40",
        "2026.05.20 09:31:40",
        "2026年5月20日 09:31:40",
        "2026-05-20T09:31:40",
        "2026-05-20 09:31:40.000",
        "\t2026-05-20 09:31:40",
        '="2026-05-20 09:31:40"',
        "2026－05－20 09：31：40",
    ],
)
def test_a_time_is_of_shanghai(cell: Cell) -> None:
    assert cells.moment(cell, NOW) == datetime(2026, 5, 20, 1, 31, 40, tzinfo=UTC)


@pytest.mark.parametrize("cell", ["", None, "-", "0000-00-00 00:00:00", "1970-01-01 08:00:00"])
def test_what_has_not_happened_has_no_time(cell: Cell) -> None:
    assert cells.moment(cell, NOW) is None


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (46162.396, "是数字而不是日期：请把该列设为日期格式，或重新导出"),
        (1779240700, "是数字而不是日期：请把该列设为日期格式，或重新导出"),
        ("5/20/26 9:31", "不是能确定的日期时间（如 2026-05-20 09:31:40）"),
        ("20/05/2026", "不是能确定的日期时间（如 2026-05-20 09:31:40）"),
        ("2026-02-30 09:31:40", "不是能确定的日期时间（如 2026-05-20 09:31:40）"),
        ("2026-05-20 25:00:00", "不是能确定的日期时间（如 2026-05-20 09:31:40）"),
        ("昨天", "不是能确定的日期时间（如 2026-05-20 09:31:40）"),
        ("1999-05-20 09:31:40", "年份不可能"),
        ("2026-05-30 09:31:40", "在将来"),
    ],
)
def test_a_time_that_is_not_certain_is_refused(cell: Cell, why: str) -> None:
    assert cells.moment(cell, NOW) == Refusal(why)


def test_text_keeps_its_words_and_loses_its_wrapping() -> None:
    assert cells.plain(' ="他说 ""好""" ') == '他说 "好"'
    assert cells.plain("=SUM(A1:A2)") == "=SUM(A1:A2)"
    assert cells.plain("x" * 4001) == Refusal("超过 4000 个字")
