"""Stock sheets as warehouses, tills and channels export them: CSV, UTF-8 or GB18030, comma or tab.

Guarantees: every line is read or named with what is wrong with it; nothing is guessed or skipped. Pure.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from msgspec import Struct

from services.inventory.domain.stock import PIECES_MAX

ROWS_MAX = 250_000
PROBLEMS_MAX = 20
CODE_CHARS_MAX = 64
WHOLE = re.compile(r"[0-9]{1,10}(\.0+)?")
"""Spreadsheets write whole pieces as 12.0."""
UNUSABLE = re.compile(r"[\x00-\x1f\x7f|]")
TITLES = {
    "warehouse": ("warehouse", "仓库", "仓库编码", "仓库代码"),
    "sku": ("sku", "商家编码", "规格编码", "商品编码", "商家sku", "货号"),
    "quantity": ("quantity", "数量", "库存", "库存数量", "实物库存", "件数"),
    "held": ("held", "占用", "占用数", "预占", "锁定", "锁定数"),
}


class SheetRow(Struct, frozen=True, kw_only=True):
    """One line, in pieces."""

    warehouse: str
    sku: str
    quantity: int
    held: int
    """Pieces that are there too, but already promised to somebody."""


class SheetBroken(Exception):
    """The sheet cannot be used; each problem names its line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def read_sheet(content: bytes, warehouse: str = "") -> tuple[SheetRow, ...]:
    """Reads a whole sheet with a heading line. Raises SheetBroken with up to 20 problems.

    Without a column for it, the warehouse is the one that is given. A row of stock may stand there once.
    """
    table = rows_of(content, ROWS_MAX)
    _, heading = next(table, (1, []))
    places = _places(heading, warehouse)
    rows: list[SheetRow] = []
    problems: list[str] = []
    first: dict[tuple[str, str], int] = {}
    for number, cells in table:
        row = _row(cells, places, warehouse)
        if isinstance(row, str):
            problems.append(f"line {number}: {row}")
        elif (row.warehouse, row.sku) in first:
            before = first[row.warehouse, row.sku]
            problems.append(f"line {number}: {row.warehouse} {row.sku} stands in line {before}")
        else:
            first[row.warehouse, row.sku] = number
            rows.append(row)
        if len(problems) >= PROBLEMS_MAX:
            problems.append("… and perhaps more")
            break
    if problems:
        raise SheetBroken(problems)
    if not rows:
        raise SheetBroken(["there is no line of stock"])
    return tuple(rows)


def rows_of(content: bytes, rows_max: int) -> Iterator[tuple[int, list[str]]]:
    """The heading and each row that is not empty, with the number of the line it begins in. Raises SheetBroken, also on
    the way.

    A quote that is never closed would take the rest of the file for one cell, so it is refused.
    """
    text = as_text(content)
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if reader.line_num > rows_max:
                raise SheetBroken([f"there are more than {rows_max} lines"])
            if line == 1 or any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise SheetBroken([f"line {line}: {_quoting(error)}"]) from None


def _quoting(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a cell is too long, or a quote in it is not closed ({error})"
    return f"a quote is not closed, or stands within a cell ({error})"


def as_text(content: bytes) -> str:
    """The text of a file, whichever of the two encodings it is in. Raises SheetBroken."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SheetBroken(["the text is neither UTF-8 nor GB18030"])


def _places(heading: list[str], warehouse: str) -> dict[str, int]:
    titles = [cell.strip().casefold() for cell in heading]
    places = {
        column: titles.index(title)
        for column, known in TITLES.items()
        for title in reversed(known)
        if title in titles
    }
    wanted = ("sku", "quantity") if warehouse else ("warehouse", "sku", "quantity")
    missing = [column for column in wanted if column not in places]
    if missing:
        known = "; ".join(f"{column}: {', '.join(TITLES[column])}" for column in missing)
        raise SheetBroken([f"line 1: no column {', '.join(missing)} (known titles: {known})"])
    return places


def _row(cells: list[str], places: dict[str, int], warehouse: str) -> SheetRow | str:
    if len(cells) <= max(places.values()):
        return f"{len(cells)} cells are too few"
    found = {column: cells[place].strip() for column, place in places.items()}
    where, sku = found.get("warehouse", warehouse), found["sku"]
    for column, code in (("warehouse", where), ("sku", sku)):
        if not code:
            return f"{column} is empty"
        if len(code) > CODE_CHARS_MAX or UNUSABLE.search(code):
            return f"{column} {code[:80]!r} is no code"
    pieces = {}
    for column in ("quantity", "held"):
        written = found.get(column, "0") or ("" if column == "quantity" else "0")
        if not WHOLE.fullmatch(written) or int(written.partition(".")[0]) > PIECES_MAX:
            return f"{column} {written[:40]!r} is no whole number of pieces from 0 to {PIECES_MAX}"
        pieces[column] = int(written.partition(".")[0])
    return SheetRow(warehouse=where, sku=sku, quantity=pieces["quantity"], held=pieces["held"])
