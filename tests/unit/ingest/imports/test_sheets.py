"""Files as they come: two kinds, two encodings, and everything that is wrong with them."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from services.ingest.imports.cells import Formula
from services.ingest.imports.presets import Unusable
from services.ingest.imports.sheets import RATIO_FROM_BYTES, open_sheet
from tests.unit.ingest.imports.files import csv_file, table, xlsx_file

DAY = datetime(2026, 5, 20)  # noqa: DTZ001 — a sheet's days have no zone
ROWS = table({"买家留言": "镕堃🙂"}, {"订单号": "900000000000000002"})


def refusal(path: Path, *, sheet: str = "") -> str:
    """Why a file cannot be read, at the first look or on the way."""
    with pytest.raises(Unusable) as refused:
        for _ in open_sheet(path, sheet=sheet).rows():
            pass
    return str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_is_read_in_the_encoding_it_was_written_in(tmp_path: Path, encoding: str) -> None:
    read = list(open_sheet(csv_file(tmp_path, ROWS, encoding=encoding)).rows())
    assert [list(cells) for _, cells in read] == ROWS
    assert [row for row, _ in read] == [1, 2, 3]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_csv_may_be_parted_by_other_marks(tmp_path: Path, delimiter: str) -> None:
    path = csv_file(tmp_path, ROWS, delimiter=delimiter)
    assert [list(cells) for _, cells in open_sheet(path).rows()] == ROWS


def test_rows_are_numbered_as_a_spreadsheet_program_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('甲,乙\n\n"两\n行",2\n,\n3,4\n', encoding="utf-8")
    assert list(open_sheet(path).rows()) == [
        (1, ("甲", "乙")),
        (3, ("两\n行", "2")),
        (5, ("3", "4")),
    ]


def test_a_workbook_gives_texts_numbers_days_and_says_what_is_computed(tmp_path: Path) -> None:
    path = xlsx_file(
        tmp_path,
        [
            ["编号", "数", "日", "时", "式", "真"],
            [],
            ["4012345678900010001", 12.5, DAY, DAY.replace(hour=9, minute=31, second=40), "=B3*2", True],
        ],
    )  # fmt: skip
    (_, last) = list(open_sheet(path).rows())
    assert last == (
        3,
        (
            "4012345678900010001",
            12.5,
            "2026-05-20 00:00:00",
            "2026-05-20 09:31:40",
            Formula("=B3*2"),
            "TRUE",
        ),
    )


def test_the_sheet_may_be_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["第一页"])
    book.create_sheet("订单").append(["第二页"])
    path = tmp_path / "x.xlsx"
    book.save(path)
    assert list(open_sheet(path).rows()) == [(1, ("第一页",))]
    assert list(open_sheet(path, sheet="订单").rows()) == [(1, ("第二页",))]
    assert refusal(path, sheet="退款") == "没有工作表“退款”；现有：Sheet、订单"


def test_merged_cells_have_their_value_once(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["号", "货"], ["1", "甲"], [None, "乙"]):
        book.active.append(row)
    book.active.merge_cells("A2:A3")
    path = tmp_path / "x.xlsx"
    book.save(path)
    assert list(open_sheet(path).rows())[1:] == [(2, ("1", "甲")), (3, (None, "乙"))]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("x.csv", b"", "是空的"),
        ("x.csv", "订单号,数量\n".encode("utf-16"), "的编码是 UTF-16"),
        ("x.csv", b"\x81\x20\xff\xff\n", "的编码既不是 UTF-8 也不是 GB18030"),
        ("x.csv", b"a,b\x00c\n", "不是文本文件"),
        ("x.csv", b'a,b\n1,"2\n3,4\n', "第 2 行的引号不成对"),
        ("x.csv", b'a,b\n1,"2" x\n', "第 2 行的引号不成对"),
        ("x.csv", b"a\n" + b"x" * 200_000 + b"\n", "第 2 行的引号不成对"),
        ("x.csv", b"a," * 600 + b"\n", "第 1 行超过 512 列"),
        ("x.xlsx", b"a,b\n1,2\n", "不是 Excel 工作簿"),
        ("x.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 600, "旧的 .xls"),
        ("x.xlsx", b"PK\x03\x04" + b"0" * 100, "不是完整的 Excel 工作簿"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert why in refusal(path)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    assert "读不了：No such file or directory" in refusal(tmp_path / "x.csv")


def test_a_zip_of_something_else_is_no_workbook(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("readme.txt", "hello")
    assert "不是完整的 Excel 工作簿" in refusal(path)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.99])
def test_a_workbook_that_was_cut_off_is_refused(tmp_path: Path, kept: float) -> None:
    path = xlsx_file(tmp_path, ROWS)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    assert "不是完整的 Excel 工作簿" in refusal(path)


def repacked(path: Path, part: str, content: bytes) -> Path:
    """The same workbook with one part replaced."""
    with zipfile.ZipFile(path) as old:
        parts = {one: old.read(one) for one in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, text in (parts | {part: content}).items():
            new.writestr(name, text)
    return path


def test_a_sheet_that_breaks_off_inside_is_refused_on_the_way(tmp_path: Path) -> None:
    path = repacked(
        xlsx_file(tmp_path, ROWS),
        "xl/worksheets/sheet1.xml",
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b'<dimension ref="A1:A2"/><sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c',
    )
    assert "断开了" in refusal(path)


def test_an_entity_bomb_is_not_expanded(tmp_path: Path) -> None:
    names = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "x" * 100}">' for n in range(9)]
    text = (
        f'<?xml version="1.0"?><!DOCTYPE w [{"".join(names)}]>'
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&a8;</t></is></c></row></sheetData></worksheet>'
    )
    path = repacked(xlsx_file(tmp_path, ROWS), "xl/worksheets/sheet1.xml", text.encode())
    assert "不是完整的 Excel 工作簿（ParseError）" in refusal(path)


LOOKED_AT = """
import resource, sys
from pathlib import Path
from services.ingest.imports.presets import Unusable
from services.ingest.imports.sheets import open_sheet
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before, rows = peak(), 0
try:
    for _ in open_sheet(Path(sys.argv[1])).rows():
        rows += 1
except Unusable as error:
    print(error)
print(rows, peak() - before)
"""


def looked_at(path: Path) -> tuple[int, int, str]:
    """Rows read by a process of its own, the MiB it took more than its start, and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", LOOKED_AT, str(path)], capture_output=True, text=True, check=True
    )
    *said, counts = done.stdout.strip().splitlines()
    rows, grown = counts.split()
    return int(rows), int(grown), "\n".join(said)


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/media/a"])
def test_a_bomb_of_200_mb_is_not_unpacked(tmp_path: Path, part: str) -> None:
    path = repacked(xlsx_file(tmp_path, ROWS), part, b" " * (200 * 2**20))
    assert path.stat().st_size < RATIO_FROM_BYTES
    rows, grown, said = looked_at(path)
    assert "解压后过大" in said
    assert (rows, grown < 30) == (0, True)


def test_a_hundred_thousand_rows_of_csv_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    row = [f"{'字' * 10}{place}" for place in range(20)]
    path = csv_file(tmp_path, ([str(number), *row] for number in range(100_000)))
    assert path.stat().st_size > 60 * 2**20
    rows, grown, _ = looked_at(path)
    assert (rows, grown < 30) == (100_000, True), grown


def test_a_sheet_of_many_rows_or_one_far_cell_is_read_in_little_memory(tmp_path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for number in range(15_000):
        sheet.append([str(number), "甲" * 60, number, "乙" * 60])
    path = tmp_path / "many.xlsx"
    book.save(path)
    rows, grown, _ = looked_at(path)
    assert (rows, grown < 60) == (15_000, True), grown
    far = openpyxl.Workbook()
    far.active["A1"], far.active["C1048576"] = "近", "远"
    far.save(tmp_path / "far.xlsx")
    rows, grown, _ = looked_at(tmp_path / "far.xlsx")
    assert (rows, grown < 60) == (2, True), grown
