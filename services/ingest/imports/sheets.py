"""The rows of a CSV or XLSX file, one after another, in memory that does not grow with the file.

Rows are numbered as a spreadsheet program shows them, from 1. CSV is UTF-8 (with or without its mark) or GB18030,
found out by reading it. XLSX is read by openpyxl's read-only mode, which streams; calamine is faster, but holds the
whole grid at once, and a single far cell makes that grid as large as one likes.

A workbook is a zip file from outside: what it would unpack to is bounded before anything is unpacked.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
from msgspec import Struct
from openpyxl.utils.exceptions import InvalidFileException

from services.ingest.imports.cells import Cell, Formula
from services.ingest.imports.presets import Unusable

Row = tuple[int, tuple[Cell, ...]]

FILE_BYTES_MAX = 512 * 2**20
ROWS_MAX = 1_048_576
"""Excel's own limit."""
COLUMNS_MAX = 512
CELL_CHARS_MAX = 131_072
UNPACKED_BYTES_MAX = 1024 * 2**20
STRINGS_BYTES_MAX = 128 * 2**20
"""Shared texts are the one part of a workbook that is held in memory."""
PARTS_MAX = 2000
RATIO_MAX = 100
"""What unpacks to more than so many times itself is a bomb (Apache POI's limit); small parts are let be."""
RATIO_FROM_BYTES = 4 * 2**20
READ_BYTES = 1 << 20
BROKEN = (
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
    NotImplementedError,
)
"""What openpyxl raises for a workbook that was cut off, changed or put together wrong."""
ENCODINGS = ("utf-8-sig", "gb18030")
_HALF_A_SECOND = timedelta(
    milliseconds=500
)  # days are kept as fractions, which fall short of whole seconds
_MARKS = ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))
_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Sheet(Struct, frozen=True, kw_only=True):
    """A file that can be read. `encoding` is "" for a workbook, `name` the sheet's."""

    path: Path
    sha256: str
    encoding: str = ""
    delimiter: str = ","
    name: str = ""

    def rows(self) -> Iterator[Row]:
        """Its rows that have anything in them; may be called again. Raises Unusable where the file breaks off."""
        return _csv_rows(self) if self.encoding else _xlsx_rows(self)


def open_sheet(path: Path, *, sheet: str = "") -> Sheet:
    """Looks at a file without keeping it. `sheet`: which sheet of a workbook; the first one without it.

    Raises Unusable with what is wrong: empty, too large, another format or encoding, a bomb.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            begins = file.read(8)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Unusable(f"{path} 读不了：{error.strerror}") from None
    if not size:
        raise Unusable(f"{path} 是空的")
    if size > FILE_BYTES_MAX:
        raise Unusable(f"{path} 超过 {FILE_BYTES_MAX >> 20} MB：请分成几个文件导出")
    if begins.startswith(_OLD_EXCEL):
        raise Unusable(f"{path} 是旧的 .xls 或加了密码的文件：请另存为不带密码的 .xlsx")
    if begins.startswith(_ZIP):
        return Sheet(path=path, sha256=sha256, name=_checked_workbook(path, sheet))
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        raise Unusable(f"{path} 名为 {path.suffix}，但不是 Excel 工作簿：文件可能没有下载完整")
    encoding = _encoding_of(path, begins)
    return Sheet(path=path, sha256=sha256, encoding=encoding, delimiter=_delimiter(path, encoding))


def _encoding_of(path: Path, begins: bytes) -> str:
    for mark, name in _MARKS:
        if begins.startswith(mark):
            raise Unusable(f"{path} 的编码是 {name}：请另存为 CSV UTF-8")
    for encoding in ENCODINGS:
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        try:
            with path.open("rb") as file:
                while chunk := file.read(READ_BYTES):
                    if b"\x00" in chunk:
                        raise Unusable(f"{path} 不是文本文件（含 NUL 字节）")
                    decoder.decode(chunk)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise Unusable(f"{path} 的编码既不是 UTF-8 也不是 GB18030：请另存为 CSV UTF-8")


def _delimiter(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, newline="") as file:
        for _ in range(20):
            line = file.readline(CELL_CHARS_MAX)
            counts = {mark: line.count(mark) for mark in ",\t;"}
            if any(counts.values()):
                return max(counts, key=lambda mark: counts[mark])
    return ","


def _csv_rows(sheet: Sheet) -> Iterator[Row]:
    csv.field_size_limit(CELL_CHARS_MAX)
    with sheet.path.open(encoding=sheet.encoding, newline="") as file:
        reader = csv.reader(file, delimiter=sheet.delimiter, strict=True)
        row = 0
        while True:
            row += 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise Unusable(f"第 {row} 行的引号不成对，之后的内容无法分清（{error}）") from None
            if cells is None:
                return
            if row > ROWS_MAX:
                raise Unusable(f"超过 {ROWS_MAX} 行：请分成几个文件导出")
            if any(cell.strip() for cell in cells):
                yield row, tuple(_bounded(cells, row))


def _bounded(cells: list[Any], row: int) -> list[Any]:
    if len(cells) > COLUMNS_MAX:
        raise Unusable(f"第 {row} 行超过 {COLUMNS_MAX} 列")
    return cells


def _checked_workbook(path: Path, sheet: str) -> str:
    """The name of the sheet to read, once it is clear that the workbook can be unpacked."""
    try:
        with zipfile.ZipFile(path) as parts:
            listed = parts.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Unusable(f"{path} 不是完整的 Excel 工作簿（{error}）") from None
    unpacked = sum(part.file_size for part in listed)
    strings = sum(part.file_size for part in listed if "sharedStrings" in part.filename)
    bombs = [
        part.filename
        for part in listed
        if part.file_size > RATIO_FROM_BYTES
        and part.file_size > RATIO_MAX * max(part.compress_size, 1)
    ]
    if (
        len(listed) > PARTS_MAX
        or unpacked > UNPACKED_BYTES_MAX
        or strings > STRINGS_BYTES_MAX
        or bombs
    ):
        raise Unusable(
            f"{path} 解压后过大（{unpacked >> 20} MB），不予读取：请分成几个文件导出，或改用 CSV"
        )
    with _workbook(path) as book:
        names: list[str] = [one.title for one in book.worksheets]
    if not names:
        raise Unusable(f"{path} 里没有工作表")
    if sheet and sheet not in names:
        raise Unusable(f"没有工作表“{sheet}”；现有：{'、'.join(names)}")
    return sheet or names[0]


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    """A workbook open for reading. The file is ours to close: openpyxl forgets it when it gives up."""
    with path.open("rb") as file:
        try:
            with warnings.catch_warnings():
                # It warns of styles and extensions that it leaves out; cells are all we want.
                warnings.simplefilter("ignore")
                book: Any = openpyxl.load_workbook(file, read_only=True, keep_links=False)
        except BROKEN as error:
            raise Unusable(f"{path} 不是完整的 Excel 工作簿（{type(error).__name__}）") from None
        try:
            yield book
        finally:
            book.close()


def _xlsx_rows(sheet: Sheet) -> Iterator[Row]:
    with _workbook(sheet.path) as book, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page = book[sheet.name]
        page.reset_dimensions()  # what the file says of its own size is often wrong
        try:
            for row, cells in enumerate(page.iter_rows(), start=1):
                if row > ROWS_MAX:
                    raise Unusable(f"超过 {ROWS_MAX} 行：请分成几个文件导出")
                values = tuple(_value(cell) for cell in _bounded(cells, row))
                if any(value is not None and value != "" for value in values):
                    yield row, values
        except BROKEN as error:
            raise Unusable(f"工作簿在某一行断开了，后面读不了（{type(error).__name__}）") from None


def _value(cell: Any) -> Cell:
    value = cell.value
    if cell.data_type == "f":
        return Formula(str(value or ""))
    match value:
        case datetime():
            return f"{value + _HALF_A_SECOND:%Y-%m-%d %H:%M:%S}"
        case date():
            return f"{value:%Y-%m-%d}"
        case bool():
            return str(value).upper()
        case None | int() | float() | str():
            return value
        case _:
            return str(value)
